"""One contract, two alert books: the table and the one in memory."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from handlers.adapters.alert_table import AlertTable
from handlers.adapters.memory import MemoryAlertBook
from handlers.alerting.alert import Told
from handlers.alerting.detection import Concern, Exhibit
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding, QuietKind
from handlers.alerting.severity import Severity
from tests.building import NOW, Stage, detection, record

HOUR = timedelta(hours=1)


@pytest.fixture(params=["memory", "table"])
def book(request):
    if request.param == "memory":
        return MemoryAlertBook()
    client, table = request.getfixturevalue("alert_table")
    return AlertTable(client=client, table=table, retention=timedelta(days=400))


def finding(group="users", severity=Severity.HIGH, received=NOW, **changes):
    concern = Concern(summary="s", subject="x", severity=severity, group=group)
    return Finding.of(detection(), Event.parse(record(**changes)), concern, now=received)


def test_a_repeat_gets_the_stored_finding_and_counts_nothing(book):
    first = finding()
    recorded = book.record(first, window=HOUR, now=NOW)
    again = Finding.from_plain({**first.to_plain(), "received": "2026-11-02T09:00:00+00:00", "summary": "other"})
    repeated = book.record(again, window=HOUR, now=NOW)
    assert (recorded.is_new, repeated.is_new) == (True, False)
    assert repeated.finding == first
    assert repeated.alert == recorded.alert
    assert repeated.alert.count == 1


def test_findings_of_a_group_share_an_alert_and_its_severity_rises(book):
    book.record(finding(severity=Severity.MEDIUM), window=HOUR, now=NOW)
    book.record(finding(severity=Severity.CRITICAL), window=HOUR, now=NOW)
    alert = book.record(finding(severity=Severity.LOW), window=HOUR, now=NOW).alert
    assert (alert.count, alert.loud, alert.severity) == (3, 3, Severity.CRITICAL)
    other = book.record(finding(group="others"), window=HOUR, now=NOW).alert
    assert other.id != alert.id


def test_the_window_opens_a_new_alert_and_the_last_time_never_goes_back(book):
    first = book.record(finding(eventTime="2026-11-02T03:30:00Z"), window=HOUR, now=NOW).alert
    same = book.record(finding(eventTime="2026-11-02T03:10:00Z"), window=HOUR, now=NOW).alert
    assert same.id == first.id
    assert same.last_time.minute == 30
    later = book.record(finding(eventTime="2026-11-02T04:31:00Z"), window=HOUR, now=NOW).alert
    assert later.id != first.id


def test_a_quiet_finding_is_counted_but_not_loud(book):
    alert = book.record(finding().quieted("because"), window=HOUR, now=NOW).alert
    assert (alert.count, alert.loud, alert.kinds) == (1, 0, frozenset())
    assert book.findings(alert.id, after="", limit=9) == []


def test_a_conversation_across_accounts_is_joined_where_it_is_open(book):
    def member(key):
        concern = Concern(summary="s", subject="x", severity=Severity.LOW, group="root", joins=f"session:{key}")
        return Finding.of(detection(), Event.parse(record(recipientAccountId="210987654321")), concern, now=NOW)

    opening = Concern(summary="s", subject="x", severity=Severity.HIGH, group="session:ASIA1", across_accounts=True)
    opener = Finding.of(detection(), Event.parse(record()), opening, now=NOW)
    alone = book.record(member("ASIA1"), window=HOUR, now=NOW).alert
    opened = book.record(opener, window=HOUR, now=NOW).alert
    assert alone.id != opened.id, "what is not open cannot be joined"
    joined = book.record(member("ASIA1"), window=HOUR, now=NOW).alert
    assert (joined.id, joined.count) == (opened.id, 2)
    other = book.record(member("ASIA2"), window=HOUR, now=NOW).alert
    assert (other.id, other.count) == (alone.id, 2)


def test_the_headline_is_the_first_loud_finding(book):
    quiet, loud, later = finding().quieted("because"), finding(), finding()
    assert book.record(quiet, window=HOUR, now=NOW).alert.headline == quiet
    assert book.record(loud, window=HOUR, now=NOW).alert.headline == loud
    alert = book.record(later, window=HOUR, now=NOW).alert
    assert alert.headline == loud
    assert (alert.count, alert.loud) == (3, 2)


def test_an_errand_is_for_one_worker_until_it_is_given_back_or_its_lease_ends(book):
    alert = book.record(finding(), window=HOUR, now=NOW).alert
    minute = timedelta(minutes=1)
    assert book.claim(alert.id, "slack", now=NOW, lease=minute)
    assert not book.claim(alert.id, "slack", now=NOW, lease=minute)
    assert book.claim(alert.id, "email", now=NOW, lease=minute)
    book.release(alert.id, "slack")
    book.release(alert.id, "slack")
    assert book.claim(alert.id, "slack", now=NOW, lease=minute)
    assert book.claim(alert.id, "slack", now=NOW + 2 * minute, lease=minute)


def test_what_a_channel_was_told_is_remembered_and_gives_its_errand_back(book):
    alert = book.record(finding(), window=HOUR, now=NOW).alert
    told = Told(
        reference="C1:2.3", count=1, severity=Severity.HIGH, kinds=frozenset({"4#user-created"}), cursor="c", at=NOW
    )
    assert book.claim(alert.id, "slack", now=NOW, lease=HOUR)
    book.save_told(alert.id, "slack", told)
    assert book.find(alert.id).told == {"slack": told}
    assert book.claim(alert.id, "slack", now=NOW, lease=HOUR)


def test_the_newest_findings_beyond_a_cursor_come_oldest_first(book):
    stored = [finding(received=NOW + timedelta(seconds=second)) for second in range(30)]
    for item in stored:
        alert = book.record(item, window=HOUR, now=NOW).alert
    assert book.findings(alert.id, after=stored[4].cursor, limit=100) == stored[5:]
    assert book.findings(alert.id, after=stored[4].cursor, limit=3) == stored[-3:]
    assert book.findings(alert.id, after=stored[-1].cursor, limit=3) == []


def test_twenty_workers_open_one_alert_and_count_exactly():
    # In memory only: moto is not safe for threads. tests/e2e does the same with the table of the local AWS.
    book = MemoryAlertBook()
    findings = [finding() for _ in range(50)]
    with ThreadPoolExecutor(20) as workers:
        recorded = list(workers.map(lambda item: book.record(item, window=HOUR, now=NOW), findings * 2))
    assert len({item.alert.id for item in recorded}) == 1
    assert sum(item.is_new for item in recorded) == 50
    assert book.find(recorded[0].alert.id).count == 50


def test_an_unknown_alert_is_none_and_cannot_be_claimed(book):
    assert book.find("A0") is None
    if isinstance(book, AlertTable):
        assert not book.claim("A0", "slack", now=NOW, lease=HOUR)


def test_a_strange_event_id_is_no_trouble_as_a_key(book):
    strange = [finding(eventID="\u202e" * 5_000), finding(eventID="a" * 100_000), finding(eventID="\n#")]
    assert all(book.record(item, window=HOUR, now=NOW).is_new for item in strange)


def test_the_pipeline_runs_on_the_table(book):
    stage = Stage(book=book)
    for _ in range(5):
        stage.send()
    stage.pass_time(seconds=30)
    stage.pipeline.refresh_alert(stage.later.asked[0][0])
    assert stage.said(stage.slack) == ["announce", "follow_up"]
    assert len(stage.slack.told[1][2]) == 4


@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "AccessDeniedException", "InternalServerError"]
)
def test_a_table_that_does_not_answer_is_unavailable(alert_table, code):
    client, table = alert_table
    client.meta.events.register(
        "before-call.dynamodb.GetItem",
        lambda **_: (_ for _ in ()).throw(ClientError({"Error": {"Code": code}}, "GetItem")),
    )
    book = AlertTable(client=client, table=table, retention=HOUR)
    with pytest.raises(UnavailableError, match=code):
        book.find("A0")


def test_a_network_failure_is_unavailable(alert_table):
    client, table = alert_table
    failure = EndpointConnectionError(endpoint_url="http://127.0.0.1")
    client.meta.events.register("before-call.dynamodb", lambda **_: (_ for _ in ()).throw(failure))
    book = AlertTable(client=client, table=table, retention=HOUR)
    for call in (
        lambda: book.record(finding(), window=HOUR, now=NOW),
        lambda: book.claim("A0", "slack", now=NOW, lease=HOUR),
        lambda: book.findings("A0", after="", limit=1),
    ):
        with pytest.raises(UnavailableError):
            call()


def test_what_is_kept_for_a_report_is_found_by_the_day_we_learnt_of_it_in_order_and_without_exhibits(book):
    exhibits = (Exhibit(title="The policy", text="{}"),)
    late = dataclasses.replace(finding(eventTime="2026-10-01T00:00:00Z"), exhibits=exhibits, received=NOW + HOUR)
    early = finding()
    for item in (late.quieted("digest: b"), early.quieted("digest: a")):
        book.record(item, window=HOUR, now=NOW)
        book.record(item, window=HOUR, now=NOW)
    book.record(finding().quieted("suppressed until 2026-12-31"), window=HOUR, now=NOW)
    book.record(finding().quieted("this detection is in staging"), window=HOUR, now=NOW)
    book.record(finding(), window=HOUR, now=NOW)
    book.record(finding(received=NOW + 24 * HOUR).quieted("digest: c"), window=HOUR, now=NOW)
    kept = book.findings_kept(QuietKind.DIGEST, NOW.date())
    assert [item.quiet for item in kept] == ["digest: a", "digest: b"]
    assert kept[1] == dataclasses.replace(late, exhibits=(), quiet="digest: b")
    assert len(book.findings_kept(QuietKind.SUPPRESSED, NOW.date())) == 1
    assert len(book.findings_kept(QuietKind.DIGEST, (NOW + 24 * HOUR).date())) == 1
    assert book.findings_kept(QuietKind.SUPPRESSED, (NOW + 24 * HOUR).date()) == []
