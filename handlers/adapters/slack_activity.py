"""Reports on sessions in Slack: a message in the alert's thread, with every record and a picture as files.

Files go Slack's way for files: it names an address, the content is put there, and then they are shared
(https://docs.slack.dev/messaging/working-with-files). They are an extra: whatever goes wrong with them, the message is
posted and says so.
"""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from handlers.adapters.activity_csv import csv_of
from handlers.adapters.activity_message import activity_message
from handlers.adapters.activity_picture import picture_of
from handlers.adapters.activity_story import counts_of, who_of
from handlers.adapters.slack import API_URL, RefusedError, SlackNotifier
from handlers.adapters.slack_message import Message
from handlers.adapters.story import MessageSettings
from handlers.adapters.untrusted import mrkdwn, plain
from handlers.adapters.wording_activity import activity_words
from handlers.alerting.activity import Activity
from handlers.alerting.alert import Alert
from handlers.alerting.errors import UnavailableError
from handlers.alerting.following import Over, Step

_TIMEOUT = 10  # seconds, for each wait on the network
_SLACK = ".slack.com"


@dataclass(frozen=True, kw_only=True)
class File:
    """Something to attach."""

    name: str
    title: str
    content: bytes
    description: str = ""  # of a picture, for who does not see it


class SlackActivityTeller:
    """A `Teller` (see following) for the threads of one channel."""

    def __init__(
        self,
        *,
        slack: SlackNotifier,
        settings: MessageSettings,
        api_url: str = API_URL,
        account_names: Mapping[str, str] | None = None,
        timeout: int = _TIMEOUT,
    ) -> None:
        self._slack = slack
        self._settings = settings
        self._api_url = api_url
        self._account_names = account_names or {}
        self._timeout = timeout

    def tell(self, alert: Alert, activity: Activity, *, step: Step, over: Over | None, place: str) -> None:
        """Post the report in the thread `place`, with its files where Slack takes them.

        Raises:
            RetryLaterError: Slack named a wait; nothing was posted.
            UnavailableError: nothing was posted; says what to do.
        """
        words = activity_words(self._settings.language)
        files, note = self._uploaded(self._files(alert, activity)) if activity.events else ([], "")
        attachment = words.attached if files else note
        message = activity_message(
            alert.id, activity, step=step, over=over, settings=self._settings, attachment=attachment
        )
        self._slack.reply(place, message)
        # The message is posted: from here on a failure must not bring it a second time.
        channel, _, ts = place.partition(":")
        if files and (problem := self._shared(files, channel=channel, ts=ts)):
            told = words.not_attached.format(reason=problem)
            self._complain(alert, place, told)

    def _files(self, alert: Alert, activity: Activity) -> list[File]:
        words, settings = activity_words(self._settings.language), self._settings
        name = f"rootwatch-{plain(alert.id, 40)}-{activity.until:%Y%m%dT%H%MZ}"
        accounts = ", ".join(
            f"{self._account_names[account]} ({account})" if account in self._account_names else account
            for account in sorted(activity.key.accounts)
        )
        first, last = activity.first or activity.since, activity.last or activity.until
        alternative = words.picture_alt.format(
            counts=counts_of(activity, words), first=f"{first:%H:%M}", last=f"{last:%H:%M} UTC"
        )
        return [
            File(
                name=f"{name}.png",
                title=words.picture_title,
                content=picture_of(activity, who=who_of(activity), account=accounts, settings=settings),
                description=alternative,
            ),
            File(name=f"{name}.csv", title=words.csv_title, content=csv_of(activity, time_zone=settings.time_zone)),
        ]

    def _uploaded(self, files: Sequence[File]) -> tuple[list[dict[str, str]], str]:
        """What to share, or what to say instead."""
        words = activity_words(self._settings.language)
        try:
            return [self._upload(file) for file in files], ""
        except RefusedError as refused:
            if refused.word == "missing_scope":
                return [], words.no_scope
            return [], words.not_attached.format(reason=refused.word)
        except UnavailableError as error:
            return [], words.not_attached.format(reason=plain(str(error), 150))

    def _upload(self, file: File) -> dict[str, str]:
        """Put one file where Slack says. Raises RefusedError and UnavailableError."""
        arguments = {"filename": file.name, "length": str(len(file.content))}
        if file.description:
            arguments["alt_txt"] = plain(file.description, 1_000)
        answer = self._slack.ask("files.getUploadURLExternal", arguments)
        url, file_id = answer.get("upload_url"), answer.get("file_id")
        if not isinstance(url, str) or not isinstance(file_id, str) or not self._is_slacks(url):
            raise UnavailableError("Slack named no address of its own to upload to")
        request = urllib.request.Request(  # noqa: S310 - the address was checked
            url, data=file.content, headers={"Content-Type": "application/octet-stream"}, method="POST"
        )
        try:
            with _opener(url.startswith("https:")).open(request, timeout=self._timeout) as response:
                response.read(1_000)
        except (OSError, HTTPException, ValueError) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            raise UnavailableError(f"the upload failed: {type(error).__name__}") from None
        return {"id": file_id, "title": file.title}

    def _is_slacks(self, url: str) -> bool:
        """Slack's own host over TLS, or, where the API is a local look-alike, that one."""
        try:
            parts, own = urlsplit(url), urlsplit(self._api_url)
            if self._api_url != API_URL:
                return (parts.scheme, parts.hostname, parts.port) == (own.scheme, own.hostname, own.port)
            return parts.scheme == "https" and parts.port in (None, 443) and (parts.hostname or "").endswith(_SLACK)
        except ValueError:  # a port that is no number
            return False

    def _shared(self, files: Sequence[dict[str, str]], *, channel: str, ts: str) -> str:
        """Share the files in the thread; "" or why not."""
        arguments = {"files": json.dumps(list(files)), "channel_id": channel, "thread_ts": ts}
        try:
            self._slack.ask("files.completeUploadExternal", {name: value for name, value in arguments.items() if value})
        except RefusedError as refused:
            return refused.word
        except UnavailableError as error:
            return plain(str(error), 150)
        return ""

    def _complain(self, alert: Alert, place: str, text: str) -> None:
        shown = mrkdwn(text, 400)
        message = Message(text=shown, blocks=[], metadata={}, details=(), bare=shown)
        try:
            self._slack.reply(place, message)
        except UnavailableError:
            # The report is there and says what is attached; that it is not is seen without our telling.
            return


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        """Follow nothing: the content is for the address that Slack named."""


@cache
def _opener(secure: bool) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
    if secure:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context()))
    return urllib.request.build_opener(*handlers)
