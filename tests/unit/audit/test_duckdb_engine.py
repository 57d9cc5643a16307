import gzip
import json

import duckdb
import pytest

from audit.duckdb_engine import DuckDBEngine
from audit.engines import EngineError
from audit.ingest import ingest
from audit.log_files import Wanted, described, log_files
from tests import trail_story

FOLDER = "AWSLogs/123456789012/CloudTrail/us-east-1/2026/10/05/"
IDS = "SELECT DISTINCT eventid AS id FROM cloudtrail WHERE eventtime >= '2026' ORDER BY id"


def record(id, **changes):
    made = {
        "eventTime": "2026-10-05T10:00:00Z",
        "eventName": "GetUser",
        "awsRegion": "us-east-1",
        "recipientAccountId": "123456789012",
        "userIdentity": {"type": "Root"},
        "eventID": id,
        **changes,
    }
    return {key: value for key, value in made.items() if value is not None}


def packed(*records):
    return gzip.compress(json.dumps({"Records": records}).encode())


@pytest.fixture
def logs(tmp_path):
    """Write files below a folder of logs: (name=bytes, ...) -> the folder."""

    def write(files):
        for name, data in files.items():
            path = tmp_path / "logs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path / "logs"

    return write


def ids(folder, sql=IDS, **options):
    with DuckDBEngine(logs=[folder], **options) as engine:
        answer = engine.run(sql, {})
    return [row[0] for row in answer.rows], answer.partial


GOOD = packed(record("good"))


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("cut.json.gz", packed(*(record(f"lost-{n}") for n in range(500)))[:-200], "cut off"),
        ("tail.json.gz", packed(record("lost"))[:-4], "cut off"),
        ("half.json.gz", gzip.compress(json.dumps({"Records": [record("lost")] * 9}).encode()[:-40]), "half of one"),
        ("half.json", json.dumps({"Records": [record("lost")]}).encode()[:-4], "half of one"),
        ("empty.json.gz", b"", "it is empty|no gzip"),
        ("nothing.json.gz", gzip.compress(b""), "it is empty"),
        ("text.json.gz", b"this is no gzip", "no gzip"),
        ("other.json.gz", gzip.compress(b'{"configurationItems": []}'), 'no list of "Records"'),
        ("words.json.gz", gzip.compress(b'{"Records": ["a", 1]}'), "no records of CloudTrail"),
        ("lines.jsonl", b'{"eventID": "a"}\nnot json\n', "its line 2"),
    ],
)
def test_a_broken_file_is_named_with_its_reason_and_the_others_are_read(logs, name, data, reason):
    folder = logs({f"{FOLDER}good.json.gz": GOOD, f"{FOLDER}{name}": data})
    found, partial = ids(folder)
    assert found == ["good"]
    assert len(partial) == 1 and name in partial[0] and "left out" in partial[0]
    assert any(part in partial[0] for part in reason.split("|"))


def test_of_many_broken_files_some_are_named_and_all_counted(logs):
    folder = logs({f"{FOLDER}good.json.gz": GOOD} | {f"{FOLDER}{n:02d}.json.gz": GOOD[:-6] for n in range(25)})
    found, partial = ids(folder)
    assert found == ["good"]
    assert len(partial) == 11 and "15 more files" in partial[-1]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("identity.json.gz", packed(record("odd", userIdentity="HIDDEN_DUE_TO_SECURITY_REASONS"), record("with-it"))),
        ("surrogate.json.gz", packed(record("odd", userAgent="\ud800 \x00"), record("with-it"))),
        ("pattern[1].json.gz", packed(record("odd"), record("with-it"))),
        ("members.json.gz", gzip.compress(b'{"Records":[' + json.dumps(record("odd")).encode() + b",")
         + gzip.compress(json.dumps(record("with-it")).encode() + b"]}")),
        ("list.json.gz", gzip.compress(json.dumps([record("odd"), record("with-it")]).encode())),
        ("lines.jsonl.gz", gzip.compress(b"\n".join(json.dumps(record(id)).encode() for id in ("odd", "with-it")))),
        ("plain.json", json.dumps({"Records": [record("odd"), record("with-it")]}, indent=1).encode()),
        ("quote's.json.gz", packed(record("odd"), record("with-it"))),
        ("types.json.gz", packed(record("odd", readOnly="false"), record("with-it", readOnly=True))),
    ],
)  # fmt: skip
def test_what_the_fast_reader_refuses_is_read_all_the_same(logs, name, data):
    folder = logs({f"{FOLDER}good.json.gz": GOOD, f"{FOLDER}{name}": data})
    assert ids(folder) == (["good", "odd", "with-it"], ())
    done = ingest([folder], folder / ".parquet")
    assert done.problems == ()
    assert ids(folder, copy=folder / ".parquet") == (["good", "odd", "with-it"], ())


def test_a_single_record_is_a_file_too(logs):
    folder = logs({"one.json": json.dumps(record("one")).encode()})
    assert ids(folder) == (["one"], ())


