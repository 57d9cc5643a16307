import json
from datetime import UTC, datetime

import pytest

from handlers.alerting.actor import ActorKind, Mfa
from handlers.alerting.errors import UnreadableEventError
from handlers.alerting.event import MAXIMUM_BYTES, Event
from tests.building import ACCOUNT, envelope, record, root_record


def test_both_roads_give_the_same_event():
    raw = record()
    by_bridge, by_trail = Event.parse(json.dumps(envelope(raw))), Event.parse(json.dumps(raw))
    for name in ("key", "account", "region", "time", "name", "service", "actor", "error"):
        assert getattr(by_bridge, name) == getattr(by_trail, name), name
    for key in ("source", "detail-type", "account", "region", "time", "detail"):
        assert by_bridge.envelope[key] == by_trail.envelope[key], key


def test_a_raw_sign_in_record_gets_the_sign_in_detail_type():
    event = Event.parse(record(eventType="AwsConsoleSignIn", eventSource="signin.amazonaws.com"))
    assert event.envelope["detail-type"] == "AWS Console Sign In via CloudTrail"
    assert event.envelope["source"] == "aws.signin"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON: "),
        ('{"detail-type": "x", "detail": {"a": ', "line 1, column"),
        (b"\xff\xfe{}", "not UTF-8 at byte 0"),
        ("[]", "this is a list"),
        ("null", "this is nothing"),
        ('"text"', "this is a string"),
        ("{}", "neither an EventBridge event"),
        ('{"detail-type": "x", "detail": "text"}', "detail is a string"),
        ('{"detail-type": "x"}', "detail is nothing"),
        ("[" * 200_000, "nested too deeply"),
        ('{"detail": ' * 5_000 + "1" + "}" * 5_000, "nested too deeply"),
        ("1" * 10_000, "not JSON that can be read"),
        (" " * (MAXIMUM_BYTES + 1), "more than the 1,048,576"),
    ],
)
def test_what_is_not_an_event_says_why(body, reason):
    with pytest.raises(UnreadableEventError) as raised:
        Event.parse(body)
    assert reason in raised.value.reason


def test_half_characters_and_nan_do_not_reach_the_rest():
    event = Event.parse('{"eventName": "\\ud800x\\ud83d\\ude00", "eventSource": "iam.amazonaws.com", "weight": NaN}')
    assert event.name == "\ufffdx😀"
    assert event.dig("weight") == "NaN"
    event.name.encode("utf-8")


def test_copies_of_one_action_share_their_key():
    original = Event.parse(record(eventID="one"))
    corrected = Event.parse(record(eventID="two", addendum={"reason": "UPDATED_DATA", "originalEventID": "one"}))
    assert original.key == corrected.key == f"{ACCOUNT}#one"
    shared = [Event.parse(record(sharedEventID="shared")).key for _ in range(2)]
    assert shared == [f"{ACCOUNT}#shared"] * 2


def test_an_event_without_an_id_has_one_by_its_content():
    first, again = (Event.parse({k: v for k, v in record(eventID="").items() if k != "eventID"}) for _ in range(2))
    assert first.key == again.key
    assert first.id.startswith("sha256-")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, None),
        ({"errorCode": "AccessDenied"}, "AccessDenied"),
        ({"errorMessage": "Failed authentication"}, "Failed authentication"),
        ({"responseElements": {"ConsoleLogin": "Failure"}}, "Failure"),
        ({"responseElements": "null"}, None),
        ({"errorCode": None}, None),
    ],
)
def test_a_failed_sign_in_fails_without_an_error_code(changes, error):
    assert Event.parse(record(**changes)).error == error


@pytest.mark.parametrize("parameters", [None, "HIDDEN_DUE_TO_SECURITY_REASONS", [], 3])
def test_parameters_that_are_no_object_are_empty(parameters):
    event = Event.parse(record(requestParameters=parameters))
    assert event.request == {}
    assert not event.request_omitted


def test_omitted_parameters_are_noticed():
    assert Event.parse(record(requestParameters={"omitted": True, "reason": "too large"})).request_omitted


