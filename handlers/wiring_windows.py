"""Break-glass windows for whichever function needs them: the rules in its bundle, and the desk on the alert table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from handlers.adapters.slack_windows import show_window
from handlers.adapters.window_table import WindowTable
from handlers.adapters.wording_windows import WindowWords, window_words_for
from handlers.alerting.ports import Timer
from handlers.alerting.window import BreakGlass
from handlers.alerting.window_desk import Audit, WindowDesk

if TYPE_CHECKING:
    from handlers.adapters.slack import SlackNotifier


def window_desk(
    rules: BreakGlass | None,
    *,
    client: Any,
    table: str,
    retention_days: int,
    audit: Audit | None = None,
    timer: Timer | None = None,
) -> WindowDesk | None:
    """The desk on the alert table; None without rules. `client` is DynamoDB's, `audit` an AuditLog's append."""
    if rules is None:
        return None
    return WindowDesk(
        windows=WindowTable(client=client, table=table, retention=timedelta(days=retention_days)),
        rules=rules,
        clock=lambda: datetime.now(UTC),
        audit=audit,
        timer=timer,
    )


@dataclass(frozen=True, kw_only=True)
class WindowParts:
    """What functions that act on windows work with."""

    desk: WindowDesk
    words: WindowWords
    show: Callable[[str, str], None]  # (window id, channel): bring its message in Slack up to date
    tell: Callable[[str], None]  # have everybody told of a window, through the events queue


def shower(
    desk: WindowDesk,
    slack: SlackNotifier,
    *,
    channel: str,
    language: str,
    account_names: Mapping[str, str],
    time_zone: str,
) -> Callable[[str, str], None]:
    """What brings a window's message up to date: (window id, the channel for a new one or "": `channel`)."""
    from handlers.adapters.slack_window_channel import SlackWindowChannel  # noqa: PLC0415 - slack_sdk is slow to load

    talking, words = SlackWindowChannel(slack), window_words_for(language)

    def show(window_id: str, where: str) -> None:
        show_window(
            window_id,
            channel=where or channel,
            slack=talking,
            desk=desk,
            words=words,
            account_names=account_names,
            time_zone=time_zone,
        )

    return show
