"""What the monthly report says of facts whose answers are known."""

import dataclasses
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.questions import all_questions
from audit.report import building, document
from audit.report.building import GRANTS, report_of
from audit.report.counting import ADMIN_SESSIONS, ROOT_SESSIONS, quantile, sessions_of
from audit.report.document import Missing, Tone, Word
from audit.report.example import example_facts
from audit.report.facts import AlertStory, Asked, Facts, Heartbeats, Integrity, Rules, Work
from audit.report.month import Month
from handlers.alerting.alert import Alert, alert_id_of, kind_of
from handlers.alerting.finding import Finding
from handlers.alerting.life import OURSELVES, Act, Life, Verb, decide
from handlers.alerting.suppression import Quiet, Suppression
from handlers.detections import CATALOGUE
from tests.building import ACCOUNT
from tests.windows import window

MONTH = Month.parse("2026-10", "Asia/Tokyo")
NOON = datetime(2026, 10, 15, 3, 0, tzinfo=UTC)  # noon in Tokyo
NO_LOGS = Missing(Word("missing.no_logs"))
_BY_ID = {item.id: item for item in CATALOGUE}


def finding(detection_id="root-console-login", at=NOON, **changes):
    detection = _BY_ID[detection_id]
    event_id = changes.pop("event_id", f"{detection_id}-{at.isoformat()}")
    values = {
        "id": f"{detection_id}#{ACCOUNT}#{event_id}",
        "detection_id": detection_id,
        "account": ACCOUNT,
        "group": f"{ACCOUNT}#x",
        "severity": detection.severity,
        "title": detection.title,
        "summary": "something happened",
        "subject": "user bob",
        "why": detection.why,
        "respond": detection.respond,
        "threshold": detection.threshold,
        "event_id": event_id,
        "event_name": "ConsoleLogin",
        "event_service": "signin.amazonaws.com",
        "region": "us-east-1",
        "time": at,
        "received": at + timedelta(minutes=1),
        "actor": "alice",
        "actor_kind": "IAM user",
        "actor_arn": "",
        "access_key_id": "",
        "source_ip": "192.0.2.1",
        "user_agent": "curl/8",
        "mfa": "yes",
        "error": None,
    }
    return Finding(**{**values, **changes})


def story(*findings, acts=()):
    """An alert of these findings; acts: (verb, by, minutes after the first was learnt of)."""
    loud = [item for item in findings if item.quiet is None]
    head = (loud or list(findings))[0]
    life, done = Life(), []
    begun = min(item.received for item in findings)
    for number, (verb, by, minutes) in enumerate(acts):
        act = Act(id=str(number), verb=verb, by=by, at=begun + timedelta(minutes=minutes))
        life = decide(life, act).life
        done.append((act, life))
    alert = Alert(
        id=alert_id_of(head),
        headline=head,
        count=len(findings),
        loud=len(loud),
        kinds=frozenset(map(kind_of, loud)),
        last_time=max(item.happened for item in findings),
        life=life,
    )
    return AlertStory(alert=alert, findings=findings, acts=done)


def facts(**changes):
    values = {
        "month": MONTH,
        "made_at": MONTH.until + timedelta(hours=9),
        "deployment": "rootwatch",
        "account": ACCOUNT,
        "alerts": (),
        "windows": (),
        "work": {},
        "asked": (),
        "practices": (),
        "access": (),
        "quiet": Quiet(),
        "rules": Rules(expected=10, wrong=()),
        "integrity": Integrity(is_whole=True, log_files=3, digests=2, since=MONTH.since, until=MONTH.until),
        "heartbeats": Heartbeats(sent=0, arrived=0, slowest=None),
    }
    return Facts(**{**values, **changes})


def section(report, key):
    return next(item for item in report.sections if item.key == key)


def figure(report, part, key):
    return next(item for item in section(report, part).figures if item.key == key)


