"""Security Hub found something about an identity, by its own controls or by another product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.alerting.detection import A_DAY, Concern, Detection, Exhibit, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.posture import accounts, direct_events, is_direct, text_in
from handlers.detections.words import facts, listed, pretty, tail

_KIND = "Security Hub Findings - Imported"

# Their own events arrive as well, and are told by detections of their own.
_TOLD_ELSEWHERE = ("guardduty", "access-analyzer", "config")
_SEVERITIES: Mapping[str, Severity] = {
    "CRITICAL": Severity.CRITICAL,
    "HIGH": Severity.HIGH,
    "MEDIUM": Severity.MEDIUM,
    "LOW": Severity.LOW,
    "INFORMATIONAL": Severity.INFO,
}


def _findings(event: Event) -> list[Mapping[str, Any]]:
    found = event.dig("findings")
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _identities(finding: Mapping[str, Any]) -> list[str]:
    """The identities among its resources; the account itself where a control of IAM is about all of it."""
    resources = finding.get("Resources")
    named = [item for item in resources if isinstance(item, Mapping)] if isinstance(resources, list) else []
    found = [text_in(item, "Id") for item in named if text_in(item, "Type").startswith("AwsIam")]
    control = text_in(finding, "Compliance", "SecurityControlId") or text_in(finding, "ProductFields", "ControlId")
    if not found and (control.startswith("IAM.") or "iam-" in _rule(finding)):
        found = [text_in(item, "Id") for item in named]
    return found


def _rule(finding: Mapping[str, Any]) -> str:
    """The rule of AWS Config behind a control."""
    return text_in(finding, "ProductFields", "RelatedAWSResources:0/name")


def _why_quiet(finding: Mapping[str, Any]) -> str:
    """Why a finding needs no line; "" where it does."""
    product = tail(text_in(finding, "ProductArn"))
    if product in _TOLD_ELSEWHERE:
        return f"{product} tells it by itself"
    if not _identities(finding):
        return "it is about no identity"
    if text_in(finding, "RecordState") == "ARCHIVED" or text_in(finding, "Workflow", "Status") == "SUPPRESSED":
        return "somebody has put it away"
    status = text_in(finding, "Compliance", "Status")
    before = text_in(finding, "ProductFields", "PreviousComplianceStatus")
    if status and status == before:
        return "it is as it was: Security Hub sends a finding again with each check"
    if status and not before and text_in(finding, "CreatedAt") != text_in(finding, "UpdatedAt"):
        # A pass may be what mended it; anything else is a check that was repeated.
        return "" if _is_mended(finding) else "it is as it was, as far as it says"
    return "it is right, and was never wrong" if status == "PASSED" and not before else ""


def _is_mended(finding: Mapping[str, Any]) -> bool:
    return text_in(finding, "Compliance", "Status") == "PASSED" or text_in(finding, "Workflow", "Status") == "RESOLVED"


def _severity(finding: Mapping[str, Any]) -> Severity:
    if _is_mended(finding):
        return Severity.INFO
    if text_in(finding, "Compliance", "Status") == "WARNING":
        return Severity.LOW  # the check itself could not be made
    return _SEVERITIES.get(text_in(finding, "Severity", "Label"), Severity.MEDIUM)


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_direct(event, _KIND):
        return Pass(reason="it is another event")
    findings = _findings(event)
    told = [finding for finding in findings if not _why_quiet(finding)]
    if not told:
        return Pass(reason=f"{len(findings)} findings: {listed(sorted({_why_quiet(item) for item in findings}), 3)}")
    worst = max(told, key=_severity)
    title = short(text_in(worst, "Title").rstrip("."), 200) or phrase("a finding without a title")
    owner = text_in(worst, "AwsAccountId")
    whom = listed(map(tail, _identities(worst)), 2) or phrase("an unnamed identity")
    if owner:
        whom = phrase("{identity} in account {account}", identity=whom, account=short(owner, 40))
    if len(told) > 1:
        whom = phrase("{identity}, and {count} more", identity=whom, count=str(len(told) - 1))
    return Concern(
        summary=(
            phrase("Security Hub: {title}: mended for {identity}.", title=title, identity=whom)
            if _is_mended(worst)
            else phrase("Security Hub: {title}: found of {identity}.", title=title, identity=whom)
        ),
        subject=listed(map(tail, _identities(worst)), 1) or phrase("an identity"),
        severity=_severity(worst),
        group=f"securityhub:{short(_control(worst)) or 'unknown'}",
        facts=facts(
            ("What it says", text_in(worst, "Description")),
            ("Identity", listed(_identities(worst))),
            ("Product", text_in(worst, "ProductFields", "aws/securityhub/ProductName")),
            ("Finding", text_in(worst, "Id")),
            *accounts(event, owner),
        ),
        exhibits=(Exhibit(title="The finding", text=pretty(worst)),),
        # An event with several is no case: the end of one is not the end of all.
        case=text_in(worst, "Id") if len(told) == 1 else "",
        # A check that passes. "Resolved" is what somebody has declared, perhaps the person the alert is about.
        over=text_in(worst, "Compliance", "Status") == "PASSED",
    )


def _control(finding: Mapping[str, Any]) -> str:
    """One conversation a control, whatever it finds: the first check of an account finds it everywhere."""
    return text_in(finding, "Compliance", "SecurityControlId") or text_in(finding, "GeneratorId")


SECURITYHUB_IDENTITY_FINDING = Detection(
    id="securityhub-identity-finding",
    title="Security Hub found something about an identity",
    why="Its controls see what no single call shows: a key of two years, a user without MFA, a policy for all.",
    severity=Severity.MEDIUM,
    pattern=direct_events("securityhub", _KIND),
    assess=assess,
    respond=(
        "Read what the control asks for, and what of it is missing",
        "Look whether the identity is in use, and by whom",
        "Mend it, or suppress the finding in Security Hub with a ticket",
    ),
    regions=Regions.EVERY,
    window=A_DAY,  # the first checks find hundreds at once: one conversation a control
    attack=("T1078.004",),
)
