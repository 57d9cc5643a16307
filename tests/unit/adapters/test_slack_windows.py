"""Break-glass windows in Slack: forms and messages that Slack takes, in both languages, and what comes of them."""

from __future__ import annotations

import dataclasses
import json
import re
import string
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.adapters.slack_windows import (
    WindowPress,
    apply_window_press,
    form_for,
    form_problems,
    read_window_command,
    read_window_press,
    window_message,
)
from handlers.adapters.wording_windows import ENGLISH, JAPANESE, WINDOW_LANGUAGES, WindowWords, window_words_for
from handlers.alerting.severity import Severity
from handlers.alerting.window import (
    RequestProblem,
    Standing,
    Use,
    WindowOutcome,
    WindowState,
    WindowVerb,
)
from local.slack.blocks import problems as problems_of
from local.slack.web_api import checked_view
from tests.building import ACCOUNT, NOW
from tests.unit.adapters.inspection import check_mrkdwn, check_visible
from tests.unit.hostile_strings import HOSTILE
from tests.windows import ALICE, BOB, BOBS_USER, CAROL, HOUR, ROLE, RULES, STRANGER, Office, window

NAMES = {ACCOUNT: "production"}
LANGUAGES = pytest.mark.parametrize("words", WINDOW_LANGUAGES.values(), ids=WINDOW_LANGUAGES)
STATES: list[dict[str, Any]] = [
    {"state": WindowState.REQUESTED, "approved_by": "", "approved_at": None},
    {"state": WindowState.APPROVED},
    {"state": WindowState.APPROVED, "emergency": True, "reason": "everybody is asleep", "approved_by": ALICE},
    {"state": WindowState.REFUSED, "approved_by": "", "approved_at": None, "settled_by": BOB, "settled_at": NOW},
    {"state": WindowState.REVOKED, "settled_by": BOBS_USER, "settled_at": NOW, "reason": "not today"},
    {"state": WindowState.ENDED, "settled_by": "rootwatch", "settled_at": NOW},
]


def press(verb: WindowVerb | None, user: str = ALICE, **changes: Any) -> WindowPress:
    return WindowPress(**{"verb": verb, "user": user, "channel": "C0123456789", **changes})


def opened(verb: WindowVerb, words: WindowWords = ENGLISH, zone: str = "UTC", **changes: Any) -> dict[str, Any]:
    form = form_for(press(verb, **changes), RULES, words, account_names=NAMES, time_zone=zone, now=NOW)
    assert form is not None
    return form


def sent(values: Mapping[str, Any], verb: str = "request", user: str = ALICE, **kept: str) -> dict[str, Any]:
    """What Slack sends when a form is submitted."""
    return {
        "type": "view_submission",
        "user": {"id": user},
        "view": {
            "callback_id": f"rootwatch-window-{verb}",
            "private_metadata": json.dumps({"channel": "C0123456789", **kept}),
            "state": {"values": {name: {name: element} for name, element in values.items()}},
        },
    }


def option(value: str) -> dict[str, Any]:
    return {"type": "static_select", "selected_option": {"value": value}}


FILLED: dict[str, Any] = {
    "account": option(ACCOUNT),
    "identity": option("root"),
    "person": option("alice"),
    "purpose": {"type": "plain_text_input", "value": " change the contact "},
    "ticket": {"type": "plain_text_input", "value": "OPS-7"},
    "day": {"type": "datepicker", "selected_date": "2026-11-02"},
    "hour": {"type": "timepicker", "selected_time": "12:30"},
    "length": option("120"),
}


def clicked(verb: str, window_id: str, user: str = BOB) -> dict[str, Any]:
    return {
        "type": "block_actions",
        "user": {"id": user},
        "container": {"channel_id": "C0123456789", "message_ts": "1.2"},
        "trigger_id": "1.2.abc",
        "actions": [{"action_id": f"rootwatch-window-{verb}", "value": window_id}],
    }


# The words


def texts(words: WindowWords) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in dataclasses.fields(words):
        value = getattr(words, item.name)
        if isinstance(value, Mapping):
            found.update({f"{item.name}.{key}": text for key, text in value.items()})
        else:
            found[item.name] = value
    return found


@LANGUAGES
def test_each_language_says_everything_with_the_same_gaps_to_fill(words: WindowWords) -> None:
    english, here = texts(ENGLISH), texts(words)
    assert here.keys() == english.keys()
    for key, text in here.items():
        assert text.strip(), key
        gaps = [{name for _, name, _, _ in string.Formatter().parse(item) if name} for item in (text, english[key])]
        assert gaps[0] == gaps[1], key
    assert set(words.headings) == set(words.states) == set(WindowState)
    assert set(words.problems) == set(RequestProblem)
    assert set(words.refusals) == set(WindowOutcome)


