"""What the catalogue makes of attacks and of work that others captured; the table of it is test_corpus_table's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

import pytest

from handlers.alerting.severity import Severity
from tests.unit.corpus_records import BULK, CORPUS, ENVELOPES, Hit, Record, hits, records

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")

# What happened in a captured attack -> what has to come of it. By definition of the record, not by a peer's rule.
_SCENES: Mapping[str, frozenset[str]] = {
    "panther-analysis:scenario:compromised-root-creds:1": frozenset({"root-login-failed"}),
    "panther-analysis:scenario:compromised-root-creds:2": frozenset({"root-login-failed"}),
    "panther-analysis:scenario:compromised-root-creds:3": frozenset({"root-login-failed"}),
    "panther-analysis:scenario:compromised-root-creds:4": frozenset({"root-console-login"}),
    "panther-analysis:scenario:compromised-root-creds:5": frozenset({"trail-tampered", "root-activity"}),
    "panther-analysis:scenario:compromised-root-creds:6": frozenset({"root-access-key-created"}),
    "panther-analysis:scenario:compromised-root-creds:7": frozenset({"root-activity"}),
    "panther-analysis:scenario:compromised-root-creds:8": frozenset(
        {"root-activity", "admin-policy-attached", "user-policy-attached"}
    ),
    "panther-analysis:scenario:compromised-root-creds:9": frozenset({"root-activity", "user-policy-attached"}),
    "panther-analysis:scenario:compromised-root-creds:10": frozenset(
        {"root-activity", "admin-policy-attached", "user-policy-attached"}
    ),
    "panther-analysis:scenario:compromised-root-creds:11": frozenset(
        {"root-activity", "admin-credential-created", "access-key-created"}
    ),
    "panther-analysis:scenario:compromised-root-creds:13": frozenset({"root-console-login"}),
    "panther-analysis:scenario:compromised-root-creds:14": frozenset({"root-credentials-changed"}),
    "stratus-red-team:aws.defense-evasion.cloudtrail-stop:1": frozenset({"trail-tampered"}),
    "stratus-red-team:aws.persistence.iam-create-backdoor-role:1": frozenset({"admin-policy-attached"}),
    "traildiscover:CloudTrail.DeleteTrail:1": frozenset({"trail-tampered", "cis-unauthorized-api-calls"}),
    "traildiscover:CloudTrail.UpdateTrail:1": frozenset({"trail-tampered", "cis-unauthorized-api-calls"}),
    "stratus-red-team:aws.persistence.iam-create-backdoor-role:2": frozenset({"role-trust-widened"}),
    "stratus-red-team:aws.persistence.iam-backdoor-role:1": frozenset({"role-trust-widened"}),
    "stratus-red-team:aws.defense-evasion.organizations-leave:2": frozenset(
        {"organization-guardrail-changed", "cis-unauthorized-api-calls"}
    ),
    "traildiscover:Organizations.LeaveOrganization:1": frozenset(
        {"organization-guardrail-changed", "cis-unauthorized-api-calls"}
    ),
    "traildiscover:IAM.AddUserToGroup:1": frozenset({"admin-group-joined", "admin-attempts-denied"}),
    "traildiscover:IAM.AttachUserPolicy:1": frozenset({"admin-policy-attached", "admin-attempts-denied"}),
    "traildiscover:IAM.CreatePolicyVersion:1": frozenset({"admin-policy-written", "admin-attempts-denied"}),
    "traildiscover:IAM.PutUserPolicy:1": frozenset({"admin-policy-written", "admin-attempts-denied"}),
    "traildiscover:IAM.DetachUserPolicy:1": frozenset({"admin-attempts-denied"}),
    "traildiscover:IAM.DeleteUserPolicy:1": frozenset({"admin-attempts-denied"}),
    "traildiscover:IAM.UpdateLoginProfile:1": frozenset({"admin-attempts-denied"}),
    "traildiscover:IAM.DeleteUserPermissionsBoundary:1": frozenset(
        {"permissions-boundary-loosened", "admin-attempts-denied"}
    ),
    "traildiscover:IAM.PutRolePermissionsBoundary:1": frozenset(
        {"permissions-boundary-loosened", "admin-attempts-denied"}
    ),
    "traildiscover:IAM.UpdateAssumeRolePolicy:1": frozenset({"role-trust-widened", "admin-attempts-denied"}),
    "traildiscover:CloudWatch.DeleteAlarms:1": frozenset({"alarm-disabled", "cis-unauthorized-api-calls"}),
    "traildiscover:CloudWatch.DeleteLogStream:1": frozenset({"cis-unauthorized-api-calls"}),
    "traildiscover:Config.DeleteConfigRule:1": frozenset({"config-recorder-changed", "cis-unauthorized-api-calls"}),
    "traildiscover:Config.StopConfigurationRecorder:1": frozenset(
        {"config-recorder-changed", "cis-unauthorized-api-calls"}
    ),
    "traildiscover:EventBridge.DisableRule:1": frozenset({"cis-unauthorized-api-calls"}),
    "traildiscover:GuardDuty.CreateIPSet:1": frozenset({"guardduty-disabled", "cis-unauthorized-api-calls"}),
    "traildiscover:GuardDuty.DeleteDetector:1": frozenset({"guardduty-disabled", "cis-unauthorized-api-calls"}),
    "traildiscover:GuardDuty.DisassociateMembers:1": frozenset({"guardduty-disabled", "cis-unauthorized-api-calls"}),
    "traildiscover:GuardDuty.UpdateDetector:1": frozenset({"cis-unauthorized-api-calls"}),
    "traildiscover:SecurityHub.DeleteMembers:1": frozenset({"securityhub-disabled", "cis-unauthorized-api-calls"}),
    "traildiscover:IAM.ListAttachedUserPolicies:1": frozenset(),
    "traildiscover:IAM.GetUser:1": frozenset({"cis-unauthorized-api-calls"}),
}


def _fired(record: Record) -> set[str]:
    return {hit.detection for hit in hits() if hit.record is record}


def _bulk(name: str) -> list[Hit]:
    return [hit for hit in hits() if hit.record.part == name]


def test_each_scene_of_a_captured_attack_raises_exactly_what_it_should() -> None:
    raised = {record.label: _fired(record) for record in records() if record.label in _SCENES}
    assert raised == _SCENES


def test_whatever_is_done_as_root_in_a_captured_takeover_is_told() -> None:
    story = [record for record in records() if record.label.startswith("panther-analysis:scenario:")]
    as_root = [record for record in story if record.is_root]
    assert len(as_root) == len(story) - 1  # the last step is to start a machine, as the user that root made for it
    assert [record.label for record in as_root if not _fired(record)] == []


def test_every_root_sign_in_of_the_envelopes_is_announced_and_nobody_elses() -> None:
    seen = 0
    for record in (record for record in records() if record.part == ENVELOPES):
        fired, is_root = _fired(record), record.is_root and record.name == "ConsoleLogin"
        assert ("root-console-login" in fired) == (is_root and record.sign_in == "Success"), record.label
        assert ("root-login-failed" in fired) == (is_root and record.sign_in == "Failure"), record.label
        seen += is_root
    assert seen >= 6


def test_each_finding_of_a_service_among_the_envelopes_is_told_once_and_as_bad_as_it_is() -> None:
    told: dict[str, list[tuple[str, str]]] = {}
    for record in (record for record in records() if record.part == ENVELOPES):
        service = str(record.envelope["source"]).removeprefix("aws.")
        if service in ("access-analyzer", "guardduty", "securityhub") and "eventName" not in record.detail:
            found = [(hit.detection, hit.concern.severity.name) for hit in hits() if hit.record is record]
            told.setdefault(record.detail_type, []).extend(found)
    assert told == {
        "Access Analyzer Finding": [("external-access-found", "MEDIUM"), ("external-access-found", "LOW")],
        "Access Preview State Change": [],
        "Internal Access Finding": [("internal-access-found", "MEDIUM")],
        "Unused Access Finding for IAM entities": [("unused-access-found", "LOW"), ("unused-access-found", "LOW")],
        "GuardDuty Finding": [("guardduty-identity-finding", "INFO")],  # a sample; the others are about no identity
        # Of the old controls two are about IAM by their rules; they were checked again, with nothing new to say.
        "Security Hub Findings - Imported": [],
        "Security Hub Findings - Custom Action": [],
        "Security Hub Insight Results": [],
    }


def test_root_used_by_services_raises_nothing() -> None:
    assert [(hit.detection, hit.concern.summary) for hit in _bulk("grycap")] == []


def test_reshaped_records_of_machines_raise_nothing() -> None:
    assert [(hit.detection, hit.concern.summary) for hit in _bulk("otrf_ec2_proxy_s3_exfil")] == []


def test_an_hour_of_attack_raises_its_two_grants_and_its_tampering() -> None:
    raised = _bulk("invictus")
    expected = json.loads((CORPUS / "expected_hits.json").read_text())["corpora"]["invictus"]
    grants = {hit.event.id for hit in raised if hit.detection.startswith("admin-policy")}
    assert grants == {item["eventID"] for item in expected["admin_policy_grant"]}
    tampering = {
        item["eventID"]
        for item in expected["cloudtrail_tamper"]
        if item["eventName"] in ("StopLogging", "DeleteTrail", "PutEventSelectors")
    }
    harmless = {"3d6df238-f83c-4a34-bea8-45cf80a2050b"}  # puts the selectors back: everything is recorded again
    assert {hit.event.id for hit in raised if hit.detection == "trail-tampered"} == tampering - harmless


def test_the_same_hour_raises_its_back_doors() -> None:
    raised: dict[str, Counter[str]] = {}
    for hit in _bulk("invictus"):
        raised.setdefault(hit.detection, Counter())[f"{hit.event.name} {hit.event.error or 'worked'}"] += 1
    assert raised["role-trust-widened"] == {"UpdateAssumeRolePolicy worked": 1}
    assert raised["organization-guardrail-changed"] == {"LeaveOrganization AccessDenied": 1}
    assert raised["access-key-created"] == {"CreateAccessKey worked": 2}
    assert raised["admin-credential-created"] == {"CreateAccessKey worked": 2, "CreateLoginProfile worked": 2}
    assert raised["identity-provider-changed"] == {"CreateTrustAnchor worked": 1, "CreateProfile worked": 1}


def test_no_read_and_no_service_raises_more_than_low() -> None:
    for name in BULK:
        for hit in _bulk(name):
            if hit.event.is_read or hit.event.actor.is_aws:
                assert hit.concern.severity < Severity.MEDIUM, hit.concern.summary


def test_the_same_hour_raises_what_is_done_to_the_buckets_of_its_trails() -> None:
    raised = Counter(
        (hit.record.label.removeprefix("invictus "), hit.concern.severity.name)
        for hit in _bulk("invictus")
        if hit.detection == "trail-bucket-changed"
    )
    assert raised == {
        ("PutBucketLifecycle", "HIGH"): 1,  # the attack: records are to be deleted after a day
        ("PutBucketPolicy", "HIGH"): 2,
        ("DeleteBucket", "CRITICAL"): 2,
        ("DeleteBucket BucketNotEmpty", "MEDIUM"): 3,
    }
