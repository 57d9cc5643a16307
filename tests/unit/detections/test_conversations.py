"""Incidents that cross accounts are one conversation."""

from handlers.alerting.event import Event
from handlers.detections import CATALOGUE
from tests.building import Stage, envelope, record, root_record

MEMBER = "210987654321"
KEY = "ASIAEXAMPLEMEMBER"


def assume_root():
    return envelope(
        record(
            eventSource="sts.amazonaws.com",
            eventName="AssumeRoot",
            readOnly=True,
            requestParameters={
                "targetPrincipal": MEMBER,
                "taskPolicyArn": {"arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"},
            },
            responseElements={"credentials": {"accessKeyId": KEY, "sessionToken": "x"}},
        )
    )


def in_the_member(key=KEY):
    """The member's record as AWS prints it: nothing in it says that the session was assumed."""
    detail = root_record(
        eventSource="s3.amazonaws.com", eventName="DeleteBucketPolicy", recipientAccountId=MEMBER, awsRegion="eu-west-1"
    )
    detail["userIdentity"] = {**detail["userIdentity"], "accountId": MEMBER, "accessKeyId": key}
    return {**envelope(detail), "account": MEMBER}


def test_what_an_assumed_root_session_does_in_a_member_joins_the_alert_about_its_opening():
    stage = Stage(detections=CATALOGUE)
    for event in (assume_root(), in_the_member()):
        stage.pipeline.raise_alerts(Event.parse(event))
    assert [alert.headline.detection_id for alert in stage.book.alerts] == ["root-session-assumed"]
    assert stage.book.alerts[0].loud == 2


def test_roots_own_session_in_the_member_is_a_conversation_of_its_own():
    stage = Stage(detections=CATALOGUE)
    for event in (assume_root(), in_the_member("ASIAEXAMPLEOTHER")):
        stage.pipeline.raise_alerts(Event.parse(event))
    assert [alert.headline.detection_id for alert in stage.book.alerts] == ["root-session-assumed", "root-activity"]


def test_identity_centers_fan_out_into_a_thousand_members_is_one_alert():
    stage = Stage(detections=CATALOGUE)
    for number in range(1_000):
        account = f"{300_000_000_000 + number}"
        detail = record(
            eventName="AttachRolePolicy",
            recipientAccountId=account,
            sourceIPAddress="sso.amazonaws.com",
            requestParameters={
                "roleName": f"AWSReservedSSO_Administrators_{number:016x}",
                "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
            },
        )
        detail["userIdentity"] = {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE:AWS-SSO",
            "arn": f"arn:aws:sts::{account}:assumed-role/AWSServiceRoleForSSO/AWS-SSO",
            "accountId": account,
            "invokedBy": "sso.amazonaws.com",
        }
        stage.pipeline.raise_alerts(Event.parse({**envelope(detail), "account": account}))
    (alert,) = stage.book.alerts
    assert alert.loud == 1_000
    assert stage.said(stage.slack) == ["announce"]
