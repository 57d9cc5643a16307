"""What people read in Slack: complete, calm, within Slack's limits, and inert whatever an event says."""

from __future__ import annotations

import dataclasses
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.adapters import slack_message
from handlers.adapters.slack_message import BUDGET, Message, announcement, follow_up, parent_update, size
from handlers.adapters.story import MessageSettings
from handlers.alerting.alert import Alert
from handlers.alerting.detection import Exhibit, Fact
from handlers.alerting.event import Road
from handlers.alerting.finding import Finding
from handlers.alerting.severity import Severity
from tests.unit.adapters.inspection import check_limits, check_message
from tests.unit.adapters.samples import (
    EVENT_ID,
    NOW,
    SETTINGS,
    alert,
    envelope_with,
    finding,
    parsed,
    shown_in_full,
    string_paths,
    told,
)
from tests.unit.hostile_strings import HOSTILE

_POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*"}]}, indent=2)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("type") in ("text", "plain_text", "link"):
            yield value["text"]
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _shown(message: Message) -> str:
    """All of a message's text as it stands on the screen."""
    return "".join(_strings(message.blocks))


def _links(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [value["url"]] if value.get("type") == "link" else [url for v in value.values() for url in _links(v)]
    return [url for inner in value for url in _links(inner)] if isinstance(value, list) else []


# --- what is told ---------------------------------------------------------------------------------------------------


def test_an_announcement_says_who_did_what_where_when_and_what_to_do_now() -> None:
    shown = _shown(announcement(alert(), settings=SETTINGS))
    for part in (
        "HIGH: Administrator rights were granted",
        "alice attached AdministratorAccess to the user bob",
        "Who: Admin/alice (role session)",
        "On what: user bob",
        "Account: shop (123456789012)",
        "Region: us-east-1",
        "When: 2026-11-24 10:32:05 UTC (19:32 in Asia/Tokyo)",
        "From: 192.0.2.10",
        "With: aws-cli/2.15.0",
        "MFA: yes",
        "Result: it succeeded",
        "Call: AttachUserPolicy (iam.amazonaws.com)",
        "Identity: arn:aws:sts::123456789012:assumed-role/Admin/alice",
        "Access key: ASIAEXAMPLE",
        "Why this matters",
        "Whoever holds administrator rights can do anything",
        "What to do now",
        "Ask alice whether she meant to",
        "Detach the policy",
        "Look at what bob did since",
        "handlers/detections/admin_policy_attached/runbook.md",
        "production · admin-policy-attached",
        EVENT_ID,
        "Rootwatch 0.1.0",
    ):
        assert part in shown


@pytest.mark.parametrize("severity", list(Severity))
def test_the_header_says_the_severity_as_a_word_and_not_by_colour_alone(severity: Severity) -> None:
    header = announcement(alert(finding(severity=severity)), settings=SETTINGS).blocks[0]
    assert header["type"] == "header"
    assert re.fullmatch(rf"\S+ {severity.name}: Administrator rights were granted", header["text"]["text"])


def test_the_fallback_is_enough_on_a_lock_screen() -> None:
    text = announcement(alert(), settings=SETTINGS).text
    assert text.startswith(
        "🟠 HIGH: Administrator rights were granted. Admin/alice, shop (123456789012). alice attached"
    )
    assert "\n" not in text


def test_a_failed_call_is_told_as_failed() -> None:
    assert "Result: it failed: AccessDenied" in _shown(
        announcement(alert(finding(error="AccessDenied")), settings=SETTINGS)
    )


def test_an_unknown_second_factor_is_not_told_as_no() -> None:
    shown = _shown(announcement(alert(finding(mfa="unknown")), settings=SETTINGS))
    assert "MFA: unknown: the record does not say" in shown


def test_what_enrichment_found_out_about_the_caller_stands_in_the_lines_that_tell_of_it() -> None:
    facts = (
        Fact(label="Second factor", value="no: a long-lived access key signs alone"),
        Fact(label="Who exactly", value="IAM user alice; with a long-lived access key; through cloudformation"),
    )
    shown = _shown(
        announcement(alert(finding(actor="alice", actor_kind="IAM user", mfa="no", facts=facts)), settings=SETTINGS)
    )
    assert "MFA: no: a long-lived access key signs alone" in shown
    assert "Who: alice (IAM user), with a long-lived access key; through cloudformation" in shown
    assert "Second factor" not in shown
    assert "Who exactly" not in shown


def test_what_says_more_or_something_else_than_the_lines_keeps_its_own() -> None:
    facts = (
        Fact(label="Second factor", value="no: the session was opened without one"),
        Fact(
            label="Who exactly", value="the role Admin, session alice; issued by arn:aws:iam::123456789012:role/Admin"
        ),
    )
    shown = _shown(announcement(alert(finding(mfa="yes", facts=facts)), settings=SETTINGS))
    assert "Second factor: no: the session was opened without one" in shown
    assert "Who exactly: the role Admin, session alice; issued by" in shown


def test_root_has_no_identity_line_as_its_arn_says_nothing_more() -> None:
    root = finding(actor="root", actor_kind="root user", actor_arn="arn:aws:iam::123456789012:root", access_key_id="")
    shown = _shown(announcement(alert(root), settings=SETTINGS))
    assert "Who: root (root user)" in shown
    assert "Identity:" not in shown
    assert "Access key:" not in shown


def test_a_late_record_says_how_late_and_why() -> None:
    late = finding(received=finding().happened + timedelta(hours=2, minutes=5), late_reason="DELIVERY_DELAY")
    shown = _shown(announcement(alert(late), settings=SETTINGS))
    assert "LATE: this reached us 2 h 5 min after it happened. CloudTrail says why: DELIVERY_DELAY." in shown


def test_an_event_found_in_the_log_bucket_says_that_eventbridge_did_not_deliver_it() -> None:
    assert "EventBridge did not deliver this" in _shown(
        announcement(alert(finding(road=Road.TRAIL)), settings=SETTINGS)
    )
    assert "EventBridge" not in _shown(announcement(alert(), settings=SETTINGS))


def test_how_long_eventbridge_was_waited_for_is_said_where_it_is_known() -> None:
    def shown(**changes: Any) -> str:
        return _shown(announcement(alert(finding(road=Road.TRAIL, **changes)), settings=SETTINGS))

    happened = finding().happened
    waited = "EventBridge did not deliver this within 12 min; it was found in the log bucket."
    assert waited in shown(received=happened + timedelta(minutes=12, seconds=30))
    for unknown in ({"time": None}, {"received": happened - timedelta(hours=1)}, {"received": happened}):
        assert "EventBridge did not deliver this; it was found in the log bucket." in shown(**unknown)


def test_a_region_without_rules_is_named_rather_than_eventbridge_blamed() -> None:
    shown = _shown(announcement(alert(finding(road=Road.UNWATCHED, region="eu-north-1")), settings=SETTINGS))
    assert "No rule of ours watches eu-north-1: this was found in the log bucket." in shown
    assert "EventBridge" not in shown


def test_repetition_is_counted_with_the_last_time() -> None:
    first = finding()
    repeated = alert(first, count=14, loud=12, last_time=first.happened + timedelta(minutes=9))
    assert "How often: 12 times, last at 10:41:05 UTC; 2 kept quiet" in _shown(
        announcement(repeated, settings=SETTINGS)
    )
    next_day = alert(first, count=2, loud=2, last_time=first.happened + timedelta(hours=20))
    assert "2 times, last at 2026-11-25 06:32:05 UTC" in _shown(announcement(next_day, settings=SETTINGS))
    assert "How often" not in _shown(announcement(alert(), settings=SETTINGS))


def test_an_alert_that_got_worse_says_so_and_names_what_saw_it() -> None:
    worse = alert(loud=2, count=2, kinds=frozenset({"4#admin-policy-attached", "5#trail-tampered"}))
    message = parent_update(worse, settings=SETTINGS)
    assert message.blocks[0]["text"]["text"].startswith("🔴 CRITICAL: ")
    assert "Began as HIGH, is now CRITICAL." in _shown(message)
    assert "Seen by: admin-policy-attached, trail-tampered" in _shown(message)


def test_the_time_is_told_in_utc_alone_where_no_other_zone_is_set() -> None:
    shown = _shown(announcement(alert(), settings=MessageSettings()))
    assert "When: 2026-11-24 10:32:05 UTC" in shown
    assert "in UTC" not in shown


def test_the_local_date_is_told_where_it_is_another() -> None:
    evening = finding(time=datetime(2026, 11, 24, 20, 0, 0, tzinfo=UTC), received=NOW + timedelta(hours=10))
    shown = _shown(announcement(alert(evening), settings=SETTINGS))
    assert "2026-11-24 20:00:00 UTC (2026-11-25 05:00 in Asia/Tokyo)" in shown


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "", "/etc", "\x00"])
def test_a_time_zone_that_is_not_there_costs_its_own_words_only(zone: str) -> None:
    shown = _shown(announcement(alert(), settings=dataclasses.replace(SETTINGS, time_zone=zone)))
    assert "When: 2026-11-24 10:32:05 UTC" in shown


