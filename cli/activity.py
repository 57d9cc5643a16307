"""What was done in a session, for the terminal: the same report that goes to Slack, and its files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cli.account import Account
from cli.errors import CommandError, reason_of
from cli.terminal import Paint, counted, wrapped
from handlers.adapters.activity_csv import csv_of
from handlers.adapters.activity_picture import picture_of
from handlers.adapters.activity_story import activity_story, who_of
from handlers.adapters.session_events import EventHistory, LogBucket
from handlers.adapters.story import MessageSettings
from handlers.adapters.untrusted import plain
from handlers.adapters.wording_activity import activity_words
from handlers.alerting.activity import Activity, Source, activity_of, gathered, resources_of, sort_of
from handlers.alerting.following import Step
from handlers.alerting.session import SessionKey
from infra.deployment import Deployment

_SECONDS = 120  # a person waits longer than a function may
_MEGABYTES = 512
_LINE = 1_000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which session is meant, and when."""

    session: str = ""
    access_key: str = ""
    principal: str = ""
    since: datetime | None = None  # naive: UTC
    until: datetime | None = None

    def key(self, account: str) -> SessionKey:
        """Raises CommandError where that is no session."""
        if not (self.session or self.access_key or self.principal):
            raise CommandError(
                "which session is meant is not said.",
                fix="give --access-key, --principal or --session: an alert in Slack names all it knows.",
            )
        for option, text, beginning in (("--session", self.session, "arn:"), ("--principal", self.principal, "arn:")):
            if text and (not text.startswith(beginning) or text.count(":") < 5):
                raise CommandError(
                    f"{option} {plain(text, 80)} is not an ARN.",
                    fix="give it as CloudTrail writes it, such as arn:aws:iam::123456789012:root.",
                )
        if self.access_key and not (self.access_key.isalnum() and 16 <= len(self.access_key) <= 128):
            raise CommandError(
                f"--access-key {plain(self.access_key, 80)} is not the id of an access key.",
                fix="give the id, such as ASIAIOSFODNN7EXAMPLE (AKIA... or ASIA...), never the secret.",
            )
        has_better = self.session or self.access_key
        accounts = {arn.split(":")[4] for arn in (self.session, self.principal) if arn and arn.split(":")[4]}
        principals = frozenset({self.principal} - {""})
        return SessionKey(
            accounts=frozenset(accounts or {account}),
            principals=principals,
            sign_ins=frozenset({self.session} - {""}),
            access_keys=frozenset({self.access_key} - {""}),
            by_arn=frozenset() if has_better else principals,
        )

    def times(self, now: datetime) -> tuple[datetime, datetime]:
        """From when to when; the last hour where nothing is said. Raises CommandError for an impossible time."""
        until = min(_utc(self.until) if self.until else now, now)
        since = _utc(self.since) if self.since else until - timedelta(hours=1)
        if since >= until:
            raise CommandError(
                f"--from ({since:%Y-%m-%d %H:%M} UTC) is not before --to ({until:%Y-%m-%d %H:%M} UTC).",
                fix="give times in UTC, such as --from 2026-11-24T10:00 --to 2026-11-24T12:00.",
            )
        return since, until


def looked_up(asked: Asked, deployment: Deployment, *, now: datetime) -> Activity:
    """Ask the account. Raises CommandError: no credentials, another account, or not a session."""
    key = asked.key(deployment.account)
    since, until = asked.times(now)
    account = Account(deployment)

    def client(service: str, region: str | None) -> Any:
        return account.client(service, region or deployment.home_region)

    sources: list[Source] = [
        EventHistory(client=client, account=deployment.account, regions=deployment.watched_regions, seconds=_SECONDS)
    ]
    if deployment.sessions.read_log_bucket and deployment.trail_bucket_name:
        sources.append(
            LogBucket(
                client=client,
                bucket=deployment.trail_bucket_name,
                prefix=deployment.trail_log_prefix,
                regions=deployment.watched_regions,
                seconds=_SECONDS,
                megabytes=_MEGABYTES,
            )
        )
    found = gathered(key, sources, since, until)
    return activity_of(key, found.events, since, until, gaps=found.gaps)


def as_text(activity: Activity, *, settings: MessageSettings, paint: Paint, width: int | None) -> Iterator[str]:
    """The report, line by line."""
    words = activity_words(settings.language)
    story = activity_story(activity, step=Step.NOW, over=None, words=words, time_zone=settings.time_zone)
    yield paint.bold(plain(f"{story.title}: {who_of(activity)}", _LINE))
    for note in story.notes:
        yield paint.bold(plain(note, _LINE))
    yield plain(story.counts, _LINE)
    for label, value in story.lines:
        yield wrapped(plain(value, _LINE), first=f"{words.label.format(label=label)} ", rest="    ", width=width)
    for section in story.sections:
        yield ""
        yield paint.bold(section.title)
        for item in section.items:
            yield wrapped(plain(f"{item.head}  {item.rest}".strip(), _LINE), first="  ", rest="      ", width=width)
    if story.missing:
        yield ""
        yield paint.bold(words.missing)
        for note in story.missing:
            yield wrapped(plain(note, _LINE), first="  - ", rest="    ", width=width)


def as_json(activity: Activity) -> Iterator[str]:
    """One record a line, in ASCII."""
    for event in activity.events:
        yield json.dumps(
            {
                "time": event.time.isoformat() if event.time else None,
                "kind": str(sort_of(event)),
                "service": event.service,
                "call": event.name,
                "error": event.error,
                "resources": list(resources_of(event)),
                "region": event.region,
                "account": event.account,
                "source_ip": event.source_ip,
                "event": event.id,
            }
        )


def write_files(
    activity: Activity, *, csv: Path | None, png: Path | None, deployment: Deployment, settings: MessageSettings
) -> Iterator[str]:
    """Write what is asked for; says each. Raises CommandError for a place that cannot be written to."""
    accounts = ", ".join(
        f"{deployment.accounts[account]} ({account})" if account in deployment.accounts else account
        for account in sorted(activity.key.accounts)
    )
    if csv is not None:
        _write(csv, csv_of(activity, time_zone=settings.time_zone))
        yield f"{plain(str(csv))}: {counted(len(activity.events), 'record')}"
    if png is not None:
        _write(png, picture_of(activity, who=who_of(activity), account=accounts, settings=settings))
        yield f"{plain(str(png))}: the timeline"


def problems(activity: Activity) -> Sequence[str]:
    """What could not be read at all."""
    return [gap.source for gap in activity.gaps if gap.kind == "failed"]


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CommandError(
            f"{plain(str(path))}: {reason_of(error)}.", fix="name a file in a folder that you may write to."
        ) from None


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
