"""A virtual network was made, changed, deleted or joined to another."""

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
    "CreateVpc": Change(did=phrase("created"), effect=phrase("it leads nowhere yet")),
    "CreateDefaultVpc": Change(
        did=phrase("created"), effect=phrase("whatever is started in it has a public address"), severity=Severity.MEDIUM
    ),
    "DeleteVpc": Change(did=phrase("deleted"), effect=phrase("nothing ran in it any more")),
    "ModifyVpcAttribute": Change(did=phrase("changed how names are resolved in"), effect=phrase("it holds at once")),
    "CreateVpcPeeringConnection": Change(
        did=phrase("asked for"), effect=phrase("the two networks can be routed to each other once it is accepted")
    ),
    "AcceptVpcPeeringConnection": Change(
        did=phrase("accepted"),
        effect=phrase("the two networks can be routed to each other now"),
        severity=Severity.MEDIUM,
    ),
    "RejectVpcPeeringConnection": Change(did=phrase("rejected"), effect=phrase("the two networks stay apart")),
    "DeleteVpcPeeringConnection": Change(did=phrase("deleted"), effect=phrase("the two networks are apart again")),
    "AttachClassicLinkVpc": Change(did=phrase("linked an instance to"), effect=phrase("it can reach the network")),
    "DetachClassicLinkVpc": Change(
        did=phrase("unlinked an instance from"), effect=phrase("it can no longer reach the network")
    ),
    "EnableVpcClassicLink": Change(
        did=phrase("allowed links to"), effect=phrase("instances outside it can be linked to it")
    ),
    "DisableVpcClassicLink": Change(
        did=phrase("forbade links to"), effect=phrase("no instance outside it can be linked to it")
    ),
}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if (reason := nothing_changed(event, "ec2", _CHANGES)) is not None:
        return reason
    peering = ("responseElements", "vpcPeeringConnection")
    if event.name.endswith("VpcPeeringConnection"):
        kind = "peering connection"
        name = first_text(event, ("requestParameters", "vpcPeeringConnectionId"), (*peering, "vpcPeeringConnectionId"))
    else:
        kind = "network"
        name = first_text(event, ("requestParameters", "vpcId"), ("responseElements", "vpc", "vpcId"))
    asks, answers = (event.text(*peering, f"{side}VpcInfo", "ownerId") for side in ("requester", "accepter"))
    return changed(
        event,
        _CHANGES,
        Target(kind=kind, name=name),
        worse=phrase("the other network belongs to another account") if asks and answers and asks != answers else "",
        details={
            "Addresses": event.text("requestParameters", "cidrBlock"),
            "Account that asks": asks,
            "Account that is asked": first_text(
                event, (*peering, "accepterVpcInfo", "ownerId"), ("requestParameters", "peerOwnerId")
            ),
        },
    )


CIS_VPC_CHANGED = Detection(
    id="cis-vpc-changed",
    title="A virtual network changed",
    why="Networks are built once: a new one, or a link to somebody else's, is where intruders work unseen.",
    severity=Severity.LOW,
    pattern=api_calls("ec2", _CHANGES),
    assess=assess,
    respond=(
        "Match the change with a planned one and its ticket",
        "Look at the network's links to others, and at what runs in it",
        "If nobody planned it: take the link away and read what else the session did",
    ),
    regions=Regions.EVERY,
    cis=("4.14 (v1.4-v5)", "5.14 (v6-v7)"),
    attack=("T1562.007", "T1578"),
    pack="cis",
)
