"""One contract, two histories: the one in the alert table and the one in memory."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from handlers.adapters.history_table import HistoryTable
from handlers.adapters.memory import MemoryHistory
from handlers.alerting.errors import UnavailableError
from handlers.alerting.ports import MOST_ADDRESSES, MOST_KEPT_CHARACTERS, Kept, Seen, Sighting, Tally
from tests.building import ACCOUNT, NOW

DAY = timedelta(days=1)


@pytest.fixture(params=["memory", "table"])
def history(request):
    if request.param == "memory":
        return MemoryHistory()
    client, table = request.getfixturevalue("alert_table")
    return HistoryTable(client=client, table=table, retention=timedelta(days=400))


def sighting(event, *, principal="alice", address="192.0.2.10", at=NOW, succeeded=True, account=ACCOUNT):
    return Sighting(account=account, event=event, principal=principal, address=address, at=at, succeeded=succeeded)


def see(history, event, **changes):
    return history.seen(sighting(event, **changes), now=NOW)


def test_the_first_sighting_has_seen_nothing_before_it(history):
    assert see(history, "e1") == Seen()


def test_each_of_account_principal_address_and_pair_is_counted_with_its_first_time(history):
    see(history, "e1", at=NOW - 2 * DAY)
    see(history, "e2", address="192.0.2.11", at=NOW - DAY)
    see(history, "e3", principal="bob", at=NOW)
    assert see(history, "e4") == Seen(
        account=Tally(times=3, since=NOW - 2 * DAY),
        principal=Tally(times=2, since=NOW - 2 * DAY),
        address=Tally(times=2, since=NOW - 2 * DAY),
        both=Tally(times=1, since=NOW - 2 * DAY),
        other_addresses=1,
    )


def test_a_repeat_counts_nothing_and_gets_the_first_answer(history):
    see(history, "e1")
    first = see(history, "e2", address="192.0.2.44")
    assert see(history, "e2", address="192.0.2.44") == first
    see(history, "e3")
    assert see(history, "e2", address="192.0.2.44") == first, "however late it comes"
    assert see(history, "e4", address="192.0.2.44").account.times == 3


def test_what_failed_is_counted_apart_and_makes_no_address_known(history):
    see(history, "e1")
    see(history, "e2", address="198.51.100.7", succeeded=False)
    found = see(history, "e3", address="198.51.100.7")
    assert found.both == Tally(failed=1)
    assert found.principal == Tally(times=1, failed=1, since=NOW)
    assert see(history, "e4").other_addresses == 1, "e3 succeeded from there, e2 alone would not have counted"


def test_a_principal_or_an_address_may_be_missing(history):
    see(history, "e1", address="")
    assert see(history, "e2", address="").principal.times == 1
    assert see(history, "e3", principal="").address == Tally()
    assert see(history, "e4", principal="").address.times == 1


def test_so_many_addresses_are_told_apart_and_no_more(history):
    for number in range(MOST_ADDRESSES + 5):
        see(history, f"e{number}", address=f"192.0.2.{number}")
    assert see(history, "last", address="198.51.100.1").other_addresses == MOST_ADDRESSES


def test_accounts_and_names_are_kept_apart_whatever_is_in_them(history):
    see(history, "e1", principal="a", address="b")
    assert see(history, "e2", principal="a\0b", address="").principal == Tally()
    assert see(history, "e1", principal="a", address="b", account="210987654321") == Seen()
    for number, strange in enumerate(("\u202e" * 5_000, "#\n", "\ud800", "a" * 100_000)):
        assert see(history, f"s{number}", principal=strange, address=strange).both == Tally()


def keep(history, value, event, *, at=NOW, name="policy/x"):
    return history.replaced(name, value, event=event, at=at, now=NOW)


def test_a_value_is_kept_with_the_first_event_that_found_it_so(history):
    assert keep(history, "one", "e1", at=NOW - 3 * DAY) is None
    assert keep(history, "one", "e2", at=NOW - 2 * DAY) == Kept(value="one", since=NOW - 3 * DAY)
    assert keep(history, "two", "e3", at=NOW - DAY) == Kept(value="one", since=NOW - 3 * DAY)
    assert keep(history, "two", "e4", at=NOW) == Kept(value="two", since=NOW - DAY)
    assert keep(history, "x", "e1", name="policy/y") is None


def test_a_repeat_is_told_what_was_there_the_first_time_and_replaces_nothing(history):
    keep(history, "one", "e1")
    assert keep(history, "two", "e2") == Kept(value="one", since=NOW)
    assert keep(history, "something else by now", "e2") == Kept(value="one", since=NOW)
    assert keep(history, "three", "e3") == Kept(value="two", since=NOW)


def test_what_came_later_stays(history):
    keep(history, "later", "e2", at=NOW)
    assert keep(history, "earlier", "e1", at=NOW - DAY) is None
    assert keep(history, "next", "e3", at=NOW) == Kept(value="later", since=NOW)


def test_nothing_and_what_is_too_long_is_forgotten(history):
    keep(history, "one", "e1")
    assert keep(history, "", "e2") == Kept(value="one", since=NOW)
    assert keep(history, "x" * (MOST_KEPT_CHARACTERS + 1), "e3") is None
    assert keep(history, "x" * MOST_KEPT_CHARACTERS, "e4") is None
    assert len(keep(history, "", "e5").value) == MOST_KEPT_CHARACTERS


# The table's own


@pytest.fixture
def table(alert_table):
    client, name = alert_table
    return HistoryTable(client=client, table=name, retention=timedelta(days=400))


def test_rows_expire_and_tell_nobodys_name(alert_table, table):
    see(table, "e1", principal="alice")
    keep(table, "one", "e1", name="standing/bob")
    client, name = alert_table
    rows = client.scan(TableName=name)["Items"]
    assert len(rows) == 6
    expires = str(int((NOW + timedelta(days=400)).timestamp()))
    assert {row["expires_at"]["N"] for row in rows} == {expires}
    assert not any("alice" in json.dumps(row["pk"]) or "bob" in json.dumps(row) for row in rows)


def test_another_writer_at_the_same_moment_is_looked_at_again(alert_table, table):
    client, name = alert_table
    other = HistoryTable(client=client, table=name, retention=DAY)
    meddled = []

    def meddle(params, **_):
        if not meddled:
            meddled.append(params)
            see(other, "e1")
            keep(other, "theirs", "e1")

    client.meta.events.register("provide-client-params.dynamodb.TransactWriteItems", meddle)
    assert see(table, "e1") == Seen(), "the other's answer, and counted once"
    client.meta.events.unregister("provide-client-params.dynamodb.TransactWriteItems", meddle)
    assert see(table, "e2").account.times == 1
    meddled.clear()

    def meddle_too(params, **_):
        if not meddled:
            meddled.append(params)
            keep(other, "newer", "e2")

    client.meta.events.register("provide-client-params.dynamodb.PutItem", meddle_too)
    assert keep(table, "ours", "e3") == Kept(value="newer", since=NOW)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ProvisionedThroughputExceededException"])
def test_a_table_that_refuses_is_unavailable(alert_table, table, code):
    client, _ = alert_table

    def refuse(**_):
        raise ClientError({"Error": {"Code": code}}, "TransactWriteItems")

    client.meta.events.register("before-call.dynamodb.TransactWriteItems", refuse)
    client.meta.events.register("before-call.dynamodb.PutItem", refuse)
    for call in (lambda: see(table, "e1"), lambda: keep(table, "v", "e1")):
        with pytest.raises(UnavailableError, match=code):
            call()


def test_a_network_failure_and_endless_contention_are_unavailable(alert_table, table):
    client, _ = alert_table

    def contended(**_):
        error = {"Error": {"Code": "TransactionCanceledException"}}
        raise ClientError({**error, "CancellationReasons": [{"Code": "TransactionConflict"}]}, "TransactWriteItems")

    client.meta.events.register("before-call.dynamodb.TransactWriteItems", contended)
    with pytest.raises(UnavailableError, match="contended"):
        see(table, "e1")
    failure = EndpointConnectionError(endpoint_url="http://127.0.0.1")
    client.meta.events.register("before-call.dynamodb", lambda **_: (_ for _ in ()).throw(failure))
    for call in (lambda: see(table, "e1"), lambda: keep(table, "v", "e1")):
        with pytest.raises(UnavailableError, match="EndpointConnectionError"):
            call()


def test_twenty_workers_count_exactly_in_memory():
    history = MemoryHistory()
    with ThreadPoolExecutor(20) as workers:
        list(workers.map(lambda number: see(history, f"e{number % 50}"), range(200)))
    assert see(history, "last").account.times == 50
