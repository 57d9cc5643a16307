"""What may be done with an alert, and what becomes of it."""

import dataclasses
from datetime import timedelta

import pytest

from handlers.alerting.life import Act, Cause, Life, Outcome, State, Verb, decide, reopened_by
from tests.building import NOW


def life(state, by="U1"):
    return Life(state=state, by=by, at=NOW, version=3)


@pytest.mark.parametrize(
    ("state", "verb", "outcome"),
    [
        (State.OPEN, Verb.ACKNOWLEDGE, Outcome.DONE),
        (State.OPEN, Verb.EXPECT, Outcome.DONE),
        (State.OPEN, Verb.REOPEN, Outcome.ALREADY),
        (State.ACKNOWLEDGED, Verb.ACKNOWLEDGE, Outcome.OWNED),
        (State.ACKNOWLEDGED, Verb.ESCALATE, Outcome.DONE),
        (State.ACKNOWLEDGED, Verb.CLOSE, Outcome.DONE),
        (State.ACKNOWLEDGED, Verb.REOPEN, Outcome.DONE),
        (State.ESCALATED, Verb.ESCALATE, Outcome.ALREADY),
        (State.ESCALATED, Verb.ACKNOWLEDGE, Outcome.DONE),
        (State.EXPECTED, Verb.ACKNOWLEDGE, Outcome.OWNED),
        (State.ESCALATED, Verb.CLOSE, Outcome.DONE),
        (State.EXPECTED, Verb.ESCALATE, Outcome.SETTLED),
        (State.CLOSED, Verb.EXPECT, Outcome.SETTLED),
        (State.CLOSED, Verb.REOPEN, Outcome.DONE),
    ],
)
def test_each_act_is_done_or_says_why_not(state, verb, outcome):
    before = life(state)
    decision = decide(before, Act(id="1", verb=verb, by="U2", at=NOW, reason="r", ticket="t"))
    assert decision.outcome is outcome
    if outcome is Outcome.DONE:
        assert (decision.life.by, decision.life.reason, decision.life.version) == ("U2", "r", 4)
    else:
        assert decision.life == before


def test_a_life_survives_the_store():
    closed = dataclasses.replace(life(State.CLOSED), cause=Cause.MENDED, reason="r", ticket="t")
    for kept in (Life(), life(State.EXPECTED), closed):
        assert Life.from_plain(kept.to_plain()) == kept


def test_only_a_finding_after_the_closing_reopens_and_only_a_closed_alert():
    later = NOW + timedelta(seconds=1)
    assert reopened_by(life(State.CLOSED), finding_id="f", received=later).verb is Verb.REOPEN
    assert reopened_by(life(State.CLOSED), finding_id="f", received=NOW) is None
    assert reopened_by(life(State.EXPECTED), finding_id="f", received=later) is None
    assert reopened_by(life(State.ACKNOWLEDGED), finding_id="f", received=later) is None
