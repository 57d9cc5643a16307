"""What is quiet, for whom, until when - and what nothing can keep quiet."""

from __future__ import annotations

import dataclasses
import time
from datetime import date, timedelta
from typing import Any

import pytest

from handlers.alerting.detection import Concern, Detection, Pass
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding, QuietKind
from handlers.alerting.severity import Severity
from handlers.alerting.suppression import Deployer, Quiet, Suppression, digested, protected_ids, suppressed
from handlers.detections import CATALOGUE
from tests.building import ACCOUNT, NOW, Stage, detection, envelope, record

NONE: frozenset[str] = frozenset()
DEPLOY = f"arn:aws:iam::{ACCOUNT}:role/ci/deploy"
DEPLOYER = Deployer(role=DEPLOY, accounts=(ACCOUNT,), owner="bob")


def suppression(**changes: Any) -> Suppression:
    values: dict[str, Any] = {
        "detection": "user-created",
        "account": ACCOUNT,
        "reason": "users of the old directory move in",
        "owner": "alice",
        "ticket": "OPS-1",
        "created": date(2026, 11, 2),
        "expires": date(2026, 12, 31),
        **changes,
    }
    return Suppression(**values)


def by_role(role: str = DEPLOY, session: str = "build-17", **changes: Any) -> dict[str, Any]:
    """A call by a session of this role."""
    account, name = role.split(":")[4], role.rpartition("/")[2]
    identity = {
        "type": "AssumedRole",
        "principalId": f"AROAEXAMPLEDEPLOY:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        "accountId": account,
        "accessKeyId": "ASIAEXAMPLEDEPLOY",
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "accountId": account, "userName": name}},
    }
    return record(userIdentity=identity, **changes)


def found(raw: dict[str, Any], *, of: Detection | None = None, **changes: Any) -> tuple[Finding, Event]:
    event = Event.parse(envelope(raw))
    values: dict[str, Any] = {"summary": "s", "subject": "x", "severity": Severity.MEDIUM, "group": "g", **changes}
    return Finding.of(of or detection(), event, Concern(**values), now=NOW), event


# Suppressions


def test_a_covered_finding_says_until_when_by_whose_ticket_and_why() -> None:
    assert suppressed(*found(record()), [suppression()], protected=NONE) == (
        "suppressed until 2026-12-31 by alice's ticket OPS-1: users of the old directory move in"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"detection": "user-deleted"},
        {"account": "210987654321"},
        {"principal": f"arn:aws:iam::{ACCOUNT}:user/bob"},
        {"principal": f"arn:aws:iam::{ACCOUNT}:user/ali"},
        {"principal": f"arn:aws:iam::{ACCOUNT}:user/*/alice"},
        {"principal": f"arn:aws:iam::{ACCOUNT}:user/alice", "source_role": DEPLOY},
        {"source_role": DEPLOY},
    ],
)
def test_what_does_not_meet_every_condition_is_told(changes: dict[str, Any]) -> None:
    assert suppressed(*found(record()), [suppression(**changes)], protected=NONE) is None


@pytest.mark.parametrize("pattern", ["user/alice", "user/al*", "user/*lice", "user/a*i*e"])
def test_a_principal_is_a_pattern(pattern: str) -> None:
    covering = suppression(account="", principal=f"arn:aws:iam::{ACCOUNT}:{pattern}")
    assert suppressed(*found(record()), [covering], protected=NONE)


def test_an_asterisk_does_not_reach_into_a_path() -> None:
    covering = suppression(principal=f"arn:aws:iam::{ACCOUNT}:user/ci-*")
    other = f"arn:aws:iam::{ACCOUNT}:user/ci-/mallory"
    raw = record(userIdentity={"type": "IAMUser", "arn": other, "userName": "mallory", "accountId": ACCOUNT})
    assert suppressed(*found(raw), [covering], protected=NONE) is None


def test_a_role_is_known_by_what_issued_the_session_not_by_the_sessions_name() -> None:
    covering = suppression(source_role=DEPLOY)
    assert suppressed(*found(by_role(session="anything")), [covering], protected=NONE)
    imposter = by_role(role=f"arn:aws:iam::{ACCOUNT}:role/mallory", session="deploy")
    assert suppressed(*found(imposter), [covering], protected=NONE) is None
    stranger = by_role(role="arn:aws:iam::210987654321:role/ci/deploy")
    assert suppressed(*found(stranger), [covering], protected=NONE) is None


