from datetime import timedelta

import pytest

from handlers.alerting.alert import kind_of
from handlers.alerting.detection import Concern
from handlers.alerting.errors import RetryLaterError, UnavailableError
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.life import OURSELVES, Act, State, Verb
from handlers.alerting.pipeline import PipelineError
from handlers.alerting.severity import Severity
from tests.building import NOW, Stage, detection, envelope, record


def rising(event, _lookups):
    severity = Severity[event.text("requestParameters", "userName")]
    return Concern(summary="s", subject="x", severity=severity, group="users")


def test_the_same_event_two_hundred_times_is_one_message():
    stage, one = Stage(), envelope(record())
    for _ in range(200):
        stage.pipeline.raise_alerts(Event.parse(one))
    assert stage.said(stage.slack) == ["announce"]
    assert stage.book.alerts[0].count == 1
    assert stage.later.asked == []


def test_five_hundred_events_are_one_parent_with_an_exact_count_and_few_calls():
    stage = Stage()
    for _ in range(500):
        stage.send()
        stage.pass_time(milliseconds=50)
    while stage.later.asked:
        stage.pass_time(seconds=30)
        stage.pipeline.refresh_alert(stage.later.asked.pop(0)[0])
    assert stage.said(stage.slack).count("announce") == 1
    assert len(stage.slack.told) <= 10
    assert [alert.count for alert in stage.book.alerts] == [500]
    assert stage.slack.told[-1][1].loud == 500


def test_a_retry_announces_what_slack_missed():
    stage, one = Stage(), Event.parse(envelope(record()))
    stage.slack.failing = [UnavailableError("down")] * 3
    for _ in range(3):
        with pytest.raises(PipelineError):
            stage.pipeline.raise_alerts(one)
        stage.pass_time(seconds=30)
    stage.pipeline.raise_alerts(one)
    assert stage.said(stage.slack) == ["announce"]
    assert stage.said(stage.email) == ["announce"]
    assert stage.book.alerts[0].count == 1


def test_mail_leaves_while_slack_is_down():
    stage = Stage()
    stage.slack.failing = [RetryLaterError("patience", seconds=77)]
    with pytest.raises(PipelineError) as raised:
        stage.send()
    assert raised.value.retry_after == 77
    assert stage.said(stage.email) == ["announce"]


def test_slack_is_told_while_mail_is_down():
    stage = Stage()
    stage.email.failing = [UnavailableError("down")]
    with pytest.raises(PipelineError):
        stage.send()
    assert stage.said(stage.slack) == ["announce"]


def test_a_worker_that_dies_while_announcing_is_replaced_after_its_lease():
    stage, one = Stage(), Event.parse(envelope(record()))
    stage.slack.failing = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        stage.pipeline.raise_alerts(one)
    stage.book.claim(stage.book.alerts[0].id, "slack", now=stage.now, lease=timedelta(seconds=60))  # it died holding it
    stage.pipeline.raise_alerts(one)
    assert stage.said(stage.slack) == []
    assert len(stage.later.asked) == 1, "what could not be told now is remembered"
    stage.pass_time(seconds=61)
    stage.pipeline.raise_alerts(one)
    assert stage.said(stage.slack) == ["announce"]


def test_a_rise_in_severity_is_broadcast_at_once_and_never_falls():
    stage = Stage(detections=[detection(assess=rising)])
    for word in ("MEDIUM", "HIGH", "LOW", "CRITICAL"):
        stage.send(requestParameters={"userName": word})
    assert stage.said(stage.slack) == ["announce", "broadcast", "broadcast"]
    assert stage.said(stage.email) == ["announce", "broadcast"], "mail is told from HIGH on"
    assert stage.book.alerts[0].severity is Severity.CRITICAL


def test_a_second_kind_of_critical_is_broadcast_too():
    both = [
        detection("one", severity=Severity.CRITICAL),
        detection("two", severity=Severity.CRITICAL, event_names=["DeleteUser"]),
    ]
    stage = Stage(detections=both)
    stage.send()
    stage.send(eventName="DeleteUser")
    assert stage.said(stage.slack) == ["announce", "broadcast"]


def test_findings_further_apart_than_the_window_are_two_alerts():
    stage = Stage()
    stage.send(eventTime="2026-11-02T03:04:00Z")
    stage.send(eventTime="2026-11-02T04:04:00Z")
    assert len(stage.book.alerts) == 1
    stage.send(eventTime="2026-11-02T04:04:01Z")
    assert len(stage.book.alerts) == 2


def test_a_late_record_joins_the_alert_of_its_own_time():
    stage = Stage()
    stage.send(eventTime="2026-11-02T03:00:00Z")
    stage.send(eventTime="2026-11-02T05:00:00Z")
    stage.send(eventTime="2026-11-02T02:30:00Z")
    assert [alert.count for alert in stage.book.alerts] == [2, 1]


def test_people_are_told_from_the_threshold_on():
    stage = Stage(detections=[detection(threshold=5)])
    for _ in range(4):
        stage.send()
    assert stage.said(stage.slack) == []
    stage.send()
    assert stage.said(stage.slack) == ["announce"]
    assert stage.slack.told[0][1].loud == 5


