"""A writer of small files in MaxMind's format (specification 2.0), for tests."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

_STRING, _MAP, _UINT16, _UINT32, _UINT64, _ARRAY = 2, 7, 5, 6, 9, 11
_MARKER = b"\xab\xcd\xefMaxMind.com"


def mmdb(networks: Mapping[str, Mapping[str, Any]]) -> bytes:
    """A file that lists these IPv4 networks with their records, and no other."""
    data, offsets = b"", []
    for record in networks.values():
        offsets.append(len(data))
        data += _encoded(record)
    nodes: list[list[tuple[str, int] | None]] = [[None, None]]
    for network, offset in zip(networks, offsets, strict=True):
        _insert(nodes, ipaddress.IPv4Network(network), offset)
    count = len(nodes)
    tree = b""
    for node in nodes:
        for branch in node:
            value = count if branch is None else branch[1] if branch[0] == "node" else count + 16 + branch[1]
            tree += value.to_bytes(3, "big")
    metadata = {
        "binary_format_major_version": (_UINT16, 2),
        "binary_format_minor_version": (_UINT16, 0),
        "build_epoch": (_UINT64, 1_790_000_000),
        "database_type": "Example",
        "description": {"en": "made for a test"},
        "ip_version": (_UINT16, 4),
        "languages": ["en"],
        "node_count": (_UINT32, count),
        "record_size": (_UINT16, 24),
    }
    return tree + bytes(16) + data + _MARKER + _encoded(metadata)


def _insert(nodes: list[list[tuple[str, int] | None]], network: ipaddress.IPv4Network, offset: int) -> None:
    bits = f"{int(network.network_address):032b}"[: network.prefixlen]
    place = 0
    for bit in map(int, bits[:-1]):
        branch = nodes[place][bit]
        if branch is None:
            nodes.append([None, None])
            branch = nodes[place][bit] = ("node", len(nodes) - 1)
        place = branch[1]
    nodes[place][int(bits[-1])] = ("data", offset)


def _encoded(value: Any) -> bytes:
    match value:
        case str():
            text = value.encode()
            return _control(_STRING, len(text)) + text
        case int():
            return _number(_UINT32, value)
        case (kind, number):
            return _number(kind, number)
        case list():
            return _control(_ARRAY, len(value)) + b"".join(map(_encoded, value))
        case _:
            pairs = b"".join(_encoded(key) + _encoded(item) for key, item in value.items())
            return _control(_MAP, len(value)) + pairs


def _number(kind: int, number: int) -> bytes:
    digits = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return _control(kind, len(digits)) + digits


def _control(kind: int, size: int) -> bytes:
    """The byte that says what follows and how long it is; a byte more for the later kinds, and for 29 and above."""
    length, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    head = bytes([kind << 5 | length]) if kind <= 7 else bytes([length, kind - 7])
    return head + more
