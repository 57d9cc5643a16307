"""Who may open a break-glass window, and what counts as inside one."""

from __future__ import annotations

import dataclasses
import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.alerting.window import (
    MAXIMUM_AHEAD,
    ROOT,
    BreakGlass,
    Entry,
    RequestProblem,
    Standing,
    Window,
    WindowAct,
    WindowOutcome,
    WindowState,
    WindowVerb,
    decide,
    judge,
)
from tests.building import ACCOUNT, NOW
from tests.windows import (
    ALICE,
    ALICES_SESSION,
    BOB,
    BOBS_USER,
    CAROL,
    HOUR,
    ROLE,
    RULES,
    STRANGER,
    asked,
    window,
)

MINUTE = timedelta(minutes=1)
REQUESTED: dict[str, Any] = {
    "state": WindowState.REQUESTED,
    "approved_by": "",
    "approved_at": None,
    "version": 1,
}


def act(verb: WindowVerb, by: str, **changes: Any) -> WindowAct:
    return WindowAct(**{"id": "a", "verb": verb, "by": by, "at": NOW, **changes})


def outcome(before: Window, verb: WindowVerb, by: str, rules: BreakGlass = RULES, **changes: Any) -> WindowOutcome:
    decision = decide(before, act(verb, by, **changes), rules)
    assert decision.reason
    if decision.outcome is not WindowOutcome.DONE:
        assert decision.window == before
    return decision.outcome


# Asking


def test_what_can_be_asked_for_has_no_problem() -> None:
    assert asked().problems(RULES, by=ALICE, now=NOW) == {}
    assert asked(length=timedelta(hours=4)).problems(RULES, by=CAROL, now=NOW) == {}
    assert asked(identity=ROLE).problems(RULES, by=ALICES_SESSION, now=NOW) == {}
    assert asked(starts=NOW + MAXIMUM_AHEAD - HOUR).problems(RULES, by=ALICE, now=NOW) == {}


@pytest.mark.parametrize(
    ("changes", "by", "problems"),
    [
        ({}, STRANGER, {"by": RequestProblem.UNLISTED}),
        ({}, f"arn:aws:iam::{ACCOUNT}:user/mallory", {"by": RequestProblem.UNLISTED}),
        ({"account": "999999999999"}, ALICE, {"account": RequestProblem.UNKNOWN_ACCOUNT}),
        ({"account": ""}, ALICE, {"account": RequestProblem.UNKNOWN_ACCOUNT}),
        ({"person": "mallory"}, ALICE, {"person": RequestProblem.UNKNOWN_PERSON}),
        ({"identity": "arn:aws:iam::123456789012:role/other"}, ALICE, {"identity": RequestProblem.NOT_REQUIRED}),
        ({"identity": ROLE, "account": "210987654321"}, ALICE, {"identity": RequestProblem.ANOTHER_ACCOUNT}),
        ({"purpose": " ", "ticket": "\n"}, ALICE, dict.fromkeys(("purpose", "ticket"), RequestProblem.EMPTY)),
        (
            {"purpose": "x" * 501, "ticket": "x" * 101},
            ALICE,
            dict.fromkeys(("purpose", "ticket"), RequestProblem.TOO_LONG_A_TEXT),
        ),
        ({"length": timedelta(hours=4, seconds=1)}, ALICE, {"length": RequestProblem.TOO_LONG}),
        ({"length": timedelta(0)}, ALICE, {"length": RequestProblem.TOO_SHORT}),
        ({"length": -HOUR}, ALICE, {"length": RequestProblem.TOO_SHORT}),
        ({"starts": NOW - HOUR}, ALICE, {"starts": RequestProblem.IN_THE_PAST}),
        ({"starts": NOW + MAXIMUM_AHEAD}, ALICE, {"starts": RequestProblem.TOO_FAR_AHEAD}),
    ],
)
def test_each_field_of_a_request_says_what_is_wrong_with_it(
    changes: dict[str, Any], by: str, problems: dict[str, RequestProblem]
) -> None:
    assert asked(**changes).problems(RULES, by=by, now=NOW) == problems


