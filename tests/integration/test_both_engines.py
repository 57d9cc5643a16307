"""DuckDB and Athena give the same rows: every question, over logs in both layouts and a real audit log."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from audit.athena import AthenaEngine
from audit.duckdb_engine import DuckDBEngine
from audit.period import Period
from audit.questions import all_questions
from audit.questions import question as named
from audit.tables import CLOUDTRAIL
from handlers.adapters.memory import MemoryAuditLog
from handlers.alerting.acting import carry_out
from handlers.alerting.event import Event
from handlers.alerting.life import Act, Verb
from tests.building import Stage
from tests.integration.athena_double import AthenaDouble, read
from tests.unit.detections.examples import EXAMPLES, FIRING

LAYOUTS = {"account": "", "organisation": "o-a1b2c3d4e5/"}
HOSTILE = "=cmd|'/C calc'!A0 \u202e\x1b[31m; DROP TABLE cloudtrail -- ' OR 1=1"


def records():
    """What the detections' own examples hold, with a second hand that an attacker chose."""
    for number, example in enumerate(EXAMPLES):
        detail = example.raw.get("detail")
        if isinstance(detail, dict) and detail.get("eventID") and detail.get("eventTime") and fits(detail):
            yield {**detail, "eventID": f"{detail['eventID']}-{number}"}
            if number % 9 == 0:
                yield {**detail, "eventID": f"h-{number}", "userAgent": HOSTILE, "sourceIPAddress": HOSTILE}


def fits(record):
    """Whether what the tables call an object is one. Athena ends a question at a record of which that is not true."""
    try:
        read(record, CLOUDTRAIL.columns)
    except AttributeError:
        return False
    return True


def account_of(record):
    account = str(record.get("recipientAccountId") or record.get("userIdentity", {}).get("accountId") or "")
    return account if len(account) == 12 and account.isdigit() else "123456789012"


def write_logs(folder, layout):
    """In hourly files, the later first; a second trail writes every fourth record again."""
    found = {}
    for number, record in enumerate(records()):
        written = datetime.fromisoformat(record["eventTime"]).astimezone(UTC) + timedelta(minutes=7)
        place = (account_of(record), record.get("awsRegion") or "us-east-1", written)
        for trail in range(2 if number % 4 == 0 else 1):
            found.setdefault((*place[:2], f"{written:%Y/%m/%d}", f"{written:%Y%m%dT%H%MZ}_{trail}"), []).append(record)
    for (account, region, day, name), items in found.items():
        path = folder / f"AWSLogs/{layout}{account}/CloudTrail/{region}/{day}"
        path.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"Records": items[::-1]}, ensure_ascii=False, separators=(",", ":"))
        (path / f"{account}_CloudTrail_{region}_{name}.json.gz").write_bytes(gzip.compress(text.encode()))
    return sorted({key[0] for key in found})


def write_audit_log(folder):
    """What the pipeline itself writes of these events, and what people did then."""
    log = MemoryAuditLog()
    stage = Stage(
        detections=sorted({item.detection.id: item.detection for item in FIRING}.values(), key=lambda d: d.id)
    )
    stage.options["audit_log"] = log
    for example in FIRING:
        stage.now += timedelta(minutes=1)
        stage.pipeline.raise_alerts(Event.parse(json.dumps(example.raw)))
    for number, alert in enumerate(stage.book.alerts[:12]):
        verb = (Verb.ACKNOWLEDGE, Verb.CLOSE, Verb.EXPECT)[number % 3]
        act = Act(id=f"click-{number}", verb=verb, by="U1", at=stage.now, reason=HOSTILE, ticket="T-1")
        carry_out(alert.id, act, book=stage.book, audit_log=log)
    for key, entry in log.entries.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(entry, sort_keys=True))
    window = {
        "act": {"id": "a", "verb": "approve", "by": "U2", "at": "2026-11-01T00:00:00+00:00", "reason": ""},
        "window": {
            **dict.fromkeys(("requested_by", "requested_at", "reason", "settled_by", "settled_at"), ""),
            "id": "W1",
            "account": "123456789012",
            "identity": "root",
            "person": "alice",
            "purpose": HOSTILE,
            "ticket": "T-2",
            "starts": "2025-01-01T00:00:00+00:00",
            "ends": "2027-01-01T00:00:00+00:00",
            "state": "approved",
            "approved_by": "U2",
            "approved_at": "",
            "emergency": False,
            "version": 2,
        },
    }
    path = folder / "windows/2026/11/01/W1/0002-0123456789abcdef.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(window))
    return len(log.entries)


