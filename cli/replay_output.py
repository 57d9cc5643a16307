"""The result of a replay: as text or a table for a terminal, as lines of JSON, or as one HTML file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli import printing
from cli.replay import Raised
from cli.terminal import Paint, counted, table
from cli.trail_files import Span
from handlers.adapters.story import MessageSettings
from handlers.adapters.untrusted import plain
from handlers.alerting.finding import Finding

_SHOWN = 50  # findings of one alert that the page spells out
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True)
class Result:
    """All that a replay came to."""

    told: Sequence[Raised]
    quiet: Sequence[Raised]
    summary: str
    span: Span
    detections: Sequence[str]  # ids; empty: all of them
    problems: int = 0
    named: Sequence[str] = ()  # the first of the problems


def text(result: Result, *, settings: MessageSettings, paint: Paint, width: int | None) -> Iterator[str]:
    """Every alert in full, as a message would be."""
    for item in result.told:
        yield printing.as_text(item, settings=settings, paint=paint, width=width) + "\n"


def lines(result: Result) -> Iterator[str]:
    """One JSON object an alert: those told of, then the quiet ones."""
    for item in result.told:
        yield printing.as_json(item)
    for item in result.quiet:
        yield printing.as_json(item, told=False)


def rows(result: Result, *, paint: Paint) -> Iterator[str]:
    """One line an alert, then what was quiet, by reason."""
    if result.told:
        head, *body = table(
            [
                ("TIME (UTC)", "SEVERITY", "ACCOUNT", "TIMES", "DETECTION", "WHAT"),
                *(_row(item) for item in result.told),
            ]
        )
        yield paint.bold(head)
        yield from body
    if result.quiet:
        yield ""
        yield paint.bold("Recorded without telling anybody:")
        reasons = Counter((item.alert.headline.detection_id, why_quiet(item)) for item in result.quiet)
        yield from (
            f"  {line}"
            for line in table(
                [(f"{count:,}", detection, plain(reason, 200)) for (detection, reason), count in reasons.most_common()]
            )
        )
    if result.told or result.quiet:
        yield ""


def _row(item: Raised) -> tuple[str, ...]:
    alert, headline = item.alert, item.alert.headline
    return (
        f"{headline.happened:%Y-%m-%d %H:%M:%S}",
        alert.severity.name,
        plain(headline.account, 12),
        f"{alert.count:,}",
        headline.detection_id,
        plain(headline.summary, 200),
    )


def why_quiet(item: Raised) -> str:
    """Why people were not told of an alert."""
    reasons = Counter(finding.quiet for finding in item.findings if finding.quiet)
    if len(reasons) and item.alert.loud == 0:
        return str(reasons.most_common(1)[0][0])
    return f"fewer than the {item.alert.headline.threshold} findings that it takes"


def html(result: Result, *, version: str, now: datetime) -> Iterator[str]:
    """One page that needs nothing else, piece by piece. Whatever an event holds is text there."""
    from audit.pages import templates

    environment = templates(_TEMPLATES)
    card = environment.get_template("alert.html.j2")
    from markupsafe import Markup

    yield from environment.get_template("replay.html.j2").generate(
        head=counted(len(result.told), "alert"),
        summary=result.summary,
        period=_period(result.span),
        detections=", ".join(result.detections) or "the whole catalogue",
        version=version,
        written=f"{now.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        problems=counted(result.problems, "record or file", "records or files") if result.problems else "",
        problems_left=result.problems > len(result.named),
        named=[plain(line, 600) for line in result.named],
        counts=_counts([*result.told, *result.quiet]),
        told=(_alert(item) for item in result.told),
        quiet=(_alert(item, why=why_quiet(item)) for item in result.quiet),
        # Made by a template that escapes as well.
        card=lambda alert: Markup(card.render(alert=alert)),  # noqa: S704
    )


def _period(span: Span) -> str:
    return "" if span.is_all else f"Events from {span.begin:%Y-%m-%d %H:%M:%S} to {span.end:%Y-%m-%d %H:%M:%S} UTC."


def _counts(raised: Iterable[Raised]) -> list[dict[str, Any]]:
    loud: Counter[str] = Counter()
    silent: Counter[str] = Counter()
    for item in raised:
        for finding in (*item.findings, *item.silent):
            (silent if finding.quiet else loud)[finding.detection_id] += 1
    total = loud + silent
    most = max(total.values(), default=1)
    return [
        {"id": id_, "findings": count, "quiet": silent[id_], "share": max(1, round(100 * count / most))}
        for id_, count in total.most_common()
    ]


def _alert(item: Raised, *, why: str = "") -> dict[str, Any]:
    alert, headline = item.alert, item.alert.headline
    return {
        "severity": alert.severity.name,
        "time": f"{headline.happened:%Y-%m-%d %H:%M:%S}",
        "title": plain(headline.title, 150),
        "account": plain(
            f"{headline.account_name} ({headline.account})" if headline.account_name else headline.account
        ),
        "count": alert.count,
        "summary": plain(headline.summary, 600),
        "why_quiet": plain(why, 300),
        "findings": [_finding(finding) for finding in item.findings[:_SHOWN]],
        "more": max(0, len(item.findings) - _SHOWN),
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "time": f"{finding.happened:%Y-%m-%d %H:%M:%S}",
        "detection": finding.detection_id,
        "summary": plain(finding.summary, 600),
        "actor": plain(finding.actor),
        "source_ip": plain(finding.source_ip, 60),
        "user_agent": plain(finding.user_agent, 200),
        "event": plain(finding.event_id, 60),
    }