def test_follow_ups_keep_their_distance():
    stage = Stage()
    stage.send()
    stage.send()
    stage.pass_time(seconds=10)
    stage.send()
    assert stage.said(stage.slack) == ["announce"]
    assert len(stage.later.asked) == 1, "one reminder is enough for both"
    stage.pass_time(seconds=20)
    stage.pipeline.refresh_alert(stage.later.asked[0][0])
    assert stage.said(stage.slack) == ["announce", "follow_up"]
    assert len(stage.slack.told[1][2]) == 2
    stage.pass_time(seconds=31)
    stage.send()
    assert stage.said(stage.slack) == ["announce", "follow_up", "follow_up"], "long after, it is told at once"


def test_a_detection_that_crashes_does_not_silence_the_others_and_fails_the_record():
    def crashes(_event, _lookups):
        raise KeyError("secret of the event")

    stage = Stage(detections=[detection("broken", assess=crashes), detection("sound")])
    with pytest.raises(PipelineError) as raised:
        stage.send()
    assert stage.said(stage.slack) == ["announce"]
    assert "broken" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_an_enrichment_that_fails_costs_its_own_line():
    def breaks(_finding, _event):
        raise TimeoutError

    stage = Stage(options={"enrichments": [("Country", breaks)]})
    stage.send()
    (fact,) = stage.slack.told[0][1].headline.facts
    assert (fact.label, fact.value) == ("Country", "unavailable (TimeoutError)")


def test_a_quiet_finding_is_stored_and_counted_and_disturbs_nobody():
    stage = Stage(options={"quietenings": [lambda finding, event: "expected until Friday"]})
    stage.send()
    (alert,) = stage.book.alerts
    assert (alert.count, alert.loud) == (1, 0)
    assert alert.headline.quiet == "expected until Friday"
    assert stage.slack.told == stage.email.told == []


def test_a_loud_finding_in_a_quiet_alert_is_announced():
    reasons = iter(["quiet", None])
    stage = Stage(options={"quietenings": [lambda finding, event: next(reasons)]})
    stage.send()
    stage.send()
    assert stage.said(stage.slack) == ["announce"]


def test_staging_records_without_telling():
    stage = Stage(detections=[detection(staging=True)])
    stage.send()
    assert stage.book.alerts[0].count == 1
    assert stage.slack.told == []


def test_the_store_being_down_fails_the_record():
    stage = Stage()

    def record_(*_args, **_kwargs):
        raise UnavailableError("no table")

    stage.book.record = record_
    with pytest.raises(PipelineError, match="no table"):
        stage.send()


def test_an_unreadable_text_is_announced_once_and_shows_how_it_begins():
    stage = Stage()
    for _ in range(3):
        stage.pipeline.announce_unreadable("{broken", "not JSON: at line 1")
    assert stage.said(stage.slack) == ["announce"]
    headline = stage.slack.told[0][1].headline
    assert headline.exhibits[0].text == "{broken"
    assert headline.account == "unknown"


def test_a_late_finding_says_how_late():
    event = Event.parse(record(eventTime="2026-11-02T01:04:05Z"))
    concern = Concern(summary="s", subject="x", severity=Severity.LOW, group="g")
    finding = Finding.of(detection(), event, concern, now=NOW)
    assert finding.late_by == timedelta(hours=2)
    on_time = Finding.of(detection(), Event.parse(record()), concern, now=NOW)
    assert on_time.late_by is None


def test_a_finding_survives_being_written_and_read():
    concern = Concern(summary="s" * 5_000, subject="x", severity=Severity.LOW, group="g" * 5_000)
    finding = Finding.of(detection(), Event.parse(record(addendum={"reason": "DELIVERY_DELAY"})), concern, now=NOW)
    assert Finding.from_plain(finding.to_plain()) == finding
    assert len(finding.summary) < 2_100
    assert len(finding.group) < 100
    assert kind_of(finding) == "2#user-created"


def test_the_account_is_named():
    stage = Stage()
    stage.send()
    assert stage.slack.told[0][1].headline.account_name == "production"


def test_one_event_is_told_once_in_a_conversation_by_its_worst_finding():
    stage = Stage(detections=[detection("weak", severity=Severity.LOW), detection("strong", severity=Severity.HIGH)])
    stage.send()
    (alert,) = stage.book.alerts
    assert (alert.count, alert.loud, alert.severity) == (2, 1, Severity.HIGH)
    assert stage.said(stage.slack) == ["announce"]
    assert stage.later.asked == []


def test_one_event_in_two_conversations_is_told_in_both():
    def elsewhere(_event, _lookups):
        return Concern(summary="s", subject="x", severity=Severity.LOW, group="others")

    stage = Stage(detections=[detection("here"), detection("there", assess=elsewhere)])
    stage.send()
    assert stage.said(stage.slack) == ["announce", "announce"]


def test_a_finding_that_comes_after_the_closing_reopens_the_alert_and_a_repeat_does_not():
    stage = Stage()
    first = Event.parse(envelope(record()))
    stage.pipeline.raise_alerts(first)
    (alert,) = stage.book.alerts
    closing = Act(id="click", verb=Verb.CLOSE, by="U1", at=stage.pipeline.clock(), reason="a drill")
    stage.book.act(alert.id, closing)
    stage.pipeline.raise_alerts(first)
    assert stage.book.find(alert.id).life.state is State.CLOSED
    stage.pass_time(seconds=1)
    stage.send()
    life = stage.book.find(alert.id).life
    assert (life.state, life.by) == (State.OPEN, OURSELVES)
    assert len(stage.book.history(alert.id)) == 2