def test_the_same_request_makes_the_same_window_and_another_another() -> None:
    first = asked().window(act(WindowVerb.REQUEST, ALICE))
    assert first == asked().window(act(WindowVerb.REQUEST, ALICE))
    assert first.id != asked().window(act(WindowVerb.REQUEST, ALICE, id="b")).id
    assert (first.state, first.ends, first.version) == (WindowState.REQUESTED, NOW + HOUR, 1)


# Approving


def test_a_second_listed_person_approves() -> None:
    decision = decide(window(**REQUESTED), act(WindowVerb.APPROVE, BOB), RULES)
    assert decision.outcome is WindowOutcome.DONE
    after = decision.window
    assert after is not None
    assert (after.state, after.approved_by, after.approved_at, after.emergency, after.version) == (
        WindowState.APPROVED,
        BOB,
        NOW,
        False,
        2,
    )


@pytest.mark.parametrize(
    ("by", "changes", "expected"),
    [
        (STRANGER, {}, WindowOutcome.UNLISTED),
        (ALICE, {}, WindowOutcome.UNLISTED),  # who may use windows need not be one who approves them
        ("", {}, WindowOutcome.UNLISTED),
        (BOB, {"requested_by": BOB}, WindowOutcome.OWN_REQUEST),
        (BOBS_USER, {"requested_by": BOB}, WindowOutcome.OWN_REQUEST),  # the same man at a terminal
        (BOB, {"requested_by": BOBS_USER}, WindowOutcome.OWN_REQUEST),
        (BOB, {"person": "bob"}, WindowOutcome.OWN_USE),
        (BOBS_USER, {"person": "bob"}, WindowOutcome.OWN_USE),
        (BOBS_USER, {"requested_by": CAROL}, WindowOutcome.UNSURE),  # nobody says who carol is in AWS
        (BOB, {"person": "mallory"}, WindowOutcome.UNSURE),
        (CAROL, {"requested_by": BOB, "person": "alice"}, WindowOutcome.DONE),
        (BOBS_USER, {"requested_by": ALICES_SESSION}, WindowOutcome.DONE),
        (BOB, {"ends": NOW}, WindowOutcome.TOO_LATE),
        (BOB, {"state": WindowState.APPROVED}, WindowOutcome.ALREADY),
        (BOB, {"state": WindowState.REFUSED}, WindowOutcome.SETTLED),
        (BOB, {"state": WindowState.REVOKED}, WindowOutcome.SETTLED),
        (BOB, {"state": WindowState.ENDED}, WindowOutcome.SETTLED),
    ],
)
def test_nobody_approves_their_own_nor_what_is_not_theirs_to_approve(
    by: str, changes: dict[str, Any], expected: WindowOutcome
) -> None:
    assert outcome(window(**{**REQUESTED, **changes}), WindowVerb.APPROVE, by) is expected


@given(
    by=st.sampled_from([ALICE, BOB, CAROL, STRANGER, ALICES_SESSION, BOBS_USER, "", ROOT]),
    requested_by=st.sampled_from([ALICE, BOB, CAROL, ALICES_SESSION, BOBS_USER]),
    person=st.sampled_from(["alice", "bob", "mallory"]),
    everybody_approves=st.booleans(),
)
def test_whoever_approves_is_neither_who_asked_nor_who_uses_it(
    by: str, requested_by: str, person: str, everybody_approves: bool
) -> None:
    owners = {ALICE: "alice", ALICES_SESSION: "alice", BOB: "bob", BOBS_USER: "bob"}
    approvers = (ALICE, BOB, CAROL, ALICES_SESSION, BOBS_USER) if everybody_approves else RULES.approvers
    rules = dataclasses.replace(RULES, approvers=approvers)
    before = window(**{**REQUESTED, "requested_by": requested_by, "person": person})
    if outcome(before, WindowVerb.APPROVE, by, rules) is WindowOutcome.DONE:
        assert by in approvers
        assert owners.get(by, by) != owners.get(requested_by, requested_by)
        assert owners.get(by, by) != person


