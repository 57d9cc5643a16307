"""What the audit log keeps of findings: every one, once, after people were told."""

import dataclasses
import json
import re

import pytest

from audit.tables import FINDINGS
from handlers.adapters.memory import MemoryAuditLog
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Event
from handlers.alerting.finding_record import finding_entry, finding_key
from handlers.alerting.pipeline import PipelineError
from tests.building import ACCOUNT, Stage, detection, envelope, record


class Away:
    def __init__(self):
        self.asked = 0

    def append(self, key, entry):
        self.asked += 1
        raise UnavailableError("the audit log did not answer")


@pytest.fixture
def log():
    return MemoryAuditLog()


@pytest.fixture
def stage(log):
    return Stage(options={"audit_log": log})


def test_each_finding_is_kept_below_the_day_it_was_received(stage, log):
    stage.send()
    ((key, entry),) = log.entries.items()
    (alert,) = stage.book.alerts
    assert re.fullmatch(r"findings/2026/11/02/[A-Za-z0-9_-]+-[0-9a-f]{16}\.json", key)
    assert entry["finding_id"] == alert.headline.id
    assert (entry["alert_id"], entry["account"], entry["event_id"]) == (alert.id, ACCOUNT, alert.headline.event_id)
    assert (entry["severity"], entry["road"], entry["quiet"]) == ("HIGH", "eventbridge", None)
    assert json.loads(json.dumps(entry)) == entry


def test_a_quiet_finding_is_kept_with_its_reason(log):
    stage = Stage(options={"audit_log": log, "quietenings": [lambda *_: "suppressed: ticket"]})
    stage.send()
    assert [entry["quiet"] for entry in log.below("findings/")] == ["suppressed: ticket"]
    assert stage.said(stage.slack) == []


def test_every_finding_of_an_event_is_kept(log):
    detections = [detection(id="first"), detection(id="second")]
    stage = Stage(detections=detections, options={"audit_log": log})
    stage.send()
    assert sorted(entry["detection_id"] for entry in log.below("findings/")) == ["first", "second"]


def test_what_we_found_ourselves_and_what_we_could_not_read_is_kept_as_well(stage, log):
    stage.pipeline.announce_unreadable("{", "it is not JSON")
    (unreadable,) = log.below("findings/")
    assert (unreadable["detection_id"], unreadable["event_time"]) == ("unreadable-event", None)
    finding = dataclasses.replace(stage.book.alerts[0].headline, id="ours#1", group="*#ours")
    stage.pipeline.announce(finding)
    assert [entry["finding_id"] for entry in log.below("findings/")] == [unreadable["finding_id"], "ours#1"]


def test_people_are_told_before_it_is_written(log):
    order = []

    class Log(MemoryAuditLog):
        def append(self, key, entry):
            order.append(stage.said(stage.slack))
            super().append(key, entry)

    stage = Stage(detections=[detection(id="first"), detection(id="second")], options={"audit_log": Log()})
    stage.send()
    assert len(order) == 2
    assert order[0] == order[1] != []


def test_with_the_audit_log_away_people_are_told_once_and_the_retry_writes_it(stage, log):
    away = Away()
    stage.options["audit_log"] = away
    event = Event.parse(envelope(record()))
    with pytest.raises(PipelineError, match="the audit log did not answer"):
        stage.pipeline.raise_alerts(event)
    assert stage.said(stage.slack) == ["announce"]
    stage.pass_time(seconds=40)
    stage.options["audit_log"] = log
    for _ in range(3):
        stage.pipeline.raise_alerts(event)
    assert stage.said(stage.slack) == ["announce"]
    (entry,) = log.below("findings/")
    assert entry["received"] == "2026-11-02T03:04:05+00:00"  # the first arrival's, as it was stored


def test_a_log_that_is_away_is_asked_once_an_event():
    away = Away()
    stage = Stage(detections=[detection(id="first"), detection(id="second")], options={"audit_log": away})
    with pytest.raises(PipelineError):
        stage.send()
    assert away.asked == 1


def test_a_finding_that_could_not_be_told_is_written_all_the_same(stage, log):
    stage.slack.failing.append(UnavailableError("Slack did not answer"))
    with pytest.raises(PipelineError, match="Slack did not answer"):
        stage.send()
    assert len(log.below("findings/")) == 1


@pytest.mark.parametrize(
    "event_id", ["../../transitions/2026/11/02/x", "a/b", "計画\u202e", "_hidden", "x" * 190, "a b?c&d=%2F#e"]
)
def test_an_attackers_event_id_makes_no_folder_and_no_name_that_a_query_leaves_out(stage, log, event_id):
    stage.send(eventID=event_id)
    (key,) = log.entries
    assert re.fullmatch(r"findings/2026/11/02/[A-Za-z0-9][A-Za-z0-9_-]{1,180}\.json", key)
    assert log.entries[key]["event_id"] == event_id


def test_two_findings_that_differ_only_in_what_is_not_shown_have_keys_of_their_own(stage):
    stage.send()
    finding = stage.book.alerts[0].headline
    one, two = (dataclasses.replace(finding, id=f"a#1#{mark}") for mark in "/?")
    assert finding_key(one) != finding_key(two)
    assert finding_key(one) == finding_key(dataclasses.replace(one, summary="told otherwise"))


def test_the_session_a_finding_began_is_kept_as_json_text(stage):
    stage.send()
    finding = dataclasses.replace(stage.book.alerts[0].headline, session={"accounts": [ACCOUNT], "started": None})
    assert json.loads(finding_entry(finding, "A1")["session"]) == {"accounts": [ACCOUNT], "started": None}


def test_an_entry_has_the_columns_of_the_auditors_table(stage):
    stage.send()
    assert set(finding_entry(stage.book.alerts[0].headline, "A1")) == {column.name for column in FINDINGS.columns}
