"""One contract, two timers: the Scheduler's and the one in memory; and what the Scheduler is asked for."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from handlers.adapters.memory import MemoryTimer
from handlers.adapters.scheduler import SchedulerTimer, schedule_name
from handlers.alerting.errors import UnavailableError

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:rootwatch-follow-up"
ROLE = "arn:aws:iam::123456789012:role/rootwatch-alarms"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:rootwatch-events-dead-letters"
WORK = {"kind": "reminder", "alert": "A1"}


def timer_on(client):
    return SchedulerTimer(
        client=client,
        group="rootwatch-follow-up",
        function_arn=FUNCTION,
        role_arn=ROLE,
        dead_letter_arn=QUEUE,
        clock=lambda: NOW,
    )


@pytest.fixture
def scheduler(aws):
    client = boto3.client("scheduler", region_name="us-east-1")
    client.create_schedule_group(Name="rootwatch-follow-up")
    return client


@pytest.fixture(params=["memory", "scheduler"])
def timer(request):
    """(timer, a function that gives the alarms set: {name: (time, work)})."""
    if request.param == "memory":
        memory = MemoryTimer()
        return memory, lambda: dict(memory.alarms)
    client = request.getfixturevalue("scheduler")

    def alarms():
        found = {}
        for item in client.list_schedules(GroupName="rootwatch-follow-up")["Schedules"]:
            whole = client.get_schedule(Name=item["Name"], GroupName="rootwatch-follow-up")
            moment = datetime.fromisoformat(whole["ScheduleExpression"][3:-1]).replace(tzinfo=UTC)
            found[item["Name"]] = (moment, json.loads(whole["Target"]["Input"]))
        return found

    return timer_on(client), alarms


def test_an_alarm_is_set_once_and_the_first_stays(timer):
    set_on, alarms = timer
    at = NOW + timedelta(minutes=15)
    set_on.set("reminder A1", at, WORK)
    set_on.set("reminder A1", at + timedelta(hours=1), {"kind": "other"})
    assert list(alarms().values()) == [(at, WORK)]


def test_an_alarm_is_taken_back_and_one_that_is_not_there_is_no_error(timer):
    taken, alarms = timer
    taken.set("one", NOW + timedelta(hours=1), WORK)
    taken.set("two", NOW + timedelta(hours=2), WORK)
    taken.cancel("one")
    taken.cancel("one")
    taken.cancel("never set")
    assert [at for at, _ in alarms().values()] == [NOW + timedelta(hours=2)]


def test_an_alarm_goes_off_once_in_utc_calls_one_function_and_is_gone(scheduler):
    tokyo = timezone(timedelta(hours=9))
    timer_on(scheduler).set("reminder A1", datetime(2026, 11, 2, 20, 30, 15, tzinfo=tokyo), WORK)
    schedule = scheduler.get_schedule(Name=schedule_name("reminder A1"), GroupName="rootwatch-follow-up")
    assert schedule["ScheduleExpression"] == "at(2026-11-02T11:30:15)"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["ActionAfterCompletion"] == "DELETE"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    target = schedule["Target"]
    assert (target["Arn"], target["RoleArn"], target["DeadLetterConfig"]["Arn"]) == (FUNCTION, ROLE, QUEUE)


class Refusing:
    """A Scheduler that keeps what it is asked, and raises what it is told to."""

    def __init__(self, error=None):
        self.error = error
        self.asked = []

    def create_schedule(self, **arguments):
        self.asked.append(arguments)
        if self.error:
            raise self.error

    delete_schedule = create_schedule


def test_a_time_that_is_over_is_the_next_minute_since_aws_takes_no_other():
    client = Refusing()
    timer_on(client).set("late", NOW - timedelta(days=1), WORK)
    assert client.asked[0]["ScheduleExpression"] == "at(2026-11-02T10:01:00)"


def test_the_same_alarm_is_the_same_request_and_a_client_token_says_so():
    client = Refusing()
    for _ in range(2):
        timer_on(client).set("reminder A1", NOW + timedelta(hours=1), WORK)
    assert client.asked[0] == client.asked[1]
    assert client.asked[0]["ClientToken"] == client.asked[0]["Name"]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "m"}}, "CreateSchedule"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "m"}}, "CreateSchedule"),
        EndpointConnectionError(endpoint_url="https://scheduler.example"),
    ],
)
def test_a_scheduler_that_does_not_answer_is_unavailable(error):
    timer = timer_on(Refusing(error))
    with pytest.raises(UnavailableError):
        timer.set("a", NOW, WORK)
    with pytest.raises(UnavailableError):
        timer.cancel("a")


@given(st.text())
def test_every_name_becomes_one_that_aws_takes(name):
    assert re.fullmatch(r"[0-9A-Za-z_.-]{1,64}", schedule_name(name))


def test_names_that_begin_alike_stay_apart():
    beginning = "reminder A0123456789abcdef0123 CRITICAL 0 "
    assert len({schedule_name(f"{beginning}{number}") for number in range(100)}) == 100
    assert schedule_name("reminder A1 HIGH 0 1").startswith("reminder-A1-HIGH-0-1-")
