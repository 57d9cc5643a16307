"""What no message may contain, checked from the outside: as a reader, Slack, a mail program or a terminal sees it."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from slackblocks import _limits

from handlers.adapters.slack_message import Message

_ENTITY_OR_NONE = re.compile(r"&(?!amp;|lt;|gt;)")
_EMOJI_CODE = re.compile(r":[\w+'-]+:")
_ITALICS = re.compile(r"(^|[^A-Za-z0-9])_|_($|[^A-Za-z0-9])")
_SLACK_TOKEN = re.compile(r"<([!@#]|/?[A-Za-z][A-Za-z0-9+.-]*:)")
_TEMPLATE = re.compile(r"\{\{|\}\}|\$\{|#\{|%\{|\{%|<%")
_CONSOLE = re.compile(
    r"https://[a-z]{2}(-gov)?-[a-z]+-\d\.console\.(aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)/"
    r"(cloudtrailv2/home\?region=[a-z0-9-]+#/events/[0-9a-fA-F-]{36}"
    r"|iam/home\?region=[a-z0-9-]+#/(user|role|group)s/details/[A-Za-z0-9_.%-]+)"
)
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0e\uffa0\U000e0100-\U000e01ef]"
)


def check_visible(text: str, *, lines: bool = False) -> None:
    """Nothing invisible, no direction changed, no heap of marks; line breaks only where `lines`."""
    marks = 0
    for character in text:
        if character == "\n" and lines:
            marks = 0
            continue
        category = unicodedata.category(character)
        assert category[0] != "C", f"{character!r} ({category}) in {text[:200]!r}"
        assert category not in ("Zl", "Zp"), f"a line break {character!r} in {text[:200]!r}"
        marks = marks + 1 if category[0] == "M" else 0
        assert marks <= 3, f"a heap of marks in {text[:200]!r}"
    assert not _INVISIBLE.search(text), f"an invisible letter in {text[:200]!r}"
    assert not re.search(r"(?m)^Acknowledged by bob$", text) or not lines, f"a forged line in {text[:300]!r}"


def check_mrkdwn(text: str, *, lines: bool = False) -> None:
    """Text in which Slack finds no token, no link, no format and no emoji."""
    check_visible(text, lines=lines)
    assert text
    assert not re.search(r"[<>`*~]", text), f"markup in {text[:300]!r}"
    assert not _ENTITY_OR_NONE.search(text), f"a bare ampersand in {text[:300]!r}"
    assert not _EMOJI_CODE.search(text), f"an emoji code in {text[:300]!r}"
    assert not _ITALICS.search(text), f"italics in {text[:300]!r}"
    assert "://" not in text, f"a link in {text[:300]!r}"
    assert not _TEMPLATE.search(text), f"a template in {text[:300]!r}"


def check_message(message: Message) -> None:
    """A whole Slack message: no control token anywhere, and within every limit."""
    check_mrkdwn(message.text)
    check_mrkdwn(message.plain, lines=True)
    check_mrkdwn(message.bare)
    assert len(message.text) <= 1_000
    assert len(message.plain) <= 40_000
    for value in message.metadata["event_payload"].values():
        check_visible(value)
        assert not _SLACK_TOKEN.search(value)
    check_limits(message.blocks)
    for block in message.blocks:
        _check_block(block)


def check_limits(blocks: list[dict[str, Any]]) -> None:
    """Slack's documented limits, from slackblocks' tables, and our budget for the undocumented total."""
    assert 1 <= len(blocks) <= _limits.MESSAGE_BLOCKS_MAX_ITEMS
    assert len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")).encode()) <= 10_000
    for block in blocks:
        if block["type"] == "header":
            assert _limits.TEXT_MIN_LENGTH <= len(block["text"]["text"]) <= _limits.HEADER_TEXT_MAX_LENGTH
        elif block["type"] == "context":
            assert 1 <= len(block["elements"]) <= _limits.CONTEXT_ELEMENTS_MAX_ITEMS
            for element in block["elements"]:
                assert _limits.TEXT_MIN_LENGTH <= len(element["text"]) <= _limits.TEXT_MAX_LENGTH
        else:
            assert block["type"] == "rich_text", block["type"]
            assert block["elements"]


def _check_block(block: dict[str, Any]) -> None:
    if block["type"] in ("header", "context"):
        for text in [block["text"]] if block["type"] == "header" else block["elements"]:
            assert text["type"] == "plain_text"
            assert text["emoji"] is False
            check_visible(text["text"])
            assert not re.search(r"[<>]", text["text"]), f"a token in {text['text']!r}"
            assert not _ENTITY_OR_NONE.search(text["text"]), text["text"]
            assert not _EMOJI_CODE.search(text["text"]), text["text"]
        return
    for element in block["elements"]:
        _check_rich(element)


def _check_rich(element: dict[str, Any], *, box: bool = False) -> None:
    kind = element["type"]
    if kind == "text":
        text = element["text"]
        assert text, "Slack refuses an empty text"
        if text != "\n":  # our own, between two values
            check_visible(text, lines=box) if not box else _check_box(text)
            assert not _SLACK_TOKEN.search(text), f"a token in {text[:300]!r}"
    elif kind == "link":
        assert _CONSOLE.fullmatch(element["url"]), f"a link that is not ours: {element['url']!r}"
        check_visible(element["text"])
    else:
        assert kind in ("rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted"), kind
        assert element["elements"]
        for inner in element["elements"]:
            _check_rich(inner, box=kind == "rich_text_preformatted")


def _check_box(text: str) -> None:
    """A preformatted box may say anything on a line of its own: its frame shows that it is a quotation."""
    for line in text.split("\n"):
        check_visible(f"| {line}")


def check_mail(subject: str, body: str) -> None:
    """A subject for a header line, and a body in which nothing is clickable but our own links."""
    assert 1 <= len(subject) < 100  # SNS
    assert subject.isascii()
    assert subject.isprintable()
    check_visible(body, lines=True)
    assert len(body.encode()) <= 200_000
    for line in body.split("\n"):
        if "://" in line:
            assert _CONSOLE.fullmatch(line.strip()), f"a link that is not ours: {line!r}"
        assert not re.search(r"(?i)\bwww\.", line), line


def check_log(line: str) -> None:
    """One line, no escape sequence, no look-up."""
    check_visible(line)
    assert not _TEMPLATE.search(line), line
