"""What one of AWS's services found: its alert is closed when the service says that it is over, and not before."""

import pytest

from handlers.adapters.memory import MemoryAlertBook, MemoryAuditLog
from handlers.alerting.detection import Concern
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Event
from handlers.alerting.life import OURSELVES, Act, Cause, State, Verb
from handlers.alerting.pipeline import PipelineError
from handlers.alerting.severity import Severity
from tests.building import Stage, detection, envelope, record


def assess(event, _lookups):
    parameters = event.dig("requestParameters")
    over = parameters.get("over") is True
    return Concern(
        summary=f"{parameters['case']} is {'over' if over else 'found'}.",
        subject=parameters["case"],
        severity=Severity.INFO if over else Severity.HIGH,
        group="posture",
        case=parameters["case"],
        over=over,
    )


@pytest.fixture
def log():
    return MemoryAuditLog()


@pytest.fixture
def stage(log):
    return Stage(detections=[detection(assess=assess)], options={"audit_log": log})


def event(case, *, over=False, at="2026-11-02T03:04:00Z", **more):
    return record(requestParameters={"case": case, "over": over}, eventTime=at, **more)


def send(stage, case, **more):
    stage.pass_time(seconds=1)
    stage.pipeline.raise_alerts(Event.parse(envelope(event(case, **more))))


def alert(stage):
    (found,) = stage.book.alerts
    return found


def test_the_end_of_the_only_case_closes_the_alert_and_says_why(stage, log):
    send(stage, "a")
    assert alert(stage).life.state is State.OPEN
    send(stage, "a", over=True, at="2026-11-02T04:04:00Z")
    life = alert(stage).life
    assert (life.state, life.by, life.cause, life.reason) == (State.CLOSED, OURSELVES, Cause.OVER, "a is over.")
    ((key, entry),) = [item for item in log.entries.items() if not item[0].startswith("findings/")]
    assert key.startswith(f"transitions/2026/11/02/{alert(stage).id}/0001-")
    assert (entry["state"], entry["by"], entry["cause"]) == ("closed", "rootwatch", "over")


def test_with_two_cases_the_alert_is_closed_by_the_end_of_the_second(stage):
    send(stage, "a")
    send(stage, "b")
    send(stage, "b", over=True)
    assert (alert(stage).unsettled, alert(stage).life.state) == (1, State.OPEN)
    send(stage, "a", over=True)
    assert (alert(stage).unsettled, alert(stage).life.state) == (0, State.CLOSED)


def test_a_case_found_again_is_counted_once(stage):
    send(stage, "a")
    send(stage, "a", at="2026-11-02T03:05:00Z")
    assert (alert(stage).loud, alert(stage).unsettled) == (2, 1)


def test_the_end_reaches_its_alert_however_long_ago_that_began(stage):
    send(stage, "a")
    stage.pass_time(days=30)
    send(stage, "a", over=True, at="2026-12-02T03:04:00Z")
    assert alert(stage).life.state is State.CLOSED


def test_the_channel_sees_the_end_in_the_same_conversation(stage):
    send(stage, "a")
    stage.pass_time(days=30)
    send(stage, "a", over=True, at="2026-12-02T03:04:00Z")
    verb, told, findings = stage.slack.told[-1]
    assert (verb, told.life.state, [item.summary for item in findings]) == ("follow_up", State.CLOSED, ["a is over."])


def test_an_old_record_that_comes_late_opens_nothing_again(stage):
    send(stage, "a", at="2026-11-02T03:00:00Z")
    send(stage, "a", over=True, at="2026-11-02T03:10:00Z")
    send(stage, "a", at="2026-11-02T03:05:00Z")
    assert (alert(stage).unsettled, alert(stage).life.state) == (0, State.CLOSED)


def test_an_end_that_arrives_before_its_beginning_leaves_the_alert_open_for_people(stage):
    send(stage, "a", over=True, at="2026-11-02T03:10:00Z")
    send(stage, "a", at="2026-11-02T03:00:00Z")
    assert alert(stage).unsettled == 1


def test_what_is_found_again_after_its_end_reopens_the_alert(stage):
    send(stage, "a", at="2026-11-02T03:00:00Z")
    send(stage, "a", over=True, at="2026-11-02T03:10:00Z")
    send(stage, "a", at="2026-11-02T03:20:00Z")
    assert (alert(stage).unsettled, alert(stage).life.state) == (1, State.OPEN)


def test_a_finding_without_a_case_keeps_the_alert_open(stage):
    send(stage, "a")
    send(stage, "")
    send(stage, "a", over=True)
    assert (alert(stage).unsettled, alert(stage).life.state) == (1, State.OPEN)


def test_what_people_said_of_the_alert_stands(stage):
    send(stage, "a")
    expected = Act(id="1", verb=Verb.EXPECT, by="U1", at=stage.now, reason="planned")
    stage.book.act(alert(stage).id, expected)
    send(stage, "a", over=True)
    assert alert(stage).life.state is State.EXPECTED


def test_the_end_of_a_case_nobody_knew_of_is_an_alert_that_is_closed_already(stage):
    send(stage, "a", over=True)
    assert (alert(stage).unsettled, alert(stage).life.state) == (0, State.CLOSED)


def test_a_suppressed_beginning_is_no_case_and_its_end_closes_nothing_of_others(stage):
    send(stage, "b")
    quiet = Stage(
        book=stage.book, detections=stage.detections, options={"quietenings": [lambda *_: "suppressed: ticket"]}
    )
    send(quiet, "a")
    send(stage, "a", over=True)
    assert (alert(stage).unsettled, alert(stage).life.state) == (1, State.OPEN)


def test_what_is_found_between_the_counting_and_the_closing_is_not_lost(log):
    class Interrupted(MemoryAlertBook):
        def act(self, alert_id, act):
            if act.verb is Verb.CLOSE:
                send(Stage(book=self, detections=[detection(assess=assess)]), "b")
            return super().act(alert_id, act)

    stage = Stage(book=Interrupted(), detections=[detection(assess=assess)], options={"audit_log": log})
    send(stage, "a")
    send(stage, "a", over=True)
    assert (alert(stage).unsettled, alert(stage).life.state) == (1, State.OPEN)
    assert [entry["state"] for entry in log.below("transitions/")] == ["closed", "open"]


def test_with_the_audit_log_away_the_queue_brings_it_again_until_it_is_written(stage, log):
    class Away:
        def append(self, key, entry):
            raise UnavailableError("the audit log did not answer")

    send(stage, "a")
    ending = Event.parse(envelope(event("a", over=True)))
    stage.options["audit_log"] = Away()
    with pytest.raises(PipelineError):
        stage.pipeline.raise_alerts(ending)
    assert alert(stage).life.state is State.CLOSED
    stage.options["audit_log"] = log
    stage.pipeline.raise_alerts(ending)
    stage.pipeline.raise_alerts(ending)
    assert [entry["state"] for entry in log.below("transitions/")] == ["closed"]
    assert len(stage.book.history(alert(stage).id)) == 1


def test_a_finding_that_reopens_is_in_the_audit_log_too(log):
    stage = Stage(options={"audit_log": log})
    stage.send()
    stage.book.act(alert(stage).id, Act(id="1", verb=Verb.CLOSE, by="U1", at=stage.now))
    stage.pass_time(seconds=5)
    stage.send()
    assert [(entry["state"], entry["by"]) for entry in log.below("transitions/")] == [("open", "rootwatch")]
