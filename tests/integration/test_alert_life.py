"""One contract, two alert books: what people do with an alert."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from handlers.adapters.alert_table import AlertTable
from handlers.adapters.memory import MemoryAlertBook
from handlers.alerting.life import Act, Cause, Life, Outcome, State, Verb
from tests.building import NOW
from tests.integration.test_alert_book import HOUR, finding


@pytest.fixture(params=["memory", "table"])
def book(request):
    if request.param == "memory":
        return MemoryAlertBook()
    client, table = request.getfixturevalue("alert_table")
    return AlertTable(client=client, table=table, retention=timedelta(days=400))


@pytest.fixture
def alert(book):
    return book.record(finding(), window=HOUR, now=NOW).alert


def act(verb=Verb.ACKNOWLEDGE, by="U1", id="1", seconds=0, **more):
    return Act(id=id, verb=verb, by=by, at=NOW + timedelta(seconds=seconds), **more)


def test_the_first_person_owns_it_and_the_second_learns_who_and_when(book, alert):
    assert book.find(alert.id).life == Life()
    assert book.act(alert.id, act(by="U1", id="1")).outcome is Outcome.DONE
    second = book.act(alert.id, act(by="U2", id="2", seconds=5))
    assert (second.outcome, second.life.by, second.life.at) == (Outcome.OWNED, "U1", NOW)
    assert book.find(alert.id).life == second.life


def test_the_same_click_again_is_done_and_changes_nothing_even_after_others(book, alert):
    first = book.act(alert.id, act())
    book.act(alert.id, act(Verb.EXPECT, by="U2", id="2", reason="planned", ticket="OPS-1"))
    assert book.act(alert.id, act()) == first
    assert book.find(alert.id).life.state is State.EXPECTED
    assert len(book.history(alert.id)) == 2


def test_the_history_tells_every_act_in_order_with_reason_and_ticket(book, alert):
    acts = [
        act(id="z"),
        act(Verb.EXPECT, by="U2", id="b", seconds=5, reason="planned", ticket="OPS-1"),
        act(Verb.REOPEN, id="a", seconds=9),
    ]
    for item in acts:
        assert book.act(alert.id, item).outcome is Outcome.DONE
    history = book.history(alert.id)
    assert [item for item, _ in history] == acts
    assert [life.state for _, life in history] == [State.ACKNOWLEDGED, State.EXPECTED, State.OPEN]


def test_what_is_not_done_leaves_no_record(book, alert):
    book.act(alert.id, act())
    book.act(alert.id, act(by="U2", id="2"))
    assert len(book.history(alert.id)) == 1


def test_an_alert_that_has_expired_is_gone(book):
    assert book.act("A0", act()).outcome is Outcome.GONE
    assert book.history("A0") == []


def test_a_finding_that_is_counted_keeps_the_state(book, alert):
    book.act(alert.id, act())
    assert book.record(finding(), window=HOUR, now=NOW).alert.life.state is State.ACKNOWLEDGED


def of_case(case, *, over=False, seconds=0, **more):
    moment = NOW + timedelta(seconds=seconds)
    return dataclasses.replace(finding(**more), case=case, over=over, time=moment, received=moment)


def test_what_is_found_and_over_is_counted_and_a_repeat_counts_nothing(book):
    first, second, end = of_case("x#a"), of_case("x#b", seconds=1), of_case("x#a", over=True, seconds=2)
    seen = [book.record(item, window=HOUR, now=NOW).alert.unsettled for item in (first, second, second, end, end)]
    assert seen == [1, 2, 2, 1, 1]


def test_the_end_of_a_case_joins_its_alert_after_the_window(book):
    alert_id = book.record(of_case("x#a"), window=HOUR, now=NOW).alert.id
    end = of_case("x#a", over=True, seconds=1_000_000)
    assert book.record(end, window=HOUR, now=end.received).alert.id == alert_id
    again = of_case("x#a", seconds=2_000_000)
    assert book.record(again, window=HOUR, now=again.received).alert.id != alert_id


def test_why_an_alert_was_closed_is_kept(book, alert):
    book.act(alert.id, act(Verb.CLOSE, cause=Cause.MENDED, reason="the role is gone"))
    ((done, life),) = book.history(alert.id)
    assert (done.cause, life.cause, life.reason) == (Cause.MENDED, Cause.MENDED, "the role is gone")
    assert book.find(alert.id).life == life


def test_a_hundred_clicks_at_once_have_one_owner():
    # In memory only: moto is not safe for threads. tests/e2e does the same with the table of the local AWS.
    book = MemoryAlertBook()
    alert = book.record(finding(), window=HOUR, now=NOW).alert
    with ThreadPoolExecutor(20) as workers:
        decisions = list(
            workers.map(lambda number: book.act(alert.id, act(by=f"U{number}", id=str(number))), range(100))
        )
    outcomes = [decision.outcome for decision in decisions]
    assert (outcomes.count(Outcome.DONE), outcomes.count(Outcome.OWNED)) == (1, 99)
    assert {decision.life.by for decision in decisions} == {book.find(alert.id).life.by}
