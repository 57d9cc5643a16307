"""Athena as an engine: what it is asked, what it answers, and every way in which it does not."""

import datetime
from decimal import Decimal

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.stub import ANY, Stubber

from audit.athena import AthenaEngine, Progress, connect, cost, quoted
from audit.engines import EngineError

SQL = "SELECT eventid FROM cloudtrail WHERE account IN (:account) AND eventname = :name"
ID = "0a1b2c3d-0000-4000-8000-000000000000"
ACCOUNT = "123456789012"


class Stage:
    """An engine on stubbed clients: botocore checks each request and answer against AWS's own description."""

    def __init__(self, **options):
        session = boto3.Session(region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        self.clients = {name: session.client(name) for name in ("athena", "glue")}
        self.athena, self.glue = (Stubber(self.clients[name]) for name in ("athena", "glue"))
        self.now, self.waits, self.seen = 0.0, [], []
        for stub in (self.athena, self.glue):
            stub.activate()
        self.engine = AthenaEngine(
            client=self.clients.__getitem__,
            workgroup="rootwatch-audit",
            database="rootwatch_audit",
            sleep=self.sleep,
            clock=lambda: self.now,
            progress=self.seen.append,
            **options,
        )

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds

    def table(self, **parameters):
        self.glue.add_response(
            "get_table",
            {"Table": {"Name": "cloudtrail", "Parameters": parameters}},
            {"DatabaseName": "rootwatch_audit", "Name": "cloudtrail"},
        )

    def starts(self, sql=ANY, arguments=ANY):
        request = {
            "QueryString": sql,
            "WorkGroup": "rootwatch-audit",
            "QueryExecutionContext": {"Catalog": "AwsDataCatalog", "Database": "rootwatch_audit"},
        }
        if arguments is not None:
            request["ExecutionParameters"] = arguments
        self.athena.add_response("start_query_execution", {"QueryExecutionId": ID}, request)

    def is_in(self, state, *, scanned=0, **status):
        execution = {
            "QueryExecutionId": ID,
            "Status": {"State": state, **status},
            "Statistics": {"DataScannedInBytes": scanned},
        }
        self.athena.add_response("get_query_execution", {"QueryExecution": execution}, {"QueryExecutionId": ID})

    def gives(self, rows, columns, *, first=True, token=None, next_token=None):
        head = [[name for name, _ in columns]] if first else []
        page = {
            "ResultSet": {
                "Rows": [
                    {"Data": [{} if item is None else {"VarCharValue": item} for item in row]} for row in [*head, *rows]
                ],
                "ResultSetMetadata": {"ColumnInfo": [{"Name": name, "Type": kind} for name, kind in columns]},
            }
        }
        request = {"QueryExecutionId": ID, "MaxResults": 1000}
        if next_token:
            page["NextToken"] = next_token
        if token:
            request["NextToken"] = token
        self.athena.add_response("get_query_results", page, request)

    def refuses(self, method, code, message="", client="athena"):
        getattr(self, client).add_client_error(method, code, message)

    def stops(self):
        self.athena.add_response("stop_query_execution", {}, {"QueryExecutionId": ID})

    def fails(self, sql="SELECT 1", parameters=None):
        with pytest.raises(EngineError) as caught:
            self.engine.run(sql, parameters or {})
        self.done()
        return str(caught.value)

    def done(self):
        self.athena.assert_no_pending_responses()
        self.glue.assert_no_pending_responses()


@pytest.fixture
def stage():
    return Stage()


def test_a_question_is_asked_with_its_values_beside_it_and_answered_with_what_it_scanned(stage):
    stage.table()
    stage.starts(
        "SELECT eventid FROM cloudtrail WHERE account IN (?, ?) AND eventname = ?",
        [f"'{ACCOUNT}'", "'111111111111'", "'O''Brien; DROP'"],
    )
    stage.is_in("QUEUED")
    stage.is_in("RUNNING", scanned=5_000_000)
    stage.is_in("SUCCEEDED", scanned=12_000_000)
    stage.gives([["e-1"], [None], [""]], [("eventid", "varchar")])
    answer = stage.engine.run(SQL, {"account": (ACCOUNT, "1" * 12), "name": "O'Brien; DROP"})
    assert (answer.columns, answer.rows) == (("eventid",), [("e-1",), (None,), ("",)])
    assert (answer.scanned_bytes, answer.partial) == (12_000_000, ())
    assert [item.state for item in stage.seen] == ["QUEUED", "RUNNING", "SUCCEEDED"]
    assert stage.seen[1] == Progress(state="RUNNING", scanned_bytes=5_000_000, seconds=0.25)
    stage.done()


def test_without_values_none_are_sent_as_an_empty_list_is_refused(stage):
    stage.starts("SELECT 1 AS one", None)
    stage.is_in("SUCCEEDED")
    stage.gives([["1"]], [("one", "integer")])
    assert stage.engine.run("SELECT 1 AS one", {}).rows == [(1,)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "'plain'"),
        ("", "''"),
        ("O'Brien", "'O''Brien'"),
        ("'; SELECT 1 --", "'''; SELECT 1 --'"),
        ("back\\slash'", "'back\\slash'''"),
        ("a?b:c", "'a?b:c'"),
        ("計画\n", "'計画\n'"),
        (-7, "-7"),
        (True, "true"),
    ],
)
def test_a_value_is_a_literal_whatever_is_in_it(value, text):
    assert quoted(value) == text