def test_nothing_was_left_untranslated() -> None:
    english, japanese = texts(ENGLISH), texts(JAPANESE)
    assert {key for key in english if english[key] == japanese[key]} == {"label", "named_account"}
    assert window_words_for("fr") is ENGLISH


# The forms


@LANGUAGES
@pytest.mark.parametrize("verb", [WindowVerb.REQUEST, WindowVerb.EMERGENCY])
def test_slack_takes_the_forms(words: WindowWords, verb: WindowVerb) -> None:
    form = opened(verb, words, "Asia/Tokyo", window_id="W1", ts="1.2")
    checked_view(form)
    assert problems_of(form["blocks"], surface="modal") == []
    for name in ("title", "submit", "close"):
        assert len(form[name]["text"]) <= 24
        assert "(+" not in form[name]["text"], "cut"
    assert len(form["private_metadata"]) <= 3_000


def test_the_form_begins_with_now_in_the_configured_zone_and_offers_what_is_configured() -> None:
    blocks = {block["block_id"]: block["element"] for block in opened(WindowVerb.REQUEST, zone="Asia/Tokyo")["blocks"]}
    assert (blocks["day"]["initial_date"], blocks["hour"]["initial_time"]) == ("2026-11-02", "12:04")
    assert [item["value"] for item in blocks["person"]["options"]] == ["alice", "bob"]
    assert blocks["account"]["initial_option"]["text"]["text"] == f"production ({ACCOUNT})"
    assert [item["value"] for item in blocks["identity"]["options"]] == ["root", ROLE]


def test_what_there_is_no_choice_of_is_not_asked_and_too_many_accounts_are_typed() -> None:
    rules = dataclasses.replace(
        RULES, required_for=("root",), accounts=tuple(f"{number:012d}" for number in range(101))
    )
    form = form_for(press(WindowVerb.REQUEST), rules, ENGLISH, account_names={}, time_zone="nowhere", now=NOW)
    assert form is not None
    checked_view(form)
    blocks = {block["block_id"]: block["element"] for block in form["blocks"]}
    assert "identity" not in blocks
    assert blocks["account"]["type"] == "plain_text_input"
    typed = {**FILLED, "account": {"type": "plain_text_input", "value": f"{100:012d}"}}
    found = read_window_press(sent(typed), time_zone="UTC")
    assert found is not None
    assert form_problems(found, rules, ENGLISH, now=NOW) == {}


def test_a_filled_form_is_read_in_the_zone_it_was_shown_in() -> None:
    found = read_window_press(sent(FILLED), time_zone="Asia/Tokyo")
    assert found is not None
    assert found.request is not None
    assert found.request.starts == datetime(2026, 11, 2, 3, 30, tzinfo=UTC)
    assert (found.request.length, found.request.purpose) == (timedelta(hours=2), "change the contact")
    assert form_problems(found, RULES, ENGLISH, now=NOW) == {}
    assert WindowPress.from_plain(json.loads(json.dumps(found.to_plain()))) == found


@LANGUAGES
def test_each_input_says_what_is_wrong_with_it(words: WindowWords) -> None:
    wrong = {
        "account": option("999999999999"),
        "person": option("mallory"),
        "ticket": {"value": "x" * 10_000},
        "length": option("241"),
    }
    found = read_window_press(sent(wrong), time_zone="UTC")
    assert found is not None
    assert form_problems(found, RULES, words, now=NOW) == {
        "account": words.problems[RequestProblem.UNKNOWN_ACCOUNT],
        "person": words.problems[RequestProblem.UNKNOWN_PERSON],
        "purpose": words.problems[RequestProblem.EMPTY],
        "ticket": words.problems[RequestProblem.TOO_LONG_A_TEXT],
        "day": words.problems[RequestProblem.IN_THE_PAST],
        "length": words.problems[RequestProblem.TOO_LONG],
    }
    inputs = {block["block_id"] for block in opened(WindowVerb.REQUEST)["blocks"]}
    assert set(form_problems(found, RULES, words, now=NOW)) <= inputs, "Slack refuses an error without an input"


def test_who_is_nobody_we_know_is_told_so_on_the_form() -> None:
    found = read_window_press(sent(FILLED, user=STRANGER), time_zone="Asia/Tokyo")
    assert found is not None
    assert form_problems(found, RULES, ENGLISH, now=NOW) == {"account": ENGLISH.problems[RequestProblem.UNLISTED]}