@pytest.mark.parametrize("moment", [datetime.min, datetime.max])
def test_a_time_at_the_end_of_the_calendar_is_told(moment: datetime) -> None:
    edge = finding(time=moment.replace(tzinfo=UTC))
    check_message(announcement(alert(edge, last_time=moment.replace(tzinfo=UTC), loud=2), settings=SETTINGS))


def test_an_event_without_a_time_says_when_it_reached_us() -> None:
    shown = _shown(announcement(alert(finding(time=None)), settings=SETTINGS))
    assert "When: unknown: the record does not say; it reached us at 2026-11-24 10:33:00 UTC" in shown


def test_facts_and_exhibits_are_shown_as_they_are() -> None:
    shown = finding(facts=(Fact(label="Became administrator by", value="*:*"),), exhibits=(_exhibit(_POLICY),))
    message = announcement(alert(shown), settings=SETTINGS)
    assert "Became administrator by: *:*" in _shown(message)
    pieces = [piece for block in message.blocks if block["type"] == "rich_text" for piece in block["elements"]]
    boxes = [piece["elements"] for piece in pieces if piece["type"] == "rich_text_preformatted"]
    assert boxes == [[{"type": "text", "text": _POLICY}]]
    assert "Cut to fit" not in _shown(message)


def _exhibit(text: str) -> Exhibit:
    return Exhibit(title="The policy", text=text)


