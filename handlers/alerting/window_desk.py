"""The desk for break-glass windows: acts are decided, kept, written down and given their alarm; uses are judged."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers.alerting.detection import Concern, Detection, Exhibit, Fact
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding, window_group
from handlers.alerting.ports import Timer, Windows
from handlers.alerting.severity import Severity
from handlers.alerting.text import joined, lined, phrase
from handlers.alerting.window import (
    LONGEST_SESSION,
    OURSELVES,
    BreakGlass,
    Entry,
    RequestProblem,
    Standing,
    Use,
    Window,
    WindowAct,
    WindowDecision,
    WindowOutcome,
    WindowRequest,
    WindowState,
    WindowVerb,
    WindowVerdict,
    decide,
    judge,
)

# By this attribute a message on the events queue asks to tell people of a window; its body is the window's id. A
# message attribute, because EventBridge cannot set one: no event can pass for it.
WINDOW_ATTRIBUTE = "rootwatch-window"
END_OF_WINDOW = "window-end"  # the kind of work that the alarm brings to follow_up

_ATTEMPTS = 8
_LINES = 100  # uses spelled out; the table has all of them

Audit = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class WindowDesk:
    """Where windows are asked for and decided, with what that needs from outside.

    The store decides; what follows from it - the audit log, the alarm - is done afterwards, and again by a repeat of
    the act. Without `audit` and `timer` that is left to whoever calls `finish` with them.
    """

    windows: Windows
    rules: BreakGlass
    clock: Callable[[], datetime]
    audit: Audit | None = None  # AuditLog.append: raises UnavailableError; the same key again is no error
    timer: Timer | None = None

    def request(self, request: WindowRequest, *, act_id: str, by: str) -> WindowDecision | dict[str, RequestProblem]:
        """Ask for a window; returns what is wrong by field where it cannot be asked for. A repeat asks once.

        Raises:
            UnavailableError: the store, the audit log or the clock service did not answer; a retry does the rest.
        """
        act = WindowAct(id=act_id, verb=WindowVerb.REQUEST, by=by, at=self.clock())
        window = request.window(act)
        if (known := self.windows.find(window.id)) is not None:
            self.finish(window.id)
            return WindowDecision(outcome=WindowOutcome.DONE, reason=f"{by} asked for it.", window=known)
        if problems := request.problems(self.rules, by=by, now=act.at):
            return problems
        self.windows.save(window, act)  # False: the same request, at the same moment
        self.finish(window.id)
        return WindowDecision(outcome=WindowOutcome.DONE, reason=f"{by} asked for it.", window=window)

    def act(self, window_id: str, act: WindowAct) -> WindowDecision:
        """Decide about an act and keep what is done; of several at once one is first. A repeat is done, once.

        Raises:
            UnavailableError: as above, or the window stayed contended.
        """
        for _ in range(_ATTEMPTS):
            window = self.windows.find(window_id)
            if window is None:
                return WindowDecision(outcome=WindowOutcome.GONE, reason="there is no such window.", window=None)
            if any(done.id == act.id for done, _ in self.windows.history(window_id)):
                self.finish(window_id)
                return WindowDecision(outcome=WindowOutcome.DONE, reason="it was done before.", window=window)
            decision = decide(window, act, self.rules)
            if decision.outcome is not WindowOutcome.DONE or decision.window is None:
                return decision
            if self.windows.save(decision.window, act):
                self.finish(window_id)
                return decision
        raise UnavailableError(f"the window {window_id} stayed contended over {_ATTEMPTS} attempts")

    def end(self, window_id: str) -> WindowDecision:
        """End a window whose time is over; a repeat finds it ended.

        Raises:
            UnavailableError: as above.
        """
        act = WindowAct(id=f"{END_OF_WINDOW} {window_id}", verb=WindowVerb.END, by=OURSELVES, at=self.clock())
        return self.act(window_id, act)

    def finish(self, window_id: str) -> None:
        """Write down every act on a window, and set or cancel its alarm. Repeating it changes nothing.

        Raises:
            UnavailableError: the store, the audit log or the clock service did not answer.
        """
        if self.audit is None and self.timer is None:
            return
        history = self.windows.history(window_id)
        if self.audit is not None:
            for act, window in history:
                self.audit(audit_key(window, act), {"act": act.to_plain(), "window": window.to_plain()})
        if self.timer is None or not history:
            return
        window = history[-1][1]
        if window.state is WindowState.APPROVED:
            self.timer.set(alarm_of(window_id), window.ends, {"kind": END_OF_WINDOW, "window": window_id})
        elif window.state is WindowState.REVOKED:
            self.timer.cancel(alarm_of(window_id))

    def news(self, window_id: str) -> Finding | None:
        """What to tell people of a window as it stands; None where it has expired from the table.

        Raises:
            UnavailableError: the store did not answer.
        """
        window = self.windows.find(window_id)
        if window is None:
            return None
        uses = self.windows.uses(window_id) if window.is_settled else ()
        return news_of(window, tuple(uses), self.rules, now=self.clock())

    def step(self, finding: Finding, event: Event, detection: Detection) -> Finding:
        """The pipeline's step: a finding of a detection that windows matter to, held against them.

        Where the store cannot be asked, it is as if there were none: told loudly, with that reason.
        """
        entry = detection.windowed(event) if detection.windowed else None
        if entry is None or not self.rules.requires(entry.identity):
            return finding
        try:
            verdict = judge(entry, self._windows_for(entry, finding), self.rules)
            if verdict.window is not None:
                self.windows.add_use(verdict.window.id, _use(finding, verdict))
        except UnavailableError:
            verdict = WindowVerdict(
                standing=Standing.NONE,
                reason=phrase("Whether a window covers it is not known: the windows could not be read."),
            )
        return finding.held_against(verdict)

    def _windows_for(self, entry: Entry, finding: Finding) -> tuple[Window, ...]:
        at = entry.at or finding.happened
        return tuple(self.windows.of_account(entry.account, ending_from=at - LONGEST_SESSION))


def end_window(window_id: str, *, desk: WindowDesk, tell: Callable[[str], None]) -> WindowDecision:
    """What the alarm at a window's end does: end it, and have people told what it was used for, or that it was not.

    Args:
        tell: puts the window's id on the events queue, under WINDOW_ATTRIBUTE.

    Raises:
        UnavailableError: something did not answer; doing it again finishes it, and tells people once.
    """
    decision = desk.end(window_id)
    if decision.window is not None and decision.window.state is WindowState.ENDED:
        tell(window_id)
    return decision


def alarm_of(window_id: str) -> str:
    """The name of the alarm at a window's end."""
    return f"{END_OF_WINDOW}-{window_id}"


