"""Reads a policy document in any of the shapes in which AWS hands it out, into statements - or says why it cannot.

CloudTrail shows `policyDocument` as a JSON string, IAM's answers are URL-encoded, SDKs decode them to objects, and a
request that was too large is replaced by `{"omitted": true}`. Nothing here raises, whatever it is given.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from handlers.alerting.privilege.conditions import MOST_VALUES, Condition, read_conditions
from handlers.alerting.text import phrase

MAX_CHARACTERS = 131_072  # the longest policyDocument the IAM API takes (botocore, iam, policyDocumentType)
# IAM refuses characters outside U+0009..U+00FF (the same type's pattern), so a policy cannot spell these.
UNKNOWN = "\ue000\ue001\ue002\ue003\ue004\ue005\ue006\ue007"
ITSELF = "\ue010\ue011\ue012\ue013"
_ENCODER = json.JSONEncoder(ensure_ascii=False)
_MAX_LAYERS = 4  # a JSON string that holds a JSON string that holds ...


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why a document, or a part of it, cannot be judged."""

    code: str
    text: str  # a phrase; completes "Could not judge: ..."


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement, with lists where the policy language allows a single value."""

    document: int  # which of the documents given, from 0
    index: int  # which statement of that document, from 0
    sid: str  # "" where there is none
    allows: bool
    actions: tuple[str, ...]
    except_actions: bool  # NotAction
    resources: tuple[str, ...]
    except_resources: bool  # NotResource
    principals: tuple[tuple[str, str], ...]  # (kind, value); kind is AWS, Service, Federated, CanonicalUser
    except_principals: bool  # NotPrincipal
    has_principal: bool
    conditions: tuple[Condition, ...]
    variables: bool  # whether ${...} is a variable: only in Version 2012-10-17

    @property
    def text(self) -> str:
        """The statement in canonical form, on one line."""
        parts: dict[str, Any] = {"Sid": self.sid} if self.sid else {}
        parts["Effect"] = "Allow" if self.allows else "Deny"
        if self.has_principal:
            kinds: dict[str, list[str]] = {}
            for kind, value in self.principals:
                kinds.setdefault(kind, []).append(value)
            parts["NotPrincipal" if self.except_principals else "Principal"] = kinds
        parts["NotAction" if self.except_actions else "Action"] = list(self.actions)
        if self.resources:
            parts["NotResource" if self.except_resources else "Resource"] = list(self.resources)
        if self.conditions:
            parts["Condition"] = [str(condition) for condition in self.conditions]
        return _ENCODER.encode(parts)


@dataclass(frozen=True, kw_only=True)
class Document:
    """What could be read of one document, and what could not."""

    statements: tuple[Statement, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def shown(text: str, limit: int = 160) -> str:
    """A string from a policy, fit to stand in a sentence: one line, no control characters, bounded.

    Format characters (bidirectional overrides, zero-width ones) and lone surrogates go too: they hide what is said.
    """
    text = text[: limit + 1]
    if text.isprintable():  # nearly always; nothing of the category C is printable
        return text if len(text) <= limit else text[: limit - 1] + "…"
    out: list[str] = []
    for character in text:
        if character == ITSELF[0]:
            out.append("itself")
        elif unicodedata.category(character)[0] != "C":
            out.append(character)
        elif character in "\t\r\n":
            out.append(" ")
    result = "".join(out)
    return result if len(result) <= limit else result[: limit - 1] + "…"


def shown_condition(condition: Condition) -> str:
    """A condition, fit to stand in a sentence as `shown` makes it."""
    if not condition.is_readable:
        return phrase("unreadable {what} = ", what=shown(condition.key[:80]))
    whole = shown(str(condition))
    more = len(condition.values) - MOST_VALUES
    if more > 0 and whole.endswith(ending := f" and {more} more"):
        return phrase("{names} and {count} more", names=whole.removesuffix(ending), count=str(more))
    return whole


def read_json(document: object) -> tuple[object, Problem | None]:
    """The JSON value inside a document of any shape; the value is None where there is a problem."""
    try:
        return _read_json(document)
    except (ValueError, RecursionError, MemoryError):
        # ValueError covers JSONDecodeError, UnicodeDecodeError and integers of thousands of digits.
        return None, _NOT_JSON


def _read_json(document: object) -> tuple[object, Problem | None]:
    value = document
    for _ in range(_MAX_LAYERS):
        if isinstance(value, bytes | bytearray | memoryview):
            value = bytes(value).decode("utf-8-sig")
        if not isinstance(value, str):
            return value, None
        if len(value) > 3 * MAX_CHARACTERS:
            return None, _TOO_LARGE
        text = value.strip().removeprefix("\ufeff")
        if text[:1] == "%":
            text = unquote(text, errors="strict").strip()
        if len(text) > MAX_CHARACTERS:
            return None, _TOO_LARGE
        if not text:
            return None, _EMPTY
        try:
            value = _DECODER.decode(text)
        except _RepeatedKeyError:
            key = shown(_first_repeated(text), 40)
            return None, Problem(
                code="repeated-key", text=phrase('the document names "{key}" twice in one place', key=key)
            )
    return None, _TOO_DEEP


_NOT_JSON = Problem(code="not-json", text=phrase("the document is not readable JSON (cut short, or damaged)"))
_EMPTY = Problem(code="empty", text=phrase("the document is empty"))
_TOO_DEEP = Problem(code="not-json", text=phrase("the document is a text inside a text, too many times over"))
_TOO_LARGE = Problem(
    code="too-large",
    text=phrase("the document is larger than IAM accepts ({count} characters)", count=f"{MAX_CHARACTERS:,}"),
)
_ABSENT = Problem(code="absent", text=phrase("there is no document to read"))
_NOT_A_POLICY = Problem(code="not-a-policy", text=phrase("this is not a policy document"))
_OMITTED = Problem(code="omitted", text=phrase("CloudTrail left the document out because it was too large"))
_NO_STATEMENT = Problem(code="no-statement", text=phrase("the document has no Statement"))


class _RepeatedKeyError(Exception):
    """An object has one key twice: readers differ on which counts, and its author may want us to read the wrong one."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _RepeatedKeyError
    return result


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def _first_repeated(text: str) -> str:
    """The key that is repeated first, read to the end: a text that is no JSON after all raises ValueError instead."""
    repeated: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        repeated.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]

    json.loads(text, object_pairs_hook=note)
    return repeated[0]