def test_the_answer_has_the_types_that_it_has_in_athena(stage):
    columns = [
        ("text", "varchar"),
        ("number", "bigint"),
        ("small", "integer"),
        ("share", "double"),
        ("exact", "decimal(10,2)"),
        ("flag", "boolean"),
        ("day", "date"),
        ("moment", "timestamp(3)"),
        ("zoned", "timestamp(3) with time zone"),
        ("list", "array"),
    ]
    stage.starts(arguments=None)
    stage.is_in("SUCCEEDED")
    row = ["7", "9007199254740993", "-3", "0.5", "12.50", "true", "2026-11-02", "2026-11-02 03:04:05.678"]
    row += ["2026-11-02 03:04:05.678 UTC", "[a, b]"]
    stage.gives([row, [None] * 10], columns)
    first, second = stage.engine.run("SELECT 1", {}).rows
    assert first == (
        "7",
        9007199254740993,
        -3,
        0.5,
        Decimal("12.50"),
        True,
        datetime.date(2026, 11, 2),
        datetime.datetime(2026, 11, 2, 3, 4, 5, 678000),
        "2026-11-02 03:04:05.678 UTC",
        "[a, b]",
    )
    assert second == (None,) * 10


def test_every_page_of_an_answer_is_read_and_only_the_first_row_is_a_heading(stage):
    stage.starts(arguments=None)
    stage.is_in("SUCCEEDED")
    stage.gives([["name"], ["a"]], [("name", "varchar")], next_token="2")
    stage.gives([["name"], ["b"]], [("name", "varchar")], first=False, token="2", next_token="3")
    stage.gives([], [("name", "varchar")], first=False, token="3")
    assert stage.engine.run("SELECT 1", {}).rows == [("name",), ("a",), ("name",), ("b",)]
    stage.done()


def test_an_answer_without_rows_has_its_columns(stage):
    stage.starts(arguments=None)
    stage.is_in("SUCCEEDED")
    stage.gives([], [("name", "varchar")])
    answer = stage.engine.run("SELECT 1", {})
    assert (answer.columns, answer.rows) == (("name",), [])


def test_looks_come_at_growing_distances(stage):
    stage.starts(arguments=None)
    for _ in range(12):
        stage.is_in("RUNNING")
    stage.is_in("SUCCEEDED")
    stage.gives([], [("name", "varchar")])
    stage.engine.run("SELECT 1", {})
    assert stage.waits == sorted(stage.waits)
    assert (stage.waits[0], stage.waits[-1]) == (0.25, 5.0)


def test_a_query_that_is_interrupted_is_cancelled():
    stage = Stage()

    def interrupted(_seconds):
        raise KeyboardInterrupt

    stage.engine._sleep = interrupted
    stage.starts(arguments=None)
    stage.is_in("RUNNING")
    stage.stops()
    with pytest.raises(KeyboardInterrupt):
        stage.engine.run("SELECT 1", {})
    stage.done()


def test_a_query_that_takes_too_long_is_cancelled():
    stage = Stage(time_limit=1)
    stage.starts(arguments=None)
    for _ in range(4):
        stage.is_in("RUNNING")
    stage.stops()
    assert "no answer after 1 seconds, and the query was cancelled" in stage.fails()


def test_a_query_that_cannot_be_cancelled_is_said_to_go_on():
    stage = Stage(time_limit=-1)
    stage.starts(arguments=None)
    stage.is_in("RUNNING")
    stage.refuses("stop_query_execution", "AccessDeniedException")
    assert f"the query {ID} could not be cancelled (AccessDeniedException): it goes on" in stage.fails()


# What Athena would answer with no rows


@pytest.mark.parametrize(
    ("parameters", "values", "said"),
    [
        (
            {"projection.account.type": "enum", "projection.account.values": "111111111111,222222222222"},
            {"account": (ACCOUNT, "1" * 12)},
            f"does not look for the account {ACCOUNT}, so Athena would find nothing of it without a word. Add it to "
            "accounts below [audit]",
        ),
        (
            {"projection.region.type": "enum", "projection.region.values": "us-east-1"},
            {"region": ["sa-east-1"]},
            "does not look for the region sa-east-1",
        ),
        ({"projection.account.type": "injected"}, {"account": ()}, "Name them: --account"),
    ],
)
def test_a_question_about_what_the_table_does_not_look_for_is_refused(stage, parameters, values, said):
    stage.table(**parameters)
    assert said in stage.fails(SQL, {"account": (), "region": (), "name": "x", **values})


def test_what_the_table_looks_for_is_asked(stage):
    stage.table(**{"projection.account.values": f"111111111111, {ACCOUNT}", "projection.region.values": "us-east-1"})
    stage.starts()
    stage.is_in("SUCCEEDED")
    stage.gives([], [("eventid", "varchar")])
    stage.engine.run(SQL, {"account": (ACCOUNT,), "region": ("us-east-1",), "name": "x"})
    stage.done()


