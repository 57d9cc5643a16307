"""`rootwatch activity`: what was done in a session, in the terminal and in files."""

import csv
import gzip
import io
import json

import boto3
import pytest
import time_machine
from typer.testing import CliRunner

from cli.account import Account
from cli.main import app
from tests.building import ACCOUNT, record
from tests.unit.adapters.inspection import check_visible
from tests.unit.hostile_strings import HOSTILE

CONFIG = f"""\
[deployment]
account = "{ACCOUNT}"
home_region = "us-east-1"
[slack]
channel = "C0123456789"
[accounts]
"{ACCOUNT}" = "shop"
"""
KEY = "AKIAEXAMPLEALICE"
TIMES = ("--from", "2026-11-02T03:00", "--to", "2026-11-02T04:00")


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "rootwatch.toml"
    path.write_text(CONFIG)
    return path


class History:
    """The event history, which moto does not have."""

    def __init__(self, records):
        self.records, self.asked = records, []

    def lookup_events(self, **request):
        self.asked.append(request)
        return {"Events": [{"CloudTrailEvent": json.dumps(item)} for item in self.records]}


@pytest.fixture
def history(aws, monkeypatch):
    """An account with an event history."""
    monkeypatch.setattr("handlers.adapters.session_events._PAUSE", 0.0)
    found = History([record(), record(eventName="ListUsers", readOnly=True)])
    real = Account.client
    monkeypatch.setattr(
        Account,
        "client",
        lambda self, service, region: found if service == "cloudtrail" else real(self, service, region),
    )
    with time_machine.travel("2026-11-02T06:00:00Z", tick=False):
        yield found


def activity(config, *options):
    return CliRunner().invoke(app, ["activity", "--config", str(config), *options])


def test_a_session_is_told(config, history):
    result = activity(config, "--access-key", KEY, *TIMES)
    assert result.exit_code == 0, result.output
    assert f"What was done until now: {KEY}" in result.stdout
    assert "Writes: 1 · Notable reads: 0 of 1 · Failed: 0" in result.stdout
    assert "iam ×1 03:04:00 CreateUser bob" in result.stdout
    assert "recorded only where a trail is set to" in result.stdout
    assert history.asked[0]["StartTime"].isoformat() == "2026-11-02T03:00:00+00:00"


def test_the_files_are_written_and_named(config, history, tmp_path):
    table, picture = tmp_path / "session.csv", tmp_path / "session.png"
    result = activity(config, "--access-key", KEY, *TIMES, "--csv", str(table), "--png", str(picture))
    assert result.exit_code == 0, result.output
    assert "session.csv: 2 records" in result.stderr
    rows = list(csv.DictReader(io.StringIO(table.read_bytes().decode("utf-8-sig"))))
    assert [row["call"] for row in rows] == ["CreateUser", "ListUsers"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_one_record_a_line_for_programs(config, history):
    result = activity(config, "--access-key", KEY, *TIMES, "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["write", "read"]
    assert lines[0]["resources"] == ["bob"]


def test_nothing_found_says_so(config, history):
    history.records = []
    result = activity(config, "--principal", f"arn:aws:iam::{ACCOUNT}:root", *TIMES)
    assert result.exit_code == 0
    assert "Nothing was recorded." in result.stdout
    assert activity(config, "--access-key", KEY, *TIMES, "--json").stdout == ""


def test_a_source_that_fails_is_named_and_the_exit_code_says_so(config, history, monkeypatch):
    from botocore.exceptions import ClientError

    def refuse(**request):
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "x"}}, "LookupEvents")

    history.lookup_events = refuse
    result = activity(config, "--access-key", KEY, *TIMES)
    assert result.exit_code == 1
    assert "CloudTrail's event history could not be read: us-east-1: AccessDeniedException." in result.stdout


def test_the_log_bucket_is_read_where_it_is_configured(config, history):
    config.write_text(CONFIG + "[sessions]\nread_log_bucket = true\n")
    history.records = []
    s3, bucket = boto3.client("s3"), f"rootwatch-trail-{ACCOUNT}-us-east-1"
    s3.create_bucket(Bucket=bucket)
    name = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/11/02/{ACCOUNT}_CloudTrail_us-east-1_20261102T0310Z_x.json.gz"
    data_event = record(eventSource="s3.amazonaws.com", eventName="GetObject", readOnly=True, managementEvent=False)
    s3.put_object(Bucket=bucket, Key=name, Body=gzip.compress(json.dumps({"Records": [data_event]}).encode()))
    result = activity(config, "--access-key", KEY, *TIMES)
    assert result.exit_code == 0, result.output
    assert "s3:GetObject bob 03:04:00 (data)" in result.stdout


def test_in_japanese(config, history):
    config.write_text(CONFIG + '[display]\nlanguage = "ja"\ntime_zone = "Asia/Tokyo"\n')
    assert "書き込み (サービス別)" in activity(config, "--access-key", KEY, *TIMES).stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "which session is meant is not said"),
        (("--principal", "root"), "--principal root is not an ARN"),
        (("--session", "alice"), "--session alice is not an ARN"),
        (("--access-key", "x"), "is not the id of an access key"),
        (("--access-key", "AKIAEXAMPLE/ALICE0"), "is not the id of an access key"),
        (("--access-key", KEY, "--from", "2026-11-02T05:00", "--to", "2026-11-02T04:00"), "is not before --to"),
        (("--access-key", KEY, "--from", "yesterday"), "yesterday"),
        (("--access-key", KEY, "--csv", "/nowhere/at/all.csv"), "/nowhere/at/all.csv: there is no such file or folder"),
    ],
)
def test_what_is_asked_wrongly_is_said_with_what_to_do(config, history, options, told):
    result = activity(config, *options)
    assert result.exit_code in (1, 2)
    assert told in result.stderr
    assert "Fix: " in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_records_are_safe_to_show(config, history, text):
    history.records = [
        record(eventName=text, eventSource=text, userAgent=text, requestParameters={"userName": text}),
        record(errorCode=text, sourceIPAddress=text),
    ]
    result = activity(config, "--access-key", KEY, *TIMES)
    assert result.exit_code == 0, result.output
    for line in result.stdout.splitlines():
        check_visible(line)
