"""Each language says everything, with the same gaps to fill."""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Mapping

import pytest

from handlers.adapters.email import body_of
from handlers.adapters.slack_message import announcement, follow_up
from handlers.adapters.wording import ENGLISH, JAPANESE, LANGUAGES, Words, words_for
from handlers.alerting.actor import ActorKind, Mfa
from handlers.alerting.severity import Severity
from tests.unit.adapters.inspection import check_message
from tests.unit.adapters.samples import SETTINGS, alert, finding, told

_SAME_IN_JAPANESE = {"actor", "named_account", "called", "label"}  # only punctuation around what is filled in


def _gaps(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def _texts(words: Words) -> dict[str, str]:
    texts: dict[str, str] = {}
    for item in dataclasses.fields(words):
        if item.name in ("language", "phrases"):  # what findings say has tests of its own: tests/unit/test_languages.py
            continue
        value = getattr(words, item.name)
        if isinstance(value, Mapping):
            texts.update({f"{item.name}.{key}": text for key, text in value.items()})
        else:
            texts[item.name] = value
    return texts


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_says_everything_with_the_same_gaps_to_fill(language: str) -> None:
    texts, english = _texts(words_for(language)), _texts(ENGLISH)
    assert texts.keys() == english.keys()
    for key, text in texts.items():
        assert text.strip(), key
        assert _gaps(text) == _gaps(english[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_a_word_for_each_severity_identity_and_second_factor(language: str) -> None:
    words = words_for(language)
    assert set(words.severities) == set(Severity)
    assert set(words.actor_kinds) == set(ActorKind)
    assert set(words.mfa) == set(Mfa)


def test_nothing_was_left_untranslated() -> None:
    english, japanese = _texts(ENGLISH), _texts(JAPANESE)
    assert {key for key in english if english[key] == japanese[key]} == _SAME_IN_JAPANESE


def test_a_japanese_message_has_no_english_label_and_keeps_every_limit() -> None:
    settings = dataclasses.replace(SETTINGS, language="ja")
    message = announcement(alert(loud=12, count=13), settings=settings)
    check_message(message)
    check_message(follow_up(alert(loud=2), told(), [finding()], settings=settings, broadcast=True))
    assert message.blocks[0]["text"]["text"] == "🟠 高: Administrator rights were granted"
    mail = body_of(alert(), settings=settings)
    for label in (ENGLISH.who, ENGLISH.account, ENGLISH.why, ENGLISH.what_to_do, ENGLISH.open_event):
        assert f"{label}:" not in mail
    for label in (JAPANESE.who, JAPANESE.account, JAPANESE.why, JAPANESE.what_to_do, JAPANESE.open_event):
        assert label in mail


@pytest.mark.parametrize("language", ["fr", "", "EN", "\x00"])
def test_a_language_we_do_not_have_is_told_in_english_rather_than_not_at_all(language: str) -> None:
    assert words_for(language) is ENGLISH
