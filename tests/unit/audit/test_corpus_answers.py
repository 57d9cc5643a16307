"""On real records the questions find what others have found in them, by definition and unique by event."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from audit.duckdb_engine import DuckDBEngine
from audit.period import Period
from audit.questions import question

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
pytestmark = pytest.mark.skipif(not (CORPUS / "expected_hits.json").exists(), reason="the corpus is not here")

# What the corpus calls a topic: the question that tells it, and which of its rows.
TOPICS = {
    "iam_policy_change": ("policy_changes", lambda row: True),
    "trust": ("trust_changes", lambda row: True),
    "cloudtrail_tamper": ("trail_changes", lambda row: row["what"] == "trail"),
    "log_tamper": ("trail_changes", lambda row: row["what"] == "logs"),
    "org_change": ("organization_changes", lambda row: row["operation"] == "LeaveOrganization"),
    "password": ("credential_changes", lambda row: "LoginProfile" in row["operation"]),
    "admin_policy_grant": ("admin_grants", lambda row: row["operation"].startswith("Attach")),
    "access_key": ("access_keys", lambda row: row["error"] is None),
    "root_by_service": ("root_activity", lambda row: row["by_service"] is not None),
}


@pytest.fixture(scope="module", params=["lines", "objects, twice"])
def engine(request, tmp_path_factory):
    """The corpus as it is, and as log files of two trails."""
    folder = tmp_path_factory.mktemp("corpus")
    paths = [CORPUS / f"{name}.jsonl.gz" for name in ("invictus", "grycap", "otrf_ec2_proxy_s3_exfil")]
    if request.param != "lines":
        for path in paths:
            records = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
            for copy in ("a", "b"):
                data = json.dumps({"Records": records}).encode()
                (folder / f"{path.stem}-{copy}.json.gz").write_bytes(gzip.compress(data))
        paths = [folder]
    with DuckDBEngine(logs=paths, entries=folder) as made:
        yield made


def rows_of(engine, name):
    item = question(name)
    period = Period.of("2017", "2023", now=Period.of("2026", None, now=_now()).begin)
    answer = engine.run(item.sql, item.bind(period))
    assert all("eventTime" in reason or "no folder" in reason for reason in answer.partial)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def _now():
    from datetime import UTC, datetime

    return datetime(2026, 11, 24, tzinfo=UTC)


def test_the_counts_are_those_of_the_corpus(engine):
    known = json.loads((CORPUS / "expected_hits.json").read_text())["corpora"]
    for topic, (name, chosen) in TOPICS.items():
        expected = Counter(hit["eventID"] for corpus in known.values() for hit in corpus.get(topic, ()))
        found = Counter(row["event_id"] for row in rows_of(engine, name) if chosen(row))
        assert found == expected, topic
        assert found, topic


def test_root_used_by_services_is_no_sign_in_and_no_session(engine):
    assert rows_of(engine, "root_sign_ins") == [] and rows_of(engine, "root_sessions") == []


def test_records_without_a_time_are_told(engine):
    item = question("volume_by_service")
    answer = engine.run(item.sql, item.bind(Period.of("2017", "2023", now=_now())))
    assert any("eventTime" in reason and ("103" in reason or "206" in reason) for reason in answer.partial)
    assert sum(row[1] for row in answer.rows) == 2_900 + 142
