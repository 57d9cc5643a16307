"""Context that answers the responder's next question, as facts of a finding: each on its own, each allowed to fail."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic, TypeVar

from handlers.alerting.actor import Mfa
from handlers.alerting.context import change as changes
from handlers.alerting.context import target as targets
from handlers.alerting.context.familiarity import familiarity, sighting_of
from handlers.alerting.context.who import SECOND_FACTOR, WHO_EXACTLY, chain, ip_address, second_factor
from handlers.alerting.detection import Exhibit
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.nouns import noun
from handlers.alerting.pipeline import Enrichment
from handlers.alerting.ports import AddressBook, Directory, History, Kept, Lookups, PolicyChecks, Unknown
from handlers.alerting.privilege import Judgement, Verdict
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.alerting.working_hours import WorkingHours

_Answer = TypeVar("_Answer")

_MINUTE = 60.0
_MOST_EXHIBITS = 4
# What admin-policy-written shows by itself: a second difference would say the same.
_SHOWN_ALREADY = "Against version"


class Patience:
    """How long alerts may wait for their context: so long for one event, and so long in any minute for all.

    The second is what keeps a slow IAM from using up the function's time for a whole batch, again with each retry.
    """

    def __init__(
        self, *, timer: Callable[[], float], seconds_an_event: float = 6, seconds_a_minute: float = 12
    ) -> None:
        """`timer` counts seconds."""
        self._timer = timer
        self._seconds_an_event = seconds_an_event
        self._seconds_a_minute = seconds_a_minute
        self._event: Event | None = None
        self._of_event = 0.0
        self._minute = timer()
        self._of_minute = 0.0

    def has_ended(self, event: Event) -> bool:
        """Whether nothing more may be asked about this event; another one, or the same come again, has its own time."""
        if self._event is not event:
            self._event, self._of_event = event, 0.0
        now = self._timer()
        if now - self._minute >= _MINUTE:
            self._minute, self._of_minute = now, 0.0
        return self._of_event >= self._seconds_an_event or self._of_minute >= self._seconds_a_minute

    def spend(self, since: float) -> None:
        """Count the time from `since` on."""
        taken = self._timer() - since
        self._of_event += taken
        self._of_minute += taken

    def limited(self, name: str, enrich: Enrichment) -> Enrichment:
        """The enrichment while there is time; afterwards a line that says so."""

        def in_time(finding: Finding, event: Event) -> Finding:
            if self.has_ended(event):
                return finding.with_fact(name, phrase("not asked: no time"))
            begun = self._timer()
            try:
                return enrich(finding, event)
            finally:
                self.spend(begun)

        return in_time


class Enrichments:
    """The questions, in the order in which their answers are shown; those that ask nobody come first, and always.

    Several findings of one event are answered once: what was found out for the last event is remembered.
    """

    def __init__(
        self,
        *,
        lookups: Lookups,
        history: History,
        directory: Directory,
        clock: Callable[[], datetime],
        addresses: AddressBook | None = None,
        checks: PolicyChecks | None = None,
        places: bool = False,
        patience: Patience | None = None,
        working_hours: WorkingHours | None = None,
        out_of_hours: Mapping[str, Severity] | None = None,
    ) -> None:
        """`places`: whether the directory knows accounts; without `addresses` and `checks` nobody asks them.

        Without `patience` an alert waits as long as it takes. `out_of_hours`: the least severity, outside the working
        hours, of what a detection of this id found.
        """
        self._lookups = lookups
        self._history = history
        self._directory = directory
        self._clock = clock
        self._addresses = addresses
        self._checks = checks
        self._places = places
        self._patience = patience
        self._working_hours = working_hours
        self._out_of_hours = out_of_hours or {}
        self._who = _OncePerEvent(lambda event: chain(event, directory))
        self._seen = _OncePerEvent(self._familiarity)
        self._change = _OncePerEvent(self._change_of)
        self._target = _OncePerEvent(self._facts_of_target)
        self._opinion = _OncePerEvent(self._second_opinion)

    @property
    def steps(self) -> tuple[tuple[str, Enrichment], ...]:
        """(name, enrichment), as the pipeline takes them."""
        known: list[tuple[str, Enrichment]] = [(SECOND_FACTOR, _with_second_factor)]
        if self._working_hours is not None:
            known.append(("Working hours", self._out_of_hours_or_not))
        if self._addresses is not None:
            known.append(("Address", self._with_owner))
        asked: list[tuple[str, Enrichment]] = [
            (WHO_EXACTLY, lambda finding, event: _with(finding, WHO_EXACTLY, self._who(event))),
            ("Seen before", lambda finding, event: _with(finding, "Seen before", self._seen(event))),
            ("What changed", self._with_change),
            ("Target now", self._with_target),
        ]
        if self._places:
            asked.append(("Account", self._with_place))
        if self._checks is not None:
            # Last: it is the slowest, and the least that one can do without.
            name = "Access Analyzer"
            asked.append((name, lambda finding, event: _with(finding, name, self._opinion(event))))
        if self._patience is not None:
            asked = [(name, self._patience.limited(name, enrich)) for name, enrich in asked]
        return (*known, *asked)

    def remember(self, event: Event) -> None:
        """Keep what the event left, whether or not it concerns anybody.

        Raises:
            UnavailableError: the history does not answer.
        """
        changes.remember(event, history=self._history, now=self._clock())

    def _out_of_hours_or_not(self, finding: Finding, event: Event) -> Finding:
        least, hours = self._out_of_hours.get(finding.detection_id), self._working_hours
        if least is None or hours is None or event.time is None or hours.contain(event.time):
            return finding
        finding = _with(finding, "Working hours", phrase("outside of them ({hours})", hours=str(hours)))
        return dataclasses.replace(finding, severity=max(finding.severity, least))

    def _with_owner(self, finding: Finding, event: Event) -> Finding:
        address = ip_address(event)
        if not address or self._addresses is None:
            return finding  # a service's name has no owner but AWS
        return _with(finding, "Address", self._addresses.owner(address) or phrase("in none of the address files"))

    def _familiarity(self, event: Event) -> str:
        now = self._clock()
        sighting = sighting_of(event, otherwise=now)
        return familiarity(event, sighting, self._history.seen(sighting, now=now)) if sighting else ""

    def _change_of(self, event: Event) -> changes.Change | None:
        return changes.change_of(event, lookups=self._lookups, history=self._history, now=self._clock())

    def _with_change(self, finding: Finding, event: Event) -> Finding:
        change = self._change(event)
        if change is None:
            return finding
        finding = _with(finding, "Compared", changes.remark_on(change, account=event.account))
        if any(exhibit.title.startswith(_SHOWN_ALREADY) for exhibit in finding.exhibits):
            return finding
        return _showing_first(finding, changes.exhibit_of(change))

    def _with_target(self, finding: Finding, event: Event) -> Finding:
        for label, value in self._target(event):
            finding = _with(finding, label, value)
        return finding

    def _facts_of_target(self, event: Event) -> tuple[tuple[str, str], ...]:
        target = targets.target_of(event)
        if target is None:
            return ()
        standing = self._lookups.standing(event.account, target.kind, target.name)
        label = {"user": "Its credentials", "role": "Its use"}.get(target.kind, "Touches")
        means = (label, targets.means(target, standing, account=event.account))
        if target.kind == "policy":
            return (means,)
        judgement = targets.judged(self._lookups.policies_of(event.account, target.kind, target.name))
        rights = ("Target now", targets.rights(target, judgement, self._before(event, target, judgement)))
        return (rights,) if judgement == standing else (rights, means)  # unknown for the same reason: said once

    def _before(self, event: Event, target: targets.Target, judgement: Judgement | Unknown) -> Kept | Unknown | None:
        """What the target was when an earlier event had us look; its rights are worth telling without it."""
        if isinstance(judgement, Unknown) or judgement.verdict is Verdict.COULD_NOT_JUDGE:
            return None
        now = self._clock()
        try:
            return self._history.replaced(
                f"standing/{event.account}/{target.kind}/{target.name}",
                judgement.verdict.value,
                event=event.key,
                at=event.time or now,
                now=now,
            )
        except UnavailableError as error:
            return Unknown(reason=str(error))

    def _with_place(self, finding: Finding, event: Event) -> Finding:
        place = self._directory.place(event.account)
        if isinstance(place, Unknown):
            return _with(finding, "Account", phrase("not known to the organisation ({reason})", reason=place.reason))
        if finding.account_name is None and place.name:  # a name that the configuration gives stands
            finding = dataclasses.replace(finding, account_name=place.name)
        where = phrase("in {path}", path=place.path) if place.path else phrase("directly below the organisation's root")
        return _with(finding, "Account", where)

    def _second_opinion(self, event: Event) -> str:
        change = self._change(event)
        after = changes.as_text(change.after) if change is not None else None
        if change is None or after is None or self._checks is None:
            return ""
        before = changes.as_text(change.before) if change.source else None
        answer = self._checks.check(before, after, is_trust=change.written.is_trust)
        return phrase("no second opinion ({reason})", reason=answer.reason) if isinstance(answer, Unknown) else answer


class _OncePerEvent(Generic[_Answer]):
    """Remembers the answer for the last event it was asked about: the findings of one event come one after the other.

    An error is not remembered.
    """

    def __init__(self, ask: Callable[[Event], _Answer]) -> None:
        self._ask = ask
        self._last: tuple[Event, _Answer] | None = None

    def __call__(self, event: Event) -> _Answer:
        if self._last is None or self._last[0] is not event:
            self._last = (event, self._ask(event))
        return self._last[1]


def _with_second_factor(finding: Finding, event: Event) -> Finding:
    used, reason = second_factor(event)
    if not reason:
        return finding
    if used is Mfa.NO and finding.mfa == Mfa.UNKNOWN:
        finding = dataclasses.replace(finding, mfa=str(used))
    return _with(finding, SECOND_FACTOR, phrase("{first}: {more}", first=noun(used), more=reason))


def _with(finding: Finding, label: str, value: str) -> Finding:
    return finding.with_fact(label, value) if value else finding


def _showing_first(finding: Finding, exhibit: Exhibit | None) -> Finding:
    """The difference stands before the whole: it is what a reader looks for, and room is short."""
    if exhibit is None:
        return finding
    return dataclasses.replace(finding, exhibits=(exhibit, *finding.exhibits)[:_MOST_EXHIBITS])
