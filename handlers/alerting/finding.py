"""A finding: what one detection concluded from one event, with everything that a message will need."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from handlers.alerting.detection import Concern, Detection, Exhibit, Fact
from handlers.alerting.event import Event, Road
from handlers.alerting.session import session_key_of
from handlers.alerting.severity import Severity
from handlers.alerting.text import Phrases, Text, cut, from_kept, joined, phrase, said, to_kept
from handlers.alerting.window import Standing, WindowVerdict

LATE_AFTER = timedelta(minutes=30)
_MAXIMUM_TEXT = 2_000  # characters kept of one value: an attacker may send 100 KB, a row holds 400 KB
_MAXIMUM_EXHIBIT = 20_000
_MAXIMUM_FACTS = 20


class QuietKind(StrEnum):
    """Why a finding is quiet, where that is kept by day for a report; the word its reason begins with."""

    DIGEST = "digest"  # a declared deployer's routine work
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One detection's conclusion. Texts are as the event had them, cut to a bounded length, never escaped here.

    What we say ourselves - title, summary, why, what to do, labels - is a phrase (see text.py): `said_in` tells it in
    another language.
    """

    id: str  # "root-console-login#123456789012#<event id>": the same event gives the same finding
    detection_id: str
    account: str
    group: str  # account ("*": whichever) and the conversation it belongs to
    severity: Severity
    title: str
    summary: str
    subject: str
    why: str
    respond: tuple[str, ...]
    threshold: int
    event_id: str
    event_name: str
    event_service: str
    region: str
    time: datetime | None  # when it happened, UTC
    received: datetime  # when we learnt of it, UTC
    actor: str
    actor_kind: str
    actor_arn: str
    access_key_id: str
    source_ip: str
    user_agent: str
    mfa: str
    error: str | None  # None: the call succeeded
    road: Road = Road.EVENTBRIDGE
    late_reason: str | None = None  # CloudTrail's own word for a late record
    joins: str | None = None  # a group that it joins where that is open, rather than its own
    account_name: str | None = None
    facts: tuple[Fact, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    quiet: str | None = None  # why people are not disturbed; None: they are
    routine: bool = True  # False: told at once even when a declared deployer did it
    case: str | None = None  # account and what AWS's service goes on about; None: nobody but people will end it
    over: bool = False  # the case has ended
    session: Mapping[str, Any] | None = None  # the session that began with it, to be followed (SessionKey.to_plain)
    standing: str = ""  # how it stands to the break-glass windows (a Standing); "": they do not matter to it
    window_id: str = ""  # of the window it is about

    @classmethod
    def of(cls, detection: Detection, event: Event, concern: Concern, *, now: datetime) -> Self:
        """Put a detection's concern about an event into the form that is stored and shown."""
        actor = event.actor
        return cls(
            id=f"{detection.id}#{_key(event.key)}",
            detection_id=detection.id,
            account=_cut(event.account, 40),
            group=f"{'*' if concern.across_accounts else _key(event.account)}#{_key(concern.group)}",
            joins=f"*#{_key(concern.joins)}" if concern.joins else None,
            severity=concern.severity,
            title=_cut(concern.title or phrase(detection.title), 150),
            summary=_cut(concern.summary),
            subject=_cut(concern.subject),
            why=phrase(detection.why),
            respond=tuple(phrase(step) for step in detection.respond),
            threshold=detection.threshold,
            event_id=_cut(event.id, 200),
            event_name=_cut(event.name, 200),
            event_service=_cut(event.service, 200),
            region=_cut(event.region, 60),
            time=event.time,
            received=now,
            actor=_cut(actor.name, 300),
            actor_kind=str(actor.kind),
            actor_arn=_cut(actor.arn),
            access_key_id=_cut(actor.access_key_id, 200),
            source_ip=_cut(event.source_ip, 200),
            user_agent=_cut(event.user_agent, 1_000),
            mfa=str(actor.mfa),
            error=_cut(event.error, 1_000) if event.error else None,
            road=event.road,
            late_reason=_cut(event.late_reason, 100) if event.late_reason else None,
            facts=tuple(Fact(label=_cut(f.label, 60), value=_cut(f.value)) for f in concern.facts[:_MAXIMUM_FACTS]),
            exhibits=tuple(
                Exhibit(title=_cut(e.title, 100), text=_cut(e.text, _MAXIMUM_EXHIBIT)) for e in concern.exhibits[:4]
            ),
            quiet=phrase("this detection is in staging") if detection.staging else None,
            routine=concern.routine,
            case=f"{_key(event.account)}#{_key(concern.case)}" if concern.case else None,
            over=bool(concern.case) and concern.over,
            session=session_key_of(event).to_plain() if detection.begins_session else None,
        )

    @property
    def cursor(self) -> str:
        """Its place in its alert, in the order recorded: sorts as text."""
        return f"{self.received.isoformat(timespec='microseconds')}#{self.id}"

    @property
    def quiet_kind(self) -> QuietKind | None:
        """Which report it belongs in; None for a loud finding, and for one that is quiet without a report."""
        return next((kind for kind in QuietKind if self.quiet is not None and self.quiet.startswith(kind)), None)

    @property
    def happened(self) -> datetime:
        """The event's time; the time we learnt of it where the event does not say."""
        return self.time or self.received

    @property
    def late_by(self) -> timedelta | None:
        """How long after the fact we learnt of it, where that is more than 30 minutes."""
        delay = self.received - self.time if self.time else timedelta(0)
        return delay if delay > LATE_AFTER else None

    def with_fact(self, label: str, value: str) -> Self:
        """Enriched by one line."""
        return dataclasses.replace(self, facts=(*self.facts, Fact(label=label, value=_cut(value))))

    def held_against(self, verdict: WindowVerdict) -> Self:
        """What a break-glass window, or none, makes of it.

        Inside one it is calm: LOW, and in the window's own conversation, so that a window is one message. Outside it is
        CRITICAL. Where the record proves nothing it stays as bad as it is.
        """
        window = verdict.window
        marked = dataclasses.replace(self, standing=str(verdict.standing), window_id=window.id if window else "")
        if window is not None:
            marked = marked.with_fact(
                "Window for",
                phrase(
                    "{person}: {purpose} (ticket {ticket})",
                    person=window.person,
                    purpose=window.purpose,
                    ticket=window.ticket,
                ),
            )
        if verdict.standing.is_calm and window is not None:
            return dataclasses.replace(
                marked,
                severity=Severity.LOW,
                title=_cut(phrase("Expected: {title}", title=self.title), 150),
                summary=_cut(joined((self.summary, verdict.reason))),
                respond=(
                    phrase(
                        "Nothing, if this is {person} at the work of ticket {ticket}",
                        person=_cut(window.person, 100),
                        ticket=_cut(window.ticket, 100),
                    ),
                    phrase("Read what is done inside the window: it is told in this conversation"),
                    phrase(
                        "If it is somebody else: rootwatch window revoke {window}, then follow the runbook",
                        window=window.id,
                    ),
                ),
                group=window_group(window.id),
                joins=None,
            )
        if verdict.standing.pages:
            return dataclasses.replace(
                marked,
                severity=Severity.CRITICAL,
                title=_cut(phrase("Outside a break-glass window: {title}", title=self.title), 150),
                summary=_cut(joined((self.summary, verdict.reason))),
                routine=False,
            )
        return marked.with_fact("Break-glass window", verdict.reason)

    @property
    def is_calm(self) -> bool:
        """Whether it happened inside a break-glass window."""
        return self.standing == Standing.INSIDE

    @property
    def is_out_of_window(self) -> bool:
        """Whether it needed a break-glass window and had none: nothing declared keeps that quiet."""
        return bool(self.standing) and Standing(self.standing).pages

    def quieted(self, reason: str) -> Self:
        """Recorded without disturbing people, for this reason; the first reason stands."""
        return self if self.quiet else dataclasses.replace(self, quiet=reason)

    def said_in(self, phrases: Phrases) -> Self:
        """The same in another language, as far as its phrases go; what the event brought stays as it is."""
        if not phrases:
            return self
        return dataclasses.replace(
            self,
            title=said(self.title, phrases),
            summary=said(self.summary, phrases),
            subject=said(self.subject, phrases),
            why=said(self.why, phrases),
            respond=tuple(said(step, phrases) for step in self.respond),
            facts=tuple(
                Fact(label=_label_in(fact.label, phrases), value=said(fact.value, phrases)) for fact in self.facts
            ),
            exhibits=tuple(
                Exhibit(title=_label_in(exhibit.title, phrases), text=said(exhibit.text, phrases))
                for exhibit in self.exhibits
            ),
            quiet=None if self.quiet is None else said(self.quiet, phrases),
        )

    def to_kept(self) -> dict[str, Any]:
        """`to_plain`, and what it takes to tell it in another language later."""
        return {
            **self.to_plain(),
            "said": {
                "title": to_kept(self.title),
                "summary": to_kept(self.summary),
                "subject": to_kept(self.subject),
                "respond": [to_kept(step) for step in self.respond],
                "facts": [to_kept(fact.value) for fact in self.facts],
                "exhibits": [
                    [to_kept(one.title), to_kept(one.text) if isinstance(one.text, Text) else None]
                    for one in self.exhibits
                ],
                "quiet": None if self.quiet is None else to_kept(self.quiet),
            },
        }

    def to_plain(self) -> dict[str, Any]:
        """As JSON values, in English, times in ISO 8601 UTC."""
        plain: dict[str, Any] = _as_data(dataclasses.asdict(self))
        plain["severity"] = self.severity.name
        plain["road"] = str(self.road)
        plain["time"] = self.time.isoformat() if self.time else None
        plain["received"] = self.received.isoformat()
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The finding that `to_kept` or `to_plain` wrote; keys of later versions are left aside."""
        known = {item.name for item in dataclasses.fields(cls)}
        values = {key: value for key, value in plain.items() if key in known}
        values["severity"] = Severity[plain["severity"]]
        values["road"] = Road(plain["road"])
        values["time"] = _utc(plain["time"]) if plain["time"] else None
        values["received"] = _utc(plain["received"])
        kept = plain.get("said") or {}
        values["why"] = phrase(plain["why"])
        values["title"] = from_kept(kept.get("title", plain["title"]))
        values["summary"] = from_kept(kept.get("summary", plain["summary"]))
        values["subject"] = from_kept(kept.get("subject", plain["subject"]))
        values["respond"] = tuple(from_kept(step) for step in kept.get("respond", plain["respond"]))
        if plain.get("quiet") is not None:
            values["quiet"] = from_kept(kept.get("quiet") or plain["quiet"])
        told = kept.get("facts", [fact["value"] for fact in plain["facts"]])
        values["facts"] = tuple(
            Fact(label=fact["label"], value=from_kept(value)) for fact, value in zip(plain["facts"], told, strict=True)
        )
        shown = kept.get("exhibits", [[exhibit["title"], None] for exhibit in plain["exhibits"]])
        values["exhibits"] = tuple(
            Exhibit(title=from_kept(title), text=exhibit["text"] if text is None else from_kept(text))
            for exhibit, (title, text) in zip(plain["exhibits"], shown, strict=True)
        )
        return cls(**values)


def _as_data(value: Any) -> Any:
    """Phrases as the plain texts they are."""
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, dict):
        return {key: _as_data(item) for key, item in value.items()}
    return type(value)(map(_as_data, value)) if isinstance(value, list | tuple) else value


def _label_in(label: str, phrases: Phrases) -> str:
    """Labels are ours, so that a plain one is looked up as well."""
    return said(label, phrases) if isinstance(label, Text) else phrases.get(label, label)


def window_group(window_id: str) -> str:
    """The conversation of a break-glass window, whichever account it is in."""
    return f"*#window:{window_id}"


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _key(text: str) -> str:
    """A text that is safe as part of a database key: as it is, or a digest where it is long or strange."""
    if len(text) <= 200 and text.isascii() and text.isprintable():
        return text
    return "sha256-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _cut(text: str, limit: int = _MAXIMUM_TEXT) -> str:
    return cut(text, limit)
