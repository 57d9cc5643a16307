"""The key that a trail encrypts with was disabled, is to be deleted, or obeys others now."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.blinding import Blow, after_failure, keeps_records
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.changes import first_text
from handlers.detections.once import once_an_event
from handlers.detections.watched import Evidence, Own
from handlers.detections.words import facts, request_exhibit, sentence, tail

_BLOWS: Mapping[str, Blow] = {
    "DisableKey": Blow(
        did=phrase("disabled"),
        tried=phrase("disable"),
        effect=phrase("the trail delivers nothing while it is"),
        severity=Severity.CRITICAL,
    ),
    "ScheduleKeyDeletion": Blow(
        did=phrase("scheduled the deletion of"),
        tried=phrase("schedule the deletion of"),
        effect=phrase("when it is gone, nobody can read the records"),
        severity=Severity.CRITICAL,
    ),
    "DeleteImportedKeyMaterial": Blow(
        did=phrase("deleted the material of"),
        tried=phrase("delete the material of"),
        effect=phrase("nobody can read the records without it"),
        severity=Severity.CRITICAL,
    ),
    "PutKeyPolicy": Blow(
        did=phrase("wrote the policy of"),
        tried=phrase("write the policy of"),
        effect=phrase("CloudTrail may be locked out, or somebody let in"),
        severity=Severity.HIGH,
    ),
    "CreateGrant": Blow(
        did=phrase("let somebody use"),
        tried=phrase("let {whom} use", whom=phrase("somebody")),
        effect=phrase("the grantee may read the records, past the key's policy"),
        severity=Severity.MEDIUM,
    ),
    "DeleteAlias": Blow(
        did=phrase("deleted a name of"),
        tried=phrase("delete a name of"),
        effect=phrase("what asks for the key by it does not find the key"),
        severity=Severity.MEDIUM,
    ),
    "UpdateAlias": Blow(
        did=phrase("moved a name to"),
        tried=phrase("move a name to"),
        effect=phrase("what asks by it gets this key, and no longer the one before"),
        severity=Severity.HIGH,
    ),
    "CancelKeyDeletion": Blow(
        did=phrase("cancelled the deletion of"),
        tried=phrase("cancel the deletion of"),
        effect=phrase("it stays, and has to be enabled"),
        severity=Severity.INFO,
    ),
    "EnableKey": Blow(
        did=phrase("enabled"),
        tried=phrase("enable"),
        effect=phrase("the trail can deliver again"),
        severity=Severity.INFO,
    ),
}
_KEY = ":key/"
_ALIAS = "alias/"


@once_an_event
def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "kms", _BLOWS):
        return OTHER_CALL
    key, alias = _key(event), _alias(event)
    own, evidence = Own.of(lookups), Evidence.of(event, lookups)
    is_used = tail(key) in evidence.keys
    name = alias.removeprefix(_ALIAS)
    # Another account's trail, or one that was deleted first, leaves nothing but the name.
    if not (is_used or own.owns(name) or keeps_records(name)):
        return Pass(reason="no trail of the account encrypts with it, and no name of it says so")
    blow = _BLOWS[event.name]
    severity = own.severity(event, blow.severity) if own.owns(name) else blow.severity
    shown = short(alias or tail(key))
    return Concern(
        summary=sentence(event, *blow.deed(phrase("the trail's key {name}", name=shown)), blow.effect),
        subject=phrase("key {name}", name=shown),
        severity=severity if event.succeeded else after_failure(event, severity),
        group=f"trail-key:{shown}",
        title="" if event.succeeded else phrase("Attempt on the trail's key"),
        facts=facts(
            ("Key", key),
            ("A trail encrypts with it", evidence.words(is_used=is_used)),
            ("Gone on", event.text("responseElements", "deletionDate")),
            ("It would have meant", "" if event.succeeded else blow.effect),
        ),
        exhibits=request_exhibit(event),
    )


def _key(event: Event) -> str:
    """The key's ARN or id, from wherever the record has it: a request may name it by an alias."""
    resources = event.dig("resources")
    arns = [item.get("ARN") for item in resources if isinstance(item, Mapping)] if isinstance(resources, list) else []
    found = [arn for arn in arns if isinstance(arn, str) and _KEY in arn]
    named = first_text(event, ("requestParameters", "targetKeyId"), ("requestParameters", "keyId"))
    return found[0] if found and _ALIAS in f"{named or _ALIAS}" else named


def _alias(event: Event) -> str:
    """ "alias/trail", without the rest of an ARN; "" where the key is named by its id."""
    named = first_text(event, ("requestParameters", "aliasName"), ("requestParameters", "keyId"))
    _, alias, name = named.partition(_ALIAS)
    return f"{alias}{name}"


TRAIL_KEY_CHANGED = Detection(
    id="trail-key-changed",
    title="The audit trail's key was changed",
    why="A trail whose key does not work delivers nothing; without the key, what it delivered cannot be read.",
    severity=Severity.CRITICAL,
    pattern=api_calls("kms", _BLOWS),
    assess=assess,
    respond=(
        "Enable the key, cancel its deletion, or put its policy back",
        "Prove that the trail delivers, and since when it did not",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    cis=("4.7 (v1.4-v5)", "5.7 (v6-v7)"),
    attack=("T1562.008", "T1485"),
    suppressible=False,
)
