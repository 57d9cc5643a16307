"""An alert: one conversation with people about what happened."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from handlers.alerting.finding import Finding
from handlers.alerting.life import Life
from handlers.alerting.severity import Severity


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one channel knows of an alert."""

    reference: str  # of the first message: Slack's "channel:ts"; "" where a channel has none
    count: int  # loud findings told of
    severity: Severity
    kinds: frozenset[str]
    cursor: str  # of the last finding told of
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Alert:
    """The findings that share a group within a window."""

    id: str
    headline: Finding  # the first loud finding; the first of all while none is loud
    count: int  # findings, each event once
    loud: int  # of those, the ones that may disturb people
    kinds: frozenset[str]  # "4#root-console-login": each severity and detection among the loud findings
    last_time: datetime
    unsettled: int = 1  # loud findings that are not over: 0 when the services that found them all say so
    told: Mapping[str, Told] = field(default_factory=dict)
    life: Life = field(default_factory=Life)

    @property
    def severity(self) -> Severity:
        """The worst of its findings: it only rises."""
        return max((Severity(int(kind.partition("#")[0])) for kind in self.kinds), default=self.headline.severity)

    @property
    def critical_kinds(self) -> frozenset[str]:
        return frozenset(kind for kind in self.kinds if kind.startswith(f"{Severity.CRITICAL:d}#"))


def alert_id_of(finding: Finding) -> str:
    """The id of the alert that this finding opens: derived, so that opening it twice opens one."""
    return "A" + hashlib.sha256(finding.id.encode("utf-8", "replace")).hexdigest()[:20]


def kind_of(finding: Finding) -> str:
    return f"{finding.severity:d}#{finding.detection_id}"


@dataclass(frozen=True, kw_only=True)
class Opened:
    """One alert of a group: enough to decide whether a finding belongs to it."""

    alert_id: str
    at: datetime  # when its first finding happened


def open_alert_for(finding: Finding, recent: Sequence[Opened], *, window: timedelta) -> str | None:
    """Which of a group's alerts this finding joins: the nearest that began within the window, before or after it.

    Late and disordered records are why "after" counts too. None: it opens its own.
    """
    near = [item for item in recent if abs(finding.happened - item.at) <= window]
    return min(near, key=lambda item: abs(finding.happened - item.at)).alert_id if near else None


@dataclass(frozen=True, kw_only=True)
class Case:
    """What one of AWS's services found: in which alert it is told, and whether it goes on."""

    alert_id: str
    is_open: bool
    at: datetime  # when what we know of it happened
    version: int = 1  # against two being written at once

    def holds(self, finding: Finding) -> bool:
        """Whether the finding belongs to this case's alert, however long ago that began."""
        return self.is_open or finding.over


def case_after(known: Case | None, finding: Finding, alert_id: str) -> Case | None:
    """The case with a finding of it, recorded in this alert; None where the finding changes nothing about it."""
    if finding.case is None or (finding.quiet is not None and not finding.over):
        return None
    if known is None:
        return None if finding.over else Case(alert_id=alert_id, is_open=True, at=finding.happened)
    if finding.happened < known.at:
        return None  # records come late and in disorder: this one is older than what we know
    return Case(alert_id=alert_id, is_open=not finding.over, at=finding.happened, version=known.version + 1)


def unsettled_by(finding: Finding, known: Case | None, after: Case | None) -> int:
    """By how much a finding changes `Alert.unsettled`; `known` and `after` are its case, before and after it."""
    if finding.case is None:
        return int(finding.quiet is None)
    if after is None:
        return 0
    was_open = known is not None and known.is_open and known.alert_id == after.alert_id
    return int(after.is_open) - int(was_open)


class Step(StrEnum):
    """What a channel needs next."""

    NOTHING = "nothing"
    ANNOUNCE = "announce"
    BROADCAST = "broadcast"  # it got worse: tell the whole channel now
    FOLLOW_UP = "follow up"
    WAIT = "wait"  # a follow-up, but not yet


def next_step(
    alert: Alert, channel: str, *, minimum: Severity, now: datetime, refresh_every: timedelta, due: bool = False
) -> Step:
    """Decide from the stored state alone, so that a repeat finishes what was left undone and does nothing twice.

    Args:
        minimum: the least severity this channel is told of.
        refresh_every: the shortest time between two follow-ups.
        due: the wait is over; do not wait again.
    """
    if alert.loud < alert.headline.threshold or not alert.kinds or alert.severity < minimum:
        return Step.NOTHING
    told = alert.told.get(channel)
    if told is None:
        return Step.ANNOUNCE
    if alert.severity > told.severity or alert.critical_kinds - told.kinds:
        return Step.BROADCAST
    if alert.loud <= told.count:
        return Step.NOTHING
    return Step.FOLLOW_UP if due or now - told.at >= refresh_every else Step.WAIT
