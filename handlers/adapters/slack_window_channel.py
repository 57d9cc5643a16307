"""Slack's channel for the messages of break-glass windows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from handlers.adapters.slack import RefusedError, SlackNotifier
from handlers.alerting.errors import UnavailableError

_GONE = ("message_not_found", "channel_not_found", "is_archived")


class SlackWindowChannel:
    """A WindowChannel that posts with the token and the patience of a SlackNotifier."""

    def __init__(self, slack: SlackNotifier) -> None:
        """`slack` may have any channel: the message's own is used."""
        self._slack = slack

    def post(self, channel: str, message: Mapping[str, Any]) -> str:
        """Post {"text", "blocks"}; returns its ts. Raises UnavailableError."""
        try:
            answer = self._slack.ask("chat.postMessage", {"channel": channel, **_form(message)})
        except RefusedError as refused:
            raise UnavailableError(f"Slack did not take the message about a window: {refused.word}") from None
        return str(answer.get("ts", ""))

    def update(self, channel: str, ts: str, message: Mapping[str, Any]) -> None:
        """Replace a message; one that is gone is no error. Raises UnavailableError."""
        try:
            self._slack.ask("chat.update", {"channel": channel, "ts": ts, **_form(message)})
        except RefusedError as refused:
            if refused.word not in _GONE:
                raise UnavailableError(f"Slack did not change the message about a window: {refused.word}") from None


def _form(message: Mapping[str, Any]) -> dict[str, str]:
    return {"text": str(message["text"]), "blocks": json.dumps(message["blocks"], ensure_ascii=False)}
