"""Puts together what a report on a session needs: where its records come from, and who tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from handlers.adapters.session_events import EventHistory, LogBucket
from handlers.adapters.slack import API_URL, SlackNotifier
from handlers.adapters.slack_activity import SlackActivityTeller
from handlers.adapters.story import MessageSettings
from handlers.alerting.activity import Source
from handlers.alerting.following import Following
from handlers.alerting.ports import AlertBook, Timer


def following(
    *,
    book: AlertBook,
    timer: Timer,
    slack: SlackNotifier,
    settings: MessageSettings,
    client: Callable[[str, str | None], Any],
    account: str,
    regions: Sequence[str],
    slack_api_url: str = API_URL,
    account_names: Mapping[str, str] | None = None,
    log_bucket: str = "",
    log_prefix: str = "",
) -> Following:
    """What `tell_activity` works with.

    Args:
        client: gives a boto3 client by service and region, with short time limits and without retries of its own.
        regions: all that are watched.
        log_bucket, log_prefix: where the trail's log files are; "": they are not read.
    """
    sources: list[Source] = [EventHistory(client=client, account=account, regions=regions)]
    if log_bucket:
        sources.append(LogBucket(client=client, bucket=log_bucket, prefix=log_prefix, regions=regions))
    teller = SlackActivityTeller(slack=slack, settings=settings, api_url=slack_api_url, account_names=account_names)
    return Following(book=book, sources=sources, teller=teller, timer=timer, clock=lambda: datetime.now(UTC))