def test_the_user_agent_and_the_address_decide_nothing() -> None:
    fields = {field.name for field in dataclasses.fields(Suppression)}
    assert fields == {
        *("detection", "account", "principal", "source_role"),
        *("reason", "owner", "ticket", "created", "expires"),
    }
    covering = [suppression(principal=f"arn:aws:iam::{ACCOUNT}:user/alice")]
    finding = found(record(userAgent="Terraform", sourceIPAddress="192.0.2.99"))
    assert suppressed(*finding, covering, protected=NONE)
    finding = found(by_role(userAgent="Terraform"))
    assert suppressed(*finding, covering, protected=NONE) is None


@pytest.mark.parametrize(
    ("time_", "is_quiet"),
    [
        ("2026-11-01T23:59:59Z", False),
        ("2026-11-02T00:00:00Z", True),
        ("2026-12-31T23:59:59Z", True),
        ("2027-01-01T00:00:00Z", False),
    ],
)
def test_it_works_from_its_first_to_its_last_day_by_the_events_own_time(time_: str, is_quiet: bool) -> None:
    reason = suppressed(*found(record(eventTime=time_)), [suppression()], protected=NONE)
    assert (reason is not None) is is_quiet


def test_an_event_without_a_time_is_of_the_day_we_learnt_of_it() -> None:
    raw = record()
    del raw["eventTime"]
    event = Event.parse({**envelope(raw), "time": None})
    concern = Concern(summary="s", subject="x", severity=Severity.LOW, group="g")
    for day, is_quiet in ((0, True), (60, False)):
        finding = Finding.of(detection(), event, concern, now=NOW + timedelta(days=day))
        assert (suppressed(finding, event, [suppression()], protected=NONE) is not None) is is_quiet


def test_days_are_counted_with_the_last_one() -> None:
    item = suppression()
    assert [item.days_left(date(2026, 12, day)) for day in (25, 31)] == [7, 1]
    assert item.days_left(date(2027, 1, 1)) == 0


def test_a_protected_detection_is_told_whatever_is_declared() -> None:
    finding, event = found(record())
    assert suppressed(finding, event, [suppression()], protected={"user-created"}) is None
    finding, event = found(by_role())
    assert digested(finding, event, [DEPLOYER], protected={"user-created"}) is None


def test_root_and_tampering_refuse_to_be_quiet() -> None:
    protected = protected_ids(CATALOGUE)
    watched = {
        item.id for item in CATALOGUE if item.id.startswith(("root-", "trail-")) or item.id.endswith("-tampered")
    }
    assert len(watched) >= 9
    assert watched - protected == set()
    assert "sign-in-anomaly" in protected
    assert "access-key-created" not in protected


def test_a_hostile_arn_costs_no_time() -> None:
    pattern = f"arn:aws:iam::{ACCOUNT}:user/" + "a*" * 100 + "b"
    covering = [suppression(principal=pattern)] * 200
    raw = record(userIdentity={"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/" + "a" * 100_000})
    finding = found(raw)
    begun = time.process_time()
    assert suppressed(*finding, covering, protected=NONE) is None
    assert time.process_time() - begun < 1


# Deployers


def test_a_deployers_routine_goes_into_the_digest_and_says_who_answers_for_it() -> None:
    finding, event = found(by_role())
    reason = digested(finding, event, [DEPLOYER], protected=NONE)
    assert reason == f"digest: the declared deployer {DEPLOY} did it; bob answers for it"
    assert finding.quieted(reason).quiet_kind is QuietKind.DIGEST


