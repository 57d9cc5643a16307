"""What the CIS AWS Foundations Benchmark wants monitored, and which detections do it: the page docs/cis.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from handlers.alerting.detection import Detection


@dataclass(frozen=True, kw_only=True)
class Control:
    """One of the benchmark's monitoring controls."""

    number: int  # 4.<number> in versions 1.4 to 5, 5.<number> in versions 6 and 7
    what: str
    calls: tuple[str, ...] = ()  # that its metric filter names (version 3.0, audit procedure); none: it names no call
    ours: str = ""  # where we tell more, less, or otherwise, and why

    @property
    def ids(self) -> tuple[str, str]:
        """As detections name it."""
        return (f"4.{self.number} (v1.4-v5)", f"5.{self.number} (v6-v7)")


CONTROLS: tuple[Control, ...] = (
    Control(
        number=1,
        what="Unauthorized API calls",
        ours="Told from the tenth within an hour on, counted by user or by role; denied attempts at more rights from "
        "the third. Services in their own roles, what the console asks for by itself, and the few calls that tools "
        "try all day are left out.",
    ),
    Control(
        number=2,
        what="Console sign-in without MFA",
        calls=("ConsoleLogin",),
        ours="IAM users and root. Through an identity provider the record says No whatever the provider asked for: "
        "that is unknown, not absent.",
    ),
    Control(
        number=3,
        what="Usage of the root user",
        ours="The sign-in, whatever root changes, its credentials and its sessions. What root only reads after its "
        "sign-in was told is left out, and so is AWS acting for the account, which CIS leaves out too.",
    ),
    Control(
        number=4,
        what="IAM policy changes",
        calls=(
            "AttachGroupPolicy",
            "AttachRolePolicy",
            "AttachUserPolicy",
            "CreatePolicy",
            "CreatePolicyVersion",
            "DeleteGroupPolicy",
            "DeletePolicy",
            "DeletePolicyVersion",
            "DeleteRolePolicy",
            "DeleteUserPolicy",
            "DetachGroupPolicy",
            "DetachRolePolicy",
            "DetachUserPolicy",
            "PutGroupPolicy",
            "PutRolePolicy",
            "PutUserPolicy",
        ),
        ours="Judged by what the policy says: what makes an administrator or takes a protection away is told whether "
        "or not the pack is on; the rest needs the pack.",
    ),
    Control(
        number=5,
        what="CloudTrail configuration changes",
        calls=("CreateTrail", "DeleteTrail", "StartLogging", "StopLogging", "UpdateTrail"),
        ours="Judged by what is recorded afterwards: less is told whether or not the pack is on; no less needs the "
        "pack. Event selectors, which CIS does not name, count as well.",
    ),
    Control(
        number=6,
        what="Console authentication failures",
        calls=("ConsoleLogin",),
        ours="Told from the fifth within an hour on: all users of an account together, root apart.",
    ),
    Control(
        number=7,
        what="Customer keys disabled or scheduled for deletion",
        calls=("DisableKey", "ScheduleKeyDeletion"),
        ours="Deleting imported key material has the same effect and counts as well.",
    ),
    Control(
        number=8,
        what="S3 bucket policy changes",
        calls=(
            "DeleteBucketCors",
            "DeleteBucketLifecycle",
            "DeleteBucketPolicy",
            "DeleteBucketReplication",
            "PutBucketAcl",
            "PutBucketCors",
            "PutBucketLifecycle",
            "PutBucketPolicy",
            "PutBucketReplication",
        ),
        ours="The blocks of public access, of a bucket and of the account, count as well.",
    ),
    Control(
        number=9,
        what="AWS Config configuration changes",
        calls=(
            "DeleteDeliveryChannel",
            "PutConfigurationRecorder",
            "PutDeliveryChannel",
            "StopConfigurationRecorder",
        ),
        ours="Judged by what is recorded afterwards, as for the trail: less is told whether or not the pack is on.",
    ),
    Control(
        number=10,
        what="Security group changes",
        calls=(
            "AuthorizeSecurityGroupEgress",
            "AuthorizeSecurityGroupIngress",
            "CreateSecurityGroup",
            "DeleteSecurityGroup",
            "RevokeSecurityGroupEgress",
            "RevokeSecurityGroupIngress",
        ),
        ours="Rules that are rewritten in place (ModifySecurityGroupRules), which CIS does not name, count as well.",
    ),
    Control(
        number=11,
        what="Network access control list changes",
        calls=(
            "CreateNetworkAcl",
            "CreateNetworkAclEntry",
            "DeleteNetworkAcl",
            "DeleteNetworkAclEntry",
            "ReplaceNetworkAclAssociation",
            "ReplaceNetworkAclEntry",
        ),
    ),
    Control(
        number=12,
        what="Network gateway changes",
        calls=(
            "AttachInternetGateway",
            "CreateCustomerGateway",
            "CreateInternetGateway",
            "DeleteCustomerGateway",
            "DeleteInternetGateway",
            "DetachInternetGateway",
        ),
        ours="VPN, NAT and egress-only gateways, which CIS does not name, count as well.",
    ),
    Control(
        number=13,
        what="Route table changes",
        calls=(
            "CreateRoute",
            "CreateRouteTable",
            "DeleteRoute",
            "DeleteRouteTable",
            "DisassociateRouteTable",
            "ReplaceRoute",
            "ReplaceRouteTableAssociation",
        ),
    ),
    Control(
        number=14,
        what="VPC changes",
        calls=(
            "AcceptVpcPeeringConnection",
            "AttachClassicLinkVpc",
            "CreateVpc",
            "CreateVpcPeeringConnection",
            "DeleteVpc",
            "DeleteVpcPeeringConnection",
            "DetachClassicLinkVpc",
            "DisableVpcClassicLink",
            "EnableVpcClassicLink",
            "ModifyVpcAttribute",
            "RejectVpcPeeringConnection",
        ),
    ),
    Control(
        number=15,
        what="AWS Organizations changes",
        calls=(
            "AcceptHandshake",
            "AttachPolicy",
            "CreateAccount",
            "CreateOrganizationalUnit",
            "CreatePolicy",
            "DeclineHandshake",
            "DeleteOrganization",
            "DeleteOrganizationalUnit",
            "DeletePolicy",
            "DetachPolicy",
            "DisablePolicyType",
            "EnablePolicyType",
            "InviteAccountToOrganization",
            "LeaveOrganization",
            "MoveAccount",
            "RemoveAccountFromOrganization",
            "UpdateOrganizationalUnit",
            "UpdatePolicy",
        ),
        ours="What changes a guardrail or lets an account leave is told whether or not the pack is on.",
    ),
)


