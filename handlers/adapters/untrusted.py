"""Strings an attacker chose, made safe for the place where they are shown.

User agents, session names, policy names, error texts, tags: whoever makes an API call writes them, and each place that
shows them has its own language - Slack's markup, a terminal's escapes, a spreadsheet's formulas, a log pipeline's
look-ups. There is one function per place; all of them build on `plain`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

LIMIT = 300  # characters shown of one value, unless the place says otherwise
LOST = "\N{REPLACEMENT CHARACTER}"  # stands for what was taken out: "alice" and "alice<zero-width>" must not look alike

_MARKS_IN_A_ROW = 3  # combining marks kept on one letter: enough for Thai, Vietnamese and Hindi, too few for "zalgo"
_TAB_WIDTH = 4

# Invisible, yet letters, marks or symbols by category (Unicode, Default_Ignorable_Code_Point, and the Braille blank).
_INVISIBLE = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE0F)]
)
_VARIATION_SELECTORS_SUPPLEMENT = range(0xE0100, 0xE01F0)

_KEEP, _SPACE, _LOST, _MARK = range(4)

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_LOOK_ALIKES = str.maketrans({"`": "ˋ", "*": "∗", "~": "∼"})
_ITALICS = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")  # an underscore inside a word formats nothing
_EMOJI_CODE = re.compile(r":(?=[\w+'-]+:)")
_TEMPLATE = re.compile(r"([{$#%<])(?=[{%])|(})(?=})")
_SLACK_TOKEN = re.compile(r"<(?=[!@#]|/?[A-Za-z][A-Za-z0-9+.-]*:)")
_SCHEME = re.compile(r"://")
_WWW = re.compile(r"(?i)\bwww\.")
_SPACES = re.compile(" {2,}")
_FORMULA = ("=", "+", "-", "@", "|", "\N{FULLWIDTH EQUALS SIGN}", "＋", "－", "＠")


@lru_cache(maxsize=4096)  # bounded: an attacker has 1.1 million code points to send
def _class_of(character: str) -> int:
    category = unicodedata.category(character)
    code = ord(character)
    if character in "\t\n\v\f\r\x85" or category[0] == "Z":
        return _SPACE
    if category[0] == "C" or code in _INVISIBLE or code in _VARIATION_SELECTORS_SUPPLEMENT:
        return _LOST
    return _MARK if category[0] == "M" else _KEEP


def plain(text: str, limit: int = LIMIT) -> str:
    """One line of visible characters, at most `limit` long: for e-mail, logs and everything below.

    Control, bidirectional, zero-width, private and unassigned characters (Unicode category C) become U+FFFD, one for
    each run; line breaks and other white space become one space; combining marks beyond three in a row are dropped.
    What is beyond the limit is counted: "… (+1,234)".
    """
    considered = text[: 2 * limit + 64]  # so that 100 KB cost no more than a few hundred characters
    cleaned = _visible(considered)
    if "  " in cleaned:
        cleaned = _SPACES.sub(" ", cleaned)
    return _capped(cleaned.strip(" "), limit, beyond=len(text) - len(considered))


def _visible(text: str) -> str:
    # Printable: neither of category C nor white space other than the blank (str.isprintable). Most text is.
    if text.isprintable() and (text.isascii() or not any(map(_class_of, set(text) - {" "}))):
        return text
    shown: list[str] = []
    marks = 0
    for character in text:
        kind = _class_of(character)
        marks = marks + 1 if kind == _MARK else 0
        if kind == _KEEP or (kind == _MARK and marks <= _MARKS_IN_A_ROW):
            shown.append(character)
        elif kind == _SPACE:
            shown.append(" ")
        elif kind == _LOST and (not shown or shown[-1] != LOST):
            shown.append(LOST)
    return "".join(shown)


def _capped(text: str, limit: int, *, beyond: int) -> str:
    """`text` if it fits and nothing lies beyond it; else its beginning and how much is left out, within `limit`."""
    if not beyond and len(text) <= limit:
        return text
    left_out = max(len(text) - limit, 0) + beyond
    # The note itself takes room, which leaves out a little more, which may lengthen the note by one digit or comma.
    for _ in range(3):
        note = f"… (+{left_out:,})"
        left_out = len(text) - max(min(len(text), limit - len(note)), 0) + beyond
    note = f"… (+{left_out:,})"
    return (text[: max(limit - len(note), 0)] + note)[:limit]


def multiline(text: str, *, limit: int, lines: int) -> str:
    """Several lines of visible characters, for a box that nothing can leave: a policy, a diff.

    At most `limit` characters and `lines` lines; what is beyond is counted on a line of its own.
    """
    considered = text[: 2 * limit + 64].replace("\r\n", "\n").replace("\r", "\n").expandtabs(_TAB_WIDTH)
    rows = [_visible(row).rstrip() for row in considered.split("\n")]  # blanks inside a line stay: they indent
    kept = "\n".join(rows[:lines])[:limit]
    left_out = len("\n".join(rows)) - len(kept) + max(0, len(text) - (2 * limit + 64))
    return f"{kept}\n… (+{left_out:,})" if left_out else kept


def literal(text: str, limit: int = LIMIT) -> str:
    """For a `text` element of Slack's rich_text, which knows no markup: values stay as they are, to be copied.

    Only the opening bracket of one of Slack's own tokens is replaced ("‹!channel>"), for whoever takes the text from
    there into a place that does know markup.
    """
    shown = plain(text, limit)
    return _SLACK_TOKEN.sub("‹", shown) if "<" in shown else shown


def literal_lines(text: str, *, limit: int, lines: int) -> str:
    """`multiline`, for rich_text_preformatted."""
    return _SLACK_TOKEN.sub("‹", multiline(text, limit=limit, lines=lines))


def slack_plain(text: str, limit: int = LIMIT) -> str:
    """For a Slack `plain_text` object: Slack's three entities, and no emoji codes. At most `limit` long, escaped."""
    return _escaped_within(text, limit, lambda shown: _EMOJI_CODE.sub("꞉", shown).translate(_ENTITIES))


