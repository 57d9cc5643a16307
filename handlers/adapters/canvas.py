"""A small canvas that draws rectangles, marks and letters, and writes a PNG: all that a timeline needs.

A drawing library would triple what every function carries (Pillow 13: 22 MB unpacked; the functions: 11 MB). Letters
come from glyphs.json, drawn beforehand; what is not among them is shown as "?".
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Colour = tuple[int, int, int]

GLYPHS = str(Path(__file__).with_name("glyphs.json"))
# By name: pixels and weight of the font.
SIZES = {"small": (22, 400), "large": (34, 700)}


@dataclass(frozen=True, kw_only=True)
class Glyph:
    """One letter."""

    advance: float  # pixels to the next letter
    left: int  # of its pixels, from where the pen is
    top: int  # from the base line; above it is negative
    width: int
    coverage: bytes  # one value of 0 to 15 a pixel, row by row


@cache
def _glyphs(size: str) -> dict[str, Glyph]:
    entries = json.loads(Path(GLYPHS).read_text("utf-8"))["sizes"][size]
    return {character: _glyph(*entry) for character, entry in entries.items()}


def _glyph(advance: float, left: int, top: int, width: int, pixels: str) -> Glyph:
    packed = zlib.decompress(base64.b64decode(pixels)) if pixels else b""
    coverage = bytes(value for byte in packed for value in (byte >> 4, byte & 15))
    return Glyph(advance=advance, left=left, top=top, width=width, coverage=coverage)


def drawable(text: str, size: str = "small") -> str:
    """The text as it will be seen: "?" for what there is no letter for."""
    known = _glyphs(size)
    return "".join(character if character in known else "?" for character in text)


def text_width(text: str, size: str = "small") -> int:
    """Pixels from the first letter to where the next text may begin."""
    known = _glyphs(size)
    return round(sum(known[character].advance for character in drawable(text, size)))


def fitted(text: str, width: int, size: str = "small") -> str:
    """The text, or its beginning and "…" where it is wider than that."""
    if text_width(text[:400], size) <= width and len(text) <= 400:
        return text
    kept = text[:400]
    while kept and text_width(kept + "…", size) > width:
        kept = kept[:-1]
    return kept + "…"


class Canvas:
    """A picture of `width` times `height` pixels; what is drawn outside of it is not seen."""

    def __init__(self, width: int, height: int, background: Colour = (255, 255, 255)) -> None:
        self.width = width
        self.height = height
        self._pixels = bytearray(bytes(background) * (width * height))

    def rectangle(self, left: int, top: int, width: int, height: int, colour: Colour) -> None:
        first, last = max(0, left), min(self.width, left + width)
        if first >= last:
            return
        row = bytes(colour) * (last - first)
        for y in range(max(0, top), min(self.height, top + height)):
            start = (y * self.width + first) * 3
            self._pixels[start : start + len(row)] = row

    def disc(self, x: int, y: int, radius: int, colour: Colour) -> None:
        for row in range(-radius, radius + 1):
            half = int((radius * radius - row * row) ** 0.5)
            self.rectangle(x - half, y + row, 2 * half + 1, 1, colour)

    def ring(self, x: int, y: int, radius: int, colour: Colour, inside: Colour = (255, 255, 255)) -> None:
        self.disc(x, y, radius, colour)
        self.disc(x, y, radius - 3, inside)

    def diamond(self, x: int, y: int, radius: int, colour: Colour) -> None:
        for row in range(-radius, radius + 1):
            half = radius - abs(row)
            self.rectangle(x - half, y + row, 2 * half + 1, 1, colour)

    def cross(self, x: int, y: int, radius: int, colour: Colour) -> None:
        for step in range(-radius, radius + 1):
            self.rectangle(x + step - 2, y + step, 5, 1, colour)
            self.rectangle(x - step - 2, y + step, 5, 1, colour)

    def text(self, left: int, base: int, text: str, colour: Colour, size: str = "small") -> int:
        """Write on the base line; returns where the next text may begin."""
        known = _glyphs(size)
        pen = float(left)
        for character in drawable(text, size):
            glyph = known[character]
            self._letter(round(pen) + glyph.left, base + glyph.top, glyph, colour)
            pen += glyph.advance
        return round(pen)

    def _letter(self, left: int, top: int, glyph: Glyph, colour: Colour) -> None:
        pixels, width = self._pixels, self.width
        for index, value in enumerate(glyph.coverage):
            if not value:
                continue
            x, y = left + index % glyph.width, top + index // glyph.width
            if not (0 <= x < width and 0 <= y < self.height):
                continue
            place = (y * width + x) * 3
            for channel in range(3):
                below = pixels[place + channel]
                pixels[place + channel] = below + (colour[channel] - below) * value // 15

    def png(self) -> bytes:
        """The picture as a PNG file (8 bits a channel, RGB)."""
        line = self.width * 3
        rows = b"".join(b"\0" + self._pixels[start : start + line] for start in range(0, len(self._pixels), line))
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 6)) + _chunk(b"IEND")
        )


def _chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
