"""What people read in their mail, and what happens when SNS does not take it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from handlers.adapters import email
from handlers.adapters.email import EmailNotifier, body_of
from handlers.alerting.detection import Exhibit, Fact
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Road
from handlers.alerting.ports import Notifier
from handlers.alerting.severity import Severity
from tests.unit.adapters.inspection import check_mail
from tests.unit.adapters.samples import (
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

_TOPIC = "arn:aws:sns:us-east-1:123456789012:rootwatch-alerts"


class _Topic:
    """SNS, as far as we use it: keeps what it is given, after the errors it was told to raise."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.mails: list[dict[str, Any]] = []

    def publish(self, **arguments: Any) -> dict[str, str]:
        if self.errors:
            raise self.errors.pop(0)
        self.mails.append(arguments)
        return {"MessageId": "1"}


def _notifier(topic: _Topic, **changes: Any) -> EmailNotifier:
    return EmailNotifier(client=topic, topic_arn=_TOPIC, settings=SETTINGS, **changes)  # type: ignore[arg-type]


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Publish")


def test_it_is_a_notifier_that_is_told_of_high_and_critical_and_does_not_follow() -> None:
    notifier: Notifier = _notifier(_Topic())
    assert (notifier.name, notifier.follows, notifier.minimum_severity) == ("email", False, Severity.HIGH)
    assert _notifier(_Topic(), minimum_severity=Severity.CRITICAL).minimum_severity is Severity.CRITICAL


def test_a_mail_has_the_same_content_in_the_same_order_as_slack() -> None:
    topic = _Topic()
    late = finding(
        road=Road.TRAIL,
        received=finding().happened + timedelta(hours=3),
        facts=(Fact(label="Policy", value="AdministratorAccess"),),
        exhibits=(Exhibit(title="The policy", text='{\n  "Action": "*"\n}'),),
    )
    assert _notifier(topic).announce(alert(late)) == ""
    (mail,) = topic.mails
    assert mail["TopicArn"] == _TOPIC
    assert mail["Subject"] == "[Rootwatch] HIGH: Administrator rights were granted - shop (123456789012)"
    parts = (
        "HIGH: Administrator rights were granted",
        "alice attached AdministratorAccess",
        "! LATE: this reached us 3 h after it happened.",
        "Who:        Admin/alice (role session)",
        "On what:    user bob",
        "Result:     it succeeded",
        "Policy:     AdministratorAccess",
        "Why this matters",
        "What to do now",
        "  1. Ask alice whether she meant to",
        "  3. Look at what bob did since",
        "handlers/detections/admin_policy_attached/runbook.md",
        "https://us-east-1.console.aws.amazon.com/cloudtrailv2/home?region=us-east-1#/events/",
        '  | {\n  |   "Action": "*"\n  | }',
        "This mail does not depend on Slack.",
    )
    places = [mail["Message"].find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


def test_lines_are_wrapped_except_for_links_and_exhibits() -> None:
    body = body_of(alert(finding(summary="word " * 100)), settings=SETTINGS)
    for line in body.split("\n"):
        assert len(line) <= 78 or "://" in line


def test_an_alert_that_got_worse_is_mailed_with_what_made_it_so() -> None:
    topic = _Topic()
    worst = finding(severity=Severity.CRITICAL, title="The trail was stopped", detection_id="trail-tampered")
    worse = alert(loud=4, count=4, kinds=frozenset({"4#admin-policy-attached", "5#trail-tampered"}))
    _notifier(topic).follow_up(worse, told(), [finding(severity=Severity.LOW), worst], broadcast=True)
    (mail,) = topic.mails
    assert mail["Subject"] == "[Rootwatch] CRITICAL: The trail was stopped - shop (123456789012)"
    assert mail["Message"].startswith("Now CRITICAL: The trail was stopped (3 more, 4 in all)\n")


def test_a_subject_is_ascii_and_short_whatever_the_title_is() -> None:
    topic = _Topic()
    _notifier(topic).announce(alert(finding(title="Администратор\nBcc: x " + "é" * 200)))
    subject = topic.mails[0]["Subject"]
    assert len(subject) == 99
    assert subject.isascii()
    assert subject.isprintable()
    assert subject.endswith("...")


@pytest.mark.parametrize("code", ["InvalidParameter", "InvalidParameterValue", "ValidationException"])
def test_a_mail_that_sns_refuses_for_its_form_is_sent_plainer(code: str) -> None:
    topic = _Topic(_refusal(code))
    _notifier(topic).announce(alert(finding(summary="é" * 10)))
    (mail,) = topic.mails
    assert "Subject" not in mail
    assert mail["Message"].isascii()
    assert "HIGH: Administrator rights were granted" in mail["Message"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (_refusal("NotFound"), "the topic does not exist: deploy again"),
        (_refusal("AuthorizationError"), "may not publish to it: deploy again"),
        (_refusal("KMSDisabled"), "enable it in KMS"),
        (_refusal("Throttled"), "it will be tried again"),
        (_refusal("InternalError"), "it will be tried again"),
        (EndpointConnectionError(endpoint_url="https://sns"), "SNS cannot be reached: EndpointConnectionError"),
        (ReadTimeoutError(endpoint_url="https://sns"), "SNS cannot be reached: ReadTimeoutError"),
    ],
)
def test_a_failure_says_what_to_do_and_is_tried_again(error: Exception, said: str) -> None:
    topic = _Topic(error)
    with pytest.raises(UnavailableError, match=said):
        _notifier(topic).announce(alert())
    assert not topic.mails


