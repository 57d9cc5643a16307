"""From a request at Slack's door to the changed message: both entries, on the local Slack and a table in memory."""

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from handlers import apply_click, receive_click
from handlers.adapters.memory import MemoryAlertBook, MemoryAuditLog, MemoryTimer
from handlers.adapters.replays import ReplayTable
from handlers.adapters.responders import Responders
from handlers.adapters.slack import SlackNotifier
from handlers.adapters.slack_react import form as form_view
from handlers.adapters.slack_requests import Press
from handlers.adapters.story import MessageSettings
from handlers.adapters.wording import ENGLISH, LANGUAGES
from handlers.alerting.aftermath import Aftermath
from handlers.alerting.alert import Told
from handlers.alerting.errors import UnavailableError
from handlers.alerting.life import Outcome, State, Verb
from handlers.alerting.reminding import Reminders, ReminderSetter
from handlers.alerting.severity import Severity
from handlers.wiring import Clicks
from handlers.wiring_door import Door
from local.slack import SlackServer
from local.slack.faults import Fault
from local.slack.web_api import checked_view
from local.slack.workspace import User
from tests.building import NOW
from tests.integration.test_alert_book import HOUR, finding
from tests.unit.adapters.test_slack_requests import HOSTILE, MALFORMED, SECRET, click, form, request

CHANNEL = "security-alerts"


class Secret:
    def __init__(self, value):
        self.value = value

    def get(self, refresh=False):
        return self.value


@pytest.fixture
def slack():
    with SlackServer(port=0, channels=(CHANNEL,)) as server:
        yield server


@pytest.fixture
def stage(slack, alert_table):
    return Scene(slack, ReplayTable(client=alert_table[0], table=alert_table[1]))


class Pager:
    """A service that calls people: (alert, whether it was closed)."""

    def __init__(self):
        self.told = []

    def settle(self, alert, *, is_closed):
        self.told.append((alert.id, is_closed))


class Scene:
    def __init__(self, slack, replays):
        self.slack, self.sent, self.book = slack, [], MemoryAlertBook()
        notifier = SlackNotifier(
            token=Secret(slack.token),
            channel=slack.workspace.channel(CHANNEL).id,
            settings=MessageSettings(reacts=True),
            api_url=slack.api_url,
        )
        self.door = Door(
            signing_secret=Secret(SECRET),
            replays=replays,
            open_form=notifier.open_form,
            send=self.sent.append,
            words=ENGLISH,
            clock=lambda: NOW,
        )
        self.timer, self.took, self.pager = MemoryTimer(), [], Pager()
        self.looked = []
        self.parts = {
            "aftermath": Aftermath(
                reminders=Reminders(),
                timer=self.timer,
                pagers=[self.pager],
                took=lambda alert, at: self.took.append((alert.id, at)),
                clock=lambda: NOW,
            ),
            "book": self.book,
            "errands": self.book,
            "slack": notifier,
            "words": ENGLISH,
            "clock": lambda: NOW,
            "put_back": lambda *_: None,
            "wait_seconds": lambda *_: 1,
            "responders": Responders((), members=notifier.members, clock=lambda: NOW),
            "audit_log": MemoryAuditLog(),
            "look": self.looked.append,
        }
        alert = self.book.record(finding(), window=HOUR, now=NOW).alert
        reference = notifier.announce(alert)
        told = Told(reference=reference, count=1, severity=Severity.HIGH, kinds=alert.kinds, cursor="c", at=NOW)
        self.book.save_told(alert.id, "slack", told)
        self.alert_id = alert.id
        self.channel, self.ts = reference.split(":")
        self.people = [user.id for user in slack.workspace.users.values() if user.id.startswith("U")]

    def answer(self, payload=None, **changes):
        return receive_click.answer(request(payload, **changes), parts=self.door)

    def pressed(self, verb="acknowledge", user=None, **changes):
        payload = click(f"rootwatch-{verb}", changes.pop("value", self.alert_id), **changes)
        payload["container"] = {"channel_id": self.channel, "message_ts": self.ts}
        payload["user"] = {"id": user or self.people[0]}
        return payload

    def submitted(self, reason, verb="expect", cause=None):
        payload = form(reason, verb, cause)
        payload["view"]["private_metadata"] = json.dumps(
            {"alert": self.alert_id, "channel": self.channel, "ts": self.ts}
        )
        payload["user"] = {"id": self.people[0]}
        return payload

    def apply(self, **changes):
        parts = Clicks(**{**self.parts, **changes})
        return [apply_click.apply(body, parts=parts) for body in self.sent]

    def only(self, *ids):
        return Responders(ids, members=self.parts["slack"].members, clock=lambda: NOW)

    @property
    def log(self):
        return self.parts["audit_log"].entries

    @property
    def messages(self):
        return self.slack.messages(CHANNEL)

    @property
    def parent(self):
        return json.dumps(next(item for item in self.messages if item["ts"] == self.ts), ensure_ascii=False)

    @property
    def private(self):
        return [item["text"] for item in self.messages if item.get("ephemeral_to")]


