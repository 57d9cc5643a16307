"""Nobody answers, on the deployed stack: the alarm is set, goes off, calls the function, and people are reminded."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from handlers.adapters.canary_table import CanaryTable
from local.stage import CHANNEL, Stage
from local.story import scenes

MORE = """
[reminders]
enabled = true
daily_line = true
on_call = "U0123456789"
critical = { after_minutes = 1, every_minutes = 5 }
"""


@pytest.fixture(scope="module")
def reminding(tmp_path_factory):
    """A stage of its own, on which a CRITICAL alert is brought up again after a minute."""
    with Stage(directory=tmp_path_factory.mktemp("reminding"), more=MORE) as running:
        yield running


def alarms(stage):
    client = stage.aws.client("scheduler")
    found = [
        client.get_schedule(Name=item["Name"], GroupName="rootwatch-follow-up")
        for item in client.list_schedules(GroupName="rootwatch-follow-up")["Schedules"]
        if item["GroupName"] == "rootwatch-follow-up" and not item["Name"].endswith(("daily-line", "canary"))
    ]
    asked = {item["Name"]: json.loads(item["Target"]["Input"]) for item in found}
    return {name: work for name, work in asked.items() if work["kind"] == "reminder"}


def test_a_critical_alert_that_nobody_takes_is_brought_up_again_once_in_its_thread(reminding):
    (scene,) = [scene for scene in scenes() if "root" in scene.title.lower()][:1]
    event = json.loads(json.dumps(scene.events[0]))
    event["id"] = event["detail"]["eventID"] = str(uuid.uuid4())
    reminding.aws.put_event(event)
    assert reminding.until(lambda: bool(alarms(reminding)), seconds=60), "an alarm is set"
    ((_, work),) = alarms(reminding).items()
    assert (work["kind"], work["severity"], work["number"]) == ("reminder", "CRITICAL", "1")
    (alert,) = [item for item in reminding.alerts() if item.id == work["alert"]]
    ts = alert.told["slack"].reference.partition(":")[2]

    def reminders():
        return [item for item in reminding.slack.replies(CHANNEL, ts) if "Reminder 1 of 8" in json.dumps(item)]

    waited = reminding.until(lambda: bool(reminders()), seconds=150)
    assert waited, "nobody was reminded"
    (reminder,) = reminders()
    assert "U0123456789" in json.dumps(reminder)
    assert reminder.get("subtype") == "thread_broadcast"
    assert any("Reminder 1" in mail["subject"] for mail in map(dict, map(vars, reminding.aws.mails())))

    client = reminding.aws.client("lambda")
    for _ in range(3):  # the alarm again: at least once is what a scheduler promises
        answer = client.invoke(FunctionName=reminding.outputs["FollowUpFunctionName"], Payload=json.dumps(work))
        assert "FunctionError" not in answer, answer["Payload"].read()
    assert len(reminders()) == 1
    assert [item["number"] for item in alarms(reminding).values()] == ["2"]


def test_a_canary_comes_through_and_the_daily_line_counts_it(reminding):
    client = reminding.aws.client("lambda")
    answer = client.invoke(FunctionName=reminding.outputs["FollowUpFunctionName"], Payload=b'{"kind": "canary"}')
    assert json.loads(answer["Payload"].read()) == {"done": "sent"}
    aviary = CanaryTable(client=reminding.aws.client("dynamodb"), table=reminding.outputs["AlertTableName"], book=None)

    def flights():
        now = datetime.now(UTC)
        return aviary.flights(now - timedelta(hours=1), now)

    assert reminding.until(lambda: all(flight.arrived for flight in flights()), seconds=60)
    assert len(flights()) == 1
    work = {"kind": "all-is-well", "at": datetime.now(UTC).isoformat()}
    for _ in range(2):
        answer = client.invoke(FunctionName=reminding.outputs["FollowUpFunctionName"], Payload=json.dumps(work))
        assert "FunctionError" not in answer, answer["Payload"].read()
    lines = [item for item in reminding.messages() if "Rootwatch itself" in json.dumps(item)]
    assert len(lines) == 1
    assert "Nobody has taken" in json.dumps(lines[0])
    assert "All 1 canaries came through" in json.dumps(lines[0])


def test_an_unknown_kind_is_an_error_of_the_function(reminding):
    answer = reminding.aws.client("lambda").invoke(
        FunctionName=reminding.outputs["FollowUpFunctionName"], Payload=json.dumps({"kind": "nonsense"})
    )
    assert answer["FunctionError"]
    assert "this version does activity, all-is-well, canary, reminder, window-end" in answer["Payload"].read().decode()
