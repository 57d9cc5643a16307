"""What an account keeps of the best practices, and what its Access Analyzer finds, as AWS says now."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from audit.report.document import Missing, Word
from audit.report.facts import AccessFinding, Practice, State

# AWS Config's names for what is asked (infra/config_recorder.py makes rules of them); what each says of whom.
PRACTICES: Mapping[str, str] = {
    "ROOT_ACCOUNT_MFA_ENABLED": "practice.root_mfa",
    "ROOT_ACCOUNT_HARDWARE_MFA_ENABLED": "practice.root_hardware_mfa",
    "IAM_ROOT_ACCESS_KEY_CHECK": "practice.root_keys",
    "IAM_USER_NO_POLICIES_CHECK": "practice.groups",
    "IAM_POLICY_NO_STATEMENTS_WITH_ADMIN_ACCESS": "practice.managed_policies",
    "MFA_ENABLED_FOR_IAM_CONSOLE_ACCESS": "practice.user_mfa",
    "ACCESS_KEYS_ROTATED": "practice.key_age",
    "IAM_USER_UNUSED_CREDENTIALS_CHECK": "practice.unused_credentials",
    "IAM_PASSWORD_POLICY": "practice.password_policy",
    "CLOUD_TRAIL_ENABLED": "practice.trail",
    "MULTI_REGION_CLOUD_TRAIL_ENABLED": "practice.trail_all_regions",
    "CLOUD_TRAIL_LOG_FILE_VALIDATION_ENABLED": "practice.trail_validated",
}
_REPORT = "IAM credential report"
_OLD_KEY = timedelta(days=90)
_OFFENDERS = 50  # named of one practice
_RULES_AT_ONCE = 25  # DescribeComplianceByConfigRule takes as many names
_ATTEMPTS, _WAIT_SECONDS = 10, 2.0  # until the credential report is made: seconds, as IAM says
_KINDS = {
    "ACCOUNT": "external",
    "ORGANIZATION": "external",
    "ACCOUNT_UNUSED_ACCESS": "unused",
    "ORGANIZATION_UNUSED_ACCESS": "unused",
    "ACCOUNT_INTERNAL_ACCESS": "internal",
    "ORGANIZATION_INTERNAL_ACCESS": "internal",
}
Client = Callable[[str, str], Any]  # (service, region) -> a boto3 client


def practices(
    client: Client, region: str, *, now: datetime, sleep: Callable[[float], object] = time.sleep
) -> Sequence[Practice]:
    """Each practice, by AWS Config's rules and IAM's credential report; what does not answer is unknown, and why.

    Needs config:DescribeConfigRules, DescribeComplianceByConfigRule, GetComplianceDetailsByConfigRule;
    iam:GenerateCredentialReport, GetCredentialReport.
    """
    try:
        by_rule = list(_by_rules(client("config", region)))
    except (BotoCoreError, ClientError) as error:
        by_rule = [_unknown(key, "AWS Config", refused(error)) for key in PRACTICES.values()]
    try:
        by_report = list(judged(credential_report(client("iam", region), sleep=sleep), now=now))
    except (BotoCoreError, ClientError, ValueError) as error:
        keys = ("practice.roles", "practice.user_mfa", "practice.key_age", "practice.root_mfa", "practice.root_keys")
        by_report = [_unknown(key, _REPORT, refused(error)) for key in keys]
    order = {key: place for place, key in enumerate(dict.fromkeys([*PRACTICES.values(), "practice.roles"]))}
    return sorted((*by_rule, *by_report), key=lambda item: (order[item.key], item.found_by))


def _by_rules(config: Any) -> Iterator[Practice]:
    rules: dict[str, str] = {}
    for page in config.get_paginator("describe_config_rules").paginate():
        for rule in page["ConfigRules"]:
            source = rule.get("Source", {})
            if source.get("Owner") == "AWS" and source.get("SourceIdentifier") in PRACTICES:
                rules[rule["ConfigRuleName"]] = source["SourceIdentifier"]
    states: dict[str, str] = {}
    names = sorted(rules)
    for start in range(0, len(names), _RULES_AT_ONCE):
        asked = {"ConfigRuleNames": names[start : start + _RULES_AT_ONCE]}
        for page in config.get_paginator("describe_compliance_by_config_rule").paginate(**asked):
            for item in page["ComplianceByConfigRules"]:
                states[item["ConfigRuleName"]] = item.get("Compliance", {}).get("ComplianceType", "")
    for name in names:
        yield _of_rule(config, name, PRACTICES[rules[name]], states.get(name, ""))
    for identifier, key in PRACTICES.items():
        if identifier not in rules.values():
            yield _unknown(key, f"AWS Config: {identifier}", Missing(Word("missing.not_there")))


def _of_rule(config: Any, name: str, key: str, state: str) -> Practice:
    found_by = f"AWS Config: {name}"
    match state:
        case "COMPLIANT":
            return Practice(key=key, state=State.KEPT, found_by=found_by)
        case "NON_COMPLIANT":
            return Practice(key=key, state=State.BROKEN, found_by=found_by, offenders=_offenders(config, name))
    return _unknown(key, found_by, Missing(Word("missing.not_decided")))


def _offenders(config: Any, rule: str) -> tuple[str, ...]:
    """Which resources; none where AWS does not say."""
    found: list[str] = []
    pages = config.get_paginator("get_compliance_details_by_config_rule").paginate(
        ConfigRuleName=rule, ComplianceTypes=["NON_COMPLIANT"]
    )
    try:
        for page in pages:
            for item in page["EvaluationResults"]:
                qualifier = item["EvaluationResultIdentifier"]["EvaluationResultQualifier"]
                found.append(f"{qualifier.get('ResourceType', '')} {qualifier.get('ResourceId', '')}".strip())
                if len(found) > _OFFENDERS:
                    return (*found[:_OFFENDERS], "…")
    except (BotoCoreError, ClientError):
        return tuple(found) or ("?",)
    return tuple(found)


def _unknown(key: str, found_by: str, why: Missing) -> Practice:
    return Practice(key=key, state=State.UNKNOWN, found_by=found_by, why=why)


def refused(error: Exception) -> Missing:
    """AWS's word for it, never its text, which may quote what was sent."""
    response = getattr(error, "response", None)
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    return Missing(Word("missing.refused"), (code or type(error).__name__)[:80])


