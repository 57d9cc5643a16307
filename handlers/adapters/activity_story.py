"""What people are told of a session, in the order they need it: the same for Slack and for the terminal.

Nothing is escaped here: whoever renders a story passes every string of it through the function of `untrusted` that
fits the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from handlers.adapters.untrusted import plain
from handlers.adapters.wording_activity import ActivityWords
from handlers.alerting.activity import Activity, Call, Gap, Group
from handlers.alerting.following import Over, Step


@dataclass(frozen=True, kw_only=True)
class Room:
    """How much is told of each thing."""

    items: int  # of a section
    calls: int  # of an item
    resources: int  # of a call
    value: int  # characters of one value


GENEROUS = Room(items=12, calls=6, resources=3, value=100)
# From generous to spare: the first that fits is used. At the last, everything fits, whatever the values are.
ROOMS = (
    GENEROUS,
    Room(items=8, calls=4, resources=2, value=80),
    Room(items=6, calls=3, resources=1, value=60),
    Room(items=4, calls=2, resources=1, value=40),
    Room(items=2, calls=1, resources=0, value=20),
)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of a section: what it is about, and the rest."""

    head: str
    rest: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """Things of one kind."""

    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True)
class ActivityStory:
    """A session, told."""

    title: str
    notes: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]  # label and value
    counts: str
    sections: tuple[Section, ...]
    missing: tuple[str, ...]


def activity_story(
    activity: Activity, *, step: Step, over: Over | None, words: ActivityWords, time_zone: str, room: Room = GENEROUS
) -> ActivityStory:
    """Tell an activity within `room`; what is left out is counted."""
    told = _Telling(activity, words, room)
    notes = [words.over[over]] if over is not None else []
    if not activity.events:
        notes.append(words.nothing)
    elif not activity.writes:
        notes.append(words.no_writes)
    return ActivityStory(
        title=words.titles[step],
        notes=tuple(notes),
        lines=tuple((label, value) for label, value in told.lines(time_zone) if value),
        counts=counts_of(activity, words),
        sections=tuple(section for section in told.sections() if section.items),
        missing=told.missing(),
    )


def who_of(activity: Activity) -> str:
    """Whom the session is of, short: "root", "alice", "Admin/alice"."""
    names = [arn.rpartition(":")[2] for arn in sorted(activity.key.principals | activity.key.by_arn)]
    short = [name.partition("/")[2] or name for name in names]
    return ", ".join(short) or ", ".join(sorted(activity.key.access_keys)) or "?"


def counts_of(activity: Activity, words: ActivityWords) -> str:
    return words.counts.format(
        writes=f"{activity.write_count:,}",
        notable=f"{sum(call.count for call in activity.notable):,}",
        reads=f"{activity.reads:,}",
        failed=f"{activity.failure_count:,}",
        services=f"{activity.by_service_count:,}",
    )