@pytest.mark.parametrize(
    ("raw", "changes", "why"),
    [
        (record(), {}, "it is not the deployer"),
        (by_role(role=f"arn:aws:iam::{ACCOUNT}:role/deploy"), {}, "a role of that name on another path"),
        (by_role(role="arn:aws:iam::210987654321:role/ci/deploy"), {}, "a stranger's role"),
        (by_role(recipientAccountId="210987654321"), {"account": "210987654321"}, "another account"),
        (by_role(), {"severity": Severity.HIGH}, "what is HIGH is told at once"),
        (by_role(), {"routine": False}, "it makes a full administrator, or may"),
        (by_role(errorCode="AccessDenied"), {}, "a deployer that is refused something is not at routine work"),
        (by_role(requestParameters={"roleName": "deploy"}), {}, "it changes its own role"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_routine_is_told_at_once(raw: dict[str, Any], changes: dict[str, Any], why: str) -> None:
    account = changes.pop("account", ACCOUNT)
    event = Event.parse(envelope(raw, account=account))
    values: dict[str, Any] = {"summary": "s", "subject": "x", "severity": Severity.MEDIUM, "group": "g", **changes}
    finding = Finding.of(detection(), event, Concern(**values), now=NOW)
    assert digested(finding, event, [DEPLOYER], protected=NONE) is None, why


def test_a_call_that_fails_for_another_reason_than_rights_is_routine() -> None:
    assert digested(*found(by_role(errorCode="EntityAlreadyExistsException")), [DEPLOYER], protected=NONE)


def test_one_deployer_may_not_quietly_change_another_nor_make_one() -> None:
    other = Deployer(role=f"arn:aws:iam::{ACCOUNT}:role/release-*", accounts=(ACCOUNT,), owner="alice")
    finding, event = found(by_role(eventName="CreateRole", requestParameters={"roleName": "release-eu"}))
    assert digested(finding, event, [DEPLOYER, other], protected=NONE) is None
    finding, event = found(by_role(eventName="CreateRole", requestParameters={"roleName": "worker"}))
    assert digested(finding, event, [DEPLOYER, other], protected=NONE)


def test_a_deployer_in_each_of_its_accounts_is_that_accounts_own_role() -> None:
    everywhere = Deployer(role="arn:aws:iam::*:role/ci/deploy", accounts=(ACCOUNT, "210987654321"), owner="bob")
    assert digested(*found(by_role()), [everywhere], protected=NONE)
    stranger = by_role(role="arn:aws:iam::444455556666:role/ci/deploy")
    assert digested(*found(stranger), [everywhere], protected=NONE) is None


# Together


def test_a_suppression_has_the_first_word() -> None:
    quiet = Quiet(suppressions=(suppression(source_role=DEPLOY),), deployers=(DEPLOYER,))
    reason = quiet.reason(*found(by_role()), protected=NONE)
    assert reason is not None
    assert reason.startswith("suppressed until")


def test_what_is_declared_survives_being_written_and_read() -> None:
    quiet = Quiet(suppressions=(suppression(),), deployers=(DEPLOYER,), staging=("user-created",))
    assert Quiet.from_json(quiet.to_json()) == quiet
    assert not Quiet()
    assert all((Quiet(staging=("a",)), Quiet(deployers=(DEPLOYER,)), Quiet(suppressions=(suppression(),))))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"suppressions": [{}], "deployers": [], "staging": []}', "null", '{"suppressions": 3}']
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Quiet.from_json(text)


def test_a_suppressed_finding_is_recorded_counted_and_told_nobody() -> None:
    quiet = Quiet(suppressions=(suppression(),), staging=())
    stage = Stage(options={"quietenings": [lambda finding, event: quiet.reason(finding, event, protected=NONE)]})
    for _ in range(3):
        stage.send()
    (alert,) = stage.book.alerts
    assert (alert.count, alert.loud) == (3, 0)
    assert stage.slack.told == stage.email.told == []
    kept = stage.book.findings_kept(QuietKind.SUPPRESSED, NOW.date())
    assert [item.quiet for item in kept] == [suppression().words] * 3
    assert stage.book.findings_kept(QuietKind.DIGEST, NOW.date()) == []
    assert stage.book.findings_kept(QuietKind.SUPPRESSED, NOW.date() - timedelta(days=1)) == []


def test_a_detection_in_staging_is_marked_and_the_others_are_as_they_were() -> None:
    def never(_event: Event, _lookups: object) -> Pass:
        return Pass(reason="an example")

    first, second = detection("first-one", assess=never), detection("second-one", assess=never)
    staged = Quiet(staging=("first-one",)).staged([first, second])
    assert [item.staging for item in staged] == [True, False]
    assert staged[1] == second
