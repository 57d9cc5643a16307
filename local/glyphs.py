"""Draws the letters for the pictures of sessions: `python -m local.glyphs` writes handlers/adapters/glyphs.json.

It is run by hand when a picture's words change (a test says so). It needs the browser of the browser tests and the
font Noto Sans CJK JP (Debian: fonts-noto-cjk); the functions need neither.
"""

from __future__ import annotations

import base64
import json
import shutil
import string
import sys
import zlib
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from handlers.adapters.canvas import GLYPHS, SIZES
from handlers.adapters.wording_activity import picture_characters

_FONT = "Noto Sans CJK JP"
_DRAW = """
async ([font, sizes, characters]) => {
  await document.fonts.ready;
  const result = {};
  for (const [name, pixels, weight] of sizes) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = pixels * 3;
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.font = `${weight} ${pixels}px "${font}"`;
    const glyphs = {};
    for (const character of characters) {
      pen.clearRect(0, 0, canvas.width, canvas.height);
      pen.fillText(character, pixels, 2 * pixels);
      const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
      const alpha = (x, y) => data[(y * canvas.width + x) * 4 + 3];
      let [left, top, right, bottom] = [canvas.width, canvas.height, -1, -1];
      for (let y = 0; y < canvas.height; y++) for (let x = 0; x < canvas.width; x++) if (alpha(x, y) > 8) {
        left = Math.min(left, x); right = Math.max(right, x); top = Math.min(top, y); bottom = Math.max(bottom, y);
      }
      const rows = [];
      for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) rows.push(alpha(x, y));
      glyphs[character] = {
        advance: pen.measureText(character).width,
        left: left - pixels, top: top - 2 * pixels,
        width: Math.max(0, right - left + 1), alpha: rows,
      };
    }
    result[name] = glyphs;
  }
  return result;
}
"""


def main() -> int:
    """Write the file. Returns the exit code."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        print("no chromium: run `make browser`", file=sys.stderr)
        return 1
    letters = set(string.printable[:95]) | set("–·…×") | set(picture_characters())
    characters = "".join(sorted(letters))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path)
        page = browser.new_page()
        drawn = page.evaluate(_DRAW, [_FONT, [[name, *size] for name, size in SIZES.items()], characters])
        browser.close()
    content = {
        "what": "Letters as coverage, 4 bits a pixel, for handlers/adapters/canvas.py; made by local/glyphs.py",
        "font": f"drawn from {_FONT}, Copyright 2014-2021 Adobe (http://www.adobe.com/)",
        "licence": "SIL Open Font License, Version 1.1: https://openfontlicense.org",
        "sizes": {name: {key: _packed(glyph) for key, glyph in glyphs.items()} for name, glyphs in drawn.items()},
    }
    target = Path(GLYPHS)
    target.write_text(json.dumps(content, ensure_ascii=False, indent=0) + "\n", "utf-8")
    print(f"{target}: {len(characters)} characters in {len(SIZES)} sizes, {target.stat().st_size:,} bytes")
    return 0


def _packed(glyph: dict[str, Any]) -> list[Any]:
    """[advance, left, top, width, pixels]: rows of 4-bit values, two in a byte, deflated, base64."""
    values = [round(alpha / 17) for alpha in glyph["alpha"]]
    values += [0] * (len(values) % 2)
    pixels = bytes(high << 4 | low for high, low in zip(values[::2], values[1::2], strict=True))
    text = base64.b64encode(zlib.compress(pixels, 9)).decode() if pixels else ""
    return [round(glyph["advance"], 2), glyph["left"], glyph["top"], glyph["width"], text]


if __name__ == "__main__":
    sys.exit(main())
