import csv
import io
import json
from types import SimpleNamespace

import boto3
import duckdb
import pytest
from moto import mock_aws

from audit.engines import Answer
from audit.questions import all_questions
from cli import audit_asking as asking
from cli.errors import FAILED, USAGE
from tests import trail_story


@pytest.fixture
def logs(tmp_path):
    trail_story.write_logs(tmp_path / "logs")
    trail_story.write_entries(tmp_path / "logs")
    return tmp_path / "logs"


def test_list_names_every_question_in_both_languages(rootwatch):
    result = rootwatch("audit", "list")
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == len(all_questions())
    assert "ルートユーザーのサインイン" in rootwatch("audit", "list", "--language", "ja").stdout
    listed = [json.loads(line) for line in rootwatch("audit", "list", "--json").stdout.splitlines()]
    assert {"name", "title", "answers", "tables", "parameters"} == set(listed[0])


def test_show_tells_the_parameters_and_the_sql(rootwatch):
    result = rootwatch("audit", "show", "by_address")
    assert result.exit_code == 0 and "required" in result.stdout and ":address" in result.stdout
    assert "$address" in rootwatch("audit", "show", "by_address", "--duckdb").stdout


def test_run_answers_as_a_table_and_says_how_much_was_read(rootwatch, logs):
    result = rootwatch("audit", "run", "root_sign_ins", "--from", "2026-10", "--logs", logs)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].split()[:3] == ["time", "operation", "actor"]
    assert "3 rows of 2026-10-01T00:00:00Z to 2026-11-01T00:00:00Z" in result.stderr


def test_what_an_attacker_wrote_is_text_wherever_it_is_shown(rootwatch, logs):
    ask = ("audit", "run", "root_sign_ins", "--from", "2026-10", "--logs", logs, "--format")
    table = rootwatch(*ask, "table").stdout
    assert "\x1b" not in table and "HYPERLINK" in table
    rows = list(csv.DictReader(io.StringIO(rootwatch(*ask, "csv").stdout)))
    assert any(row["user_agent"].startswith("'=HYPERLINK") for row in rows)
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    lines = rootwatch(*ask, "json").stdout
    assert lines.isascii() and "\x1b" not in lines
    assert any(json.loads(line)["user_agent"] == trail_story.HOSTILE for line in lines.splitlines())


def test_parquet_keeps_values_and_types(rootwatch, logs, tmp_path):
    ask = ("audit", "run", "volume_by_service", "--from", "2026-10", "--logs", logs, "--format", "parquet")
    assert rootwatch(*ask).exit_code == USAGE
    assert rootwatch(*ask, "-o", tmp_path / "v.parquet").exit_code == 0
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT * FROM read_parquet(?)", [str(tmp_path / "v.parquet")]).fetchall()
    assert rows == trail_story.volume()
    assert rootwatch(*ask, "-o", tmp_path / "gone" / "v.parquet").exit_code == FAILED


def test_csv_goes_into_a_file(rootwatch, logs, tmp_path):
    ask = ("audit", "run", "volume_by_service", "--from", "2026-10", "--logs", logs, "--format", "csv")
    assert rootwatch(*ask, "-o", tmp_path / "v.csv").stdout == ""
    assert (tmp_path / "v.csv").read_text() == rootwatch(*ask).stdout
    gone = rootwatch(*ask, "-o", tmp_path / "gone" / "v.csv")
    assert gone.exit_code == FAILED and "no such file or folder" in gone.stderr


def test_a_partial_answer_is_called_partial_and_the_exit_code_says_so(rootwatch, logs):
    folder = logs / "AWSLogs/123456789012/CloudTrail/us-east-1/2026/10/05"
    (folder / "broken.json.gz").write_bytes(b"broken")
    result = rootwatch("audit", "run", "root_sign_ins", "--from", "2026-10", "--logs", logs)
    assert result.exit_code == FAILED
    assert "PARTIAL ANSWER, 1 reason:" in result.stderr and "broken.json.gz" in result.stderr
    assert len(result.stdout.splitlines()) == 4


def test_a_period_without_logs_is_no_clean_bill(rootwatch, logs):
    result = rootwatch("audit", "run", "root_sign_ins", "--from", "2020", "--logs", logs)
    assert result.exit_code == FAILED and "does not mean that nothing happened" in result.stderr


