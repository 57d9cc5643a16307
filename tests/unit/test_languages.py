"""Whatever people read of a finding can be said in every language."""

from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handlers.adapters.phrases import PhrasesOf, phrase_files
from handlers.alerting.detection import Concern, Detection
from handlers.alerting.finding import Finding
from handlers.alerting.privilege.tables import table
from handlers.alerting.text import Text
from handlers.detections import CATALOGUE
from handlers.detections import __file__ as detections_file
from tests.unit.detections.examples import FIRING, Example

HANDLERS = Path(detections_file).resolve().parent.parent
JAPANESE = PhrasesOf("ja")
_IS_JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")
_ENGLISH = re.compile(r"[A-Za-z][a-z']+(?:,? (?:[a-z'-]+|[A-Z][a-z']+)){2,}")  # three words in a row are a sentence
_BETWEEN = re.compile(r"\{\w+\}|\b(?:and|called|the|to)\b")  # names, and words that only join them
# Only of these does a phrase come that is no literal: they hand on what a detection or a table declares, checked below.
_HANDED_ON = {"alerting/finding.py", "alerting/digest.py", "alerting/privilege/tables.py"}


def _phrase_calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted(HANDLERS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "phrase":
                yield path, node


def _templates() -> dict[str, str]:
    """Every template with the file that says it."""
    found = {}
    for path, call in _phrase_calls():
        first = call.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            found[first.value] = str(path.relative_to(HANDLERS))
    for detection in CATALOGUE:
        for text in (detection.title, detection.why, *detection.respond):
            found[text] = detection.id
    for path in table().paths:
        for text in (path.name, path.openings[0].needs):
            if text:
                found[text] = "alerting/privilege/escalation_paths.json"
    return found


def _names(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


TEMPLATES = _templates()


def _finding(example: Example) -> Finding:
    concern = example.detection.assess(example.event, example.lookups)
    assert isinstance(concern, Concern)
    return Finding.of(example.detection, example.event, concern, now=datetime(2026, 1, 15, tzinfo=UTC))


FOUND = tuple((example, _finding(example)) for example in FIRING)
_OF_EACH = pytest.mark.parametrize("detection", CATALOGUE, ids=lambda detection: detection.id)


def test_every_phrase_is_a_literal_with_names_alone_in_its_braces() -> None:
    for path, call in _phrase_calls():
        where = f"{path.relative_to(HANDLERS)}:{call.lineno}"
        if str(path.relative_to(HANDLERS)) in _HANDED_ON:
            continue
        assert isinstance(call.args[0], ast.Constant), f"{where}: the template is no literal: no test can find it"
        template = call.args[0].value
        fields = [field for field in string.Formatter().parse(template) if field[1] is not None]
        assert all(name and name.isidentifier() and not spec and not turn for _, name, spec, turn in fields), where
        given = {keyword.arg for keyword in call.keywords}
        assert None in given or given == _names(template), f"{where}: {given} fill {_names(template)}"


def test_every_phrase_is_there_in_japanese_with_the_same_names() -> None:
    missing = [f"{where}: {template}" for template, where in TEMPLATES.items() if template not in JAPANESE]
    assert missing == []
    differing = [english for english in TEMPLATES if _names(JAPANESE[english]) != _names(english)]
    assert differing == []
    english = [
        text
        for text in TEMPLATES
        if re.search(r"[a-z]{2}", _BETWEEN.sub("", text)) and not _IS_JAPANESE.search(JAPANESE[text])
    ]
    assert english == []


def test_one_english_text_has_one_translation() -> None:
    seen: dict[str, tuple[str, Path]] = {}
    for path in phrase_files("ja"):
        pairs = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=list)
        for english, japanese in pairs:
            before = seen.setdefault(english, (japanese, path))
            assert before[0] == japanese, f"{english!r}: {before[1].parent.name} and {path.parent.name} differ"
        assert len(dict(pairs)) == len(pairs), f"{path} says something twice"


def test_no_translation_is_of_what_nobody_says() -> None:
    labels = {fact.label for _, finding in FOUND for fact in finding.facts}
    labels |= {exhibit.title for _, finding in FOUND for exhibit in finding.exhibits}
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted(HANDLERS.rglob("*.py")))
    stale = [text for text in JAPANESE if text not in TEMPLATES and text not in labels and f'"{text}"' not in source]
    assert stale == []


@_OF_EACH
def test_a_finding_in_japanese_has_no_english_left_but_what_the_event_brought(detection: Detection) -> None:
    for example, finding in FOUND:
        if example.detection is not detection:
            continue
        told = finding.said_in(JAPANESE)
        brought = json.dumps([example.raw, finding.actor, finding.actor_arn], ensure_ascii=False)
        labels = [fact.label for fact in told.facts] + [exhibit.title for exhibit in told.exhibits]
        sentences = [told.title, told.summary, told.why, *told.respond]
        for text in (*labels, *sentences, told.subject, *(fact.value for fact in told.facts)):
            left = [run for run in _ENGLISH.findall(text) if run not in brought]
            assert left == [], f"{example.name}: {text}"
        for text in (*labels, *sentences):
            is_data = text in labels and f'"{text}":' in brought  # what AWS calls it in an event that nobody documents
            assert is_data or _IS_JAPANESE.search(text) or not re.search(r"[a-z]{3}", text), f"{example.name}: {text}"


@_OF_EACH
def test_a_stored_finding_says_the_same_in_both_languages(detection: Detection) -> None:
    for example, finding in FOUND:
        if example.detection is detection:
            restored = Finding.from_plain(json.loads(json.dumps(finding.to_kept())))
            assert restored == finding, example.name
            assert isinstance(restored.summary, Text), example.name
            assert restored.said_in(JAPANESE) == finding.said_in(JAPANESE), example.name
