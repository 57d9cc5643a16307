from pathlib import Path

import pytest

from audit.__main__ import page
from audit.questions import all_questions
from audit.tables import TABLES

PAGE = Path(__file__).parents[3] / "docs" / "audit.md"


def test_the_page_lists_every_question_and_table_as_they_are():
    text = PAGE.read_text()
    assert page(text) == text
    assert all(f"| `{item.name}` |" in text for item in all_questions())
    assert all(f"### {name}" in text for name in TABLES)


def test_a_page_without_its_parts_is_refused():
    with pytest.raises(ValueError, match="questions"):
        page("# Nothing\n")
