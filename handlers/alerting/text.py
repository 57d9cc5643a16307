"""A sentence that can be said in another language: text that remembers the template it was made of, and what fills it.

Everything people read of a finding is made with `phrase`, in English. The text is an ordinary `str`, so nothing else
has to know; whoever shows it in another language looks the template up in that language's phrases and fills it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from string import Formatter
from typing import Any, Self

_JAPANESE = re.compile("[\u3041-\u309f\u30a1-\u30ff\u4e00-\u9fff]")
_OTHER = re.compile("[A-Za-z0-9]")
_NAME = 128  # characters: IAM allows no longer name

Phrases = Mapping[str, str]  # English template -> the same with the same names in braces, in another language


class Text(str):
    """An English text with its template. Immutable; equal to, and stored as, the plain text."""

    __slots__ = ("arguments", "template")

    template: str
    arguments: Mapping[str, str]  # names in braces -> what stands for them: data, or a Text

    @classmethod
    def of(cls, template: str, arguments: Mapping[str, str]) -> Self:
        text = cls(template.format_map(arguments) if arguments else template)
        text.template = template
        text.arguments = arguments
        return text

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).of, (self.template, dict(self.arguments))


def phrase(template: str, /, **arguments: str) -> Text:
    """The text of an English template: `phrase("{who} left", who="alice")`.

    Args:
        template: a literal, so that a test finds it and its translations; braces hold names only. A template without
            arguments is taken as it is.
        arguments: data as it is, never looked up - an attacker chose some of it -, or phrases, which are.
    """
    return Text.of(template, arguments)


def said(text: str, phrases: Phrases) -> str:
    """The text in the language of `phrases`; in English as far as they lack it. Data stays as it is."""
    if not phrases or not isinstance(text, Text):
        return text
    template = phrases.get(text.template, text.template)
    if not text.arguments:
        return template
    try:
        return _filled(template, text.arguments, phrases)
    except (KeyError, ValueError, IndexError):  # a row of another version: English is better than nothing
        return str(text)


def _filled(template: str, arguments: Mapping[str, str], phrases: Phrases) -> str:
    """The template with its arguments said. Japanese stands without spaces, but for those around other letters.

    What an argument is made of is not known to whoever writes a template, so the space beside it is seen to here; the
    text of an argument itself is never changed.
    """
    whole, was_said = "", False
    for literal, name, _, _ in Formatter().parse(template):
        if was_said and literal.startswith(" ") and _JAPANESE.match(whole[-1:]) and _JAPANESE.match(literal[1:2]):
            literal = literal[1:]  # noqa: PLW2901
        if _OTHER.match(whole[-1:]) and _JAPANESE.match(literal):
            whole += " "
        whole += literal
        if name is None:
            continue
        value, was_said = said(arguments[name], phrases), isinstance(arguments[name], Text)
        if (_JAPANESE.match(whole[-1:]) and _OTHER.match(value)) or (
            _OTHER.match(whole[-1:]) and _JAPANESE.match(value)
        ):
            whole += " "
        elif was_said and whole[-1:] == " " and _JAPANESE.match(whole[-2:-1]) and _JAPANESE.match(value):
            whole = whole[:-1]
        whole += value
    return whole


def joined(texts: Iterable[str]) -> str:
    """Sentences one after the other, with a space between them where the language has one."""
    whole = ""
    for text in texts:
        if text:
            whole = phrase("{first} {second}", first=whole, second=text) if whole else text
    return whole


def enumerated(texts: Sequence[str]) -> str:
    """ "a, b, c", each of which may be a phrase."""
    whole = texts[0] if texts else ""
    for text in texts[1:]:
        whole = phrase("{list}, {next}", list=whole, next=text)
    return whole


def one_after_another(texts: Sequence[str]) -> str:
    """ "a; b; c", each of which may be a phrase."""
    whole = texts[0] if texts else ""
    for text in texts[1:]:
        whole = phrase("{list}; {next}", list=whole, next=text)
    return whole


def and_more(listed: str, count: int) -> str:
    """ "a, b, c and 2 more"; the list itself where nothing is left out of it."""
    return phrase("{names} and {count} more", names=listed, count=str(count)) if count > 0 else listed


def lined(lines: Iterable[str]) -> str:
    """The lines of a longer text, each of which may be a phrase."""
    named = {f"line{number}": line for number, line in enumerate(lines)}
    return Text.of("\n".join(f"{{{name}}}" for name in named), named)


def short(text: str, limit: int = _NAME) -> str:
    """The text, cut where somebody sent more than a sentence bears."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def cut(text: str, limit: int) -> str:
    """The text within `limit` characters, saying how many are missing; a Text stays one as far as that goes."""
    if len(text) <= limit:
        return text
    if isinstance(text, Text) and text.arguments:
        share = max(limit // (2 * len(text.arguments)), 1)
        spare = Text.of(text.template, {name: cut(value, share) for name, value in text.arguments.items()})
        if len(spare) <= limit:
            return spare
    return f"{text[:limit]}… (+{len(text) - limit:,} characters)"


def to_kept(text: str) -> Any:
    """As a JSON value from which `from_kept` makes the same again: a Text is its template and its arguments."""
    if not isinstance(text, Text):
        return str(text)
    return [text.template, {name: to_kept(value) for name, value in text.arguments.items()}]


def from_kept(kept: Any) -> str:
    """What `to_kept` was given. Raises ValueError, KeyError or TypeError for anything else."""
    if isinstance(kept, str):
        return kept
    template, arguments = kept
    return Text.of(template, {name: from_kept(value) for name, value in arguments.items()})
