"""A session as a picture: a line for each service, a mark for each thing done, the time from left to right.

Marks differ in shape as well as in colour. Whatever an event says is written in letters that we have, so that a
picture cannot be made to say anything in characters that only look like others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from handlers.adapters.canvas import Canvas, Colour, drawable, fitted, text_width
from handlers.adapters.story import MessageSettings
from handlers.adapters.untrusted import plain
from handlers.adapters.wording_activity import ActivityWords, activity_words
from handlers.alerting.activity import Activity, Sort, sort_of

_WIDTH = 1600
_MARGIN = 48
_LANES = 10
_LANE = 56
_LEFT, _RIGHT = 330, _WIDTH - 150  # of the time axis
_TOP = 200
_MARK = 11

_INK: Colour = (29, 28, 29)
_SOFT: Colour = (97, 96, 97)
_LINE: Colour = (221, 221, 224)
_BAND: Colour = (247, 247, 248)
_COLOURS: dict[Sort, Colour] = {
    Sort.SIGNING: (18, 100, 163),
    Sort.WRITE: (192, 86, 0),
    Sort.READ: (150, 150, 155),
    Sort.NOTABLE: (110, 40, 160),
    Sort.FAILED: (192, 19, 67),
    Sort.BY_SERVICE: (0, 122, 90),
}
# The last are drawn over the first: what matters most is never hidden.
_ORDER = (Sort.READ, Sort.BY_SERVICE, Sort.SIGNING, Sort.NOTABLE, Sort.WRITE, Sort.FAILED)
# Distances of the marks on the time axis: the first that gives at most eight of them.
_STEPS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440, 10080, 43200))


def picture_of(activity: Activity, *, who: str, account: str, settings: MessageSettings) -> bytes:
    """A PNG of at most ten lines; services beyond are drawn together on the last.

    Args:
        who, account: as people know them.
    """
    words = activity_words(settings.language)
    lanes = _lanes(activity, words)
    height = _TOP + max(1, len(lanes)) * _LANE + 130
    canvas = Canvas(_WIDTH, height)
    heading = words.picture_heading.format(who=plain(who, 60))
    canvas.text(_MARGIN, 70, fitted(heading, _WIDTH - 2 * _MARGIN, "large"), _INK, "large")
    canvas.text(_MARGIN, 112, fitted(f"{plain(account, 80)} · {_told(activity, words)}", _WIDTH - 2 * _MARGIN), _INK)
    axis = _axis_of(activity)
    _time_marks(canvas, axis, height, settings)
    if not lanes:
        canvas.text(_LEFT, _TOP + 36, words.picture_nothing, _SOFT)
    for number, (name, marks) in enumerate(lanes):
        _lane(canvas, _TOP + number * _LANE, name, marks, axis)
    _legend(canvas, height - 40, words)
    return canvas.png()


Marks = dict[Sort, list[datetime]]


def _lanes(activity: Activity, words: ActivityWords) -> list[tuple[str, Marks]]:
    """Services with their marks: those with writes and failures first, then by how much was done."""
    by_service: dict[str, Marks] = defaultdict(lambda: defaultdict(list))
    weights: Counter[str] = Counter()
    for event in activity.events:
        if event.time is None:
            continue
        service = plain(event.service.removesuffix(".amazonaws.com"), 40)
        sort = sort_of(event)
        by_service[service][sort].append(event.time)
        weights[service] += 1 if sort in (Sort.READ, Sort.BY_SERVICE) else 10_000
    order = sorted(by_service, key=lambda service: (-weights[service], service))
    if len(order) <= _LANES:
        return [(service, by_service[service]) for service in order]
    rest: Marks = defaultdict(list)
    for service in order[_LANES - 1 :]:
        for sort, moments in by_service[service].items():
            rest[sort] += moments
    lanes = [(service, by_service[service]) for service in order[: _LANES - 1]]
    return [*lanes, (words.picture_other.format(count=len(order) - _LANES + 1), rest)]


def _told(activity: Activity, words: ActivityWords) -> str:
    if not activity.events:
        return words.picture_nothing
    counts = words.picture_counts.format(
        writes=f"{activity.write_count:,}",
        notable=f"{sum(call.count for call in activity.notable):,}",
        failed=f"{activity.failure_count:,}",
    )
    return counts if activity.write_count else f"{words.picture_no_writes} · {counts}"


@dataclass(frozen=True)
class _Axis:
    """The time from left to right."""

    begin: datetime
    end: datetime

    def place(self, moment: datetime) -> int:
        return _LEFT + round((moment - self.begin) / (self.end - self.begin) * (_RIGHT - _LEFT))


def _axis_of(activity: Activity) -> _Axis:
    """From the first record to the last, with a little room: at least five minutes."""
    first, last = activity.first or activity.since, activity.last or activity.until
    room = max((last - first) * 0.02, timedelta(minutes=2.5) - (last - first) / 2)
    return _Axis(_moved(first, -room), _moved(last, room))


def _moved(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        return moment


def _time_marks(canvas: Canvas, axis: _Axis, height: int, settings: MessageSettings) -> None:
    span = axis.end - axis.begin
    step = next((step for step in _STEPS if span / step <= 8), span / 4)
    zone, name = _zone(settings.time_zone)
    date = "%Y-%m-%d " if span > timedelta(hours=20) else ""
    first = axis.begin.astimezone(zone).replace(second=0, microsecond=0)
    # From midnight, so that marks stand on full hours and quarters.
    midnight = first.replace(hour=0, minute=0)
    moment = midnight + step * ((first - midnight) // step)
    canvas.text(_MARGIN, _TOP - 24, drawable(f"{first:%Y-%m-%d} {name}"), _SOFT)
    for _ in range(20):
        if moment > axis.end:
            break
        if moment >= axis.begin:
            x = axis.place(moment)
            canvas.rectangle(x, _TOP - 12, 2, height - _TOP - 100, _LINE)
            label = moment.strftime(f"{date}%H:%M")
            canvas.text(x - text_width(label) // 2, _TOP - 24, label, _SOFT)
        moment = _moved(moment, step)


def _zone(name: str) -> tuple[tzinfo, str]:
    try:
        return ZoneInfo(name), name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC, "UTC"


def _lane(canvas: Canvas, top: int, name: str, marks: Marks, axis: _Axis) -> None:
    middle = top + _LANE // 2
    canvas.rectangle(_MARGIN, top + 4, _WIDTH - 2 * _MARGIN, _LANE - 8, _BAND)
    canvas.rectangle(_LEFT, middle, _RIGHT - _LEFT, 1, _LINE)
    canvas.text(_MARGIN + 12, middle + 8, fitted(name, _LEFT - _MARGIN - 40), _INK)
    for sort in _ORDER:
        # Marks of one kind on the same pixel are one mark.
        for x in sorted({axis.place(moment) for moment in marks.get(sort, ())}):
            _mark(canvas, sort, x, middle)
    count = f"{sum(len(moments) for moments in marks.values()):,}"
    canvas.text(_WIDTH - _MARGIN - 16 - text_width(count), middle + 8, count, _INK)


def _mark(canvas: Canvas, sort: Sort, x: int, y: int) -> None:
    colour = _COLOURS[sort]
    match sort:
        case Sort.WRITE:
            canvas.disc(x, y, _MARK, colour)
        case Sort.NOTABLE:
            canvas.diamond(x, y, _MARK + 2, colour)
        case Sort.FAILED:
            canvas.cross(x, y, _MARK - 2, colour)
        case Sort.BY_SERVICE:
            canvas.ring(x, y, _MARK - 2, colour, _BAND)
        case Sort.SIGNING:
            canvas.rectangle(x - 3, y - 18, 6, 36, colour)
        case Sort.READ:
            canvas.rectangle(x - 1, y - 8, 2, 16, colour)


def _legend(canvas: Canvas, base: int, words: ActivityWords) -> None:
    x = _MARGIN + 16
    for sort in reversed(_ORDER):
        _mark(canvas, sort, x, base - 8)
        x = canvas.text(x + 24, base, words.picture_sorts[sort], _SOFT) + 56