# The credential report (IAM user guide, "Getting credential reports for your AWS account")


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A line of the credential report."""

    user: str
    is_root: bool
    has_password: bool
    has_mfa: bool
    keys: tuple[datetime | None, ...]  # of each active key, when it was made; None: not told


def credential_report(iam: Any, *, sleep: Callable[[float], object] = time.sleep) -> Sequence[Credentials]:
    """Have IAM make the report, and read it.

    Raises:
        ClientError, BotoCoreError: IAM refuses, or the report does not get ready.
        ValueError: it is not as documented.
    """
    for _ in range(_ATTEMPTS):
        if iam.generate_credential_report()["State"] == "COMPLETE":
            break
        sleep(_WAIT_SECONDS)
    content = iam.get_credential_report()["Content"]
    return tuple(read_report(content.decode("utf-8")))


def read_report(text: str) -> Iterator[Credentials]:
    """The lines of a report. Raises ValueError where it is none."""
    reader = csv.DictReader(io.StringIO(text))
    needed = {"user", "password_enabled", "mfa_active", "access_key_1_active", "access_key_2_active"}
    if not needed <= set(reader.fieldnames or ()):
        raise ValueError("the credential report lacks columns")
    for row in reader:
        yield Credentials(
            user=row["user"],
            is_root=row["user"] == "<root_account>",
            has_password=row["password_enabled"] == "true",  # noqa: S105 - a column's name
            has_mfa=row["mfa_active"] == "true",
            keys=tuple(
                _moment(row.get(f"access_key_{number}_last_rotated"))
                for number in (1, 2)
                if row[f"access_key_{number}_active"] == "true"
            ),
        )


def judged(lines: Sequence[Credentials], *, now: datetime) -> Iterator[Practice]:
    """What the report says of each practice."""
    users = [line for line in lines if not line.is_root]
    roots = [line for line in lines if line.is_root]
    old = [line.user for line in users if any(made is None or now - made > _OLD_KEY for made in line.keys)]
    yield _judged("practice.roles", [line.user for line in users if line.keys])
    yield _judged("practice.user_mfa", [line.user for line in users if line.has_password and not line.has_mfa])
    yield _judged("practice.key_age", old)
    if roots:
        yield _judged("practice.root_mfa", ["root" for line in roots if not line.has_mfa])
        yield _judged("practice.root_keys", ["root" for line in roots if line.keys])


def _judged(key: str, offenders: Sequence[str]) -> Practice:
    state = State.BROKEN if offenders else State.KEPT
    named = (*offenders[:_OFFENDERS], "…") if len(offenders) > _OFFENDERS else tuple(offenders)
    return Practice(key=key, state=state, found_by=_REPORT, offenders=named)


def _moment(text: str | None) -> datetime | None:
    """A time of the report; None for "N/A"."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# Access Analyzer


def access_findings(
    client: Client, regions: Sequence[str]
) -> tuple[Sequence[AccessFinding] | Missing, tuple[Missing, ...]]:
    """What is active in each region's analyzers, and the regions that did not answer.

    Missing where no region answers, or there is no analyzer. Needs access-analyzer:ListAnalyzers, ListFindings.
    """
    found: list[AccessFinding] = []
    failed: list[Missing] = []
    analyzers = 0
    for region in regions:
        try:
            for analyzer in _analyzers(client("accessanalyzer", region)):
                analyzers += 1
                found += _active(client("accessanalyzer", region), analyzer, region)
        except (BotoCoreError, ClientError) as error:
            failed.append(Missing(Word("missing.regions"), f"{region}: {refused(error).detail}"))
    if not analyzers:
        return failed[0] if failed else Missing(Word("missing.not_there")), ()
    # Two analyzers of one kind see the same.
    return tuple(dict.fromkeys(found)), tuple(failed)


def _analyzers(analyzer: Any) -> Iterator[Mapping[str, Any]]:
    for page in analyzer.get_paginator("list_analyzers").paginate():
        yield from (item for item in page["analyzers"] if item.get("status") == "ACTIVE")


def _active(client: Any, analyzer: Mapping[str, Any], region: str) -> Iterator[AccessFinding]:
    pages = client.get_paginator("list_findings_v2").paginate(
        analyzerArn=analyzer["arn"], filter={"status": {"eq": ["ACTIVE"]}}
    )
    kind = _KINDS.get(analyzer.get("type", ""), "external")
    for page in pages:
        for item in page["findings"]:
            yield AccessFinding(
                kind=kind,
                type=str(item.get("findingType", "")),
                resource=str(item.get("resource") or item.get("id", "")),
                region=region,
                updated=item.get("updatedAt"),
            )
