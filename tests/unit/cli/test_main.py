"""The command as people type it: what it prints, where, and with which exit code."""

import gzip
import json
import re
from pathlib import Path

import pytest

import cli.main
import cli.try_
from handlers.detections import CATALOGUE
from tests.unit.adapters.inspection import check_visible

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpus"


def test_the_version_is_said(rootwatch):
    result = rootwatch("--version")
    assert (result.exit_code, result.stdout) == (0, f"rootwatch {cli.main.our_version()}\n")


def test_without_arguments_the_commands_are_listed(rootwatch):
    result = rootwatch()
    assert result.exit_code == 2
    for command in ("init", "try", "replay", "explain", "detections", "slack"):
        assert f"  {command} " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-command"], "No such command 'no-such-command'."),
        (["replay"], "Missing argument 'FILE'."),
        (["replay", "--no-such-option"], "No such option: --no-such-option"),
        (["try", "--port-aws", "70000"], "Invalid value for '--port-aws'"),
        (["detections", "root-consle-login"], "did you mean root-console-login?"),
        (["replay", "x.json", "-d", "nothing-like-it"], "there is no detection 'nothing-like-it'."),
    ],
)
def test_a_wrong_call_is_one_message_and_exit_code_2(rootwatch, arguments, message):
    result = rootwatch(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("rootwatch: ")
    assert message in result.stderr
    assert "\n  Fix: " in result.stderr
    assert result.stdout == ""


def test_a_defect_of_ours_is_a_message_and_with_debug_a_traceback(rootwatch, monkeypatch, write):
    def broken(*_arguments, **_options):
        raise ZeroDivisionError("division \x1b[2J by zero")

    monkeypatch.setattr("cli.replay.Replay.finish", broken)
    path = write("e.json", "[]")
    result = rootwatch("replay", path)
    assert result.exit_code == 1
    assert result.stderr == (
        "rootwatch: this should not happen: ZeroDivisionError: division \ufffd[2J by zero\n"
        "  Fix: run it again with --debug and report what it prints.\n"
    )
    assert isinstance(rootwatch("replay", path, "--debug").exception, ZeroDivisionError)
    assert isinstance(rootwatch("--debug", "replay", path).exception, ZeroDivisionError)


def test_a_replay_prints_the_alert_and_a_summary(rootwatch, write, sign_in):
    result = rootwatch("replay", write("e.json", sign_in()))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("CRITICAL  Root signed in to the console\n")
    assert result.stdout.endswith("\n1 alert from 1 event in 1 file\n")


def test_a_replay_reads_files_folders_and_standard_input_together(rootwatch, write, sign_in, tmp_path):
    write("logs/1.json.gz", gzip.compress(json.dumps({"Records": [sign_in()["detail"]] * 3}).encode()))
    write("logs/2.jsonl", "\n".join(json.dumps(sign_in(userAgent=f"agent {n}")) for n in range(2)))
    result = rootwatch("replay", tmp_path / "logs", "-", input=json.dumps(sign_in(recipientAccountId="210987654321")))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "1 alert from 6 events in 3 files"
    assert "4 times" in result.stdout  # three copies of one event are one


def test_json_is_for_programs_and_the_summary_goes_to_stderr(rootwatch, write, sign_in):
    result = rootwatch("replay", "--json", write("e.json", sign_in()))
    (line,) = result.stdout.splitlines()
    assert json.loads(line)["detections"] == ["root-console-login"]
    assert result.stderr == "1 alert from 1 event in 1 file\n"


def test_only_the_chosen_detections_are_run(rootwatch, write, sign_in):
    path = write("e.json", sign_in())
    assert "0 alerts from 1 event" in rootwatch("replay", "-d", "trail-tampered", path).stdout
    both = rootwatch("replay", "-d", "trail-tampered", "-d", "root-console-login", path).stdout
    assert "1 alert from 1 event" in both


def test_what_is_broken_is_named_skipped_counted_and_exit_code_1(rootwatch, write, sign_in):
    good = json.dumps(sign_in())
    write("a.json", good[:100])
    write("b.jsonl", f"{good}\n{{]\n")
    result = rootwatch("replay", "a.json", "b.jsonl", "missing.json")
    assert result.exit_code == 1
    first, second, third = result.stderr.splitlines()
    assert first.startswith("rootwatch: a.json, line 1, column ")
    assert second.startswith("rootwatch: b.jsonl, line 2, column 2: not JSON: ")
    assert third == "rootwatch: missing.json: cannot be read: there is no such file or folder"
    assert result.stdout.splitlines()[-1] == "1 alert from 1 event in 3 files; 3 problems with reading, named above"


def test_a_file_of_something_else_does_not_fill_the_screen(rootwatch, write):
    result = rootwatch("replay", write("e.jsonl", '{"a": 1}\n' * 300))
    lines = result.stderr.splitlines()
    assert len(lines) == 11
    assert lines[-1].endswith("e.jsonl: 290 more problems like these")
    assert "300 problems with reading" in result.stdout


def test_a_hostile_file_name_is_shown_as_plain_text(rootwatch, write):
    name = "a\x1b[2J\nrootwatch: all is well.json"
    write(name, "x")
    result = rootwatch("replay", name)
    check_visible(result.stderr, lines=True)
    assert len(result.stderr.splitlines()) == 1


def test_account_names_and_time_zone_come_from_the_configuration(rootwatch, write, sign_in):
    config = write(
        "r.toml",
        '[deployment]\naccount = "123456789012"\nhome_region = "us-east-1"\n[slack]\nchannel = "C0123456789"\n'
        '[display]\ntime_zone = "Asia/Tokyo"\nlanguage = "ja"\n[accounts]\n"123456789012" = "production"\n',
    )
    text = rootwatch("replay", "--config", config, write("e.json", sign_in())).stdout
    assert "production (123456789012)" in text
    assert "Asia/Tokyo" in text
    assert "重大" in text


def test_a_broken_configuration_is_explained(rootwatch, write):
    result = rootwatch("replay", "--config", write("r.toml", "[deployment]\naccount = 12\n"), "e.json")
    assert result.exit_code == 1
    assert "r.toml cannot be used" in result.stderr
    assert "r.toml:2: deployment.account" in result.stderr


def test_explain_tells_of_each_detection(rootwatch, write, sign_in):
    result = rootwatch("explain", write("e.json", sign_in()))
    assert (result.exit_code, result.stderr) == (0, "")
    for detection in CATALOGUE:
        assert f" {detection.id} " in result.stdout
    assert "  FIRED    root-console-login" in result.stdout
    lines = rootwatch("explain", "--json", "-d", "root-console-login", "e.json").stdout.splitlines()
    assert [json.loads(line)["outcomes"][0]["result"] for line in lines] == ["fired"]


def test_explain_names_what_is_no_event(rootwatch, write):
    result = rootwatch("explain", write("e.json", '{"a": 1}'))
    assert result.exit_code == 1
    assert "e.json, record 1: neither an EventBridge event" in result.stderr


def test_every_detection_is_listed_and_told(rootwatch):
    listed = rootwatch("detections").stdout
    for detection in CATALOGUE:
        assert re.search(rf"(?m)^{detection.severity.name} +{detection.id} +{re.escape(detection.title)}", listed)
        told = rootwatch("detections", detection.id)
        assert told.exit_code == 0
        for expected in (detection.title, detection.why, "EventBridge pattern", detection.respond[0]):
            assert expected in told.stdout


def test_the_catalogue_as_json_is_one_line_a_detection(rootwatch):
    lines = rootwatch("detections", "--json").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [detection.id for detection in CATALOGUE]


def test_try_ends_with_the_storys_own_exit_code(rootwatch, monkeypatch):
    called = {}
    monkeypatch.setattr(cli.try_, "run_try", lambda **options: called.update(options) or 1)
    assert rootwatch("try", "--once", "--port-aws", "4000", "--port-slack", "4001").exit_code == 1
    assert called == {"once": True, "aws_port": 4000, "slack_port": 4001}


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not here")
@pytest.mark.parametrize(("name", "events"), [("invictus", 2_900), ("grycap", 142), ("otrf_ec2_proxy_s3_exfil", 103)])
def test_recorded_attacks_are_read_to_the_last_record(rootwatch, name, events):
    result = rootwatch("replay", CORPUS / f"{name}.jsonl.gz")
    assert result.exit_code == 0, result.stderr[:2_000]
    assert f" from {events:,} events in 1 file" in result.stdout
    check_visible(result.stdout, lines=True)
