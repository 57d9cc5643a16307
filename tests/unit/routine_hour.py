"""An hour of normal infrastructure-as-code work: 300 IAM and VPC calls, as a deploy role makes them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.building import ACCOUNT, envelope, record

DEPLOY = f"arn:aws:iam::{ACCOUNT}:role/ci/deploy"
BEGINS = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CALLS = 300
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/workload-boundary"
_SERVICES = ("lambda", "ecs-tasks", "ec2", "states")
_AWS_POLICIES = (
    "service-role/AWSLambdaBasicExecutionRole",
    "service-role/AmazonECSTaskExecutionRolePolicy",
    "CloudWatchAgentServerPolicy",
    "AmazonSSMManagedInstanceCore",
)


def identity(role: str = DEPLOY, session: str = "pipeline-1184") -> dict[str, Any]:
    """A session of this role, the way CloudTrail writes it."""
    account, name = role.split(":")[4], role.rpartition("/")[2]
    return {
        "type": "AssumedRole",
        "principalId": f"AROAEXAMPLEDEPLOYROLE:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        "accountId": account,
        "accessKeyId": "ASIAEXAMPLEDEPLOYROLE",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLEDEPLOYROLE",
                "arn": role,
                "accountId": account,
                "userName": name,
            },
            "attributes": {"creationDate": "2026-11-02T08:59:30Z", "mfaAuthenticated": "false"},
        },
    }


def document(*actions: str, resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(service: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def lookups() -> dict[str, dict[str, Any]]:
    """What the account answers about this hour's customer policies and roles."""
    harmless = json.loads(document("s3:GetObject", "s3:PutObject", resource="arn:aws:s3:::example-data/*"))
    answers = {f"managed_policy arn:aws:iam::{ACCOUNT}:policy/workload-{n}": harmless for n in range(20)}
    # AWS's own, of which we know only those that matter; the account is asked for the others.
    agent = json.loads(document("cloudwatch:PutMetricData", "logs:PutLogEvents", "logs:CreateLogStream"))
    answers["managed_policy arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy"] = agent
    answers[f"managed_policy {BOUNDARY}"] = json.loads(document("s3:*", "sqs:*", "logs:*"))
    answers |= {
        f"policies_of {ACCOUNT} {kind} {name}-{n}": {"policies": [harmless]}
        for kind, name in (("role", "workload"), ("user", "mailer"))
        for n in range(20)
    }
    return answers


def _iam() -> Iterator[tuple[str, dict[str, Any], str]]:
    """(call, parameters, error) of one service after the other being rolled out."""
    for n in itertools.count():
        role, policy = f"workload-{n % 20}", f"arn:aws:iam::{ACCOUNT}:policy/workload-{n % 20}"
        scoped = document("dynamodb:GetItem", "dynamodb:Query", resource=f"arn:aws:dynamodb:*:{ACCOUNT}:table/t{n}")
        yield "CreateRole", {"roleName": role, "assumeRolePolicyDocument": trust(_SERVICES[n % 4])}, ""
        yield "TagRole", {"roleName": role, "tags": [{"key": "team", "value": "example"}]}, ""
        yield "PutRolePermissionsBoundary", {"roleName": role, "permissionsBoundary": BOUNDARY}, ""
        yield (
            "AttachRolePolicy",
            {"roleName": role, "policyArn": f"arn:aws:iam::aws:policy/{_AWS_POLICIES[n % 4]}"},
            "",
        )
        yield "CreatePolicy", {"policyName": f"workload-{n % 20}", "policyDocument": scoped}, ""
        yield "AttachRolePolicy", {"roleName": role, "policyArn": policy}, ""
        yield "PutRolePolicy", {"roleName": role, "policyName": "data", "policyDocument": scoped}, ""
        yield "CreatePolicyVersion", {"policyArn": policy, "policyDocument": scoped, "setAsDefault": True}, ""
        yield "DeletePolicyVersion", {"policyArn": policy, "versionId": "v1"}, ""
        yield "UpdateAssumeRolePolicy", {"roleName": role, "policyDocument": trust(_SERVICES[(n + 1) % 4])}, ""
        yield "CreateInstanceProfile", {"instanceProfileName": role}, "EntityAlreadyExistsException" if n % 3 else ""
        yield "AddRoleToInstanceProfile", {"instanceProfileName": role, "roleName": role}, ""
        # A function that starts others: with a role of rights it could become administrator.
        starts = document("iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction")
        yield "PutRolePolicy", {"roleName": f"starter-{n % 6}", "policyName": "start", "policyDocument": starts}, ""
        # What cannot use a role yet: a user of its own, with a key and a policy.
        yield "CreateUser", {"userName": f"mailer-{n % 20}"}, ""
        yield "CreateAccessKey", {"userName": f"mailer-{n % 20}"}, ""
        yield "AttachUserPolicy", {"userName": f"mailer-{n % 20}", "policyArn": policy}, ""
        yield "DetachRolePolicy", {"roleName": role, "policyArn": policy}, ""
        yield "DeleteRolePolicy", {"roleName": role, "policyName": "data"}, ""


