"""What stands behind Slack's door, made once per container, and no more than that: Slack waits three seconds.

Importing the detections, boto3 (which brings S3's transfer manager) and Slack's SDK takes longer than all the rest. So
the first two are left to the functions that need them, and the SDK to the first form that is opened.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from handlers.adapters.replays import ReplayTable
from handlers.adapters.secrets import SIGNING_REMEDY, SecretSource
from handlers.adapters.wording import Words, words_for
from handlers.adapters.wording_windows import WindowWords, window_words_for
from handlers.alerting.errors import UnavailableError
from handlers.alerting.window import BreakGlass
from handlers.settings import DoorSettings
from handlers.wiring_rules import rules_in

_ANSWERING = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2, "mode": "standard"})
_SLACK_SECONDS = 2  # Slack shows an error after three seconds without an answer


class Secret(Protocol):
    """A `SecretSource`, or a test's stand-in."""

    def get(self, refresh: bool = False) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Door:
    """What receive_click works with."""

    signing_secret: Secret
    replays: ReplayTable
    open_form: Callable[[str, Mapping[str, Any]], bool]  # (trigger, view); False: Slack refuses it
    send: Callable[[str], None]
    words: Words
    clock: Callable[[], datetime]
    team_id: str = ""
    app_id: str = ""
    rules: BreakGlass | None = None  # None: the deployment has no break-glass windows
    window_words: WindowWords = field(default_factory=lambda: window_words_for("en"))
    account_names: Mapping[str, str] = field(default_factory=dict)
    time_zone: str = ""  # in which people ask for windows; "": there are none


@cache
def client(service: str) -> Any:
    """An AWS client with the function's own rights."""
    return _session().create_client(service, config=_ANSWERING)


@cache
def _session() -> Any:
    return get_session()


@cache
def door() -> Door:
    """What Slack's door needs, from its environment. Raises SettingsError for an incomplete one."""
    settings = DoorSettings.from_environment(os.environ)

    def send(body: str) -> None:
        try:
            client("sqs").send_message(QueueUrl=settings.queue_url, MessageBody=body)
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"the clicks queue did not take a click: {type(error).__name__}") from error

    @cache
    def slack() -> Any:
        from handlers.adapters.slack import SlackNotifier  # noqa: PLC0415 - see above
        from handlers.adapters.story import MessageSettings  # noqa: PLC0415

        return SlackNotifier(
            token=SecretSource(settings.slack_token_source, client=client),
            channel="",
            settings=MessageSettings(language=settings.language),
            api_url=settings.slack_api_url,
            timeout=_SLACK_SECONDS,
        )

    def open_form(trigger: str, view: Mapping[str, Any]) -> bool:
        opened: bool = slack().open_form(trigger, view)
        return opened

    return Door(
        signing_secret=SecretSource(settings.signing_secret_source, client=client, remedy=SIGNING_REMEDY),
        replays=ReplayTable(client=client("dynamodb"), table=settings.table_name),
        open_form=open_form,
        send=send,
        words=words_for(settings.language),
        clock=lambda: datetime.now(UTC),
        team_id=settings.team_id,
        app_id=settings.app_id,
        rules=rules_in(settings.break_glass_file),
        window_words=window_words_for(settings.language),
        account_names=settings.account_names,
        time_zone=settings.time_zone if settings.break_glass_file else "",
    )
