"""The canary: it is kept before it leaves, arrives once, and a lost one is told of once, past the pipeline."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from handlers.adapters.alert_table import AlertTable
from handlers.adapters.canary_table import CanaryBus, CanaryTable
from handlers.alerting.canary import SOURCE, Canary, arrival
from handlers.alerting.errors import UnavailableError

NOON = datetime(2026, 11, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Mine:
    """A canary's keeper, with a bus that may lose what it is given."""

    def __init__(self, alert_table):
        client, table = alert_table
        book = AlertTable(client=client, table=table, retention=timedelta(days=400))
        self.now, self.loses, self.sent, self.mails, self.failing = NOON, False, [], [], []
        self.aviary = CanaryTable(client=client, table=table, book=book)
        self.canary = Canary(aviary=self.aviary, release=self._release, warn=self._warn, clock=lambda: self.now)

    def _release(self, detail):
        self.sent.append(detail)
        if not self.loses:
            assert arrival({"source": SOURCE, "detail": detail}, self.aviary, now=self.now + timedelta(seconds=2))

    def _warn(self, lost):
        if self.failing:
            raise self.failing.pop()
        self.mails.append([flight.left for flight in lost])

    def hours(self, count):
        for _ in range(count):
            self.canary.follow_up({"kind": "canary"})
            self.now += HOUR

    @property
    def flights(self):
        return self.aviary.flights(NOON - HOUR, self.now)


@pytest.fixture
def mine(alert_table):
    return Mine(alert_table)


def test_a_day_of_canaries_comes_through_in_order(mine):
    mine.hours(24)
    assert [flight.left for flight in mine.flights] == [NOON + number * HOUR for number in range(24)]
    assert all(flight.arrived - flight.left == timedelta(seconds=2) for flight in mine.flights)
    assert mine.mails == []
    assert len({detail["flight"] for detail in mine.sent}) == 24


def test_a_gap_is_mailed_once_and_the_next_gap_again(mine):
    mine.hours(2)
    mine.loses = True
    mine.hours(3)
    assert mine.mails == [[NOON + 2 * HOUR]], "told as soon as it is known, and not each hour"
    mine.loses = False
    mine.hours(30)
    assert len(mine.mails) == 1
    mine.loses = True
    mine.hours(2)
    assert mine.mails[1:] == [[NOON + 35 * HOUR]]


def test_a_mail_that_could_not_be_sent_is_sent_by_the_repeat(mine):
    mine.loses = True
    mine.hours(1)
    mine.failing.append(UnavailableError("SNS is away"))
    with pytest.raises(UnavailableError):
        mine.canary.follow_up({"kind": "canary"})
    mine.canary.follow_up({"kind": "canary"})
    assert mine.mails == [[NOON]]


def test_a_second_arrival_and_a_forged_one_count_for_nothing(mine):
    mine.hours(1)
    (detail,) = mine.sent
    before = mine.flights
    for forged in (
        detail,
        {**detail, "flight": "0" * 32},
        {**detail, "left": (NOON + timedelta(seconds=1)).isoformat()},
        {**detail, "left": "yesterday"},
        {**detail, "left": "2026-11-04T12:00:00"},
        {**detail, "flight": "a#b"},
        {**detail, "flight": ["a"]},
        {},
        None,
    ):
        assert not arrival({"source": SOURCE, "detail": forged}, mine.aviary, now=mine.now)
    assert mine.flights == before


def test_the_bus_is_given_what_the_rule_wants(aws):
    events = boto3.client("events")
    queue = boto3.client("sqs").create_queue(QueueName="events")["QueueUrl"]
    events.put_rule(Name="canary", EventPattern=json.dumps({"source": [SOURCE]}))
    events.put_targets(
        Rule="canary",
        Targets=[{"Id": "queue", "Arn": f"arn:aws:sqs:us-east-1:123456789012:{queue.rpartition('/')[2]}"}],
    )
    CanaryBus(client=boto3.client).release({"flight": "f", "left": NOON.isoformat()})
    (message,) = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["detail"] == {"flight": "f", "left": NOON.isoformat()}


def test_a_bus_that_refuses_is_said():
    class Refusing:
        def put_events(self, **_):
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

    with pytest.raises(UnavailableError, match="refused the canary: ThrottlingException"):
        CanaryBus(client=lambda _: Refusing()).release({})
