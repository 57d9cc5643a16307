"""GuardDuty found something about an identity: keys, users, roles, root."""

from __future__ import annotations

from handlers.alerting.detection import A_DAY, Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections import root
from handlers.detections.posture import accounts, direct_events, is_direct
from handlers.detections.words import facts

_KIND = "GuardDuty Finding"
_ROOT = "Root"

# GuardDuty guide, "Severity levels of GuardDuty findings"; the least number of each.
_SEVERITIES = ((9, Severity.CRITICAL), (7, Severity.HIGH), (4, Severity.MEDIUM))


def _is_about_identity(event: Event) -> bool:
    """Types are like "UnauthorizedAccess:IAMUser/TorIPCaller" and "AttackSequence:IAM/CompromisedCredentials"."""
    return ":IAM" in event.text("type") or event.text("resource", "resourceType") == "AccessKey"


def _severity(event: Event) -> Severity:
    number = event.dig("severity")
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return Severity.MEDIUM  # nobody says how bad it is
    return next((severity for least, severity in _SEVERITIES if number >= least), Severity.LOW)


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_direct(event, _KIND):
        return Pass(reason="it is another event")
    if not _is_about_identity(event):
        return Pass(reason="it is about a machine, a bucket or a cluster: no identity")
    if event.dig("service", "archived") is True:
        return Pass(reason="it was archived, by a filter or by a person")
    key = ("resource", "accessKeyDetails")
    who = event.text(*key, "userName") or event.text(*key, "principalId") or event.text(*key, "accessKeyId")
    is_root = event.text(*key, "userType") == _ROOT
    is_sample = event.dig("service", "additionalInfo", "sample") is True
    title = (
        short(event.text("title").rstrip("."), 200) or short(event.text("type")) or phrase("a finding without a title")
    )
    owner = event.text("accountId")
    return Concern(
        summary=phrase(
            "{source}: {finding}.",
            source=phrase("GuardDuty shows a sample") if is_sample else "GuardDuty",
            finding=phrase("{title} (account {account})", title=title, account=short(owner, 40)) if owner else title,
        ),
        subject=phrase("root") if is_root else short(who) or phrase("an identity"),
        severity=Severity.INFO if is_sample else _severity(event),
        group=root.GROUP if is_root else f"guardduty:{short(who) or 'unknown'}",
        facts=facts(
            ("What it says", event.text("description")),
            ("Type", event.text("type")),
            ("Access key", event.text(*key, "accessKeyId")),
            ("From address", event.text("service", "action", "awsApiCallAction", "remoteIpDetails", "ipAddressV4")),
            ("Call", event.text("service", "action", "awsApiCallAction", "api")),
            ("Times", event.text("service", "count")),
            ("Finding", event.text("id")),
            *accounts(event, owner),
        ),
    )


GUARDDUTY_IDENTITY_FINDING = Detection(
    id="guardduty-identity-finding",
    title="GuardDuty suspects an identity",
    why="GuardDuty knows the addresses that attackers use, and what an identity usually does; no rule here does.",
    severity=Severity.MEDIUM,
    pattern=direct_events("guardduty", _KIND),
    assess=assess,
    respond=(
        "Ask whose identity it is whether it was them, over another channel",
        "Read all that the identity did since the first time that the finding names",
        "If it was not them: deactivate the key or revoke the sessions",
    ),
    regions=Regions.EVERY,
    window=A_DAY,  # GuardDuty repeats a finding while it goes on
    attack=("T1078.004", "T1552"),
)
