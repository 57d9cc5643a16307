"""One contract, two stores of break-glass windows: the rows in the alert table and those in memory; and the desk."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from botocore.exceptions import EndpointConnectionError

from handlers.adapters.memory import MemoryWindows
from handlers.adapters.window_table import WindowTable
from handlers.alerting.errors import UnavailableError
from handlers.alerting.severity import Severity
from handlers.alerting.window import Standing, Use, WindowAct, WindowOutcome, WindowState, WindowVerb
from handlers.alerting.window_desk import END_OF_WINDOW, end_window
from tests.building import ACCOUNT, NOW
from tests.windows import ALICE, BOB, CAROL, HOUR, Office, asked

OTHER = "210987654321"


@pytest.fixture(params=["memory", "table"])
def windows(request):
    if request.param == "memory":
        return MemoryWindows()
    client, table = request.getfixturevalue("alert_table")
    return WindowTable(client=client, table=table, retention=timedelta(days=400))


@pytest.fixture
def office(windows):
    return Office(windows=windows)


def act(verb=WindowVerb.REQUEST, by=ALICE, **changes):
    return WindowAct(**{"id": f"{verb} by {by}", "verb": verb, "by": by, "at": NOW, **changes})


def requested(**changes):
    done = act(id=f"asked {sorted(changes.items())}")
    return asked(**changes).window(done), done


# The store


def test_a_window_is_kept_with_the_act_that_made_it(windows):
    window, done = requested()
    assert windows.find(window.id) is None
    assert windows.history(window.id) == []
    assert windows.save(window, done)
    assert windows.find(window.id) == window
    assert windows.history(window.id) == [(done, window)]


def test_of_two_acts_on_the_same_version_one_is_kept(windows):
    window, done = requested()
    assert windows.save(window, done)
    assert not windows.save(window, done)
    approved = dataclasses.replace(window, state=WindowState.APPROVED, approved_by=BOB, approved_at=NOW, version=2)
    refused = dataclasses.replace(window, state=WindowState.REFUSED, settled_by=CAROL, settled_at=NOW, version=2)
    assert windows.save(approved, act(WindowVerb.APPROVE, BOB))
    assert not windows.save(refused, act(WindowVerb.REFUSE, CAROL))
    assert windows.find(window.id) == approved
    assert [item.verb for item, _ in windows.history(window.id)] == [WindowVerb.REQUEST, WindowVerb.APPROVE]
    assert list(windows.of_account(ACCOUNT, ending_from=NOW)) == [approved]


def test_an_accounts_windows_come_by_their_end_and_those_long_over_do_not(windows):
    hours = [3, 1, 2]
    for hour in hours:
        assert windows.save(*requested(starts=NOW + hour * HOUR))
    assert windows.save(*requested(account=OTHER))
    found = windows.of_account(ACCOUNT, ending_from=NOW)
    assert [window.ends for window in found] == [NOW + (hour + 1) * HOUR for hour in sorted(hours)]
    assert len(windows.of_account(ACCOUNT, ending_from=NOW + 3 * HOUR)) == 2
    assert len(windows.of_account(ACCOUNT, ending_from=NOW + 3 * HOUR + timedelta(microseconds=1))) == 1
    assert [window.account for window in windows.of_account(OTHER, ending_from=NOW)] == [OTHER]
    assert list(windows.of_account("999999999999", ending_from=NOW)) == []


def test_a_use_is_kept_once_and_uses_come_by_time(windows):
    window, done = requested()
    windows.save(window, done)
    uses = [
        Use(
            finding_id=f"f#{minute}",
            at=NOW + timedelta(minutes=minute),
            standing=Standing.INSIDE,
            summary="Root <!channel> \u202edid",
            region="us-east-1",
            address="192.0.2.10",
        )
        for minute in (5, 1, 3)
    ]
    for use in uses * 2:
        windows.add_use(window.id, use)
    assert list(windows.uses(window.id)) == sorted(uses, key=lambda use: use.at)
    assert list(windows.uses("W0")) == []
    assert [item for item, _ in windows.history(window.id)] == [done], "uses are no acts"


def test_where_people_see_a_window_is_remembered_once(windows):
    window, done = requested()
    windows.save(window, done)
    assert windows.place(window.id) == ""
    windows.keep_place(window.id, "C1:1.2")
    windows.keep_place(window.id, "C1:3.4")
    assert windows.place(window.id) == "C1:1.2"
    assert windows.place("W0") == ""
    assert [item for item, _ in windows.history(window.id)] == [done]


def test_more_rows_than_one_answer_holds_are_read_to_the_last(alert_table, monkeypatch):
    client, table = alert_table
    windows = WindowTable(client=client, table=table, retention=timedelta(days=400))
    for hour in range(25):
        windows.save(*requested(starts=NOW + hour * HOUR))
    query = client.query
    monkeypatch.setattr(client, "query", lambda **request: query(**request, Limit=10))
    assert len(windows.of_account(ACCOUNT, ending_from=NOW)) == 25


@pytest.mark.parametrize("operation", ["GetItem", "Query", "TransactWriteItems", "PutItem"])
def test_a_table_that_does_not_answer_is_unavailable(alert_table, operation):
    client, table = alert_table
    windows = WindowTable(client=client, table=table, retention=timedelta(days=400))
    use = Use(finding_id="f", at=NOW, standing=Standing.INSIDE, summary="s", region="r", address="a")
    window, done = requested()
    windows.save(window, done)

    def fail(**_):
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    client.meta.events.register(f"before-call.dynamodb.{operation}", fail)
    with pytest.raises(UnavailableError, match="EndpointConnectionError"):
        {
            "GetItem": lambda: windows.find("W1"),
            "Query": lambda: windows.of_account(ACCOUNT, ending_from=NOW),
            "TransactWriteItems": lambda: windows.save(*requested()),
            "PutItem": lambda: windows.add_use(window.id, use),
        }[operation]()


def test_the_tables_rows_expire_after_the_window_and_not_before(alert_table):
    client, table = alert_table
    WindowTable(client=client, table=table, retention=timedelta(days=400)).save(*requested())
    rows = client.scan(TableName=table)["Items"]
    assert len(rows) == 3
    expected = str(int((NOW + HOUR + timedelta(days=400)).timestamp()))
    assert {row["expires_at"]["N"] for row in rows} == {expected}


def test_twenty_approvers_at_once_approve_once():
    # In memory only: moto is not safe for threads.
    office = Office()
    window = office.ask()

    def approve(number):
        return office.act(window.id, WindowVerb.APPROVE, (BOB, CAROL)[number % 2], act_id=f"click {number}").outcome

    with ThreadPoolExecutor(20) as workers:
        outcomes = list(workers.map(approve, range(100)))
    assert sorted(set(outcomes)) == [WindowOutcome.ALREADY, WindowOutcome.DONE]
    assert outcomes.count(WindowOutcome.DONE) == 1
    assert len(office.windows.history(window.id)) == 2


# The desk


def test_a_window_is_asked_for_approved_and_given_an_alarm_and_all_is_written_down(office):
    window = office.approved()
    assert window.state is WindowState.APPROVED
    assert office.alarms.set_for == {
        f"window-end-{window.id}": (window.ends, {"kind": END_OF_WINDOW, "window": window.id})
    }
    keys = sorted(office.log)
    assert [key.rpartition("-")[0] for key in keys] == [
        f"windows/2026/11/02/{window.id}/0001",
        f"windows/2026/11/02/{window.id}/0002",
    ]
    assert office.log[keys[1]]["act"]["by"] == BOB
    assert office.log[keys[1]]["window"] == window.to_plain()


def test_a_request_with_problems_leaves_nothing_behind(office):
    assert office.desk.request(asked(ticket=""), act_id="a", by=ALICE).keys() == {"ticket"}
    assert office.windows.of_account(ACCOUNT, ending_from=NOW - HOUR) == []
    assert office.log == {}


def test_a_click_that_comes_again_is_done_once_and_finishes_what_was_left_undone(office):
    window = office.ask()
    assert office.ask() == window
    office.alarms.failing = 1
    with pytest.raises(UnavailableError):
        office.act(window.id, WindowVerb.APPROVE, BOB)
    assert office.windows.find(window.id).state is WindowState.APPROVED
    assert office.alarms.set_for == {}
    office.now += timedelta(minutes=1)
    assert office.act(window.id, WindowVerb.APPROVE, BOB).outcome is WindowOutcome.DONE
    assert list(office.alarms.set_for) == [f"window-end-{window.id}"]
    assert office.windows.find(window.id).approved_at == NOW
    assert len(office.log) == 2
    assert office.act(window.id, WindowVerb.APPROVE, CAROL).outcome is WindowOutcome.ALREADY


def test_revoking_takes_the_alarm_back(office):
    window = office.approved()
    assert office.act(window.id, WindowVerb.REVOKE, CAROL, reason="not today").window.reason == "not today"
    assert office.alarms.set_for == {}
    assert office.alarms.cancelled == [f"window-end-{window.id}"]


def test_what_is_not_there_is_gone(office):
    assert office.act("W0", WindowVerb.APPROVE, BOB).outcome is WindowOutcome.GONE
    assert office.desk.news("W0") is None
    assert end_window("W0", desk=office.desk, tell=pytest.fail).outcome is WindowOutcome.GONE


def test_a_window_that_nobody_used_says_so_when_it_ends_however_often_the_alarm_goes_off(office):
    window, told = office.approved(), []
    assert end_window(window.id, desk=office.desk, tell=told.append).outcome is WindowOutcome.NOT_YET
    assert told == []
    office.now = window.ends
    for _ in range(2):
        end_window(window.id, desk=office.desk, tell=told.append)
    assert told == [window.id] * 2
    first, second = (office.desk.news(item) for item in told)
    assert first.id == second.id
    assert first.severity is Severity.LOW
    assert first.summary.endswith("ended. Nobody used it.")
    assert len(office.windows.history(window.id)) == 3


def test_a_window_that_was_used_says_what_for_with_times(office):
    window = office.approved()
    for minute, standing in ((1, Standing.INSIDE), (9, Standing.INSIDE), (12, Standing.ELSEWHERE)):
        office.windows.add_use(
            window.id,
            Use(
                finding_id=f"f{minute}",
                at=NOW + timedelta(minutes=minute),
                standing=standing,
                summary=f"Root did number {minute}.",
                region="us-east-1",
                address="192.0.2.10",
            ),
        )
    office.now = window.ends
    end_window(window.id, desk=office.desk, tell=lambda _: None)
    news = office.desk.news(window.id)
    assert "It was used 2 times, from 03:05 to 03:13 UTC. 1 more did not stand the test" in news.summary
    (exhibit,) = news.exhibits
    assert exhibit.text.splitlines()[0] == "03:05:05  inside        Root did number 1."
    assert exhibit.text.splitlines()[2] == "03:16:05  elsewhere     Root did number 12."


def test_an_emergency_is_told_as_high_with_its_reason_and_the_rest_as_low(office):
    window = office.ask()
    assert office.desk.news(window.id).severity is Severity.LOW
    assert "rootwatch window approve" in office.desk.news(window.id).summary
    office.act(window.id, WindowVerb.EMERGENCY, ALICE, reason="the billing alarm at night")
    news = office.desk.news(window.id)
    assert news.severity is Severity.HIGH
    assert news.title == "A break-glass window was opened without a second person"
    assert news.summary.endswith("An emergency, they say: the billing alarm at night")
    assert list(office.alarms.set_for) == [f"window-end-{window.id}"]
    office.now = window.ends
    office.desk.end(window.id)
    assert office.desk.news(window.id).severity is Severity.LOW


def test_a_window_that_was_never_approved_never_opened(office):
    window = office.ask()
    assert office.alarms.set_for == {}
    office.act(window.id, WindowVerb.REFUSE, BOB, reason="use the role instead")
    assert office.desk.news(window.id).summary.endswith("was refused by bob. It never opened.")
