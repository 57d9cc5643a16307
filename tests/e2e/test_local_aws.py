"""The local AWS carries an event the whole way: bus, rule, queue, function, HTTP - and back from its failures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.aws import ROOT, LocalAws, LocalAwsError

APP = Path(__file__).parent / "local_app"

pytestmark = pytest.mark.skipif(
    not (ROOT / ".emulator" / "bin" / "python").exists(), reason="no local AWS: run `make setup`"
)


class Sink:
    """An HTTP server that keeps what the function sends."""

    def __init__(self) -> None:
        self.received: list[tuple[float, dict[str, Any]]] = []
        self.refuse: set[str] = set()  # ids of events that are answered with 500
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                value = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                sink.received.append((time.monotonic(), value))
                self.send_response(500 if value["envelope"].get("id") in sink.refuse else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def envelopes(self) -> list[dict[str, Any]]:
        return [value["envelope"] for _, value in self.received]

    def names(self) -> list[str]:
        return [envelope.get("detail", {}).get("eventName", "") for envelope in self.envelopes()]


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    started = Sink()
    yield started
    started.server.shutdown()
    started.server.server_close()


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with LocalAws(directory=tmp_path_factory.mktemp("aws"), port=0) as started:
        yield started


@pytest.fixture(scope="module")
def outputs(aws: LocalAws, sink: Sink) -> dict[str, str]:
    return aws.deploy("LocalApp", APP, {"SINK": f"http://127.0.0.1:{sink.server.server_port}/"})


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return value


def sign_in(**more: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "AWS Console Sign In via CloudTrail",
        "source": "aws.signin",
        "account": "123456789012",
        "time": "2026-01-02T03:04:05Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {"eventName": "ConsoleLogin", "userIdentity": {"type": "Root"}},
        **more,
    }


def test_an_event_arrives_as_it_was_put_whatever_its_account_and_region(
    aws: LocalAws, outputs: dict[str, str], sink: Sink
) -> None:
    event = sign_in(account="210987654321", region="ap-northeast-1")
    assert aws.put_event(event) == 1
    assert until(lambda: event in sink.envelopes())


def test_what_somebody_does_to_it_becomes_an_event_but_what_the_function_does_is_not(
    aws: LocalAws, outputs: dict[str, str], sink: Sink
) -> None:
    aws.client("iam").create_user(UserName="bob")
    aws.client("iam", access_key_id="root").attach_user_policy(
        UserName="bob", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    assert until(lambda: {"CreateUser", "AttachUserPolicy"} <= set(sink.names()))
    attached = next(
        item["detail"] for item in sink.envelopes() if item["detail"].get("eventName") == "AttachUserPolicy"
    )
    assert attached["userIdentity"]["type"] == "Root"
    assert attached["requestParameters"] == {
        "userName": "bob",
        "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
    }
    found = aws.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "AttachUserPolicy"}]
    )
    assert json.loads(found["Events"][0]["CloudTrailEvent"]) == attached
    assert until(lambda: len(aws.mails()) >= 3)  # the function's ListUsers came before each of these
    assert "ListUsers" not in {record["eventName"] for record in aws.records()}
    assert aws.recording_failures() == []


def test_housekeeping_leaves_no_trace(aws: LocalAws) -> None:
    aws.client("iam", recorded=False).create_group(GroupName="quiet")
    aws.client("iam").get_group(GroupName="quiet")
    names = [record["eventName"] for record in aws.records()]
    assert "GetGroup" in names
    assert "CreateGroup" not in names


def test_read_only_calls_reach_only_rules_that_ask_for_all_management_events(
    aws: LocalAws, outputs: dict[str, str], sink: Sink
) -> None:
    aws.client("iam").list_roles()
    aws.client("sts").get_caller_identity()
    assert until(lambda: "GetCallerIdentity" in sink.names())
    assert "ListRoles" in {record["eventName"] for record in aws.records()}
    assert "ListRoles" not in sink.names()


def test_a_refused_message_comes_back_after_its_visibility_and_ends_in_the_dead_letter_queue(
    aws: LocalAws, outputs: dict[str, str], sink: Sink
) -> None:
    event = sign_in()
    sink.refuse.add(event["id"])
    aws.put_event(event)
    sqs = aws.client("sqs")
    dead = until(lambda: sqs.receive_message(QueueUrl=outputs["DeadUrl"]).get("Messages"))
    assert json.loads(dead[0]["Body"]) == event
    tries = [(when, value) for when, value in sink.received if value["envelope"] == event]
    assert [value["receives"] for _, value in tries] == ["1", "2", "3"]
    assert 0.8 < tries[1][0] - tries[0][0] < 8  # the second the function asked for, not the queue's thirty


def test_what_sns_mails_can_be_read(aws: LocalAws, outputs: dict[str, str]) -> None:
    event = sign_in()
    aws.put_event(event)
    mail = until(lambda: next((item for item in aws.mails() if item.message == event["id"]), None))
    assert (mail.to, mail.subject, mail.topic) == ("alice@example.com", "Alert", outputs["TopicArn"])


def test_a_function_url_answers_at_the_local_address(aws: LocalAws, outputs: dict[str, str]) -> None:
    with urllib.request.urlopen(aws.function_url(outputs["FunctionUrl"]), timeout=20) as answer:
        assert answer.read() == b"hello"


def test_an_event_that_is_none_is_refused_with_the_reason(aws: LocalAws) -> None:
    with pytest.raises(LocalAwsError, match="`source` is missing"):
        aws.put_event({"id": "1"})
    with pytest.raises(LocalAwsError, match="`detail` is missing"):
        aws.put_event({**sign_in(), "detail": "text"})


def test_a_deployment_that_fails_shows_the_end_of_its_log(aws: LocalAws, tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text('{"app": "python -c \\"raise SystemExit(\'no such construct\')\\""}')
    with pytest.raises(LocalAwsError, match=r"`cdk deploy` failed(?s:.*)no such construct"):
        aws.deploy("LocalApp", tmp_path)


def test_it_ends_with_the_process_that_started_it_however_that_ends(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time\nfrom local.aws import LocalAws\n"
        "with LocalAws(directory=pathlib.Path(sys.argv[1]), port=0) as aws:\n"
        "    print(aws.url, flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert answers(url)
        os.kill(parent.pid, signal.SIGKILL)
    assert until(lambda: not answers(url), seconds=10)


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/_rootwatch/health", timeout=2).close()
    except OSError:
        return False
    return True
