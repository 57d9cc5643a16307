"""What sweep_trail works with, made once per container: raise_alert's own pipeline, and the log bucket."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from handlers import wiring
from handlers.adapters.log_listing import ListedTable, LogListing, LogsQueue, list_new
from handlers.adapters.log_notices import notice_of
from handlers.adapters.log_store import LogStore
from handlers.adapters.metrics import count_metric, emit
from handlers.alerting.finding import Finding
from handlers.alerting.pipeline import Pipeline
from handlers.alerting.quick_look import QuickLook
from handlers.alerting.sweeping import ENOUGH_SECONDS, Sweeper, Swept, unreadable_object
from handlers.settings import SweepSettings


@dataclass(frozen=True, kw_only=True)
class Sweeping:
    """What sweep_trail works with."""

    bucket: str
    prefix: str
    pipeline: Pipeline
    sweeper: Sweeper
    look: QuickLook
    get: Callable[[str], bytes]  # an object of the bucket
    unreadable: Callable[[str, str], Finding]  # (key, reason): what announces that an object cannot be swept
    list_new: Callable[[str, Callable[[], float]], int]  # (after, seconds left): see log_listing
    put_back: Callable[[str, int], None]
    wait_seconds: Callable[[int, float], int]
    swept: Callable[[int], None] = lambda _records: None  # told how many records each object held


@cache
def sweeping() -> Sweeping:
    """The sweep of this container, from its environment. Raises SettingsError for an incomplete one."""
    settings = SweepSettings.from_environment(os.environ)
    parts = wiring.alerting()
    retention = timedelta(days=settings.retention_days)
    queue = LogsQueue(client=wiring.client, queue_url=settings.logs_queue_url)
    listing = LogListing(client=wiring.client, bucket=settings.trail_bucket, prefix=settings.trail_prefix)
    listed = ListedTable(
        client=wiring.client("dynamodb"),
        table=settings.table_name,
        bucket=settings.trail_bucket,
        retention=retention,
    )

    def list_after(after: str, seconds_left: Callable[[], float]) -> int:
        return list_new(
            listing=listing,
            listed=listed,
            send=lambda keys: queue.send([notice_of(settings.trail_bucket, key) for key in keys]),
            go_on=queue.go_on_listing,
            after=after,
            now=_now(),
            seconds_left=seconds_left,
            enough=ENOUGH_SECONDS,
        )

    return Sweeping(
        bucket=settings.trail_bucket,
        prefix=settings.trail_prefix,
        pipeline=parts.pipeline,
        sweeper=Sweeper(
            pipeline=parts.pipeline,
            arrivals=wiring.arrival_table(settings),
            account=settings.account,
            regions=settings.regions,
            clock=_now,
            counted=lambda swept: _count(swept, settings.deployment_name),
        ),
        look=QuickLook.of(parts.pipeline.catalogue.detections),
        get=LogStore(client=wiring.client, bucket=settings.trail_bucket).get,
        unreadable=functools.partial(_unreadable, settings),
        list_new=list_after,
        put_back=wiring.putting_back(settings.logs_queue_url),
        wait_seconds=functools.partial(
            wiring.wait_seconds, base=settings.retry_base_seconds, cap=settings.retry_cap_seconds
        ),
        swept=lambda records: emit(
            count_metric("RecordsSwept", records, deployment=settings.deployment_name, at=_now())
        ),
    )


def _count(swept: Swept, deployment: str) -> None:
    # A zero is counted too: that nothing was missed is what the metric is there to show.
    emit(count_metric("EventsMissed", swept.missed, deployment=deployment, at=_now()))
    if swept.elsewhere:
        emit(count_metric("EventsFoundElsewhere", swept.elsewhere, deployment=deployment, at=_now()))


def _unreadable(settings: SweepSettings, key: str, reason: str) -> Finding:
    return unreadable_object(
        settings.trail_bucket,
        key,
        reason,
        account=settings.account,
        region=os.environ.get("AWS_REGION", ""),
        now=_now(),
    )


def _now() -> datetime:
    return datetime.now(UTC)
