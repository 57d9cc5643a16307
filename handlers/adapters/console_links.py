"""Links into the AWS console: from templates, with every part checked - no event can bring a link of its own.

A part that does not look as AWS writes it gives no link at all, rather than one that leads elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from handlers.alerting.finding import Finding

_REGION = re.compile(
    r"(?:af|ap|ca|cn|eu|il|me|mx|sa|us|us-gov)-"
    r"(?:central|north|south|east|west|northeast|northwest|southeast|southwest)-[1-9][0-9]?"
)
_EVENT_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# IAM's own rule for the names of users, groups and roles (IAM user guide, quotas); paths are not part of the link.
_NAME = r"(?P<name>[A-Za-z0-9_+=,.@-]{1,128})"
_SUBJECT = re.compile(r"(?P<kind>user|role|group) " + _NAME)
_USER_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:(?P<kind>user)/(?:[\x21-\x7e]{1,512}/)?" + _NAME)
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:sts::[0-9]{12}:assumed-(?P<kind>role)/" + _NAME + r"/[\x21-\x7e]{1,64}")


@dataclass(frozen=True, kw_only=True)
class _Partition:
    domain: str  # of the console
    global_region: str  # where the IAM console lives


_COMMERCIAL = _Partition(domain="console.aws.amazon.com", global_region="us-east-1")
_PARTITIONS = {
    "cn": _Partition(domain="console.amazonaws.cn", global_region="cn-north-1"),
    "us-gov": _Partition(domain="console.amazonaws-us-gov.com", global_region="us-gov-west-1"),
}


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A user, role or group whose name keeps IAM's rules."""

    kind: str
    name: str


def event_link(region: str, event_id: str) -> str | None:
    """CloudTrail's page of one event, in the region and partition that recorded it (event history: 90 days)."""
    partition = _partition_of(region)
    if partition is None or not _EVENT_ID.fullmatch(event_id):
        return None
    return f"https://{region}.{partition.domain}/cloudtrailv2/home?region={region}#/events/{event_id}"


_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def object_link(region: str, bucket: str, key: str) -> str | None:
    """S3's page of one object, from which whoever may read it downloads it."""
    partition = _partition_of(region)
    if partition is None or not _BUCKET.fullmatch(bucket):
        return None
    return f"https://{region}.{partition.domain}/s3/object/{bucket}?region={region}&prefix={quote(key, safe='')}"


def entity_link(region: str, entity: Entity) -> str | None:
    """IAM's page of a user, role or group, in the partition of this region."""
    partition = _partition_of(region)
    if partition is None:
        return None
    home = f"https://{partition.global_region}.{partition.domain}/iam/home"
    return f"{home}?region={partition.global_region}#/{entity.kind}s/details/{quote(entity.name, safe='')}"


def entities_of(finding: Finding) -> Iterator[Entity]:
    """Whom to look at in IAM: what the finding is about ("user bob"), then who acted; each once."""
    seen: set[Entity] = set()
    for pattern, text in (
        (_SUBJECT, finding.subject),
        (_USER_ARN, finding.actor_arn),
        (_ROLE_ARN, finding.actor_arn),
    ):
        match = pattern.fullmatch(text)
        if match and match["name"] != "unknown":  # what a detection says where the record names nobody
            entity = Entity(kind=match["kind"], name=match["name"])
            if entity not in seen:
                seen.add(entity)
                yield entity


def _partition_of(region: str) -> _Partition | None:
    if not _REGION.fullmatch(region):
        return None
    prefix = "us-gov" if region.startswith("us-gov-") else region.partition("-")[0]
    return _PARTITIONS.get(prefix, _COMMERCIAL)
