"""The real command in a process of its own: pipes, colours, signals, exit codes and the time it takes to start."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from handlers.detections import CATALOGUE
from handlers.detections.root_console_login.detection import ROOT_CONSOLE_LOGIN

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from cli.main import run; run()"]
EXAMPLES = REPOSITORY / "handlers" / "detections" / ROOT_CONSOLE_LOGIN.folder / "examples.json"


@pytest.fixture
def event(tmp_path):
    path = tmp_path / "event.json"
    path.write_text(json.dumps(json.loads(EXAMPLES.read_text())["fires"][0]["event"]))
    return path


def environment(**changes):
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "TERM")}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **changes}


def run(*arguments, command=COMMAND, env=None, **options):
    return subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env=environment(**(env or {})),
        **options,
    )


# A process started by a test has no terminal of its own, from which Ctrl-C would come.
WITH_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "


def at_a_terminal(*arguments, env=None, answers=()):
    """(exit code, everything a person saw) of the command at a terminal of 80 columns.

    `answers` are (what is waited for, what is then typed).
    """
    ours, theirs = pty.openpty()
    waiting = list(answers)
    with subprocess.Popen(
        [*COMMAND[:-1], WITH_TERMINAL + COMMAND[-1], *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(TERM="xterm", COLUMNS="80", **(env or {})),
        start_new_session=True,
    ) as process:
        os.close(theirs)
        seen = b""
        while select.select([ours], [], [], 30)[0]:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # Linux: the other side is closed
                break
            seen += part
            if waiting and waiting[0][0].encode() in seen:
                time.sleep(0.5)  # what is typed before the echo is off would be thrown away
                os.write(ours, waiting.pop(0)[1].encode())
        process.kill()  # after 30 silent seconds; otherwise it has ended
    os.close(ours)
    return process.returncode, seen.decode()


def test_the_console_script_is_installed_and_is_this_command():
    script = Path(sys.executable).parent / "rootwatch"
    if not script.exists():
        pytest.skip("not installed: run `make setup`")
    assert run("--version", command=[str(script)]).stdout == run("--version").stdout


def test_a_pipe_gets_no_colour_no_progress_and_whole_lines(event):
    result = run("replay", event)
    assert (result.returncode, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout
    assert "\r" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) > 100


def test_a_terminal_gets_colour_and_wrapped_lines(event):
    code, seen = at_a_terminal("replay", event)
    assert code == 0
    assert "\x1b[" in seen
    bare = re.sub(r"\x1b\[[0-9;]*m", "", seen)
    lines = [line.rpartition("\r")[2] for line in bare.replace("\r\n", "\n").split("\n")]
    # What is to be copied is never broken: the small print, and paths.
    assert max(len(line) for line in lines if " · " not in line and "/" not in line) < 80


def test_no_color_takes_the_colour_away(event):
    code, seen = at_a_terminal("replay", event, env={"NO_COLOR": "1"})
    assert code == 0
    assert "\x1b[" not in seen


def test_events_come_through_a_pipe(event):
    result = run("replay", "-", "--json", input=event.read_text())
    assert json.loads(result.stdout)["severity"] == "CRITICAL"
    assert result.stderr == "1 alert from 1 event in 1 file\n"


def test_exit_codes_say_done_failed_and_wrongly_called(event, tmp_path):
    assert run("replay", event).returncode == 0
    assert run("replay", event, tmp_path / "missing.json").returncode == 1
    assert run("replay").returncode == 2


def test_a_message_and_never_a_traceback(tmp_path):
    for arguments in (["replay", "missing"], ["replay"], ["slack", "set-token"], ["detections", "x"], ["explain", "/"]):
        result = run(*arguments, cwd=tmp_path, input="") if arguments != ["explain", "/"] else run("explain", "missing")
        assert result.returncode in (1, 2)
        assert result.stderr.startswith("rootwatch: ")
        assert "Traceback" not in result.stderr


def test_somebody_who_has_read_enough_is_no_error(tmp_path):
    process = subprocess.Popen(
        [*COMMAND, "detections", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(PYTHONUNBUFFERED="1"),
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 141


def test_ctrl_c_ends_it_quietly():
    process = subprocess.Popen(
        [*COMMAND, "replay", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    time.sleep(1.5)  # it waits for its input by then
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"")


@pytest.mark.parametrize(("arguments", "prompt"), [(["init"], "AWS account id"), (["slack", "set-token"], "not shown")])
def test_ctrl_c_at_a_question_ends_it_quietly(tmp_path, arguments, prompt):
    config = tmp_path / "rootwatch.toml"
    if "init" not in arguments:
        config.write_text(
            '[deployment]\naccount = "123456789012"\nhome_region = "us-east-1"\n[slack]\nchannel = "C0123456789"\n'
        )
    option = "--output" if "init" in arguments else "--config"
    nobody = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/none", "AWS_SHARED_CREDENTIALS_FILE": "/none"}
    code, seen = at_a_terminal(*arguments, option, config, env=nobody, answers=[(prompt, "\x03")])
    assert code == 130
    assert seen.rpartition(prompt)[2].replace("^C", "").strip(" :\r\n(),.") == ""


def test_a_terminal_that_is_not_utf8_shows_question_marks(event):
    result = run("replay", event, env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"})
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()


def test_the_token_is_not_shown_at_a_terminal(tmp_path):
    token = "xoxp-" + "1234567890" * 3  # of the wrong kind: it is refused before anybody is asked
    config = tmp_path / "rootwatch.toml"
    config.write_text(
        '[deployment]\naccount = "123456789012"\nhome_region = "us-east-1"\n[slack]\nchannel = "C0123456789"\n'
    )
    code, seen = at_a_terminal("slack", "set-token", "--config", config, answers=[("not shown", token + "\n")])
    assert code == 1
    assert token not in seen
    assert "this is a user token" in seen


def test_it_starts_without_the_heavy_libraries():
    heavy = ("boto3", "botocore", "pydantic", "aws_cdk", "slack_sdk", "yaml", "rich", "handlers.detections")
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom cli.main import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    assert run(command=[sys.executable, "-c", program]).stdout == "[]\n"


def test_memory_does_not_grow_with_the_number_of_files(event, tmp_path):
    """The same events in 20 files and in 400: the peak is the same, within a few megabytes."""
    quiet = json.loads(event.read_text())
    quiet["detail"] |= {"eventName": "GetUser", "userIdentity": {"type": "IAMUser", "userName": "alice"}}
    quiet["detail"]["userAgent"] = "x" * 20_000
    text = json.dumps({"Records": [quiet] * 10})
    program = (
        "import resource, sys\nfrom cli.main import app\n"
        "try:\n    app(['replay', sys.argv[1]])\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for count in (20, 400):
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.json").write_text(text)
        result = run(folder, command=[sys.executable, "-c", program])
        *_, summary, peak = result.stdout.splitlines()
        assert summary == f"0 alerts from {count * 10:,} events in {count} files"
        peaks.append(int(peak))
    assert peaks[1] - peaks[0] < 10_000  # kilobytes; the files of the second run are 80 MB


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the command as somebody else")
def test_what_may_not_be_read_is_named_and_the_rest_is_read(event):
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        shutil.copy(event, folder / "good.json")
        for name in ("secret.json", "hidden/inner.json"):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(event, folder / name)
        (folder / "secret.json").chmod(0)
        (folder / "hidden").chmod(0)
        program = (  # run once before: this Python's own files may be nobody else's to read
            "import os, sys\nfrom typer.testing import CliRunner\nfrom cli.main import app\n"
            "CliRunner().invoke(app, sys.argv[1:])\n"
            "os.setgid(65534)\nos.setuid(65534)\napp(sys.argv[1:])"
        )
        command = [sys.executable, "-c", program]
        result = run("replay", folder, folder / "hidden" / "inner.json", command=command)
    finally:
        shutil.rmtree(folder)
    assert result.returncode == 1
    assert sorted(line.partition(str(folder))[2] for line in result.stderr.splitlines()) == [
        "/hidden/inner.json: cannot be read: you have no permission",
        "/hidden: cannot be listed: you have no permission",
        "/secret.json: cannot be read: you have no permission",
    ]
    assert "1 alert from 1 event in 3 files; 3 problems" in result.stdout


def test_what_help_lists_is_what_there_is():
    text = run("--help").stdout
    assert {line.split()[0] for line in text.partition("Commands:\n")[2].splitlines() if line.startswith("  ")} >= {
        *("init", "try", "replay", "explain", "detections", "slack")
    }
    assert len(run("detections").stdout.splitlines()) >= len(CATALOGUE)
