"""`rootwatch verify-logs`, on a bucket and on a downloaded copy."""

import base64
import json
from datetime import timedelta

import boto3
import pytest
import time_machine
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto.core import set_initial_no_auth_action_count
from typer.testing import CliRunner

from audit.digest_statement import Statement
from cli.main import app
from tests.unit.audit.signed_chain import (
    ACCOUNT,
    BEGIN,
    BUCKET,
    END,
    Bucket,
    Writer,
    fingerprint,
    public_der,
    written_bucket,
)

OTHER = "210987654321"
CONFIG = f"""\
[deployment]
account = "{ACCOUNT}"
home_region = "us-east-1"
[slack]
channel = "C0123456789"
[trail]
mode = "existing"
name = "main"
bucket_name = "{BUCKET}"
key_prefix = "cloud"
"""


@pytest.fixture(autouse=True)
def in_november(aws):
    with time_machine.travel("2026-11-01T06:00:00Z", tick=True):
        yield


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys.json"
    value = base64.b64encode(public_der()).decode()
    path.write_text(json.dumps({"PublicKeyList": [{"Value": value, "Fingerprint": fingerprint()}]}))
    return path


def uploaded(bucket, name=BUCKET):
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket=name)
    for key, content in bucket.objects.items():
        client.put_object(Bucket=name, Key=key, Body=content, Metadata=bucket.metadata.get(key, {}))
    return client


def small(**options):
    bucket = Bucket(root=options.get("prefix", ""))
    Writer(bucket, **options).hours(BEGIN - timedelta(hours=3), BEGIN + timedelta(hours=6), 1)
    return bucket


SMALL = ("--from", "2026-10-01 00:00", "--to", "2026-10-01 06:00")


def run(*options):
    return CliRunner().invoke(app, ["verify-logs", *(str(option) for option in options)])


def test_a_whole_bucket_is_said_to_be_whole(keys):
    uploaded(small())
    result = run("--bucket", BUCKET, "--public-keys", keys, *SMALL)
    assert result.exit_code == 0, result.output
    assert "Verdict     WHOLE" in result.stdout
    assert "Digests     7 of 7 valid" in result.stdout
    assert "Log files   7 of 7 valid" in result.stdout
    assert f"Signed off by arn:aws:sts::{ACCOUNT}:" in result.stdout
    assert f"Read from   s3://{BUCKET}/" in result.stdout


def test_more_objects_than_a_page_are_listed_to_the_end(keys):
    bucket = Bucket()
    writer = Writer(bucket)
    writer.digest(BEGIN)
    entries = [writer.log(BEGIN + timedelta(minutes=30)) for _ in range(1100)]
    writer.digest(BEGIN + timedelta(hours=1), entries)
    writer.digest(BEGIN + timedelta(hours=2))
    writer.digest(BEGIN + timedelta(hours=3))
    uploaded(bucket)
    result = run("--bucket", BUCKET, "--public-keys", keys, "--from", "2026-10-01 00:00", "--to", "2026-10-01 02:00")
    assert result.exit_code == 0, result.output
    assert "Log files   1,100 of 1,100 valid" in result.stdout


def test_the_bucket_and_prefix_of_the_configuration_are_used(keys, tmp_path):
    uploaded(small(prefix="cloud/"))
    config = tmp_path / "rootwatch.toml"
    config.write_text(CONFIG)
    result = run("--config", config, "--public-keys", keys, *SMALL)
    assert result.exit_code == 0, result.output
    assert f"s3://{BUCKET}/cloud/" in result.stdout


