"""Clicks, modals, commands and response URLs reach the app as Slack sends them."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pytest_httpserver import HTTPServer
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from werkzeug import Request, Response

from local.slack import NotFoundError, SlackServer, SlackServerError
from local.slack.workspace import TRIGGER_SECONDS, Workspace

BUTTONS = [
    {
        "type": "actions",
        "block_id": "answers",
        "elements": [
            {"type": "button", "text": {"type": "plain_text", "text": "Acknowledge"}, "action_id": "ack", "value": "7"}
        ],
    }
]
MODAL = {
    "type": "modal",
    "callback_id": "reason",
    "private_metadata": "alert 7",
    "title": {"type": "plain_text", "text": "Expected"},
    "submit": {"type": "plain_text", "text": "Record"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Why?"},
            "element": {"type": "plain_text_input", "action_id": "reason"},
        }
    ],
}


class App:
    """The other end: remembers what came, and answers what it is told to."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("/slack")
        self.requests: list[tuple[dict[str, str], str]] = []
        self.answer = Response("")
        server.expect_request("/slack").respond_with_handler(self._handle)

    def _handle(self, request: Request) -> Response:
        self.requests.append((dict(request.headers), request.get_data(as_text=True)))
        return self.answer

    @property
    def payload(self) -> dict[str, Any]:
        return dict(json.loads(dict(parse_qsl(self.requests[-1][1]))["payload"]))


@pytest.fixture
def app(httpserver: HTTPServer) -> App:
    return App(httpserver)


@pytest.fixture
def slack(app: App) -> Iterator[SlackServer]:
    with SlackServer() as server:
        server.listen_at(app.url)
        yield server


@pytest.fixture
def client(slack: SlackServer) -> WebClient:
    return WebClient(token=slack.token, base_url=slack.api_url)


@pytest.fixture
def ts(client: WebClient) -> str:
    return str(client.chat_postMessage(channel="#security-alerts", text="alert", blocks=BUTTONS)["ts"])


def respond(url: str, message: dict[str, Any]) -> None:
    data = json.dumps(message).encode()
    urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=5).close()


def test_a_click_carries_who_what_and_where_and_is_signed(slack: SlackServer, app: App, ts: str) -> None:
    assert slack.click("security-alerts", ts, "ack", user="bob") == ""
    headers, body = app.requests[0]
    assert SignatureVerifier(slack.signing_secret).is_valid_request(body, headers)
    assert not SignatureVerifier("another secret").is_valid_request(body, headers)
    payload = app.payload
    assert payload["type"] == "block_actions"
    assert payload["user"]["username"] == "bob"
    assert payload["container"]["message_ts"] == payload["message"]["ts"] == ts
    assert payload["channel"]["name"] == "security-alerts"
    assert payload["actions"][0]["action_id"] == "ack"
    assert payload["actions"][0]["block_id"] == "answers"
    assert payload["actions"][0]["value"] == "7"


def test_without_a_request_url_the_person_is_told_that_nothing_listens(slack: SlackServer, ts: str) -> None:
    slack.listen_at("")
    assert "Nothing listens" in slack.click("security-alerts", ts, "ack")
    assert slack.deliveries == []


def test_an_app_that_fails_is_shown_to_the_person(slack: SlackServer, app: App, ts: str) -> None:
    app.answer = Response("no", status=500)
    assert slack.click("security-alerts", ts, "ack") == "http_service_error: the app answered 500."


def test_an_app_that_is_not_there_is_shown_to_the_person(slack: SlackServer, ts: str) -> None:
    slack.listen_at("http://127.0.0.1:9/")
    assert slack.click("security-alerts", ts, "ack").startswith("dispatch_failed")


def test_an_app_that_takes_longer_than_three_seconds_has_not_answered(
    slack: SlackServer, httpserver: HTTPServer, ts: str
) -> None:
    def late(_request: Request) -> Response:
        time.sleep(0.4)
        return Response("")

    httpserver.expect_request("/late").respond_with_handler(late)
    slack.listen_at(httpserver.url_for("/late"))
    assert slack.interactivity.answer_seconds == 3.0
    slack.interactivity.answer_seconds = 0.2
    assert slack.click("security-alerts", ts, "ack").startswith("operation_timeout")


def test_a_button_that_is_not_there_cannot_be_pressed(slack: SlackServer, ts: str) -> None:
    with pytest.raises(NotFoundError, match="action_not_found"):
        slack.click("security-alerts", ts, "no-such-button")


def test_a_request_url_that_cannot_be_called_is_refused(slack: SlackServer) -> None:
    with pytest.raises(SlackServerError, match="file:///etc/passwd"):
        slack.listen_at("file:///etc/passwd")


# --- modals ---


def test_a_click_may_open_one_modal(slack: SlackServer, client: WebClient, app: App, ts: str) -> None:
    slack.click("security-alerts", ts, "ack", user="bob")
    trigger = app.payload["trigger_id"]
    client.views_open(trigger_id=trigger, view=MODAL)
    assert slack.open_view("alice") is None
    view = slack.open_view("bob")
    assert view is not None
    assert view["callback_id"] == "reason"
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        client.views_open(trigger_id=trigger, view=MODAL)


