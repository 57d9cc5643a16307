"""Who is told of which alerts: every route that matches counts, and nothing goes nowhere."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.adapters.memory import MemoryNotifier
from handlers.alerting.alert import Alert
from handlers.alerting.event import Event
from handlers.alerting.routing import DEFAULTS, Route, Routing
from handlers.alerting.severity import Severity
from handlers.alerting.telling import Destination, Telling
from tests.building import ACCOUNT, Stage, detection, envelope, record
from tests.unit.adapters.samples import alert, finding, told

ROUTINE, PAGED = Route(to=("platform",)), Route(to=("pager",), severities=frozenset({Severity.CRITICAL}))


def of_kinds(*kinds: str, **changes: object) -> Alert:
    return alert(kinds=frozenset(kinds), **changes)


def test_without_routes_everybody_is_told_as_before() -> None:
    assert Routing().destinations_of(alert()) == set(DEFAULTS)


def test_what_no_route_matches_goes_to_the_defaults() -> None:
    assert Routing(routes=(PAGED,)).destinations_of(of_kinds("4#a")) == set(DEFAULTS)
    assert Routing(routes=(PAGED,)).destinations_of(of_kinds("5#a")) == {"pager"}


def test_every_route_that_matches_counts_whatever_its_place() -> None:
    expected = {"platform", "pager"}
    assert Routing(routes=(ROUTINE, PAGED)).destinations_of(of_kinds("5#a")) == expected
    assert Routing(routes=(PAGED, ROUTINE)).destinations_of(of_kinds("5#a")) == expected


def test_severity_and_detection_have_to_be_those_of_one_finding() -> None:
    route = Route(to=("pager",), severities=frozenset({Severity.CRITICAL}), detections=frozenset({"root-activity"}))
    assert not route.matches(of_kinds("3#root-activity", "5#trail-tampered"))
    assert route.matches(of_kinds("3#other", "5#root-activity"))


def test_an_account_is_that_of_the_finding_that_opened_the_alert() -> None:
    route = Route(to=("pager",), accounts=frozenset({"210987654321"}))
    assert not route.matches(alert())
    assert route.matches(alert(finding(account="210987654321")))


def test_whoever_has_been_told_is_owed_the_rest_of_the_story() -> None:
    routing = Routing(routes=(PAGED,))
    begun = of_kinds("4#a", "5#b", told={"slack": told()})
    assert routing.accepts(begun, "pager")
    assert routing.accepts(begun, "slack")
    assert not routing.accepts(begun, "email")
    assert routing.accepts(begun, "reminders"), "no destination, but a channel of our own"


@given(
    st.lists(
        st.builds(
            Route,
            to=st.lists(st.sampled_from(["a", "b", "slack"]), min_size=1).map(tuple),
            severities=st.frozensets(st.sampled_from(Severity), min_size=1),
            detections=st.frozensets(st.sampled_from(["x", "y"])),
            accounts=st.frozensets(st.sampled_from(["123456789012", "210987654321"])),
        )
    ).map(tuple),
    st.frozensets(st.sampled_from([f"{severity}#{name}" for severity in range(1, 6) for name in "xyz"]), min_size=1),
)
def test_no_alert_goes_nowhere_and_more_findings_never_take_anybody_away(
    routes: tuple[Route, ...], kinds: frozenset[str]
) -> None:
    routing = Routing(routes=routes)
    assert Routing.from_plain(routing.to_plain()) == routing
    before = alert(kinds=kinds)
    named = routing.destinations_of(before)
    assert named
    after = dataclasses.replace(before, kinds=kinds | {"5#y"}, told=dict.fromkeys(named, told()))
    assert all(routing.accepts(after, name) for name in named)


def test_the_pipeline_tells_whom_the_routes_name_and_follows_where_it_began() -> None:
    pager = MemoryNotifier(name="pager", follows=False)
    stage = Stage(detections=[detection(severity=Severity.HIGH)], options={"accepts": Routing(routes=(PAGED,)).accepts})

    def send(stage: Stage) -> None:
        pipeline = dataclasses.replace(stage.pipeline, notifiers=(stage.email, stage.slack, pager))
        pipeline.raise_alerts(Event.parse(envelope(record())))

    send(stage)
    assert (len(stage.slack.told), len(stage.email.told), pager.told) == (1, 1, [])
    stage.detections = [detection("worse", severity=Severity.CRITICAL)]
    stage.now += timedelta(minutes=1)
    send(stage)
    assert stage.said(pager) == ["announce"]
    assert stage.said(stage.slack) == ["announce", "broadcast"]


def test_what_is_declared_is_read_back_as_it_was_and_anything_else_is_an_error() -> None:
    telling = Telling(
        routing=Routing(routes=(ROUTINE, PAGED)),
        destinations=(Destination(name="pager", kind="pagerduty", language="en", secret="ssm:/x"),),
        on_call="S0123456789",
    )
    assert Telling.from_json(telling.to_json()) == telling
    assert Telling.from_json(Telling().to_json()) == Telling()
    for broken in ("", "[]", "{}", '{"routes": 1}', telling.to_json().replace("pagerduty", "pigeon")):
        with pytest.raises(ValueError):
            Telling.from_json(broken)
    assert ACCOUNT not in telling.to_json()
