"""The life of an alert: who owns it, and what people decided about it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

OURSELVES = "rootwatch"  # who acted where no person did


class State(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ESCALATED = "escalated"
    EXPECTED = "expected"
    CLOSED = "closed"


class Verb(StrEnum):
    """What somebody may do with an alert."""

    ACKNOWLEDGE = "acknowledge"
    ESCALATE = "escalate"
    EXPECT = "expect"
    CLOSE = "close"
    REOPEN = "reopen"


class Cause(StrEnum):
    """Why an alert could be closed."""

    HARMLESS = "harmless"  # it was looked at, and nothing was wrong
    MENDED = "mended"  # something was wrong, and is not any more
    INCIDENT = "incident"  # it goes on elsewhere
    OVER = "over"  # whatever had found it says so: nobody had to
    OTHER = "other"


class Outcome(StrEnum):
    """Why an act was done, or was not."""

    DONE = "done"
    OWNED = "owned"  # somebody else was faster
    ALREADY = "already"  # it is in that state
    SETTLED = "settled"  # expected or closed: reopen it first
    GONE = "gone"  # no such alert: it has expired


@dataclass(frozen=True, kw_only=True)
class Life:
    """An alert's state, and the act that brought it there. `version` counts the acts done."""

    state: State = State.OPEN
    by: str = ""  # a Slack user id, or OURSELVES
    at: datetime | None = None
    reason: str = ""
    ticket: str = ""
    cause: Cause | None = None  # of a closed one
    version: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether nobody has to do anything any more."""
        return self.state in (State.EXPECTED, State.CLOSED)

    def to_plain(self) -> dict[str, Any]:
        """For a store: texts and a number."""
        at = self.at.isoformat() if self.at else ""
        return {
            "state": str(self.state),
            "by": self.by,
            "at": at,
            "reason": self.reason,
            "ticket": self.ticket,
            "cause": str(self.cause or ""),
            "version": self.version,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """What `to_plain` gave; the store may have made a Decimal of the number."""
        return cls(
            state=State(plain["state"]),
            by=plain["by"],
            at=datetime.fromisoformat(plain["at"]) if plain["at"] else None,
            reason=plain["reason"],
            ticket=plain["ticket"],
            cause=Cause(plain["cause"]) if plain.get("cause") else None,
            version=int(plain["version"]),
        )


@dataclass(frozen=True, kw_only=True)
class Act:
    """What somebody wants done. The id makes a repeat recognisable: the same click, delivered again."""

    id: str
    verb: Verb
    by: str
    at: datetime
    reason: str = ""
    ticket: str = ""
    cause: Cause | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of an act: the life after it, and why. Where the outcome is not DONE, the life is unchanged."""

    outcome: Outcome
    life: Life


_LEADS_TO = {
    Verb.ACKNOWLEDGE: State.ACKNOWLEDGED,
    Verb.ESCALATE: State.ESCALATED,
    Verb.EXPECT: State.EXPECTED,
    Verb.CLOSE: State.CLOSED,
    Verb.REOPEN: State.OPEN,
}


def decide(life: Life, act: Act) -> Decision:
    """Whether an act is done. The first person to acknowledge owns the alert; a settled one is reopened first.

    Whoever was called for help can acknowledge too, and owns it from then on.
    """
    state = _LEADS_TO[act.verb]
    if act.verb is Verb.ACKNOWLEDGE and life.state not in (State.OPEN, State.ESCALATED):
        return Decision(outcome=Outcome.ALREADY if life.by == act.by else Outcome.OWNED, life=life)
    if life.state is state:
        return Decision(outcome=Outcome.ALREADY, life=life)
    if life.is_settled and act.verb is not Verb.REOPEN:
        return Decision(outcome=Outcome.SETTLED, life=life)
    after = Life(
        state=state,
        by=act.by,
        at=act.at,
        reason=act.reason,
        ticket=act.ticket,
        cause=act.cause,
        version=life.version + 1,
    )
    return Decision(outcome=Outcome.DONE, life=after)


def reopened_by(life: Life, *, finding_id: str, received: datetime) -> Act | None:
    """The act by which a finding reopens a closed alert; None where the alert is not closed, or was so afterwards."""
    if life.state is not State.CLOSED or life.at is None or received <= life.at:
        return None
    return Act(id=reopening_id(finding_id), verb=Verb.REOPEN, by=OURSELVES, at=received)


def closed_by(life: Life, *, finding_id: str, at: datetime, reason: str) -> Act | None:
    """The act by which a finding that says "it is over" closes its alert; None where people have settled it."""
    if life.is_settled:
        return None
    return Act(id=closing_id(finding_id), verb=Verb.CLOSE, by=OURSELVES, at=at, reason=reason, cause=Cause.OVER)


def reopening_id(finding_id: str) -> str:
    """Derived, so that a repeat of the finding is a repeat of the act."""
    return f"finding {finding_id}"


def closing_id(finding_id: str) -> str:
    """Derived, so that a repeat of the finding is a repeat of the act."""
    return f"over {finding_id}"


def audit_key(alert_id: str, act_id: str, life: Life) -> str:
    """Where the audit log keeps an act that led to `life`: by day (UTC) and alert, in order; a repeat has the same."""
    digest = hashlib.sha256(act_id.encode("utf-8", "replace")).hexdigest()[:16]
    day = f"{life.at.astimezone(UTC):%Y/%m/%d}" if life.at else "undated"
    return f"transitions/{day}/{alert_id}/{life.version:04d}-{digest}.json"


def audit_entry(alert_id: str, act_id: str, verb: Verb, life: Life) -> dict[str, Any]:
    """What the audit log keeps of an act: who did what, when and why, and where that left the alert."""
    return {"alert": alert_id, "act": act_id, "verb": str(verb), **life.to_plain()}
