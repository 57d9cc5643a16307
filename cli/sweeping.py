"""A sweep by hand: finds the log objects of a time in the trail's bucket, and puts them on the queue of the sweep."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from audit.period import Period, PeriodError
from cli.account import CREDENTIALS, Account, reason_of
from cli.errors import USAGE, CommandError
from cli.terminal import Progress, counted, table
from handlers.adapters.log_listing import LogListing, LogObject, LogsQueue, Place, made_at
from handlers.adapters.log_notices import notice_of
from handlers.adapters.untrusted import plain
from handlers.alerting.errors import UnavailableError

if TYPE_CHECKING:
    from infra.deployment import Deployment

# CloudTrail delivers after some 5 minutes on average, and promises nothing: an event of 11:59 is in a later object.
LATE = timedelta(hours=1)
MANY = 500  # objects that are swept without being asked
_AT_ONCE = 10  # messages
_ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")  # have to be restored before anybody can read them


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be swept: a time, and in it everything, or some accounts and regions."""

    since: datetime
    until: datetime
    accounts: Sequence[str] = ()
    regions: Sequence[str] = ()

    @classmethod
    def of(
        cls, begin: str, end: str | None, *, accounts: Sequence[str], regions: Sequence[str], now: datetime
    ) -> Asked:
        """Check what was typed. Raises CommandError."""
        try:
            period = _period(begin, end, now)
        except PeriodError as error:
            raise CommandError(str(error), code=USAGE) from None
        if period.begin >= now:
            raise CommandError(
                f"the time begins at {period.begin:%Y-%m-%d %H:%M} UTC, which is still to come.",
                fix="give an earlier --from; times are UTC.",
                code=USAGE,
            )
        for account in accounts:
            if not (account.isascii() and account.isdigit() and len(account) == 12):
                raise CommandError(
                    f"--account {plain(account, 40)} is not an account's id.", fix="give its 12 digits.", code=USAGE
                )
        return cls(since=period.begin, until=min(period.end, now), accounts=tuple(accounts), regions=tuple(regions))


def _period(begin: str, end: str | None, now: datetime) -> Period:
    """What was typed; a moment alone reaches to now."""
    try:
        return Period.of(begin, end, now=now)
    except PeriodError:
        return Period.of(begin, end or "now", now=now)


@dataclass(frozen=True, kw_only=True)
class Found:
    """The log objects of the time."""

    objects: Sequence[tuple[Place, LogObject]]
    archived: int  # log objects that nobody can read before they are restored
    places: int  # accounts and regions looked at

    @property
    def size(self) -> int:
        """Bytes, packed."""
        return sum(item.size for _, item in self.objects)


