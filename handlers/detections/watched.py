"""What watches: Rootwatch's own parts, known by their names, and what the account's trails deliver to, known by asking.

A deployment calls all that it makes after itself: `rootwatch-alerts`, `/rootwatch/slack-token`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handlers.alerting.detection import Concern, Pass
from handlers.alerting.event import Event
from handlers.alerting.nouns import noun
from handlers.alerting.ports import Lookups, Unknown
from handlers.alerting.severity import Severity
from handlers.alerting.suppression import Deployer
from handlers.alerting.text import phrase, short
from handlers.detections.blinding import after_failure
from handlers.detections.changes import texts_of
from handlers.detections.words import facts, request_exhibit, sentence, tail

GROUP = "watcher:rootwatch"  # whatever is done to Rootwatch in one account is one conversation

_NAME = "rootwatch"  # where nobody says otherwise
_ON_RESOURCE = "on resource: "  # in the message of a denied call, which has no parameters
_FUNCTIONS = ("raise-alert", "sweep-trail", "follow-up", "apply-click")  # that set alarms and take them back
_CLOUDFORMATION = "cloudformation.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class Own:
    """Rootwatch's deployment, as far as a detection has to know it."""

    name: str = _NAME
    deployers: tuple[Deployer, ...] = ()

    @classmethod
    def of(cls, lookups: Lookups) -> Own:
        """As configured; where that is not known, with the name it has by default and nobody declared."""
        known = lookups.deployment()
        if isinstance(known, Unknown):
            return cls()
        name = known.get("name")
        return cls(
            name=name if isinstance(name, str) and name else _NAME,
            deployers=tuple(_deployers(known.get("deployers"))),
        )

    def parts(self, event: Event) -> tuple[str, ...]:
        """What of ours the record names, under whichever key: by name, ARN, a queue's URL, a parameter's path."""
        pattern = _part(self.name)
        return tuple(sorted({found[1] for text in _targets(event) for found in pattern.finditer(text[:500])}))

    def owns(self, name: str) -> bool:
        """Whether something of this name, path or ARN is ours."""
        return _part(self.name).search(name[:500]) is not None

    def is_at_work(self, event: Event) -> bool:
        """Whether one of our own functions made this call: their roles are called after them, and trust Lambda alone.

        Whoever would borrow one has to change what the role trusts or what the function runs, which is told.
        """
        role = event.actor.role_arn
        return event.actor.account == event.account and any(
            role.endswith(f":role/{self.name}-{function}") for function in _FUNCTIONS
        )

    def severity(self, event: Event, usual: Severity, *, by_deployer: Severity = Severity.INFO) -> Severity:
        """How bad it is, by who does it: deploying Rootwatch is what declared deployers are for.

        Where somebody is declared, CloudFormation at work for others is odd; where nobody is, it has the last word.
        What it carries out follows from an operation on a stack, which is told by itself; AWS writes `invokedBy`.
        """
        if any(deployer.is_at_work(event) for deployer in self.deployers):
            return min(usual, by_deployer)
        if event.actor.invoked_by == _CLOUDFORMATION:
            return min(usual, Severity.MEDIUM if self.deployers else Severity.INFO)
        return usual


def tampered(event: Event, own: Own, call: str, service: str, severity: Severity) -> Concern | Pass:
    """The concern about a call on a part of Rootwatch; of this severity where it worked.

    Args:
        call: its name, without the API's version.
    """
    parts = own.parts(event)
    if not parts:
        return Pass(reason="it names nothing of Rootwatch's")
    part = short(parts[0])
    return Concern(
        summary=sentence(
            event,
            phrase("called {call} of {service} on {part}", call=call, service=service, part=part),
            phrase("call {call} of {service} on {part}", call=call, service=service, part=part),
            phrase("what Rootwatch no longer sees or tells, nobody is told"),
        ),
        subject=phrase("Rootwatch's {part}", part=part),
        severity=severity if event.succeeded else after_failure(event, severity),
        group=GROUP,
        title="" if event.succeeded else phrase("Attempt to change Rootwatch"),
        facts=facts(("Parts named", ", ".join(parts))),
        exhibits=request_exhibit(event),
    )


@functools.lru_cache(maxsize=4)
def _part(name: str) -> re.Pattern[str]:
    """Our names begin so, in ARNs, URLs and paths; "/" and ":" come before them there."""
    return re.compile(rf"(?:^|[/:])({re.escape(name)}(?:-[A-Za-z0-9_.-]+|/[A-Za-z0-9_.-]+)+)", re.IGNORECASE)


def _targets(event: Event) -> Iterator[str]:
    for _, text in texts_of(event.request):
        yield text
    yield event.text("responseElements", "functionArn")  # a request about an event source names no function
    if not event.request:
        yield event.text("errorMessage").partition(_ON_RESOURCE)[2].partition(" ")[0]


def _deployers(values: object) -> Iterator[Deployer]:
    for value in values if isinstance(values, list) else ():
        role, accounts = (value.get("role"), value.get("accounts")) if isinstance(value, Mapping) else (None, None)
        if isinstance(role, str) and isinstance(accounts, list):
            yield Deployer(role=role, accounts=tuple(item for item in accounts if isinstance(item, str)), owner="")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Where the trails of an account deliver, and with which keys."""

    buckets: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()  # their ids, without the rest of the ARN
    log_groups: frozenset[str] = frozenset()
    unknown: str = ""  # why it is not known

    @classmethod
    def of(cls, event: Event, lookups: Lookups) -> Evidence:
        """What the trails that record the event's region say."""
        known = lookups.trails(event.account, event.region)
        if isinstance(known, Unknown):
            return cls(unknown=known.reason)
        listed = known.get("trails")
        trails = [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []
        return cls(
            buckets=frozenset(_texts(trails, "S3BucketName")),
            keys=frozenset(tail(key) for key in _texts(trails, "KmsKeyId")),
            log_groups=frozenset(
                arn.partition(":log-group:")[2].removesuffix(":*")
                for arn in _texts(trails, "CloudWatchLogsLogGroupArn")
            ),
        )

    def words(self, *, is_used: bool) -> str:
        """Whether a trail uses something, for a fact: "yes", "no", or why nobody knows."""
        if self.unknown:
            return phrase("not known ({reason})", reason=short(self.unknown))
        return noun("yes") if is_used else noun("no")


def _texts(trails: Iterable[Mapping[str, Any]], key: str) -> Iterator[str]:
    for trail in trails:
        value = trail.get(key)
        if isinstance(value, str) and value:
            yield value