def detections_of(control: Control, detections: Iterable[Detection]) -> tuple[Detection, ...]:
    """Those that say they watch for this control."""
    return tuple(detection for detection in detections if set(control.ids) & set(detection.cis))


def cis_page(detections: Iterable[Detection]) -> str:
    """The page: each control in both numberings with its detections, and where ours differ."""
    return "\n".join(_page(tuple(detections))) + "\n"


def _page(detections: tuple[Detection, ...]) -> Iterator[str]:
    yield "# CIS AWS Foundations Benchmark: monitoring"
    yield ""
    yield "<!-- Generated by `python -m handlers.detections --cis`; a test compares. Change the detections instead. -->"
    yield ""
    yield "Which detection answers which of the benchmark's controls on monitoring (section 4 in versions 1.4 to 5,"
    yield "section 5 in versions 6 and 7). Those marked * belong to the pack that `[packs] cis = true` in"
    yield "`rootwatch.toml` switches on; the others are always at work. The sixteenth control, Security Hub being"
    yield "enabled, is a setting and no event."
    yield ""
    yield "| v1.4-v5 | v6-v7 | Monitored | Detections |"
    yield "| --- | --- | --- | --- |"
    for control in CONTROLS:
        old, new = (id_.partition(" ")[0] for id_ in control.ids)
        found = ", ".join(
            f"[{item.id}](detections.md#{item.id}){' *' if item.pack else ''}"
            for item in detections_of(control, detections)
        )
        yield f"| {old} | {new} | {control.what} | {found} |"
    yield ""
    yield "## How ours differ from the benchmark's metric filters"
    yield ""
    yield "Every call that a filter names is in the pattern of a detection of that control. For all of the pack:"
    yield ""
    yield "- One user's or one role's changes within an hour are one conversation, whatever they are of. What opens"
    yield "  something to everybody, or stops something that protects, is MEDIUM; routine is LOW."
    yield "- A change that was denied is not told by itself: it counts as an unauthorized call. One that failed for"
    yield "  another reason changed nothing."
    yield "- What a service of AWS does in a role that only it can use is INFO: recorded, and nobody is told."
    yield "- What root does is told as root's activity, and worse."
    yield ""
    yield "And by control:"
    yield ""
    for control in CONTROLS:
        if control.ours:
            yield f"- **{control.what}.** {control.ours}"
