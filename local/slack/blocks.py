"""What Slack accepts as Block Kit: pure checks that answer as Slack does, with a JSON pointer to the fault.

The limits are those of https://docs.slack.dev/reference/block-kit; the total of 13,200 characters is undocumented and
comes from https://github.com/slackapi/bolt-js/issues/2509.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MAX_BLOCKS = 50
MAX_VIEW_BLOCKS = 100
MAX_BLOCKS_CHARACTERS = 13_200

_TEXT = {"type", "text", "emoji", "verbatim"}
_ID = 255
Problems = Iterator[str]


def too_long(blocks: list[Any]) -> bool:
    """Whether blocks that are each legal are refused together, with `msg_blocks_too_long`."""
    return len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))) > MAX_BLOCKS_CHARACTERS


def problems(blocks: Any, *, surface: str = "message") -> list[str]:
    """Everything Slack would refuse about `blocks`, each ending in `[json-pointer:...]`; empty when it takes them.

    Args:
        blocks: what came in the request, already decoded.
        surface: `message` or `view`; they differ in the number of blocks and in where inputs may stand.
    """
    if not isinstance(blocks, list):
        return [_at("must be provided an array", "/blocks")]
    found = list(_count(blocks, "/blocks", 0, MAX_BLOCKS if surface == "message" else MAX_VIEW_BLOCKS))
    identifiers: set[str] = set()
    for index, block in enumerate(blocks):
        pointer = f"/blocks/{index}"
        if not isinstance(block, dict):
            found.append(_at("must be an object", pointer))
            continue
        kind = block.get("type")
        check = _BLOCKS.get(kind) if isinstance(kind, str) else None
        if check is None:
            found.append(_at(f"unsupported type: {kind}" if kind else "missing required field: type", pointer))
            continue
        identifier = block.get("block_id")
        if identifier is not None:
            found.extend(_string(block, "block_id", pointer, 0, _ID))
            if identifier and identifier in identifiers:
                found.append(_at(f"block_id already exists: {identifier}", f"{pointer}/block_id"))
            identifiers.add(str(identifier))
        found.extend(check(block, pointer))
    return found


# --- blocks ----------------


def _section(block: dict[str, Any], at: str) -> Problems:
    yield from _only(block, {"text", "fields", "accessory", "expand"}, at)
    if "text" not in block and "fields" not in block:
        yield _at("must define either `fields` or `text`", at)
    if "text" in block:
        yield from _text(block["text"], f"{at}/text", 3000)
    if "fields" in block:
        yield from _count(block["fields"], f"{at}/fields", 1, 10)
        for index, field in enumerate(_list(block["fields"])):
            yield from _text(field, f"{at}/fields/{index}", 2000)
    if "accessory" in block:
        yield from _element(block["accessory"], f"{at}/accessory", _ACTIONS | {"image"})


def _header(block: dict[str, Any], at: str) -> Problems:
    yield from _only(block, {"text"}, at)
    yield from _text(block.get("text"), f"{at}/text", 150, plain=True)


def _divider(block: dict[str, Any], at: str) -> Problems:
    yield from _only(block, set(), at)


def _context(block: dict[str, Any], at: str) -> Problems:
    yield from _only(block, {"elements"}, at)
    yield from _count(block.get("elements"), f"{at}/elements", 1, 10)
    for index, element in enumerate(_list(block.get("elements"))):
        pointer = f"{at}/elements/{index}"
        if isinstance(element, dict) and element.get("type") == "image":
            yield from _element(element, pointer, {"image"})
        else:
            yield from _text(element, pointer, 3000)


def _actions(block: dict[str, Any], at: str) -> Problems:
    yield from _only(block, {"elements"}, at)
    yield from _count(block.get("elements"), f"{at}/elements", 1, 25)
    seen: set[str] = set()
    for index, element in enumerate(_list(block.get("elements"))):
        yield from _element(element, f"{at}/elements/{index}", _ACTIONS)
        action = element.get("action_id") if isinstance(element, dict) else None
        if action in seen:
            yield _at(f"action_id already exists: {action}", f"{at}/elements/{index}/action_id")
        if isinstance(action, str):
            seen.add(action)


def _image_block(block: dict[str, Any], at: str) -> Problems:
    yield from _only(block, {"image_url", "alt_text", "title", "slack_file"}, at)
    yield from _image(block, at)
    if "title" in block:
        yield from _text(block["title"], f"{at}/title", 2000, plain=True)


def _input(block: dict[str, Any], at: str) -> Problems:
    yield from _only(block, {"label", "element", "hint", "optional", "dispatch_action"}, at)
    yield from _text(block.get("label"), f"{at}/label", 2000, plain=True)
    if "hint" in block:
        yield from _text(block["hint"], f"{at}/hint", 2000, plain=True)
    yield from _element(block.get("element"), f"{at}/element", _INPUTS)


def _rich_text(block: dict[str, Any], at: str) -> Problems:
    yield from _only(block, {"elements"}, at)
    yield from _count(block.get("elements"), f"{at}/elements", 1, None)
    for index, element in enumerate(_list(block.get("elements"))):
        yield from _rich_container(element, f"{at}/elements/{index}", _RICH_CONTAINERS)


def _markdown(block: dict[str, Any], at: str) -> Problems:
    yield from _only(block, {"text"}, at)
    yield from _string(block, "text", at, 1, 12_000)


_BLOCKS: Mapping[str, Callable[[dict[str, Any], str], Problems]] = {
    "section": _section,
    "header": _header,
    "divider": _divider,
    "context": _context,
    "actions": _actions,
    "image": _image_block,
    "input": _input,
    "rich_text": _rich_text,
    "markdown": _markdown,
}


# --- rich text ----------------

_RICH_CONTAINERS = frozenset({"rich_text_section", "rich_text_preformatted", "rich_text_quote", "rich_text_list"})
_RICH_ELEMENTS: Mapping[str, tuple[str, ...]] = {  # type -> fields it needs
    "text": ("text",),
    "link": ("url",),
    "user": ("user_id",),
    "usergroup": ("usergroup_id",),
    "channel": ("channel_id",),
    "emoji": ("name",),
    "date": ("timestamp", "format"),
    "broadcast": ("range",),
    "color": ("value",),
    "team": ("team_id",),
}
_STYLES = {"bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink"}


def _rich_container(element: Any, at: str, allowed: frozenset[str]) -> Problems:
    kind = element.get("type") if isinstance(element, dict) else None
    if kind not in allowed:
        yield _at(f"unsupported type: {kind}", f"{at}/type")
        return
    yield from _only(element, {"elements", "border", "style", "indent", "offset", "language"}, at)
    yield from _count(element.get("elements"), f"{at}/elements", 0, None)
    if kind == "rich_text_list" and element.get("style") not in {"bullet", "ordered"}:
        yield _at("must be one of: bullet, ordered", f"{at}/style")
    for index, inner in enumerate(_list(element.get("elements"))):
        pointer = f"{at}/elements/{index}"
        if kind == "rich_text_list":
            yield from _rich_container(inner, pointer, frozenset({"rich_text_section"}))
        else:
            yield from _rich_element(inner, pointer)


def _rich_element(element: Any, at: str) -> Problems:
    kind = element.get("type") if isinstance(element, dict) else None
    if not isinstance(kind, str) or kind not in _RICH_ELEMENTS:
        yield _at(f"unsupported type: {kind}", f"{at}/type")
        return
    for name in _RICH_ELEMENTS[kind]:
        value = element.get(name)
        if name == "timestamp":
            if isinstance(value, bool) or not isinstance(value, int):
                yield _at("must be an integer", f"{at}/timestamp")
        elif not isinstance(value, str):
            yield _at(f"missing required field: {name}", at)
        elif not value:
            yield _at("must be more than 0 characters", f"{at}/{name}")
    if kind == "link" and isinstance(element.get("url"), str):
        yield from _url(element, "url", at)
    if kind == "broadcast" and element.get("range") not in {"here", "channel", "everyone"}:
        yield _at("must be one of: here, channel, everyone", f"{at}/range")
    style = element.get("style", {})
    if not isinstance(style, dict) or not set(style) <= _STYLES:
        yield _at("invalid style", f"{at}/style")


# --- elements ----------------

_SELECTS = {"users_select", "conversations_select", "channels_select"}
_ACTIONS = {
    "button",
    "static_select",
    "overflow",
    "datepicker",
    "timepicker",
    "checkboxes",
    "radio_buttons",
} | _SELECTS
_INPUTS = (_ACTIONS - {"button", "overflow"}) | {
    "plain_text_input",
    "number_input",
    "email_text_input",
    "url_text_input",
    "multi_static_select",
}
_WITH_OPTIONS = {"static_select", "multi_static_select", "overflow", "checkboxes", "radio_buttons"}
_OPTION_LIMITS = {"overflow": (1, 5), "checkboxes": (1, 10), "radio_buttons": (1, 10)}


def _element(element: Any, at: str, allowed: set[str]) -> Problems:
    kind = element.get("type") if isinstance(element, dict) else None
    if not isinstance(kind, str) or kind not in allowed:
        yield _at(f"unsupported type: {kind}", f"{at}/type")
        return
    if "action_id" in element:
        yield from _string(element, "action_id", at, 1, _ID)
    if "confirm" in element:
        yield from _confirm(element["confirm"], f"{at}/confirm")
    if "placeholder" in element:
        yield from _text(element["placeholder"], f"{at}/placeholder", 150, plain=True)
    if kind == "button":
        yield from _button(element, at)
    elif kind == "image":
        yield from _image(element, at)
    elif kind in _WITH_OPTIONS and "option_groups" not in element:
        low, high = _OPTION_LIMITS.get(kind, (1, 100))
        yield from _options(element.get("options"), f"{at}/options", low, high)


def _button(element: dict[str, Any], at: str) -> Problems:
    yield from _only(
        element, {"text", "action_id", "url", "value", "style", "confirm", "accessibility_label"}, at, block=False
    )
    yield from _text(element.get("text"), f"{at}/text", 75, plain=True)
    if "value" in element:
        yield from _string(element, "value", at, 0, 2000)
    if "url" in element:
        yield from _string(element, "url", at, 0, 3000)
        yield from _url(element, "url", at)
    if element.get("style", "primary") not in {"primary", "danger"}:
        yield _at("must be one of: primary, danger", f"{at}/style")
    if "accessibility_label" in element:
        yield from _string(element, "accessibility_label", at, 0, 75)


def _options(options: Any, at: str, low: int, high: int) -> Problems:
    yield from _count(options, at, low, high)
    for index, option in enumerate(_list(options)):
        if not isinstance(option, dict):
            yield _at("must be an object", f"{at}/{index}")
            continue
        yield from _text(option.get("text"), f"{at}/{index}/text", 75)
        yield from _string(option, "value", f"{at}/{index}", 1, 150)


def _confirm(confirm: Any, at: str) -> Problems:
    if not isinstance(confirm, dict):
        yield _at("must be an object", at)
        return
    for name, limit in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        yield from _text(confirm.get(name), f"{at}/{name}", limit)


def _image(element: dict[str, Any], at: str) -> Problems:
    if "image_url" not in element and "slack_file" not in element:
        yield _at("missing required field: image_url", at)
    if "image_url" in element:
        yield from _string(element, "image_url", at, 1, 3000)
    yield from _string(element, "alt_text", at, 1, 2000)


# --- primitives ----------------


def _text(value: Any, at: str, limit: int, *, plain: bool = False) -> Problems:
    if not isinstance(value, dict):
        yield _at("missing required field: text" if value is None else "must be an object", at)
        return
    kinds = {"plain_text"} if plain else {"plain_text", "mrkdwn"}
    if value.get("type") not in kinds:
        yield _at(f"must be one of: {', '.join(sorted(kinds))}", f"{at}/type")
    for name in sorted(set(value) - _TEXT):
        yield _at(f"invalid additional property: {name}", at)
    yield from _string(value, "text", at, 1, limit)


def _string(owner: Mapping[str, Any], name: str, at: str, low: int, high: int) -> Problems:
    value = owner.get(name)
    if not isinstance(value, str):
        yield _at(f"missing required field: {name}" if value is None else "must be a string", f"{at}/{name}")
    elif len(value) < low:
        yield _at(f"must be more than {low - 1} characters", f"{at}/{name}")
    elif len(value) > high:
        yield _at(f"must be less than {high + 1} characters", f"{at}/{name}")


def _url(owner: Mapping[str, Any], name: str, at: str) -> Problems:
    if isinstance(owner.get(name), str) and not re.match(r"(?i)(https?|mailto|slack|tel):", owner[name]):
        yield _at("invalid url", f"{at}/{name}")


def _count(value: Any, at: str, low: int, high: int | None) -> Problems:
    if not isinstance(value, list):
        yield _at("must be provided an array", at)
    elif len(value) < low:
        yield _at(f"no fewer than {low} items allowed", at)
    elif high is not None and len(value) > high:
        yield _at(f"no more than {high} items allowed", at)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _only(owner: Mapping[str, Any], allowed: set[str], at: str, *, block: bool = True) -> Problems:
    for name in sorted(set(owner) - allowed - ({"type", "block_id"} if block else {"type"})):
        yield _at(f"invalid additional property: {name}", at)


def _at(message: str, pointer: str) -> str:
    return f"{message} [json-pointer:{pointer}]"
