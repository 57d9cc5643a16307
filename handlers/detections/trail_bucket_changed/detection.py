"""The bucket that keeps the trail's records was opened, shortened or deleted."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections.blinding import Blow, after_failure, keeps_records
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.changes import keeps_the_public_out
from handlers.detections.watched import Evidence, Own
from handlers.detections.words import facts, request_exhibit, sentence, short

_BLOWS: Mapping[str, Blow] = {
    "DeleteBucket": Blow(did="deleted", tried="delete", effect="its records are gone", severity=Severity.CRITICAL),
    "DeleteBucketPolicy": Blow(
        did="deleted the policy of",
        tried="delete the policy of",
        effect="CloudTrail can no longer write into it",
        severity=Severity.CRITICAL,
    ),
    "PutBucketPolicy": Blow(
        did="wrote the policy of",
        tried="write the policy of",
        effect="who may write, read or delete its records has changed",
        severity=Severity.HIGH,
    ),
    "PutBucketLifecycle": Blow(
        did="set the lifecycle of",
        tried="set the lifecycle of",
        effect="records may be deleted earlier than they should",
        severity=Severity.HIGH,
    ),
    "PutBucketLifecycleConfiguration": Blow(
        did="set the lifecycle of",
        tried="set the lifecycle of",
        effect="records may be deleted earlier than they should",
        severity=Severity.HIGH,
    ),
    "DeleteBucketEncryption": Blow(
        did="took the encryption from",
        tried="take the encryption from",
        effect="new records are no longer encrypted with your key",
        severity=Severity.MEDIUM,
    ),
    "PutBucketVersioning": Blow(
        did="suspended the versions of",
        tried="suspend the versions of",
        effect="a record that is overwritten is lost",
        severity=Severity.CRITICAL,
    ),
    "PutBucketObjectLockConfiguration": Blow(
        did="changed the lock of",
        tried="change the lock of",
        effect="new records may be deleted earlier than before",
        severity=Severity.HIGH,
    ),
    "PutBucketNotification": Blow(
        did="changed who is told of new records in",
        tried="change who is told of new records in",
        effect="whatever reads them may no longer notice them",
        severity=Severity.MEDIUM,
    ),
    "DeleteBucketPublicAccessBlock": Blow(
        did="took the block of public access from",
        tried="take the block of public access from",
        effect="a policy can now open its records to everybody",
        severity=Severity.HIGH,
    ),
    "PutBucketPublicAccessBlock": Blow(
        did="loosened the block of public access of",
        tried="loosen the block of public access of",
        effect="a policy can now open its records to everybody",
        severity=Severity.HIGH,
    ),
    "PutBucketAcl": Blow(
        did="wrote the access list of",
        tried="write the access list of",
        effect="others may read or write its records",
        severity=Severity.HIGH,
    ),
    "PutBucketEncryption": Blow(
        did="set the encryption of",
        tried="set the encryption of",
        effect="whoever holds that key decides who can read new records",
        severity=Severity.MEDIUM,
    ),
    "PutBucketLogging": Blow(
        did="changed the access log of",
        tried="change the access log of",
        effect="who reads or deletes its records may no longer be recorded",
        severity=Severity.MEDIUM,
    ),
    "DeleteBucketReplication": Blow(
        did="stopped the replication of",
        tried="stop the replication of",
        effect="new records have no copy elsewhere",
        severity=Severity.HIGH,
    ),
    "PutBucketReplication": Blow(
        did="set the replication of",
        tried="set the replication of",
        effect="its records are copied to where the rule says",
        severity=Severity.HIGH,
    ),
}

_LIFECYCLES = ("PutBucketLifecycle", "PutBucketLifecycleConfiguration")
_A_YEAR = 365  # days: how far back an auditor asks


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
    words = f"the bucket {short(bucket)}" if bucket else "an unnamed bucket"
    return Concern(
        summary=sentence(event, f"{blow.did} {words}", f"{blow.tried} {words}", blow.effect),
        subject=f"bucket {short(bucket) or 'unknown'}",
        severity=severity if event.succeeded else after_failure(event, severity),
        group=f"trail-bucket:{short(bucket) or 'unknown'}",
        title="" if event.succeeded else "Attempt on the records' bucket",
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
