"""The audit log in S3: an entry is written once, and a repeat leaves the first one as it is."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from handlers.adapters.audit_bucket import AuditBucket
from handlers.alerting.acting import carry_out
from handlers.alerting.errors import UnavailableError
from handlers.alerting.life import Act, Cause, Outcome, Verb
from tests.building import NOW, Stage

KEY = "transitions/2026/11/02/A1/0001-0123456789abcdef.json"


@pytest.fixture
def s3(aws):
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="audit", ObjectLockEnabledForBucket=True)
    return client


@pytest.fixture
def log(s3):
    return AuditBucket(client=lambda _service: s3, bucket="audit")


def entries(s3):
    found = s3.list_objects_v2(Bucket="audit").get("Contents", [])
    return {item["Key"]: json.loads(s3.get_object(Bucket="audit", Key=item["Key"])["Body"].read()) for item in found}


def test_an_entry_is_an_object_and_a_repeat_makes_no_second_version(s3, log):
    log.append(KEY, {"by": "U1", "reason": "計画 <!channel>"})
    log.append(KEY, {"by": "U2"})
    assert entries(s3) == {KEY: {"by": "U1", "reason": "計画 <!channel>"}}
    assert len(s3.list_object_versions(Bucket="audit")["Versions"]) == 1


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "secret text"}}, "PutObject"),
        ClientError({"Error": {"Code": "ConditionalRequestConflict", "Message": ""}}, "PutObject"),
        EndpointConnectionError(endpoint_url="https://s3.example.com"),
    ],
)
def test_a_log_that_does_not_take_it_is_tried_again(error):
    class Away:
        def put_object(self, **_):
            raise error

    with pytest.raises(UnavailableError) as caught:
        AuditBucket(client=lambda _service: Away(), bucket="audit").append(KEY, {})
    assert "secret text" not in str(caught.value)


def test_after_silence_it_is_left_alone_for_a_while_as_people_wait_meanwhile():
    now, asked = [100.0], []

    class Away:
        def put_object(self, **_):
            asked.append(now[0])
            raise EndpointConnectionError(endpoint_url="https://s3.example.com")

    log = AuditBucket(client=lambda _service: Away(), bucket="audit", clock=lambda: now[0])
    for seconds in (0, 1, 8, 2):
        now[0] += seconds
        with pytest.raises(UnavailableError):
            log.append(KEY, {})
    assert asked == [100.0, 111.0]


def test_a_refusal_is_an_answer_and_the_next_entry_is_tried_at_once():
    asked = []

    class Refuses:
        def put_object(self, **_):
            asked.append(1)
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "PutObject")

    log = AuditBucket(client=lambda _service: Refuses(), bucket="audit")
    for _ in range(2):
        with pytest.raises(UnavailableError):
            log.append(KEY, {})
    assert len(asked) == 2


def test_each_act_of_a_story_is_in_the_log_in_order_and_what_was_not_done_is_not(s3, log):
    stage = Stage()
    stage.send()
    (alert,) = stage.book.alerts
    acts = [
        Act(id="1", verb=Verb.ACKNOWLEDGE, by="U1", at=NOW),
        Act(id="2", verb=Verb.ACKNOWLEDGE, by="U2", at=NOW),
        Act(id="3", verb=Verb.CLOSE, by="U1", at=NOW, cause=Cause.MENDED, reason="gone", ticket="OPS-1"),
        Act(id="4", verb=Verb.REOPEN, by="U2", at=NOW),
    ]
    done = [carry_out(alert.id, act, book=stage.book, audit_log=log).outcome for act in [*acts, acts[0]]]
    assert done == [Outcome.DONE, Outcome.OWNED, Outcome.DONE, Outcome.DONE, Outcome.DONE]
    written = entries(s3)
    assert [(key.split("/")[4], key.split("/")[5][:5]) for key in written] == [
        (alert.id, "0001-"),
        (alert.id, "0002-"),
        (alert.id, "0003-"),
    ]
    assert [(item["verb"], item["state"], item["by"], item["cause"], item["ticket"]) for item in written.values()] == [
        ("acknowledge", "acknowledged", "U1", "", ""),
        ("close", "closed", "U1", "mended", "OPS-1"),
        ("reopen", "open", "U2", "", ""),
    ]