def table(report, part, id_=None):
    return next(item for item in section(report, part).tables if item.id == (id_ or part))


def column(found, name):
    return [row[found.columns.index(name)] for row in found.rows]


def test_an_empty_month_says_none_and_not_unknown():
    report = report_of(facts())
    assert figure(report, "sessions", "root_sessions").value == 0
    assert figure(report, "alerts", "alerts").value == 0
    assert figure(report, "open", "open").value == 0
    assert figure(report, "alerts", "median_wait").value == Word("nothing_to_measure")
    assert all(not any(series.values) for chart in section(report, "alerts").charts for series in chart.series)
    keys = [(section, reason.why.key) for section, reason in report.partial]
    # Two numbers are answers to questions, which nobody asked here.
    assert keys == [("summary", "missing.not_asked"), ("alerts", "missing.not_asked"), ("canary", "missing.none_sent")]


def test_what_was_not_asked_is_missing_and_never_zero():
    bare = Facts(month=MONTH, made_at=MONTH.until, deployment="rootwatch", account=ACCOUNT)
    report = report_of(bare)
    for part in report.sections[1:]:
        assert part.missing is not None, part.key
        assert part.figures == ()
    for item in section(report, "summary").figures:
        assert isinstance(item.value, Missing), item.key
    assert not re.search(r"\d", " ".join(word.key for word in report.lines[1:]))
    assert "line.no_alerts" in {line.key for line in report.lines}


def test_alerts_belong_to_the_month_that_learnt_of_them_first():
    late = finding(at=MONTH.until - timedelta(seconds=30))  # learnt of a minute later, in November
    early = finding(at=MONTH.since - timedelta(seconds=30))
    report = report_of(facts(alerts=[story(late), story(early), story(finding())]))
    assert figure(report, "alerts", "alerts").value == 2
    assert len(column(table(report, "sessions"), "began")) == 2  # sessions by when they began


def test_a_session_is_one_row_however_many_findings_it_made():
    keys = {"access_keys": ["ASIA1"], "sign_ins": ["arn:sign-in"]}
    first = finding(session=keys)
    second = finding(
        "root-activity", NOON + timedelta(minutes=5), session={"access_keys": ["ASIA2"], "sign_ins": ["arn:sign-in"]}
    )
    third = finding("root-activity", NOON + timedelta(minutes=9), session={"access_keys": ["ASIA2"]})
    other = finding("admin-session-started", NOON + timedelta(hours=1), session={"access_keys": ["ASIA3"]})
    found = sessions_of([story(first, third), story(second), story(other)], MONTH)
    assert [(item.is_root, len(item.findings)) for item in found] == [(True, 3), (False, 1)]
    assert found[0].keys == {"ASIA1", "ASIA2", "arn:sign-in"}


def test_sessions_without_any_key_stay_apart():
    alone = [
        finding(at=NOON + timedelta(minutes=place), session={"access_keys": [], "sign_ins": []}) for place in range(3)
    ]
    assert len(sessions_of([story(*alone)], MONTH)) == 3


@given(st.lists(st.sets(st.sampled_from("abcdef"), max_size=3), max_size=8))
def test_sessions_are_joined_whatever_the_order(keys):
    made = [
        finding(at=NOON + timedelta(minutes=place), session={"access_keys": sorted(item)})
        for place, item in enumerate(keys)
    ]
    forth = sessions_of([story(item) for item in made], MONTH)
    back = sessions_of([story(item) for item in reversed(made)], MONTH)
    assert forth == [dataclasses.replace(item, alert_ids=item.alert_ids) for item in back]
    assert sum(len(item.findings) for item in forth) == len(made)
    named = [key for item in forth for key in item.keys]
    assert len(named) == len(set(named))  # no key is in two sessions