def test_the_first_message_shows_the_state_and_offers_what_can_be_done(stage):
    assert " open" in stage.parent
    for verb in ("acknowledge", "expect", "escalate", "close"):
        assert f"rootwatch-{verb}" in stage.parent


def test_a_click_is_answered_queued_once_and_shown_with_the_person(stage):
    payload = stage.pressed()
    assert stage.answer(payload)["statusCode"] == 200
    assert stage.answer(payload)["statusCode"] == 401, "the same request again is a replay"
    assert stage.apply() == [Outcome.DONE]
    assert " acknowledged" in stage.parent and stage.people[0] in stage.parent
    assert "rootwatch-acknowledge" not in stage.parent
    (line,) = stage.slack.replies(CHANNEL, stage.ts)
    assert "acknowledged" in line["text"]


@pytest.mark.parametrize("event", HOSTILE.values(), ids=HOSTILE)
def test_what_slack_did_not_sign_is_a_401_and_reaches_no_queue(stage, event):
    assert receive_click.answer(event, parts=stage.door)["statusCode"] == 401
    assert stage.sent == []


@pytest.mark.parametrize("body", [*MALFORMED, b"payload=" + b"a" * 1_048_576], ids=lambda body: str(body[:12]))
def test_what_slack_signed_but_nobody_can_read_is_refused_and_reaches_no_queue(stage, body):
    answer = receive_click.answer(request(body=body, encoded=True), parts=stage.door)
    assert answer["statusCode"] in {400, 413}
    assert answer["body"] == ""
    assert stage.sent == []


def test_a_form_with_ten_thousand_characters_is_answered_with_what_is_wrong(stage):
    answer = stage.answer(stage.submitted("x" * 10_000))
    assert answer["statusCode"] == 200
    assert "500" in json.loads(answer["body"])["errors"]["reason"]
    assert json.loads(stage.answer(stage.submitted("  "))["body"])["errors"].keys() == {"reason"}
    assert stage.sent == []


def test_markup_in_a_form_is_shown_and_does_nothing(stage):
    assert stage.answer(stage.submitted("<!channel> *urgent* <https://example.com|x>"))["body"] == ""
    assert stage.apply() == [Outcome.DONE]
    for text in (stage.parent, json.dumps(stage.slack.replies(CHANNEL, stage.ts))):
        assert "<!channel>" not in text and "<https" not in text
    assert "‹!channel> *urgent*" in stage.parent


def test_a_form_opens_from_what_the_button_carries(stage):
    stage.slack.workspace.views.clear()
    trigger = stage.slack.workspace.new_trigger(stage.people[0])
    assert stage.answer(stage.pressed("expect", trigger_id=trigger))["statusCode"] == 200
    (view,) = stage.slack.workspace.views.values()
    assert json.loads(view["private_metadata"])["alert"] == stage.alert_id
    assert stage.sent == []
    assert stage.answer(stage.pressed("close", trigger_id="1.2.expired"))["statusCode"] == 200