class Sweep:
    """Reads the names in the log bucket, and writes to the logs queue alone."""

    def __init__(self, deployment: Deployment, *, connect: Callable[[Deployment], Account] = Account) -> None:
        """Raises CommandError: nothing is swept in this deployment, or the account cannot be reached."""
        if deployment.sweep_source == "off" or deployment.trail_bucket_name is None:
            why = '[trail] mode is "skip"' if deployment.trail.mode == "skip" else '[sweep] source is "off"'
            raise CommandError(
                f"this deployment does not sweep its log bucket: {why}.",
                fix="choose another [sweep] source (docs/sweep.md), deploy, and try again.",
            )
        self._deployment = deployment
        self._bucket = deployment.trail_bucket_name
        self._account = connect(deployment)
        self._listing = LogListing(client=self._client, bucket=self._bucket, prefix=deployment.trail_log_prefix)

    def find(self, asked: Asked, line: Progress) -> Found:
        """The log objects that hold the asked time, in the order of account, region and time.

        Raises:
            CommandError: the bucket cannot be listed, or has no logs of what was asked for.
        """
        objects: list[tuple[Place, LogObject]] = []
        archived = 0
        try:
            places = self._chosen(asked)
            for number, place in enumerate(places, start=1):
                line.show(f"{number} of {len(places)}: {place.account} {place.region}, {len(objects):,} log objects")
                for item in self._of_time(place, asked):
                    if item.storage_class in _ARCHIVED:
                        archived += 1
                    else:
                        objects.append((place, item))
        except UnavailableError as error:
            raise self._not_listed(error) from None
        finally:
            line.clear()
        return Found(objects=objects, archived=archived, places=len(places))

    def send(self, found: Found, line: Progress) -> int:
        """Put them on the queue; returns how many.

        Raises:
            CommandError: the queue is not there, or does not take them; says how many it took.
        """
        queue = LogsQueue(client=self._client, queue_url=self._queue_url())
        sent = 0
        try:
            for start in range(0, len(found.objects), _AT_ONCE):
                part = found.objects[start : start + _AT_ONCE]
                # EventBridge had its time: nothing has to wait for it.
                queue.send([notice_of(self._bucket, item.key) for _, item in part], delay_seconds=0)
                sent += len(part)
                line.show(f"sent {sent:,} of {counted(len(found.objects), 'log object')}")
        except UnavailableError as error:
            raise CommandError(
                f"the queue {self._queue_name} took {sent:,} of {len(found.objects):,} log objects: {_cause(error)}.",
                fix="ask for sqs:SendMessage on it, and run the command again: what is swept twice is told once.",
            ) from None
        finally:
            line.clear()
        return sent

    @property
    def _queue_name(self) -> str:
        return f"{self._deployment.name}-logs"

    def _client(self, service: str) -> Any:
        return self._account.client(service, self._deployment.home_region)

    def _chosen(self, asked: Asked) -> list[Place]:
        there = self._listing.places()
        if not there:
            raise CommandError(
                f"there are no log objects in s3://{self._bucket}/{self._deployment.trail_log_prefix}.",
                fix="check [trail] bucket_name, key_prefix and organization_id against "
                "`aws cloudtrail describe-trails`; a new trail delivers its first logs within 15 minutes.",
            )
        for option, wanted, known in (
            ("--account", asked.accounts, {place.account for place in there}),
            ("--region", asked.regions, {place.region for place in there}),
        ):
            for name in wanted:
                if name not in known:
                    listed = ", ".join(sorted(known)[:20]) + (", ..." if len(known) > 20 else "")
                    raise CommandError(
                        f"{option} {plain(name, 40)}: the bucket has no logs of it.",
                        fix=f"choose among those it has: {plain(listed, 600)}.",
                    )
        return [
            place
            for place in there
            if (not asked.accounts or place.account in asked.accounts)
            and (not asked.regions or place.region in asked.regions)
        ]

    def _of_time(self, place: Place, asked: Asked) -> Iterator[LogObject]:
        for item in self._listing.objects(place, asked.since):
            made = made_at(item.key)
            if made is not None and made > asked.until + LATE:
                return
            yield item

    def _not_listed(self, error: UnavailableError) -> CommandError:
        cause = _cause(error)
        if cause in ("NoSuchBucket", "AccessDenied"):
            fix = "check [trail] bucket_name." if cause == "NoSuchBucket" else "ask for s3:ListBucket on it."
        else:
            fix = f"{CREDENTIALS}."
        return CommandError(f"the bucket {self._bucket} cannot be listed: {cause}.", fix=fix)

    def _queue_url(self) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return str(self._client("sqs").get_queue_url(QueueName=self._queue_name)["QueueUrl"])
        except (BotoCoreError, ClientError) as error:
            cause = reason_of(error)
            is_missing = "NonExistentQueue" in cause or "QueueDoesNotExist" in cause
            raise CommandError(
                f"the queue {self._queue_name} in {self._deployment.home_region} "
                f"{'is not there' if is_missing else f'did not answer: {cause}'}.",
                fix="deploy first (cdk deploy --all)." if is_missing else "ask for sqs:GetQueueUrl on it.",
            ) from None


def _cause(error: UnavailableError) -> str:
    return reason_of(error.__cause__) if isinstance(error.__cause__, Exception) else plain(str(error), 200)


def warnings(asked: Asked, deployment: Deployment, *, now: datetime) -> Iterable[str]:
    """What to think of before."""
    kept = now - timedelta(days=deployment.alerts.retention_days)
    if asked.since < kept:
        yield (
            f"alerts are kept for {deployment.alerts.retention_days} days: what happened before {kept:%Y-%m-%d} may be "
            "told again."
        )


def as_text(found: Found, asked: Asked, *, sent: int | None) -> Iterator[str]:
    """A line for each account and region, and what became of it; `sent` is None in a dry run."""
    counts: dict[Place, list[int]] = {}
    for place, item in found.objects:
        counts.setdefault(place, []).append(item.size)
    if counts:
        rows = [("ACCOUNT", "REGION", "OBJECTS", "MB")]
        rows += [
            (plain(place.account, 12), plain(place.region, 30), f"{len(sizes):,}", f"{sum(sizes) / 1e6:,.1f}")
            for place, sizes in counts.items()
        ]
        yield from table(rows)
    span = f"{asked.since:%Y-%m-%d %H:%M} to {asked.until:%Y-%m-%d %H:%M} UTC"
    objects = counted(len(found.objects), "log object")
    if not found.objects:
        yield f"No log object holds the time from {span}."
    elif sent is None:
        yield f"{objects} of {span} would be swept. Nothing was sent: this is a dry run."
    else:
        yield f"{objects} of {span} on the way. What nobody was told of yet is told within minutes."


def as_json(found: Found, asked: Asked, *, sent: int | None) -> Iterator[str]:
    """A line for each object, and one for all."""
    for place, item in found.objects:
        yield json.dumps({"account": place.account, "region": place.region, "key": item.key, "bytes": item.size})
    yield json.dumps(
        {
            "from": asked.since.isoformat(),
            "to": asked.until.isoformat(),
            "objects": len(found.objects),
            "bytes": found.size,
            "archived": found.archived,
            "sent": sent or 0,
            "dry_run": sent is None,
        }
    )
