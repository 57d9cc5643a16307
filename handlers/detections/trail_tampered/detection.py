"""The trail was stopped, deleted, narrowed or blinded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from handlers.alerting.detection import Concern, Detection, Fact, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.nouns import noun
from handlers.alerting.ports import Lookups, Unknown
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.once import once_an_event
from handlers.detections.selectors import Loss, losses
from handlers.detections.words import facts, is_denied, lowered, request_exhibit, sentence, tail

_GONE = Loss(
    effect=phrase("it records nothing more, and no alert comes from an account that no trail records"),
    severity=Severity.CRITICAL,
)
_VERBS = {
    "StopLogging": (phrase("stopped"), phrase("stop")),
    "DeleteTrail": (phrase("deleted"), phrase("delete")),
    "UpdateTrail": (phrase("changed"), phrase("change")),
    "PutEventSelectors": (phrase("changed what is recorded by"), phrase("change what is recorded by")),
}

# What it means that UpdateTrail switches a setting off (CloudTrail API reference, UpdateTrail).
_SWITCHED_OFF: Mapping[str, Loss] = {
    "isMultiRegionTrail": Loss(effect=phrase("it now records one region only"), severity=Severity.CRITICAL),
    "includeGlobalServiceEvents": Loss(effect=phrase("it no longer records IAM and STS"), severity=Severity.CRITICAL),
    "isOrganizationTrail": Loss(effect=phrase("it no longer records the other accounts"), severity=Severity.CRITICAL),
    "enableLogFileValidation": Loss(effect=phrase("nobody will notice a change of its files"), severity=Severity.HIGH),
}
_EMPTIED: Mapping[str, Loss] = {
    "kmsKeyId": Loss(effect=phrase("its files are no longer encrypted with a key of yours"), severity=Severity.MEDIUM),
    "cloudWatchLogsLogGroupArn": Loss(effect=phrase("it no longer feeds CloudWatch Logs"), severity=Severity.MEDIUM),
}


def _losses(event: Event) -> Iterator[Loss]:
    if event.name in ("StopLogging", "DeleteTrail"):
        yield _GONE
    elif event.name == "PutEventSelectors":
        yield from losses(event.request)
    elif not event.request or event.request_omitted:
        yield Loss(effect=phrase("what was changed is not recorded"), severity=Severity.MEDIUM)
    else:
        yield from (loss for key, loss in _SWITCHED_OFF.items() if _is_off(event, key))
        yield from (loss for key, loss in _EMPTIED.items() if event.request.get(key) == "")
        if bucket := event.text("requestParameters", "s3BucketName"):
            # The request does not say where it delivered before: a person has to know the bucket.
            yield Loss(
                effect=phrase("it now delivers to the bucket {name}", name=short(bucket)), severity=Severity.MEDIUM
            )


def _is_off(event: Event, setting: str) -> bool:
    return event.text("requestParameters", setting).casefold() == "false"  # a boolean, or a word in old records


@once_an_event
def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "cloudtrail", _VERBS):
        return OTHER_CALL
    found = sorted(_losses(event), key=lambda loss: -loss.severity)
    if not found:
        return Pass(reason="the trail records as much as before")
    name = event.text("requestParameters", "name") or event.text("requestParameters", "trailName")
    shown = short(tail(name))
    trail = phrase("the {kind} {name}", kind=noun("trail"), name=shown) if name else phrase("an unnamed trail")
    did, tried = _VERBS[event.name]
    effect = found[0].effect
    for loss in found[1:]:
        effect = phrase("{effect}; {next}", effect=effect, next=loss.effect)
    severity = found[0].severity
    return Concern(
        summary=sentence(
            event,
            phrase("{did} {target}", did=did, target=trail),
            phrase("{tried} {target}", tried=tried, target=trail),
            effect,
        ),
        subject=phrase("trail {name}", name=tail(name) or noun("unknown")),
        severity=severity if event.succeeded else lowered(severity, 1 if is_denied(event) else 2),
        group=f"trail:{short(tail(name)) or 'unknown'}",
        title="" if event.succeeded else phrase("Attempt to blind CloudTrail"),
        facts=(
            *facts(("Trail", name), ("It would have meant", "" if event.succeeded else effect)),
            *(_settings(event, name, lookups) if name and event.name == "StopLogging" else ()),
        ),
        exhibits=request_exhibit(event),
    )


def _settings(event: Event, name: str, lookups: Lookups) -> tuple[Fact, ...]:
    """What the stopped trail was: the one that matters, or a small one beside it."""
    trail = lookups.trail(event.account, event.region, name)
    if isinstance(trail, Unknown):
        return facts(("The trail's settings", phrase("unavailable ({error})", error=trail.reason)))
    return facts(
        ("All regions", str(trail.get("IsMultiRegionTrail", "unknown"))),
        ("Delivers to", str(trail.get("S3BucketName", "unknown"))),
    )


TRAIL_TAMPERED = Detection(
    id="trail-tampered",
    title="CloudTrail was blinded",
    why="What the trail does not record, nobody can alert on or prove; intruders begin here.",
    severity=Severity.CRITICAL,
    pattern=api_calls("cloudtrail", _VERBS),
    assess=assess,
    respond=(
        "Start the trail again, or put its settings back",
        "Read what the same session did before, and look for other regions where it worked",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    cis=("4.5 (v1.4-v5)", "5.5 (v6-v7)"),
    attack=("T1562.008",),
    suppressible=False,
)