def test_the_second_person_an_unlisted_one_and_unknown_buttons_are_answered_privately(stage):
    alice, bob = stage.people[:2]
    stage.answer(stage.pressed(user=alice))
    stage.answer(stage.pressed(user=bob))
    stage.answer(stage.pressed("unheard-of", user=bob))
    assert stage.apply() == [Outcome.DONE, Outcome.OWNED, None]
    assert f"<@{alice}>" in stage.private[0] and "does not know this button" in stage.private[1]
    stage.sent[:] = stage.sent[1:2]
    assert stage.apply(responders=stage.only(alice)) == [None]
    assert "not among the people" in stage.private[2]
    assert len(stage.book.history(stage.alert_id)) == 1


def test_a_button_on_an_expired_alert_is_answered_privately(stage):
    stage.answer(stage.pressed(value="A0123"))
    assert stage.apply() == [Outcome.GONE]
    assert "expired" in stage.private[0]


def test_with_slack_down_the_state_is_kept_and_a_retry_tells_it(stage):
    stage.answer(stage.pressed())
    down = SlackNotifier(token=Secret("x"), channel="C1", settings=MessageSettings(), api_url="http://127.0.0.1:9/")
    with pytest.raises(UnavailableError):
        stage.apply(slack=down)
    assert stage.book.find(stage.alert_id).life.state is State.ACKNOWLEDGED
    assert stage.apply() == [Outcome.DONE]
    assert " acknowledged" in stage.parent
    assert len(stage.book.history(stage.alert_id)) == 1


def test_while_somebody_else_edits_the_message_the_click_waits(stage):
    stage.answer(stage.pressed())
    assert stage.book.claim(stage.alert_id, "slack", now=NOW, lease=timedelta(minutes=1))
    with pytest.raises(UnavailableError):
        stage.apply()
    stage.book.release(stage.alert_id, "slack")
    assert stage.apply() == [Outcome.DONE]


def test_a_queue_that_is_away_is_said_to_slack(stage):
    def fail(_body):
        raise UnavailableError("the clicks queue did not take a click")

    door = Door(**{**vars(stage.door), "send": fail})
    assert receive_click.answer(request(stage.pressed()), parts=door)["statusCode"] == 503


def test_a_hundred_people_at_once_have_one_owner_and_one_message(stage):
    for number in range(100):
        id_ = f"U{number:09d}"
        stage.slack.workspace.users[id_] = User(id=id_, name=f"person{number}", real_name=f"Person {number}")
        stage.answer(stage.pressed(user=id_))
    parts = Clicks(**stage.parts)
    with ThreadPoolExecutor(20) as workers:
        outcomes = list(workers.map(lambda body: apply_click.apply(body, parts=parts), stage.sent))
    assert (outcomes.count(Outcome.DONE), outcomes.count(Outcome.OWNED)) == (1, 99)
    owner = stage.book.find(stage.alert_id).life.by
    assert owner in stage.parent
    assert len(stage.slack.replies(CHANNEL, stage.ts)) == 1
    assert len(stage.private) == 99
    assert all(f"<@{owner}>" in text for text in stage.private)
    assert len(stage.log) == 1


def test_closing_asks_what_it_came_to_and_shows_it(stage):
    trigger = stage.slack.workspace.new_trigger(stage.people[0])
    stage.answer(stage.pressed("close", trigger_id=trigger))
    view = list(stage.slack.workspace.views.values())[-1]
    options = view["blocks"][0]["element"]["options"]
    assert [item["value"] for item in options] == ["harmless", "mended", "incident", "other"]
    answer = stage.answer(stage.submitted("", "close"))
    assert json.loads(answer["body"])["errors"] == {"cause": "Choose one of these."}
    answer = stage.answer(stage.submitted("", "close", "other"))
    assert json.loads(answer["body"])["errors"].keys() == {"reason"}, "something else has to be said"
    assert stage.answer(stage.submitted("", "close", "mended"))["body"] == ""
    assert stage.apply() == [Outcome.DONE]
    assert "closed" in stage.parent
    assert "it was wrong, and is mended" in stage.parent
    assert stage.parent.count("rootwatch-reopen") == 1


