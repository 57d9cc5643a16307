"""The organization's shape was changed, in ways that no guardrail hangs on by itself."""

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

# What takes a guardrail away or adds one, moves accounts or lets them leave is organization-guardrail-changed's.
_CHANGES: Mapping[str, Change] = {
    "CreateOrganization": Change(
        did=phrase("founded"),
        effect=phrase("this account can take over every account that joins"),
        severity=Severity.MEDIUM,
    ),
    "EnableAllFeatures": Change(
        did=phrase("asked every account for all features of"), effect=phrase("its policies bind them once they agree")
    ),
    "CreateOrganizationalUnit": Change(did=phrase("created"), effect=phrase("it holds no account yet")),
    "UpdateOrganizationalUnit": Change(did=phrase("renamed"), effect=phrase("its policies stay")),
    "DeleteOrganizationalUnit": Change(did=phrase("deleted"), effect=phrase("it held no account any more")),
    "CreatePolicy": Change(did=phrase("created"), effect=phrase("it binds nobody until it is attached")),
    "DeleteResourcePolicy": Change(
        did=phrase("deleted"), effect=phrase("whom it let manage the organization's policies no longer may")
    ),
    "DeclineHandshake": Change(did=phrase("declined"), effect=phrase("nobody joins by it")),
    "CancelHandshake": Change(did=phrase("withdrew"), effect=phrase("nobody joins by it")),
}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if (reason := nothing_changed(event, "organizations", _CHANGES)) is not None:
        return reason
    return changed(
        event,
        _CHANGES,
        _target(event),
        details={
            "Name": event.text("requestParameters", "name"),
            "Below": event.text("requestParameters", "parentId"),
            "Kind of policy": event.text("requestParameters", "type"),
        },
        group="organization",  # with what the guardrails say
    )


def _target(event: Event) -> Target:
    if event.name.endswith("OrganizationalUnit"):
        unit = first_text(
            event,
            ("requestParameters", "organizationalUnitId"),
            ("responseElements", "organizationalUnit", "id"),
            ("requestParameters", "name"),
        )
        return Target(kind="organizational unit", name=unit)
    if event.name == "CreatePolicy":
        policy = first_text(event, ("responseElements", "policy", "policySummary", "id"), ("requestParameters", "name"))
        return Target(kind="organization policy", name=policy)
    if event.name.endswith("Handshake"):
        return Target(kind="invitation", name=event.text("requestParameters", "handshakeId"))
    kind = "resource policy of the organization" if event.name == "DeleteResourcePolicy" else "organization"
    return Target(
        kind=kind, name=first_text(event, ("responseElements", "organization", "id"), ("recipientAccountId",))
    )


CIS_ORGANIZATIONS_CHANGED = Detection(
    id="cis-organizations-changed",
    title="The organization's shape changed",
    why="Units and policies are where the limits of every account hang: their changes belong in the record.",
    severity=Severity.LOW,
    pattern=api_calls("organizations", _CHANGES),
    assess=assess,
    respond=(
        "Match the change with a planned one and its ticket",
        "Look at the units, their accounts and the policies attached to them",
        "If nobody planned it: undo it and read what else the session did",
    ),
    regions=Regions.GLOBAL,
    cis=("4.15 (v1.4-v5)", "5.15 (v6-v7)"),
    attack=("T1484.001",),
    pack="cis",
)