def test_a_file_far_larger_than_others_is_read(logs):
    big = packed(*(record(f"{n:05d}", userAgent=f"{n}" * 400) for n in range(20_000)))
    found, partial = ids(logs({f"{FOLDER}big.json.gz": big, f"{FOLDER}good.json.gz": GOOD}), memory="500MB")
    assert len(found) == 20_001 and partial == ()


def test_items_that_are_no_records_are_counted(logs):
    found, partial = ids(
        logs({f"{FOLDER}a.json.gz": gzip.compress(json.dumps({"Records": [1, record("a")]}).encode())})
    )
    assert found == ["a"] and "1 of its items" in partial[0]


@pytest.mark.parametrize("copied", [False, True])
def test_records_without_a_time_are_counted_whatever_the_question(logs, copied):
    folder = logs({f"{FOLDER}a.json.gz": packed(record("a"), record("b", eventTime=None), record("c", eventTime=None))})
    copy = folder / ".parquet" if copied else None
    if copied:
        ingest([folder], copy)
    sql = "SELECT eventid AS id FROM cloudtrail WHERE eventtime >= '2026' AND eventname = 'Nothing'"
    found, partial = ids(folder, sql, copy=copy)
    assert found == [] and len(partial) == 1 and "eventTime" in partial[0] and ": 2;" in partial[0]


def test_a_period_without_files_says_that_nothing_was_read(logs):
    folder = logs({f"{FOLDER}a.json.gz": GOOD})
    sql = "SELECT eventid AS id FROM cloudtrail WHERE day BETWEEN :from_day AND :to_day"
    with DuckDBEngine(logs=[folder]) as engine:
        answer = engine.run(sql, {"from_day": "2020/01/01", "to_day": "2020/01/02"})
    assert answer.rows == [] and "does not mean that nothing happened" in answer.partial[0]


def test_only_the_files_of_the_question_are_opened(logs, october):
    other = "AWSLogs/210987654321/CloudTrail/eu-west-1/2026/10/05/"
    folder = logs(
        {
            f"{FOLDER}a.json.gz": GOOD,
            f"{other}b.json.gz": b"broken",
            FOLDER.replace("10/05", "12/05") + "c.json.gz": b"x",
        }
    )
    bounds = {"account": ("123456789012",), "region": (), "from_day": "2026/10/01", "to_day": "2026/11/01"}
    sql = (
        "SELECT eventid AS id FROM cloudtrail WHERE account IN (:account) AND region IN (:region) "
        "AND day BETWEEN :from_day AND :to_day"
    )
    with DuckDBEngine(logs=[folder]) as engine:
        answer = engine.run(sql, bounds)
        assert [row[0] for row in answer.rows] == ["good"] and answer.partial == ()
        assert answer.scanned_bytes == len(GOOD)
        assert len(engine.run("SELECT eventid FROM cloudtrail", {}).partial) == 2


def test_a_session_that_met_a_broken_file_does_not_forget_it(logs):
    folder = logs({f"{FOLDER}a.json.gz": GOOD, f"{FOLDER}b.json.gz": b"broken"})
    with DuckDBEngine(logs=[folder]) as engine:
        first, second = engine.run(IDS, {}), engine.run(IDS, {})
    assert first == second and len(first.partial) == 1


def test_tables_without_an_audit_log_are_empty_and_say_so(logs):
    with DuckDBEngine(logs=[logs({f"{FOLDER}a.json.gz": GOOD})]) as engine:
        answer = engine.run("SELECT count(*) AS n FROM findings", {})
        assert answer.rows == [(0,)] and "--entries" in answer.partial[0]
    with DuckDBEngine(logs=[], entries=logs({})) as engine:
        assert "no folder" in engine.run("SELECT count(*) AS n FROM windows", {}).partial[0]


def test_an_entry_that_cannot_be_read_is_named(tmp_path):
    trail_story.write_entries(tmp_path)
    (tmp_path / "findings/2026/10/05/broken.json").write_text('{"finding_id":')
    with DuckDBEngine(logs=[], entries=tmp_path) as engine:
        answer = engine.run("SELECT finding_id AS id FROM findings ORDER BY id", {})
    assert [row[0] for row in answer.rows] == ["f1", "f2", "f3", "f4", "f5"]
    assert len(answer.partial) == 1 and "broken.json" in answer.partial[0]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT nope FROM cloudtrail", "nope"),
        ("SELECT eventid FROM nothere", "there are cloudtrail"),
        ("SELECT useridentity.nope FROM cloudtrail", "nope"),
    ],
)
def test_sql_that_asks_for_what_is_not_there_says_so(logs, sql, said):
    with DuckDBEngine(logs=[logs({f"{FOLDER}a.json.gz": GOOD})]) as engine, pytest.raises(EngineError, match=said):
        engine.run(sql, {})


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with DuckDBEngine(logs=[tmp_path / "gone"]) as engine, pytest.raises(EngineError, match="gone"):
        engine.run(IDS, {})


