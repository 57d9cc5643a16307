"""Everything a detection says by itself is there in Japanese: its own texts, and a runbook with the same commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from handlers.alerting.detection import Detection
from handlers.alerting.digest import DAILY_DIGEST
from handlers.alerting.pipeline import UNREADABLE_EVENT
from handlers.alerting.sweeping import UNREADABLE_LOG_OBJECT
from handlers.alerting.window_desk import BREAK_GLASS_WINDOW
from handlers.detections import CATALOGUE

_FOLDER = Path(__file__).parents[3] / "handlers" / "detections"
_ALL = (*CATALOGUE, DAILY_DIGEST, UNREADABLE_EVENT, UNREADABLE_LOG_OBJECT, BREAK_GLASS_WINDOW)
_EVERY = pytest.mark.parametrize("detection", _ALL, ids=lambda detection: detection.id)

_JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")
_HEADLINE = 40  # characters: the title is the headline of a message
_BLOCK = re.compile(r"^```[a-z]*\n.*?^```$", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"`[^`\n]+`")
_COMMENT = re.compile(r"(?:^|(?<=\s))#\s.*$")
_ENGLISH_SENTENCE = re.compile(r"[A-Za-z][A-Za-z'’-]*(?:[ \n,;:]+[A-Za-z][A-Za-z'’-]*){5,}")
_NUMBER = re.compile(r"\d+")


def _english_left_in(text: str) -> list[str]:
    """Runs of six English words and more, code apart."""
    return _ENGLISH_SENTENCE.findall(_INLINE_CODE.sub("``", _BLOCK.sub("", text)))


def _commands_and_comments(text: str) -> tuple[list[str], list[str]]:
    """The lines of the code blocks without their comments, and the comments ("" for a line without one)."""
    lines = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
    comments = [match.group() if (match := _COMMENT.search(line)) else "" for line in lines]
    return [_COMMENT.sub("", line).rstrip() for line in lines], comments


def _paragraphs(text: str) -> list[str]:
    """Headings, paragraphs and code blocks in their order; a code block is "```" here."""
    return [part for part in re.split(r"\n{2,}", _BLOCK.sub("```", text).strip()) if part]


def _kind(paragraph: str) -> str:
    return paragraph.split(" ", 1)[0] if paragraph.startswith(("#", "```")) else "text"


def _texts(detection: Detection) -> tuple[str, ...]:
    return (detection.title, detection.why, *detection.respond)


def _table(detection: Detection) -> dict[str, str]:
    table = json.loads((_FOLDER / detection.folder / "ja.json").read_text(encoding="utf-8"))
    assert isinstance(table, dict)
    return table


def _runbooks(detection: Detection) -> tuple[str, str]:
    folder = _FOLDER / detection.folder
    return (folder / "runbook.md").read_text(encoding="utf-8"), (folder / "runbook.ja.md").read_text(encoding="utf-8")


def test_every_runbook_belongs_to_a_detection_that_is_looked_at_here() -> None:
    assert {path.parent.name for path in _FOLDER.glob("*/runbook.md")} == {detection.folder for detection in _ALL}
    assert {path.parent.name for path in _FOLDER.glob("*/runbook.ja.md")} <= {detection.folder for detection in _ALL}


@_EVERY
def test_title_reason_and_steps_are_there_in_japanese(detection: Detection) -> None:
    table = _table(detection)
    for english in _texts(detection):
        japanese = table[english]
        assert japanese.strip() == japanese
        assert _JAPANESE.search(japanese), japanese
        assert not _english_left_in(japanese)


@_EVERY
def test_the_title_fits_a_headline(detection: Detection) -> None:
    title = _table(detection)[detection.title]
    assert len(title) <= _HEADLINE
    assert not title.endswith("。")


@_EVERY
def test_headings_of_the_runbook_are_the_title_and_the_steps(detection: Detection) -> None:
    table = _table(detection)
    _, runbook = _runbooks(detection)
    headings = [part for part in _paragraphs(runbook) if part.startswith("#")]
    steps = [f"## {number}. {table[step]}" for number, step in enumerate(detection.respond, start=1)]
    assert headings == [f"# {table[detection.title]}", *steps, "## 誤検知"]


@_EVERY
def test_the_runbook_has_the_same_parts_in_the_same_order(detection: Detection) -> None:
    english, japanese = ([_kind(part) for part in _paragraphs(text)] for text in _runbooks(detection))
    assert japanese == english


@_EVERY
def test_commands_are_the_same_and_comments_are_translated(detection: Detection) -> None:
    english, japanese = _runbooks(detection)
    commands, comments = _commands_and_comments(english)
    their_commands, their_comments = _commands_and_comments(japanese)
    assert commands  # a runbook without commands would pass all that follows
    assert their_commands == commands
    for comment, translated in zip(comments, their_comments, strict=True):
        assert bool(comment) == bool(translated)
        assert not comment or _JAPANESE.search(translated), translated


@_EVERY
def test_every_paragraph_is_japanese_and_keeps_the_numbers(detection: Detection) -> None:
    english, japanese = ([part for part in _paragraphs(text) if part != "```"] for text in _runbooks(detection))
    assert not _english_left_in("\n\n".join(japanese))
    for original, translated in zip(english, japanese, strict=True):
        assert _JAPANESE.search(translated), translated
        assert set(_NUMBER.findall(original)) <= set(_NUMBER.findall(translated)), translated


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("アクセスキーです。Ask whoever made the key for it.", ["Ask whoever made the key for it"]),
        ("split\nover two lines of a paragraph", ["split\nover two lines of a paragraph"]),
        ("AWS IAM Identity Center Access Analyzer を使います。", ["AWS IAM Identity Center Access Analyzer"]),
        ("IAM Identity Center と Access Analyzer を使います。", []),
        ("`rootwatch window revoke this one and that one` を実行します。", []),
        ("次を実行します。\n\n```sh\necho one two three four five six\n```\n", []),
    ],
)
def test_a_sentence_left_in_english_is_found(text: str, found: list[str]) -> None:
    assert _english_left_in(text) == found


@pytest.mark.parametrize(
    ("line", "command", "comment"),
    [
        ("aws iam list-users   # 全員", "aws iam list-users", "# 全員"),
        ("# 全員", "", "# 全員"),
        ('echo "a#b" "$#"', 'echo "a#b" "$#"', ""),
    ],
)
def test_a_comment_is_told_from_its_command(line: str, command: str, comment: str) -> None:
    assert _commands_and_comments(f"```sh\n{line}\n```") == (["```sh", command, "```"], ["", comment, ""])