def test_a_session_shows_its_window_its_ticket_its_approver_and_what_it_did():
    begun = finding(
        session={"access_keys": ["ASIA1"], "sign_ins": ["arn:s"]}, standing="inside", window_id="W0123456789ab"
    )
    work = {
        "arn:s": Work(writes=2, reads=5, failures=1, calls=(("iam CreateUser", 2),)),
        "ASIA1": Work(writes=1, reads=0, failures=0, calls=(("iam CreateUser", 1),)),
    }
    from audit.report.facts import WindowStory

    shown = window(starts=NOON - timedelta(hours=1), ends=NOON + timedelta(hours=1))
    report = report_of(
        facts(
            alerts=[story(begun)],
            windows=[WindowStory(window=shown, acts=(), uses=())],
            work=work,
            people={shown.approved_by: "bob"},
        )
    )
    row = dict(zip(table(report, "sessions").columns, table(report, "sessions").rows[0], strict=True))
    assert (row["window"], row["ticket"], row["approver"]) == (shown.id, shown.ticket, "bob")
    assert (row["writes"], row["reads"], row["failed"], row["did"]) == (3, 5, 1, "iam CreateUser ×3")
    assert row["standing"] == Word("standing.inside")


def test_of_a_session_outside_the_worst_is_shown_and_counted():
    keys = {"access_keys": ["ASIA1"]}
    calm = finding(session=keys, standing="inside", window_id="W1")
    worse = finding("root-activity", NOON + timedelta(hours=3), session=keys, standing="overrunning", window_id="W1")
    report = report_of(facts(alerts=[story(calm, worse)]))
    assert figure(report, "sessions", "outside_window").value == 1
    assert figure(report, "sessions", "outside_window").tone is Tone.BAD
    assert column(table(report, "sessions"), "standing") == [Word("standing.overrunning")]


def test_without_logs_a_session_says_that_nothing_is_known_of_what_it_did():
    report = report_of(facts(alerts=[story(finding(session={"access_keys": ["ASIA1"]}))], work=NO_LOGS))
    assert column(table(report, "sessions"), "writes") == [NO_LOGS]
    assert ("sessions", NO_LOGS) in report.partial


def test_a_session_that_the_logs_do_not_have_is_unknown_and_not_idle():
    report = report_of(facts(alerts=[story(finding(session={"access_keys": ["ASIA1"]}))], work={}))
    assert column(table(report, "sessions"), "writes") == [Missing(Word("missing.no_records"))]


def test_grants_that_aws_refused_are_no_grants():
    made = finding("admin-policy-attached")
    refused = finding("admin-policy-attached", NOON + timedelta(minutes=1), error="AccessDenied", actor="mallory")
    report = report_of(facts(alerts=[story(made, refused)]))
    assert figure(report, "grants", "grants").value == 1
    assert figure(report, "grants", "grants_refused").value == 1
    assert table(report, "grants", "grants_by").rows == [("alice", 1)]
    assert column(table(report, "grants"), "result") == [Word("result.ok"), "AccessDenied"]


def test_the_time_to_acknowledge_runs_from_what_we_learnt_to_the_first_person():
    alerts = [
        story(finding(at=NOON + timedelta(hours=place)), acts=[(Verb.ACKNOWLEDGE, "U1", minutes)])
        for place, minutes in enumerate((1, 10, 100))
    ]
    ours = story(finding("trail-tampered"), acts=[(Verb.CLOSE, OURSELVES, 3)])
    report = report_of(facts(alerts=[*alerts, ours]))
    assert figure(report, "alerts", "median_wait").value == timedelta(minutes=10)
    assert figure(report, "alerts", "p90_wait").value == timedelta(minutes=100)
    assert figure(report, "alerts", "taken").value == Word("of", {"part": 3, "all": 4})
    waits = next(chart for chart in section(report, "alerts").charts if chart.id == "waits")
    assert waits.series[0].values == (1, 1, 0, 1, 0, 0, 1)