def test_a_parameter_is_a_value_whatever_it_holds(logs):
    evil = "x' OR '1'='1"
    folder = logs({f"{FOLDER}a.json.gz": packed(record("a"), record("b", eventName=evil))})
    with DuckDBEngine(logs=[folder]) as engine:
        answer = engine.run("SELECT eventid FROM cloudtrail WHERE eventname = :name", {"name": evil})
    assert answer.rows == [("b",)]


class TestTheCopy:
    def test_is_made_once_and_takes_what_came_since(self, logs):
        folder = logs({f"{FOLDER}a.json.gz": packed(record("a"))})
        copy = folder / ".parquet"
        assert (ingest([folder], copy).files, ingest([folder], copy).files) == (1, 0)
        logs({f"{FOLDER}b.json.gz": packed(record("b"))})
        assert ids(folder, copy=copy) == (["a", "b"], ())
        done = ingest([folder], copy)
        assert (done.files, done.known) == (1, 1)
        assert ids(folder, copy=copy) == (["a", "b"], ())

    def test_is_not_trusted_where_it_is_unfinished_or_changed(self, logs):
        folder = logs({f"{FOLDER}a.json.gz": packed(record("a"))})
        copy = folder / ".parquet"
        ingest([folder], copy)
        (part,) = copy.rglob("*.parquet")
        part.write_bytes(part.read_bytes()[:-1])
        assert ids(folder, copy=copy) == (["a"], ())
        ingest([folder], copy)
        (listing,) = copy.rglob("*.json")
        listing.write_text("{")
        assert ids(folder, copy=copy) == (["a"], ())

    def test_reads_a_file_again_that_has_changed_since(self, logs):
        folder = logs({f"{FOLDER}a.json.gz": packed(record("a"))})
        ingest([folder], folder / ".parquet")
        logs({f"{FOLDER}a.json.gz": packed(record("a"), record("new"))})
        with DuckDBEngine(logs=[folder], copy=folder / ".parquet") as engine:
            assert "new" in [row[0] for row in engine.run(IDS, {}).rows]

    def test_leaves_a_broken_file_as_it_is_so_that_every_answer_names_it(self, logs):
        folder = logs({f"{FOLDER}a.json.gz": packed(record("a")), f"{FOLDER}b.json.gz": b"broken"})
        done = ingest([folder], folder / ".parquet")
        assert done.files == 1 and len(done.problems) == 1
        found, partial = ids(folder, copy=folder / ".parquet")
        assert found == ["a"] and "b.json.gz" in partial[0]

    def test_is_parquet_that_others_read(self, logs):
        folder = logs({f"{FOLDER}a.json.gz": packed(record("a", requestParameters={"x": 1}))})
        ingest([folder], folder / ".parquet")
        with duckdb.connect() as connection:
            pattern = str(folder / ".parquet" / "*" / "*.parquet")
            found = connection.execute(
                "SELECT requestparameters, account, region, day FROM read_parquet(?, hive_partitioning=false)",
                [pattern],
            ).fetchall()
        assert found == [('{"x":1}', "123456789012", "us-east-1", "2026/10/05")]


@pytest.mark.parametrize(
    ("path", "account", "day"),
    [
        ("/x/AWSLogs/123456789012/CloudTrail/us-east-1/2026/10/05/a.json.gz", "123456789012", "2026/10/05"),
        ("/x/AWSLogs/o-a1/123456789012/CloudTrail/us-east-1/2026/10/05/a.json.gz", "123456789012", "2026/10/05"),
        ("/x/123456789012/CloudTrail/us-east-1/2026/10/05/a.json", "123456789012", "2026/10/05"),
        ("/x/123456789012_CloudTrail_us-east-1_20261005T0005Z_abc.json.gz", "123456789012", "2026/10/05"),
        ("/x/AWSLogs/2026/10/05/a.json.gz", "", ""),
    ],
)
def test_a_path_says_whose_log_it_is(path, account, day):
    found = described(path, 1)
    assert found is not None and (found.account, found.day) == (account, day)


@pytest.mark.parametrize(
    "path",
    [
        "/x/AWSLogs/123456789012/CloudTrail-Digest/us-east-1/2026/10/05/a.json.gz",
        "/x/123456789012_CloudTrail-Insight_us-east-1_20261005T0005Z_abc.json.gz",
        "/x/README.md",
        "/x/a.gz",
    ],
)
def test_what_holds_no_records_is_left_aside(path):
    assert described(path, 1) is None


def test_a_folder_is_read_in_one_order_and_hidden_ones_are_not(logs):
    folder = logs({"b/1.json": b"{}", "a.json": b"{}", ".parquet/day=any/x.json": b"{}"})
    assert [file.path.rpartition("/logs/")[2] for file in log_files([folder])] == ["a.json", "b/1.json"]
    assert [file.path for file in log_files([folder / "a.json"], Wanted())] == [str(folder / "a.json")]
