"""A network gateway was changed: a way between a network and the world outside."""

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
    "AttachInternetGateway": Change(
        did=phrase("attached"), effect=phrase("the network can be routed to the internet now"), severity=Severity.MEDIUM
    ),
    "AttachVpnGateway": Change(
        did=phrase("attached"), effect=phrase("the network can be routed to another one now"), severity=Severity.MEDIUM
    ),
    "CreateCustomerGateway": Change(did=phrase("created"), effect=phrase("a tunnel to its address can be made")),
    "CreateEgressOnlyInternetGateway": Change(
        did=phrase("created"), effect=phrase("the network can be routed out to the internet")
    ),
    "CreateInternetGateway": Change(did=phrase("created"), effect=phrase("it leads nowhere until it is attached")),
    "CreateNatGateway": Change(did=phrase("created"), effect=phrase("the network can be routed out to the internet")),
    "DeleteCustomerGateway": Change(did=phrase("deleted"), effect=phrase("no tunnel to its address can be made")),
    "DeleteEgressOnlyInternetGateway": Change(
        did=phrase("deleted"), effect=phrase("whatever was routed over it stays behind")
    ),
    "DeleteInternetGateway": Change(did=phrase("deleted"), effect=phrase("it was attached to nothing any more")),
    "DeleteNatGateway": Change(did=phrase("deleted"), effect=phrase("whatever was routed over it stays behind")),
    "DetachInternetGateway": Change(
        did=phrase("detached"), effect=phrase("the network cannot reach the internet over it any more")
    ),
    "DetachVpnGateway": Change(
        did=phrase("detached"), effect=phrase("the network cannot reach the other one over it any more")
    ),
}
_KINDS: Mapping[str, tuple[str, str]] = {
    "EgressOnlyInternetGateway": ("egress-only internet gateway", "egressOnlyInternetGateway"),
    "InternetGateway": ("internet gateway", "internetGateway"),
    "CustomerGateway": ("customer gateway", "customerGateway"),
    "VpnGateway": ("VPN gateway", "vpnGateway"),
    "NatGateway": ("NAT gateway", "natGateway"),
}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if (reason := nothing_changed(event, "ec2", _CHANGES)) is not None:
        return reason
    kind, key = next(found for ending, found in _KINDS.items() if event.name.endswith(ending))
    upper = key[:1].upper() + key[1:]
    name = first_text(
        event,
        ("requestParameters", f"{key}Id"),
        ("responseElements", key, f"{key}Id"),
        # EC2's newer calls are wrapped in their own names.
        ("requestParameters", f"{event.name}Request", f"{upper}Id"),
        ("responseElements", f"{event.name}Response", key, f"{key}Id"),
    )
    return changed(
        event,
        _CHANGES,
        Target(kind=kind, name=name),
        details={
            "Network": event.text("requestParameters", "vpcId"),
            "Address at the other end": first_text(
                event, ("requestParameters", "ipAddress"), ("requestParameters", "publicIp")
            ),
        },
    )


CIS_NETWORK_GATEWAY_CHANGED = Detection(
    id="cis-network-gateway-changed",
    title="A network gateway changed",
    why="A gateway is the door of a network: a new one is a way in, and a way out for data.",
    severity=Severity.LOW,
    pattern=api_calls("ec2", _CHANGES),
    assess=assess,
    respond=(
        "Match the change with a planned one and its ticket",
        "Look at which routes lead over the gateway, and from which subnets",
        "If nobody planned it: detach the gateway and read what else the session did",
    ),
    regions=Regions.EVERY,
    cis=("4.12 (v1.4-v5)", "5.12 (v6-v7)"),
    attack=("T1562.007", "T1133"),
    pack="cis",
)
