"""Who may reach a bucket was changed, or what becomes of the objects in it."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.privilege.documents import Statement, read_document
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.calls import api_calls
from handlers.detections.changes import Change, changed, keeps_the_public_out, nothing_changed, texts_of
from handlers.detections.grants import Target
from handlers.detections.trail_bucket_changed.detection import TRAIL_BUCKET_CHANGED

_OPEN_ACLS = ("public-read", "public-read-write", "authenticated-read")
_OPEN_GROUPS = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")
_CHANGES: Mapping[str, Change] = {
    "PutBucketPolicy": Change(
        did=phrase("wrote the policy of"), effect=phrase("others may reach its objects now, or no longer")
    ),
    "DeleteBucketPolicy": Change(
        did=phrase("deleted the policy of"), effect=phrase("what it forbade is no longer forbidden")
    ),
    "PutBucketAcl": Change(
        did=phrase("wrote the access list of"), effect=phrase("others may reach its objects now, or no longer")
    ),
    "PutBucketCors": Change(did=phrase("let other websites' scripts read"), effect=phrase("browsers obey at once")),
    "DeleteBucketCors": Change(
        did=phrase("let no other websites' scripts read"), effect=phrase("browsers obey at once")
    ),
    "PutBucketLifecycle": Change(
        did=phrase("changed how long objects stay in"), effect=phrase("what is older may be deleted")
    ),
    "PutBucketLifecycleConfiguration": Change(
        did=phrase("changed how long objects stay in"), effect=phrase("what is older may be deleted")
    ),
    "DeleteBucketLifecycle": Change(
        did=phrase("let objects stay for ever in"), effect=phrase("nothing is deleted by itself any more")
    ),
    "PutBucketReplication": Change(
        did=phrase("had objects copied from"), effect=phrase("new ones go to another bucket as well")
    ),
    "DeleteBucketReplication": Change(
        did=phrase("stopped the copying of objects from"), effect=phrase("new ones stay where they are")
    ),
    "PutBucketPublicAccessBlock": Change(
        did=phrase("set the block of public access of"),
        effect=phrase("it decides whether a policy can open it to everybody"),
    ),
    "DeleteBucketPublicAccessBlock": Change(
        did=phrase("removed the block of public access of"),
        effect=phrase("a policy can open it to everybody now"),
        severity=Severity.MEDIUM,
    ),
    "PutAccountPublicAccessBlock": Change(
        did=phrase("set the block of public access of"),
        effect=phrase("it decides whether policies can open its buckets to everybody"),
    ),
    "DeleteAccountPublicAccessBlock": Change(
        did=phrase("removed the block of public access of"),
        effect=phrase("policies can open its buckets to everybody now"),
        severity=Severity.MEDIUM,
    ),
}


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if (reason := nothing_changed(event, "s3", _CHANGES)) is not None:
        return reason
    if "AccountPublic" in event.name:
        target = Target(kind="account", name=event.account)
    else:
        target = Target(kind="bucket", name=event.text("requestParameters", "bucketName"))
        if isinstance(TRAIL_BUCKET_CHANGED.assess(event, lookups), Concern):
            return Pass(reason="it may be a bucket of records: trail-bucket-changed tells that")
    return changed(event, _CHANGES, target, worse=_opened(event))


def _opened(event: Event) -> str:
    """What it means where the call opens the bucket to everybody, or lets that happen; "" where it does not."""
    if event.name == "PutBucketPolicy":
        policy = read_document(event.request.get("bucketPolicy"), needs_resource=False)
        is_open = any(_is_for_everybody(statement) for statement in policy.statements)
        return phrase("everybody may now do what it allows") if is_open else ""
    if event.name == "PutBucketAcl":
        is_open = any(
            (key == "x-amz-acl" and value in _OPEN_ACLS) or any(group in value for group in _OPEN_GROUPS)
            for key, value in texts_of(event.request)
        )
        return phrase("everybody may now do what it allows") if is_open else ""
    block = event.dig("requestParameters", "PublicAccessBlockConfiguration")
    if event.name.startswith("Put") and block is not None:
        if keeps_the_public_out(block):
            return ""
        return phrase("not all of it is on, and what is off lets it be opened to everybody")
    return ""


def _is_for_everybody(statement: Statement) -> bool:
    """Without a condition: what one means for a bucket is for a person to read."""
    everybody = statement.except_principals or ("AWS", "*") in statement.principals
    return statement.allows and everybody and not statement.conditions


CIS_S3_BUCKET_POLICY_CHANGED = Detection(
    id="cis-s3-bucket-policy-changed",
    title="Who may reach a bucket changed",
    why="A bucket that is opened to everybody by mistake is found within hours, and emptied.",
    severity=Severity.LOW,
    pattern=api_calls("s3", _CHANGES),
    assess=assess,
    respond=(
        "Ask the bucket's owner whether the change is theirs",
        "Look at who may reach the bucket now, and what is in it",
        "If nobody planned it: close the bucket, then read who has been in it",
    ),
    regions=Regions.EVERY,
    cis=("4.8 (v1.4-v5)", "5.8 (v6-v7)"),
    attack=("T1530", "T1537"),
    pack="cis",
)
