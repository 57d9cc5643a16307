"""When people work, and what of that makes an administrator's session worth a look."""

import dataclasses
from datetime import UTC, datetime, time

import pytest

from handlers.adapters.memory import MemoryDirectory, MemoryHistory, MemoryLookups
from handlers.alerting.detection import Concern
from handlers.alerting.enrichment import Enrichments
from handlers.alerting.finding import Finding
from handlers.alerting.severity import Severity
from handlers.alerting.working_hours import WorkingHours
from tests.building import NOW, detection
from tests.unit.alerting.test_enrichment import event

OFFICE = WorkingHours(days=("Mon", "Fri"), starts=time(8), ends=time(19), time_zone="Asia/Tokyo")
NIGHTS = WorkingHours(days=("Fri",), starts=time(22), ends=time(6))


@pytest.mark.parametrize(
    ("hours", "moment", "is_work"),
    [
        (OFFICE, "2026-11-22T22:59:59Z", False),  # Monday 07:59 in Tokyo
        (OFFICE, "2026-11-22T23:00:00Z", True),
        (OFFICE, "2026-11-23T09:59:59Z", True),
        (OFFICE, "2026-11-23T10:00:00Z", False),
        (OFFICE, "2026-11-24T03:00:00Z", False),  # Tuesday, which is not among them
        (NIGHTS, "2026-11-27T21:59:59Z", False),
        (NIGHTS, "2026-11-27T22:00:00Z", True),
        (NIGHTS, "2026-11-28T05:59:59Z", True),  # on Saturday, in the span that began on Friday
        (NIGHTS, "2026-11-28T06:00:00Z", False),
        (NIGHTS, "2026-11-28T22:00:00Z", False),
    ],
)
def test_the_days_and_the_span_are_those_of_the_time_zone(hours, moment, is_work):
    assert hours.contain(datetime.fromisoformat(moment)) is is_work


def test_they_are_read_back_from_their_text():
    assert WorkingHours.parse(str(OFFICE)) == OFFICE
    assert str(OFFICE) == "Mon,Fri 08:00-19:00 Asia/Tokyo"


@pytest.mark.parametrize("text", ["", "Mon", "Mon 08:00-19:00", "Moo 08:00-19:00 UTC", "Mon 8-x UTC"])
def test_any_other_text_is_refused(text):
    with pytest.raises(ValueError, match=r"\S"):
        WorkingHours.parse(text)


def found(of, *, hours, least, severity=Severity.INFO):
    by = Enrichments(
        lookups=MemoryLookups(),
        history=MemoryHistory(),
        directory=MemoryDirectory(),
        clock=lambda: NOW,
        working_hours=hours,
        out_of_hours=least,
    )
    concern = Concern(summary="s", subject="x", severity=severity, group="g")
    finding = Finding.of(detection("admin-session-started"), of, concern, now=NOW)
    for _, enrich in by.steps:
        finding = enrich(finding, of)
    return finding.severity, {fact.label: fact.value for fact in finding.facts}.get("Working hours", "")


LEAST = {"admin-session-started": Severity.MEDIUM}
BY_NIGHT, BY_DAY = event(eventTime="2026-11-24T03:00:00Z"), event(eventTime="2026-11-23T03:00:00Z")


def test_a_session_outside_of_them_is_raised_and_says_why():
    assert found(BY_NIGHT, hours=OFFICE, least=LEAST) == (
        Severity.MEDIUM,
        "outside of them (Mon,Fri 08:00-19:00 Asia/Tokyo)",
    )


def test_what_is_worse_already_stays_so():
    assert found(BY_NIGHT, hours=OFFICE, least=LEAST, severity=Severity.HIGH)[0] is Severity.HIGH


def test_within_them_without_them_or_of_another_kind_nothing_is_raised():
    assert found(BY_DAY, hours=OFFICE, least=LEAST) == (Severity.INFO, "")
    assert found(BY_NIGHT, hours=None, least=LEAST) == (Severity.INFO, "")
    assert found(BY_NIGHT, hours=OFFICE, least={}) == (Severity.INFO, "")


def test_hours_in_a_zone_that_the_machine_does_not_know_cost_their_line_and_not_the_alert():
    lost = dataclasses.replace(OFFICE, time_zone="Mars/Base")
    with pytest.raises(KeyError):  # which the pipeline turns into a line
        lost.contain(datetime(2026, 11, 24, tzinfo=UTC))
