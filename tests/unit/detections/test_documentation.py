"""The published catalogue is generated, and a stale one is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.detections import CATALOGUE
from handlers.detections.__main__ import catalogue_page, main

_DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_names_every_detection_with_its_steps_and_examples() -> None:
    page = catalogue_page()
    for detection in CATALOGUE:
        assert f"\n## {detection.id}\n" in page
        assert detection.why in page
        for step in detection.respond:
            assert step in page


def test_links_to_runbooks_lead_somewhere() -> None:
    for detection in CATALOGUE:
        link = f"../handlers/detections/{detection.folder}/runbook.md"
        assert f"({link})" in catalogue_page()
        assert (_DOCS / link).resolve().is_file()


def test_the_page_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == catalogue_page()


def test_a_fresh_page_passes_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "detections.md"
    file.write_text(catalogue_page())
    assert main(["--check", str(file)]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("content", ["# Detections\n", "", None], ids=["stale", "empty", "missing"])
def test_a_stale_page_fails_the_check_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    file = tmp_path / "detections.md"
    if content is not None:
        file.write_text(content)
    assert main(["--check", str(file)]) == 1
    message = capsys.readouterr().err
    assert str(file) in message
    assert "python -m handlers.detections >" in message