def test_a_runbook_address_is_linked_where_one_is_set() -> None:
    settings = dataclasses.replace(SETTINGS, runbook_url="https://wiki.example.com/rootwatch/")
    assert "https://wiki.example.com/rootwatch/admin_policy_attached/runbook.md" in _links(
        announcement(alert(), settings=settings).blocks
    )


def test_machines_find_the_alert_and_the_detection_in_the_metadata() -> None:
    message = announcement(alert(), settings=SETTINGS)
    assert message.metadata == {
        "event_type": "rootwatch_alert",
        "event_payload": {"alert_id": alert().id, "detection": "admin-policy-attached"},
    }


def test_rendering_twice_gives_the_same_message() -> None:
    assert announcement(alert(), settings=SETTINGS) == parent_update(alert(), settings=SETTINGS)


# --- follow-ups -----------------------------------------------------------------------------------------------------


def _news(number: int, **changes: Any) -> Finding:
    moment = finding().happened + timedelta(minutes=number)
    return finding(**{"id": f"root-activity#{number}", "summary": f"call number {number}", "time": moment, **changes})


def test_a_follow_up_has_a_line_for_each_finding_and_counts_the_rest() -> None:
    findings = [_news(7), _news(8, error="AccessDenied"), _news(9, severity=Severity.LOW)]
    message = follow_up(alert(loud=15, count=15), told(count=5), findings, settings=SETTINGS, broadcast=False)
    shown = _shown(message)
    assert "10 more, 15 in all" in shown
    assert "10:39:05 UTC  🟠 HIGH: call number 7" in shown
    assert "call number 8 (it failed: AccessDenied)" in shown
    assert "10:41:05 UTC  🔵 LOW: call number 9" in shown
    assert "7 earlier ones are not shown here" in shown
    assert message.text.startswith("🟠 HIGH: Administrator rights were granted (10 more, 15 in all)")
    check_message(message)