@pytest.mark.parametrize(
    ("changes", "is_read"),
    [
        ({"readOnly": True}, True),
        ({"readOnly": "false", "eventName": "GetX"}, False),
        ({"readOnly": "true"}, True),
        ({"readOnly": None, "eventName": "ListUsers"}, True),
        ({"readOnly": None, "eventName": "CreateUser"}, False),
    ],
)
def test_a_read_is_known_by_its_flag_or_else_by_its_name(changes, is_read):
    assert Event.parse(record(**changes)).is_read is is_read


@pytest.mark.parametrize("time", [None, "yesterday", 17, "9999999-01-01T00:00:00Z"])
def test_a_time_that_cannot_be_read_is_none(time):
    assert Event.parse(record(eventTime=time)).time is None


def test_times_are_utc():
    assert Event.parse(record(eventTime="2026-11-02T12:04:00+09:00")).time == datetime(2026, 11, 2, 3, 4, tzinfo=UTC)


def root_kind(changes=None, **identity_changes):
    raw = root_record(**(changes or {}))
    raw["userIdentity"] = {**raw["userIdentity"], **identity_changes}
    return Event.parse(raw).actor


def test_roots_classes_are_told_apart():
    assert root_kind().kind is ActorKind.ROOT
    assert root_kind(invokedBy="signin.amazonaws.com").kind is ActorKind.ROOT
    assert root_kind(invokedBy="autoscaling.amazonaws.com").kind is ActorKind.ROOT_BY_AWS
    assert root_kind({"eventType": "AwsServiceEvent"}).kind is ActorKind.ROOT_BY_AWS
    assert root_kind(sessionContext={"assumedRoot": "true"}).kind is ActorKind.ROOT_ASSUMED
    federated = root_kind(type="FederatedUser", sessionContext={"sessionIssuer": {"type": "Root"}})
    assert federated.kind is ActorKind.ROOT_FEDERATED
    assert federated.is_root
    assert not root_kind(invokedBy="ssm.amazonaws.com").is_root


def test_a_user_called_root_is_not_root():
    identity = {"type": "IAMUser", "userName": "root", "arn": f"arn:aws:iam::{ACCOUNT}:user/root"}
    actor = Event.parse(record(userIdentity=identity)).actor
    assert actor.kind is ActorKind.IAM_USER
    assert not actor.is_root


@pytest.mark.parametrize("identity", [None, "root", [], {}, {"type": 7}, {"arn": None, "type": "Novel"}])
def test_an_identity_that_cannot_be_read_is_unknown(identity):
    actor = Event.parse(record(userIdentity=identity)).actor
    assert actor.kind is ActorKind.UNKNOWN
    assert actor.name == "unknown"


@pytest.mark.parametrize(
    ("identity", "additional", "mfa"),
    [
        ("Root", {"MFAUsed": "YES"}, Mfa.YES),
        ("Root", {"MFAUsed": "Yes"}, Mfa.YES),
        ("Root", {"MFAUsed": "No"}, Mfa.NO),
        ("Root", None, Mfa.UNKNOWN),
        ("Root", {}, Mfa.UNKNOWN),
        ("AssumedRole", {"MFAUsed": "No"}, Mfa.UNKNOWN),
    ],
)
def test_an_identity_providers_mfa_is_unknown_not_absent(identity, additional, mfa):
    assert Event.parse(record(userIdentity={"type": identity}, additionalEventData=additional)).actor.mfa is mfa


def test_a_role_session_is_named_by_role_and_session():
    identity = {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:alice",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/alice",
        "sessionContext": {
            "sessionIssuer": {"type": "Role", "userName": "Admin", "arn": f"arn:aws:iam::{ACCOUNT}:role/Admin"},
            "attributes": {"creationDate": "2026-11-02T03:00:00Z"},
        },
    }
    actor = Event.parse(record(userIdentity=identity)).actor
    assert actor.name == "Admin/alice"
    assert actor.role_arn.endswith("role/Admin")
    assert actor.session == "AROAEXAMPLE:alice@2026-11-02T03:00:00Z"


def test_a_hidden_user_name_is_never_shown_as_a_name():
    identity = {"type": "IAMUser", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"}
    assert "HIDDEN" not in Event.parse(record(userIdentity=identity)).actor.name
