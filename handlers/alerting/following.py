"""Following a session: when it is reported what was done in it, and the reports themselves.

People are told in the alert's thread after 15 and 60 minutes and when the session is over. Over is: signed out, where
CloudTrail records that; past the end of its credentials; or silent for half an hour. Silence proves nothing, so at the
latest possible end there is one more look, and a word if something was done after all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from handlers.alerting.activity import LAG, Activity, Gathered, Source, activity_of, event_of, gathered
from handlers.alerting.alert import Alert, Told
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.ports import AlertBook, Timer
from handlers.alerting.session import CONSOLE, SessionKey, all_of, session_of
from handlers.alerting.severity import Severity

KIND = "activity"  # of the work that a Timer brings back
SILENCE = timedelta(minutes=30)  # without any record, a session counts as over
BEFORE = timedelta(minutes=15)  # looked at before the first finding, where nothing says when the session began
_SOONEST = timedelta(minutes=5)  # between two looks
_LEASE = timedelta(seconds=75)  # longer than any function may run
_FINDINGS = 50  # of an alert, the newest: their sessions are followed
_CHANNEL = "slack"  # whose thread is told


class Step(StrEnum):
    """Which report it is."""

    FIRST = "15"  # minutes after the session began
    SECOND = "60"
    END = "end"
    AFTER_ALL = "after all"  # it went on after it seemed to be over
    NOW = "now"  # somebody asked


class Over(StrEnum):
    """Why a session counts as over."""

    SIGNED_OUT = "signed out"
    EXPIRED = "expired"
    SILENT = "silent"


_AFTER = {Step.FIRST: timedelta(minutes=15), Step.SECOND: timedelta(minutes=60)}


@dataclass(frozen=True, kw_only=True)
class Due:
    """What is to be done at a look at a session."""

    step: Step | None  # to report now; None: nothing
    over: Over | None  # the session is over, and why
    look_again: datetime | None  # None: never


def due(
    *,
    started: datetime,
    ends: datetime | None,
    last_seen: datetime | None,
    closed: datetime | None,
    told: Mapping[Step, datetime],
    now: datetime,
    silence: timedelta = SILENCE,
) -> Due:
    """Decide what to report of a session, and when to look again.

    Args:
        ends: when its credentials end at the latest; None: nobody knows, and silence decides.
        last_seen: the last record of it; None: there is none.
        closed: when it was ended, where there is a record of that.
        told: what was reported, and up to which time of a record.
    """
    seen = max(last_seen or started, started)
    limit = _limit(started, ends)
    over = _over(now=now, seen=seen, closed=closed, ends=ends, silence=silence)
    if Step.END in told:
        went_on = now >= limit and Step.AFTER_ALL not in told and seen > told[Step.END]
        return Due(step=Step.AFTER_ALL if went_on else None, over=over, look_again=limit if now < limit else None)
    if over is not None:
        return Due(step=Step.END, over=over, look_again=limit if now < limit else None)
    reached = [step for step, after in _AFTER.items() if now >= started + after]
    step = reached[-1] if reached and reached[-1] not in told else None
    coming = [started + after for after in _AFTER.values() if started + after > now]
    again = coming[0] if coming else min(seen + silence + LAG, limit)
    return Due(step=step, over=None, look_again=max(again, now + _SOONEST))


def _limit(started: datetime, ends: datetime | None) -> datetime:
    """When everything of a session must be known: records of its last minute may come this late."""
    return (ends or started + CONSOLE) + LAG


def _over(
    *, now: datetime, seen: datetime, closed: datetime | None, ends: datetime | None, silence: timedelta
) -> Over | None:
    if closed is not None and closed >= seen and now >= closed + LAG:
        return Over.SIGNED_OUT
    if ends is not None and now >= ends + LAG:
        return Over.EXPIRED
    return Over.SILENT if now >= seen + silence + LAG else None


def follow(alert: Alert, finding: Finding, timer: Timer, *, minimum: Severity = Severity.INFO) -> bool:
    """Have the session that began with a finding followed; whether it is. Repeating it changes nothing.

    All alarms are set at once, so that one look that fails does not cost the others.

    Args:
        minimum: the least severity of which Slack is told: what is less has no thread to report in.

    Raises:
        UnavailableError: the timer did not take them.
    """
    if finding.session is None or finding.quiet is not None or alert.severity < minimum:
        return False
    key = SessionKey.from_plain(finding.session)
    if key.is_empty:
        return False
    # A long-term key has no session that begins: whatever is done with it, the alert began once.
    started = key.started if key.started and key.ends else alert.headline.happened
    for at in (*(started + after for after in _AFTER.values()), _limit(started, key.ends)):
        _set_alarm(timer, alert.id, max(at, finding.received + _SOONEST))  # a late record may be of long ago
    return True


def _set_alarm(timer: Timer, alert_id: str, at: datetime) -> None:
    """One a minute at most: alarms of one name are one."""
    timer.set(f"{KIND}-{alert_id}-{at.astimezone(UTC):%Y%m%dT%H%M}", at, {"kind": KIND, "alert": alert_id})


class Teller(Protocol):
    """Who tells people of an activity."""

    def tell(self, alert: Alert, activity: Activity, *, step: Step, over: Over | None, place: str) -> None:
        """Report in the alert's thread, whose reference is `place`. Raises UnavailableError, and then told nothing."""
        ...


