"""The daily line: once a day, from both alert books, and only what was seen."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from handlers.adapters.alarm_board import CloudWatchAlarms
from handlers.adapters.alert_table import AlertTable
from handlers.adapters.memory import MemoryAlertBook
from handlers.alerting.all_is_well import DailyLine, previous_line
from handlers.alerting.canary import Flight
from handlers.alerting.detection import Concern
from handlers.alerting.errors import RetryLaterError, UnavailableError
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.ports import Unknown
from handlers.alerting.severity import Severity
from handlers.alerting.working_hours import WorkingHours
from tests.building import detection, record

DUE = datetime(2026, 11, 4, 9, 0, tzinfo=UTC)  # a Wednesday
WORK = {"kind": "all-is-well", "at": "2026-11-04T09:00:00Z"}
QUIET = {"rootwatch-events-waiting": "OK", "rootwatch-events-dead-letters": "OK"}
HOUR = timedelta(hours=1)
CAME = [
    Flight(id=f"f{hours}", left=DUE - hours * HOUR, arrived=DUE - hours * HOUR + HOUR / 900) for hours in range(1, 4)
]


@pytest.fixture(params=["memory", "table"])
def book(request):
    if request.param == "memory":
        return MemoryAlertBook()
    client, table = request.getfixturevalue("alert_table")
    return AlertTable(client=client, table=table, retention=timedelta(days=400))


class Board:
    def __init__(self, states=QUIET):
        self._states = states

    def states(self):
        return self._states


class Morning:
    def __init__(self, book, *, alarms=QUIET, owned=(), flights=CAME):
        self.book, self.now, self.said, self.failing = book, DUE + timedelta(seconds=20), [], []
        self.line = DailyLine(
            book=book,
            board=Board(alarms),
            say=self._say,
            is_owned=lambda alert: alert.id in owned,
            hours=WorkingHours(),
            clock=lambda: self.now,
            flights=lambda since, until: [flight for flight in flights if since <= flight.left <= until],
        )

    def _say(self, report):
        if self.failing:
            raise self.failing.pop(0)
        self.said.append(report)


def put(book, received, severity=Severity.HIGH, group="users", quiet=None):
    concern = Concern(summary="s", subject="x", severity=severity, group=group)
    finding = Finding.of(detection(), Event.parse(record(eventTime=received.isoformat())), concern, now=received)
    return book.record(finding.quieted(quiet) if quiet else finding, window=HOUR, now=received).alert


def test_alerts_are_found_by_the_day_they_were_opened_in_their_order(book):
    first = put(book, DUE, group="a")
    second = put(book, DUE + HOUR, group="b")
    put(book, DUE + 2 * HOUR - timedelta(minutes=30), group="b")  # joins the second
    put(book, DUE + timedelta(days=1), group="a")
    assert [alert.id for alert in book.opened_on(DUE.date())] == [first.id, second.id]
    assert book.opened_on(DUE.date())[1].count == 2
    assert book.opened_on(DUE.date() - timedelta(days=1)) == []


def test_an_errand_without_an_alert_is_for_one_until_it_is_given_back_or_done(book):
    minute = timedelta(minutes=1)
    assert book.begin("x", now=DUE, lease=minute)
    assert not book.begin("x", now=DUE, lease=minute)
    assert book.begin("y", now=DUE, lease=minute)
    book.end("x", until=None)
    assert book.begin("x", now=DUE, lease=minute)
    assert book.begin("x", now=DUE + 2 * minute, lease=minute), "whoever was on it has died"
    book.end("x", until=DUE + timedelta(days=30))
    assert not book.begin("x", now=DUE + timedelta(days=1), lease=minute)


def test_it_counts_what_came_since_the_line_before_and_names_what_nobody_has_taken(book):
    put(book, DUE - timedelta(days=3), Severity.CRITICAL, "old")
    put(book, DUE - 30 * HOUR, Severity.HIGH, "before the last line")
    taken = put(book, DUE - 5 * HOUR, Severity.HIGH, "a")
    put(book, DUE - 4 * HOUR, Severity.MEDIUM, "b")
    put(book, DUE - 3 * HOUR, Severity.LOW, "c")
    put(book, DUE - 2 * HOUR, Severity.HIGH, "d", quiet="suppressed: x")
    morning = Morning(book, owned={taken.id})
    assert morning.line.follow_up(WORK) == "said"
    (report,) = morning.said
    assert report.counts == {Severity.HIGH: 1, Severity.MEDIUM: 1, Severity.LOW: 1}
    assert [alert.headline.group.partition("#")[2] for alert in report.untaken] == ["old", "before the last line", "b"]
    assert report.last_finding == DUE - 2 * HOUR
    assert not report.is_well


def test_all_is_well_where_nothing_waits_and_every_alarm_was_seen_quiet(book):
    morning = Morning(book)
    morning.line.follow_up(WORK)
    assert morning.said[0].is_well
    assert morning.said[0].last_finding is None


@pytest.mark.parametrize(
    "alarms",
    [
        {},
        {**QUIET, "rootwatch-x": "ALARM"},
        {**QUIET, "rootwatch-x": "INSUFFICIENT_DATA"},
        Unknown(reason="AccessDenied"),
    ],
)
def test_what_was_not_seen_is_not_well(alarms):
    morning = Morning(MemoryAlertBook(), alarms=alarms)
    morning.line.follow_up(WORK)
    assert not morning.said[0].is_well


@pytest.mark.parametrize("flights", [[], [*CAME, Flight(id="lost", left=DUE - HOUR / 2)]])
def test_without_canaries_that_came_through_all_is_not_well(flights):
    morning = Morning(MemoryAlertBook(), flights=flights)
    morning.line.follow_up(WORK)
    assert not morning.said[0].is_well


def test_a_canary_that_has_just_left_is_not_lost():
    morning = Morning(MemoryAlertBook(), flights=[*CAME, Flight(id="flying", left=DUE - HOUR / 10)])
    morning.line.follow_up(WORK)
    assert morning.said[0].is_well


def test_it_is_said_once_however_often_it_is_asked_for(book):
    morning = Morning(book)
    morning.line.follow_up(WORK)
    with pytest.raises(RetryLaterError):
        morning.line.follow_up(WORK)
    morning.now += timedelta(seconds=90)
    assert morning.line.follow_up({**WORK, "attempt": "1"}) == "said already"
    assert len(morning.said) == 1
    morning.now += timedelta(days=1)
    morning.line.follow_up({**WORK, "at": "2026-11-05T09:00:00Z"})
    assert len(morning.said) == 2


def test_a_slack_that_is_down_gets_it_later(book):
    morning = Morning(book)
    morning.failing = [UnavailableError("down")]
    with pytest.raises(UnavailableError):
        morning.line.follow_up(WORK)
    morning.line.follow_up({**WORK, "attempt": "1"})
    assert len(morning.said) == 1


@pytest.mark.parametrize("at", ["", "yesterday", "2026-11-04T09:00:00"])
def test_a_time_that_is_none_is_an_error(at):
    with pytest.raises(ValueError):
        Morning(MemoryAlertBook()).line.follow_up({**WORK, "at": at})


@pytest.mark.parametrize(
    ("due", "zone", "expected"),
    [
        ("2026-11-04T09:00:00+00:00", "UTC", "2026-11-03T09:00:00+00:00"),
        ("2026-11-02T09:00:00+00:00", "UTC", "2026-10-30T09:00:00+00:00"),  # Monday: since Friday
        ("2026-11-02T00:00:00+00:00", "Asia/Tokyo", "2026-10-30T00:00:00+00:00"),
        ("2026-10-26T08:00:00+00:00", "Europe/Berlin", "2026-10-23T07:00:00+00:00"),  # the clocks went back between
    ],
)
def test_the_line_before_was_on_the_working_day_before(due, zone, expected):
    hours = WorkingHours(time_zone=zone)
    assert previous_line(datetime.fromisoformat(due), hours) == datetime.fromisoformat(expected)


class CloudWatch:
    def __init__(self, *pages, error=None):
        self.pages, self.error, self.asked = list(pages), error, []

    def describe_alarms(self, **request):
        self.asked.append(request)
        if self.error:
            raise self.error
        return self.pages.pop(0)


def test_alarms_are_asked_for_by_the_deployments_name_over_all_pages():
    client = CloudWatch(
        {"MetricAlarms": [{"AlarmName": "rootwatch-a", "StateValue": "OK"}], "NextToken": "n"},
        {"MetricAlarms": [{"AlarmName": "rootwatch-b", "StateValue": "ALARM"}]},
    )
    states = CloudWatchAlarms(client=client, deployment="rootwatch").states()
    assert states == {"rootwatch-a": "OK", "rootwatch-b": "ALARM"}
    assert [request.get("NextToken") for request in client.asked] == [None, "n"]
    assert {request["AlarmNamePrefix"] for request in client.asked} == {"rootwatch-"}


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        (CloudWatch(error=ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeAlarms")), "AccessDenied"),
        (CloudWatch(error=EndpointConnectionError(endpoint_url="https://x")), "EndpointConnectionError"),
        (CloudWatch({}), "KeyError"),
    ],
)
def test_alarms_that_cannot_be_read_are_unknown(client, reason):
    assert CloudWatchAlarms(client=client, deployment="rootwatch").states() == Unknown(reason=reason)
