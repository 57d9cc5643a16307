"""Reminders and the daily line: what people read, in both languages, within every limit, whatever an event says."""

from __future__ import annotations

import dataclasses
import json
import string
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from handlers.adapters.email import EmailNotifier
from handlers.adapters.metrics import acknowledged_metric, emit, refused_metric
from handlers.adapters.notices import canary_mail, daily_lines
from handlers.adapters.refusals import Refusals
from handlers.adapters.slack import SlackNotifier
from handlers.adapters.slack_notices import daily_message, reminder_message
from handlers.adapters.story import MessageSettings
from handlers.adapters.wording_notify import ENGLISH, JAPANESE, LANGUAGES, notify_words_for
from handlers.alerting.alert import Alert
from handlers.alerting.all_is_well import Report
from handlers.alerting.canary import Flight
from handlers.alerting.errors import UnavailableError
from handlers.alerting.ports import Unknown
from handlers.alerting.reminding import Reminder
from handlers.alerting.severity import Severity
from tests.unit.adapters.inspection import check_limits, check_mail, check_message
from tests.unit.adapters.samples import NOW, SETTINGS, alert, finding, told
from tests.unit.hostile_strings import HOSTILE

QUIET = {"rootwatch-events-waiting": "OK", "rootwatch-events-dead-letters": "OK"}


def reminder(**changes: Any) -> Reminder:
    values = {
        "number": 2,
        "most": 8,
        "severity": Severity.CRITICAL,
        "waiting": timedelta(minutes=45),
        "mentions": True,
        "now": NOW,
    }
    return Reminder(**{**values, **changes})


def flight(hours: float, seconds: float | None) -> Flight:
    """A canary that left so many hours ago and took so many seconds; None: it never came."""
    left = NOW - timedelta(hours=hours)
    return Flight(id="f", left=left, arrived=None if seconds is None else left + timedelta(seconds=seconds))


def report(*untaken: Alert, **changes: Any) -> Report:
    values: dict[str, Any] = {
        "since": NOW - timedelta(days=1),
        "now": NOW,
        "counts": {Severity.HIGH: 1, Severity.LOW: 2},
        "untaken": untaken,
        "alarms": QUIET,
        "last_finding": NOW - timedelta(hours=2),
        "flights": (flight(3, 2.0), flight(2, 1.25)),
    }
    return Report(**{**values, **changes})


# The words


def test_each_language_says_everything_with_the_same_gaps_to_fill() -> None:
    english = dataclasses.asdict(ENGLISH)
    for language in LANGUAGES:
        words = dataclasses.asdict(notify_words_for(language))
        for key, text in words.items():
            gaps = {name for _, name, _, _ in string.Formatter().parse(text) if name}
            assert text.strip(), key
            assert gaps == {name for _, name, _, _ in string.Formatter().parse(english[key]) if name}, key
    same = {key for key, text in dataclasses.asdict(JAPANESE).items() if text == english[key]}
    assert same == set()
    assert JAPANESE.reminder_subject.isascii()
    assert JAPANESE.canary_subject.isascii()
    assert notify_words_for("fr") is ENGLISH


# Reminders in Slack


def text_of(message: Any) -> str:
    return "".join(
        element.get("text", "")
        for block in message.blocks
        for part in block["elements"]
        for element in part["elements"]
    )


@pytest.mark.parametrize(
    ("on_call", "element", "text"),
    [
        ("S0123456789", {"type": "usergroup", "usergroup_id": "S0123456789"}, "<!subteam^S0123456789> "),
        ("U0123456789", {"type": "user", "user_id": "U0123456789"}, "<@U0123456789> "),
    ],
)
def test_a_reminder_names_whoever_is_on_call(on_call: str, element: dict[str, str], text: str) -> None:
    message = reminder_message(alert(), reminder(), settings=SETTINGS, on_call=on_call)
    assert message.blocks[0]["elements"][0]["elements"][0] == element
    assert message.text.startswith(text)
    assert message.bare.startswith(text)
    assert "Nobody has taken this alert yet: CRITICAL, told 45 min ago. Reminder 2 of 8." in text_of(message)