def test_an_emergency_is_ones_own_with_a_reason() -> None:
    requested = window(**REQUESTED)
    decision = decide(requested, act(WindowVerb.EMERGENCY, ALICE, reason=" everybody is asleep "), RULES)
    assert decision.outcome is WindowOutcome.DONE
    assert decision.window is not None
    assert (decision.window.emergency, decision.window.reason) == (True, "everybody is asleep")
    assert outcome(requested, WindowVerb.EMERGENCY, ALICE, reason=" ") is WindowOutcome.NO_REASON
    assert outcome(requested, WindowVerb.EMERGENCY, STRANGER, reason="r") is WindowOutcome.UNLISTED
    assert outcome(requested, WindowVerb.EMERGENCY, CAROL, reason="r") is WindowOutcome.NOT_THEIRS
    assert outcome(requested, WindowVerb.EMERGENCY, ALICES_SESSION, reason="r") is WindowOutcome.DONE
    over = dataclasses.replace(requested, ends=NOW)
    assert outcome(over, WindowVerb.EMERGENCY, ALICE, reason="r") is WindowOutcome.TOO_LATE


def test_refusing_revoking_and_ending_are_for_those_concerned_and_once() -> None:
    requested, approved = window(**REQUESTED), window()
    assert outcome(requested, WindowVerb.REFUSE, BOB) is WindowOutcome.DONE
    assert outcome(requested, WindowVerb.REFUSE, ALICE) is WindowOutcome.DONE  # it is hers to withdraw
    assert outcome(requested, WindowVerb.REFUSE, STRANGER) is WindowOutcome.UNLISTED
    assert outcome(approved, WindowVerb.REFUSE, BOB) is WindowOutcome.ALREADY
    assert outcome(approved, WindowVerb.REVOKE, CAROL) is WindowOutcome.DONE
    assert outcome(approved, WindowVerb.REVOKE, ALICES_SESSION) is WindowOutcome.DONE
    assert outcome(approved, WindowVerb.REVOKE, STRANGER) is WindowOutcome.UNLISTED
    assert outcome(approved, WindowVerb.REVOKE, BOB, at=approved.ends) is WindowOutcome.TOO_LATE
    assert outcome(approved, WindowVerb.END, "rootwatch") is WindowOutcome.NOT_YET
    assert outcome(approved, WindowVerb.END, "rootwatch", at=approved.ends) is WindowOutcome.DONE
    ended = decide(approved, act(WindowVerb.END, "rootwatch", at=approved.ends), RULES).window
    assert ended is not None
    assert outcome(ended, WindowVerb.END, "rootwatch", at=approved.ends) is WindowOutcome.ALREADY
    assert outcome(approved, WindowVerb.REQUEST, ALICE) is WindowOutcome.ALREADY


def test_a_window_comes_back_from_its_plain_form() -> None:
    for item in (window(), window(**REQUESTED), window(settled_at=NOW, settled_by=BOB, state=WindowState.REVOKED)):
        assert Window.from_plain({**item.to_plain(), "of a later version": 1}) == item


def test_rules_come_back_from_their_json() -> None:
    assert BreakGlass.from_json(RULES.to_json()) == RULES
    for broken in ("", "[]", "{}", '{"people": [{}], "approvers": [], "required_for": [], "accounts": []}'):
        with pytest.raises(ValueError, match=r"\w"):
            BreakGlass.from_json(broken)


def test_what_does_not_count_says_why() -> None:
    verdict = judge(entry(), [window(approved_by=STRANGER)], RULES)
    assert verdict.reason.endswith(
        f"alice's window W0123456789ab does not count: {STRANGER} is not among break_glass.approvers."
    )


# Inside and outside


def entry(**changes: Any) -> Entry:
    return Entry(**{"account": ACCOUNT, "identity": ROOT, "address": "192.0.2.10", "at": NOW, **changes})