def test_a_clock_that_runs_ahead_gives_no_time_below_zero():
    report = report_of(facts(alerts=[story(finding(), acts=[(Verb.ACKNOWLEDGE, "U1", -5)])]))
    assert figure(report, "alerts", "median_wait").value == timedelta(0)


def test_quiet_alerts_and_those_below_their_threshold_are_not_alerts_that_people_were_told_of():
    quiet = story(finding(quiet="digest: routine"))
    few = story(finding("root-login-failed"))
    report = report_of(facts(alerts=[quiet, few]))
    assert figure(report, "alerts", "alerts").value == 0
    heat = next(chart for chart in section(report, "alerts").charts if chart.id == "hours")
    assert sum(map(sum, (series.values for series in heat.series))) == 2  # findings, all the same


def test_the_heat_map_is_on_the_wall_clock():
    report = report_of(facts(alerts=[story(finding(at=NOON))]))
    heat = next(chart for chart in section(report, "alerts").charts if chart.id == "hours")
    thursday = heat.series[3].values
    assert thursday[12] == 1
    assert sum(map(sum, (series.values for series in heat.series))) == 1


def test_open_items_are_of_any_month_and_the_worst_come_first():
    old = story(finding("admin-attempts-denied", MONTH.since - timedelta(days=60), threshold=1))
    bad = story(finding("trail-tampered"))
    called = story(finding("analyzer-changed"), acts=[(Verb.ESCALATE, "U1", 3)])
    info = story(finding("admin-session-started"))
    taken = story(finding("root-federated"), acts=[(Verb.ACKNOWLEDGE, "U1", 3)])
    later = story(finding("trail-key-changed", MONTH.until + timedelta(hours=1)))
    report = report_of(facts(alerts=[old, bad, called, info, taken, later]))
    assert column(table(report, "open"), "alert") == [bad.alert.id, old.alert.id, called.alert.id]
    assert figure(report, "alerts", "alerts").value == 4


def test_suppressions_of_the_month_are_listed_with_what_they_kept_quiet():
    ended = Suppression(
        detection="access-key-created",
        account=ACCOUNT,
        reason="rotation",
        owner="alice",
        ticket="OPS-1",
        created=date(2026, 9, 1),
        expires=date(2026, 10, 2),
    )
    before = dataclasses.replace(ended, created=date(2026, 8, 1), expires=date(2026, 9, 30), ticket="OPS-0")
    kept = finding("access-key-created", quiet=ended.words)
    report = report_of(facts(alerts=[story(kept)], quiet=Quiet(suppressions=(ended, before))))
    found = table(report, "quiet", "suppressions")
    assert column(found, "ticket") == ["OPS-1"]
    assert column(found, "kept_quiet") == [1]
    assert column(found, "days_left") == [Word("ended")]
    assert figure(report, "quiet", "suppressed").value == 1


def test_logs_that_could_not_all_be_checked_are_neither_whole_nor_broken():
    half = Integrity(
        is_whole=False,
        log_files=3,
        digests=2,
        since=MONTH.since,
        until=MONTH.until,
        unchecked=(("digest/1", "AccessDenied"),),
    )
    report = report_of(facts(integrity=half))
    assert figure(report, "integrity", "whole").value == Word("whole.unknown")
    assert report.lines[2].key == "line.logs_unknown"
    assert section(report, "integrity").partial
    broken = report_of(facts(integrity=dataclasses.replace(half, problems=(("log/1", "changed"),))))
    assert figure(broken, "integrity", "whole").value == Word("whole.no")
    assert figure(broken, "integrity", "whole").tone is Tone.BAD


