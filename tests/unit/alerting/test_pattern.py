import pytest

from handlers.alerting.errors import UnknownOperatorError
from handlers.alerting.pattern import compile_pattern, literals_at, needs_value_at

CASES = [
    ({"a": ["x"]}, {"a": "x"}, True),
    ({"a": ["x"]}, {"a": "X"}, False),
    ({"a": ["x"]}, {}, False),
    ({"a": ["x", "y"]}, {"a": "y"}, True),
    ({"a": [None]}, {"a": None}, True),
    ({"a": [None]}, {}, False),
    ({"a": [True]}, {"a": True}, True),
    ({"a": [True]}, {"a": "true"}, False),
    ({"a": [1]}, {"a": True}, False),
    ({"a": [1]}, {"a": 1.0}, True),
    ({"a": ["x"]}, {"a": ["w", "x"]}, True),
    ({"a": {"b": ["x"]}}, {"a": {"b": "x"}}, True),
    ({"a": {"b": ["x"]}}, {"a": [{"b": "w"}, {"b": "x"}]}, True),
    ({"a": {"b": ["x"]}}, {"a": "x"}, False),
    ({"a": {"b": ["x"], "c": ["y"]}}, {"a": {"b": "x", "c": "z"}}, False),
    ({"a": [{"prefix": "ab"}]}, {"a": "abc"}, True),
    ({"a": [{"prefix": {"equals-ignore-case": "AB"}}]}, {"a": "abc"}, True),
    ({"a": [{"suffix": "bc"}]}, {"a": "abc"}, True),
    ({"a": [{"suffix": "bc"}]}, {"a": 7}, False),
    ({"a": [{"equals-ignore-case": "ABC"}]}, {"a": "aBc"}, True),
    ({"a": [{"wildcard": "a*c*e"}]}, {"a": "abcde"}, True),
    ({"a": [{"wildcard": "a*c*e"}]}, {"a": "ace"}, True),
    ({"a": [{"wildcard": "a*c*e"}]}, {"a": "aec"}, False),
    ({"a": [{"wildcard": "ab*ba"}]}, {"a": "aba"}, False),
    ({"a": [{"anything-but": "x"}]}, {"a": "y"}, True),
    ({"a": [{"anything-but": "x"}]}, {"a": "x"}, False),
    ({"a": [{"anything-but": "x"}]}, {}, False),
    ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "y"}, False),
    ({"a": [{"anything-but": {"prefix": "x"}}]}, {"a": "xy"}, False),
    ({"a": [{"anything-but": {"prefix": "x"}}]}, {"a": "yx"}, True),
    ({"a": [{"exists": True}]}, {"a": None}, True),
    ({"a": [{"exists": True}]}, {}, False),
    ({"a": [{"exists": False}]}, {}, True),
    ({"a": {"b": [{"exists": False}]}}, {}, True),
    ({"a": {"b": [{"exists": False}]}}, {"a": {"b": 1}}, False),
    ({"a": {"b": [{"exists": False}], "c": ["x"]}}, {}, False),
    ({"a": [{"numeric": [">", 1, "<=", 3]}]}, {"a": 3}, True),
    ({"a": [{"numeric": [">", 1, "<=", 3]}]}, {"a": 3.5}, False),
    ({"a": [{"numeric": ["=", 1]}]}, {"a": "1"}, False),
    ({"a": [{"cidr": "192.0.2.0/24"}]}, {"a": "192.0.2.77"}, True),
    ({"a": [{"cidr": "192.0.2.0/24"}]}, {"a": "AWS Internal"}, False),
    ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": "y"}, True),
    ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": "x"}, False),
    ({"c": ["z"], "$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": "y"}, False),
    ({"a": ["x", {"exists": False}]}, {}, True),
]


@pytest.mark.parametrize(("pattern", "envelope", "matches"), CASES)
def test_a_pattern_matches_as_eventbridge_documents(pattern, envelope, matches):
    assert compile_pattern(pattern)(envelope) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        {},
        {"a": "x"},
        {"a": []},
        {"a": {}},
        {"a": [["x"]]},
        {"a": [{"regex": "x"}]},
        {"a": [{"prefix": "x", "suffix": "y"}]},
        {"a": [{"prefix": 3}]},
        {"a": [{"exists": "yes"}]},
        {"a": [{"numeric": [">"]}]},
        {"a": [{"numeric": ["~", 3]}]},
        {"a": [{"cidr": "192.0.2.1/24"}]},
        {"a": [{"wildcard": "a\\*"}]},
        {"a": [{"anything-but": {"regex": "x"}}]},
        {"a": [{"anything-but": []}]},
        {"$or": [{"a": ["x"]}]},
    ],
)
def test_what_is_not_evaluated_is_refused(pattern):
    with pytest.raises(UnknownOperatorError):
        compile_pattern(pattern)


def test_a_hostile_value_does_not_slow_a_wildcard():
    matcher = compile_pattern({"a": [{"wildcard": "*a*a*a*a*a*a*a*a*a*b"}]})
    assert matcher({"a": "a" * 1_000_000}) is False


def test_deeply_nested_arrays_are_walked_without_recursion():
    value: object = "x"
    for _ in range(100_000):
        value = [value]
    assert compile_pattern({"a": ["x"]})({"a": value}) is True
    del value


def test_literals_are_those_of_a_plain_list():
    pattern = {"detail": {"eventName": ["A", "B"], "other": [{"prefix": "C"}]}}
    assert literals_at(pattern, "detail", "eventName") == {"A", "B"}
    assert literals_at(pattern, "detail", "other") is None
    assert literals_at(pattern, "detail", "absent") is None


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["x"], True),
        (["x", {"prefix": "y"}], True),
        ([{"suffix": "x"}, {"wildcard": "*x*"}, {"equals-ignore-case": "x"}], True),
        ([{"exists": False}], False),
        (["x", {"exists": False}], False),
        (["x", None], False),
        ([1], False),
        ([{"anything-but": "x"}], False),
        ([], False),
        ({"b": ["x"]}, False),
    ],
)
def test_whether_a_field_must_be_there_is_known_and_nothing_without_it_matches(conditions, expected):
    pattern = {"detail": {"a": conditions, "b": [{"exists": False}]}}
    assert needs_value_at(pattern, "detail", "a") is expected
    assert not needs_value_at(pattern, "detail", "absent")
    assert not needs_value_at(pattern, "detail", "b")
    if expected:
        assert not compile_pattern(pattern)({"detail": {}})
