"""What changed between two documents, and what a removal loosens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.alerting.privilege import diff_documents, weakened_by_removal

READ = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"}]}


def with_action(action: object) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


def test_an_added_action_is_the_only_line_that_is_added() -> None:
    lines = diff_documents(READ, with_action(["s3:Get*", "s3:List*", "iam:*"])).splitlines()
    assert lines[:2] == ["--- before", "+++ after"]
    assert [line for line in lines[2:] if line[0] in "+-"] == ['+        "iam:*",']


def test_order_layout_and_encoding_are_no_difference() -> None:
    other = {
        "Statement": {"Resource": ["*"], "Action": ["s3:List*", "s3:Get*"], "Effect": "Allow"},
        "Version": "2012-10-17",
    }
    assert diff_documents(READ, other) == ""
    assert diff_documents(json.dumps(READ), json.dumps(other, indent=4).encode()) == ""


def test_a_new_document_is_all_plus_and_a_removed_one_all_minus() -> None:
    assert {line[0] for line in diff_documents(None, READ).splitlines()[2:]} == {"+"}
    assert {line[0] for line in diff_documents(READ, None).splitlines()[2:]} == {"-"}


def test_two_changes_far_apart_are_both_shown_and_what_lies_between_is_not() -> None:
    before = with_action([f"s3:Action{number:03d}" for number in range(150)])
    after = with_action(["s3:Action000x", *(f"s3:Action{number:03d}" for number in range(1, 149)), "s3:Zed"])
    text = diff_documents(before, after)
    assert "s3:Action000x" in text
    assert "s3:Zed" in text
    assert "s3:Action075" not in text
    assert "@@" in text.splitlines()


def test_the_size_is_bounded_and_what_is_left_out_is_said() -> None:
    long = with_action([f"s3:Action{number}" for number in range(3_000)])
    text = diff_documents(READ, long, max_chars=700)
    assert len(text) <= 700
    assert text.splitlines()[-1].endswith("more lines")


def test_a_document_that_cannot_be_read_is_shown_as_it_is() -> None:
    assert "+not { json" in diff_documents(READ, "not { json")


def test_no_character_of_a_document_can_disturb_the_lines_around_it() -> None:
    text = diff_documents(None, with_action(["a\n+++ after\u202e\x1b[31m", "\ud800"]))
    assert all(line.isprintable() for line in text.splitlines())
    assert sum(line == "+++ after" for line in text.splitlines()) == 1


def test_hostile_repetition_takes_bounded_work() -> None:
    one = "\n".join(["x y"[number % 3] for number in range(9_000)])
    other = "\n".join(["xyz"[number % 3] for number in range(9_000)])
    assert len(diff_documents(one, other)) <= 2_800


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["s3:Get*", "iam:*", "ec2:Run*", "sts:*"]), max_size=4), st.integers(60, 400))
def test_every_line_that_is_shown_was_in_one_of_the_documents(actions: list[str], limit: int) -> None:
    text = diff_documents(READ, with_action(actions), max_chars=limit)
    assert len(text) <= limit
    shown = [line[1:].strip(' ,"') for line in text.splitlines()[2:] if line[:1] == "+"]
    assert set(shown) <= {*actions, "Action: []", 'Action": []', 'Action": [', "]"}


@pytest.mark.parametrize(
    ("statement", "weakens"),
    [
        ({"Effect": "Deny", "Action": "cloudtrail:StopLogging", "Resource": "*"}, True),
        ({"Effect": "Deny", "NotAction": "iam:ChangePassword", "Resource": "*"}, True),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, True),
        ({"effect": "deny", "action": "s3:*", "resource": "*"}, True),
        ({"Effect": "Deny", "Action": [], "Resource": "*"}, False),
        ({"Effect": "Allow", "Action": "*", "Resource": "*"}, False),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, False),
    ],
)
def test_removing_a_deny_loosens_and_removing_an_allow_does_not(statement: dict[str, Any], weakens: bool) -> None:
    assert bool(weakened_by_removal({"Statement": [statement]})) is weakens


def test_the_reason_names_what_was_denied_and_under_which_circumstances() -> None:
    condition = {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}
    statement = {"Effect": "Deny", "Action": ["cloudtrail:*", "config:*"], "Resource": "*", "Condition": condition}
    weakening = weakened_by_removal({"Statement": [READ["Statement"][0], statement]})
    assert "cloudtrail:*, config:*, under a condition" in weakening.reason
    assert [one.index for one in weakening.statements] == [1]


def test_removing_a_boundary_loosens_unless_it_allowed_everything() -> None:
    assert weakened_by_removal(READ, is_boundary=True).code == "boundary"
    assert not weakened_by_removal(with_action("*"), is_boundary=True)


@pytest.mark.parametrize("document", [None, "", "{", {"omitted": True}, 3])
def test_a_removed_document_that_cannot_be_read_counts_as_protecting(document: object) -> None:
    weakening = weakened_by_removal(document)
    assert weakening
    assert weakening.code == "could-not-judge"