def standing(*windows: Window, **changes: Any) -> Standing:
    verdict = judge(entry(**changes), windows, RULES)
    assert verdict.reason.endswith(".")
    assert (verdict.window is None) == (verdict.standing is Standing.NONE)
    return verdict.standing


def test_the_person_at_home_inside_the_time_is_calm() -> None:
    verdict = judge(entry(), [window()], RULES)
    assert verdict.standing is Standing.INSIDE
    assert verdict.reason == "Inside alice's window W0123456789ab (OPS-7), approved by bob."
    assert standing(window(), address="2001:db8:1::7") is Standing.INSIDE
    assert standing(window(), began=NOW - MINUTE) is Standing.INSIDE


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"at": NOW - HOUR}, Standing.INSIDE),
        ({"at": NOW - HOUR - MINUTE}, Standing.NONE),
        ({"at": NOW + HOUR}, Standing.INSIDE),
        ({"at": NOW + HOUR + MINUTE}, Standing.NONE),
        ({"at": None}, Standing.NONE),
        ({"account": "210987654321"}, Standing.NONE),
        ({"identity": f"arn:aws:iam::{ACCOUNT}:role/BreakGlass"}, Standing.NONE),
        ({"address": "198.51.100.1"}, Standing.ELSEWHERE),
        ({"address": "2001:db8:2::1"}, Standing.ELSEWHERE),
        ({"address": "192.0.2.200"}, Standing.OTHER_PERSON),  # bob's
        ({"address": "AWS Internal"}, Standing.UNPROVEN),
        ({"address": ""}, Standing.UNPROVEN),
        ({"weakness": "without a second factor"}, Standing.UNPROVEN),
        ({"weakness": "without a second factor", "address": "198.51.100.1"}, Standing.ELSEWHERE),
        ({"began": NOW - 2 * HOUR}, Standing.UNPROVEN),
        ({"at": NOW + HOUR + MINUTE, "began": NOW}, Standing.OVERRUNNING),
        ({"at": NOW + HOUR + MINUTE, "began": NOW - 2 * HOUR}, Standing.NONE),
        ({"at": NOW + HOUR + MINUTE, "began": NOW + HOUR + MINUTE}, Standing.NONE),
    ],
)
def test_what_is_not_as_the_window_says_is_not_calm(changes: dict[str, Any], expected: Standing) -> None:
    assert standing(window(), **changes) is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (REQUESTED, Standing.NONE),
        ({**REQUESTED, "state": WindowState.REFUSED, "settled_at": NOW - HOUR}, Standing.NONE),
        ({"approved_at": NOW + MINUTE}, Standing.NONE),  # approved afterwards
        ({"approved_at": NOW}, Standing.INSIDE),
        ({"state": WindowState.REVOKED, "settled_at": NOW - MINUTE}, Standing.NONE),
        ({"state": WindowState.REVOKED, "settled_at": NOW + MINUTE}, Standing.INSIDE),  # a late record
        ({"state": WindowState.ENDED, "settled_at": NOW + 2 * HOUR}, Standing.INSIDE),
        ({"person": "somebody who left"}, Standing.NONE),
        # Written into the store past the rules, or approved by somebody who has lost the right since
        ({"approved_by": STRANGER}, Standing.NONE),
        ({"approved_by": ALICE}, Standing.NONE),
        ({"approved_by": ""}, Standing.NONE),
        ({"requested_by": BOB}, Standing.NONE),
        ({"ends": NOW + 4 * HOUR}, Standing.NONE),
        ({"approved_by": ALICE, "emergency": True}, Standing.INSIDE),
        ({"approved_by": CAROL, "emergency": True}, Standing.NONE),
        ({"account": "210987654321"}, Standing.NONE),
    ],
)
def test_a_window_covers_only_while_it_is_approved(changes: dict[str, Any], expected: Standing) -> None:
    assert standing(window(**changes)) is expected


def test_a_session_that_outlives_a_revoked_window_is_overrunning() -> None:
    revoked = window(state=WindowState.REVOKED, settled_at=NOW - MINUTE)
    assert standing(revoked, began=NOW - 2 * MINUTE) is Standing.OVERRUNNING