def read_document(document: object, *, number: int = 0, needs_resource: bool = True) -> Document:
    """Read a policy document given as dict, JSON text, URL-encoded JSON text, bytes or anything else.

    Args:
        document: the document.
        number: which of several documents this is; kept in its statements.
        needs_resource: an identity policy must name resources and no principal; a trust policy the other way round.
    """
    value, problem = read_json(document)
    if problem is not None:
        return Document(problems=(problem,))
    if value is None:
        return Document(problems=(_ABSENT,))
    if not isinstance(value, Mapping):
        return Document(problems=(_NOT_A_POLICY,))
    if value.get("omitted") is True:
        return Document(problems=(_OMITTED,))
    top, repeated = _lower_keys(value)
    problems: list[Problem] = []
    for key in repeated:
        problems.append(Problem(code="repeated-key", text=phrase('the document names "{key}" twice', key=key)))
    if "statement" not in top:
        return Document(problems=(*problems, _NO_STATEMENT))
    listed = top["statement"]
    listed = list(listed) if isinstance(listed, list | tuple) else [listed]
    # An unknown Version is read like the current one: that takes variables seriously and so finds more.
    variables = top.get("version", "2008-10-17") != "2008-10-17"
    statements: list[Statement] = []
    notes: list[str] = []
    characters = 0
    for index, one in enumerate(listed):
        statement, found = _read_statement(
            one, document=number, index=index, variables=variables, needs_resource=needs_resource, notes=notes
        )
        problems.extend(found)
        if statement is not None:
            characters += sum(map(len, statement.actions)) + sum(map(len, statement.resources))
            statements.append(statement)
        if characters > MAX_CHARACTERS:
            return Document(problems=(*problems, _TOO_LARGE))
    return Document(statements=tuple(statements), problems=tuple(problems), notes=tuple(dict.fromkeys(notes)))


def _lower_keys(value: Mapping[Any, Any]) -> tuple[dict[str, Any], list[str]]:
    """The items by key in lower case, and the keys that are there more than once then."""
    result: dict[str, Any] = {}
    repeated: list[str] = []
    for key, item in value.items():
        name = str(key).lower()
        if name in result:
            repeated.append(shown(name, 40))
        result[name] = item
    return result, repeated


_KNOWN_KEYS = frozenset(
    {"sid", "effect", "principal", "notprincipal", "action", "notaction", "resource", "notresource", "condition"}
)


