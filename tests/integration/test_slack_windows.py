"""The whole way of a window in the local Slack: command, form, message, a second person's button, the after-state."""

import json
from urllib.parse import parse_qsl

import pytest
from slack_sdk import WebClient
from werkzeug import Response

from handlers.adapters.slack_windows import (
    apply_window_press,
    form_for,
    form_problems,
    read_window_command,
    read_window_press,
    show_window,
)
from handlers.adapters.wording_windows import ENGLISH, window_words_for
from handlers.alerting.window import BreakGlass, Person, RequestProblem, WindowState, WindowVerb
from local.slack import SlackServer
from tests.building import ACCOUNT
from tests.windows import Office

PEOPLE = {name: f"U0{name.upper()}".ljust(10, "0") for name in ("alice", "bob", "carol")}
RULES = BreakGlass(
    approvers=(PEOPLE["bob"], PEOPLE["carol"]),
    required_for=("root",),
    people=tuple(Person(name=name, slack=PEOPLE[name], addresses=("192.0.2.0/24",)) for name in ("alice", "bob")),
    accounts=(ACCOUNT,),
)
ZONE = "Asia/Tokyo"


class App:
    """The app's end, as the door and the function behind its queue will be: in one, and without signatures."""

    def __init__(self, slack, server, language="en"):
        self.office = Office(rules=RULES)
        self.words = window_words_for(language)
        self.web = WebClient(token=slack.token, base_url=slack.api_url)
        self.slack = slack
        self.requests = 0
        server.expect_request("/slack").respond_with_handler(self._handle)
        slack.listen_at(server.url_for("/slack"))

    def _handle(self, request):
        fields = dict(parse_qsl(request.get_data(as_text=True)))
        known = {"account_names": {ACCOUNT: "production"}, "time_zone": ZONE}
        payload = fields.get("payload")
        press = read_window_press(json.loads(payload), time_zone=ZONE) if payload else read_window_command(fields)
        if press.verb is None:
            return Response(self.words.usage)
        form = form_for(press, RULES, self.words, now=self.office.now, **known)
        if form is not None:
            self.web.views_open(trigger_id=press.trigger, view=form)
            return Response("")
        if errors := form_problems(press, RULES, self.words, now=self.office.now):
            answer = {"response_action": "errors", "errors": errors}
            return Response(json.dumps(answer), content_type="application/json")
        self.requests += 1
        reply = apply_window_press(
            press, act_id=str(self.requests), at=self.office.now, desk=self.office.desk, words=self.words
        )
        if reply.window is None:
            self.web.chat_postEphemeral(channel=press.channel, user=press.user, text=reply.whisper)
        else:
            self.show(reply.window.id, press.channel)
        return Response("")

    def show(self, window_id, channel):
        show_window(
            window_id,
            channel=channel,
            slack=self,
            desk=self.office.desk,
            words=self.words,
            account_names={ACCOUNT: "production"},
            time_zone=ZONE,
        )

    def post(self, channel, message):
        return self.web.chat_postMessage(channel=channel, **message)["ts"]

    def update(self, channel, ts, message):
        self.web.chat_update(channel=channel, ts=ts, **message)


@pytest.fixture
def slack():
    with SlackServer() as server:
        yield server


def fill(slack, user="alice", **values):
    filled = {
        "account": ACCOUNT,
        "person": "alice",
        "purpose": "change the contact",
        "ticket": "OPS-7",
        "day": "2026-11-02",
        "hour": "12:30",
        "length": "60",
        **values,
    }
    return slack.submit_view(filled, user=user)


def command(slack, user, line):
    channel = slack.workspace.channel("security-alerts").id
    return slack.interactivity.command(slack.workspace.user(user).id, channel, line)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_window_is_asked_for_refused_to_its_owner_and_approved_by_another(slack, httpserver, language):
    app = App(slack, httpserver, language)
    assert command(slack, "alice", "/rootwatch request") == ""
    answer = fill(slack, ticket="x" * 101)
    assert app.words.problems[RequestProblem.TOO_LONG_A_TEXT] in json.dumps(answer, ensure_ascii=False)
    assert slack.messages("security-alerts") == []
    fill(slack)
    (message,) = slack.messages("security-alerts")
    assert "OPS-7" in message["text"]
    slack.click("security-alerts", message["ts"], "rootwatch-window-approve", user="alice")
    whisper = slack.messages("security-alerts")[-1]
    assert whisper["ephemeral_to"] == PEOPLE["alice"]
    slack.click("security-alerts", message["ts"], "rootwatch-window-approve", user="bob")
    updated = slack.messages("security-alerts")[0]
    assert updated["text"].startswith(app.words.headings[WindowState.APPROVED].format(person="alice"))
    actions = [
        item["action_id"] for block in updated["blocks"] for item in block.get("elements", ()) if "action_id" in item
    ]
    assert actions == ["rootwatch-window-revoke"]
    (window,) = app.office.windows.of_account(ACCOUNT, ending_from=app.office.now)
    assert (window.state, window.approved_by) == (WindowState.APPROVED, PEOPLE["bob"])


def test_an_emergency_asks_why_and_shows_it_to_everybody(slack, httpserver):
    app = App(slack, httpserver)
    command(slack, "alice", "/rootwatch request")
    fill(slack)
    ts = slack.messages("security-alerts")[0]["ts"]
    slack.click("security-alerts", ts, "rootwatch-window-emergency", user="alice")
    slack.submit_view({"reason": "everybody is asleep"}, user="alice")
    (message,) = slack.messages("security-alerts")
    assert message["text"].startswith(ENGLISH.heading_emergency.format(person="alice"))
    assert "everybody is asleep" in json.dumps(message["blocks"])
    assert app.office.windows.history(app.office.windows.of_account(ACCOUNT, ending_from=app.office.now)[0].id)


def test_what_is_decided_elsewhere_shows_in_the_same_message_and_nothing_is_posted_twice(slack, httpserver):
    app = App(slack, httpserver)
    window = app.office.ask(by=PEOPLE["alice"])
    channel = slack.workspace.channel("security-alerts").id
    for _ in range(3):
        app.show(window.id, channel)  # a click that comes again
    app.office.act(window.id, WindowVerb.APPROVE, PEOPLE["bob"])
    app.office.now = window.ends
    app.office.desk.end(window.id)
    app.show(window.id, "C0OTHER000")
    (message,) = slack.messages("security-alerts")
    assert message["text"].startswith(ENGLISH.headings[WindowState.ENDED].format(person="alice"))
    assert ENGLISH.nobody_used in json.dumps(message["blocks"])
    app.show("W0", channel)
    assert len(slack.messages("security-alerts")) == 1


def test_another_command_is_told_what_there_is(slack, httpserver):
    app = App(slack, httpserver)
    command(slack, "carol", "/rootwatch help")
    assert app.words.usage in json.dumps(slack.messages("security-alerts"), ensure_ascii=False)
