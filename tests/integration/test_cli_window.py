"""`rootwatch window`: asked for, decided and listed as whoever the AWS credentials belong to."""

import json
import re
from datetime import timedelta

import boto3
import pytest
import time_machine
from typer.testing import CliRunner

from cli.main import app
from handlers.adapters.window_table import WindowTable
from handlers.alerting.window import WindowState
from handlers.alerting.window_desk import WINDOW_ATTRIBUTE
from tests.building import ACCOUNT, NOW
from tests.unit.adapters.inspection import check_visible

CONFIG = f"""\
[deployment]
account = "{ACCOUNT}"
home_region = "us-east-1"
[slack]
channel = "C0123456789"
[display]
time_zone = "Asia/Tokyo"
[accounts]
"210987654321" = "member"
[break_glass]
enabled = true
required_for = ["root", "arn:aws:iam::{ACCOUNT}:role/BreakGlass*"]
approvers = ["U0CAROL", "arn:aws:iam::{ACCOUNT}:user/bob"]
[[break_glass.people]]
name = "alice"
slack = "U0ALICE"
principals = ["arn:aws:iam::{ACCOUNT}:user/alice"]
addresses = ["192.0.2.0/24"]
[[break_glass.people]]
name = "bob"
slack = "U0BOB"
principals = ["arn:aws:iam::{ACCOUNT}:user/bob"]
addresses = ["192.0.2.0/24"]
"""
REQUEST = ("request", "--person", "alice", "--purpose", "the account's contact", "--ticket", "OPS-7")
ID = re.compile(r"W[0-9a-f]{12}")


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "rootwatch.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def table(aws):
    client = boto3.client("dynamodb", region_name="us-east-1")
    client.create_table(
        TableName="rootwatch-alerts",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return WindowTable(client=client, table="rootwatch-alerts", retention=timedelta(days=400))


@pytest.fixture
def queue(aws):
    """The events queue: returns the window ids that were put on it since it was last asked."""
    client = boto3.client("sqs", region_name="us-east-1")
    url = client.create_queue(QueueName="rootwatch-events")["QueueUrl"]

    def told():
        with time_machine.travel(NOW, tick=False):
            messages = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        found = messages.get("Messages", [])
        for message in found:
            assert set(message["MessageAttributes"]) == {WINDOW_ATTRIBUTE}
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in found]

    return told


@pytest.fixture
def as_user(aws, monkeypatch):
    """Makes the credentials those of an IAM user: (name) -> None."""
    iam = boto3.client("iam")
    keys = {}

    def become(name):
        if name not in keys:
            iam.create_user(UserName=name)
            keys[name] = iam.create_access_key(UserName=name)["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys[name]["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys[name]["SecretAccessKey"])

    return become


@pytest.fixture
def run(config):
    def invoke(*words):
        with time_machine.travel(NOW, tick=False):
            return CliRunner().invoke(app, ["window", *map(str, words), "--config", str(config)])

    return invoke


@pytest.fixture(autouse=True)
def everything(table, queue):
    """Every test has the deployment's table and queue."""


def refused(result, *parts):
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    for part in parts:
        assert part in result.stderr, result.stderr
    check_visible(result.stderr.rstrip("\n"), lines=True)


def test_a_window_is_asked_for_and_approved_by_another(run, as_user, table, queue):
    as_user("alice")
    result = run(*REQUEST, "--from", "2026-11-02 13:00", "--for", "1h30m")
    assert result.exit_code == 0, result.output
    (window_id,) = ID.findall(result.stdout)
    assert "from         2026-11-02 04:00 UTC" in result.stdout
    assert "until        2026-11-02 05:30 UTC" in result.stdout
    assert queue() == [window_id]
    as_user("bob")
    result = run("approve", window_id)
    assert result.exit_code == 0, result.output
    assert f"{window_id}  approved" in result.stdout
    assert queue() == [window_id]
    window = table.find(window_id)
    assert (window.state, window.approved_by, window.requested_by) == (
        WindowState.APPROVED,
        f"arn:aws:iam::{ACCOUNT}:user/bob",
        f"arn:aws:iam::{ACCOUNT}:user/alice",
    )


def test_a_command_typed_again_does_nothing_twice_and_tells_again(run, as_user, table, queue):
    as_user("alice")
    first, again = run(*REQUEST), run(*REQUEST)
    assert first.stdout == again.stdout
    (window_id,) = ID.findall(first.stdout)
    assert queue() == [window_id] * 2
    as_user("bob")
    assert run("approve", window_id).exit_code == run("approve", window_id).exit_code == 0
    assert len(table.history(window_id)) == 2


def test_nobody_approves_their_own_and_is_told_what_to_do(run, as_user, queue):
    as_user("bob")
    (window_id,) = ID.findall(run(*REQUEST).stdout)
    queue()
    refused(run("approve", window_id), "nobody approves a window they asked for", "--emergency REASON")
    as_user("alice")
    refused(run("approve", window_id), "is not among break_glass.approvers", "have your ARN added there")
    assert queue() == []