def _read_statement(
    value: object, *, document: int, index: int, variables: bool, needs_resource: bool, notes: list[str]
) -> tuple[Statement | None, list[Problem]]:
    number = str(index + 1)
    if not isinstance(value, Mapping):
        return None, [Problem(code="bad-statement", text=phrase("statement {number} is not an object", number=number))]
    parts, repeated = _lower_keys(value)
    problems: list[Problem] = []
    for key in repeated:
        twice = phrase('statement {number} names "{key}" twice', number=number, key=key)
        problems.append(Problem(code="repeated-key", text=twice))
    written = parts.get("effect")
    effect = written.lower() if isinstance(written, str) else ""
    if effect not in {"allow", "deny"}:
        problems.append(
            Problem(code="bad-effect", text=phrase("statement {number} neither allows nor denies", number=number))
        )
    has_principal = "principal" in parts or "notprincipal" in parts
    if needs_resource and has_principal:
        problems.append(
            Problem(
                code="names-a-principal",
                text=phrase("statement {number} names a principal: this is not an identity's policy", number=number),
            )
        )
    actions, except_actions = _either(parts, "action", number, problems, required=True)
    resources, except_resources = _either(parts, "resource", number, problems, required=needs_resource)
    principals, except_principals = _principals(parts, number, problems)
    if problems:
        return None, problems
    unknown = sorted(set(parts) - _KNOWN_KEYS)
    if unknown:
        notes.append(
            phrase(
                'statement {number} has the key "{key}", which the policy language does not know.',
                number=number,
                key=shown(unknown[0], 40),
            )
        )
    sid = parts.get("sid")
    return Statement(
        document=document,
        index=index,
        sid=shown(sid, 64) if isinstance(sid, str) else "",
        allows=effect == "allow",
        actions=tuple(actions),
        except_actions=except_actions,
        resources=tuple(resources),
        except_resources=except_resources,
        principals=tuple(principals),
        except_principals=except_principals,
        has_principal=has_principal,
        conditions=read_conditions(parts.get("condition"), variables=variables),
        variables=variables,
    ), []


def _either(
    parts: Mapping[str, Any], name: str, number: str, problems: list[Problem], *, required: bool
) -> tuple[list[str], bool]:
    """The strings of `name` or of its Not-form, and which of the two it was."""
    plain, negated = name in parts, f"not{name}" in parts
    if plain and negated:
        refused = phrase(
            "statement {number} has both {element} and Not{element}, which IAM refuses",
            number=number,
            element=name.title(),
        )
        problems.append(Problem(code="both-forms", text=refused))
        return [], False
    if not plain and not negated:
        if required:
            lacking = phrase("statement {number} names no resource", number=number)
            if name == "action":
                lacking = phrase("statement {number} names no action", number=number)
            problems.append(Problem(code=f"no-{name}", text=lacking))
        return [], False
    listed = parts[name if plain else f"not{name}"]
    items = listed if isinstance(listed, list | tuple) else (listed,)
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) < len(items):
        strange = phrase("statement {number} has an resource that is not a text", number=number)
        if name == "action":
            strange = phrase("statement {number} has an action that is not a text", number=number)
        problems.append(Problem(code=f"bad-{name}", text=strange))
    together = "".join(texts)
    if not together.isascii() and (UNKNOWN[0] in together or ITSELF[0] in together):
        strange = phrase("statement {number} has a character that IAM does not accept", number=number)
        problems.append(Problem(code="bad-character", text=strange))
    return list(dict.fromkeys(texts)), negated


def _items(value: object) -> Iterator[object]:
    if isinstance(value, list | tuple):
        yield from value
    else:
        yield value


def _principals(parts: Mapping[str, Any], number: str, problems: list[Problem]) -> tuple[list[tuple[str, str]], bool]:
    if "principal" in parts and "notprincipal" in parts:
        both = phrase("statement {number} has both Principal and NotPrincipal", number=number)
        problems.append(Problem(code="both-forms", text=both))
        return [], False
    negated = "notprincipal" in parts
    value = parts.get("notprincipal" if negated else "principal")
    if value is None:
        return [], negated
    if isinstance(value, str):  # the whole world is written "*"; any other bare text is read as an AWS principal
        return [("AWS", value)], negated
    if not isinstance(value, Mapping):
        strange = phrase("statement {number} has a principal that is not readable", number=number)
        problems.append(Problem(code="bad-principal", text=strange))
        return [], negated
    found: list[tuple[str, str]] = []
    names = {"aws": "AWS", "service": "Service", "federated": "Federated", "canonicaluser": "CanonicalUser"}
    for kind, listed in value.items():
        for item in _items(listed):
            # CloudTrail and hand-written JSON sometimes carry the account number as a number.
            text = str(item) if isinstance(item, int) and not isinstance(item, bool) else item
            if not isinstance(text, str):
                strange = phrase("statement {number} has a principal that is not a text", number=number)
                problems.append(Problem(code="bad-principal", text=strange))
                return [], negated
            found.append((names.get(str(kind).lower(), shown(str(kind), 20)), text))
    return found, negated