def test_an_emergency_needs_its_reason_on_the_form() -> None:
    for text, expected in (
        ("", RequestProblem.EMPTY),
        ("x" * 501, RequestProblem.TOO_LONG_A_TEXT),
        ("everybody is asleep", None),
    ):
        found = read_window_press(
            sent({"reason": {"value": text}}, verb="emergency", window="W0", ts="1.2"), time_zone="UTC"
        )
        assert found is not None
        assert (found.window_id, found.ts, found.verb) == ("W0", "1.2", WindowVerb.EMERGENCY)
        problems = form_problems(found, RULES, ENGLISH, now=NOW)
        assert problems == ({"reason": ENGLISH.problems[expected]} if expected else {})


# The command


def test_the_command_opens_the_form_and_anything_else_is_told_how() -> None:
    fields = {"user_id": ALICE, "channel_id": "C1", "trigger_id": "1.2.abc", "text": " Request "}
    found = read_window_command(fields)
    assert found == WindowPress(verb=WindowVerb.REQUEST, user=ALICE, channel="C1", trigger="1.2.abc")
    other = read_window_command({**fields, "text": "help me <!channel>"})
    assert other is not None
    assert other.verb is None
    assert read_window_command({**fields, "user_id": "<@U1>"}) is None
    assert read_window_command({}) is None


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": "block_actions"},
        {"type": "block_actions", "user": {"id": ALICE}, "actions": []},
        {"type": "block_actions", "user": {"id": ALICE}, "actions": "approve"},
        {"type": "block_actions", "user": {"id": ALICE}, "actions": [{"action_id": "rootwatch-acknowledge"}]},
        {"type": "view_submission", "user": {"id": ALICE}, "view": {"callback_id": "rootwatch-expect"}},
        {"type": "view_submission", "user": {"id": "<!channel>"}, "view": {"callback_id": "rootwatch-window-request"}},
        {"type": "shortcut", "user": {"id": ALICE}},
        {"type": "view_submission", "user": [], "view": []},
    ],
)
def test_what_is_not_about_windows_is_left_to_others(payload: dict[str, Any]) -> None:
    assert read_window_press(payload, time_zone="UTC") is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["2026-11-02", "12:00", "60", ACCOUNT]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "selected_option", "selected_date", "selected_time", *FILLED]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=500, deadline=None)
@given(values=st.dictionaries(st.sampled_from(list(FILLED)), _JSON), metadata=_JSON, zone=st.sampled_from(["UTC", "x"]))
def test_no_form_however_odd_is_an_error(values: dict[str, Any], metadata: Any, zone: str) -> None:
    payload = sent(values)
    payload["view"]["private_metadata"] = metadata
    found = read_window_press(payload, time_zone=zone)
    assert found is not None
    assert WindowPress.from_plain(json.loads(json.dumps(found.to_plain()))) == found
    assert all(isinstance(text, str) for text in form_problems(found, RULES, ENGLISH, now=NOW).values())


# The message


def message(
    words: WindowWords = ENGLISH, zone: str = "UTC", uses: tuple[Use, ...] = (), **changes: Any
) -> dict[str, Any]:
    return window_message(window(**changes), RULES, words, account_names=NAMES, time_zone=zone, uses=uses)


def said(sent_message: dict[str, Any]) -> str:
    rich = sent_message["blocks"][1]["elements"][0]["elements"]
    return "".join(item.get("text") or f"@{item['user_id']}" for item in rich)


def buttons(sent_message: dict[str, Any]) -> list[str]:
    blocks = [block for block in sent_message["blocks"] if block["type"] == "actions"]
    return [element["action_id"].rpartition("-")[2] for block in blocks for element in block["elements"]]


def check(sent_message: dict[str, Any]) -> None:
    check_mrkdwn(sent_message["text"])
    assert problems_of(sent_message["blocks"]) == []
    assert len(json.dumps(sent_message["blocks"], ensure_ascii=False).encode()) <= 10_000
    for text in said(sent_message).split("\n"):
        check_visible(text)
    for block in (sent_message["blocks"][0], sent_message["blocks"][-1]):
        shown = block["text"]["text"] if "text" in block else block["elements"][0]["text"]
        check_visible(shown)
        assert not re.search("[<>]", shown)


@LANGUAGES
@pytest.mark.parametrize("changes", STATES, ids=lambda changes: f"{changes['state']}{changes.get('emergency', '')}")
def test_slack_takes_the_message_of_every_state(words: WindowWords, changes: dict[str, Any]) -> None:
    check(message(words, "Asia/Tokyo", **changes))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_people_type_shows_as_it_is_and_does_nothing(text: str) -> None:
    for state in STATES:
        check(message(purpose=text * 3, ticket=text, **{**state, "reason": text}))


