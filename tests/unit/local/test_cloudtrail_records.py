"""Calls to the local AWS are written down with CloudTrail's names and shapes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from local.cloudtrail_records import Call, Caller, envelope_of, record_of

ALICE = Caller(
    kind="IAMUser",
    account="123456789012",
    arn="arn:aws:iam::123456789012:user/alice",
    principal_id="AIDACKCEVSQ6C2EXAMPLE",
    access_key_id="AKIAIOSFODNN7EXAMPLE",
)
FORM = {"content-type": "application/x-www-form-urlencoded", "user-agent": "aws-cli/2"}


def call(service: str, body: bytes | dict[str, str] = b"", **more: Any) -> Call:
    values: dict[str, Any] = {
        "method": "POST",
        "path": "/",
        "query": "",
        "headers": FORM,
        "region": "eu-west-1",
        "caller": ALICE,
        "source_ip": "192.0.2.1",
        "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "status": 200,
        "response_headers": {},
        "response_body": b"",
    }
    return Call(
        service=service, body=urlencode(body).encode() if isinstance(body, dict) else body, **{**values, **more}
    )


def record(service: str, body: bytes | dict[str, str] = b"", **more: Any) -> dict[str, Any]:
    found = record_of(call(service, body, **more))
    assert found is not None
    return found


def test_an_iam_call_has_cloudtrails_names_and_is_recorded_in_us_east_1() -> None:
    found = record(
        "iam",
        {"Action": "AttachUserPolicy", "UserName": "bob", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
    )
    assert found["eventSource"] == "iam.amazonaws.com"
    assert found["eventName"] == "AttachUserPolicy"
    assert found["awsRegion"] == "us-east-1"
    assert found["requestParameters"] == {
        "userName": "bob",
        "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
    }
    assert found["responseElements"] is None
    assert found["readOnly"] is False
    assert found["userIdentity"]["userName"] == "alice"
    assert found["eventTime"] == "2026-01-02T03:04:05Z"
    assert found["recipientAccountId"] == "123456789012"
    assert "errorCode" not in found


def test_lists_and_structures_of_a_form_are_nested() -> None:
    found = record(
        "iam",
        {
            "Action": "CreateUser",
            "UserName": "bob",
            "Tags.member.1.Key": "team",
            "Tags.member.1.Value": "blue",
            "Tags.member.2.Key": "x",
            "Tags.member.2.Value": "",
        },
    )
    assert found["requestParameters"]["tags"] == [{"key": "team", "value": "blue"}, {"key": "x", "value": ""}]


def test_secrets_are_left_out_of_requests_and_answers() -> None:
    found = record("iam", {"Action": "CreateLoginProfile", "UserName": "bob", "Password": "hunter2"})
    assert found["requestParameters"] == {"userName": "bob"}
    answer = (
        b'<CreateAccessKeyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateAccessKeyResult><AccessKey>'
        b"<UserName>bob</UserName><AccessKeyId>AKIAIOSFODNN7EXAMPLE</AccessKeyId><Status>Active</Status>"
        b"<SecretAccessKey>topsecret</SecretAccessKey></AccessKey></CreateAccessKeyResult></CreateAccessKeyResponse>"
    )
    found = record("iam", {"Action": "CreateAccessKey", "UserName": "bob"}, response_body=answer)
    assert found["responseElements"] == {
        "accessKey": {"userName": "bob", "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "status": "Active"}
    }


def test_a_failure_has_the_code_cloudtrail_uses() -> None:
    body = b"<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>no bob</Message></Error></ErrorResponse>"
    found = record("iam", {"Action": "DeleteUser", "UserName": "bob"}, status=404, response_body=body)
    assert (found["errorCode"], found["errorMessage"]) == ("NoSuchEntityException", "no bob")
    assert found["requestParameters"] == {"userName": "bob"}


def test_a_denied_call_has_no_parameters() -> None:
    body = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    found = record("iam", {"Action": "DeleteUser", "UserName": "bob"}, status=403, response_body=body)
    assert found["errorCode"] == "AccessDenied"
    assert found["requestParameters"] is None


def test_a_json_call_keeps_the_callers_region() -> None:
    headers = {"x-amz-target": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.StopLogging"}
    found = record("cloudtrail", json.dumps({"Name": "audit"}).encode(), headers=headers)
    assert found["eventName"] == "StopLogging"
    assert found["awsRegion"] == "eu-west-1"
    assert found["requestParameters"] == {"name": "audit"}


def test_keys_of_a_map_stay_as_they_are() -> None:
    body = {"QueueUrl": "http://127.0.0.1/1/q", "Attributes": {"VisibilityTimeout": "9"}}
    headers = {"x-amz-target": "AmazonSQS.SetQueueAttributes"}
    found = record("sqs", json.dumps(body).encode(), headers=headers)
    assert found["requestParameters"]["attributes"] == {"VisibilityTimeout": "9"}


def test_a_lambda_call_has_the_version_of_the_api_in_its_name() -> None:
    found = record(
        "lambda", b'{"Description": "x"}', method="PUT", path="/2015-03-31/functions/alert/configuration", headers={}
    )
    assert found["eventName"] == "UpdateFunctionConfiguration20150331v2"
    assert found["requestParameters"] == {"description": "x", "functionName": "alert"}


def test_a_bucket_policy_is_recorded_as_s3_does() -> None:
    policy = {"Version": "2012-10-17", "Statement": []}
    found = record(
        "s3", json.dumps(policy).encode(), method="PUT", path="/logs", query="policy", headers={"host": "127.0.0.1"}
    )
    assert found["eventName"] == "PutBucketPolicy"
    assert found["requestParameters"] == {
        "Host": "127.0.0.1",
        "bucketName": "logs",
        "policy": "",
        "bucketPolicy": policy,
    }


def test_the_xml_of_a_bucket_setting_is_unfolded() -> None:
    body = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
    found = record("s3", body, method="PUT", path="/logs", query="versioning", headers={})
    assert found["eventName"] == "PutBucketVersioning"
    assert found["requestParameters"]["VersioningConfiguration"] == {"Status": "Suspended"}


@pytest.mark.parametrize(
    ("service", "more"),
    [
        ("s3", {"method": "PUT", "path": "/logs/key", "headers": {}}),
        ("sqs", {"body": b"{}", "headers": {"x-amz-target": "AmazonSQS.SendMessage"}}),
        ("dynamodb", {"body": b"{}", "headers": {"x-amz-target": "DynamoDB_20120810.PutItem"}}),
        ("lambda", {"path": "/2015-03-31/functions/alert/invocations", "headers": {}}),
        ("sns", {"body": {"Action": "Publish"}}),
        ("ec2", {"body": {"Action": "RunInstances"}}),
        ("iam", {"body": {"Action": "InventNothing"}}),
    ],
)
def test_data_events_and_unknown_calls_are_not_recorded(service: str, more: dict[str, Any]) -> None:
    assert record_of(call(service, **more)) is None


@pytest.mark.parametrize(
    ("name", "read_only"),
    [("ListUsers", True), ("GetUser", True), ("DeleteUser", False), ("SimulatePrincipalPolicy", True)],
)
def test_read_only_calls_say_so(name: str, read_only: bool) -> None:
    assert record("iam", {"Action": name})["readOnly"] is read_only


def test_assuming_a_role_is_read_only_and_tells_the_session() -> None:
    answer = (
        b'<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><AssumedRoleUser>'
        b"<AssumedRoleId>AROAEXAMPLE:bob</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/admin/bob</Arn>"
        b"</AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
    )
    found = record("sts", {"Action": "AssumeRole", "RoleSessionName": "bob"}, response_body=answer)
    assert found["readOnly"] is True
    assert found["responseElements"]["assumedRoleUser"]["arn"].endswith("assumed-role/admin/bob")


def test_an_assumed_role_names_the_role_it_came_from() -> None:
    caller = Caller(
        kind="AssumedRole",
        account="123456789012",
        arn="arn:aws:sts::123456789012:assumed-role/admin/bob",
        principal_id="AROAEXAMPLE:bob",
        access_key_id="ASIAIOSFODNN7EXAMPLE",
    )
    identity = record("iam", {"Action": "DeleteUser", "UserName": "x"}, caller=caller)["userIdentity"]
    issuer = identity["sessionContext"]["sessionIssuer"]
    assert issuer["arn"] == "arn:aws:iam::123456789012:role/admin"
    assert issuer["principalId"] == "AROAEXAMPLE"
    assert "userName" not in identity


def test_the_envelope_is_eventbridges() -> None:
    found = record("iam", {"Action": "DeleteUser", "UserName": "bob"})
    envelope = envelope_of(found)
    assert envelope["source"] == "aws.iam"
    assert envelope["detail-type"] == "AWS API Call via CloudTrail"
    assert (envelope["account"], envelope["region"]) == ("123456789012", "us-east-1")
    assert envelope["detail"] == found