def test_what_fails_is_named_and_the_statement_written(keys, tmp_path):
    bucket = small()
    log = next(key for key in bucket.logs() if "/10/01/" in key)
    client = uploaded(bucket)
    client.delete_object(Bucket=BUCKET, Key=log)
    result = run("--bucket", BUCKET, "--public-keys", keys, *SMALL, "--output", tmp_path / "out")
    assert result.exit_code == 1, result.output
    assert "log-missing" in result.stdout
    assert log in result.stdout
    (written,) = (tmp_path / "out").glob("log-integrity-20261001T0000Z-20261001T0600Z-*.json")
    statement = Statement.from_plain(json.loads(written.read_text()))
    assert [finding.object for finding in statement.findings] == [log]
    text = written.with_suffix(".txt").read_text()
    assert statement.sha256 in text
    assert log in text
    assert str(written) in result.stderr


def test_the_statement_for_programs(keys):
    uploaded(small())
    result = run("--bucket", BUCKET, "--public-keys", keys, *SMALL, "--json")
    assert Statement.from_plain(json.loads(result.stdout)).is_whole


def test_a_replica_is_checked_as_the_copy_it_is(keys):
    uploaded(small(), "replica")
    result = run("--bucket", "replica", "--public-keys", keys, *SMALL)
    assert result.exit_code == 1
    assert "digest-moved" in result.stdout
    assert "--copy-of" in result.stdout
    result = run("--bucket", "replica", "--copy-of", BUCKET, "--public-keys", keys, *SMALL)
    assert result.exit_code == 0, result.output


def test_one_prefix_without_rights_is_could_not_check_and_the_rest_is_checked(keys, monkeypatch):
    bucket = small()
    Writer(bucket, account=OTHER, seed=9).hours(BEGIN - timedelta(hours=3), BEGIN + timedelta(hours=6), 1)
    uploaded(bucket)
    iam = boto3.client("iam")
    iam.create_user(UserName="auditor")
    denied = f"arn:aws:s3:::{BUCKET}/AWSLogs/{OTHER}/*"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:GetObject", "Resource": denied},
        ],
    }
    iam.put_user_policy(UserName="auditor", PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="auditor")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    with time_machine.travel("2026-11-01T06:00:00Z", tick=False):
        result = set_initial_no_auth_action_count(0)(run)("--bucket", BUCKET, "--public-keys", keys, *SMALL, "--json")
    assert result.exit_code == 2, result.output
    statement = Statement.from_plain(json.loads(result.stdout))
    assert statement.by.endswith("user/auditor")
    assert [(chain.account, chain.digests_valid, chain.logs_valid) for chain in statement.chains] == [
        (ACCOUNT, 7, 7),
        (OTHER, 0, 0),
    ]
    unread = [finding for finding in statement.findings if finding.kind == "unreadable"]
    assert len(unread) == 7
    assert all(f"AWSLogs/{OTHER}/" in finding.object for finding in statement.findings)
    assert unread[0].why == "GetObject: AccessDenied"


def test_what_is_downloaded_is_checked_again_without_aws(keys, tmp_path, monkeypatch):
    uploaded(small())
    copy = tmp_path / "copy"
    result = run("--bucket", BUCKET, "--public-keys", keys, *SMALL, "--download", copy)
    assert result.exit_code == 0, result.output
    assert f"--logs {copy}" in result.stderr
    monkeypatch.setattr("boto3.Session", None)  # whoever asks AWS now fails
    again = run("--logs", copy, "--public-keys", copy / "public-keys.json", *SMALL)
    assert again.exit_code == 0, again.output
    assert "Digests     7 of 7 valid" in again.stdout
    log = next((copy / "AWSLogs" / ACCOUNT / "CloudTrail").rglob("*20261001T0*.json.gz"))
    log.write_bytes(log.read_bytes()[:-1])
    changed = run("--logs", copy, "--public-keys", copy / "public-keys.json", *SMALL)
    assert changed.exit_code == 1
    assert log.name in changed.stdout


def cloudtrail(monkeypatch, answer):
    """CloudTrail's ListPublicKeys, which moto does not have; returns the regions asked."""
    asked, real = [], BaseClient._make_api_call

    def call(self, operation, request):
        if operation != "ListPublicKeys":
            return real(self, operation, request)
        asked.append(self.meta.region_name)
        return answer()

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    return asked


