"""Switching off what else watches: services that find, keep or tell, each call with what it costs us."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from handlers.alerting.detection import Concern, Pass
from handlers.alerting.event import Event
from handlers.alerting.nouns import noun
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.calls import OTHER_CALL, is_call
from handlers.detections.words import facts, is_denied, lowered, request_exhibit, sentence, tail

ATTEMPT = phrase("Attempt to switch a watcher off")


@dataclass(frozen=True, kw_only=True)
class Blow:
    """What one call does to a watcher."""

    did: str  # phrases; with what it did it to: "deleted" + "the detector 12ab"
    tried: str
    effect: str
    severity: Severity

    def deed(self, target: str) -> tuple[str, str]:
        """What was done to the target, and the same as what was tried."""
        return (
            phrase("{did} {target}", did=self.did, target=target),
            phrase("{tried} {target}", tried=self.tried, target=target),
        )


def struck(event: Event, service: str, blows: Mapping[str, Blow], *, what: str, name: str) -> Concern | Pass:
    """The concern about one of these calls of a service.

    Args:
        what: the kind of thing it was done to, "detector".
        name: which one; "" where the record does not say.
    """
    if not is_call(event, service, blows):
        return OTHER_CALL
    blow = blows[event.name]
    kind, called = noun(what), short(tail(name))
    target = phrase("the {kind} {name}", kind=kind, name=called) if name else phrase("the account's {kind}", kind=kind)
    return Concern(
        summary=sentence(event, *blow.deed(target), blow.effect),
        subject=(
            phrase("{kind} {name}", kind=kind, name=called) if called else phrase("{kind} of the account", kind=kind)
        ),
        severity=blow.severity if event.succeeded else after_failure(event, blow.severity),
        group=f"watcher:{service}",  # one conversation a service: who switches it off makes several calls
        title="" if event.succeeded else ATTEMPT,
        facts=facts((what.capitalize(), name), ("It would have meant", "" if event.succeeded else blow.effect)),
        exhibits=request_exhibit(event),
    )


def after_failure(event: Event, severity: Severity) -> Severity:
    """How bad the attempt is: to want the right is worse than to get a name wrong. What was routine stays so."""
    return severity if severity is Severity.INFO else lowered(severity, 1 if is_denied(event) else 2)


def is_told(event: Event) -> bool:
    """Whether the record tells what was asked for: it does not for many denied calls, and for padded ones."""
    return bool(event.request) and not event.request_omitted


def records_everything(event: Event) -> bool:
    """Whether PutConfigurationRecorder leaves nothing out; without the global types IAM would have no history."""
    group = event.dig("requestParameters", "configurationRecorder", "recordingGroup")
    return isinstance(group, Mapping) and all(
        group.get(key) is True for key in ("allSupported", "includeGlobalResourceTypes")
    )


# The call does not say what a bucket keeps, so its name has to: ours, AWS's own, and what people call theirs.
_KEEPS_RECORDS = re.compile(r"(?i)rootwatch|cloudtrail|(?:^|[-.])trails?(?:[-.]|$)|aws-controltower-logs|config-bucket")


def keeps_records(bucket: str) -> bool:
    """Whether, by its name, this bucket keeps the trail's or Config's records."""
    return bool(_KEEPS_RECORDS.search(bucket[:100]))
