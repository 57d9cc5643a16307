"""The Condition of a statement: what it asks, and whether it restrains anybody.

Semantics from the IAM user guide, "Condition operators" and "Global condition context keys": all keys must hold, one
value of a key suffices; a key that is absent from the request makes a positive operator false, a negated one true,
`...IfExists` and `ForAllValues:` true.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Restraint(Enum):
    """How much a condition holds back."""

    NONE = "always true"
    AT_WILL = "true whenever the caller wants it to be"
    REAL = "may be false"


MOST_VALUES = 5  # that are written out


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One operator and key with its values: any of the values will do."""

    operator: str  # as written, e.g. ForAnyValue:StringLikeIfExists
    key: str  # as written
    values: tuple[str, ...]
    restraint: Restraint
    is_readable: bool = True  # otherwise the key says what was there instead

    @property
    def name(self) -> str:
        """The operator alone, lower case: no ForAnyValue:, no IfExists."""
        return _name(self.operator.lower())

    @property
    def is_negated(self) -> bool:
        """Whether the operator asks for a difference: then a missing key satisfies it."""
        return "not" in self.name

    @property
    def holds_without_key(self) -> bool:
        """Whether a request that lacks the key satisfies this condition."""
        operator = self.operator.lower()
        return operator.endswith("ifexists") or operator.startswith("forallvalues:") or self.is_negated

    def __str__(self) -> str:
        values = ", ".join(value[:80] for value in self.values[:MOST_VALUES])
        more = f" and {len(self.values) - MOST_VALUES} more" if len(self.values) > MOST_VALUES else ""
        return f"{self.operator[:60]} {self.key[:80]} = {values}{more}"


def _name(operator: str) -> str:
    return operator.rpartition(":")[2].removesuffix("ifexists")


# Global keys that every signed request carries (user guide: "Always included" / "included in the context of all").
_ALWAYS_PRESENT = frozenset(
    {"aws:currenttime", "aws:epochtime", "aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:userid"}
    | {"aws:securetransport", "aws:requestedregion", "aws:viaawsservice"}
)
_CHOSEN_BY_CALLER = frozenset({"aws:useragent", "aws:referer"})  # the guide warns: these are easily spoofed


def read_conditions(block: object, *, variables: bool) -> tuple[Condition, ...]:
    """Read a Condition element of any shape. One that cannot be read is kept, as a condition that may be false."""
    if block is None:
        return ()
    if not isinstance(block, Mapping):
        return (_unreadable(str(type(block).__name__)),)
    found: list[Condition] = []
    for operator, keys in block.items():
        if not isinstance(keys, Mapping):
            found.append(_unreadable(str(operator)))
            continue
        for key, value in keys.items():
            listed = value if isinstance(value, list | tuple) else [value]
            values = tuple(dict.fromkeys([_text(item) for item in listed]))
            restraint = _restraint(str(operator).lower(), str(key).lower(), values, variables=variables)
            found.append(Condition(operator=str(operator), key=str(key), values=values, restraint=restraint))
    return tuple(found)


def _unreadable(what: str) -> Condition:
    return Condition(operator="unreadable", key=what, values=(), restraint=Restraint.REAL, is_readable=False)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # A container is not a legal value; its type's name is enough to show, and its depth may be hostile.
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else type(value).__name__


def _restraint(operator: str, key: str, values: tuple[str, ...], *, variables: bool) -> Restraint:
    """How much an operator and key, both in lower case, hold back with these values."""
    if not values:
        return Restraint.REAL
    name = _name(operator)
    present = key in _ALWAYS_PRESENT or operator.endswith("ifexists")
    if name in {"stringlike", "arnlike", "arnequals"} and any(not value.strip("*") and value for value in values):
        return Restraint.NONE if present else Restraint.AT_WILL if key == "aws:sourceip" else Restraint.REAL
    if name == "null" and key in _ALWAYS_PRESENT and all(value.lower() == "false" for value in values):
        return Restraint.NONE
    return Restraint.AT_WILL if _at_will(operator, name, key, values, variables=variables) else Restraint.REAL


def _at_will(operator: str, name: str, key: str, values: tuple[str, ...], *, variables: bool) -> bool:
    """Whether anybody who wants to can satisfy the condition, without holding anything in particular."""
    if key in _CHOSEN_BY_CALLER and name.startswith("string"):
        return True
    if key == "aws:tagkeys" and operator.startswith("forallvalues:"):
        return True  # send no tags
    if name == "ipaddress":
        return _covers_everything(values)
    if name == "bool":
        # IAM and STS answer over TLS only; and whoever calls directly does not call through a service.
        return (key, values) in {("aws:securetransport", ("true",)), ("aws:viaawsservice", ("false",))}
    if name in {"stringequals", "stringlike"} and variables:
        return (key, values) in {
            ("aws:resourceaccount", ("${aws:PrincipalAccount}",)),
            ("aws:principalaccount", ("${aws:ResourceAccount}",)),
        }
    if name in {"dategreaterthan", "dategreaterthanequals"}:
        return key == "aws:currenttime" and any(value[:4].isdigit() and value[:4] < "2020" for value in values)
    if name in {"datelessthan", "datelessthanequals"}:
        return key == "aws:currenttime" and any(value[:4].isdigit() and value[:4] > "2090" for value in values)
    if name in {"arnlike", "arnequals", "stringlike"} and key == "aws:principalarn":
        return any(
            value in {"arn:*", "arn:aws:*", "arn:aws:iam::*", "arn:*:*:*:*:*", "arn:aws:*:*:*:*"} for value in values
        )
    return False


def _covers_everything(values: tuple[str, ...]) -> bool:
    networks: list[ipaddress.IPv4Network] = []
    for value in values:
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            continue  # not an address: IAM matches nothing by it, and neither do we
        if isinstance(network, ipaddress.IPv6Network):
            if network.prefixlen == 0:
                return True
        else:
            networks.append(network)
    return sum(network.num_addresses for network in ipaddress.collapse_addresses(networks)) >= 2**32
