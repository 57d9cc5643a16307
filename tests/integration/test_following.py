"""Reports on sessions with the alert table: told once, also when the next worker knows only what the table says."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from handlers.adapters.alert_table import AlertTable
from handlers.adapters.memory import MemoryAlertBook
from handlers.alerting.alert import Told
from handlers.alerting.finding import Finding
from handlers.alerting.following import Following, Step, follow, tell_activity
from handlers.alerting.severity import Severity
from handlers.detections import CATALOGUE
from tests.building import NOW, envelope, root_record
from tests.unit.alerting.test_following import Teller, Timer

START = datetime(2026, 11, 2, 3, 4, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "table"])
def book(request):
    if request.param == "memory":
        return MemoryAlertBook()
    client, table = request.getfixturevalue("alert_table")
    return AlertTable(client=client, table=table, retention=timedelta(days=1))


def root_signs_in():
    """The finding of a root sign-in, as the pipeline makes it."""
    from handlers.adapters.memory import MemoryLookups
    from handlers.alerting.catalogue import Catalogue
    from handlers.alerting.event import Event

    record = root_record(
        eventName="ConsoleLogin",
        eventSource="signin.amazonaws.com",
        eventType="AwsConsoleSignIn",
        responseElements={"ConsoleLogin": "Success"},
        additionalEventData={"MFAUsed": "Yes"},
        requestParameters=None,
    )
    event = Event.parse(
        envelope(record, **{"detail-type": "AWS Console Sign In via CloudTrail", "source": "aws.signin"})
    )
    outcomes = Catalogue(CATALOGUE).outcomes(event, MemoryLookups())
    (outcome,) = [one for one in outcomes if one.detection.id == "root-console-login"]
    return Finding.of(outcome.detection, event, outcome.verdict, now=NOW)


def test_a_root_sign_in_is_followed_and_each_report_is_told_once(book):
    finding = root_signs_in()
    recorded = book.record(finding, window=timedelta(hours=1), now=NOW)
    told = Told(reference="C1:1.0", count=1, severity=Severity.HIGH, kinds=frozenset(), cursor="", at=NOW)
    book.save_told(recorded.alert.id, "slack", told)
    timer, teller, now = Timer(), Teller(), [START]
    assert follow(recorded.alert, recorded.finding, timer)
    parts = Following(book=book, sources=[], teller=teller, timer=timer, clock=lambda: now[0])
    done = []
    for _ in range(20):  # the alarms, as a scheduler would ring them, each twice
        if not timer.alarms:
            break
        name, (at, work) = min(timer.alarms.items(), key=lambda item: item[1][0])
        timer.alarms.pop(name)
        now[0] = at
        done += [(at, tell_activity(work["alert"], parts=parts)), (at, tell_activity(work["alert"], parts=parts))]
    assert [step for step, _, _ in teller.told] == [Step.FIRST, Step.END]
    assert [at - START for at, was_told in done if was_told] == [timedelta(minutes=15), timedelta(minutes=60)]
    assert not timer.alarms
    assert book.find(recorded.alert.id).told["slack"] == told


def test_a_finding_with_its_session_is_stored_and_read_back():
    finding = root_signs_in()
    assert finding.session["by_arn"] == ["arn:aws:iam::123456789012:root"]
    assert Finding.from_plain(json.loads(json.dumps(finding.to_plain()))) == finding
    older = {key: value for key, value in finding.to_plain().items() if key != "session"}
    assert Finding.from_plain(older).session is None


def test_what_begins_a_privileged_session_says_so():
    assert {one.id for one in CATALOGUE if one.begins_session} == {
        *("root-console-login", "root-activity", "root-session-assumed", "root-federated"),
        *("admin-console-login", "admin-session-started"),
    }