def test_a_broadcast_tells_the_worst_of_the_news_in_full() -> None:
    worst = _news(8, severity=Severity.CRITICAL, title="The trail was stopped", detection_id="trail-tampered")
    kinds = frozenset({"4#admin-policy-attached", "5#trail-tampered"})
    message = follow_up(
        alert(loud=4, count=4, kinds=kinds), told(), [_news(7), worst, _news(9)], settings=SETTINGS, broadcast=True
    )
    assert message.blocks[0]["text"]["text"] == "🔴 Now CRITICAL: The trail was stopped"
    shown = _shown(message)
    assert "call number 8" in shown
    assert "What to do now" in shown
    assert "call number 7" in shown
    assert "earlier" not in shown
    check_message(message)


def test_a_second_critical_thing_is_not_told_as_a_change_of_severity() -> None:
    kinds = frozenset({"5#root-console-login", "5#trail-tampered"})
    worst = _news(8, severity=Severity.CRITICAL, title="The trail was stopped", detection_id="trail-tampered")
    known = told(severity=Severity.CRITICAL, kinds=frozenset({"5#root-console-login"}))
    message = follow_up(alert(loud=2, count=2, kinds=kinds), known, [worst], settings=SETTINGS, broadcast=True)
    assert message.blocks[0]["text"]["text"] == "🔴 Also CRITICAL: The trail was stopped"


def test_a_broadcast_prefers_the_kind_that_the_channel_does_not_know() -> None:
    known_kind = _news(7, severity=Severity.CRITICAL, detection_id="root-console-login", title="Known")
    new_kind = _news(8, severity=Severity.CRITICAL, detection_id="trail-tampered", title="New")
    known = told(severity=Severity.CRITICAL, kinds=frozenset({"5#root-console-login"}))
    worse = alert(loud=3, count=3, kinds=frozenset({"5#root-console-login", "5#trail-tampered"}))
    message = follow_up(worse, known, [known_kind, new_kind], settings=SETTINGS, broadcast=True)
    assert message.blocks[0]["text"]["text"].endswith(": New")


def test_a_broadcast_without_the_worst_finding_at_hand_still_says_how_bad_it_is() -> None:
    worse = alert(loud=400, count=400, kinds=frozenset({"4#admin-policy-attached", "5#trail-tampered"}))
    for findings in ([], [_news(7, severity=Severity.LOW, title="Something small")]):
        message = follow_up(worse, told(), findings, settings=SETTINGS, broadcast=True)
        assert message.blocks[0]["text"]["text"] == "🔴 Now CRITICAL: Administrator rights were granted"
        check_message(message)


def test_a_follow_up_without_its_thread_says_what_it_belongs_to() -> None:
    message = follow_up(alert(loud=2, count=2), told(), [_news(7)], settings=SETTINGS, broadcast=False, standalone=True)
    shown = _shown(message)
    assert "HIGH: Administrator rights were granted" in message.blocks[0]["text"]["text"]
    assert "The first message of this alert is gone" in shown
    assert "Admin/alice, shop (123456789012)" in shown


def test_when_not_everything_fits_the_newest_lines_stay_and_the_rest_is_counted() -> None:
    findings = [_news(number, summary=f"{number} " + '🔥"' * 400) for number in range(40)]
    message = follow_up(alert(loud=41, count=41), told(), findings, settings=SETTINGS, broadcast=False)
    shown = _shown(message)
    lines = [
        line
        for block in message.blocks
        for e in block.get("elements", [])
        if e["type"] == "rich_text_list"
        for line in e["elements"]
    ]
    assert 5 < len(lines) < 40
    assert f"{40 - len(lines)} earlier ones" in shown
    assert "HIGH: 39 " in shown
    assert "HIGH: 0 " not in shown
    check_message(message)


