"""Lists in a judgement's sentences."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.alerting.text import phrase


def and_more(listed: str, count: int) -> str:
    """ "a, b, c and 2 more"; the list itself where nothing is left out of it."""
    return phrase("{names} and {count} more", names=listed, count=str(count)) if count > 0 else listed


def one_after_another(texts: Sequence[str]) -> str:
    """ "a; b; c", each of which may be a phrase."""
    whole = texts[0] if texts else ""
    for text in texts[1:]:
        whole = phrase("{list}; {next}", list=whole, next=text)
    return whole


def enumerated(texts: Sequence[str]) -> str:
    """ "a, b, c", each of which may be a phrase."""
    whole = texts[0] if texts else ""
    for text in texts[1:]:
        whole = phrase("{list}, {next}", list=whole, next=text)
    return whole
