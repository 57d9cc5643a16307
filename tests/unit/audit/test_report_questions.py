"""The questions that the report names give the report's own numbers again, asked of the audit log's objects."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from audit.duckdb_engine import DuckDBEngine
from audit.questions import question
from audit.report.building import period_of, report_of
from audit.report.example import ACCOUNT, example_facts
from audit.report.gathering import ask_all, work_of
from audit.report.month import Month
from handlers.alerting.finding_record import finding_entry, finding_key
from handlers.alerting.life import audit_entry, audit_key

MONTH = Month.parse("2026-10", "Asia/Tokyo")
FACTS = example_facts(MONTH)
REPORT = report_of(FACTS)
_SESSION = "arn:aws:signin:us-east-1:123456789012:session/root-1"


def put(folder, key, entry):
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entry), encoding="utf-8")


def log_record(number, when, **changes):
    return {
        "eventVersion": "1.11",
        "eventID": f"11111111-0000-4000-8000-{number:012d}",
        "eventTime": f"{when:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateUser",
        "awsRegion": "us-east-1",
        "recipientAccountId": ACCOUNT,
        "readOnly": False,
        "userIdentity": {"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root", "accessKeyId": "ASIAIOSFODNN7ROOT666"},
        **changes,
    }


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The example's month as the audit log has it, and a log file of what root did."""
    folder = tmp_path_factory.mktemp("audit")
    for story in FACTS.alerts:
        for finding in story.findings:
            put(folder, finding_key(finding), finding_entry(finding, story.alert.id))
        for act, life in story.acts:
            put(folder, audit_key(story.alert.id, act.id, life), audit_entry(story.alert.id, act.id, act.verb, life))
    for story in FACTS.windows:
        for act, window in story.acts:
            key = f"windows/{act.at:%Y/%m/%d}/{window.id}/{window.version:04d}-0.json"
            put(folder, key, {"act": act.to_plain(), "window": window.to_plain()})
    at = datetime(2026, 10, 17, 14, 50, tzinfo=UTC)
    root = {"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root", "accessKeyId": "ASIACHANGES"}
    console = {**root, "sessionContext": {"signInSessionArn": _SESSION}}
    records = [
        log_record(1, at),
        log_record(1, at),  # a second trail in the bucket
        log_record(2, at + timedelta(minutes=1), eventName="ListUsers", readOnly=True),
        log_record(3, at + timedelta(minutes=2), eventName="DeleteTrail", errorCode="AccessDenied"),
        log_record(4, at + timedelta(minutes=3), userIdentity=console, signInSessionArn=_SESSION),
        log_record(5, at, userIdentity={"type": "IAMUser", "accessKeyId": "AKIAOTHER", "userName": "bob"}),
        log_record(6, at, eventName="ConsoleLogin", eventSource="signin.amazonaws.com"),
    ]
    log = folder / f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/10/17/log.json"
    log.parent.mkdir(parents=True)
    log.write_text(json.dumps({"Records": records}), encoding="utf-8")
    with DuckDBEngine(logs=[folder / "AWSLogs"], entries=folder) as made:
        yield made


def asked(engine, name):
    found = question(f"report_{name}")
    answer = engine.run(found.sql, found.bind(period_of(MONTH)))
    assert answer.partial == ()
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def figure(part, key):
    section = next(item for item in REPORT.sections if item.key == part)
    return next(item.value for item in section.figures if item.key == key)


def test_alerts(engine):
    rows = asked(engine, "alerts")
    assert len(rows) == figure("alerts", "alerts") > 40
    assert sum(row["severity"] == 5 for row in rows) == figure("alerts", "alerts_critical")


def test_time_to_acknowledge(engine):
    rows = asked(engine, "acknowledged")
    assert len(rows) == figure("alerts", "taken").values["part"]
    middle = rows[-(-len(rows) // 2) - 1]
    assert timedelta(seconds=middle["seconds"]) == figure("alerts", "median_wait").__class__(
        seconds=int(figure("alerts", "median_wait").total_seconds())
    )


def test_open_items(engine):
    found = next(item for item in REPORT.sections if item.key == "open").tables[0]
    shown = [row[found.columns.index("alert")] for row in found.rows]
    assert [row["alert"] for row in asked(engine, "open")] == shown


def test_sessions(engine):
    rows = asked(engine, "sessions")
    assert sum(row["kind"] == "root" for row in rows) == figure("sessions", "root_sessions")
    assert sum(row["kind"] != "root" for row in rows) == figure("sessions", "admin_sessions")
    assert sum(row["standing"] == "none" for row in rows) == figure("sessions", "outside_window")


def test_grants(engine):
    assert len(asked(engine, "grants")) == figure("grants", "grants") + figure("grants", "grants_refused")


def test_findings_and_those_kept_quiet(engine):
    section = next(item for item in REPORT.sections if item.key == "alerts")
    heat = next(item for item in section.charts if item.id == "hours")
    assert len(asked(engine, "findings")) == sum(sum(series.values) for series in heat.series)
    assert len(asked(engine, "quiet")) == figure("quiet", "suppressed") + figure("quiet", "routine")


def test_windows(engine):
    assert len(asked(engine, "windows")) == figure("windows", "windows")


def test_what_was_done_in_sessions_is_counted_once_and_by_the_sign_in_where_there_is_one(engine):
    work, partial = work_of(engine, FACTS.alerts, MONTH)
    assert partial == ()
    assert set(work) == {"ASIAIOSFODNN7ROOT666", _SESSION}
    stranger = work["ASIAIOSFODNN7ROOT666"]
    assert (stranger.writes, stranger.reads, stranger.failures) == (1, 1, 1)
    assert dict(stranger.calls) == {"iam CreateUser": 1, "iam ListUsers": 1, "iam DeleteTrail": 1}
    assert work[_SESSION].writes == 1


def test_every_question_that_needs_no_parameter_is_asked_and_answers(engine):
    found = ask_all(engine, MONTH)
    assert [item.name for item in found if item.missing] == []
    assert not [item.name for item in found if item.name.startswith("report_")]
    signed_in = next(item for item in found if item.name == "root_sign_ins")
    assert len(signed_in.rows) == 1
    assert signed_in.command.startswith("rootwatch audit run root_sign_ins --from 2026-09-30T15:00:00Z")
