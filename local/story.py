"""The guided story: what happens one night in a small account, as the events AWS would send."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.alerting.severity import Severity
from local.stage import ACCOUNT, REGION

_ROOT = {
    "type": "Root",
    "principalId": ACCOUNT,
    "arn": f"arn:aws:iam::{ACCOUNT}:root",
    "accountId": ACCOUNT,
    "accessKeyId": "",
}
_ALICE = {
    "type": "IAMUser",
    "principalId": "AIDAEXAMPLEALICE",
    "arn": f"arn:aws:iam::{ACCOUNT}:user/alice",
    "accountId": ACCOUNT,
    "accessKeyId": "AKIAEXAMPLEALICE",
    "userName": "alice",
}
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What must be in the alert table after a scene."""

    detection_id: str  # of the finding that opened the alert
    about: str  # a part of its summary
    severity: Severity
    count: int


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One thing that happens, and the alert it opens or joins; None: nobody may be disturbed."""

    title: str
    why: str  # what to notice
    events: Sequence[Mapping[str, Any]]
    expected: Expected | None


def _event(
    service: str,
    name: str,
    *,
    identity: Mapping[str, Any] = _ALICE,
    detail_type: str = "AWS API Call via CloudTrail",
    region: str = REGION,
    **fields: Any,
) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    event_type = "AwsConsoleSignIn" if "Sign" in detail_type else "AwsApiCall"
    detail = {
        "eventVersion": "1.11",
        "userIdentity": copy.deepcopy(dict(identity)),
        "eventTime": now,
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": "192.0.2.44",
        "userAgent": "aws-cli/2.31.0",
        "requestParameters": None,
        "responseElements": None,
        "requestID": str(uuid.uuid4()),
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": event_type,
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        **fields,
    }
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": f"aws.{service}",
        "account": ACCOUNT,
        "time": now,
        "region": region,
        "resources": [],
        "detail": detail,
    }


def _moments_ago(seconds: int) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def prepare(iam: Any) -> None:
    """What is there before the story begins; `iam` is a boto3 client of the local AWS."""
    assume = {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [assume]})
    iam.create_user(UserName="carol")
    iam.attach_user_policy(UserName="carol", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    iam.create_role(RoleName="backup", AssumeRolePolicyDocument=trust)
    iam.attach_role_policy(RoleName="backup", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")


def scenes() -> list[Scene]:
    """The story, with times of now and fresh event ids each time it is told."""
    sign_in = _event(
        "signin",
        "ConsoleLogin",
        identity=_ROOT,
        detail_type="AWS Console Sign In via CloudTrail",
        userAgent=_BROWSER,
        responseElements={"ConsoleLogin": "Success"},
        additionalEventData={
            "LoginTo": "https://console.aws.amazon.com/console/home",
            "MobileVersion": "No",
            "MFAUsed": "No",
        },
    )
    root_calls = [
        _event("ec2", name, identity=_ROOT, userAgent=_BROWSER, requestParameters={"step": number})
        for number, name in enumerate(
            (
                "RunInstances",
                "CreateSecurityGroup",
                "AuthorizeSecurityGroupIngress",
                "CreateKeyPair",
                "AllocateAddress",
                "AssociateAddress",
                "CreateSnapshot",
                "ModifySnapshotAttribute",
                "CreateImage",
                "StopInstances",
            )
        )
    ]
    grant = _event(
        "iam",
        "AttachUserPolicy",
        requestParameters={"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
    )
    hidden = _event(
        "iam",
        "PutRolePolicy",
        requestParameters={
            "roleName": "deploy",
            "policyName": "read-only-helper",
            "policyDocument": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*", "ia*:a*", "ia*:p*"], "Resource": "*"},
                        {"Effect": "Allow", "Action": ["sts:GetCallerIdentity", "i?m:c*"], "Resource": "*"},
                    ],
                }
            ),
        },
    )
    before_it = _event(
        "iam",
        "PutRolePolicy",
        eventTime=_moments_ago(90),
        requestParameters={
            "roleName": "deploy",
            "policyName": "read-only-helper",
            "policyDocument": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"},
                        {"Effect": "Allow", "Action": ["sts:GetCallerIdentity"], "Resource": "*"},
                    ],
                }
            ),
        },
    )
    boundary = _event("iam", "DeleteUserPermissionsBoundary", requestParameters={"userName": "carol"})
    trust = _event(
        "iam",
        "UpdateAssumeRolePolicy",
        requestParameters={
            "roleName": "backup",
            "policyDocument": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
                }
            ),
        },
    )
    oversized = _event(
        "iam",
        "PutUserPolicy",
        requestParameters={"reason": "requestParameters too large", "omitted": True},
    )
    stopped = _event("cloudtrail", "StopLogging", requestParameters={"name": "main"})
    by_aws = _event(
        "ec2",
        "RunInstances",
        identity={**_ROOT, "invokedBy": "autoscaling.amazonaws.com"},
        sourceIPAddress="autoscaling.amazonaws.com",
        userAgent="autoscaling.amazonaws.com",
    )
    harmless = _event(
        "iam",
        "AttachRolePolicy",
        requestParameters={"roleName": "reports", "policyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"},
    )
    return [
        Scene(
            title="root signs in to the console, without MFA",
            why="one message, at once: who, from where, and what to do",
            events=[sign_in],
            expected=Expected(
                detection_id="root-console-login", about="Root signed in", severity=Severity.CRITICAL, count=1
            ),
        ),
        Scene(
            title="root makes ten calls",
            why="no ten messages: they go into the thread, and the first message counts them",
            events=root_calls,
            expected=Expected(
                detection_id="root-console-login", about="Root signed in", severity=Severity.CRITICAL, count=11
            ),
        ),
        Scene(
            title="alice attaches AdministratorAccess to bob",
            why="another conversation: bob is an administrator now",
            events=[grant],
            expected=Expected(detection_id="admin-policy-attached", about="user bob", severity=Severity.HIGH, count=1),
        ),
        Scene(
            title='alice writes an inline policy called "read-only-helper", with iam:* hidden among split globs',
            why="judged by what it says, not by its name, and shown against the harmless one it replaces",
            events=[before_it, hidden],
            expected=Expected(
                detection_id="admin-policy-written", about="role deploy", severity=Severity.HIGH, count=1
            ),
        ),
        Scene(
            title="alice removes carol's permissions boundary",
            why="nothing was granted, and yet carol can do more",
            events=[boundary],
            expected=Expected(
                detection_id="permissions-boundary-loosened", about="user carol", severity=Severity.HIGH, count=1
            ),
        ),
        Scene(
            title="alice lets everybody in the world assume the role backup",
            why="who may use a role is as much as what it may do",
            events=[trust],
            expected=Expected(detection_id="role-trust-widened", about="role backup", severity=Severity.HIGH, count=1),
        ),
        Scene(
            title="alice writes a policy so large that CloudTrail leaves it out",
            why="padding is a known way to hide a grant: it is raised, not ignored",
            events=[oversized],
            expected=Expected(
                detection_id="admin-policy-written", about="too long for CloudTrail", severity=Severity.HIGH, count=1
            ),
        ),
        Scene(
            title="alice stops the audit trail",
            why="whoever hides something begins here",
            events=[stopped],
            expected=Expected(detection_id="trail-tampered", about="trail main", severity=Severity.CRITICAL, count=1),
        ),
        Scene(
            title="auto scaling starts an instance for the account, and alice attaches a harmless policy",
            why="both are matched by a rule, and nobody is disturbed",
            events=[by_aws, harmless],
            expected=None,
        ),
    ]
