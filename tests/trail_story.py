"""October 2026 of a made-up account: log files and audit log entries, with what every question has to answer.

A record names the questions that have to list it. The files are written as CloudTrail writes them, and as it may: a
second trail writes everything again, records are in no order, files arrive after midnight, types vary.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ACCOUNT, OTHER = "123456789012", "210987654321"
REGION, ELSEWHERE = "us-east-1", "eu-central-1"
PERIOD = "2026-10"

ROOT = {"type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT}
ALICE = {
    "type": "IAMUser",
    "principalId": "AIDAALICE",
    "arn": f"arn:aws:iam::{ACCOUNT}:user/alice",
    "accountId": ACCOUNT,
    "userName": "alice",
    "accessKeyId": "AKIAALICE",
}
ADMIN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/OrgAdmin"
BOB = {
    "type": "AssumedRole",
    "principalId": "AROAADMIN:bob",
    "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/OrgAdmin/bob",
    "accountId": ACCOUNT,
    "accessKeyId": "ASIABOB",
    "sessionContext": {
        "sessionIssuer": {"type": "Role", "arn": ADMIN_ROLE, "userName": "OrgAdmin", "accountId": ACCOUNT},
        "attributes": {"creationDate": "2026-10-12T08:00:00Z", "mfaAuthenticated": "true"},
    },
}
ROOT_SESSION = {
    **ROOT,
    "accessKeyId": "ASIAROOT",
    "sessionContext": {
        "attributes": {"creationDate": "2026-10-05T10:00:00Z", "mfaAuthenticated": "true"},
        "signInSessionArn": "arn:aws:signin:us-east-1:123456789012:session/root-1",
    },
}
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
ALLOW_ALL = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get*","*"],"Resource":"*"}]}'
DENY_ALL = '{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'
HOSTILE = '=HYPERLINK("http://192.0.2.66")\x1b[31m<!channel>'


@dataclass(frozen=True)
class Told:
    """A record, and the questions that list it."""

    record: dict[str, Any]
    questions: frozenset[str] = frozenset()
    account: str = ACCOUNT
    region: str = REGION
    day: str = ""  # of the file, where it is not the event's

    @property
    def id(self) -> str:
        return str(self.record["eventID"])


@dataclass
class Story:
    """The records in the order told."""

    told: list[Told] = field(default_factory=list)

    def add(
        self,
        id: str,
        time: str,
        name: str,
        service: str,
        who: dict[str, Any] | str,
        *questions: str,
        account: str = ACCOUNT,
        region: str = REGION,
        day: str = "",
        address: str = "192.0.2.10",
        **more: Any,
    ) -> None:
        record = {
            "eventVersion": "1.11",
            "userIdentity": who,
            "eventTime": time,
            "eventSource": f"{service}.amazonaws.com",
            "eventName": name,
            "awsRegion": region,
            "sourceIPAddress": address,
            "userAgent": "aws-cli/2.31",
            "requestParameters": None,
            "responseElements": None,
            "requestID": f"request-{id}",
            "eventID": id,
            "readOnly": False,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": account,
            "eventCategory": "Management",
            **more,
        }
        record = {key: value for key, value in record.items() if value != "absent"}
        self.told.append(Told(record, frozenset(questions), account, region, day))


def story() -> Story:
    s = Story()
    login = {"eventType": "AwsConsoleSignIn"}
    ok, failed = {"ConsoleLogin": "Success"}, {"ConsoleLogin": "Failure"}
    # Before and after the month: none of it is October's.
    s.add("before", "2026-09-30T23:59:59Z", "ConsoleLogin", "signin", ROOT, responseElements=ok, **login)
    s.add("after", "2026-11-01T00:00:00Z", "ConsoleLogin", "signin", ROOT, responseElements=ok, **login)
    # Known from before: an address of the administrator's, and a user made administrator who then does nothing.
    s.add("bob-september", "2026-09-10T09:00:00Z", "RunInstances", "ec2", BOB, address="192.0.2.20")
    s.add(
        "carol-granted",
        "2026-09-01T09:00:00Z",
        "AttachUserPolicy",
        "iam",
        BOB,
        address="192.0.2.20",
        requestParameters={"userName": "carol", "policyArn": ADMINISTRATOR},
    )
    s.add(
        "old-admin",
        "2026-09-02T22:00:00Z",
        "DeleteBucket",
        "s3",
        {**ALICE, "arn": f"arn:aws:iam::{ACCOUNT}:user/old-admin", "userName": "old-admin", "accessKeyId": "AKIAOLD"},
    )
    # Root signs in with MFA, works, reads; a service acts as root; somebody fails to sign in as root.
    s.add(
        "root-in",
        "2026-10-05T10:00:00Z",
        "ConsoleLogin",
        "signin",
        ROOT,
        "root_sign_ins",
        "root_activity",
        "by_address",
        responseElements=ok,
        additionalEventData={"MFAUsed": "Yes"},
        userAgent=HOSTILE,
        **login,
    )
    s.add(
        "root-makes-user",
        "2026-10-05T10:05:00Z",
        "CreateUser",
        "iam",
        ROOT_SESSION,
        "root_activity",
        "by_address",
        "new_identities",
        "events_without_alert",
        "by_session",
        requestParameters={"userName": "dave"},
        responseElements={"user": {"userName": "dave"}},
    )
    s.add(
        "root-reads",
        "2026-10-05T10:06:00Z",
        "ListBuckets",
        "s3",
        ROOT_SESSION,
        "root_activity",
        "by_address",
        "by_session",
        readOnly=True,
    )
    s.add(
        "root-by-service",
        "2026-10-07T11:00:00Z",
        "RunInstances",
        "ec2",
        {**ROOT, "invokedBy": "autoscaling.amazonaws.com"},
        "root_activity",
        address="autoscaling.amazonaws.com",
    )
    s.add(
        "root-fails",
        "2026-10-06T02:00:00Z",
        "ConsoleLogin",
        "signin",
        {**ROOT, "accessKeyId": ""},
        "root_sign_ins",
        "root_activity",
        "out_of_hours",
        "events_without_alert",
        "new_addresses",
        responseElements=failed,
        errorMessage="Failed authentication",
        address="198.51.100.7",
        **login,
    )
    # Root signs in without MFA where the record says so; and a failed one of nobody known.
    s.add(
        "root-no-mfa",
        "2026-10-08T10:00:00Z",
        "ConsoleLogin",
        "signin",
        ROOT,
        "root_sign_ins",
        "root_activity",
        "by_address",
        "logins_without_mfa",
        "events_without_alert",
        responseElements=ok,
        additionalEventData={"MFAUsed": "No"},
        **login,
    )
    s.add(
        "nobody-fails",
        "2026-10-06T02:01:00Z",
        "ConsoleLogin",
        "signin",
        {"type": "IAMUser", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS", "accountId": ACCOUNT},
        responseElements=failed,
        errorMessage="No username found in supplied account",
        address="198.51.100.7",
        **login,
    )
    s.add(
        "alice-fails",
        "2026-10-06T02:02:00Z",
        "ConsoleLogin",
        "signin",
        ALICE,
        "by_principal",
        "by_access_key",
        responseElements=failed,
        errorMessage="Failed authentication",
        address="198.51.100.7",
        **login,
    )
    s.add(
        "alice-in",
        "2026-10-06T09:00:00Z",
        "ConsoleLogin",
        "signin",
        ALICE,
        "by_principal",
        "by_access_key",
        "by_address",
        "logins_without_mfa",
        responseElements=ok,
        additionalEventData={"MFAUsed": "No", "LoginTo": "console"},
        **login,
    )
    s.add(  # with AWS's other spelling of yes
        "alice-in-mfa",
        "2026-10-06T10:00:00Z",
        "ConsoleLogin",
        "signin",
        ALICE,
        "by_principal",
        "by_access_key",
        "by_address",
        responseElements=ok,
        additionalEventData={"MFAUsed": "YES"},
        **login,
    )
    s.add(  # AWS cannot know of a federated one
        "sso-in",
        "2026-10-06T11:00:00Z",
        "ConsoleLogin",
        "signin",
        BOB,
        "admin_sessions",
        "new_addresses",
        responseElements=ok,
        additionalEventData={"MFAUsed": "No"},
        address="192.0.2.30",
        **login,
    )
    # Administrators' sessions.
    s.add(
        "bob-assumes",
        "2026-10-12T08:00:00Z",
        "AssumeRole",
        "sts",
        ALICE,
        "admin_sessions",
        "by_principal",
        "by_access_key",
        "by_address",
        requestParameters={"roleArn": ADMIN_ROLE, "roleSessionName": "bob"},
        responseElements={"credentials": {"accessKeyId": "ASIABOB"}},
        readOnly=True,
    )
    s.add(
        "denied-assume",
        "2026-10-12T08:30:00Z",
        "AssumeRole",
        "sts",
        ALICE,
        "by_principal",
        "by_access_key",
        "by_address",
        errorCode="AccessDenied",
        errorMessage="not authorized to perform: sts:AssumeRole",
        readOnly=True,
    )
    s.add(
        "portal",
        "2026-10-13T08:00:00Z",
        "GetRoleCredentials",
        "sso",
        {"type": "IdentityCenterUser"},
        "admin_sessions",
        "by_address",
        requestParameters={"role_name": "OrgAdmin", "account_id": ACCOUNT},
        readOnly=True,
    )
    # Who became administrator; and three that look like it.
    s.add(
        "grant-user",
        "2026-10-12T09:00:00Z",
        "AttachUserPolicy",
        "iam",
        BOB,
        "admin_grants",
        "policy_changes",
        "by_session_bob",
        requestParameters={"userName": "dave", "policyArn": ADMINISTRATOR},
        address="192.0.2.20",
    )
    s.add(
        "grant-document",
        "2026-10-12T20:30:00Z",
        "PutRolePolicy",
        "iam",
        BOB,
        "admin_grants",
        "policy_changes",
        "out_of_hours",
        "by_session_bob",
        requestParameters={"roleName": "build", "policyName": "all", "policyDocument": ALLOW_ALL},
        address="192.0.2.20",
    )
    s.add(
        "deny-document",
        "2026-10-12T09:02:00Z",
        "PutRolePolicy",
        "iam",
        BOB,
        "policy_changes",
        "by_session_bob",
        requestParameters={"roleName": "build", "policyName": "none", "policyDocument": DENY_ALL},
        address="192.0.2.20",
    )
    s.add(
        "grant-denied",
        "2026-10-12T09:03:00Z",
        "AttachUserPolicy",
        "iam",
        ALICE,
        "policy_changes",
        "denied_attempts",
        "by_principal",
        "by_access_key",
        "by_address",
        errorCode="AccessDenied",
        errorMessage="not authorized to perform: iam:AttachUserPolicy",
    )
    s.add(
        "grant-other",
        "2026-10-12T09:04:00Z",
        "AttachRolePolicy",
        "iam",
        BOB,
        "policy_changes",
        "by_session_bob",
        requestParameters={"roleName": "build", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
        address="192.0.2.20",
    )
    s.add(
        "group-joined",
        "2026-10-12T09:05:00Z",
        "AddUserToGroup",
        "iam",
        BOB,
        "admin_grants",
        "new_identities",
        "by_session_bob",
        requestParameters={"userName": "dave", "groupName": "Administrators"},
        address="192.0.2.20",
    )
    # Keys, trust, passwords.
    s.add(
        "key-made",
        "2026-10-14T09:00:00Z",
        "CreateAccessKey",
        "iam",
        BOB,
        "access_keys",
        "by_session_bob",
        requestParameters={"userName": "dave"},
        address="192.0.2.20",
        responseElements={"accessKey": {"userName": "dave", "accessKeyId": "AKIADAVE", "status": "Active"}},
    )
    dave = {**ALICE, "arn": f"arn:aws:iam::{ACCOUNT}:user/dave", "userName": "dave", "accessKeyId": "AKIADAVE"}
    s.add("key-used", "2026-10-14T10:00:00Z", "GetCallerIdentity", "sts", dave, readOnly=True, address="203.0.113.5")
    s.add("key-used-again", "2026-10-15T10:00:00Z", "ListUsers", "iam", dave, readOnly=True, address="203.0.113.6")
    s.add(
        "trust",
        "2026-10-15T09:00:00Z",
        "UpdateAssumeRolePolicy",
        "iam",
        BOB,
        "trust_changes",
        "by_session_bob",
        requestParameters={"roleName": "build", "policyDocument": '{"Statement":[]}'},
        address="192.0.2.20",
    )
    s.add(
        "password",
        "2026-10-15T09:10:00Z",
        "CreateLoginProfile",
        "iam",
        BOB,
        "credential_changes",
        "by_session_bob",
        requestParameters={"userName": "dave"},
        address="192.0.2.20",
    )
    # Identity Center, organisation, trail, Config, bucket, logs.
    s.add(
        "assignment",
        "2026-10-16T09:00:00Z",
        "CreateAccountAssignment",
        "sso",
        BOB,
        "identity_center_grants",
        "by_session_bob",
        address="192.0.2.20",
        requestParameters={
            "targetId": ACCOUNT,
            "principalId": "user-1",
            "permissionSetArn": "arn:aws:sso:::permissionSet/ssoins-1/ps-1",
        },
    )
    s.add(
        "leave",
        "2026-10-16T10:00:00Z",
        "LeaveOrganization",
        "organizations",
        ALICE,
        "organization_changes",
        "denied_attempts",
        "by_principal",
        "by_access_key",
        "by_address",
        errorCode="AccessDeniedException",
        errorMessage="no",
    )
    s.add("org-read", "2026-10-16T10:01:00Z", "ListAccounts", "organizations", BOB, readOnly=True, address="192.0.2.20")
    s.add(
        "stop",
        "2026-10-17T12:00:00Z",
        "StopLogging",
        "cloudtrail",
        BOB,
        "trail_changes",
        "out_of_hours",
        "events_without_alert",
        "by_session_bob",
        address="192.0.2.20",
        requestParameters={"name": "main"},
        errorCode="TrailNotFoundException",
    )
    s.add(
        "recorder",
        "2026-10-19T12:00:00Z",
        "StopConfigurationRecorder",
        "config",
        BOB,
        "trail_changes",
        "by_session_bob",
        requestParameters={"configurationRecorderName": "default"},
        address="192.0.2.20",
    )
    s.add(
        "bucket",
        "2026-10-19T12:01:00Z",
        "PutBucketPolicy",
        "s3",
        BOB,
        "trail_changes",
        "by_session_bob",
        requestParameters={"bucketName": "logs", "bucketPolicy": {"Statement": []}},
        address="192.0.2.20",
    )
    s.add(
        "flow-logs",
        "2026-10-19T12:02:00Z",
        "DeleteFlowLogs",
        "ec2",
        BOB,
        "trail_changes",
        "by_session_bob",
        requestParameters={"DeleteFlowLogsRequest": {}},
        address="192.0.2.20",
    )
    # Another account and region of the organisation; the last minute, whose file is November's.
    s.add(
        "elsewhere",
        "2026-10-20T12:00:00Z",
        "RunInstances",
        "ec2",
        {"type": "IAMUser", "userName": "erin", "arn": f"arn:aws:iam::{OTHER}:user/erin", "accountId": OTHER},
        account=OTHER,
        region=ELSEWHERE,
        address="203.0.113.9",
    )
    s.add(
        "last-minute",
        "2026-10-31T23:58:00Z",
        "DescribeTrails",
        "cloudtrail",
        ALICE,
        "by_principal",
        "by_access_key",
        "by_address",
        day="2026/11/01",
        readOnly=True,
    )
    # Types that vary.
    s.add(
        "odd-types",
        "2026-10-21T12:00:00Z",
        "PutParameter",
        "ssm",
        ALICE,
        "by_principal",
        "by_access_key",
        "by_address",
        requestParameters="HIDDEN_DUE_TO_SECURITY_REASONS",
        responseElements="null",
        readOnly="false",
        sessionCredentialFromConsole=True,
        additionalEventData="absent",
        recipientAccountId="absent",
    )
    s.add("odd-identity", "2026-10-21T12:01:00Z", "GetParameter", "ssm", "HIDDEN_DUE_TO_SECURITY_REASONS", "by_address")
    s.add(
        "no-type",
        "2026-10-21T12:02:00Z",
        "CreateNetworkInterface",
        "ec2",
        {"invokedBy": "lambda.amazonaws.com"},
        readOnly="absent",
        address="lambda.amazonaws.com",
        eventType="AwsServiceEvent",
    )
    return s


def listed(name: str) -> list[str]:
    """The ids of the records that a question has to list, in its order."""
    found = [item for item in story().told if name in item.questions]
    return [item.id for item in sorted(found, key=lambda item: (item.record["eventTime"], item.id))]


# Of the questions that do not list records: whole rows. Findings are those of `entries` below.
GATHERED: dict[str, list[tuple[Any, ...]]] = {
    "root_sessions": [
        (
            "2026-10-05T10:00:00Z", "CreateUser, ListBuckets", "root",
            "arn:aws:signin:us-east-1:123456789012:session/root-1", "true", "2026-10-05T10:05:00Z",
            "2026-10-05T10:06:00Z", 2, 0, None, "192.0.2.10", ACCOUNT,
        ),
        (
            "2026-10-05T10:00:00Z", "ConsoleLogin", "root", "root-in", "unknown", "2026-10-05T10:00:00Z",
            "2026-10-05T10:00:00Z", 1, 0, "W1", "192.0.2.10", ACCOUNT,
        ),
        (
            "2026-10-06T02:00:00Z", "ConsoleLogin", "root", "root-fails", "unknown", "2026-10-06T02:00:00Z",
            "2026-10-06T02:00:00Z", 1, 0, None, "198.51.100.7", ACCOUNT,
        ),
        (
            "2026-10-08T10:00:00Z", "ConsoleLogin", "root", "root-no-mfa", "unknown", "2026-10-08T10:00:00Z",
            "2026-10-08T10:00:00Z", 1, 0, None, "192.0.2.10", ACCOUNT,
        ),
    ],
    "failed_logins": [
        ("2026-10-06T02:00:00Z", "2026-10-06T02:02:00Z", 3, 0, "(no such user), alice, root", "198.51.100.7"),
    ],
    "unused_privileged": [
        ("2026-09-02T22:00:00Z", f"arn:aws:iam::{ACCOUNT}:user/old-admin", "acted as one", ACCOUNT),
        (None, "carol", "was granted", ACCOUNT),
    ],
    "windows_and_use": [
        (
            "2026-10-05T09:30:00Z", "ConsoleLogin, CreateUser, ListBuckets", "bob", "root", "W1", "ended",
            "2026-10-05T11:00:00Z", "renew the contract", "OPS-1", "U0CAROL", "no", 3, "2026-10-05T10:00:00Z",
            "2026-10-05T10:06:00Z", 1, 0, ACCOUNT,
        ),
        (
            "2026-10-20T09:00:00Z", None, "bob", "root", "W2", "refused", "2026-10-20T10:00:00Z", "curiosity", "OPS-2",
            None, "no", 0, None, None, 0, 0, ACCOUNT,
        ),
    ],
    "alert_decisions": [
        (
            "2026-10-05T10:00:09.000000+00:00", "root-console-login", "U0CAROL", "A1", "LOW", 1,
            "2026-10-05T10:04:08+00:00", 3, "closed", "U0CAROL", "2026-10-05T12:00:00+00:00", "as planned", "OPS-1",
            ACCOUNT,
        ),
        (
            "2026-10-12T09:00:20.000000+00:00", "admin-policy-attached, user-policy-attached", None, "A2",
            "CRITICAL, LOW", 2, None, None, "open", None, None, None, None, ACCOUNT,
        ),
        (
            "2026-10-25T00:00:00.000000+00:00", "root-console-login", None, "A3", "CRITICAL", 1, None, None, "open",
            None, None, None, None, ACCOUNT,
        ),
    ],
    "alerts_without_event": [
        (
            "2026-10-24T23:59:00Z", "ConsoleLogin", "root", "root", "root-console-login", "A3", "eventbridge",
            "192.0.2.66", ACCOUNT, REGION, "never-logged",
        ),
    ],
}  # fmt: skip


def volume() -> list[tuple[Any, ...]]:
    """The rows of volume_by_service, counted here in the plainest way."""
    months = [item.record for item in story().told if "2026-10" in item.record["eventTime"][:7]]
    rows = []
    for service in {record["eventSource"] for record in months}:
        own = [record for record in months if record["eventSource"] == service]
        times = [record["eventTime"] for record in own]
        actors = set()
        for record in own:
            who = record["userIdentity"] if isinstance(record["userIdentity"], dict) else {}
            keys = ("arn", "principalId", "invokedBy", "accountId")
            actors.add(next((who[key] for key in keys if who.get(key)), "unknown"))
        rows.append(
            (
                service,
                len(own),
                sum(str(record.get("readOnly", False)).lower() != "true" for record in own),
                sum("errorCode" in record for record in own),
                len(actors),
                min(times),
                max(times),
            )
        )
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def entries() -> dict[str, dict[str, Any]]:
    """Objects of the audit log, by key: as Rootwatch writes them."""
    made: dict[str, dict[str, Any]] = {}

    def finding(id: str, detection: str, alert: str, event: str, received: str, **more: Any) -> None:
        made[f"findings/{received[:10].replace('-', '/')}/{id}.json"] = {
            "finding_id": id, "detection_id": detection, "alert_id": alert, "event_id": event, "account": ACCOUNT,
            "region": REGION, "severity": "CRITICAL", "title": "t", "summary": "s", "subject": "root", "actor": "root",
            "actor_arn": ROOT["arn"], "actor_kind": "root", "access_key_id": "", "source_ip": "192.0.2.10",
            "event_name": "ConsoleLogin", "event_service": "signin.amazonaws.com", "event_time": None,
            "received": received, "road": "eventbridge", "quiet": None, "window_id": "", "standing": "",
            "session": None, **more,
        }  # fmt: skip

    finding(
        "f1", "root-console-login", "A1", "root-in", "2026-10-05T10:00:09.000000+00:00", severity="LOW",
        event_time="2026-10-05T10:00:00+00:00", window_id="W1", standing="inside",
    )  # fmt: skip
    finding(
        "f2", "admin-policy-attached", "A2", "grant-user", "2026-10-12T09:00:20.000000+00:00",
        event_time="2026-10-12T09:00:00+00:00", event_name="AttachUserPolicy", event_service="iam.amazonaws.com",
    )  # fmt: skip
    finding(
        "f3", "user-policy-attached", "A2", "grant-user", "2026-10-12T09:00:21.000000+00:00", severity="LOW",
        event_time="2026-10-12T09:00:00+00:00", event_name="AttachUserPolicy", event_service="iam.amazonaws.com",
    )  # fmt: skip
    finding(
        "f4", "root-console-login", "A3", "never-logged", "2026-10-25T00:00:00.000000+00:00",
        event_time="2026-10-24T23:59:00+00:00", source_ip="192.0.2.66",
    )  # fmt: skip
    # Of Access Analyzer: no call, so no record of one.
    finding(
        "f5", "external-access-found", "A4", "analyzer-1", "2026-11-02T00:00:00.000000+00:00",
        event_time="2026-10-30T00:00:00+00:00", event_name="Access Analyzer Finding",
        event_service="aws.access-analyzer",
    )  # fmt: skip
    for version, verb, state, at, reason, ticket in (
        (1, "acknowledge", "acknowledged", "2026-10-05T10:04:08+00:00", "", ""),
        (2, "close", "closed", "2026-10-05T12:00:00+00:00", "as planned", "OPS-1"),
    ):
        made[f"transitions/2026/10/05/A1/{version:04d}-x.json"] = {
            "alert": "A1", "act": f"act-{version}", "verb": verb, "state": state, "by": "U0CAROL", "at": at,
            "reason": reason, "ticket": ticket, "cause": "harmless" if verb == "close" else "", "version": version,
        }  # fmt: skip
    for id, starts, ends, purpose, ticket, steps in (
        ("W1", "2026-10-05T09:30:00+00:00", "2026-10-05T11:00:00+00:00", "renew the contract", "OPS-1",
         ("requested", "approved", "ended")),
        ("W2", "2026-10-20T09:00:00+00:00", "2026-10-20T10:00:00+00:00", "curiosity", "OPS-2",
         ("requested", "refused")),
    ):  # fmt: skip
        for version, state in enumerate(steps, start=1):
            approved = version >= 2 and id == "W1"
            made[f"windows/{starts[:10].replace('-', '/')}/{id}/{version:04d}-x.json"] = {
                "act": {"id": f"{id}-{version}", "verb": "x", "by": "U0BOB", "at": starts, "reason": ""},
                "window": {
                    "id": id, "account": ACCOUNT, "identity": "root", "person": "bob", "purpose": purpose,
                    "ticket": ticket, "starts": starts, "ends": ends, "requested_by": "U0BOB",
                    "requested_at": starts, "state": state, "approved_by": "U0CAROL" if approved else "",
                    "approved_at": starts if approved else None, "emergency": False, "reason": "",
                    "settled_by": "", "settled_at": None, "version": version,
                },
            }  # fmt: skip
    return made


def write_entries(folder: Path) -> None:
    """The audit log's objects below a folder, under their keys."""
    for key, entry in entries().items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(entry, sort_keys=True))


