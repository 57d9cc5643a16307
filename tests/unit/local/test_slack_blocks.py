"""What Slack refuses about Block Kit, and where it says the fault is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.slack.blocks import problems, too_long


def section(text: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go", **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def rich(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(elements)}]}


LEGAL = [
    section("a" * 3000),
    {"type": "section", "fields": [{"type": "mrkdwn", "text": "f" * 2000}] * 10},
    {"type": "header", "text": {"type": "plain_text", "text": "h" * 150}},
    {"type": "divider"},
    {"type": "context", "elements": [{"type": "plain_text", "text": "c"}] * 10},
    actions(*[button(action_id=f"b{number}") for number in range(25)]),
    actions(button(value="v" * 2000, style="danger", url="https://example.com/")),
    section(accessory=button()),
    section(accessory={"type": "image", "image_url": "https://example.com/i.png", "alt_text": "i"}),
    rich(
        {"type": "text", "text": "a", "style": {"bold": True, "code": True}},
        {"type": "link", "url": "https://example.com/", "text": "l"},
        {"type": "user", "user_id": "U1"},
        {"type": "usergroup", "usergroup_id": "S1"},
        {"type": "channel", "channel_id": "C1"},
        {"type": "emoji", "name": "fire"},
        {"type": "date", "timestamp": 1_700_000_000, "format": "{date}"},
        {"type": "broadcast", "range": "here"},
    ),
    {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "x"}]},
            {"type": "rich_text_quote", "elements": [{"type": "text", "text": "x"}]},
            {
                "type": "rich_text_list",
                "style": "bullet",
                "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}],
            },
        ],
    },
]


@pytest.mark.parametrize("block", LEGAL, ids=lambda block: block["type"])
def test_a_block_at_its_limits_is_taken(block: dict[str, Any]) -> None:
    assert problems([block]) == []


ILLEGAL = [
    (section("a" * 3001), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    (section(""), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ({"type": "section"}, "must define either `fields` or `text` [json-pointer:/blocks/0]"),
    (
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "f" * 2001}]},
        "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
    ),
    (
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "f"}] * 11},
        "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
    ),
    (
        {"type": "header", "text": {"type": "plain_text", "text": "h" * 151}},
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
    ),
    (
        {"type": "header", "text": {"type": "mrkdwn", "text": "h"}},
        "must be one of: plain_text [json-pointer:/blocks/0/text/type]",
    ),
    (
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "c"}] * 11},
        "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
    ),
    (
        actions(*[button(action_id=f"b{number}") for number in range(26)]),
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    (
        actions(button(text={"type": "plain_text", "text": "t" * 76})),
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
    ),
    (
        actions(button(value="v" * 2001)),
        "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
    ),
    (
        actions(button(action_id="a" * 256)),
        "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
    ),
    (
        actions(button(), button()),
        "action_id already exists: go [json-pointer:/blocks/0/elements/1/action_id]",
    ),
    (
        actions(button(url="javascript:alert(1)")),
        "invalid url [json-pointer:/blocks/0/elements/0/url]",
    ),
    (
        actions({"type": "plain_text_input", "action_id": "x"}),
        "unsupported type: plain_text_input [json-pointer:/blocks/0/elements/0/type]",
    ),
    (section(block_id="b" * 256), "must be less than 256 characters [json-pointer:/blocks/0/block_id]"),
    ({"type": "carousel_of_dreams"}, "unsupported type: carousel_of_dreams [json-pointer:/blocks/0]"),
    ({"text": "x"}, "missing required field: type [json-pointer:/blocks/0]"),
    ({"type": "divider", "text": "x"}, "invalid additional property: text [json-pointer:/blocks/0]"),
    (
        rich({"type": "text", "text": ""}),
        "must be more than 0 characters [json-pointer:/blocks/0/elements/0/elements/0/text]",
    ),
    (
        rich({"type": "marquee", "text": "x"}),
        "unsupported type: marquee [json-pointer:/blocks/0/elements/0/elements/0/type]",
    ),
    (
        rich({"type": "date", "timestamp": "1", "format": "{date}"}),
        "must be an integer [json-pointer:/blocks/0/elements/0/elements/0/timestamp]",
    ),
]


@pytest.mark.parametrize(("block", "problem"), ILLEGAL, ids=[problem for _, problem in ILLEGAL])
def test_a_block_past_a_limit_is_refused_with_a_pointer_to_the_fault(block: dict[str, Any], problem: str) -> None:
    assert problem in problems([block])


def test_fifty_blocks_are_taken_and_fifty_one_are_not() -> None:
    assert problems([{"type": "divider"}] * 50) == []
    assert problems([{"type": "divider"}] * 51) == ["no more than 50 items allowed [json-pointer:/blocks]"]


def test_a_block_id_may_be_used_once() -> None:
    found = problems([section(block_id="same"), section(block_id="same")])
    assert found == ["block_id already exists: same [json-pointer:/blocks/1/block_id]"]


def test_blocks_that_are_each_legal_are_too_long_together() -> None:
    blocks = [section("a" * 2900) for _ in range(5)]
    assert problems(blocks) == []
    assert too_long(blocks)
    assert not too_long(blocks[:4])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "fields", "accessory", "element", "options", "style", "url"]),
            inner | st.sampled_from(["section", "actions", "rich_text", "button", "static_select", "mrkdwn", "link"]),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_whatever_is_sent_is_judged_rather_than_crashed_on(value: Any) -> None:
    assert all("[json-pointer:/blocks" in problem for problem in problems(value))