@pytest.mark.parametrize("on_call", ["", "!channel", "S1>", "<!here>"])
def test_nobody_else_can_be_named(on_call: str) -> None:
    message = reminder_message(alert(), reminder(), settings=SETTINGS, on_call=on_call)
    check_message(message)
    assert "<" not in message.text


def test_a_reminder_that_mentions_nobody_does_not() -> None:
    message = reminder_message(alert(), reminder(mentions=False), settings=SETTINGS, on_call="S0123456789")
    check_message(message)
    assert "S0123456789" not in json.dumps(message.blocks)


def test_the_last_reminder_says_so() -> None:
    last = reminder_message(alert(), reminder(number=8), settings=SETTINGS, on_call="")
    assert "There will be no further one." in text_of(last)
    assert "no further" not in text_of(reminder_message(alert(), reminder(), settings=SETTINGS, on_call=""))


def test_hostile_texts_stay_text_in_a_reminder_without_a_thread() -> None:
    for text in HOSTILE:
        changed = alert(finding(title=text, actor=text, account_name=text))
        for language in LANGUAGES:
            settings = dataclasses.replace(SETTINGS, language=language)
            check_message(reminder_message(changed, reminder(), settings=settings, on_call="", standalone=True))


class Web:
    """Slack, as far as it is called: keeps calls, and answers with what it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Any) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers = list(answers)
        monkeypatch.setattr(SlackNotifier, "_answer", self._answer)

    def _answer(self, _client: object, method: str, arguments: Any, **_how: Any) -> Any:
        self.calls.append((method, dict(arguments)))
        answer = self.answers.pop(0) if self.answers else {"ok": True, "channel": "C1", "ts": "1.2"}
        if isinstance(answer, Exception):
            raise answer
        return answer


class Token:
    def get(self, refresh: bool = False) -> str:
        return "xoxb-not-real"


def notifier(**changes: Any) -> SlackNotifier:
    return SlackNotifier(token=Token(), channel="C0123456789", settings=SETTINGS, on_call="S0123456789", **changes)


def test_a_reminder_stands_in_the_thread_and_is_shown_to_the_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    web = Web(monkeypatch)
    notifier().remind(alert(), told(), reminder())
    ((method, arguments),) = web.calls
    assert method == "chat.postMessage"
    assert arguments["channel"] == "C0123456789"
    assert arguments["thread_ts"] == "1764000000.000100"
    assert arguments["reply_broadcast"] is True
    assert arguments["parse"] == "none"


@pytest.mark.parametrize("known", [None, told(reference="")])
def test_without_a_thread_it_says_what_it_belongs_to(monkeypatch: pytest.MonkeyPatch, known: Any) -> None:
    web = Web(monkeypatch)
    notifier(name="platform").remind(alert(), known, reminder())
    ((_, arguments),) = web.calls
    assert "thread_ts" not in arguments
    assert "Administrator rights were granted" in arguments["text"]


def test_where_the_first_message_was_deleted_it_is_posted_in_the_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    from handlers.adapters.slack import _RefusedError

    web = Web(monkeypatch, _RefusedError("message_not_found"))
    notifier().remind(alert(), told(), reminder())
    assert ["thread_ts" in arguments for _, arguments in web.calls] == [True, False]


def test_a_slack_that_refuses_a_reminder_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    from handlers.adapters.slack import _RefusedError

    Web(monkeypatch, _RefusedError("is_archived"))
    with pytest.raises(UnavailableError, match="archived"):
        notifier().remind(alert(), told(), reminder())


def test_the_daily_line_is_one_quiet_message(monkeypatch: pytest.MonkeyPatch) -> None:
    web = Web(monkeypatch)
    notifier().say_daily(report())
    ((_, arguments),) = web.calls
    assert arguments["channel"] == "C0123456789"
    assert "S0123456789" not in json.dumps(arguments)


# The daily line


def test_all_is_well_is_said_with_what_was_seen() -> None:
    lines = daily_lines(report(), settings=MessageSettings())
    assert lines == [
        "All is well.",
        "3 alerts since 2026-11-23 10:33:00 UTC: 1 HIGH, 2 LOW.",
        "None waits to be taken.",
        "All 2 alarms about Rootwatch itself are quiet.",
        "All 2 canaries came through, the slowest in 2.0 s.",
        "The last finding is of 2026-11-24 08:33:00 UTC.",
        "This line came from the schedule through the function, the alert table and Slack.",
    ]


def test_what_nobody_has_taken_is_named_and_counted() -> None:
    lines = daily_lines(report(*[alert(finding(title=f"title {number}")) for number in range(13)]), settings=SETTINGS)
    assert lines[0] == "Not all is well. (production)"
    assert "Nobody has taken 13 of the last 7 days:" in lines
    assert sum("title " in line for line in lines) == 10
    assert "  and 3 more" in lines


@pytest.mark.parametrize(
    ("alarms", "said"),
    [
        ({}, "There are no alarms about Rootwatch itself"),
        ({**QUIET, "rootwatch-x": "ALARM"}, "ring: rootwatch-x."),
        ({**QUIET, "rootwatch-x": "INSUFFICIENT_DATA"}, "too little to judge by: rootwatch-x."),
        (Unknown(reason="AccessDenied"), "could not be read: AccessDenied."),
        ({f"rootwatch-{number}": "ALARM" for number in range(9)}, "and 4 more"),
    ],
)
def test_alarms_are_told_as_they_were_seen(alarms: Any, said: str) -> None:
    lines = daily_lines(report(alarms=alarms), settings=SETTINGS)
    assert any(said in line for line in lines)
    assert lines[0].startswith("Not all is well.")


@pytest.mark.parametrize(
    ("flights", "said"),
    [
        ((), "No canary was sent since 2026-11-23 10:33:00 UTC"),
        ((flight(3, 1), flight(2, None), flight(1, None)), "2 of 3 canaries did not come through, the first at"),
    ],
)
def test_canaries_are_told_as_they_were_seen(flights: tuple[Flight, ...], said: str) -> None:
    lines = daily_lines(report(flights=flights), settings=SETTINGS)
    assert any(said in line for line in lines)
    assert lines[0].startswith("Not all is well.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_mail_about_a_lost_canary_says_since_when_and_where_to_look(language: str) -> None:
    settings = MessageSettings(language=language)
    subject, text = canary_mail([flight(2, None), flight(1, None)], rule="rootwatch-canary", settings=settings)
    assert subject.isascii()
    for part in ("2026-11-24 08:33:00 UTC", "rootwatch-canary", "2"):
        assert part in text


def test_a_quiet_week_says_that_nothing_came() -> None:
    lines = daily_lines(report(counts={}, last_finding=None), settings=SETTINGS)
    assert lines[1].startswith("No alert since")
    assert "No finding was recorded in the last 7 days." in lines


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_daily_line_keeps_every_limit_with_hostile_titles(language: str) -> None:
    settings = dataclasses.replace(SETTINGS, language=language)
    hostile = [alert(finding(title=text, account_name=text)) for text in HOSTILE]
    for begin in range(0, len(hostile), 10):
        message = daily_message(report(*hostile[begin : begin + 12], alarms={"x" * 255: "ALARM"}), settings=settings)
        check_message(message)
        check_limits(message.blocks)


def test_the_daily_line_in_japanese_has_no_english_word() -> None:
    lines = daily_lines(report(alert()), settings=MessageSettings(language="ja"))
    assert lines[0] == "確認が必要です。"
    assert not any("alert" in line or "since" in line for line in lines)


# Mail


class Topic:
    def __init__(self, *errors: Exception) -> None:
        self.errors, self.mails = list(errors), []  # type: ignore[var-annotated]

    def publish(self, **arguments: Any) -> dict[str, str]:
        if self.errors:
            raise self.errors.pop(0)
        self.mails.append(arguments)
        return {"MessageId": "1"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reminder_by_mail_has_the_alert_once_more(language: str) -> None:
    topic = Topic()
    settings = dataclasses.replace(SETTINGS, language=language)
    mailer = EmailNotifier(name="managers", client=topic, topic_arn="t", settings=settings)  # type: ignore[arg-type]
    mailer.remind(alert(), None, reminder())
    (mail,) = topic.mails
    assert mail["Subject"].startswith("Reminder 2")
    assert "[Rootwatch] HIGH" in mail["Subject"]
    assert len(mail["Subject"]) <= 99
    assert mail["Subject"].isascii()
    assert "arn:aws:sts::123456789012:assumed-role/Admin/alice" in mail["Message"]
    assert mailer.name == "managers"


def test_hostile_texts_stay_text_in_a_reminder_by_mail() -> None:
    topic = Topic()
    mailer = EmailNotifier(client=topic, topic_arn="t", settings=SETTINGS)  # type: ignore[arg-type]
    for text in HOSTILE:
        mailer.remind(alert(finding(title=text, summary=text, actor=text)), None, reminder())
    assert len(topic.mails) == len(HOSTILE)
    for mail in topic.mails:
        check_mail(mail["Subject"], mail["Message"])


# Metrics, and refusals


def test_the_time_until_somebody_takes_an_alert_is_a_metric_by_severity() -> None:
    metric = acknowledged_metric(NOW, NOW + timedelta(minutes=7), severity=Severity.CRITICAL, deployment="rootwatch")
    assert metric["TimeToAcknowledge"] == 420
    (declared,) = metric["_aws"]["CloudWatchMetrics"]
    assert declared["Namespace"] == "Rootwatch"
    assert declared["Metrics"] == [{"Name": "TimeToAcknowledge", "Unit": "Seconds"}]
    for dimension in declared["Dimensions"][0]:
        assert metric[dimension] in ("CRITICAL", "rootwatch")
    assert metric["_aws"]["Timestamp"] == int((NOW + timedelta(minutes=7)).timestamp()) * 1_000
    early = acknowledged_metric(NOW, NOW - timedelta(minutes=1), severity=Severity.LOW, deployment="r")
    assert early["TimeToAcknowledge"] == 0, "clocks differ; no time is negative"


def test_a_metric_is_one_line_of_the_log() -> None:
    lines: list[str] = []
    emit(refused_metric("soc", deployment="rootwatch", at=NOW), write=lines.append)
    (line,) = lines
    assert line.count("\n") == 1
    assert json.loads(line)["DestinationRefused"] == 1


def test_a_refusal_is_counted_each_time_and_mailed_once_an_hour_for_each_destination() -> None:
    topic, counted, now = Topic(), [], [NOW]  # type: ignore[var-annotated]
    refused = Refusals(
        client=topic,  # type: ignore[arg-type]
        topic_arn="t",
        deployment="rootwatch",
        clock=lambda: now[0],
        put=counted.append,
    )
    for _ in range(5):
        refused("soc", "HTTP 410")
    refused("pager", "HTTP 400")
    now[0] += timedelta(hours=1)
    refused("soc", "HTTP 410")
    assert len(counted) == 7
    assert [mail["Subject"] for mail in topic.mails] == [
        "[Rootwatch] soc refuses alerts",
        "[Rootwatch] pager refuses alerts",
        "[Rootwatch] soc refuses alerts",
    ]
    assert "HTTP 410" in topic.mails[0]["Message"]
    assert "[destinations.soc]" in topic.mails[0]["Message"]


def test_a_mail_about_a_refusal_that_cannot_be_sent_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    topic = Topic(ClientError({"Error": {"Code": "NotFound"}}, "Publish"))
    refused = Refusals(client=topic, topic_arn="t", deployment="rootwatch", put=lambda _line: None)  # type: ignore[arg-type]
    refused("soc", "HTTP 410")
    assert "nobody could be mailed that soc refuses alerts: ClientError" in caplog.text
