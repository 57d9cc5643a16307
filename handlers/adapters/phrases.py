"""What detections and enrichment say, in other languages: the `<language>.json` files beside what says it.

Each maps an English template (see handlers/alerting/text.py) to the same in its language. They are read when the first
text in that language is needed; a deployment that speaks English alone never does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

_HANDLERS = Path(__file__).resolve().parent.parent


def phrase_files(language: str) -> list[Path]:
    """The files that hold a language's phrases."""
    return sorted(path for path in _HANDLERS.rglob(f"{language}.json") if path.is_file())


@cache
def _phrases(language: str) -> Mapping[str, str]:
    whole: dict[str, str] = {}
    for path in phrase_files(language):
        whole.update(json.loads(path.read_text(encoding="utf-8")))
    return whole


class PhrasesOf(Mapping[str, str]):
    """The phrases of one language, read at the first look."""

    def __init__(self, language: str) -> None:
        self._language = language

    def __getitem__(self, template: str) -> str:
        return _phrases(self._language)[template]

    def __iter__(self) -> Iterator[str]:
        return iter(_phrases(self._language))

    def __len__(self) -> int:
        return len(_phrases(self._language))
