"""A text remembers its template: it is told in another language, kept and restored, and never mistaken for data."""

import copy
import json
import pickle

import pytest

from handlers.alerting.text import Text, cut, from_kept, joined, lined, phrase, said, to_kept

JAPANESE = {
    "{who} left": "{who} が退出しました",
    "Root": "ルートユーザー",
    "{call} in {region}": "{region}で{call}を呼び出しました",
    "{first} {second}": "{first}{second}",
    "broken {a}": "壊れた {b}",
}


def test_it_is_the_english_text_and_says_the_same_in_another_language():
    text = phrase("{who} left", who="alice")
    assert text == "alice left"
    assert said(text, JAPANESE) == "alice が退出しました"
    assert said(text, {}) == "alice left"


def test_what_an_event_brought_is_never_looked_up():
    assert said(phrase("{who} left", who="Root"), JAPANESE) == "Root が退出しました"
    assert said(phrase("{who} left", who=phrase("Root")), JAPANESE) == "ルートユーザーが退出しました"
    assert said("Root", JAPANESE) == "Root"
    assert said(phrase("{who} left", who="{who} {x.__class__}"), JAPANESE) == "{who} {x.__class__} が退出しました"


def test_japanese_has_spaces_around_other_letters_only_and_data_keeps_its_own():
    assert said(phrase("{call} in {region}", call="Get", region="eu-1"), JAPANESE) == "eu-1 で Get を呼び出しました"
    assert said(phrase("{who} left", who="山田 太郎"), JAPANESE) == "山田 太郎 が退出しました"


def test_sentences_follow_one_another():
    text = joined((phrase("{who} left", who="alice"), "", phrase("{who} left", who="bob")))
    assert text == "alice left bob left"
    assert said(text, JAPANESE) == "alice が退出しました bob が退出しました"
    assert joined(()) == ""


def test_lines_are_told_each():
    text = lined([phrase("{who} left", who="alice"), "as it is {0}"])
    assert text == "alice left\nas it is {0}"
    assert said(text, JAPANESE) == "alice が退出しました\nas it is {0}"


def test_it_is_kept_as_json_and_restored():
    text = phrase("{who} left", who=phrase("Root"))
    kept = json.loads(json.dumps(to_kept(text)))
    assert said(from_kept(kept), JAPANESE) == said(text, JAPANESE)
    assert from_kept(to_kept("data")) == "data"
    with pytest.raises((ValueError, TypeError, KeyError)):
        from_kept(["{a}", {"b": "x"}])


def test_copies_are_still_texts():
    text = phrase("{who} left", who=phrase("Root"))
    for other in (copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert isinstance(other, Text)
        assert said(other, JAPANESE) == said(text, JAPANESE)


def test_a_translation_with_other_gaps_falls_back_on_english():
    assert said(phrase("broken {a}", a="x"), JAPANESE) == "broken x"


def test_a_long_text_is_cut_in_what_fills_it():
    text = cut(phrase("{who} left", who="x" * 500), 100)
    assert len(text) <= 100
    assert isinstance(text, Text)
    assert said(text, JAPANESE).endswith("characters) が退出しました")
    assert cut("y" * 500, 100) == "y" * 100 + "… (+400 characters)"
