"""What keeps a finding quiet: suppressions with an end, and deployers whose routine work becomes a digest."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Self

from handlers.alerting.detection import Detection
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.pattern import matches_arn, matches_glob
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase

# Above this a deployer's work is told at once as well: a pipeline is what an attacker would take over.
_ROUTINE = Severity.MEDIUM


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """One declared exception. Every condition that is given has to hold; what is "" does not matter.

    There is no condition on the user agent, the address or the name of a session alone: whoever makes the call
    chooses those.
    """

    detection: str
    account: str = ""
    principal: str = ""  # pattern of the caller's ARN: a user's, or a role session's
    source_role: str = ""  # pattern of the ARN of the role behind a session
    reason: str
    owner: str
    ticket: str
    created: date  # the first day it works, UTC
    expires: date  # the last day it works, UTC

    def covers(self, finding: Finding, event: Event) -> bool:
        """Whether it is about this finding, on the day that the event happened."""
        return (
            finding.detection_id == self.detection
            and self.created <= finding.happened.date() <= self.expires
            and self.account in ("", event.account)
            and _holds(self.principal, event.actor.arn)
            and _holds(self.source_role, event.actor.role_arn)
        )

    @property
    def words(self) -> str:
        """Why a finding is quiet, as it is stored and shown."""
        return phrase(
            "suppressed until {day} by {owner}'s ticket {ticket}: {reason}",
            day=self.expires.isoformat(),
            owner=self.owner,
            ticket=self.ticket,
            reason=self.reason,
        )

    def days_left(self, today: date) -> int:
        """Days until it stops working, the last one included; 0 or less: it has stopped."""
        return (self.expires - today).days + 1


@dataclass(frozen=True, kw_only=True)
class Deployer:
    """A role that infrastructure-as-code works with, in these accounts; `owner` answers for it."""

    role: str  # pattern of the role's ARN
    accounts: tuple[str, ...]
    owner: str

    def is_at_work(self, event: Event) -> bool:
        """Whether a session of this role made the call, in one of its accounts and not from a stranger's."""
        role = event.actor.role_arn
        return event.account in self.accounts and _account_of(role) in self.accounts and matches_arn(self.role, role)

    def may_be_named(self, name: str) -> bool:
        """Whether a role of this name would be one of this deployer's: IAM's calls name a role without its path."""
        return matches_glob(_name_of(self.role), name)


def suppressed(
    finding: Finding, event: Event, suppressions: Iterable[Suppression], *, protected: Collection[str]
) -> str | None:
    """Why nobody is disturbed by this finding, or None where no suppression covers it.

    Args:
        protected: ids of the detections that refuse suppressions, whatever is declared.
    """
    if finding.detection_id in protected:
        return None
    return next((item.words for item in suppressions if item.covers(finding, event)), None)


def digested(
    finding: Finding, event: Event, deployers: Sequence[Deployer], *, protected: Collection[str]
) -> str | None:
    """Why a finding belongs in the daily digest rather than on a screen, or None where people are to be told now.

    Routine is what a declared deployer does with success, or fails at without being denied, that makes nobody full
    administrator, and that is not about a deployer's own role. What could not be judged is not routine.
    """
    if finding.detection_id in protected or finding.severity > _ROUTINE or not finding.routine:
        return None
    deployer = next((item for item in deployers if item.is_at_work(event)), None)
    if deployer is None or _was_denied(event) or _is_about_a_deployer(event, deployers):
        return None
    return phrase(
        "digest: the declared deployer {role} did it; {owner} answers for it", role=deployer.role, owner=deployer.owner
    )


def protected_ids(detections: Iterable[Detection]) -> frozenset[str]:
    """The detections that nothing declared can keep quiet: root and tampering."""
    return frozenset(detection.id for detection in detections if not detection.suppressible)


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """All that a deployment declares to be quiet."""

    suppressions: tuple[Suppression, ...] = ()
    deployers: tuple[Deployer, ...] = ()
    staging: tuple[str, ...] = ()  # ids of detections that record without telling people

    def __bool__(self) -> bool:
        return bool(self.suppressions or self.deployers or self.staging)

    def reason(self, finding: Finding, event: Event, *, protected: Collection[str]) -> str | None:
        """Why this finding is quiet, or None. A suppression has the first word: it names a person and a ticket."""
        return suppressed(finding, event, self.suppressions, protected=protected) or digested(
            finding, event, self.deployers, protected=protected
        )

    def staged(self, detections: Iterable[Detection]) -> tuple[Detection, ...]:
        """The detections, those in staging marked so."""
        return tuple(replace(item, staging=item.staging or item.id in self.staging) for item in detections)

    def to_json(self) -> str:
        """As text, the same each time."""
        return json.dumps(asdict(self), default=date.isoformat, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read back what `to_json` wrote. Raises ValueError where it is anything else, saying what is wrong."""
        try:
            value = json.loads(text)
            return cls(
                suppressions=tuple(_suppression(item) for item in value["suppressions"]),
                deployers=tuple(
                    Deployer(**{**item, "accounts": tuple(item["accounts"])}) for item in value["deployers"]
                ),
                staging=tuple(value["staging"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error


def _suppression(item: dict[str, Any]) -> Suppression:
    days = {key: date.fromisoformat(item[key]) for key in ("created", "expires")}
    return Suppression(**{**item, **days})


def _holds(pattern: str, arn: str) -> bool:
    return not pattern or matches_arn(pattern, arn)


def _was_denied(event: Event) -> bool:
    # A deployer that is refused something is not at its routine work.
    return event.error is not None and any(word in event.error for word in ("Denied", "Unauthorized"))


def _is_about_a_deployer(event: Event, deployers: Sequence[Deployer]) -> bool:
    """Whether the call changes a deployer's own role - the caller's, or another's - or makes one."""
    name = event.text("requestParameters", "roleName")
    return bool(name) and (
        name == _name_of(event.actor.role_arn) or any(deployer.may_be_named(name) for deployer in deployers)
    )


def _name_of(arn: str) -> str:
    return arn.rpartition("/")[2]


def _account_of(arn: str) -> str:
    parts = arn.split(":", 5)
    return parts[4] if len(parts) > 5 else ""