def test_reopening_brings_the_alert_back_with_all_its_buttons(stage):
    stage.answer(stage.submitted("", "close", "harmless"))
    stage.answer(stage.pressed("reopen", user=stage.people[1]))
    assert stage.apply() == [Outcome.DONE, Outcome.DONE]
    assert "rootwatch-acknowledge" in stage.parent
    assert [entry["state"] for entry in stage.log.values()] == ["closed", "open"]


def test_a_call_for_help_is_shown_to_the_channel_and_names_who_is_on_call(slack, stage):
    settings = MessageSettings(reacts=True, on_call="S0ONCALL00")
    notifier = SlackNotifier(token=Secret(slack.token), channel=stage.channel, settings=settings, api_url=slack.api_url)
    stage.answer(stage.pressed("escalate"))
    assert stage.apply(slack=notifier) == [Outcome.DONE]
    (reply,) = stage.slack.replies(CHANNEL, stage.ts)
    assert reply["subtype"] == "thread_broadcast"
    assert reply["text"].startswith("<!subteam^S0ONCALL00> ")
    assert "Help is needed: HIGH: A user was created" in json.dumps(reply["blocks"])
    assert "escalated: help is needed" in stage.parent


def test_without_anybody_on_call_the_channel_is_told_all_the_same(stage):
    stage.answer(stage.pressed("escalate"))
    stage.apply()
    (reply,) = stage.slack.replies(CHANNEL, stage.ts)
    assert (reply["subtype"], "<!" in reply["text"]) == ("thread_broadcast", False)


def test_the_members_of_a_group_may_act_and_others_are_told_privately(stage):
    members = stage.slack.workspace.usergroups["S0ONCALL00"][1]
    outsider = next(person for person in stage.people if person not in members)
    stage.answer(stage.pressed(user=outsider))
    stage.answer(stage.pressed(user=members[1]))
    assert stage.apply(responders=stage.only("S0ONCALL00")) == [None, Outcome.DONE]
    assert ["not among the people" in text for text in stage.private] == [True]


def test_where_a_group_cannot_be_asked_for_nothing_is_done_and_the_person_is_told(stage):
    stage.answer(stage.pressed())
    assert stage.apply(responders=stage.only("S0NOBODY")) == [None]
    assert "could not be checked" in stage.private[0]
    assert stage.book.find(stage.alert_id).life.state is State.OPEN
    assert stage.log == {}


def test_the_runbook_is_a_button_where_its_address_is_known(slack, stage):
    settings = MessageSettings(reacts=True, runbook_url="https://git.example.com/detections")
    notifier = SlackNotifier(token=Secret(slack.token), channel=stage.channel, settings=settings, api_url=slack.api_url)
    notifier.announce(stage.book.find(stage.alert_id))
    (button,) = [
        element
        for block in stage.messages[-1]["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
        if "url" in element
    ]
    assert button["url"] == "https://git.example.com/detections/user_created/runbook.md"
    assert "git.example.com" not in stage.parent, "without an address there is no button"
    assert stage.answer(stage.pressed("runbook"))["statusCode"] == 200
    assert stage.sent == []


def test_what_is_done_is_in_the_audit_log_and_a_log_that_is_away_is_written_later(stage):
    class Away:
        def append(self, key, entry):
            raise UnavailableError("the audit log did not take an entry: SlowDown")

    stage.answer(stage.submitted("planned"))
    with pytest.raises(UnavailableError):
        stage.apply(audit_log=Away())
    assert " open" in stage.parent, "people are told when it is proved"
    assert stage.apply() == stage.apply() == [Outcome.DONE]
    ((key, entry),) = stage.log.items()
    assert key.startswith(f"transitions/2026/11/02/{stage.alert_id}/0001-")
    assert (entry["state"], entry["by"], entry["reason"]) == ("expected", stage.people[0], "planned")
    assert " expected" in stage.parent


def test_a_command_is_answered_to_whoever_typed_it(stage):
    fields = {"command": "/rootwatch", "text": "", "user_id": "U1", "channel_id": "C1", "trigger_id": "1.2.x"}
    answer = receive_click.answer(request(body=urlencode(fields).encode()), parts=stage.door)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["response_type"] == "ephemeral"
    assert stage.sent == []


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=LANGUAGES)
@pytest.mark.parametrize("verb", ["expect", "close"])
def test_the_forms_are_as_slack_takes_them_in_both_languages(stage, words, verb):
    press = Press(verb=Verb(verb), alert_id=stage.alert_id, user="U1", channel="C1", ts="1.2", trigger="1.2.x")
    assert checked_view(form_view(press, words))["callback_id"] == f"rootwatch-{verb}"