def test_a_question_that_failed_is_not_an_empty_answer():
    common = {
        "title": document.Title("T", "T"),
        "answers": document.Title("A", "A"),
        "sql": "SELECT 1",
        "parameters": {},
        "command": "c",
    }
    failed = Asked(name="one", missing=Missing(Word("missing.failed"), "it broke"), **common)
    empty = Asked(name="two", columns=("a",), partial=("one file is truncated",), **common)
    report = report_of(facts(asked=[failed, empty]))
    overview = table(report, "questions")
    assert column(overview, "rows") == [failed.missing, 0]
    assert {item.id for item in section(report, "questions").tables} == {"questions", "question-two"}
    assert {reason.detail for _, reason in report.partial} >= {"it broke", "one file is truncated"}


def test_a_month_older_than_the_table_keeps_is_labelled_partial():
    report = report_of(facts(made_at=MONTH.until + timedelta(days=390), alerts=[story(finding())]))
    assert Missing(Word("missing.expired", {"days": 400})) in table(report, "alerts").partial


def test_a_month_that_goes_on_says_so():
    assert not report_of(facts(made_at=MONTH.until - timedelta(days=3))).is_over
    assert report_of(facts()).is_over


def test_every_number_has_its_source_and_every_source_says_how_to_have_it_again():
    report = report_of(example_facts(MONTH))
    known = {item.id: item for item in report.sources}
    for part in report.sections:
        for item in (*part.figures, *part.charts, *part.tables):
            assert item.source in known, (part.key, item)
    for item in report.sources:
        assert item.command or item.where, item.id
        assert not item.sql or item.command, item.id
    assert known["alerts"].command == (
        "rootwatch audit run report_alerts --from 2026-09-30T15:00:00Z --to 2026-10-31T15:00:00Z"
    )


def test_the_questions_of_the_report_know_the_same_detections_and_thresholds():
    sql = {item.name: item.sql for item in all_questions() if item.name.startswith("report_")}

    def ids(name):
        return {text for text in re.findall(r"'([a-z0-9-]+)'", sql[name]) if text in _BY_ID}

    assert ids("report_sessions") == ROOT_SESSIONS | ADMIN_SESSIONS
    assert ids("report_grants") == GRANTS
    found = dict(re.findall(r"detection_id = '([a-z0-9-]+)' THEN (\d+)", sql["report_alerts"]))
    assert found == {item.id: str(item.threshold) for item in CATALOGUE if item.threshold > 1}


def test_the_sessions_are_those_that_the_catalogue_says_begin_one():
    assert {item.id for item in CATALOGUE if item.begins_session} == ROOT_SESSIONS | ADMIN_SESSIONS
    assert set(_BY_ID) >= GRANTS | building.ACCESS


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(1, 0.5, 1), (2, 0.5, 1), (4, 0.5, 2), (10, 0.9, 9), (11, 0.9, 10)]
)
def test_a_quantile_is_one_of_the_values(count, share, expected):
    values = [timedelta(minutes=number) for number in range(1, count + 1)]
    assert quantile(list(reversed(values)), share) == timedelta(minutes=expected)


def test_of_nothing_there_is_no_quantile():
    assert quantile([], 0.5) is None


def test_the_same_facts_give_the_same_report():
    assert report_of(example_facts(MONTH)) == report_of(example_facts(MONTH))


@pytest.mark.parametrize("text", ["2026-02", "2024-02", "2026-12", "1999-01"])
def test_the_example_plays_in_any_month(text):
    report = report_of(example_facts(Month.parse(text, "UTC")))
    assert report.is_example
    assert figure(report, "sessions", "root_sessions").value == 3


def test_the_files_of_the_report_ask_nobody():
    """The report is made of plain values: none of what makes it reaches for AWS, a clock or the environment."""
    folder = Path(building.__file__).parent
    for name in (
        "building",
        "counting",
        "document",
        "facts",
        "month",
        "showing",
        "charts",
        "page",
        "files",
        "words",
        "example",
    ):
        text = (folder / f"{name}.py").read_text(encoding="utf-8")
        assert not re.search(r"^(?:import|from) (?:boto3|botocore|os)\b|datetime\.now\(", text, re.MULTILINE), name
    assert NOON.tzinfo is UTC
