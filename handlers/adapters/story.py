"""What people are told about an alert, in the order they need it: the same for Slack and for e-mail.

Nothing is escaped here. Each value may be an attacker's text, so whoever renders a story passes *every* string of it
through the function of `untrusted` that fits the place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from handlers.adapters.console_links import entities_of, entity_link, event_link
from handlers.adapters.wording import Words
from handlers.alerting.actor import ActorKind, Mfa
from handlers.alerting.alert import Alert, Told, kind_of
from handlers.alerting.context.who import SECOND_FACTOR, WHO_EXACTLY, caller_and_more, factor_and_reason
from handlers.alerting.detection import Exhibit, Fact
from handlers.alerting.event import Road
from handlers.alerting.finding import Finding
from handlers.alerting.severity import Severity

EMOJI = {
    Severity.INFO: "⚪",
    Severity.LOW: "🔵",
    Severity.MEDIUM: "🟡",
    Severity.HIGH: "🟠",
    Severity.CRITICAL: "🔴",
}


@dataclass(frozen=True, kw_only=True)
class MessageSettings:
    """How a deployment's messages look."""

    language: str = "en"
    time_zone: str = "UTC"  # shown next to UTC
    environment: str = ""  # where several deployments share a channel
    version: str = ""  # of Rootwatch
    reacts: bool = False  # whether messages show the state and carry buttons
    on_call: str = (
        ""  # who is called when an alert is escalated: id of a Slack user group or person; "": nobody by name
    )
    runbook_url: str = ""  # an https address below which a detection's folder has its runbooks; "": the path is shown


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of what is known."""

    label: str
    value: str
    is_code: bool = False  # an identifier, to be copied
    is_detail: bool = False  # for who looks closer: it stands after what to do


@dataclass(frozen=True, kw_only=True)
class Link:
    """An address of ours, and what to call it."""

    url: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """One finding, told: the renderers lay it out from top to bottom."""

    emoji: str
    severity: str  # the word
    title: str
    english_title: str  # for what takes nothing but ASCII
    summary: str
    notes: tuple[str, ...]  # what makes this one unusual: late, not delivered, worse than at first
    lines: tuple[Line, ...]
    details: tuple[Line, ...]
    facts: tuple[Line, ...]
    why: str
    steps: tuple[str, ...]
    runbook: Link | str  # an address, or the path in the repository
    links: tuple[Link, ...]
    exhibits: tuple[Exhibit, ...]
    context: tuple[str, ...]
    who: str
    account: str
    finding_id: str


def story_of(alert: Alert, *, words: Words, settings: MessageSettings, finding: Finding | None = None) -> Story:
    """Tell an alert by the finding that opened it, or by `finding`."""
    told = finding or alert.headline
    severity = finding.severity if finding else alert.severity
    facts, who, mfa = _without_repeats(told)
    spoken = dataclasses.replace(told, facts=facts).said_in(words.phrases)
    lines = _lines(told, alert, words, settings, who=who, mfa=mfa)
    return Story(
        emoji=EMOJI[severity],
        severity=words.severities[severity],
        title=spoken.title,
        english_title=told.title,
        summary=spoken.summary,
        notes=(*_lateness(told, words), *(() if finding else _course(alert, words))),
        lines=tuple(line for line in lines if not line.is_detail),
        details=tuple(line for line in lines if line.is_detail),
        facts=tuple(Line(label=fact.label, value=fact.value) for fact in spoken.facts),
        why=spoken.why,
        steps=spoken.respond,
        runbook=_runbook(told, words, settings),
        links=tuple(links_of(told, words)),
        exhibits=spoken.exhibits,
        context=_context(told, alert, words, settings),
        who=told.actor,
        account=_account(told, words),
        finding_id=told.id,
    )


def worst_of(findings: Sequence[Finding], told: Told) -> Finding | None:
    """The worst finding, rather of a kind that the channel does not know yet; None where there is none."""
    return max(findings, key=lambda finding: (finding.severity, kind_of(finding) not in told.kinds), default=None)


def got_worse(alert: Alert, told: Told, worst: Finding | None, words: Words) -> str:
    """The heading of a broadcast: "Now CRITICAL: ...", or "Also CRITICAL: ..." where it was so before."""
    heading = words.now_worse if alert.severity > told.severity else words.also
    # The worst of all may not be among the findings at hand: they are the newest ones.
    title = worst.title if worst and worst.severity == alert.severity else alert.headline.title
    return heading.format(severity=words.severities[alert.severity], title=words.say(title))


def clock_time(moment: datetime, *, than: datetime | None = None) -> str:
    """ "10:32:05 UTC", with the date where it is another than that of `than`."""
    text = f"{moment.astimezone(UTC):%H:%M:%S} UTC"
    return text if than and than.astimezone(UTC).date() == moment.astimezone(UTC).date() else f"{_date(moment)} {text}"


def result_of(finding: Finding, words: Words) -> str:
    """Whether the call succeeded."""
    return words.succeeded if finding.error is None else words.failed.format(error=finding.error)


def links_of(finding: Finding, words: Words) -> list[Link]:
    """Where to look: the event itself, then the users, roles and groups in it."""
    links = []
    if url := event_link(finding.region, finding.event_id):
        links.append(Link(url=url, text=words.open_event))
    for entity in entities_of(finding):
        if url := entity_link(finding.region, entity):
            links.append(Link(url=url, text=words.open_entity.format(name=f"{entity.kind} {entity.name}")))
    return links


def _lines(
    finding: Finding, alert: Alert, words: Words, settings: MessageSettings, *, who: str, mfa: str
) -> list[Line]:
    """What a person asks first stands first; what is for copying and for a closer look is a detail.

    `who` and `mfa` go on with what the lines of that name begin.
    """
    kind = words.actor_kinds.get(finding.actor_kind, finding.actor_kind)
    seen_by = sorted({kind.partition("#")[2] for kind in alert.kinds} | {alert.headline.detection_id})
    is_first = finding is alert.headline
    named = words.actor.format(name=finding.actor, kind=kind)
    is_root = finding.actor_kind == ActorKind.ROOT
    lines = [
        Line(label=words.who, value=words.who_further.format(who=named, more=words.say(who)) if who else named),
        Line(label=words.subject, value="" if finding.subject == finding.actor else words.say(finding.subject)),
        Line(label=words.account, value=_account(finding, words)),
        Line(label=words.region, value=finding.region),
        Line(label=words.time, value=_when(finding, words, settings)),
        Line(label=words.how_often, value=_times(alert, words) if is_first and alert.loud > 1 else ""),
        Line(label=words.source, value=finding.source_ip, is_code=True),
        Line(label=words.user_agent, value=finding.user_agent, is_detail=True),
        Line(label=words.mfa_used, value=_second_factor(finding, mfa, words)),
        Line(label=words.result, value=result_of(finding, words)),
        Line(
            label=words.call,
            value=words.called.format(name=finding.event_name, service=finding.event_service),
            is_detail=True,
        ),
        Line(label=words.identity, value="" if is_root else finding.actor_arn, is_code=True, is_detail=True),
        Line(label=words.access_key, value=finding.access_key_id, is_code=True, is_detail=True),
        Line(label=words.detections, value=", ".join(seen_by) if is_first and len(seen_by) > 1 else "", is_detail=True),
    ]
    return [line for line in lines if line.value]


def _second_factor(finding: Finding, reason: str, words: Words) -> str:
    used = words.mfa.get(finding.mfa, finding.mfa)
    reason = reason or (words.mfa_unsaid if finding.mfa == Mfa.UNKNOWN else "")
    return words.mfa_because.format(used=used, reason=words.say(reason)) if reason else used


def _without_repeats(finding: Finding) -> tuple[tuple[Fact, ...], str, str]:
    """What enrichment found out about the caller and the second factor goes into their own lines.

    Returns the other facts, what to add to who it was, and how the use of MFA is known.
    """
    facts = {fact.label: fact.value for fact in finding.facts}
    told = set()
    caller, more = caller_and_more(facts.get(WHO_EXACTLY, ""))
    if caller in (finding.actor_kind, f"{finding.actor_kind} {finding.actor}"):
        told.add(WHO_EXACTLY)
    used, reason = factor_and_reason(facts.get(SECOND_FACTOR, ""))
    if used == finding.mfa:
        told.add(SECOND_FACTOR)
    kept = tuple(fact for fact in finding.facts if fact.label not in told)
    return (
        kept,
        more if WHO_EXACTLY in told else "",
        reason if SECOND_FACTOR in told else "",
    )


def _times(alert: Alert, words: Words) -> str:
    last = clock_time(alert.last_time, than=alert.headline.happened)
    times = words.times.format(count=f"{alert.loud:,}", last=last)
    quiet = alert.count - alert.loud
    return words.quiet_too.format(times=times, quiet=f"{quiet:,}") if quiet > 0 else times


def _account(finding: Finding, words: Words) -> str:
    if not finding.account_name:
        return finding.account
    return words.named_account.format(name=finding.account_name, account=finding.account)


def _when(finding: Finding, words: Words, settings: MessageSettings) -> str:
    if finding.time is None:
        return words.time_unknown.format(received=f"{_date(finding.received)} {finding.received:%H:%M:%S} UTC")
    utc = clock_time(finding.time)
    if settings.time_zone in ("", "UTC"):
        return utc
    try:
        there = finding.time.astimezone(ZoneInfo(settings.time_zone))
    except (ZoneInfoNotFoundError, ValueError, OSError, OverflowError):  # decoration: UTC is enough to act on
        return words.zone_unavailable.format(utc=utc, zone=settings.time_zone)
    local = f"{there:%H:%M}" if there.date() == finding.time.date() else f"{_date(there)} {there:%H:%M}"
    return words.local_time.format(utc=utc, local=local, zone=settings.time_zone)


def _date(moment: datetime) -> str:
    return moment.date().isoformat()  # strftime does not pad the year 1


def _lateness(finding: Finding, words: Words) -> list[str]:
    notes = []
    if late_by := finding.late_by:
        notes.append(words.late.format(delay=duration(late_by, words)))
    if finding.late_reason:
        notes.append(words.late_reason.format(reason=finding.late_reason))
    if finding.road is Road.UNWATCHED:
        notes.append(words.not_watched.format(region=finding.region))
    if finding.road is Road.TRAIL:
        # How long EventBridge was waited for: it may deliver yet, and then this was true all the same.
        waited = duration(max(finding.received - finding.time, timedelta(0)), words) if finding.time else ""
        notes.append(words.not_delivered_within.format(delay=waited) if waited else words.not_delivered)
    return [" ".join(notes)] if notes else []


def duration(length: timedelta, words: Words) -> str:
    """The two greatest of days, hours and minutes: "2 h 5 min"."""
    minutes = int(length.total_seconds()) // 60
    parts = (
        (words.days, minutes // 1440),
        (words.hours, minutes // 60 % 24),
        (words.minutes, minutes % 60),
    )
    return " ".join([unit.format(count=f"{count:,}") for unit, count in parts if count][:2])


def _course(alert: Alert, words: Words) -> list[str]:
    """How the alert has developed since it was opened."""
    notes = []
    first = alert.headline.severity
    if alert.severity > first:
        notes.append(words.raised.format(first=words.severities[first], now=words.severities[alert.severity]))
    if alert.headline.quiet:
        notes.append(words.kept_quiet.format(reason=words.say(alert.headline.quiet)))
    return notes


def _runbook(finding: Finding, words: Words, settings: MessageSettings) -> Link | str:
    folder = finding.detection_id.replace("-", "_")
    base = settings.runbook_url.rstrip("/")
    if base.startswith("https://") and folder.isidentifier():
        return Link(url=f"{base}/{folder}/{_page(words)}", text=words.runbook)
    return f"handlers/detections/{folder}/{_page(words)}"


def _page(words: Words) -> str:
    return "runbook.md" if words.language == "en" else f"runbook.{words.language}.md"


def _context(finding: Finding, alert: Alert, words: Words, settings: MessageSettings) -> tuple[str, ...]:
    return tuple(
        part
        for part in (
            settings.environment,
            finding.detection_id,
            words.event.format(id=finding.event_id),
            words.alert.format(id=alert.id),
            f"Rootwatch {settings.version}".rstrip(),
        )
        if part
    )