def test_a_mail_refused_in_every_form_is_tried_again() -> None:
    for second in (_refusal("InvalidParameter"), EndpointConnectionError(endpoint_url="https://sns")):
        with pytest.raises(UnavailableError, match="SNS"):
            _notifier(_Topic(_refusal("InvalidParameter"), second)).announce(alert())


def _check_mails_about(text: str, *paths: tuple[str | int, ...]) -> None:
    topic = _Topic()
    shown = shown_in_full(parsed(envelope_with(text, *paths)))
    hostile = alert(dataclasses.replace(shown, account_name=text), loud=3, count=4)
    _notifier(topic).announce(hostile)
    _notifier(topic).follow_up(hostile, told(), [shown], broadcast=True)
    assert len(topic.mails) == 2
    for mail in topic.mails:
        check_mail(mail["Subject"], mail["Message"])


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_string_in_all_of_an_event_does_anything_in_a_mail(text: str) -> None:
    _check_mails_about(text, *string_paths())


@pytest.mark.parametrize("path", list(string_paths()), ids=lambda path: ".".join(map(str, path)))
def test_no_hostile_string_in_any_one_field_does_anything_in_a_mail(path: tuple[str | int, ...]) -> None:
    for text in (
        "x\nAcknowledged by bob",
        "https://evil.example www.evil.example",
        "\x1b[2J\u202e\u200b",
        "\ud800",
        "",
    ):
        _check_mails_about(text, path)


def test_no_length_of_a_value_brings_a_forged_line_to_the_margin() -> None:
    for length in range(160):
        text = "x" * length + " Acknowledged by bob"
        shown = finding(summary=text, user_agent=text, title=text[-150:], error=text, late_reason=text)
        check_mail("x", body_of(alert(shown), settings=SETTINGS))
        lines = body_of(alert(shown), settings=SETTINGS).split("\n")
        assert not [line for line in lines if line.startswith("Acknowledged")]


@pytest.mark.parametrize("forgotten", ["mail", "mail_lines", "ascii_line"])
def test_an_unescaped_field_is_caught(forgotten: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email, forgotten, lambda text, *_args, **_limits: text)
    with pytest.raises((AssertionError, UnicodeEncodeError)):
        for text in ("https://evil.example", "\x1b[2J", "\u202e"):
            _check_mails_about(text, *string_paths())
