"""`rootwatch alerts` shows what the pipeline recorded, and what people did with it."""

import json
from datetime import timedelta

import pytest

from handlers.alerting.alert import Told
from handlers.alerting.life import Act, Cause, Verb
from handlers.alerting.severity import Severity
from tests.building import NOW, Stage, detection, record
from tests.integration.test_cli_quiet import CONFIG, book, run  # noqa: F401 - the fixture `book`
from tests.unit.adapters.inspection import check_visible


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "rootwatch.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def stage(book):  # noqa: F811
    return Stage(book=book, detections=[detection()])


def only(stage):
    (alert,) = stage.book.every_alert()
    return alert


def act(stage, verb, id="1", by="U0ALICE000", seconds=60, **more):
    at = stage.now + timedelta(seconds=seconds)
    return stage.book.act(only(stage).id, Act(id=id, verb=verb, by=by, at=at, **more))


def told_story(stage):
    """Two findings, one of them quiet; acknowledged, escalated, closed."""
    stage.send()
    stage.pass_time(seconds=30)
    stage.options["quietenings"] = [lambda *_: "suppressed until 2026-12-31 by alice's ticket OPS-1: rotated"]
    stage.send()
    act(stage, Verb.ACKNOWLEDGE, id="1")
    act(stage, Verb.ESCALATE, id="2", by="U0BOB00000", seconds=120)
    act(
        stage,
        Verb.CLOSE,
        id="3",
        by="U0BOB00000",
        seconds=600,
        cause=Cause.MENDED,
        reason="the key is gone",
        ticket="OPS-7",
    )


def test_the_story_of_an_alert_is_a_line_for_each_thing_in_order(stage, config):
    told_story(stage)
    result = run("alerts", "show", only(stage).id, "-c", config)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "HIGH  A user was created"
    assert lines[1:5] == [
        f"  alert    {only(stage).id}",
        "  account  123456789012 (production)",
        "  state    closed, by U0BOB00000",
        "  count    2 findings, 1 of them quiet",
    ]
    assert "  told     slack: 1 finding, last at 2026-11-02 03:04:05" in lines
    story = lines[lines.index("") + 1 :]
    assert [line[:19] for line in story] == sorted(line[:19] for line in story)
    assert [line.split()[2] for line in story] == ["finding", "finding", "acknowledged", "escalated", "closed"]
    assert "alice created a user. [HIGH, user-created, event 00000000-" in story[0]
    assert "Nobody was told: suppressed until 2026-12-31" in story[1]
    assert story[2].endswith("acknowledged  by U0ALICE000")
    assert story[4].endswith("closed        by U0BOB00000: mended: the key is gone (ticket OPS-7)")


def test_the_story_as_json_is_one_object_with_everything(stage, config):
    told_story(stage)
    (line,) = run("alerts", "show", only(stage).id, "-c", config, "--json").stdout.splitlines()
    story = json.loads(line)
    assert [item["state"] for item in story["history"]] == ["acknowledged", "escalated", "closed"]
    assert (story["history"][2]["cause"], story["history"][2]["version"]) == ("mended", 3)
    assert [bool(item["quiet"]) for item in story["recorded"]] == [False, True]
    assert story["told"]["slack"]["findings"] == 1


def test_alerts_are_listed_newest_first_with_their_state(stage, config):
    stage.send(eventTime="2026-11-02T03:00:00Z")
    act(stage, Verb.ACKNOWLEDGE)
    stage.send(eventTime="2026-11-02T09:00:00Z")
    result = run("alerts", "list", "-c", config)
    assert result.exit_code == 0, result.output
    head, first, second = result.stdout.splitlines()
    assert head.split() == ["ALERT", "LAST", "(UTC)", "SEVERITY", "STATE", "BY", "FINDINGS", "WHAT"]
    assert "2026-11-02 09:00  HIGH      open" in first
    assert "2026-11-02 03:00  HIGH      acknowledged  U0ALICE000  1         alice created a user." in second


def test_a_state_and_a_limit_narrow_the_list(stage, config):
    for hour in (1, 4, 7):
        stage.send(eventTime=f"2026-11-02T{hour:02}:00:00Z")
    assert len(run("alerts", "list", "-c", config, "--json").stdout.splitlines()) == 3
    newest = json.loads(run("alerts", "list", "-c", config, "--json", "-n", "1").stdout)
    assert newest["last_time"].startswith("2026-11-02T07:00")
    assert run("alerts", "list", "-c", config, "--state", "closed").stdout == "There are no such alerts.\n"
    wrong = run("alerts", "list", "-c", config, "--state", "shut")
    assert wrong.exit_code == 2
    assert "open, acknowledged, escalated, expected, closed" in wrong.stderr


def test_more_rows_than_one_answer_holds_are_read_to_the_last(stage, config, monkeypatch):
    for _ in range(7):
        stage.send()
    client, asked = stage.book._client, []

    def limited(method):
        def call(**request):
            asked.append(method)
            return getattr(type(client), method)(client, **request, Limit=3)

        return call

    for method in ("query", "scan"):
        monkeypatch.setattr(client, method, limited(method))
    assert len(list(stage.book.every_finding(only(stage).id))) == 7
    assert asked.count("scan") > 1
    assert asked.count("query") > 1


def test_an_alert_that_is_not_there_is_explained(book, config):  # noqa: F811
    result = run("alerts", "show", "A0\x1b[2J", "-c", config)
    assert result.exit_code == 1
    assert "there is no alert A0" in result.stderr
    assert "rootwatch alerts list" in result.stderr
    check_visible(result.stderr, lines=True)


def test_hostile_names_and_reasons_are_shown_as_plain_text(stage, config):
    stage.send(userIdentity={**record()["userIdentity"], "userName": "al\x1b[2Jice\r\n<!channel>"})
    act(
        stage,
        Verb.EXPECT,
        reason="see\x1b]0;x\x07 this\n2026-11-02 03:05:00  closed  by U0BOB00000",
        ticket="\u202eOPS",
    )
    result = run("alerts", "show", only(stage).id, "-c", config)
    check_visible(result.stdout, lines=True)
    assert sum("U0BOB00000" in line for line in result.stdout.splitlines()) == 1, "a reason makes no line of its own"
    check_visible(run("alerts", "list", "-c", config).stdout, lines=True)


def test_a_deployment_without_its_table_is_explained(aws, config):
    for words in (["list"], ["show", "A0"]):
        result = run("alerts", *words, "-c", config)
        assert result.exit_code == 1
        assert "the table rootwatch-alerts in us-east-1 did not answer: ResourceNotFoundException." in result.stderr


def test_what_a_channel_knows_is_shown(stage, config):
    stage.send()
    told = Told(reference="C1:1.0", count=1, severity=Severity.HIGH, kinds=frozenset(), cursor="", at=NOW)
    stage.book.save_told(only(stage).id, "email", told)
    assert (
        "told     email: 1 finding, last at 2026-11-02 03:04:05"
        in run("alerts", "show", only(stage).id, "-c", config).stdout
    )
