"""What reminders and the daily line say, in words; the channels make it safe for their own place."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.adapters.story import EMOJI, MessageSettings, clock_time, duration
from handlers.adapters.untrusted import literal
from handlers.adapters.wording import Words, words_for
from handlers.adapters.wording_notify import NotifyWords, notify_words_for
from handlers.alerting.alert import Alert
from handlers.alerting.all_is_well import LOOK_BACK, OK, RINGS, Report
from handlers.alerting.canary import Flight
from handlers.alerting.ports import Unknown
from handlers.alerting.reminding import Reminder
from handlers.alerting.severity import Severity

_OPEN_SHOWN = 10  # alerts that nobody has taken are named so far; the rest is counted
_NAMES = 5  # alarms


def reminder_sentence(reminder: Reminder, words: Words, more: NotifyWords) -> str:
    """The same sentence for every channel."""
    said = more.reminder.format(
        severity=words.severities[reminder.severity],
        waiting=duration(reminder.waiting, words) or words.minutes.format(count="0"),
        number=reminder.number,
        most=reminder.most,
    )
    return f"{said} {more.last_reminder}" if reminder.number >= reminder.most else said


def daily_lines(report: Report, *, settings: MessageSettings) -> list[str]:
    """What the daily line says, not escaped yet: whether all is well, and why that is said."""
    words, more = words_for(settings.language), notify_words_for(settings.language)
    since = clock_time(report.since)
    total = sum(report.counts.values())
    severities = more.comma.join(
        more.severity_count.format(count=f"{report.counts[severity]:,}", severity=words.severities[severity])
        for severity in sorted(Severity, reverse=True)
        if report.counts.get(severity)
    )
    lines = [more.all_well if report.is_well else more.not_well]
    if settings.environment:
        lines[0] += f" ({settings.environment})"
    lines.append(
        more.since.format(count=f"{total:,}", since=since, severities=severities)
        if total
        else more.none_since.format(since=since)
    )
    lines += _untaken(report.untaken, words, more)
    lines.append(_alarms(report, more))
    lines.append(_canaries(report, more, since))
    if report.last_finding is None:
        lines.append(more.no_finding.format(days=LOOK_BACK))
    else:
        lines.append(more.last_finding.format(time=clock_time(report.last_finding)))
    lines.append(more.way)
    return lines


def _canaries(report: Report, more: NotifyWords, since: str) -> str:
    if not report.flights:
        return more.no_canary.format(since=since)
    count = f"{len(report.flights):,}"
    if report.lost:
        first = clock_time(report.lost[0].left)
        return more.canaries_lost.format(lost=f"{len(report.lost):,}", count=count, time=first)
    times = [(flight.arrived - flight.left).total_seconds() for flight in report.flights if flight.arrived]
    return more.canaries_came.format(count=count, seconds=f"{max(times, default=0):.1f}")


def canary_mail(lost: Sequence[Flight], *, rule: str, settings: MessageSettings) -> tuple[str, str]:
    """Subject and text of the mail about canaries that did not come through, which begins with the first of them."""
    more = notify_words_for(settings.language)
    text = more.canary_mail.format(time=clock_time(lost[0].left), count=f"{len(lost):,}", rule=rule)
    return more.canary_subject, text


def _untaken(alerts: Sequence[Alert], words: Words, more: NotifyWords) -> list[str]:
    if not alerts:
        return [more.all_taken]
    lines = [more.nobody_has.format(count=f"{len(alerts):,}", days=LOOK_BACK)]
    for alert in alerts[:_OPEN_SHOWN]:
        item = more.open_item.format(
            severity=words.severities[alert.severity],
            title=literal(words.say(alert.headline.title), 120),
            account=literal(alert.headline.account_name or alert.headline.account, 60),
            time=clock_time(alert.headline.received),
        )
        lines.append(f"  {EMOJI[alert.severity]} {item}")
    if len(alerts) > _OPEN_SHOWN:
        lines.append(f"  {more.more_open.format(count=f'{len(alerts) - _OPEN_SHOWN:,}')}")
    return lines


def _alarms(report: Report, more: NotifyWords) -> str:
    if isinstance(report.alarms, Unknown):
        return more.alarms_unknown.format(reason=literal(report.alarms.reason, 80))
    if not report.alarms:
        return more.no_alarms
    if ringing := report.alarms_that(RINGS):
        return more.alarms_ring.format(names=_names(ringing, more))
    if undecided := tuple(name for name, state in sorted(report.alarms.items()) if state != OK):
        return more.alarms_undecided.format(names=_names(undecided, more))
    return more.alarms_quiet.format(count=len(report.alarms))


def _names(names: Sequence[str], more: NotifyWords) -> str:
    shown = [literal(name, 60) for name in names[:_NAMES]]
    if len(names) > _NAMES:
        shown.append(more.more_open.format(count=len(names) - _NAMES))
    return more.comma.join(shown)
