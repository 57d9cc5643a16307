"""The bucket that keeps the trail's records was opened, shortened or deleted."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.nouns import noun
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.blinding import Blow, after_failure, keeps_records
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.changes import keeps_the_public_out
from handlers.detections.once import once_an_event
from handlers.detections.watched import Evidence, Own
from handlers.detections.words import facts, request_exhibit, sentence

_BLOWS: Mapping[str, Blow] = {
    "DeleteBucket": Blow(
        did=phrase("deleted"), tried=phrase("delete"), effect=phrase("its records are gone"), severity=Severity.CRITICAL
    ),
    "DeleteBucketPolicy": Blow(
        did=phrase("deleted the policy of"),
        tried=phrase("delete the policy of"),
        effect=phrase("CloudTrail can no longer write into it"),
        severity=Severity.CRITICAL,
    ),
    "PutBucketPolicy": Blow(
        did=phrase("wrote the policy of"),
        tried=phrase("write the policy of"),
        effect=phrase("who may write, read or delete its records has changed"),
        severity=Severity.HIGH,
    ),
    "PutBucketLifecycle": Blow(
        did=phrase("set the lifecycle of"),
        tried=phrase("{do} the lifecycle of", do=phrase("set")),
        effect=phrase("records may be deleted earlier than they should"),
        severity=Severity.HIGH,
    ),
    "PutBucketLifecycleConfiguration": Blow(
        did=phrase("set the lifecycle of"),
        tried=phrase("{do} the lifecycle of", do=phrase("set")),
        effect=phrase("records may be deleted earlier than they should"),
        severity=Severity.HIGH,
    ),
    "DeleteBucketEncryption": Blow(
        did=phrase("took the encryption from"),
        tried=phrase("take the encryption from"),
        effect=phrase("new records are no longer encrypted with your key"),
        severity=Severity.MEDIUM,
    ),
    "PutBucketVersioning": Blow(
        did=phrase("suspended the versions of"),
        tried=phrase("suspend the versions of"),
        effect=phrase("a record that is overwritten is lost"),
        severity=Severity.CRITICAL,
    ),
    "PutBucketObjectLockConfiguration": Blow(
        did=phrase("changed the lock of"),
        tried=phrase("change the lock of"),
        effect=phrase("new records may be deleted earlier than before"),
        severity=Severity.HIGH,
    ),
    "PutBucketNotification": Blow(
        did=phrase("changed who is told of new records in"),
        tried=phrase("change who is told of new records in"),
        effect=phrase("whatever reads them may no longer notice them"),
        severity=Severity.MEDIUM,
    ),
    "DeleteBucketPublicAccessBlock": Blow(
        did=phrase("took the block of public access from"),
        tried=phrase("take the block of public access from"),
        effect=phrase("a policy can now open its records to everybody"),
        severity=Severity.HIGH,
    ),
    "PutBucketPublicAccessBlock": Blow(
        did=phrase("loosened the block of public access of"),
        tried=phrase("loosen the block of public access of"),
        effect=phrase("a policy can now open its records to everybody"),
        severity=Severity.HIGH,
    ),
    "PutBucketAcl": Blow(
        did=phrase("wrote the access list of"),
        tried=phrase("write the access list of"),
        effect=phrase("others may read or write its records"),
        severity=Severity.HIGH,
    ),
    "PutBucketEncryption": Blow(
        did=phrase("set the encryption of"),
        tried=phrase("{do} the encryption of", do=phrase("set")),
        effect=phrase("whoever holds that key decides who can read new records"),
        severity=Severity.MEDIUM,
    ),
    "PutBucketLogging": Blow(
        did=phrase("changed the access log of"),
        tried=phrase("change the access log of"),
        effect=phrase("who reads or deletes its records may no longer be recorded"),
        severity=Severity.MEDIUM,
    ),
    "DeleteBucketReplication": Blow(
        did=phrase("stopped the replication of"),
        tried=phrase("stop the replication of"),
        effect=phrase("new records have no copy elsewhere"),
        severity=Severity.HIGH,
    ),
    "PutBucketReplication": Blow(
        did=phrase("set the replication of"),
        tried=phrase("{do} the replication of", do=phrase("set")),
        effect=phrase("its records are copied to where the rule says"),
        severity=Severity.HIGH,
    ),
}

_LIFECYCLES = ("PutBucketLifecycle", "PutBucketLifecycleConfiguration")
_A_YEAR = 365  # days: how far back an auditor asks


@once_an_event
def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "s3", _BLOWS):
        return OTHER_CALL
    bucket = event.text("requestParameters", "bucketName")
    own, evidence = Own.of(lookups), Evidence.of(event, lookups)
    is_used = bucket in evidence.buckets
    # A bucket whose trail is another account's, or was deleted first, is known by its name only.
    if bucket and not (is_used or own.owns(bucket) or keeps_records(bucket)):
        return Pass(reason="no trail of the account delivers to it, and by its name it keeps no such records")
    if event.name == "PutBucketVersioning" and event.succeeded and _status(event) == "Enabled":
        return Pass(reason="versions are kept")
    if not bucket and not event.request_omitted:
        return Pass(reason="the record does not name the bucket, and most are none of ours")
    if event.name in _LIFECYCLES and _keeps_a_year(event):
        return Pass(reason="whatever is deleted is a year old or more")
    if event.name == "PutBucketPublicAccessBlock" and event.succeeded and keeps_the_public_out(event.request):
        return Pass(reason="the public stays out")
    blow = _BLOWS[event.name]
    severity = own.severity(event, blow.severity) if own.owns(bucket) else blow.severity
    name = short(bucket)
    target = phrase("the {kind} {name}", kind=noun("bucket"), name=name) if bucket else phrase("an unnamed bucket")
    return Concern(
        summary=sentence(event, *blow.deed(target), blow.effect),
        subject=phrase("bucket {name}", name=name or noun("unknown")),
        severity=severity if event.succeeded else after_failure(event, severity),
        group=f"trail-bucket:{short(bucket) or 'unknown'}",
        title="" if event.succeeded else phrase("Attempt on the records' bucket"),
        facts=facts(
            ("Bucket", bucket),
            ("A trail delivers to it", evidence.words(is_used=is_used) if bucket else ""),
            ("It would have meant", "" if event.succeeded else blow.effect),
        ),
        exhibits=request_exhibit(event),
    )


def _keeps_a_year(event: Event) -> bool:
    """Every rule names an age of a year or more. What names a date, or nothing that can be read, does not count."""
    found = event.dig("requestParameters", "LifecycleConfiguration", "Rule")
    rules = found if isinstance(found, list) else [found]
    ages = [
        rule[expiry].get(age)
        for rule in rules
        if isinstance(rule, Mapping)
        for expiry, age in (("Expiration", "Days"), ("NoncurrentVersionExpiration", "NoncurrentDays"))
        if isinstance(rule.get(expiry), Mapping)
    ]
    return bool(ages) and all(isinstance(age, int) and age >= _A_YEAR for age in ages)


def _status(event: Event) -> str:
    return event.text("requestParameters", "VersioningConfiguration", "Status")


TRAIL_BUCKET_CHANGED = Detection(
    id="trail-bucket-changed",
    title="The bucket of the audit trail was changed",
    why="It is the proof: whoever can delete or rewrite its records can undo what happened.",
    severity=Severity.HIGH,
    pattern=api_calls("s3", _BLOWS),
    assess=assess,
    respond=(
        "Put the bucket's settings back",
        "Prove that the records are whole",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    cis=("4.8 (v1.4-v5)", "5.8 (v6-v7)"),
    attack=("T1562.008", "T1485"),
    suppressible=False,
)