def test_a_request_names_those_who_may_approve_it_and_offers_the_three_ways() -> None:
    asked_for = message(**STATES[0])
    assert f"Waits for one of: @{BOB} @{CAROL}" in said(asked_for)
    assert buttons(asked_for) == ["approve", "refuse", "emergency"]
    assert f"Waits for one of: @{CAROL}" in said(message(**STATES[0], requested_by=BOBS_USER)), (
        "bob asked, at a terminal"
    )
    assert f"Waits for one of: @{CAROL}" in said(message(**STATES[0], person="bob"))


def test_an_approved_one_can_be_revoked_and_one_that_is_over_nothing() -> None:
    assert [buttons(message(**changes)) for changes in STATES[1:]] == [["revoke"], ["revoke"], [], [], []]


def test_times_are_told_in_both_zones() -> None:
    assert "When: 2026-11-02 11:04 to 13:04 Asia/Tokyo (2026-11-02 02:04 to 04:04 UTC)" in said(
        message(zone="Asia/Tokyo")
    )
    over_midnight = message(starts=NOW.replace(hour=23), ends=NOW.replace(hour=23) + 2 * HOUR)
    assert "When: 2026-11-02 23:04 to 2026-11-03 01:04 UTC" in said(over_midnight)


def test_one_that_is_over_says_what_it_was_used_for() -> None:
    def use(minute: int, standing: Standing = Standing.INSIDE) -> Use:
        at = NOW + timedelta(minutes=minute)
        return Use(finding_id=str(minute), at=at, standing=standing, summary="s", region="r", address="a")

    assert said(message(**STATES[5])).endswith("Nobody used it.")
    assert said(message(**STATES[3])).endswith("It never opened.")
    used = message(**STATES[5], uses=(use(0), use(20), use(30, Standing.ELSEWHERE)))
    assert said(used).endswith("It was used 2 times, from 03:04 to 03:24 UTC; 1 more did not stand the test.")


# The whole way


def applied(office: Office, payload: Mapping[str, Any], act_id: str, words: WindowWords = ENGLISH) -> Any:
    found = read_window_press(payload, time_zone="Asia/Tokyo")
    assert found is not None
    return apply_window_press(found, act_id=act_id, at=office.now, desk=office.desk, words=words)


def test_a_window_is_asked_for_approved_by_another_and_revoked_in_slack() -> None:
    office = Office()
    asked_for = applied(office, sent(FILLED), "1").window
    assert asked_for.requested_by == ALICE
    refused = applied(office, clicked("approve", asked_for.id, ALICE), "2")
    assert refused.window is None
    assert refused.whisper == f"Nothing was changed. {ENGLISH.refusals[WindowOutcome.UNLISTED]}"
    for _ in range(2):
        approved = applied(office, clicked("approve", asked_for.id), "3")
        assert (approved.window.state, approved.window.approved_by) == (WindowState.APPROVED, BOB)
        assert not approved.is_emergency
    late = applied(office, clicked("refuse", asked_for.id, CAROL), "4", JAPANESE)
    assert late.whisper == "何も変更していません。すでに承認済みです。"
    assert applied(office, clicked("revoke", asked_for.id, CAROL), "5").window.state is WindowState.REVOKED


def test_who_approves_and_asks_is_refused_their_own() -> None:
    office = Office()
    asked_for = applied(office, sent(FILLED, user=BOB), "1").window
    reply = applied(office, clicked("approve", asked_for.id, BOB), "2")
    assert reply.whisper == f"Nothing was changed. {ENGLISH.refusals[WindowOutcome.OWN_REQUEST]}"


def test_an_emergency_is_ones_own_and_is_to_be_told_to_all() -> None:
    office = Office()
    asked_for = applied(office, sent(FILLED), "1").window
    form = sent({"reason": {"value": "everybody is asleep"}}, verb="emergency", window=asked_for.id, ts="1.2")
    reply = applied(office, form, "2")
    assert reply.is_emergency
    assert reply.window.emergency
    news = office.desk.news(asked_for.id)
    assert news is not None
    assert news.severity is Severity.HIGH
    # A button that was pressed without its form has no reason.
    again = applied(office, sent({**FILLED, "ticket": {"value": "OPS-8"}}), "3").window
    assert applied(office, clicked("emergency", again.id, ALICE), "4").whisper.endswith("An emergency needs a reason.")


def test_what_passed_the_form_and_is_wrong_all_the_same_is_told_privately() -> None:
    office = Office(now=NOW + timedelta(hours=3))
    reply = applied(office, sent(FILLED), "1")
    assert reply.whisper == f"The window was not asked for: {ENGLISH.problems[RequestProblem.IN_THE_PAST]}"
    assert applied(office, clicked("approve", "W0"), "2").whisper.endswith("There is no such window any more.")
    assert applied(office, clicked("end", "W0"), "3").whisper == ENGLISH.usage
    assert applied(office, clicked("explode", "W0"), "4").whisper == ENGLISH.usage
