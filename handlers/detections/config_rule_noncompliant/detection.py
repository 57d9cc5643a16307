"""A rule of AWS Config found something that was right before and is not any more, or is right again."""

from __future__ import annotations

from handlers.alerting.detection import A_DAY, Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.posture import accounts, direct_events, is_direct
from handlers.detections.words import facts

_KIND = "Config Rules Compliance Change"
_BAD = "NON_COMPLIANT"
# Rules about root itself; AWS names managed rules so, and a prefix comes before them in a conformance pack.
_ABOUT_ROOT = ("root-account-mfa-enabled", "root-account-hardware-mfa-enabled", "iam-root-access-key-check")


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_direct(event, _KIND):
        return Pass(reason="it is another event")
    now = event.text("newEvaluationResult", "complianceType")
    before = event.text("oldEvaluationResult", "complianceType")  # absent at a rule's first evaluation
    if now == before:
        return Pass(reason="it is as it was")
    rule, resource = short(event.text("configRuleName")) or "unknown", short(event.text("resourceId")) or "unknown"
    what = f"{short(event.text('resourceType'), 60) or 'resource'} {resource}"
    parts = {"rule": rule, "resource": what}
    if now == _BAD:
        is_about_root = any(name in rule for name in _ABOUT_ROOT)
        severity = Severity.HIGH if is_about_root else Severity.MEDIUM if before else Severity.LOW
        summary: str = (
            phrase("The rule {rule} is broken by {resource}, which kept it before.", **parts)
            if before
            else phrase("The rule {rule} is broken by {resource}.", **parts)
        )
    elif before == _BAD:
        summary, severity = phrase("The rule {rule} is kept again by {resource}.", **parts), Severity.INFO
    else:
        return Pass(reason="nothing was broken, before or now")
    return Concern(
        summary=summary,
        subject=phrase("rule {rule}", rule=rule),
        severity=severity,
        group=f"config-rule:{rule}",
        facts=facts(
            ("Rule", event.text("configRuleARN")),
            ("Resource", event.text("resourceId")),
            ("It says", event.text("newEvaluationResult", "annotation")),
            *accounts(event, event.text("awsAccountId")),
        ),
        # The rule's ARN says in which region; a resource may be of any account of the organisation.
        case="#".join(event.text(name) for name in ("configRuleARN", "awsAccountId", "resourceType", "resourceId")),
        over=before == _BAD,
    )


CONFIG_RULE_NONCOMPLIANT = Detection(
    id="config-rule-noncompliant",
    title="A rule of AWS Config is broken",
    why="The rules say how privileged identities should be: MFA, no root keys, no administrators by accident.",
    severity=Severity.MEDIUM,
    pattern=direct_events("config", _KIND),
    assess=assess,
    respond=(
        "Read what the rule asks for, and what of it is missing",
        "Look who changed the resource, and when",
        "Mend it, or have whoever owns the rule decide that it need not be",
    ),
    regions=Regions.EVERY,
    window=A_DAY,  # a first activation finds hundreds at once: one conversation
    attack=("T1098",),
)