def test_a_trigger_is_good_for_three_seconds() -> None:
    now = [0.0]
    workspace = Workspace(monotonic=lambda: now[0])
    early, late = workspace.new_trigger("U0BOB00000"), workspace.new_trigger("U0BOB00000")
    now[0] = TRIGGER_SECONDS
    assert workspace.use_trigger(early) == "U0BOB00000"
    now[0] = TRIGGER_SECONDS + 0.1
    with pytest.raises(NotFoundError, match="expired_trigger_id"):
        workspace.use_trigger(late)
    with pytest.raises(NotFoundError, match="invalid_trigger_id"):
        workspace.use_trigger("made up")


def opened(slack: SlackServer, client: WebClient, app: App, ts: str) -> None:
    slack.click("security-alerts", ts, "ack")
    client.views_open(trigger_id=app.payload["trigger_id"], view=MODAL)


def test_a_submission_carries_the_state_and_closes_the_modal(
    slack: SlackServer, client: WebClient, app: App, ts: str
) -> None:
    opened(slack, client, app, ts)
    assert slack.submit_view({"reason": "planned"}) == {}
    view = app.payload["view"]
    assert app.payload["type"] == "view_submission"
    assert view["private_metadata"] == "alert 7"
    assert view["state"]["values"]["why"]["reason"]["value"] == "planned"
    assert slack.open_view() is None


def test_a_required_input_is_asked_for_before_the_app_hears_of_it(
    slack: SlackServer, client: WebClient, app: App, ts: str
) -> None:
    opened(slack, client, app, ts)
    assert "why" in slack.submit_view({})["errors"]
    assert len(app.requests) == 1


def test_the_app_may_refuse_update_or_clear(slack: SlackServer, client: WebClient, app: App, ts: str) -> None:
    opened(slack, client, app, ts)
    app.answer = Response(json.dumps({"response_action": "errors", "errors": {"why": "Too short"}}))
    assert slack.submit_view({"reason": "x"}) == {"errors": {"why": "Too short"}}
    other = {**MODAL, "title": {"type": "plain_text", "text": "Sure?"}}
    app.answer = Response(json.dumps({"response_action": "update", "view": other}))
    assert slack.submit_view({"reason": "x"}) == {}
    view = slack.open_view()
    assert view is not None
    assert view["title"]["text"] == "Sure?"
    app.answer = Response(json.dumps({"response_action": "clear"}))
    assert slack.submit_view({"reason": "x"}) == {}
    assert slack.open_view() is None


def test_an_answer_that_is_none_of_these_keeps_the_modal_open(
    slack: SlackServer, client: WebClient, app: App, ts: str
) -> None:
    opened(slack, client, app, ts)
    for answer in ('{"response_action": "dance"}', '{"response_action": "errors", "errors": {"nope": "x"}}', "[1]"):
        app.answer = Response(answer)
        assert "trouble" in slack.submit_view({"reason": "x"})["problem"]
    assert slack.open_view() is not None


def test_a_modal_slack_would_refuse_is_refused(client: WebClient, slack: SlackServer) -> None:
    wrong = {**MODAL, "title": {"type": "plain_text", "text": "t" * 25}}
    with pytest.raises(SlackApiError) as caught:
        client.views_open(trigger_id=slack.workspace.new_trigger("U0BOB00000"), view=wrong)
    assert caught.value.response["errors"] == ["must be less than 25 characters [json-pointer:/view/title/text]"]


# --- response URLs and commands ---


def test_a_response_url_replaces_the_message_five_times_at_most(slack: SlackServer, app: App, ts: str) -> None:
    slack.click("security-alerts", ts, "ack")
    url = app.payload["response_url"]
    for number in range(5):
        respond(url, {"replace_original": True, "text": f"seen {number}"})
    assert slack.messages("security-alerts")[0]["text"] == "seen 4"
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        respond(url, {"text": "once more"})
    with caught.value as refused:
        assert json.load(refused)["error"] == "used_url"


def test_a_response_without_a_type_is_for_the_person_alone(slack: SlackServer, app: App, ts: str) -> None:
    slack.click("security-alerts", ts, "ack", user="bob")
    respond(app.payload["response_url"], {"text": "noted"})
    assert slack.messages("security-alerts")[-1]["ephemeral_to"] == "U0BOB00000"


def test_a_command_is_sent_as_a_form_and_its_answer_shown(slack: SlackServer, app: App) -> None:
    app.answer = Response(json.dumps({"response_type": "in_channel", "text": "Window open"}))
    assert slack.interactivity.command("carol", "security-alerts", "/breakglass 4h ticket") == ""
    form = dict(parse_qsl(app.requests[0][1]))
    assert (form["command"], form["text"], form["user_name"]) == ("/breakglass", "4h ticket", "carol")
    assert slack.messages("security-alerts")[-1]["text"] == "Window open"
