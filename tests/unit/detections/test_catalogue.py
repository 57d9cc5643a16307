"""The catalogue is complete, and a detection's files say the same thing."""

from __future__ import annotations

import ast
import re

import pytest

from handlers.alerting.detection import Detection
from handlers.alerting.digest import DAILY_DIGEST
from handlers.alerting.pipeline import UNREADABLE_EVENT
from handlers.alerting.sweeping import UNREADABLE_LOG_OBJECT
from handlers.alerting.window_desk import BREAK_GLASS_WINDOW
from handlers.detections import CATALOGUE
from tests.unit.detections.examples import FOLDER

_TOLD = {"runbook.md", "runbook.ja.md", "ja.json"}
_FILES = {"__init__.py", "detection.py", "examples.json", *_TOLD}
_FORBIDDEN = {"boto3", "botocore", "slack_sdk", "os", "subprocess", "socket", "urllib", "requests", "time", "datetime"}

_ANNOUNCED = (DAILY_DIGEST, UNREADABLE_EVENT, UNREADABLE_LOG_OBJECT, BREAK_GLASS_WINDOW)


def _folders() -> set[str]:
    return {item.name for item in FOLDER.iterdir() if item.is_dir() and item.name != "__pycache__"}


def test_every_folder_is_listed_and_everything_listed_has_its_folder() -> None:
    assert {detection.folder for detection in (*CATALOGUE, *_ANNOUNCED)} == _folders()
    assert len({detection.id for detection in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("detection", CATALOGUE, ids=lambda detection: detection.id)
def test_a_folder_holds_the_same_files_and_the_constant_is_named_after_it(detection: Detection) -> None:
    folder = FOLDER / detection.folder
    assert {item.name for item in folder.iterdir() if item.name != "__pycache__"} == _FILES
    assert (folder / "__init__.py").read_text() == ""
    tree = ast.parse((folder / "detection.py").read_text())
    names = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert detection.folder.upper() in names
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_detection_talks_to_nobody(path) -> None:  # type: ignore[no-untyped-def]
    if path.name == "__main__.py":
        return  # prints the catalogue; it never runs in Lambda
    for node in ast.walk(ast.parse(path.read_text())):
        modules = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        for module in modules:
            assert module.partition(".")[0] not in _FORBIDDEN, f"{path}: {module}"
            assert not module.startswith(("handlers.adapters", "handlers.wiring", "handlers.settings"))


@pytest.mark.parametrize("detection", _ANNOUNCED, ids=lambda detection: detection.id)
def test_what_no_event_fires_has_its_runbooks_and_nothing_else(detection: Detection) -> None:
    assert {item.name for item in (FOLDER / detection.folder).iterdir()} == _TOLD


@pytest.mark.parametrize("detection", (*CATALOGUE, *_ANNOUNCED), ids=lambda detection: detection.id)
def test_a_runbook_has_the_steps_that_the_message_shows(detection: Detection) -> None:
    text = (FOLDER / detection.folder / "runbook.md").read_text()
    lines = text.splitlines()
    assert lines[0] == f"# {detection.title}"
    steps = re.findall(r"^## (\d)\. (.+)$", text, re.MULTILINE)
    assert steps == [(str(number), step) for number, step in enumerate(detection.respond, start=1)]
    sections = re.split(r"^## ", text, flags=re.MULTILINE)
    introduction, *three, last = sections
    assert len(introduction.split()) >= 30, "what it means, and the usual benign causes"
    for section in three:
        assert "```" in section, f"no command to copy in: {section.splitlines()[0]}"
        assert re.search(r"\b(minute|minutes|hour|hours|day|days)\b", section), "a step says by when, or how far back"
    assert last.startswith("False alarms")
    assert len(last.split()) >= 20


@pytest.mark.parametrize("detection", CATALOGUE, ids=lambda detection: detection.id)
def test_a_data_sheet_is_filled_in(detection: Detection) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", detection.id)
    assert 10 <= len(detection.title) <= 70
    assert detection.why[-1] == "."
    assert len(detection.why) <= 160
    assert len(detection.respond) == 3
    for step in detection.respond:
        assert 20 <= len(step) <= 120
        assert step[0].isupper()
        assert step[-1] != "."
    assert detection.threshold >= 1
    assert all(re.fullmatch(r"\d\.\d+ \(v[0-9.]+-v\d\)", control) for control in detection.cis)
    assert detection.attack
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", technique) for technique in detection.attack)