def audit_key(window: Window, act: WindowAct) -> str:
    """Where the audit log keeps an act: by the day it was done (UTC), once."""
    digest = hashlib.sha256(act.id.encode("utf-8", "replace")).hexdigest()[:16]
    return f"windows/{act.at:%Y/%m/%d}/{window.id}/{window.version:04d}-{digest}.json"


BREAK_GLASS_WINDOW = Detection.announced(
    id="break-glass-window",
    title="A break-glass window",
    why="Inside a window root may sign in without waking anybody: who opened it, and for what, has to be seen by all.",
    severity=Severity.LOW,
    respond=(
        "Hold it against its ticket: is this the work, the person and the time that was agreed?",
        "Revoke what nobody can explain: rootwatch window revoke ID",
        "When it is over, read what was done inside it",
    ),
)

_TITLES = {
    WindowState.REQUESTED: phrase("A break-glass window was asked for"),
    WindowState.APPROVED: phrase("A break-glass window was approved"),
    WindowState.REFUSED: phrase("A break-glass window was refused"),
    WindowState.REVOKED: phrase("A break-glass window was revoked"),
    WindowState.ENDED: phrase("A break-glass window ended"),
}
_EMERGENCY = phrase("A break-glass window was opened without a second person")


def news_of(window: Window, uses: tuple[Use, ...], rules: BreakGlass, *, now: datetime) -> Finding:
    """The finding that tells of a window as it stands; the same state gives the same finding.

    An emergency is HIGH: nobody but whoever wanted the window has looked at it.
    """
    is_emergency = window.emergency and window.state is WindowState.APPROVED
    who, at = _last_act(window)
    event = Event(
        envelope={
            "id": f"{window.id}-{window.version}",
            "detail-type": "Break-glass window",
            "source": "rootwatch",
            "account": window.account,
            "time": at.isoformat(),
            "detail": {},
        }
    )
    identity = window.identity
    concern = Concern(
        summary=_summary(window, uses, rules),
        subject=phrase("root of {account}", account=window.account) if identity == "root" else identity,
        severity=Severity.HIGH if is_emergency else BREAK_GLASS_WINDOW.severity,
        group="window",
        title=_EMERGENCY if is_emergency else _TITLES[window.state],
        facts=tuple(
            Fact(label=label, value=value)
            for label, value in (
                ("Window", window.id),
                ("Who uses it", window.person),
                ("What for", window.purpose),
                ("Ticket", window.ticket),
                ("From", f"{window.starts:%Y-%m-%d %H:%M} UTC"),
                ("Until", f"{window.ends:%Y-%m-%d %H:%M} UTC"),
                ("Asked for by", _who(window.requested_by, rules)),
                ("Approved by", _who(window.approved_by, rules)),
                ("Reason", window.reason),
                ("Closed by", _who(window.settled_by, rules)),
            )
            if value
        ),
        exhibits=(Exhibit(title="What happened", text=lined(_lines(uses))),) if uses else (),
    )
    finding = Finding.of(BREAK_GLASS_WINDOW, event, concern, now=now)
    # What no call has: an address, a region, a second factor.
    return dataclasses.replace(
        finding,
        group=window_group(window.id),
        window_id=window.id,
        actor=rules.name_of(who),
        actor_kind=who,
        region="",
        source_ip="",
        user_agent="",
        mfa="",
    )


