"""What windows do to findings: calm inside, CRITICAL outside, nothing at all to tampering, credentials and grants."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest

from handlers.adapters.memory import MemoryWindows
from handlers.alerting.catalogue import assessed
from handlers.alerting.detection import Concern
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.severity import Severity
from handlers.alerting.window import ROOT, BreakGlass, Person, Standing, Window, WindowAct, WindowVerb
from handlers.alerting.window_desk import WindowDesk
from handlers.alerting.window_entry import assumed_role_entry, assumed_root_entry, root_entry, user_entry
from handlers.detections import CATALOGUE
from handlers.detections.admin_console_login.detection import ADMIN_CONSOLE_LOGIN
from handlers.detections.admin_session_started.detection import ADMIN_SESSION_STARTED
from handlers.detections.root_activity.detection import ROOT_ACTIVITY
from handlers.detections.root_console_login.detection import ROOT_CONSOLE_LOGIN
from handlers.detections.root_session_assumed.detection import ROOT_SESSION_ASSUMED
from tests.building import ACCOUNT, NOW, Stage, envelope, record, root_record
from tests.unit.detections.examples import FIRING, Example
from tests.windows import ALICE, ALICES_SESSION, BOB, HOUR, RULES, window

WINDOWED = {
    detection.id
    for detection in (
        ROOT_CONSOLE_LOGIN,
        ROOT_ACTIVITY,
        ROOT_SESSION_ASSUMED,
        ADMIN_SESSION_STARTED,
        ADMIN_CONSOLE_LOGIN,
    )
}
MINUTE = timedelta(minutes=1)


class Broken(MemoryWindows):
    def of_account(self, account: str, *, ending_from: datetime) -> list[Window]:
        raise UnavailableError("no answer")


class Forgetful(MemoryWindows):
    def add_use(self, window_id: str, use: object) -> None:
        raise UnavailableError("no answer")


def store(*windows: Window, of: type[MemoryWindows] = MemoryWindows) -> MemoryWindows:
    made = of()
    for item in windows:
        act = WindowAct(id="a", verb=WindowVerb.APPROVE, by=BOB, at=NOW)
        assert made.save(dataclasses.replace(item, version=1), act)
    return made


def stage(*windows: Window, of: type[MemoryWindows] = MemoryWindows, **options: Any) -> Stage:
    desk = WindowDesk(windows=store(*windows, of=of), rules=RULES, clock=lambda: NOW)
    return Stage(detections=CATALOGUE, options={"windows": desk.step, **options})


def sign_in(**changes: Any) -> dict[str, Any]:
    detail = root_record(
        **{
            "eventSource": "signin.amazonaws.com",
            "eventName": "ConsoleLogin",
            "eventType": "AwsConsoleSignIn",
            "requestParameters": None,
            "responseElements": {"ConsoleLogin": "Success"},
            "additionalEventData": {"MFAUsed": "Yes", "LoginTo": "https://console.aws.amazon.com/"},
            **changes,
        }
    )
    return envelope(detail, **{"detail-type": "AWS Console Sign In via CloudTrail"})


def called(name: str = "PutBucketTagging", source: str = "s3.amazonaws.com", **changes: Any) -> dict[str, Any]:
    identity = root_record()["userIdentity"] | {
        "accessKeyId": "ASIAEXAMPLEROOT",
        "sessionContext": {"attributes": {"creationDate": "2026-11-02T03:00:00Z", "mfaAuthenticated": "true"}},
    }
    return envelope(
        root_record(**{"userIdentity": identity, "eventName": name, "eventSource": source, **changes}),
        **{"detail-type": "AWS API Call via CloudTrail"},
    )


def raised(on: Stage, event: dict[str, Any]) -> tuple[Finding, ...]:
    return on.pipeline.raise_alerts(Event.parse(event))


# Calm


def test_a_root_sign_in_inside_its_window_is_one_calm_message_with_ticket_and_approver() -> None:
    on = stage(window())
    (finding,) = raised(on, sign_in())
    assert (finding.severity, finding.standing, finding.window_id) == (Severity.LOW, "inside", "W0123456789ab")
    assert finding.title == "Expected: Root signed in to the console"
    assert "OPS-7" in finding.summary
    assert "approved by bob" in finding.summary
    for minute in range(4, 10):
        raised(on, called(eventTime=f"2026-11-02T03:{minute:02}:00Z"))
    raised(on, called(eventTime="2026-11-02T04:04:00Z"))  # an hour later it is the same conversation still
    assert on.said(on.email) == []
    assert on.said(on.slack) == ["announce"]
    (alert,) = on.book.alerts
    assert (alert.count, alert.severity) == (8, Severity.LOW)


def test_what_happened_inside_is_kept_for_the_closing_note_once_however_often_it_arrives() -> None:
    kept = store(window())
    desk = WindowDesk(windows=kept, rules=RULES, clock=lambda: NOW)
    on = Stage(detections=CATALOGUE, options={"windows": desk.step})
    event = sign_in()
    for _ in range(3):
        raised(on, event)
    raised(on, sign_in(sourceIPAddress="198.51.100.7"))
    assert [use.standing for use in kept.uses("W0123456789ab")] == [Standing.INSIDE, Standing.ELSEWHERE]


# Not calm


@pytest.mark.parametrize(
    ("windows", "changes", "reason"),
    [
        ((), {}, "No approved window covers root of account 123456789012 at 2026-11-02 03:04:00 UTC."),
        ((window(),), {"sourceIPAddress": "198.51.100.7"}, "198.51.100.7 is none of their addresses"),
        ((window(),), {"sourceIPAddress": "192.0.2.200"}, "192.0.2.200 is bob's address"),
        ((window(),), {"eventTime": "2026-11-02T09:00:00Z"}, "No approved window covers root"),
        ((window(),), {"eventTime": None}, "No approved window covers root"),  # then the envelope's: see below
        ((window(account="210987654321"),), {}, "No approved window covers root"),
    ],
)
def test_a_root_sign_in_outside_is_critical_with_the_reason(
    windows: tuple[Window, ...], changes: dict[str, Any], reason: str
) -> None:
    event = sign_in(**changes)
    if changes.get("eventTime", "") is None:
        event["time"] = "2026-11-02T09:00:00Z"
    (finding,) = raised(stage(*windows), event)
    assert finding.severity is Severity.CRITICAL
    assert reason in finding.summary
    assert not any(reason in fact.value for fact in finding.facts), "said once"


def test_a_session_that_acts_after_the_end_is_critical() -> None:
    ends = window(ends=NOW)
    on = stage(ends)
    (inside,) = raised(on, called())
    (after,) = raised(on, called(eventTime="2026-11-02T03:30:00Z"))
    assert (inside.severity, after.severity) == (Severity.LOW, Severity.CRITICAL)
    assert after.standing == Standing.OVERRUNNING
    assert "which closed at 2026-11-02 03:04:05 UTC, and still acts" in after.summary


@pytest.mark.parametrize(
    ("event", "severity"),
    [
        (sign_in(additionalEventData={"MFAUsed": "No"}), Severity.CRITICAL),
        (sign_in(additionalEventData={}), Severity.CRITICAL),
        (called(sourceIPAddress="AWS Internal"), Severity.MEDIUM),
        (called(userIdentity=root_record()["userIdentity"] | {"accessKeyId": "AKIAEXAMPLEROOT"}), Severity.HIGH),
    ],
)
def test_what_proves_nothing_inside_a_window_stays_as_bad_as_it_is(event: dict[str, Any], severity: Severity) -> None:
    (finding,) = raised(stage(window()), event)
    assert (finding.severity, finding.standing) == (severity, Standing.UNPROVEN)


@pytest.mark.parametrize("of", [Broken, Forgetful])
def test_windows_that_cannot_be_read_are_as_if_there_were_none(of: type[MemoryWindows]) -> None:
    (finding,) = raised(stage(window(), of=of), sign_in())
    assert finding.severity is Severity.CRITICAL
    assert "the windows could not be read" in finding.summary


def test_nothing_declared_keeps_quiet_what_had_no_window_nor_what_a_window_makes_calm() -> None:
    quiet = {"quietenings": [lambda _finding, _event: "suppressed until 2026-12-31 by somebody"]}
    calm, loud = stage(window(), **quiet), stage(**quiet)
    assert raised(calm, sign_in())[0].quiet is None
    assert raised(loud, sign_in())[0].quiet is None


def test_without_rules_everything_is_as_it_was() -> None:
    on = Stage(detections=CATALOGUE)
    (finding,) = raised(on, sign_in())
    assert (finding.severity, finding.standing, finding.title) == (
        Severity.HIGH,
        "",
        "Root signed in to the console",
    )


def test_what_needs_no_window_is_left_alone() -> None:
    rules = dataclasses.replace(RULES, required_for=(f"arn:aws:iam::{ACCOUNT}:role/BreakGlass",))
    desk = WindowDesk(windows=Broken(), rules=rules, clock=lambda: NOW)
    (finding,) = raised(Stage(detections=CATALOGUE, options={"windows": desk.step}), sign_in())
    assert (finding.severity, finding.standing) == (Severity.HIGH, "")


# Roles


def assumed(
    role: str = f"arn:aws:iam::{ACCOUNT}:role/BreakGlassAdmin", by: str = ALICES_SESSION, **changes: Any
) -> Any:
    identity = {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:alice",
        "arn": by,
        "accountId": ACCOUNT,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{ACCOUNT}:role/x", "userName": "x"}},
    }
    return envelope(
        record(
            **{
                "userIdentity": identity,
                "eventSource": "sts.amazonaws.com",
                "eventName": "AssumeRole",
                "requestParameters": {"roleArn": role, "roleSessionName": "alice"},
                "responseElements": {"credentials": {"accessKeyId": "ASIAEXAMPLE"}},
                "readOnly": True,
                **changes,
            }
        )
    )


def test_a_break_glass_role_is_told_calmly_inside_and_critically_outside() -> None:
    held = window(identity=RULES.required_for[1])
    (inside,) = raised(stage(held), assumed())
    assert (inside.severity, inside.standing) == (Severity.LOW, Standing.INSIDE)
    (by_bob,) = raised(stage(held), assumed(by=f"arn:aws:iam::{ACCOUNT}:user/bob"))
    assert (by_bob.severity, by_bob.standing) == (Severity.CRITICAL, Standing.OTHER_PERSON)
    (without,) = raised(stage(), assumed())
    assert (without.severity, without.standing) == (Severity.CRITICAL, Standing.NONE)
    (daily,) = raised(stage(), assumed(role=f"arn:aws:iam::{ACCOUNT}:role/DailyAdmin"))
    assert (daily.severity, daily.standing) == (Severity.INFO, "")


def test_a_session_of_identity_center_is_known_by_the_name_it_got_there() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"
    event = assumed(
        role=role,
        by="",
        eventName="AssumeRoleWithSAML",
        userIdentity={"type": "SAMLUser", "principalId": "x", "userName": "alice"},
    )
    entry = assumed_role_entry(Event.parse(event))
    assert entry is not None
    assert entry.principals == ("", ALICES_SESSION)
    elsewhere = f"arn:aws:iam::{ACCOUNT}:role/AWSReservedSSO_Admin_0123456789abcdef"
    for changes in ({"eventName": "AssumeRole", "role": role}, {"eventName": "AssumeRoleWithSAML", "role": elsewhere}):
        other = assumed_role_entry(Event.parse(assumed(by="", **changes)))
        assert other is not None
        assert other.principals == ("",), "whoever assumes another role may choose the session's name"


def test_a_root_session_of_a_member_is_judged_by_the_members_windows_and_who_opened_it() -> None:
    def event(**changes: Any) -> dict[str, Any]:
        parameters = {"targetPrincipal": "210987654321", "taskPolicyArn": {"arn": "arn:aws:iam::aws:policy/x"}}
        return assumed(eventName="AssumeRoot", **{"requestParameters": parameters, **changes})

    held = window(account="210987654321")
    (inside,) = raised(stage(held), event())
    assert (inside.severity, inside.group) == (Severity.LOW, "*#window:W0123456789ab")
    (own_account,) = raised(stage(window()), event())
    assert (own_account.severity, own_account.standing) == (Severity.CRITICAL, Standing.NONE)
    (by_bob,) = raised(stage(held), event(userIdentity={"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/bob"}))
    assert by_bob.standing == Standing.OTHER_PERSON
    denied = raised(stage(), event(errorCode="AccessDenied"))
    assert {finding.standing for finding in denied} == {""}, "no session was opened"
    assert max(finding.severity for finding in denied) < Severity.HIGH


def test_events_that_say_nothing_are_no_entries() -> None:
    empty = Event.parse(record(userIdentity=None, requestParameters=None, eventName="AssumeRoot"))
    assert assumed_root_entry(empty) is None
    assert assumed_role_entry(empty) is None
    assert root_entry(empty) is None
    assert user_entry(empty) is None


@pytest.mark.parametrize("began", ["", "yesterday", "0001-01-01T00:00:00+14:00", None, 5, [], {}])
def test_a_session_start_that_cannot_be_read_is_unknown(began: object) -> None:
    identity = root_record()["userIdentity"] | {"sessionContext": {"attributes": {"creationDate": began}}}
    entry = root_entry(Event.parse(root_record(userIdentity=identity)))
    assert entry is not None
    assert entry.began is None


# What no window touches

EVERYWHERE = ("0.0.0.0/0", "::/0")


def perfect(event: Event) -> WindowDesk:
    """Everybody may, at this time, from everywhere, in every account, with whatever identity."""
    at = event.time or NOW
    identities = (ROOT, event.actor.arn, event.text("requestParameters", "roleArn"))
    everything = tuple(dict.fromkeys(filter(None, identities)))
    rules = BreakGlass(
        approvers=(BOB,),
        required_for=everything,
        people=(Person(name="alice", slack=ALICE, principals=("arn:*", "arn:*/*", "arn:*/*/*"), addresses=EVERYWHERE),),
        accounts=(event.account,),
    )
    windows = store(
        *(
            window(
                id=f"W{number}",
                account=event.account,
                identity=identity,
                starts=at - HOUR,
                ends=at + HOUR,
                approved_at=at - 2 * HOUR,
            )
            for number, identity in enumerate(everything)
        )
    )
    return WindowDesk(windows=windows, rules=rules, clock=lambda: at)


def test_only_sign_ins_sessions_and_roots_other_activity_heed_windows() -> None:
    assert {detection.id for detection in CATALOGUE if detection.windowed is not None} == WINDOWED


@pytest.mark.parametrize("example", [item for item in FIRING if item.detection.id not in WINDOWED], ids=lambda e: e.id)
def test_a_perfect_window_silences_no_tampering_no_credential_and_no_grant(example: Example) -> None:
    event = example.event
    verdict = assessed(example.detection, event, example.lookups).verdict
    assert isinstance(verdict, Concern)
    finding = Finding.of(example.detection, event, verdict, now=NOW)
    assert perfect(event).step(finding, event, example.detection) == finding


@pytest.mark.parametrize("example", [item for item in FIRING if item.detection.id in WINDOWED], ids=lambda e: e.id)
def test_what_heeds_windows_is_calm_in_a_perfect_one_or_says_why_not(example: Example) -> None:
    event = example.event
    verdict = assessed(example.detection, event, example.lookups).verdict
    assert isinstance(verdict, Concern)
    finding = Finding.of(example.detection, event, verdict, now=NOW)
    after = perfect(event).step(finding, event, example.detection)
    if after.standing == "":
        assert after == finding
        assert not event.succeeded or event.name.endswith(("Sessions", "Management")), "nothing was entered"
    elif after.is_calm:
        assert after.severity is Severity.LOW
    elif after.is_out_of_window:
        assert after.severity is Severity.CRITICAL
        assert event.name in ("AssumeRoot", "AssumeRole", "AssumeRoleWithSAML"), (
            "of another account, which this window is not for"
        )
        assert f"account {event.account}" not in after.facts[-1].value
    else:
        assert after.severity is finding.severity
        assert after.summary == finding.summary


def test_a_tampering_root_inside_its_window_is_told_beside_the_calm_message() -> None:
    on = stage(window())
    findings = raised(
        on,
        called("StopLogging", "cloudtrail.amazonaws.com", requestParameters={"name": "main"}),
    )
    loud = {finding.detection_id: finding for finding in findings}
    assert loud["trail-tampered"].severity is Severity.CRITICAL
    assert loud["trail-tampered"].standing == ""
    assert loud["root-activity"].is_calm
    assert on.said(on.email) == ["announce"]
