"""Alerts by e-mail, through SNS: the road that works when Slack does not."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.notices import reminder_sentence
from handlers.adapters.story import Line, Link, MessageSettings, Story, got_worse, story_of, worst_of
from handlers.adapters.untrusted import ascii_line, mail, mail_lines
from handlers.adapters.wording import ENGLISH, Words, words_for
from handlers.adapters.wording_notify import notify_words_for
from handlers.alerting.alert import Alert, Told
from handlers.alerting.errors import UnavailableError
from handlers.alerting.finding import Finding
from handlers.alerting.reminding import Reminder
from handlers.alerting.severity import Severity

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

SUBJECT = 99  # characters: SNS wants fewer than 100, no line break, no control character (SNS API reference, Publish)
_WIDTH = 78  # RFC 5322's recommendation for a line
_EXHIBIT, _EXHIBIT_LINES = 8_000, 200  # characters and lines of one exhibit; SNS carries 256 KB
_PROSE = 1_000
_INDENT = "  "  # of every line that an event's text may begin: only our own words stand at the margin
_LABEL = 22  # columns that labels are aligned in; a longer one pushes its value to the right
_REFUSED_FORM = ("InvalidParameter", "InvalidParameterValue", "ValidationException", "ParameterValueInvalid")
_REMEDIES = {
    "NotFound": "the topic does not exist: deploy again",
    "NotFoundException": "the topic does not exist: deploy again",
    "AuthorizationError": "this function may not publish to it: deploy again",
    "AccessDenied": "this function may not publish to it: deploy again",
    "AccessDeniedException": "this function may not publish to it: deploy again",
    "KMSDisabled": "the topic's key is disabled: enable it in KMS",
    "KMSAccessDenied": "this function may not use the topic's key: deploy again",
}


class EmailNotifier:
    """A `Notifier` (see ports): told of new alerts and of those that got worse. It shares nothing with Slack's."""

    follows = False

    def __init__(
        self,
        *,
        name: str = "email",
        client: SNSClient,
        topic_arn: str,
        settings: MessageSettings,
        minimum_severity: Severity = Severity.HIGH,
    ) -> None:
        self.name = name
        self.minimum_severity = minimum_severity
        self._client = client
        self._topic = topic_arn
        self._settings = settings

    def announce(self, alert: Alert) -> str:
        """Mail a new alert. Returns "": a mail cannot be changed later.

        Raises:
            UnavailableError: SNS did not take it; says what to do.
        """
        words = words_for(self._settings.language)
        story = story_of(alert, words=words, settings=self._settings)
        self._publish(subject_of(alert, story), "\n".join(_body(story, words)))
        return ""

    def follow_up(self, alert: Alert, told: Told, findings: Sequence[Finding], *, broadcast: bool) -> None:
        """Mail what made an alert worse: the worst of the findings, in full.

        Raises:
            UnavailableError: SNS did not take it; says what to do.
        """
        del broadcast  # a mail has no thread to stay in
        words = words_for(self._settings.language)
        worst = worst_of(findings, told)
        story = story_of(alert, words=words, settings=self._settings, finding=worst)
        heading = got_worse(alert, told, worst, words)
        more = max(alert.loud - told.count, len(findings))
        news = words.news.format(more=f"{more:,}", total=f"{alert.loud:,}")
        body = [*_wrapped(f"{heading} ({news})"), "", *_body(story, words)]
        self._publish(subject_of(alert, story), "\n".join(body))

    def remind(self, alert: Alert, told: Told | None, reminder: Reminder) -> None:
        """Mail that nobody has taken the alert, and the alert once more.

        Raises:
            UnavailableError: SNS did not take it; says what to do.
        """
        del told  # the mail says everything by itself
        words, more = words_for(self._settings.language), notify_words_for(self._settings.language)
        story = story_of(alert, words=words, settings=self._settings)
        subject = ascii_line(
            more.reminder_subject.format(number=reminder.number, most=reminder.most) + subject_of(alert, story), SUBJECT
        )
        body = [*_wrapped(reminder_sentence(reminder, words, more)), "", *_body(story, words)]
        self._publish(subject, "\n".join(body))

    def say(self, subject: str, text: str) -> None:
        """Mail something that is about no alert.

        Raises:
            UnavailableError: SNS did not take it; says what to do.
        """
        self._publish(ascii_line(subject, SUBJECT), "\n".join(_wrapped(text)))

    def tell_report(self, title: str, lines: Sequence[str], *, link: str) -> None:
        """Mail that the monthly report is there. `link` is ours (console_links), and stands as it is.

        Raises:
            UnavailableError: SNS did not take it; says what to do.
        """
        body = [mail(title), "", *(mail(line, _PROSE) for line in lines), "", link]
        self._publish(ascii_line(title, SUBJECT), "\n".join(body))

    def _publish(self, subject: str, body: str) -> None:
        try:
            self._client.publish(TopicArn=self._topic, Subject=subject, Message=body)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            if code not in _REFUSED_FORM:
                raise UnavailableError(f"SNS did not take the mail ({code}): {_remedy(code)}") from error
            self._publish_plainer(body)
        except BotoCoreError as error:
            raise UnavailableError(f"SNS cannot be reached: {type(error).__name__}; it will be tried again") from error

    def _publish_plainer(self, body: str) -> None:
        """Without a subject, and in ASCII: told in an ugly form rather than not at all."""
        try:
            self._client.publish(TopicArn=self._topic, Message=body.encode("ascii", "replace").decode("ascii"))
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            raise UnavailableError(f"SNS refuses the mail in any form ({code}): {_remedy(code)}") from error
        except BotoCoreError as error:
            raise UnavailableError(f"SNS cannot be reached: {type(error).__name__}; it will be tried again") from error


