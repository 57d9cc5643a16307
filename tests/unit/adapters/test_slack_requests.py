"""Slack's door: who is let in, and what is read of a request."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from urllib.parse import urlencode

import pytest

from handlers.adapters.slack_requests import Command, RefusedError, read_request, signing_secrets, verified
from handlers.alerting.life import Verb
from tests.building import NOW

SECRET, OLD = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
ALERT = "A0123456789abcdef0123"
STAMP = int(NOW.timestamp())


def click(action="rootwatch-acknowledge", value=ALERT, **more):
    return {
        "type": "block_actions",
        "team": {"id": "T1"},
        "api_app_id": "A1",
        "user": {"id": "U1"},
        "trigger_id": "1.2.abc",
        "container": {"channel_id": "C1", "message_ts": "1.2"},
        "actions": [{"action_id": action, "value": value}],
        **more,
    }


def form(reason="planned", verb="expect", cause=None, **more):
    chosen = {"selected_option": {"value": cause} if cause else None}
    return {
        "type": "view_submission",
        "user": {"id": "U1"},
        "view": {
            "callback_id": f"rootwatch-{verb}",
            "private_metadata": json.dumps({"alert": ALERT, "channel": "C1", "ts": "1.2"}),
            "state": {
                "values": {
                    "reason": {"value": {"value": reason}},
                    "ticket": {"value": {"value": None}},
                    **({"cause": {"value": chosen}} if verb == "close" else {}),
                }
            },
        },
        **more,
    }


def sign(body, secret=SECRET, stamp=STAMP):
    return "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()


def request(payload=None, *, body=None, secret=SECRET, stamp=STAMP, encoded=False, **headers):
    raw = urlencode({"payload": json.dumps(payload or click())}).encode() if body is None else body
    given = {"x-slack-request-timestamp": str(stamp), "x-slack-signature": sign(raw, secret, stamp), **headers}
    text = base64.b64encode(raw).decode() if encoded else raw.decode()
    return {"headers": given, "body": text, "isBase64Encoded": encoded}


def refused(event):
    with pytest.raises(RefusedError) as caught:
        read_request(verified(event, (SECRET,), now=NOW))
    return caught.value.status


@pytest.mark.parametrize("secret", [SECRET, OLD])
@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("away", [-300, 0, 300])
def test_what_slack_signed_is_let_in(secret, encoded, away):
    event = request(secret=secret, encoded=encoded, stamp=STAMP + away)
    press = read_request(verified(event, signing_secrets(f"{SECRET},{OLD}"), now=NOW))
    assert (press.verb, press.alert_id, press.user, press.channel, press.ts) == (
        Verb.ACKNOWLEDGE,
        ALERT,
        "U1",
        "C1",
        "1.2",
    )


HOSTILE = {
    "no headers": {"body": "payload={}"},
    "headers that are no mapping": {"headers": [1], "body": "payload={}"},
    "no body": {"headers": request()["headers"]},
    "another secret": request(secret=OLD),
    "a changed body": {**request(), "body": request()["body"] + "&a=b"},
    "too old": request(stamp=STAMP - 301),
    "from the future": request(stamp=STAMP + 301),
    "a timestamp that is no number": request(**{"x-slack-request-timestamp": "12e3"}),
    "a timestamp in other digits": request(**{"x-slack-request-timestamp": "١٢٣"}),
    "an empty signature": request(**{"x-slack-signature": ""}),
    "a signature that is not ASCII": request(**{"x-slack-signature": "v0=" + "é" * 64}),
    "another version": request(**{"x-slack-signature": "v1=" + "0" * 64}),
    "a cut signature": request(**{"x-slack-signature": sign(b"")[:-1]}),
    "another timestamp than signed": request(**{"x-slack-request-timestamp": str(STAMP + 1)}),
}


@pytest.mark.parametrize("event", HOSTILE.values(), ids=HOSTILE)
def test_everything_else_is_refused(event):
    assert refused(event) == 401


MALFORMED = [
    b"",
    b"\xff\xfe",
    b"payload=%FF",
    b"payload=1",
    b"payload={}&payload={}",
    b"payload=" + b"[" * 200_000,
    b"&".join(b"a=b" for _ in range(60)),
]


@pytest.mark.parametrize("body", MALFORMED)
def test_a_signed_body_that_is_no_interaction_is_a_bad_request(body):
    assert refused(request(body=body, encoded=True)) == 400


def test_what_is_too_large_or_not_base64_is_refused():
    assert refused(request(body=b"a" * 1_048_577)) == 413
    assert refused({**request(), "body": "%%%", "isBase64Encoded": True}) == 400


def test_another_workspace_or_app_is_refused_when_ours_is_configured():
    request_ = verified(request(), (SECRET,), now=NOW)
    assert read_request(request_, team_id="T1", app_id="A1").verb is Verb.ACKNOWLEDGE
    for other in ({"team_id": "T2"}, {"app_id": "A2"}):
        with pytest.raises(RefusedError):
            read_request(request_, **other)


def test_without_a_secret_nobody_is_let_in():
    with pytest.raises(RefusedError):
        verified(request(), (), now=NOW)


def test_an_unknown_button_is_told_from_a_link_and_its_value_is_not_trusted():
    unknown = read_request(verified(request(click("other", "<!channel>")), (SECRET,), now=NOW))
    assert (unknown.verb, unknown.alert_id) == (None, "A0")
    assert read_request(verified(request(click("rootwatch-runbook")), (SECRET,), now=NOW)) is None


def test_a_form_says_what_was_typed_and_on_which_alert():
    press = read_request(verified(request(form("  " + "<!channel>" * 1_000)), (SECRET,), now=NOW))
    assert (press.verb, press.alert_id, press.submitted, press.ticket) == (Verb.EXPECT, ALERT, True, "")
    assert press.reason == "<!channel>" * 1_000
    assert refused(request(form(verb="unheard-of"))) == 400


def test_why_an_alert_is_closed_is_one_of_ours_or_nothing():
    def cause(chosen):
        return read_request(verified(request(form(verb="close", cause=chosen)), (SECRET,), now=NOW)).cause

    assert (cause("mended"), cause("<!channel>"), cause(None)) == ("mended", "", "")


def test_half_a_character_is_replaced_as_no_store_takes_it():
    assert read_request(verified(request(form("a\ud800b")), (SECRET,), now=NOW)).reason == "a?b"


def typed(**changes):
    fields = {
        "command": "/rootwatch",
        "text": " request  please ",
        "user_id": "U1",
        "channel_id": "C1",
        "trigger_id": "1.2.abc",
        "team_id": "T1",
        "api_app_id": "A1",
        **changes,
    }
    return request(body=urlencode({key: value for key, value in fields.items() if value is not None}).encode())


def test_a_command_is_read_with_who_typed_it():
    command = read_request(verified(typed(), (SECRET,), now=NOW), team_id="T1", app_id="A1")
    assert command == Command(words=("request", "please"), user="U1", channel="C1", trigger="1.2.abc")
    assert read_request(verified(typed(text="x" * 10_000), (SECRET,), now=NOW)).words == ("x" * 500,)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"team_id": "T2"}, 401),
        ({"api_app_id": None}, 401),
        ({"user_id": "<!channel>"}, 400),
        ({"trigger_id": None}, 400),
    ],
)
def test_a_command_that_is_not_as_slack_sends_it_is_refused(changes, status):
    with pytest.raises(RefusedError) as caught:
        read_request(verified(typed(**changes), (SECRET,), now=NOW), team_id="T1", app_id="A1")
    assert caught.value.status == status


def test_the_door_carries_nothing_that_makes_its_first_answer_late():
    heavy = "{'boto3', 's3transfer', 'slack_sdk', 'handlers.detections', 'handlers.wiring'}"
    code = f"import sys, handlers.receive_click; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