@pytest.fixture(scope="module", params=LAYOUTS)
def engines(request, tmp_path_factory):
    folder, scratch = tmp_path_factory.mktemp("bucket"), tmp_path_factory.mktemp("double")
    layout = LAYOUTS[request.param]
    accounts = write_logs(folder, layout)
    assert write_audit_log(folder) > 80
    double = AthenaDouble(
        folder,
        scratch,
        accounts=accounts,
        prefixes={
            "cloudtrail": f"AWSLogs/{layout}${{account}}/CloudTrail/${{region}}/${{day}}/",
            **{name: f"{name}/${{day}}/" for name in ("findings", "transitions", "windows")},
        },
    )
    athena = AthenaEngine(client=lambda _service: double, workgroup="w", database="d", sleep=lambda _seconds: None)
    with DuckDBEngine(logs=[folder / "AWSLogs"], entries=folder, threads=1) as local:
        yield {"local": local, "athena": athena, "double": double, "accounts": accounts}


PERIOD = Period(begin=datetime(2024, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))
VALUES = {  # for what has to be given
    "by_access_key": {"key": "ASIAIOSFODNN7EXAMPLE"},
    "by_address": {"address": HOSTILE},
    "by_principal": {"principal": "alice"},
    "by_session": {"session": "AROACKCEVSQ6C2EXAMPLE:alice"},
}


def values_of(question):
    return VALUES.get(question.name, {})


@pytest.mark.parametrize("question", all_questions(), ids=lambda item: item.name)
@pytest.mark.parametrize("narrowed", [False, True], ids=["all", "one account and region"])
def test_each_question_has_the_same_rows_in_the_same_order_from_both(engines, question, narrowed):
    chosen = {"accounts": engines["accounts"][:1], "regions": ["us-east-1", "eu-west-1"]} if narrowed else {}
    bound = question.bind(PERIOD, values_of(question), **chosen)
    local, athena = (engines[name].run(question.sql, bound) for name in ("local", "athena"))
    assert local.columns == athena.columns
    assert [tuple(map(type, row)) for row in local.rows] == [tuple(map(type, row)) for row in athena.rows]
    assert list(local.rows) == list(athena.rows)
    if not narrowed:
        assert local.rows, "nothing was compared"


def test_a_value_that_is_sql_stays_a_value_in_both(engines):
    sql = (
        "SELECT DISTINCT eventid, useragent FROM cloudtrail WHERE account IN (:account) AND region IN (:region) "
        "AND day BETWEEN :from_day AND :to_day AND eventtime >= :from_time AND eventtime < :to_time "
        "AND useragent = :agent ORDER BY eventid"
    )
    question = named("root_activity")
    bound = {**question.bind(PERIOD, values_of(question)), "agent": HOSTILE}
    rows = [engines[name].run(sql, bound).rows for name in ("local", "athena")]
    assert rows[0] == rows[1]
    assert len(rows[0]) > 5
    assert {row[1] for row in rows[0]} == {HOSTILE}
    request = engines["double"].asked[-1]
    assert HOSTILE not in request["QueryString"]
    assert "'" + HOSTILE.replace("'", "''") + "'" in request["ExecutionParameters"]