def subject_of(alert: Alert, story: Story) -> str:
    """How bad, what, in which account, as ASCII: in English whatever the language, as SNS's subjects are ASCII."""
    severity = ENGLISH.severities[alert.severity]
    return ascii_line(f"[Rootwatch] {severity}: {story.english_title} - {story.account}", SUBJECT)


def body_of(alert: Alert, *, settings: MessageSettings) -> str:
    """The mail of a new alert."""
    words = words_for(settings.language)
    return "\n".join(_body(story_of(alert, words=words, settings=settings), words))


def _body(story: Story, words: Words) -> Iterator[str]:
    yield from _wrapped(f"{story.severity}: {story.title}")
    yield ""
    yield from _wrapped(story.summary, indent=_INDENT)
    for note in story.notes:
        yield ""
        yield from _wrapped(note, indent="! ")
    yield ""
    yield from _aligned((*story.lines, *story.facts, *story.details), words)
    yield from ("", words.why)
    yield from _wrapped(story.why, indent=_INDENT)
    yield from ("", words.what_to_do)
    for number, step in enumerate(story.steps, start=1):
        yield from _wrapped(step, indent=f"  {number}. ")
    yield ""
    links = story.links
    if isinstance(story.runbook, Link):
        links = (story.runbook, *links)
    else:
        yield from _wrapped(f"{words.label.format(label=words.runbook)} {story.runbook}")
    for link in links:
        yield f"{mail(words.label.format(label=link.text))}\n  {link.url}"
    for exhibit in story.exhibits:
        yield from ("", f"{_INDENT}{mail(exhibit.title)}")
        # The bar on each line keeps an exhibit's lines from being taken for ours.
        yield textwrap.indent(
            mail_lines(exhibit.text, limit=_EXHIBIT, lines=_EXHIBIT_LINES), "  | ", lambda _line: True
        )
    yield ""
    yield from _wrapped(" · ".join(mail(part, 100) for part in story.context))
    yield ""
    yield from _wrapped(words.mail_footer)


def _aligned(lines: Sequence[Line], words: Words) -> Iterator[str]:
    labels = [mail(words.label.format(label=line.label), 70) for line in lines]
    width = min(max(map(_columns, labels), default=0), _LABEL) + 1
    for label, line in zip(labels, lines, strict=True):
        padding = " " * max(width - _columns(label), 1)
        yield from _wrapped(line.value or words.empty, indent=label + padding)


def _columns(text: str) -> int:
    """How wide a fixed-width font shows it: a Japanese character takes two columns."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _wrapped(text: str, *, indent: str = "") -> list[str]:
    """`text` made safe and wrapped, later lines below its beginning; `indent` is ours or made safe already."""
    return textwrap.wrap(
        mail(text, _PROSE),
        width=_WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * min(max(_columns(indent), len(_INDENT)), _WIDTH // 2),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent.rstrip()]


def _remedy(code: str) -> str:
    return _REMEDIES.get(code, "it will be tried again")