def mrkdwn(text: str, limit: int = LIMIT) -> str:
    """For Slack's mrkdwn, a message's fallback `text` included: no mention, link, format or emoji comes of it.

    Where an entity would not do, a look-alike stands in: do not copy values from here, `literal` keeps them.
    """
    return _escaped_within(text, limit, _without_markup)


def _without_markup(shown: str) -> str:
    shown = unlinked(shown).translate(_LOOK_ALIKES)
    shown = _EMOJI_CODE.sub("꞉", _ITALICS.sub("ˍ", shown))
    return _without_templates(shown).translate(_ENTITIES)


def _escaped_within(text: str, limit: int, escape: Callable[[str], str]) -> str:
    room = limit
    while len(escaped := escape(plain(text, room))) > limit and room > 0:
        room -= max(1, (len(escaped) - limit) // 8)
    return escaped[:limit] if room > 0 else ""


def unlinked(text: str) -> str:
    """Addresses that no program makes clickable: "https[:]//", "www[.]"."""
    return _WWW.sub("www[.]", _SCHEME.sub("[:]//", text))


def mail(text: str, limit: int = LIMIT) -> str:
    """For a line of a plain-text e-mail."""
    return unlinked(plain(text, limit))


def mail_lines(text: str, *, limit: int, lines: int) -> str:
    """`multiline`, for a plain-text e-mail."""
    return unlinked(multiline(text, limit=limit, lines=lines))


def ascii_line(text: str, limit: int) -> str:
    """For a header of an e-mail: printable ASCII, everything else is "?"."""
    shown = mail(text, limit).replace("…", "...").encode("ascii", "replace").decode("ascii")
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def log_value(text: str, limit: int = LIMIT) -> str:
    """For a log line: no second line, no terminal escape, no look-up ("${jndi:...}") for a pipeline further on."""
    return _without_templates(plain(text, limit))


def csv_cell(text: str, limit: int = 2_000) -> str:
    """For a cell of a CSV file: a spreadsheet takes it as text, never as a formula (OWASP, CSV injection)."""
    shown = plain(text, limit)
    return f"'{shown}" if shown.lstrip(f" '\"{LOST}").startswith(_FORMULA) else shown


def _without_templates(text: str) -> str:
    return _TEMPLATE.sub(r"\1\2 ", text)