@dataclass(frozen=True, kw_only=True)
class Following:
    """Everything that a report needs from outside."""

    book: AlertBook
    sources: Sequence[Source]  # the fullest records first; the alert's findings come after them
    teller: Teller
    timer: Timer
    clock: Callable[[], datetime]


def tell_activity(alert_id: str, *, parts: Following, pressed: str = "") -> bool:
    """Report what was done in an alert's sessions, in its thread; whether anything was told.

    Without `pressed` it is an alarm's look: what the session did decides what is told (see `due`), and the next alarm
    is set. Each step of an alert is told once, however often it is looked.

    Args:
        pressed: an id of the press of *What did they do?*, each of which is answered once.

    Raises:
        UnavailableError: the store, the channel or the timer did not answer; try again.
    """
    alert = parts.book.find(alert_id)
    if alert is None or _CHANNEL not in alert.told:
        return False  # expired from the table, or too slight to be told: there is no thread
    if not parts.book.claim(alert_id, KIND, now=parts.clock(), lease=_LEASE):
        raise UnavailableError("somebody else is reporting on this alert")  # who may fail
    try:
        current = parts.book.find(alert_id) or alert
        return _report(current, parts, pressed) if pressed else _look(current, parts)
    finally:
        parts.book.release(alert_id, KIND)


def _report(alert: Alert, parts: Following, pressed: str) -> bool:
    before = alert.told.get(_channel(Step.NOW))
    if before is not None and before.reference == pressed:
        return False
    now = parts.clock().astimezone(UTC)
    activity = _activity(alert, parts, now)
    _tell(alert, activity, parts, step=Step.NOW, over=_due(alert, activity, now).over, reference=pressed)
    return True


def _look(alert: Alert, parts: Following) -> bool:
    now = parts.clock().astimezone(UTC)
    activity = _activity(alert, parts, now)
    decided = _due(alert, activity, now)
    if decided.look_again is not None:
        # Before telling: were it to fail after that, nobody would look again.
        _set_alarm(parts.timer, alert.id, decided.look_again)
    if decided.step is None:
        return False
    _tell(alert, activity, parts, step=decided.step, over=decided.over)
    return True


def _activity(alert: Alert, parts: Following, now: datetime) -> Activity:
    findings = [*parts.book.findings(alert.id, after="", limit=_FINDINGS), alert.headline]
    key = sessions_of(findings)
    since = beginning_of(key, findings)
    found = gathered(key, [*parts.sources, _Findings(findings)], since, now)
    return activity_of(key, found.events, since, now, gaps=found.gaps)


def _due(alert: Alert, activity: Activity, now: datetime) -> Due:
    return due(
        started=activity.key.started or alert.headline.happened,
        ends=activity.key.ends,
        last_seen=activity.last_own,
        closed=activity.closed,
        told={step: alert.told[_channel(step)].at for step in Step if _channel(step) in alert.told},
        now=now,
    )


def _tell(
    alert: Alert, activity: Activity, parts: Following, *, step: Step, over: Over | None, reference: str = ""
) -> None:
    parts.teller.tell(alert, activity, step=step, over=over, place=alert.told[_CHANNEL].reference)
    told = Told(
        reference=reference,
        count=len(activity.events),
        severity=alert.severity,
        kinds=frozenset(),
        cursor="",
        at=activity.last_own or activity.key.started or alert.headline.happened,  # what is later was not told
    )
    parts.book.save_told(alert.id, _channel(step), told)


def _channel(step: Step) -> str:
    """Under which name an alert remembers that a report was told."""
    return f"{KIND}_{step}".replace(" ", "_")


def sessions_of(findings: Sequence[Finding]) -> SessionKey:
    """The sessions that findings are about: those they say they began; else those they were made in."""
    begun = [SessionKey.from_plain(finding.session) for finding in findings if finding.session is not None]
    if begun:
        return all_of(begun)
    return all_of(
        session_of(
            account=finding.account,
            principal=finding.actor_arn,
            access_key=finding.access_key_id,
            at=finding.time,
        )
        for finding in findings
    )


def beginning_of(key: SessionKey, findings: Sequence[Finding]) -> datetime:
    """From when on records are asked for."""
    earliest = min(finding.happened for finding in findings)
    is_known = key.ends is not None  # what can end has begun at a known time
    begun = key.started if is_known and key.started else earliest - BEFORE
    # Clocks of two services: the sign-in may be stamped after the first call.
    return min(begun, earliest) - timedelta(minutes=1)


class _Findings:
    """The alert's own findings: there at once, when everything else is still on its way."""

    name = "findings"

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._events: list[Event] = [event_of(finding) for finding in findings]

    def gather(self, key: SessionKey, since: datetime, until: datetime) -> Gathered:
        return Gathered(events=self._events)
