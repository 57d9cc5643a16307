"""A break-glass window on the deployed stack: asked for in Slack, approved by another, used by root, written down."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from handlers.alerting.severity import Severity
from local.stage import ACCOUNT, CHANNEL, Stage
from local.story import scenes


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    with Stage(directory=tmp_path_factory.mktemp("windows")) as running:
        yield running


def by_root(words, **detail):
    """An event of the story, made now and by root with a second factor."""
    (event,) = [json.loads(json.dumps(s.events[0])) for s in scenes() if words in s.title][:1]
    event["id"] = str(uuid.uuid4())
    root = {"type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT}
    # CloudTrail tells whole seconds: in the very second of the approval it would be told as before it.
    moment = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    event["detail"].update({"eventID": str(uuid.uuid4()), "eventTime": moment, "userIdentity": root, **detail})
    return event


def shown(stage):
    return json.dumps(stage.messages(), ensure_ascii=False)


def alerts_about(stage, words):
    return [alert for alert in stage.alerts() if words in json.dumps(alert.headline.to_plain(), default=str)]


def test_a_planned_sign_in_is_calm_and_what_hides_it_is_not(office):
    channel = office.slack.workspace.channel(CHANNEL).id
    assert office.slack.interactivity.command("U0ALICE000", channel, "/rootwatch request") == ""
    assert office.until(lambda: bool(office.slack.workspace.views), seconds=10) is not None
    now = datetime.now(UTC)
    office.slack.submit_view(
        {
            "account": ACCOUNT,
            "person": "alice",
            "purpose": "change the contact",
            "ticket": "OPS-7",
            "day": f"{now:%Y-%m-%d}",
            "hour": f"{now:%H:%M}",
            "length": "60",
        },
        user="alice",
    )
    assert office.until(lambda: "OPS-7" in shown(office), seconds=30) is not None
    (message,) = [item for item in office.messages() if "OPS-7" in json.dumps(item)]

    office.slack.click(CHANNEL, message["ts"], "rootwatch-window-approve", user="alice")
    told = office.until(lambda: any(i.get("ephemeral_to") == "U0ALICE000" for i in office.messages()), seconds=20)
    assert told is not None, "whoever asked for it is told that another has to approve it"
    office.slack.click(CHANNEL, message["ts"], "rootwatch-window-approve", user="bob")
    assert office.until(lambda: "rootwatch-window-revoke" in shown(office), seconds=20) is not None

    office.aws.put_event(by_root("root signs in", additionalEventData={"MFAUsed": "Yes"}))
    assert office.until(lambda: bool(alerts_about(office, "signed in")), seconds=30) is not None
    (calm,) = alerts_about(office, "signed in")
    assert calm.severity is Severity.LOW
    assert "OPS-7" in json.dumps(calm.headline.to_plain(), default=str)

    office.aws.put_event(by_root("stops the audit trail"))
    assert office.until(lambda: bool(alerts_about(office, "StopLogging")), seconds=30) is not None
    (loud,) = alerts_about(office, "StopLogging")
    assert loud.severity is Severity.CRITICAL, "a window never silences tampering"


def test_what_was_decided_is_in_the_audit_log(office):
    s3, bucket = office.aws.client("s3"), office.outputs["AuditLogBucket"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="windows/").get("Contents", ())
    entries = [json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()) for item in listed]
    text = json.dumps(entries)
    assert len(entries) >= 2
    assert "U0ALICE000" in text
    assert "U0BOB00000" in text