def _vpc() -> Iterator[tuple[str, dict[str, Any], str]]:
    for n in itertools.count():
        vpc, group, table = f"vpc-{n:017x}", f"sg-{n:017x}", f"rtb-{n:017x}"
        everyone = {"items": [{"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "ipRanges": {"items": [{}]}}]}
        yield "CreateVpc", {"cidrBlock": f"10.{n % 250}.0.0/16"}, ""
        yield "ModifyVpcAttribute", {"vpcId": vpc, "enableDnsHostnames": {"value": True}}, ""
        yield "CreateSubnet", {"vpcId": vpc, "cidrBlock": f"10.{n % 250}.1.0/24"}, ""
        yield "CreateInternetGateway", {}, ""
        yield "AttachInternetGateway", {"vpcId": vpc, "internetGatewayId": f"igw-{n:017x}"}, ""
        yield "CreateRouteTable", {"vpcId": vpc}, ""
        yield "CreateRoute", {"routeTableId": table, "destinationCidrBlock": "0.0.0.0/0"}, ""
        yield "AssociateRouteTable", {"routeTableId": table, "subnetId": f"subnet-{n:017x}"}, ""
        yield "CreateSecurityGroup", {"vpcId": vpc, "groupName": f"web-{n}"}, ""
        yield "AuthorizeSecurityGroupIngress", {"groupId": group, "ipPermissions": everyone}, ""
        yield "AuthorizeSecurityGroupEgress", {"groupId": group, "ipPermissions": everyone}, ""
        yield "RevokeSecurityGroupEgress", {"groupId": group}, "Client.InvalidPermission.NotFound" if n % 2 else ""
        yield "CreateNetworkAcl", {"vpcId": vpc}, ""
        yield "CreateNetworkAclEntry", {"networkAclId": f"acl-{n:017x}", "ruleNumber": 100}, ""
        yield "CreateTags", {"resourcesSet": {"items": [{"resourceId": vpc}]}}, ""


def calls(role: str = DEPLOY) -> Iterator[dict[str, Any]]:
    """The events, twelve seconds apart: the session begins, then IAM and VPC calls in turn."""
    when = (BEGINS + timedelta(seconds=12 * n) for n in itertools.count())
    assumed = {"roleArn": role, "roleSessionName": "pipeline-1184"}
    runner = {"type": "AWSAccount", "principalId": "AROAEXAMPLERUNNER:job", "accountId": ACCOUNT}
    yield _event("sts", "AssumeRole", assumed, "", next(when), who=runner, region="ap-northeast-1", readOnly=True)
    for _, iam, vpc in zip(range((CALLS - 1) // 2), _iam(), _vpc(), strict=False):
        yield _event("iam", *iam, next(when), who=identity(role), region="us-east-1")
        yield _event("ec2", *vpc, next(when), who=identity(role), region="ap-northeast-1")
    yield _event("iam", "ListRoles", {}, "", next(when), who=identity(role), region="us-east-1", readOnly=True)


def _event(
    service: str,
    name: str,
    parameters: dict[str, Any],
    error: str,
    when: datetime,
    *,
    who: Any,
    region: str,
    **more: Any,
) -> dict[str, Any]:
    response = {"accessKey": {"accessKeyId": "AKIAEXAMPLEMAILER"}} if name == "CreateAccessKey" else None
    changes: dict[str, Any] = {
        "userIdentity": who,
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "eventTime": when.isoformat().replace("+00:00", "Z"),
        "awsRegion": region,
        "userAgent": "APN/1.0 HashiCorp/1.0 Terraform/1.14.0",
        "requestParameters": parameters,
        "responseElements": response,
        **({"errorCode": error, "errorMessage": "it is there already"} if error else {}),
        **more,
    }
    return envelope(record(**changes))