def test_accounts_and_regions_narrow_the_answer(rootwatch, logs):
    ask = ("audit", "run", "volume_by_service", "--from", "2026-10", "--logs", logs, "--format", "json")
    all_ = rootwatch(*ask).stdout
    one = rootwatch(*ask, "--account", trail_story.OTHER, "--region", trail_story.ELSEWHERE).stdout
    assert len(one.splitlines()) == 1 and len(all_.splitlines()) > 5
    both = rootwatch(*ask, "--account", trail_story.OTHER, "--account", trail_story.ACCOUNT).stdout
    assert both == all_


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "root_sign_in", "--from", "2026"], USAGE, 'Did you mean "root_sign_ins"'),
        (["show", "nothing"], USAGE, "audit list"),
        (["run", "by_address", "--from", "2026"], USAGE, "--param address=VALUE"),
        (["run", "by_address", "--from", "2026", "-p", "address"], USAGE, "is not NAME=VALUE"),
        (["run", "by_address", "--from", "2026", "-p", "adress=1"], USAGE, 'Did you mean "address"'),
        (["run", "root_sign_ins", "--from", "soon"], USAGE, "last 30 days"),
        (["run", "root_sign_ins", "--from", "2026-10", "--to", "2026-09"], USAGE, "before it begins"),
        (["run", "root_sign_ins", "--from", "2026", "--account", "1"], USAGE, "12 digits"),
        (["run", "root_sign_ins", "--from", "2026", "--logs", "gone"], FAILED, "no such file or folder"),
        (["run", "root_sign_ins", "--from", "2026", "--logs", ".", "--copy", "gone"], FAILED, "audit ingest"),
        (["run", "root_sign_ins", "--from", "2026", "--logs", ".", "--memory", "lots"], USAGE, "500MB"),
        (["run", "root_sign_ins", "--from", "2026"], FAILED, "rootwatch.toml"),
        (["run", "root_sign_ins", "--from", "2026", "--engine", "athena"], FAILED, "rootwatch.toml"),
        (["run", "root_sign_ins", "--from", "2026", "--engine", "athena", "--logs", "."], USAGE, "--engine duckdb"),
        (["run", "root_sign_ins"], USAGE, "--from"),
        (["ingest", "--logs", "gone"], FAILED, "no such file or folder"),
        (["ingest", "--logs", "."], FAILED, "no log file"),
        (["ingest", "--logs", ".", "--to", "2026"], USAGE, "--from"),
    ],
)
def test_a_wrong_call_says_what_is_wrong_and_what_would_be_right(rootwatch, arguments, code, said):
    result = rootwatch("audit", *arguments)
    assert result.exit_code == code and said in result.stderr and "Traceback" not in result.stderr


def test_ingest_makes_a_copy_that_answers_the_same(rootwatch, logs):
    ask = ("audit", "run", "root_activity", "--from", "2026-10", "--logs", logs, "--format", "json")
    before = rootwatch(*ask).stdout
    first = rootwatch("audit", "ingest", "--logs", logs)
    assert first.exit_code == 0 and "0 were in it already" in first.stdout
    assert "0 log files copied" in rootwatch("audit", "ingest", "--logs", logs).stdout
    for path in logs.rglob("*.json.gz"):
        path.unlink()
    after = rootwatch(*ask)
    assert after.stdout == before and after.exit_code == 0


def test_the_shell_answers_statements_of_a_pipe(rootwatch, logs):
    told = (
        "SELECT count(DISTINCT eventid) AS n\nFROM cloudtrail\n"
        "WHERE useridentity.type = 'Root' AND day LIKE '2026/10%';\n"
        ".tables\n.columns windows\n.help\n"
    )
    result = rootwatch("audit", "shell", "--from", "2026-10", "--logs", logs, input=told)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[:2] == ["n", "6"]
    assert "transitions" in result.stdout and "struct<" in result.stdout and ".quit" in result.stdout
    wrong = rootwatch(
        "audit", "shell", "--from", "2026-10", "--logs", logs, input="SELECT nope;\n.sql zzz\n.sql by_address\n"
    )
    assert wrong.exit_code == FAILED and "nope" in wrong.stderr and ":address" in wrong.stdout


def test_logs_come_from_a_bucket_once(rootwatch, tmp_path, monkeypatch):
    with mock_aws():
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="trail-logs")
        for key, data in trail_story.objects().items():
            client.put_object(Bucket="trail-logs", Key=key, Body=data)
        ask = ("audit", "run", "root_sign_ins", "--from", "2026-10", "--bucket", "trail-logs", "--logs", tmp_path / "x")
        first, second = rootwatch(*ask), rootwatch(*ask)
        assert first.exit_code == second.exit_code == 0, first.output
        assert "fetched" in first.stderr and "fetched" not in second.stderr
        assert first.stdout == second.stdout and len(first.stdout.splitlines()) == 4
        gone = rootwatch(
            "audit", "run", "root_sign_ins", "--from", "2026-10", "--bucket", "not-there", "--logs", tmp_path
        )
        assert gone.exit_code == FAILED and "no such bucket" in gone.stderr


def test_what_athena_charges_is_said_and_duckdb_charges_nothing(capsys):
    request = SimpleNamespace(period=SimpleNamespace(from_time="2026-10-01", to_time="2026-11-01"))
    answer = Answer(columns=("who",), rows=(("alice",),), scanned_bytes=200_000_000_000)
    asking.tell(answer, 2.5, request, engine="athena")
    assert "200,000.0 MB in 2.5 s (athena, about " in (said := capsys.readouterr().err)
    assert 0.9 < float(said.partition("about ")[2].partition(" ")[0]) < 1.1
    asking.tell(answer, 2.5, request, engine="duckdb")
    assert "USD" not in capsys.readouterr().err