def objects(layout: str = "account") -> dict[str, bytes]:
    """The log objects by key, in the layout of an account's trail ("account") or of an organisation's."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for item in story().told:
        day = item.day or item.record["eventTime"][:10].replace("-", "/")
        groups.setdefault((item.account, item.region, day), []).append(item.record)
    made = {}
    for (account, region, day), records in groups.items():
        middle = f"o-a1b2c3d4e5/{account}" if layout == "organization" else account
        folder = f"AWSLogs/{middle}/CloudTrail/{region}/{day}/"
        name = f"{account}_CloudTrail_{region}_{day.replace('/', '')}T0005Z_"
        made[f"{folder}{name}aaaaaaaaaaaaaaaa.json.gz"] = _file(reversed(records))
        made[f"{folder}{name}bbbbbbbbbbbbbbbb.json.gz"] = _file(records)  # of the second trail
    made["AWSLogs/123456789012/CloudTrail-Digest/us-east-1/2026/10/05/digest.json.gz"] = gzip.compress(b"{}")
    made["AWSLogs/123456789012/CloudTrail-Insight/us-east-1/2026/10/05/insight.json.gz"] = gzip.compress(b"{}")
    return made


def _file(records: Iterable[dict[str, Any]]) -> bytes:
    return gzip.compress(json.dumps({"Records": list(records)}, separators=(",", ":")).encode(), mtime=0)


def write_logs(folder: Path, layout: str = "account") -> None:
    """The log objects below a folder; layout "loose": all in one folder, without CloudTrail's names."""
    for number, (key, data) in enumerate(objects(layout).items()):
        path = folder / (f"{number}.json.gz" if layout == "loose" else key)
        if layout == "loose" and "/CloudTrail/" not in key:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


# What a question is asked with, where it has to be.
VALUES = {
    "by_principal": {"principal": "alice"},
    "by_access_key": {"key": "AKIAALICE"},
    "by_address": {"address": "192.0.2.10"},
    "by_session": {"session": "arn:aws:signin:us-east-1:123456789012:session/root-1"},
}
