"""What counts: sessions put together from findings, alerts that people were told of, and how long they waited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.report.facts import AlertStory
from audit.report.month import Month
from handlers.alerting.alert import Alert
from handlers.alerting.finding import Finding
from handlers.alerting.life import OURSELVES
from handlers.alerting.window import Standing

ROOT_SESSIONS = frozenset({"root-console-login", "root-activity", "root-session-assumed", "root-federated"})
ADMIN_SESSIONS = frozenset({"admin-session-started", "admin-console-login"})


@dataclass(frozen=True, kw_only=True)
class PrivilegedSession:
    """One session of root or of an administrator, put together from the findings that began it."""

    is_root: bool
    findings: tuple[Finding, ...]  # in the order they happened
    alert_ids: tuple[str, ...]
    keys: frozenset[str]  # access keys and sign-in sessions

    @property
    def first(self) -> Finding:
        return self.findings[0]

    @property
    def window_id(self) -> str:
        return next((item.window_id for item in self.findings if item.window_id), "")

    @property
    def standing(self) -> str:
        """The worst of its findings: one of them outside is a session outside; "" where no window was needed."""
        order = [str(item) for item in Standing]
        return max((item.standing for item in self.findings if item.standing in order), key=order.index, default="")


def sessions_of(stories: Iterable[AlertStory], month: Month) -> list[PrivilegedSession]:
    """Every root and administrator session that began in the month, the first at the top.

    Findings are of one session where they share a sign-in or an access key. A long-term key has no sessions: what it
    did in the month is one.
    """
    begun = [
        (finding, story.alert.id)
        for story in stories
        for finding in story.findings
        if finding.detection_id in ROOT_SESSIONS | ADMIN_SESSIONS and month.holds(finding.happened)
    ]
    begun.sort(key=lambda item: (item[0].happened, item[0].id))
    groups: list[tuple[set[str], list[tuple[Finding, str]]]] = []
    for finding, alert_id in begun:
        names = _names_of(finding)
        same = [group for group in groups if group[0] & names]
        keys, members = names, [(finding, alert_id)]
        for known, others in same:
            keys |= known
            members += others
        groups = [group for group in groups if not any(group is old for old in same)]
        groups.append((keys, members))
    found = [_session(keys, members) for keys, members in groups]
    return sorted(found, key=lambda item: (item.first.happened, item.first.id))


def _names_of(finding: Finding) -> set[str]:
    """What the records of its session share; itself where there is nothing."""
    session = finding.session or {}
    names = {str(item) for name in ("sign_ins", "access_keys") for item in session.get(name, ()) if item}
    return names or {f"finding {finding.id}"}


def _session(names: set[str], members: Sequence[tuple[Finding, str]]) -> PrivilegedSession:
    ordered = sorted(members, key=lambda item: (item[0].happened, item[0].id))
    return PrivilegedSession(
        is_root=any(item.detection_id in ROOT_SESSIONS for item, _ in ordered),
        findings=tuple(item for item, _ in ordered),
        alert_ids=tuple(dict.fromkeys(alert_id for _, alert_id in ordered)),
        keys=frozenset(name for name in names if not name.startswith("finding ")),
    )


def was_told(alert: Alert) -> bool:
    """Whether people were to hear of it."""
    return bool(alert.kinds) and alert.loud >= alert.headline.threshold


def opened(story: AlertStory) -> datetime:
    """When we learnt of the first of it."""
    return min((item.received for item in story.findings), default=story.alert.headline.received)


def first_act(story: AlertStory) -> tuple[datetime, str] | None:
    """When a person first did anything with it, and who; None: nobody has."""
    acts = sorted((act.at, act.by) for act, _ in story.acts if act.by != OURSELVES)
    return acts[0] if acts else None


def waited(story: AlertStory) -> timedelta | None:
    """How long it took until a person did something; None: nobody has. Never below zero, whatever clocks say."""
    act = first_act(story)
    return max(act[0] - opened(story), timedelta(0)) if act else None


def quantile(values: Sequence[timedelta], share: float) -> timedelta | None:
    """The value that this share of them does not exceed (nearest rank); None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * int(share * 100) // 100))
    return ordered[min(rank, len(ordered)) - 1]
