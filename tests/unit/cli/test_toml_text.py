"""Answers in a commented TOML file: in their places, with every explanation kept."""

import string
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.toml_text import filled_in

EXAMPLE = """\
# A file.

[one]
# What a is.
a = "old"  # a remark that goes with the value

# Optional:
# b = "example"
c = [
    "x",  # first
    "y",
]

# [two] is optional, and shown with its defaults:
# [two]
# a = 3

[three]
d = 1
"""


def filled(answers, keep=lambda *_: True):
    return filled_in(EXAMPLE, answers, keep=keep)


def test_an_answer_takes_the_place_of_the_value():
    text = filled({("one", "a"): "new", ("one", "c"): ["z"], ("three", "d"): 2})
    assert tomllib.loads(text) == {"one": {"a": "new", "c": ["z"]}, "three": {"d": 2}}
    assert "# What a is.\na = " in text
    assert '"x"' not in text


def test_an_answer_takes_the_place_of_a_commented_example():
    text = filled({("one", "b"): True})
    assert "# Optional:\nb = true\n" in text
    assert "# b =" not in text


def test_a_commented_section_is_not_mistaken_for_the_one_above():
    assert "# [two]\n# a = 3" in filled({("one", "a"): "new"})


def test_what_is_not_kept_is_commented_out_whole():
    text = filled({}, keep=lambda section, key, value: (section, key, value) != ("one", "c", ["x", "y"]))
    assert tomllib.loads(text) == {"one": {"a": "old"}, "three": {"d": 1}}
    assert '# c = [\n#     "x",  # first\n#     "y",\n# ]\n' in text


def test_an_answer_without_a_place_is_added_to_its_section_or_in_a_new_one():
    text = filled({("one", "n"): 1, ("one", "m"): 2, ("new", "k"): "v", ("three", "e"): False})
    assert tomllib.loads(text) == {
        "one": {"a": "old", "c": ["x", "y"], "n": 1, "m": 2},
        "three": {"d": 1, "e": False},
        "new": {"k": "v"},
    }


def test_text_that_is_no_toml_is_refused_with_its_line():
    with pytest.raises(ValueError, match="line 2 begins no setting"):
        filled_in("[a]\nb = [\n", {}, keep=lambda *_: True)


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["one", "three", "four"]), st.text(string.ascii_lowercase, min_size=1, max_size=4)),
        st.text() | st.integers(-(2**60), 2**60) | st.booleans() | st.lists(st.text(), max_size=3),
        max_size=6,
    )
)
def test_what_is_filled_in_is_read_back(answers):
    read = tomllib.loads(filled(answers))
    for (section, key), value in answers.items():
        assert read[section][key] == value