def test_a_role_is_judged_by_who_opened_its_session() -> None:
    for_role = window(identity=ROLE)
    role = f"arn:aws:iam::{ACCOUNT}:role/BreakGlassAdmin"
    assert standing(for_role, identity=role, principals=(ALICES_SESSION,)) is Standing.INSIDE
    assert standing(for_role, identity=role, principals=(BOBS_USER,)) is Standing.OTHER_PERSON
    assert standing(for_role, identity=role, principals=("",)) is Standing.OTHER_PERSON
    assert standing(for_role, identity=role, principals=()) is Standing.OTHER_PERSON
    assert standing(for_role, identity=ROOT) is Standing.NONE
    assert standing(for_role, identity=f"{role}/path", principals=(ALICES_SESSION,)) is Standing.NONE


def test_of_several_windows_the_kindest_counts() -> None:
    bobs = window(id="W2", person="bob", approved_by=CAROL)
    assert standing(bobs, window()) is Standing.INSIDE
    assert standing(window(), bobs, address="192.0.2.200") is Standing.INSIDE
    assert standing(window(), bobs, address="198.51.100.1") is Standing.ELSEWHERE


_MOMENTS = st.datetimes(
    min_value=datetime(2026, 11, 1), max_value=datetime(2026, 11, 4), timezones=st.just(UTC)
)  # around NOW
_ADDRESSES = st.one_of(
    st.ip_addresses(network="192.0.2.0/24").map(str),
    st.ip_addresses().map(str),
    st.text(max_size=20),
    st.sampled_from(["192.0.2.10", "192.0.2.127", "192.0.2.128", "AWS Internal", "192.0.2.10 ", "192.0.2.010"]),
)


@settings(max_examples=2_000, deadline=None)
@given(
    at=st.none() | _MOMENTS,
    began=st.none() | _MOMENTS,
    address=_ADDRESSES,
    starts=_MOMENTS,
    length=st.timedeltas(timedelta(minutes=5), timedelta(hours=4)),
    approved=st.none() | _MOMENTS,
    settled=st.none() | _MOMENTS,
    state=st.sampled_from(WindowState),
    person=st.sampled_from(["alice", "bob", "nobody"]),
)
def test_nothing_is_calm_outside_its_time_or_from_an_unknown_address(
    at: datetime | None,
    began: datetime | None,
    address: str,
    starts: datetime,
    length: timedelta,
    approved: datetime | None,
    settled: datetime | None,
    state: WindowState,
    person: str,
) -> None:
    held = window(
        starts=starts,
        ends=starts + length,
        approved_at=approved,
        approved_by=CAROL,
        settled_at=settled,
        state=state,
        person=person,
    )
    verdict = judge(entry(at=at, began=began, address=address), [held], RULES)
    if not verdict.standing.is_calm:
        return
    assert at is not None
    assert approved is not None
    assert held.starts <= at <= held.ends
    assert approved <= at
    assert settled is None or at <= settled
    assert began is None or began >= held.starts
    home = {"alice": ("192.0.2.0/25", "2001:db8:1::/48"), "bob": ("192.0.2.128/25",)}[person]
    assert any(ipaddress.ip_address(address) in ipaddress.ip_network(network) for network in home)


@settings(max_examples=500, deadline=None)
@given(
    at=_MOMENTS,
    address=st.ip_addresses(network="192.0.2.0/25").map(str),
    starts=_MOMENTS,
    length=st.timedeltas(timedelta(minutes=5), timedelta(hours=4)),
)
def test_the_person_at_home_is_calm_for_the_whole_of_the_window_and_only_then(
    at: datetime, address: str, starts: datetime, length: timedelta
) -> None:
    held = window(starts=starts, ends=starts + length, approved_at=starts - HOUR)
    calm = judge(entry(at=at, address=address), [held], RULES).standing.is_calm
    assert calm == (starts <= at <= starts + length)
