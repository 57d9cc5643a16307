"""`rootwatch report` from an account, from logs, and as an example; what does not answer is named."""

import json

import pytest

from audit.digest_statement import Statement
from tests.building import NOW, Stage, detection
from tests.integration.test_cli_quiet import CONFIG, book, run  # noqa: F401 - the fixture `book`


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "rootwatch.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def at_the_month_after(time_machine):
    time_machine.move_to("2026-12-01T09:00:00Z", tick=False)


def parts(folder):
    plain = json.loads((folder / "report.json").read_text())
    return plain, {item["key"]: item for item in plain["sections"]}


def test_an_example_needs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    result = run("report", "--example", "--month", "2026-10", "--language", "ja")
    assert result.exit_code == 0, result.output
    assert "2026-10：アラート" in result.stdout
    folder = tmp_path / "reports" / "2026-10"
    plain, _ = parts(folder)
    assert plain["example"] is True
    assert 'lang="ja"' in (folder / "report.html").read_text()
    assert (folder / "csv" / "sessions.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_the_report_of_an_account_has_its_alerts_and_names_what_did_not_answer(
    book,  # noqa: F811
    config,
    tmp_path,
    time_machine,
):
    stage = Stage(book=book, detections=[detection()])
    stage.send()
    time_machine.move_to("2026-12-01T09:00:00Z", tick=False)
    out = tmp_path / "out"
    result = run("report", "-c", config, "--month", "2026-11", "-o", out)
    assert result.exit_code == 0, result.output
    plain, found = parts(out)
    alerts = {item["key"]: item["value"] for item in found["alerts"]["figures"]}
    assert alerts["alerts"] == 1
    assert (plain["account"], plain["month"], plain["time_zone"]) == ("123456789012", "2026-11", "UTC")
    assert found["windows"]["missing"] == "break-glass windows are not switched on"
    assert found["questions"]["missing"].startswith("no logs were given to read")
    assert found["integrity"]["missing"].startswith("no statement of")
    assert found["canary"]["missing"] == "no heartbeat is set up in this deployment"
    assert "no logs were given to read" in result.stdout
    suppressions = {item["key"]: item["value"] for item in found["quiet"]["figures"]}
    assert suppressions["suppressions"] == 2
    assert NOW.month == 11


def test_with_logs_the_questions_are_answered(book, config, tmp_path, at_the_month_after):  # noqa: F811
    log = tmp_path / "logs/AWSLogs/123456789012/CloudTrail/us-east-1/2026/11/03/a.json"
    log.parent.mkdir(parents=True)
    record = {
        "eventID": "1",
        "eventTime": "2026-11-03T01:00:00Z",
        "eventName": "ConsoleLogin",
        "eventSource": "signin.amazonaws.com",
        "awsRegion": "us-east-1",
        "userIdentity": {"type": "Root"},
        "responseElements": {"ConsoleLogin": "Success"},
    }
    log.write_text(json.dumps({"Records": [record, record]}))
    (log.parent / "b.json.gz").write_bytes(b"\x1f\x8b\x08\x00broken")
    out = tmp_path / "out"
    result = run("report", "-c", config, "--logs", tmp_path / "logs", "-o", out)
    assert result.exit_code == 0, result.output
    _, found = parts(out)
    answers = {item["id"]: item for item in found["questions"]["tables"]}
    assert len(answers["question-root_sign_ins"]["rows"]) == 1
    assert any("b.json.gz" in reason for reason in answers["question-root_sign_ins"]["partial"])
    assert "b.json.gz" in result.stdout


def test_a_statement_on_whole_logs_goes_into_the_report(book, config, tmp_path, at_the_month_after):  # noqa: F811
    statement = Statement(
        made_at=NOW, by="alice", version="1", place="s3://trail", keys_from="CloudTrail", since=NOW, until=NOW, due=NOW
    )
    path = tmp_path / "statement.json"
    path.write_text(json.dumps(statement.to_plain()))
    out = tmp_path / "out"
    result = run("report", "-c", config, "--statement", path, "-o", out)
    assert result.exit_code == 0, result.output
    _, found = parts(out)
    assert found["integrity"]["missing"] is None
    assert statement.sha256 in found["integrity"]["notes"][0]
    path.write_text(path.read_text().replace("alice", "mallory"))
    result = run("report", "-c", config, "--statement", path, "-o", tmp_path / "other")
    assert result.exit_code == 1
    assert str(path) in result.stderr
    assert "verify-logs" in result.stderr
    assert not (tmp_path / "other").exists()


def test_without_its_table_the_report_says_so_and_the_exit_code_too(aws, config, tmp_path, at_the_month_after):
    out = tmp_path / "out"
    result = run("report", "-c", config, "-o", out)
    assert result.exit_code == 1, result.output
    _, found = parts(out)
    assert "ResourceNotFoundException" in found["alerts"]["missing"]
    assert "the alerts could not be read" in result.stderr
    assert "November" not in result.stdout
    summary = {item["key"]: item["value"] for item in found["summary"]["figures"]}
    assert "missing" in summary["alerts"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--month", "2026-13"), "a month is written as 2026-10"),
        (("--month", "october"), "a month is written as 2026-10"),
        (("--month", "2031-01"), "it has not begun"),
        (("--language", "fr"), "there is en and ja"),
        (("--engine", "spark"), "there is duckdb and athena"),
        (("--logs", "nowhere"), "nowhere: there is no such file or folder"),
        (("--statement", "nowhere.json"), "nowhere.json: there is no such file or folder"),
    ],
)
def test_a_wrong_option_is_named_with_what_would_be_right(
    book,  # noqa: F811
    config,
    tmp_path,
    monkeypatch,
    at_the_month_after,
    arguments,
    said,
):
    monkeypatch.chdir(tmp_path)
    result = run("report", "-c", config, "-o", tmp_path / "out", *arguments)
    assert result.exit_code in (1, 2), result.output
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    result = run("report", "--example", "-o", tmp_path)
    assert result.exit_code == 1
    assert "--force" in result.stderr
    assert [item.name for item in tmp_path.iterdir()] == ["mine.txt"]
    assert run("report", "--example", "-o", tmp_path, "--force").exit_code == 0
    (tmp_path / "csv" / "old.csv").write_text("of another report")
    assert run("report", "--example", "-o", tmp_path, "--force").exit_code == 0
    assert not (tmp_path / "csv" / "old.csv").exists()
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_path_that_is_a_file_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    result = run("report", "--example", "-o", tmp_path / "file")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