# --- limits ---------------------------------------------------------------------------------------------------------


def test_exhibits_are_cut_before_anything_else_and_the_message_says_so() -> None:
    long = finding(exhibits=(_exhibit("\n".join(f'"Action{n}": "*",' for n in range(3_000))),) * 4)
    message = announcement(alert(long), settings=SETTINGS)
    shown = _shown(message)
    assert f"Cut to fit; the whole text is in the alert table, in finding {long.id}." in shown
    assert '"Action0": "*",' in shown
    assert "Who: Admin/alice (role session)" in shown
    check_message(message)


def test_many_facts_are_shown_as_far_as_there_is_room_and_the_rest_is_counted() -> None:
    many = finding(facts=tuple(Fact(label=f"Fact {n}", value="v" * 290) for n in range(20)))
    message = announcement(alert(many), settings=SETTINGS)
    shown = _shown(message)
    assert "Fact 9:" in shown
    assert "Fact 10:" not in shown
    assert "10 more facts are in the alert table" in shown
    check_message(message)


def test_values_are_shortened_last_and_the_message_says_so() -> None:
    fields = ("actor", "subject", "source_ip", "user_agent", "event_name", "actor_arn", "region", "account")
    wide = dict.fromkeys(fields, "🔥" * 2_000)
    huge = finding(**wide, facts=tuple(Fact(label="漢" * 60, value="漢" * 2_000) for _ in range(20)))
    message = announcement(alert(huge), settings=SETTINGS)
    assert "Shortened to fit" in _shown(message)
    check_message(message)


def test_everything_fits_when_every_text_is_as_long_and_as_wide_as_it_can_be() -> None:
    texts = [item.name for item in dataclasses.fields(Finding) if item.type in ("str", "str | None")]
    for text in ("🔥" * 5_000, '"' * 5_000, "\\" * 5_000, "漢" * 5_000, "&" * 5_000, "<!channel>" * 500):
        huge = finding(
            **dict.fromkeys(texts, text),
            respond=(text,) * 12,
            facts=(Fact(label=text, value=text),) * 20,
            exhibits=(Exhibit(title=text, text=text),) * 4,
        )
        kinds = frozenset({f"5#{text[:300]}", "4#x"})
        for settings in (SETTINGS, dataclasses.replace(SETTINGS, language="ja", environment=text[:60])):
            for message in (
                announcement(alert(huge, loud=10**9, count=10**10, kinds=kinds, id=text), settings=settings),
                follow_up(
                    alert(huge, loud=10**9, count=10**9, kinds=kinds, id=text),
                    told(),
                    [huge] * 20,
                    settings=settings,
                    broadcast=True,
                    standalone=True,
                ),
            ):
                check_message(message)


def _random_text(source: random.Random) -> str:
    kind = source.random()
    if kind < 0.8:
        return "".join(source.choices("abcdefghij ABC/:-_0123456789", k=source.randrange(0, 120)))
    if kind < 0.9:
        return source.choice(HOSTILE)[:3_000]
    return source.choice(("漢字", "🔥", '"', "\\", "& <", "a\n", "é")) * source.randrange(0, 600)


