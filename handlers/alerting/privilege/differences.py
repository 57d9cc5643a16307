"""What changed between two documents, and whether taking one away loosens anything."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handlers.alerting.json_text import indented
from handlers.alerting.privilege.conditions import Restraint
from handlers.alerting.privilege.documents import Document, read_document, read_json, shown
from handlers.alerting.privilege.judge import judge_policy
from handlers.alerting.privilege.verdicts import DecidingStatement, Verdict
from handlers.alerting.text import Text, and_more, phrase

_CONTEXT = 3
_LINE_LIMIT = 400
_MOST_COMPARED = 40_000  # pairs of lines: difflib is quadratic at best
_SORTED_KEYS = frozenset({"action", "notaction", "resource", "notresource"})


@dataclass(frozen=True, kw_only=True)
class Weakening:
    """Whether removing a document loosens what its principal may do."""

    weakens: bool
    code: str
    reason: str  # one sentence, a phrase
    effect: str = ""  # where it weakens: the reason as a part of a sentence, "it denied ...; that protection is gone"
    statements: tuple[DecidingStatement, ...] = ()

    def __bool__(self) -> bool:
        return self.weakens


def diff_documents(before: object, after: object, *, max_chars: int = 2_800) -> str:
    """A unified diff of two documents in canonical form: keys and lists of actions sorted, one item a line.

    Args:
        before, after: documents in any shape `judge_policy` takes; None for "there was none".
        max_chars: the most to return; what is cut off is said in the last line.

    Returns:
        The diff; "" where nothing changed but order and layout. Never raises.
    """
    old, new = _lines(before), _lines(after)
    if old == new:
        return ""
    most = min(len(old), len(new))
    start = 0
    while start < most and old[start] == new[start]:
        start += 1
    end = 0
    while end < most - start and old[-1 - end] == new[-1 - end]:
        end += 1
    first, last = max(0, start - _CONTEXT), max(0, end - _CONTEXT)
    changed = _diff(old[first : len(old) - last], new[first : len(new) - last])
    return _bounded(["--- before", "+++ after", *changed], max_chars)


def _diff(old: Sequence[str], new: Sequence[str]) -> list[str]:
    if len(old) * len(new) > _MOST_COMPARED:
        return [*(f"-{line}" for line in old), *(f"+{line}" for line in new)]
    lines = difflib.unified_diff(old, new, n=_CONTEXT, lineterm="")
    # Line numbers of a canonical form mean nothing to anybody: between two places a bare @@ is enough.
    kept = ["@@" if line.startswith("@@") else line for line in list(lines)[2:]]
    return kept[1:] if kept[:1] == ["@@"] else kept


def _bounded(lines: Sequence[str], limit: int) -> str:
    kept: list[str] = []
    used = 0
    for place, line in enumerate(lines):
        rest = f"… {len(lines) - place} more lines"
        if used + len(line) + 1 + len(rest) + 1 > limit:
            return "\n".join([*kept, rest])[:limit]
        kept.append(line)
        used += len(line) + 1
    return "\n".join(kept)


def _lines(document: object) -> list[str]:
    if document is None:
        return []
    value, problem = read_json(document)
    if problem is not None:
        text = document if isinstance(document, str) else problem.text
        return [shown(line, _LINE_LIMIT) for line in text[:20_000].splitlines()] or [""]
    try:
        text = indented(_canonical(value), sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return ["(a document that cannot be written out)"]
    lines = text.split("\n")
    if "".join(lines).isprintable() and max(map(len, lines)) <= _LINE_LIMIT:
        return lines  # nearly always: every line is fit to be shown as it is
    return [shown(line, _LINE_LIMIT) for line in lines]


def _canonical(value: object) -> object:
    """The document with the lists sorted whose order means nothing; single values become lists of one."""
    if not isinstance(value, Mapping):
        return value
    result = {str(key): item for key, item in value.items()}
    for key, item in result.items():
        if key.lower() == "statement":
            result[key] = [_with_sorted_lists(statement) for statement in _listed(item)]
    return result


def _with_sorted_lists(statement: object) -> object:
    if not isinstance(statement, Mapping):
        return statement
    return {
        str(key): sorted(_listed(item), key=str) if str(key).lower() in _SORTED_KEYS else item
        for key, item in statement.items()
    }


def _listed(item: object) -> list[object]:
    return list(item) if isinstance(item, list | tuple) else [item]


def weakened_by_removal(document: object, *, is_boundary: bool = False) -> Weakening:
    """Whether taking this document away from a principal lets it do more.

    Args:
        document: the policy that is detached or deleted, in any shape `judge_policy` takes.
        is_boundary: whether it was a permissions boundary: then its absence loosens, unless it allowed everything.

    Returns:
        The answer with its reason; true in a boolean context where it weakens. A document that cannot be read counts
        as weakening. Never raises.
    """
    read = read_document(document)
    if read.problems:
        return Weakening(
            weakens=True,
            code="could-not-judge",
            reason=phrase(
                "Could not judge what its removal does: {problem}. Somebody has to read it.",
                problem=read.problems[0].text,
            ),
            effect=phrase(
                "could not judge what its removal does: {problem}. Somebody has to read it",
                problem=read.problems[0].text,
            ),
        )
    if is_boundary and judge_policy(document).verdict is not Verdict.ADMINISTRATOR:
        return _UNBOUND
    denying = _denying(read)
    if denying:
        denied = _denied(read)
        if not any(one[1] for one in denying):
            denied = phrase("{denied}, under a condition", denied=denied)
        return Weakening(
            weakens=True,
            code="deny",
            reason=phrase("It {denied}; that protection is gone.", denied=denied),
            effect=phrase("it {denied}; that protection is gone", denied=denied),
            statements=tuple(one[0] for one in denying[:5]),
        )
    return _ONLY_ALLOWED


_UNBOUND = Weakening(
    weakens=True,
    code="boundary",
    reason=phrase("It limited what this principal could ever be allowed."),
    effect=phrase("it limited what this principal could ever be allowed"),
)
_ONLY_ALLOWED = Weakening(
    weakens=False,
    code="only-allowed",
    reason=phrase("It only allowed: its removal takes permissions away."),
)


def _denying(read: Document) -> list[tuple[DecidingStatement, bool]]:
    return [
        (
            DecidingStatement(
                document=statement.document,
                index=statement.index,
                sid=statement.sid,
                text=shown(statement.text, 600),
            ),
            all(one.restraint is Restraint.NONE for one in statement.conditions),
        )
        for statement in read.statements
        if not statement.allows and (statement.actions or statement.except_actions)
    ]


def _denied(read: Document) -> Text:
    statement = next(one for one in read.statements if not one.allows and (one.actions or one.except_actions))
    if statement.except_actions:
        return phrase("denied everything but {actions}", actions=_first(statement.actions))
    if "*" in statement.actions:
        return phrase("denied everything")
    return phrase("denied {actions}", actions=_first(statement.actions))


def _first(actions: Sequence[str]) -> str:
    return and_more(", ".join(shown(action, 60) for action in actions[:3]), len(actions) - 3)
