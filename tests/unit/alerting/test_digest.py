"""The daily digest: one message about a day's routine work, once, and none for a day without."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.alerting.digest import digest_of
from handlers.alerting.errors import UnavailableError
from handlers.alerting.finding import QuietKind
from handlers.alerting.pipeline import PipelineError
from handlers.alerting.severity import Severity
from tests.building import NOW, Stage

DAY = NOW.date()
REASON = "digest: the declared deployer deploy did it; bob answers for it"


def worked(times: int = 3, *, reason: str = REASON) -> Stage:
    """A day on which a deployer did so many things; now it is the morning after."""
    stage = Stage(options={"quietenings": [lambda finding, event: reason if finding.severity < 5 else None]})
    for _ in range(times):
        stage.send()
    stage.pass_time(hours=24)
    return stage


def test_a_days_routine_is_one_message_the_day_after() -> None:
    stage = worked()
    stage.options = {}
    stage.pipeline.announce_digest(DAY)
    ((verb, alert, _),) = stage.slack.told
    headline = alert.headline
    assert (verb, headline.severity, headline.detection_id) == ("announce", Severity.LOW, "daily-digest")
    assert headline.summary == (
        "Routine work of declared deployers on 2026-11-02 (UTC), told to nobody at the time: 3 findings of 1 kind."
    )
    assert [(fact.label, fact.value) for fact in headline.facts] == [
        ("Deployer", "3 of them: the declared deployer deploy did it; bob answers for it")
    ]
    often, what = headline.exhibits
    assert often.text == "    3  A user was created (user-created)"
    assert what.text.splitlines() == ["03:04:00  123456789012  alice created a user."] * 3
    assert headline.account_name == "production"
    assert stage.email.told == []


def test_asking_again_tells_nothing_twice() -> None:
    stage = worked()
    for _ in range(3):
        stage.pipeline.announce_digest(DAY)
        stage.pass_time(minutes=1)
    assert stage.said(stage.slack) == ["announce"]
    assert [alert.count for alert in stage.book.alerts if alert.headline.detection_id == "daily-digest"] == [1]


def test_a_day_without_work_is_no_message() -> None:
    stage = worked()
    assert stage.pipeline.announce_digest(DAY - timedelta(days=1)) is None
    assert stage.slack.told == []


def test_what_a_suppression_covered_is_not_in_it() -> None:
    assert worked(reason="suppressed until 2026-12-31").pipeline.announce_digest(DAY) is None


def test_two_days_are_two_messages() -> None:
    stage = worked()
    stage.send()
    stage.pipeline.announce_digest(DAY)
    stage.pipeline.announce_digest(DAY + timedelta(days=1))
    assert stage.said(stage.slack) == ["announce", "announce"]


def test_a_retry_announces_the_digest_that_slack_missed() -> None:
    stage = worked()
    stage.slack.failing = [UnavailableError("down")]
    with pytest.raises(PipelineError):
        stage.pipeline.announce_digest(DAY)
    stage.pipeline.announce_digest(DAY)
    assert stage.said(stage.slack) == ["announce"]


def test_a_table_that_does_not_answer_is_asked_again() -> None:
    stage = worked()

    def down(*_arguments: object) -> None:
        raise UnavailableError("no table")

    stage.book.findings_kept = down
    with pytest.raises(PipelineError, match="no table"):
        stage.pipeline.announce_digest(DAY)


def test_a_long_day_is_counted_in_full_and_listed_in_part() -> None:
    stage = worked(300)
    digest = digest_of(stage.book.findings_kept(QuietKind.DIGEST, DAY), DAY, now=stage.now)
    assert digest is not None
    assert "300 findings" in digest.summary
    lines = digest.exhibits[1].text.splitlines()
    assert len(lines) == 201
    assert lines[-1] == "and 100 more: rootwatch digest shows all"


def test_the_digest_is_loud_itself_and_names_no_single_caller() -> None:
    digest = digest_of(worked().book.findings_kept(QuietKind.DIGEST, DAY), DAY, now=NOW)
    assert digest is not None
    assert (digest.actor, digest.time, digest.quiet) == ("declared deployers", None, None)
