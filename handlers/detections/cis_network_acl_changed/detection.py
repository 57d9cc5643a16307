"""A network access control list was changed: what may pass into or out of a subnet."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.calls import api_calls
from handlers.detections.changes import Change, changed, first_text, nothing_changed
from handlers.detections.grants import Target

_CHANGES: Mapping[str, Change] = {
    "CreateNetworkAcl": Change(did=phrase("created"), effect=phrase("it refuses everything until it has entries")),
    "CreateNetworkAclEntry": Change(
        did=phrase("added an entry to"), effect=phrase("it holds at once for each of its subnets")
    ),
    "DeleteNetworkAcl": Change(did=phrase("deleted"), effect=phrase("no subnet used it any more")),
    "DeleteNetworkAclEntry": Change(
        did=phrase("removed an entry from"), effect=phrase("what it decided, the later entries decide")
    ),
    "ReplaceNetworkAclEntry": Change(
        did=phrase("rewrote an entry of"), effect=phrase("it holds at once for each of its subnets")
    ),
    "ReplaceNetworkAclAssociation": Change(
        did=phrase("put a subnet under"), effect=phrase("its traffic obeys other entries now")
    ),
}
_EVERYBODY = ("0.0.0.0/0", "::/0")


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if (reason := nothing_changed(event, "ec2", _CHANGES)) is not None:
        return reason
    name = first_text(event, ("requestParameters", "networkAclId"), ("responseElements", "networkAcl", "networkAclId"))
    block = first_text(event, ("requestParameters", "cidrBlock"), ("requestParameters", "ipv6CidrBlock"))
    allows = event.text("requestParameters", "ruleAction").casefold() == "allow"
    lets_in = event.text("requestParameters", "egress").casefold() != "true"
    return changed(
        event,
        _CHANGES,
        Target(kind="network ACL", name=name),
        worse=phrase("it lets everybody in") if allows and lets_in and block in _EVERYBODY else "",
        details={
            "Addresses": block,
            "Decides": event.text("requestParameters", "ruleAction"),
            "Entry": event.text("requestParameters", "ruleNumber"),
        },
    )


CIS_NETWORK_ACL_CHANGED = Detection(
    id="cis-network-acl-changed",
    title="A network ACL changed",
    why="It is the one filter that holds for a whole subnet, whatever its security groups say.",
    severity=Severity.LOW,
    pattern=api_calls("ec2", _CHANGES),
    assess=assess,
    respond=(
        "Match the change with a planned one and its ticket",
        "Look at the list's entries in order, and at the subnets under it",
        "If nobody planned it: put the entries back and read what else the session did",
    ),
    regions=Regions.EVERY,
    cis=("4.11 (v1.4-v5)", "5.11 (v6-v7)"),
    attack=("T1562.007",),
    pack="cis",
)