# --- what else follows ----------------------------------------------------------------------------------------------


def _reminded(stage):
    alert = stage.book.find(stage.alert_id)
    return ReminderSetter(reminders=Reminders(), timer=stage.timer, clock=lambda: NOW).begin(alert)


def test_acknowledging_takes_the_alarms_back_stops_the_pager_and_counts_the_time_it_took(stage):
    assert _reminded(stage) is not None
    stage.answer(stage.pressed("acknowledge"))
    assert stage.apply() == [Outcome.DONE]
    assert stage.timer.alarms == {}
    assert stage.pager.told == [(stage.alert_id, False)]
    assert stage.took == [(stage.alert_id, NOW)]


def test_whoever_calls_for_help_is_still_reminded_until_somebody_takes_it(stage):
    _reminded(stage)
    stage.answer(stage.pressed("escalate"))
    assert stage.apply() == [Outcome.DONE]
    assert len(stage.timer.alarms) == 1
    assert stage.pager.told == []
    assert stage.took == []


def test_reopening_begins_a_new_round_of_reminders(stage):
    stage.answer(stage.submitted("known change"))
    stage.answer(stage.pressed("reopen"))
    assert stage.apply() == [Outcome.DONE, Outcome.DONE]
    assert len(stage.timer.alarms) == 1
    assert stage.pager.told == [(stage.alert_id, True)]


def test_an_alarm_that_cannot_be_taken_back_brings_the_click_again_and_it_is_finished_then(stage):
    _reminded(stage)
    stage.timer.failing.append(UnavailableError("away"))
    stage.answer(stage.pressed("acknowledge"))
    with pytest.raises(UnavailableError):
        stage.apply()
    assert stage.apply() == [Outcome.DONE]
    assert stage.timer.alarms == {}


@pytest.mark.parametrize("verb", ["acknowledge", "escalate"])
def test_a_click_that_comes_again_says_its_line_and_counts_its_time_once(stage, verb):
    _reminded(stage)
    stage.timer.failing += [UnavailableError("away")] * (2 if verb == "acknowledge" else 0)
    before = len(stage.slack.replies(CHANNEL, stage.ts))
    stage.answer(stage.pressed(verb))
    for _ in range(3):
        with contextlib.suppress(UnavailableError):
            stage.apply()
    assert stage.timer.failing == []
    assert len(stage.slack.replies(CHANNEL, stage.ts)) == before + 1
    assert len(stage.took) == (verb == "acknowledge")


def test_a_line_that_slack_did_not_take_is_said_by_the_repeat(stage):
    stage.slack.fail(Fault(kind="status", status=500, calls=1, method="chat.postMessage"))
    stage.answer(stage.pressed("acknowledge"))
    before = len(stage.slack.replies(CHANNEL, stage.ts))
    with pytest.raises(UnavailableError):
        stage.apply()
    assert stage.apply() == [Outcome.DONE]
    assert len(stage.slack.replies(CHANNEL, stage.ts)) == before + 1


def test_asking_what_was_done_changes_nothing_and_hands_the_question_over(stage):
    stage.answer(stage.pressed("activity"))
    assert stage.apply() == [None]
    (work,) = stage.looked
    assert (work["kind"], work["alert"]) == ("activity", stage.alert_id)
    assert work["pressed"], "a repeat of the same press is known by it"
    assert stage.book.find(stage.alert_id).life.state is State.OPEN


def test_whoever_may_not_act_may_not_look_either(stage):
    stage.answer(stage.pressed("activity"))
    assert stage.apply(responders=stage.only("U0NOBODY00")) == [None]
    assert stage.looked == []
