"""A route table was changed: which way a subnet's traffic takes."""

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
    "CreateRoute": Change(did=phrase("added a route to"), effect=phrase("traffic to its addresses takes that way now")),
    "CreateRouteTable": Change(did=phrase("created"), effect=phrase("it serves no subnet yet")),
    "ReplaceRoute": Change(
        did=phrase("changed a route of"), effect=phrase("traffic to its addresses takes another way now")
    ),
    "DeleteRoute": Change(
        did=phrase("removed a route from"), effect=phrase("traffic to its addresses takes another way or none")
    ),
    "DeleteRouteTable": Change(did=phrase("deleted"), effect=phrase("no subnet used it any more")),
    "AssociateRouteTable": Change(
        did=phrase("gave a subnet"), effect=phrase("its traffic takes the ways of that table now")
    ),
    "DisassociateRouteTable": Change(
        did=phrase("took from a subnet"), effect=phrase("its traffic takes the main table's ways now")
    ),
    "ReplaceRouteTableAssociation": Change(
        did=phrase("gave a subnet"), effect=phrase("its traffic takes the ways of that table now")
    ),
}
_ALL_ADDRESSES = ("0.0.0.0/0", "::/0")
_WAYS = (
    "gatewayId",
    "natGatewayId",
    "egressOnlyInternetGatewayId",
    "transitGatewayId",
    "vpcPeeringConnectionId",
    "networkInterfaceId",
    "instanceId",
    "vpcEndpointId",
    "localGatewayId",
    "carrierGatewayId",
    "coreNetworkArn",
)


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if (reason := nothing_changed(event, "ec2", _CHANGES)) is not None:
        return reason
    name = first_text(event, ("requestParameters", "routeTableId"), ("responseElements", "routeTable", "routeTableId"))
    to = first_text(
        event,
        ("requestParameters", "destinationCidrBlock"),
        ("requestParameters", "destinationIpv6CidrBlock"),
        ("requestParameters", "destinationPrefixListId"),
    )
    way = first_text(event, *(("requestParameters", key) for key in _WAYS))
    return changed(
        event,
        _CHANGES,
        Target(kind="route table", name=name),
        worse=(
            phrase("all traffic that has no other route takes that way now") if way and to in _ALL_ADDRESSES else ""
        ),
        details={"Destination": to, "Over": way, "Subnet": event.text("requestParameters", "subnetId")},
    )


CIS_ROUTE_TABLE_CHANGED = Detection(
    id="cis-route-table-changed",
    title="A route table changed",
    why="A route decides who carries the traffic: a changed one opens a network, or leads past its inspection.",
    severity=Severity.LOW,
    pattern=api_calls("ec2", _CHANGES),
    assess=assess,
    respond=(
        "Match the change with a planned one and its ticket",
        "Look at the table's routes now, and at the subnets that use it",
        "If nobody planned it: put the route back and read what else the session did",
    ),
    regions=Regions.EVERY,
    cis=("4.13 (v1.4-v5)", "5.13 (v6-v7)"),
    attack=("T1562.007", "T1557"),
    pack="cis",
)