def _last_act(window: Window) -> tuple[str, datetime]:
    """Who brought the window where it is, and when."""
    if window.settled_at is not None:
        return window.settled_by, window.settled_at
    if window.approved_at is not None:
        return window.approved_by, window.approved_at
    return window.requested_by, window.requested_at


def _who(identity: str, rules: BreakGlass) -> str:
    """ "bob (U0123456789)"."""
    name = rules.name_of(identity)
    return f"{name} ({identity})" if name != identity else identity


def _summary(window: Window, uses: tuple[Use, ...], rules: BreakGlass) -> str:
    what = {
        "id": window.id,
        "person": window.person,
        "identity": window.identity,
        "account": window.account,
        "span": _span(window),
        "ticket": window.ticket,
    }
    match window.state:
        case WindowState.REQUESTED:
            return phrase(
                "{who} asks for the window {id}: {person} as {identity} of account {account}, {span} ({ticket}). "
                "An approver other than whoever asked and whoever uses it decides: rootwatch window approve {id}",
                who=rules.name_of(window.requested_by),
                **what,
            )
        case WindowState.APPROVED if window.emergency:
            return phrase(
                "{who} alone opened the window {id}: {person} as {identity} of account {account}, {span} ({ticket}). "
                "An emergency, they say: {reason}",
                who=rules.name_of(window.approved_by),
                reason=window.reason,
                **what,
            )
        case WindowState.APPROVED:
            return phrase(
                "{who} approved the window {id}: {person} as {identity} of account {account}, {span} ({ticket}).",
                who=rules.name_of(window.approved_by),
                **what,
            )
    settled = _ENDED if window.settled_by == OURSELVES else _SETTLED_BY
    by = {} if window.settled_by == OURSELVES else {"who": rules.name_of(window.settled_by)}
    return phrase(
        "The window {id}: {person} as {identity} of account {account}, {span} ({ticket}) {became}. {used}",
        became=settled[window.state](**by),
        used=used_in_words(window, uses),
        **what,
    )


_ENDED: Mapping[WindowState, Callable[..., str]] = {
    WindowState.ENDED: lambda: phrase("ended"),
    WindowState.REFUSED: lambda: phrase("was refused"),
    WindowState.REVOKED: lambda: phrase("was revoked"),
}
_SETTLED_BY: Mapping[WindowState, Callable[..., str]] = {
    WindowState.ENDED: lambda who: phrase("ended by {who}", who=who),
    WindowState.REFUSED: lambda who: phrase("was refused by {who}", who=who),
    WindowState.REVOKED: lambda who: phrase("was revoked by {who}", who=who),
}


def used_in_words(window: Window, uses: tuple[Use, ...]) -> str:
    """ "Nobody used it."; "It was used 3 times, from 03:04 to 03:50 UTC." """
    if not uses:
        return phrase("Nobody used it.") if window.approved_at else phrase("It never opened.")
    inside = [use for use in uses if use.standing is Standing.INSIDE]
    others = len(uses) - len(inside)
    words = phrase("Nobody used it as it was meant.")
    if inside:
        first, last = (f"{moment:%H:%M}" for moment in (min(use.at for use in inside), max(use.at for use in inside)))
        times = phrase("once") if len(inside) == 1 else phrase("{count} times", count=f"{len(inside):,}")
        words = (
            phrase("It was used {times}, at {time} UTC.", times=times, time=first)
            if first == last
            else phrase("It was used {times}, from {first} to {last} UTC.", times=times, first=first, last=last)
        )
    more = (
        phrase("{count} more did not stand the test: each was told when it happened.", count=f"{others:,}")
        if others
        else ""
    )
    return joined((words, more))


def _lines(uses: tuple[Use, ...]) -> list[str]:
    lines = [f"{use.at:%H:%M:%S}  {use.standing:<12}  {use.summary}" for use in uses[:_LINES]]
    return lines if len(uses) <= _LINES else [*lines, phrase("and {count} more", count=f"{len(uses) - _LINES:,}")]


def _span(window: Window) -> str:
    return phrase("{first} to {last} UTC", first=f"{window.starts:%Y-%m-%d %H:%M}", last=f"{window.ends:%H:%M}")


def _use(finding: Finding, verdict: WindowVerdict) -> Use:
    return Use(
        finding_id=finding.id,
        at=finding.happened,
        standing=verdict.standing,
        summary=finding.summary[:300],
        region=finding.region,
        address=finding.source_ip,
    )
