"""`rootwatch digest` reads what the pipeline recorded; `rootwatch suppressions list` shows what is declared."""

import json
from datetime import timedelta

import boto3
import pytest
import time_machine
from typer.testing import CliRunner

from cli.main import app
from handlers.adapters.alert_table import AlertTable
from handlers.alerting.finding import QuietKind
from tests.building import NOW, Stage, detection, record
from tests.unit.adapters.inspection import check_visible

CONFIG = """\
[deployment]
account = "123456789012"
home_region = "us-east-1"
[slack]
channel = "C0123456789"
[[suppressions]]
detection = "access-key-created"
account = "123456789012"
reason = "keys of the old build machines are rotated"
owner = "alice"
ticket = "OPS-1"
created = 2026-11-02
expires = 2026-12-31
[[suppressions]]
detection = "user-policy-attached"
principal = "arn:aws:iam::123456789012:user/ci-*"
reason = "until the groups are there"
owner = "bob"
ticket = "OPS-2"
created = 2026-10-02
expires = 2026-11-05
[[deployers]]
role = "arn:aws:iam::*:role/cdk-hnb659fds-cfn-exec-role-*"
accounts = ["123456789012"]
owner = "bob"
[detections]
staging = ["password-policy-weakened"]
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "rootwatch.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def book(aws):
    """The deployment's alert table."""
    client = boto3.client("dynamodb", region_name="us-east-1")
    client.create_table(
        TableName="rootwatch-alerts",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return AlertTable(client=client, table="rootwatch-alerts", retention=timedelta(days=400))


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def kept_quiet(book, reason):
    return Stage(book=book, options={"quietenings": [lambda finding, event: reason]}, detections=[detection()])


def test_the_digest_of_a_day_counts_and_lists_what_nobody_was_told_of(book, config):
    stage = kept_quiet(book, "digest: the declared deployer x did it; bob answers for it")
    for _ in range(3):
        stage.send()
    stage.pass_time(days=1)
    stage.send()
    result = run("digest", "--config", config, "--day", "2026-11-02")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "2026-11-02 (UTC): routine work of declared deployers: 3 findings"
    assert lines[1] == "      3  user-created  by alice"
    assert sum("alice created a user." in line for line in lines) == 3
    assert "bob answers for it" in lines[-1]


def test_the_digest_is_of_today_where_no_day_is_named(book, config):
    kept_quiet(book, "digest: routine").send()
    with time_machine.travel(NOW, tick=True):
        assert "2026-11-02 (UTC): routine work of declared deployers: 1 finding\n" in run("digest", "-c", config).stdout
    with time_machine.travel(NOW + timedelta(days=1), tick=True):
        assert "2026-11-03 (UTC): routine work of declared deployers: 0 findings" in run("digest", "-c", config).stdout


def test_what_suppressions_covered_is_another_list(book, config):
    kept_quiet(book, "suppressed until 2026-12-31 by alice's ticket OPS-1: rotated").send()
    kept_quiet(book, "expected").send()
    result = run("digest", "-c", config, "--day", "2026-11-02", "--suppressed", "--json")
    (line,) = result.stdout.splitlines()
    assert json.loads(line)["quiet"] == "suppressed until 2026-12-31 by alice's ticket OPS-1: rotated"
    assert run("digest", "-c", config, "--day", "2026-11-02", "--json").stdout == ""


def test_more_findings_than_one_answer_holds_are_read_to_the_last(book, config, monkeypatch):
    stage = kept_quiet(book, "digest: routine")
    for _ in range(25):
        stage.send()
    client, asked = book._client, []

    def query(**request):
        asked.append(request)
        return type(client).query(client, **request, Limit=10)

    monkeypatch.setattr(client, "query", query)
    assert len(book.findings_kept(QuietKind.DIGEST, NOW.date())) == 25
    assert len(asked) == 3


def test_a_hostile_name_is_shown_as_plain_text(book, config):
    stage = kept_quiet(book, "digest: routine")
    stage.send(userIdentity={**record()["userIdentity"], "userName": "al\x1b[2Jice\r\n<!channel>"})
    result = run("digest", "-c", config, "--day", "2026-11-02")
    assert result.exit_code == 0
    check_visible(result.stdout, lines=True)


def test_a_deployment_without_its_table_is_explained(aws, config):
    result = run("digest", "-c", config)
    assert result.exit_code == 1
    assert "the table rootwatch-alerts in us-east-1 did not answer: ResourceNotFoundException." in result.stderr
    assert "dynamodb:Query" in result.stderr


def test_suppressions_are_listed_with_the_days_left_and_warned_of(config):
    with time_machine.travel(NOW, tick=True):
        result = run("suppressions", "list", "--config", config)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["LEFT", "EXPIRES", "DETECTION", "OWNER", "TICKET", "FOR"]
    assert lines[1].startswith("4 days   2026-11-05  user-policy-attached")
    assert lines[2].strip() == "because until the groups are there"
    assert lines[3].startswith("60 days  2026-12-31  access-key-created")
    assert "cdk-hnb659fds-cfn-exec-role-*" in result.stdout
    assert "password-policy-weakened records without telling people" in result.stdout
    assert "suppressions[1] (user-policy-attached, bob, OPS-2) ends on 2026-11-05, in 3 days" in result.stderr


def test_an_ended_one_and_one_to_come_say_so(config):
    with time_machine.travel("2026-12-01", tick=True):
        assert run("suppressions", "list", "-c", config).stdout.splitlines()[1].startswith("ended ")
    with time_machine.travel("2026-10-15", tick=True):
        assert "from 2026-11-02  2026-12-31" in run("suppressions", "list", "-c", config).stdout


def test_suppressions_as_json_are_one_line_each(config):
    with time_machine.travel(NOW, tick=True):
        lines = run("suppressions", "list", "-c", config, "--json").stdout.splitlines()
    items = [json.loads(line) for line in lines]
    assert [item["kind"] for item in items] == ["suppression", "suppression", "deployer", "staging"]
    assert (items[0]["days_left"], items[0]["in_force"], items[0]["ends_soon"]) == (60, True, False)
    assert (items[1]["days_left"], items[1]["ends_soon"]) == (4, True)


def test_where_nothing_is_declared_it_says_so(config):
    config.write_text(CONFIG[: CONFIG.index("[[suppressions]]")])
    result = run("suppressions", "list", "-c", config)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "No suppressions are declared.\n", "")


def test_a_mistake_in_a_suppression_ends_in_its_place_and_the_remedy(config):
    config.write_text(CONFIG.replace("2026-12-31", "2027-12-31"))
    result = run("suppressions", "list", "-c", config)
    assert result.exit_code == 1
    assert "rootwatch.toml:13: suppressions[0].expires: 2027-12-31 is 424 days after created" in result.stderr
