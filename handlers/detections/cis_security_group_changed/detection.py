"""A security group was changed: who may send traffic to what."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.calls import api_calls
from handlers.detections.changes import Change, changed, first_text, nothing_changed, texts_of
from handlers.detections.grants import Target
from handlers.detections.words import listed

_CHANGES: Mapping[str, Change] = {
    "AuthorizeSecurityGroupIngress": Change(
        did=phrase("let more traffic into"), effect=phrase("what it guards can be reached by more")
    ),
    "AuthorizeSecurityGroupEgress": Change(
        did=phrase("let more traffic out of"), effect=phrase("what it guards can reach more")
    ),
    "RevokeSecurityGroupIngress": Change(
        did=phrase("let less traffic into"), effect=phrase("what it guards can be reached by less")
    ),
    "RevokeSecurityGroupEgress": Change(
        did=phrase("let less traffic out of"), effect=phrase("what it guards can reach less")
    ),
    "ModifySecurityGroupRules": Change(did=phrase("rewrote rules of"), effect=phrase("they hold at once")),
    "CreateSecurityGroup": Change(did=phrase("created"), effect=phrase("it guards nothing yet")),
    "DeleteSecurityGroup": Change(did=phrase("deleted"), effect=phrase("nothing was guarded by it any more")),
}
_LETS_IN = ("AuthorizeSecurityGroupIngress", "ModifySecurityGroupRules")
_EVERYBODY = ("0.0.0.0/0", "::/0")


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if (reason := nothing_changed(event, "ec2", _CHANGES)) is not None:
        return reason
    name = first_text(
        event,
        ("requestParameters", "groupId"),
        ("responseElements", "groupId"),
        ("requestParameters", "ModifySecurityGroupRulesRequest", "GroupId"),
        ("requestParameters", "groupName"),
    )
    values = tuple(texts_of(event.request))
    is_open = event.name in _LETS_IN and any(value in _EVERYBODY for _, value in values)
    ports = dict.fromkeys(value for key, value in values if key.casefold() in ("fromport", "toport"))
    return changed(
        event,
        _CHANGES,
        Target(kind="security group", name=name),
        worse=phrase("everybody on the internet may now send to what it guards") if is_open else "",
        details={
            "Network": event.text("requestParameters", "vpcId"),
            "First and last ports": listed(ports),
        },
    )


CIS_SECURITY_GROUP_CHANGED = Detection(
    id="cis-security-group-changed",
    title="A security group changed",
    why="A rule that lets everybody in is the shortest way from the internet to a server.",
    severity=Severity.LOW,
    pattern=api_calls("ec2", _CHANGES),
    assess=assess,
    respond=(
        "Match the change with a planned one and its ticket",
        "Look at what the group lets in now, and which machines it guards",
        "If nobody planned it: take the rule back and read what else the session did",
    ),
    regions=Regions.EVERY,
    cis=("4.10 (v1.4-v5)", "5.10 (v6-v7)"),
    attack=("T1562.007",),
    pack="cis",
)