@dataclass(frozen=True)
class _Telling:
    activity: Activity
    words: ActivityWords
    room: Room

    def lines(self, time_zone: str) -> list[tuple[str, str]]:
        activity, words = self.activity, self.words
        joined = ", ".join(
            words.times.format(text=words.joins[join], count=f"{count:,}")
            for join, count in sorted(activity.joined.items(), key=lambda item: -item[1])
        )
        if activity.sessions > 1:
            joined += f" ({words.sessions.format(count=f'{activity.sessions:,}')})"
        who = sorted(activity.key.principals | activity.key.by_arn) or sorted(activity.key.access_keys)
        return [
            (words.who, self._some([plain(arn, 2 * self.room.value) for arn in who], 3)),
            (words.period, self._period(time_zone)),
            (words.addresses, self._counted(activity.addresses)),
            (words.regions, self._counted(activity.regions)),
            (words.joined, joined),
        ]

    def sections(self) -> list[Section]:
        activity, words = self.activity, self.words
        touched = [
            Item(head=self._value(_short(name)), rest=words.times.format(text="", count=f"{count:,}").strip())
            for name, count in activity.resources
        ]
        return [
            self._section(words.writes, [self._group(group) for group in activity.writes]),
            self._section(words.notable, [self._notable(call) for call in activity.notable]),
            self._section(words.failures, [self._group(group, services=True) for group in activity.failures]),
            self._section(words.by_services, [self._group(group, services=True) for group in activity.by_services]),
            self._section(words.resources, touched),
        ]

    def missing(self) -> tuple[str, ...]:
        most = max(3, self.room.items)
        left = len(self.activity.gaps) - most
        notes = tuple(_gap(gap, self.words) for gap in self.activity.gaps[:most])
        return (*notes, self.words.more.format(count=f"{left:,}")) if left > 0 else notes

    def _section(self, title: str, items: Sequence[Item]) -> Section:
        shown = list(items[: self.room.items])
        if left := len(items) - len(shown):
            shown.append(Item(head="", rest=self.words.more.format(count=f"{left:,}")))
        return Section(title=title, items=tuple(shown))

    def _group(self, group: Group, *, services: bool = False) -> Item:
        calls = [self._call(call, service=services) for call in group.calls[: self.room.calls]]
        if left := len(group.calls) - len(calls):
            calls.append(self.words.more.format(count=f"{left:,}"))
        head = self.words.times.format(text=self._value(group.name or "?"), count=f"{group.count:,}")
        return Item(head=head, rest=f"{self._span(group.first, group.last)}  {'; '.join(calls)}")

    def _notable(self, call: Call) -> Item:
        reason = f" ({self.words.reads[call.kind]})" if call.kind else ""
        text = self._call(call, service=True)
        return Item(head=text, rest=f"{self._span(call.first, call.last)}{reason}")

    def _call(self, call: Call, *, service: bool) -> str:
        name = self._value(f"{call.service}:{call.name}" if service else call.name)
        text = self.words.times.format(text=name, count=f"{call.count:,}") if call.count > 1 else name
        resources = [self._value(_short(resource)) for resource in call.resources[: self.room.resources]]
        more = "…" if len(call.resources) > len(resources) and resources else ""
        return f"{text} {', '.join(resources)}{more}".strip()

    def _value(self, text: str) -> str:
        return plain(text, self.room.value)

    def _counted(self, found: Sequence[tuple[str, int]]) -> str:
        return self._some(
            [self.words.times.format(text=self._value(text), count=f"{count:,}") for text, count in found], 4
        )

    def _some(self, texts: Sequence[str], most: int) -> str:
        shown = list(texts[:most])
        if left := len(texts) - len(shown):
            shown.append(self.words.more.format(count=f"{left:,}"))
        return ", ".join(shown)

    def _period(self, time_zone: str) -> str:
        first, last = self.activity.first, self.activity.last
        if first is None or last is None:
            first, last = self.activity.since, self.activity.until
        text = f"{self._from_to(first, last, UTC)} UTC"
        zone = zone_of(time_zone)
        if zone is UTC or time_zone == "UTC":
            return text
        return f"{text} ({self._from_to(first, last, zone)} {time_zone})"

    def _from_to(self, first: datetime, last: datetime, zone: tzinfo) -> str:
        """The date once where both are of one day."""
        begin, end = _stamp(first, zone), _stamp(last, zone)
        same_day = begin.partition(" ")[0] == end.partition(" ")[0]
        return self.words.period_value.format(first=begin, last=end.partition(" ")[2] if same_day else end)

    def _span(self, first: datetime | None, last: datetime | None) -> str:
        if first is None:
            return "?"
        day = (self.activity.first or first).date()
        texts = [
            f"{moment:%H:%M:%S}" if moment.date() == day else f"{moment:%m-%d %H:%M:%S}"
            for moment in (first, last or first)
        ]
        return "–".join(dict.fromkeys(texts))


def _short(resource: str) -> str:
    """The part of an ARN that names the resource, which is what a reader looks for; the CSV file has it whole."""
    parts = resource.split(":", 5)
    return parts[5] if len(parts) == 6 and parts[0] == "arn" and parts[5] else resource


def _stamp(moment: datetime, zone: tzinfo) -> str:
    try:
        there = moment.astimezone(zone)
    except OverflowError:
        there = moment
    return f"{there.date().isoformat()} {there:%H:%M:%S}"  # strftime does not pad the year 1


def zone_of(name: str) -> tzinfo:
    """The time zone, or UTC where there is none of this name: times are then less at home, not wrong."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _gap(gap: Gap, words: ActivityWords) -> str:
    source = words.sources.get(gap.source, gap.source)
    return words.gaps[gap.kind].format(source=source, detail=plain(gap.detail, 200))