def _random_alert(source: random.Random) -> Alert:
    def text() -> str:
        return _random_text(source)

    first = finding(
        severity=source.choice(list(Severity)),
        title=text()[:150],
        summary=text(),
        subject=text(),
        actor=text()[:300],
        user_agent=text(),
        source_ip=text()[:200],
        region=source.choice(("us-east-1", "cn-north-1", "us-gov-west-1", text()[:60])),
        event_id=source.choice((EVENT_ID, text()[:200])),
        error=source.choice((None, text())),
        late_reason=source.choice((None, "DELIVERY_DELAY", text()[:100])),
        account_name=source.choice((None, text())),
        road=source.choice(list(Road)),
        received=NOW + timedelta(minutes=source.randrange(0, 5_000)),
        facts=tuple(Fact(label=text()[:60], value=text()) for _ in range(source.choice((0, 0, 1, 3, 20)))),
        exhibits=tuple(Exhibit(title=text()[:100], text=text()) for _ in range(source.choice((0, 0, 1, 4)))),
    )
    loud = source.choice((1, 1, 2, 12, 10_000))
    return alert(first, loud=loud, count=loud + source.randrange(3), kinds=frozenset({f"{first.severity:d}#x", "3#y"}))


def test_ten_thousand_generated_alerts_are_within_every_limit() -> None:
    source = random.Random(20261124)
    began = time.process_time()
    heaviest = 0
    for number in range(10_000):
        generated = _random_alert(source)
        message = announcement(generated, settings=SETTINGS)
        check_limits(message.blocks)
        assert message.text
        heaviest = max(heaviest, size(message.blocks))
        if number % 20 == 0:
            check_message(message)
            check_message(
                follow_up(generated, told(), [generated.headline] * 3, settings=SETTINGS, broadcast=number % 40 == 0)
            )
    assert BUDGET * 0.9 < heaviest <= BUDGET  # the generator does reach the limit
    assert time.process_time() - began < 60  # seconds of CPU; takes about ten


# --- hostile events -------------------------------------------------------------------------------------------------

_WORST = (
    "",
    "<!channel>",
    "<@U0123456789>",
    "<https://evil.example|Sign in>",
    "www.evil.example https://evil.example",
    "x\nAcknowledged by bob",
    "a\u202eb\u200bc",
    "\x1b[2J",
    "\ud800",
    "`*_~",
    "&lt;!here&gt;",
    ":fire: {{x}} ${y}",
)


def _messages_about(event_text: str, *paths: tuple[str | int, ...]) -> Iterator[Message]:
    shown = shown_in_full(parsed(envelope_with(event_text, *paths)))
    hostile = alert(dataclasses.replace(shown, account_name=event_text), loud=3, count=4)
    yield announcement(hostile, settings=SETTINGS)
    for broadcast in (False, True):
        yield follow_up(hostile, told(), [shown, shown], settings=SETTINGS, broadcast=broadcast, standalone=broadcast)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_string_in_all_of_an_event_does_anything_in_slack(text: str) -> None:
    for message in _messages_about(text, *string_paths()):
        check_message(message)


@pytest.mark.parametrize("path", list(string_paths()), ids=lambda path: ".".join(map(str, path)))
def test_no_hostile_string_in_any_one_field_does_anything_in_slack(path: tuple[str | int, ...]) -> None:
    for text in _WORST:
        for message in _messages_about(text, path):
            check_message(message)


def test_the_hostile_events_do_reach_the_message() -> None:
    """Else the tests above would prove nothing."""
    paths = list(string_paths())
    assert len(paths) >= 50
    for path in paths:
        shown = shown_in_full(parsed(envelope_with("needle", path)))
        assert any("needle" in fact.value for fact in shown.facts), path
    user_agent = shown_in_full(parsed(envelope_with("needle", ("detail", "userAgent"))))
    assert "With: needle" in _shown(announcement(alert(user_agent), settings=SETTINGS))


@pytest.mark.parametrize("forgotten", ["literal", "literal_lines", "slack_plain", "mrkdwn"])
def test_an_unescaped_field_is_caught(forgotten: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each escaper is taken out in turn: the checks that the tests above rely on must notice."""
    unescaped: Callable[..., str] = lambda text, *_args, **_limits: text[:60]  # noqa: E731
    monkeypatch.setattr(slack_message, forgotten, unescaped)
    caught = 0
    for text in _WORST:
        try:
            for message in _messages_about(text, *string_paths()):
                check_message(message)
        except (AssertionError, UnicodeEncodeError):
            caught += 1
    assert caught >= 3
