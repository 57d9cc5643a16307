"""Every question over a month with known answers, in every way that its logs may lie."""

import dataclasses

import pytest

from audit.duckdb_engine import DuckDBEngine
from audit.ingest import ingest
from audit.log_files import Wanted
from audit.questions import all_questions, question
from tests import trail_story

NAMES = [item.name for item in all_questions()]


@pytest.fixture(scope="module", params=["account", "organization", "loose", "copy", "half a copy", "copy alone"])
def engine(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    layout = request.param if request.param in ("account", "organization", "loose") else "account"
    trail_story.write_logs(folder / "logs", layout)
    trail_story.write_entries(folder / "entries")
    copy = None
    if "copy" in request.param:
        copy = folder / "copy"
        half = Wanted(from_day="2026/10/06", to_day="2026/10/14") if request.param == "half a copy" else None
        done = ingest([folder / "logs"], copy, wanted=half)
        assert done.files and not done.problems
        if request.param == "copy alone":
            for path in (folder / "logs").rglob("*.json.gz"):
                path.unlink()
    with DuckDBEngine(logs=[folder / "logs"], entries=folder / "entries", copy=copy, memory="500MB") as made:
        yield made


def expected(name):
    if name == "volume_by_service":
        return trail_story.volume()
    return trail_story.GATHERED.get(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_question_answers_what_happened(engine, october, name):
    item = question(name)
    answer = engine.run(item.sql, item.bind(october, trail_story.VALUES.get(name)))

    assert answer.partial == ()
    if rows := expected(name):
        assert list(answer.rows) == rows
    else:
        ids = [row[answer.columns.index("event_id")] for row in answer.rows]
        assert ids == trail_story.listed(name)
        assert ids, "a question that finds nothing in the story proves nothing"


@pytest.mark.parametrize("name", NAMES)
def test_a_question_of_another_month_finds_nothing_of_this_one(engine, october, name):
    item = question(name)
    november = dataclasses.replace(october, begin=october.begin.replace(year=2020), end=october.end.replace(year=2020))
    answer = engine.run(item.sql, item.bind(november, trail_story.VALUES.get(name)))
    assert list(answer.rows) == []