def test_a_table_that_is_not_there_is_said_with_what_makes_it(stage):
    stage.refuses("get_table", "EntityNotFoundException", client="glue")
    told = stage.fails(SQL, {"account": (), "name": "x"})
    assert 'no table "rootwatch_audit.cloudtrail"' in told
    assert "set enabled = true below [audit]" in told


# What Athena says no to


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        (
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/x is not authorized",
            "no right to do that (asking in the",
        ),
        ("InvalidRequestException", "WorkGroup rootwatch-audit is not found.", 'no workgroup "rootwatch-audit"'),
        ("ExpiredTokenException", "The security token is expired", "aws sso login"),
        ("UnrecognizedClientException", "The security token is invalid", "the credentials have expired, or are none"),
        ("TooManyRequestsException", "Slow down", "Try again in a minute"),
        ("InvalidRequestException", "line 1:8: mismatched input", "mismatched input"),
        ("InternalServerException", "\x1b[31mred\nline", 'failed (InternalServerException). AWS says: "[31mred line"'),
    ],
)
def test_a_question_that_is_refused_is_refused_in_words(stage, code, message, said):
    stage.refuses("start_query_execution", code, message)
    told = stage.fails()
    assert said in told
    assert told.isprintable()


def test_the_right_that_is_missing_comes_with_the_way_to_it(stage):
    stage.refuses("get_table", "AccessDeniedException", client="glue")
    told = stage.fails(SQL, {"account": (), "name": "x"})
    assert "reading the description of the table cloudtrail" in told
    assert "docs/auditor_role.md" in told


@pytest.mark.parametrize(
    ("state", "words", "said"),
    [
        ("CANCELLED", "Bytes scanned limit was exceeded", "raise scan_limit_gb below [audit]"),
        ("CANCELLED", "", "somebody cancelled the query"),
        (
            "FAILED",
            "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.x.findings' does not exist",
            "a table is missing",
        ),
        (
            "FAILED",
            "CONSTRAINT_VIOLATION: For the injected projected partition column account, the WHERE clause must contain "
            "only static equality conditions",
            "Name them: --account",
        ),
        ("FAILED", "Access denied when writing output to url: s3://x", "may not read what the question needs"),
        ("FAILED", "HIVE_CURSOR_ERROR: Row is not a valid JSON Object", "is no log file"),
        ("FAILED", "Query exhausted resources at this scale factor", "too much for Athena at once"),
        ("FAILED", "GENERIC_INTERNAL_ERROR: who knows", "Athena could not answer."),
    ],
)
def test_a_query_that_fails_is_explained_with_athenas_own_words(stage, state, words, said):
    stage.starts(arguments=None)
    stage.is_in(state, StateChangeReason=words)
    told = stage.fails()
    assert said in told
    assert words in told
    assert ID in told


def test_athenas_error_is_preferred_to_its_reason_and_cut(stage):
    stage.starts(arguments=None)
    stage.is_in("FAILED", StateChangeReason="short", AthenaError={"ErrorMessage": "x" * 2_000 + "\x1b]0;title\x07"})
    told = stage.fails()
    assert "x" * 400 + "…" in told
    assert len(told) < 700
    assert told.isprintable()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoCredentialsError(), "there are no AWS credentials"),
        (EndpointConnectionError(endpoint_url="https://athena.example.com"), "AWS cannot be reached (EndpointConnect"),
    ],
)
def test_aws_that_cannot_be_asked_is_said(error, said):
    class Away:
        def start_query_execution(self, **_):
            raise error

    engine = AthenaEngine(client=lambda _service: Away(), workgroup="w", database="d")
    with pytest.raises(EngineError) as caught:
        engine.run("SELECT 1", {})
    assert said in str(caught.value)


@pytest.mark.parametrize(("value", "fits"), [("x" * 1_022, True), ("x" * 1_023, False), ("'" * 600, False)])
def test_a_value_longer_than_athena_takes_is_refused_before_it_is_sent(value, fits):
    stage = Stage()
    if not fits:
        assert "Athena takes 1,024" in stage.fails("SELECT :a", {"a": value})
        return
    stage.starts()
    stage.is_in("SUCCEEDED")
    stage.gives([], [("a", "varchar")])
    stage.engine.run("SELECT :a", {"a": value})


def test_sql_longer_than_athena_takes_is_refused(stage):
    assert "Athena takes 262,144" in stage.fails("SELECT 1 -- " + "x" * 262_144)


def test_what_a_query_costs_has_a_least_and_is_counted_by_the_megabyte():
    assert cost(0) == cost(10_000_000) == pytest.approx(0.00005)
    assert cost(10_000_001) == pytest.approx(0.000055)
    assert cost(1_000_000_000_000) == pytest.approx(5.0)
    assert cost(100_000_000_000, price_per_tb=9) == pytest.approx(0.9)


def test_a_profile_that_is_not_there_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(EngineError, match="could not be found"):
        connect(region="us-east-1", workgroup="w", database="d", profile="auditor")