def refused():
    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListPublicKeys")


def test_keys_that_aws_does_not_give_leave_everything_unchecked(monkeypatch):
    cloudtrail(monkeypatch, refused)
    uploaded(small())
    result = run("--bucket", BUCKET, *SMALL)
    assert result.exit_code == 2
    assert "COULD NOT CHECK" in result.stdout
    assert "keys-unavailable" in result.stdout
    assert "us-east-1: ListPublicKeys: AccessDeniedException" in result.stdout
    assert "Digests     0 of 7 valid" in result.stdout


def test_the_keys_are_asked_for_in_the_digests_region(monkeypatch):
    asked = cloudtrail(monkeypatch, lambda: {"PublicKeyList": [{"Fingerprint": fingerprint(), "Value": public_der()}]})
    uploaded(small(region="eu-west-1"))
    result = run("--bucket", BUCKET, *SMALL)
    assert result.exit_code == 0, result.output
    assert asked == ["eu-west-1"]
    assert "Keys from   CloudTrail (ListPublicKeys)" in result.stdout


def test_a_bucket_that_is_not_there_says_what_is_needed(keys):
    result = run("--bucket", "none-such", "--public-keys", keys, *SMALL)
    assert result.exit_code == 2
    assert "s3://none-such/ cannot be listed: ListObjectsV2: NoSuchBucket." in result.stderr
    assert "s3:ListBucket" in result.stderr


def test_a_period_without_digests_could_not_be_checked(keys):
    uploaded(small())
    result = run("--bucket", BUCKET, "--public-keys", keys, "--from", "2020-01")
    assert result.exit_code == 2
    assert "no-digests" in result.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--from", "someday", "--bucket", "b"), "no time that is understood"),
        (("--from", "2026-10-02", "--to", "2026-10-01", "--bucket", "b"), "before it begins"),
        (("--from", "2026-10", "--bucket", "b", "--account", "12"), "is no account id"),
        (("--from", "2026-10", "--copy-of", "b"), "--copy-of needs --bucket"),
        (("--from", "2026-10", "--logs", "x", "--copy-of", "b"), "do not go together"),
        (("--from", "2026-10", "--logs", "x", "--download", "b"), "do not go together"),
        (("--from", "2026-10", "--logs", "no-such-folder"), "there is no such folder"),
        (("--from", "2026-10", "--config", "none.toml"), "--bucket NAME"),
        (("--from", "2026-10", "--bucket", "b", "--public-keys", "none.json"), "cannot be read"),
        ((), "--from"),
    ],
)
def test_whatever_is_wrong_in_the_call_is_told_with_code_2(options, words):
    result = run(*options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_a_wrong_folder_layout_says_what_is_expected(tmp_path, keys):
    (tmp_path / "empty").mkdir()
    assert "lay it out as the bucket is" in run("--logs", tmp_path / "empty", "--from", "2026-10").stderr
    inside = tmp_path / "copy" / "cloud" / "AWSLogs" / ACCOUNT
    inside.mkdir(parents=True)
    assert "add: --prefix cloud" in run("--logs", tmp_path / "copy", "--from", "2026-10").stderr
    assert "name the folder above AWSLogs" in run("--logs", inside, "--from", "2026-10").stderr


def test_a_month_is_checked_in_both_layouts(keys):
    bucket = written_bucket(organization="o-a1b2c3d4e5")
    uploaded(bucket)
    options = ("--from", f"{BEGIN:%Y-%m-%d}", "--to", f"{END - timedelta(days=1):%Y-%m-%d}")
    result = run("--bucket", BUCKET, "--public-keys", keys, *options, "--account", ACCOUNT, "--region", "us-east-1")
    assert result.exit_code == 0, result.output
    assert f"o-a1b2c3d4e5/{ACCOUNT} us-east-1" in result.stdout