def test_an_emergency_needs_its_reason_and_is_told(run, as_user, table, queue):
    as_user("alice")
    (window_id,) = ID.findall(run(*REQUEST).stdout)
    refused(run("approve", window_id, "--emergency", " "), "an emergency needs a reason")
    result = run("approve", window_id, "--emergency", "everybody is asleep")
    assert f"{window_id}  approved (emergency)" in result.stdout
    assert queue() == [window_id] * 2
    assert table.find(window_id).reason == "everybody is asleep"


def test_refusing_and_revoking(run, as_user):
    as_user("alice")
    (window_id,) = ID.findall(run(*REQUEST).stdout)
    as_user("bob")
    assert "reason       use the role" in run("refuse", window_id, "--reason", "use the role").stdout
    refused(run("approve", window_id), "it is refused, and stays so", "window request` asks for another")
    as_user("alice")
    (second,) = ID.findall(run(*REQUEST, "--for", "2h").stdout)
    as_user("bob")
    run("approve", second)
    assert f"{second}  revoked" in run("revoke", second).stdout


def test_the_list_shows_what_is_asked_for_and_open_and_with_past_the_rest(run, as_user):
    as_user("alice")
    assert run("list").stdout == "No windows.\n"
    (first,) = ID.findall(run(*REQUEST, "--for", "2h").stdout)
    (second,) = ID.findall(run(*REQUEST, "--account", "210987654321", "--for", "1h").stdout)
    as_user("bob")
    run("approve", first)
    run("refuse", second)
    listed = run("list").stdout.splitlines()
    assert listed[1].split() == [
        first,
        "open",
        *["2026-11-02", "03:04", "05:04", "alice", "root"],
        ACCOUNT,
        "OPS-7",
    ]
    assert len(listed) == 2
    past = [json.loads(line) for line in run("list", "--past", "--json").stdout.splitlines()]
    assert [(item["id"], item["standing"], item["account"]) for item in past] == [
        (second, "refused", "210987654321"),
        (first, "open", ACCOUNT),
    ]


def test_each_option_says_what_is_wrong_with_it(run, as_user, queue):
    as_user("alice")
    wrong = ("--account", "999999999999", "--person", "mallory\x1b[2J", "--as", "arn:aws:iam::1:role/x", "--for", "5h")
    result = run("request", "--purpose", "", "--ticket", "x" * 101, "--from", "2026-01-01 00:00", *wrong)
    refused(
        result,
        "--account '999999999999' is none of the configuration's: 123456789012, 210987654321.",
        "is nobody among break_glass.people: alice, bob.",
        "is not among break_glass.required_for: root",
        "--for is more than 4 hours.",
        "--purpose is empty.",
        "--ticket has more than 100 characters.",
        "--from 2025-12-31 15:00 UTC is over.",
    )
    assert result.exit_code == 2
    assert queue() == []


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((*REQUEST, "--from", "tomorrow"), "is not a time"),
        ((*REQUEST, "--from", "9999-12-31 23:59"), "more than 30 days ahead"),
        ((*REQUEST, "--from", "0001-01-01 00:00"), "is not a time"),
        ((*REQUEST, "--for", "soon"), "is not a length of time"),
        ((*REQUEST, "--for", ""), "is not a length of time"),
        ((*REQUEST, "--for", "1m"), "less than 5 minutes"),
        (("approve", "../W1"), "is not a window's id"),
        (("approve", "W0123456789ab"), "there is no such window"),
    ],
)
def test_slips_are_told_apart(run, as_user, words, part):
    as_user("bob")
    refused(run(*words), part)


def test_a_stranger_is_told_which_arn_to_add(run, as_user):
    as_user("mallory")
    refused(run(*REQUEST), f"arn:aws:iam::{ACCOUNT}:user/mallory is nobody among break_glass.people", "and deploy")


def test_without_a_queue_it_says_that_nobody_was_told_and_how_to_go_on(run, as_user, table):
    as_user("alice")
    client = boto3.client("sqs", region_name="us-east-1")
    client.delete_queue(QueueUrl=client.get_queue_url(QueueName="rootwatch-events")["QueueUrl"])
    refused(run(*REQUEST), "is decided, but nobody has been told", "run the same command again")
    assert len(table.of_account(ACCOUNT, ending_from=NOW)) == 1


def test_without_a_table_it_says_so(run, as_user):
    as_user("alice")
    boto3.client("dynamodb", region_name="us-east-1").delete_table(TableName="rootwatch-alerts")
    for words in (REQUEST, ("list",), ("approve", "W0123456789ab")):
        refused(run(*words), "did not answer: ResourceNotFoundException", "deploy first")


def test_where_windows_are_switched_off_it_says_how_to_switch_them_on(run, as_user, config):
    config.write_text(CONFIG.partition("[break_glass]")[0])
    refused(run("list"), "not switched on", "enabled = true")
