"""Which records are of one session, and how long it can last."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.alerting.event import Event
from handlers.alerting.session import CONSOLE, Join, SessionKey, all_of, closes, session_key_of, session_of
from tests.building import ACCOUNT, record, root_record
from tests.unit.hostile_strings import HOSTILE

AT = datetime(2026, 11, 2, 3, 4, 0, tzinfo=UTC)
SIGN_IN = f"arn:aws:signin:us-east-1:{ACCOUNT}:session/00000000-0000-4000-8000-000000000001"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def event(**changes: Any) -> Event:
    return Event.parse(record(**changes))


def identity(**changes: Any) -> dict[str, Any]:
    return {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:alice",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/alice",
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAEXAMPLEALICE0001",
        "sessionContext": {
            "sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{ACCOUNT}:role/Admin", "userName": "Admin"},
            "attributes": {"creationDate": "2026-11-02T03:00:00Z"},
        },
        **changes,
    }


def assumed(name: str = "AssumeRole", **changes: Any) -> Event:
    response = {
        "credentials": {"accessKeyId": "ASIAEXAMPLESESSION01", "expiration": "Nov 2, 2026, 4:04:00 AM"},
        "assumedRoleUser": {"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/alice"},
    }
    values = {"eventSource": "sts.amazonaws.com", "eventName": name, "readOnly": True, "responseElements": response}
    return event(**{**values, **changes})


def test_a_sign_in_session_joins_what_was_done_with_other_keys() -> None:
    with_session = identity(sessionContext={"signInSessionArn": SIGN_IN})
    key = session_key_of(event(userIdentity=with_session))
    other = event(userIdentity={**with_session, "accessKeyId": "ASIAEXAMPLEALICE0002"})
    assert key.join_of(other) is Join.SIGN_IN


def test_an_access_key_joins_where_there_is_no_sign_in_session() -> None:
    key = session_key_of(event(userIdentity=identity()))
    assert key.join_of(event(userIdentity=identity())) is Join.ACCESS_KEY
    assert key.join_of(event(userIdentity=identity(accessKeyId="ASIAEXAMPLEALICE0002"))) is None


def test_who_acted_joins_only_where_nothing_better_is_known() -> None:
    login = Event.parse(root_record(eventName="ConsoleLogin", eventSource="signin.amazonaws.com"))
    key = session_key_of(login)
    assert key.join_of(Event.parse(root_record())) is Join.PRINCIPAL
    assert session_key_of(event(userIdentity=identity())).by_arn == frozenset()


def test_a_role_stands_for_all_its_sessions_when_it_is_asked_about() -> None:
    key = session_of(account=ACCOUNT, principal=f"arn:aws:iam::{ACCOUNT}:role/Admin", access_key="", at=None)
    assert key.join_of(event(userIdentity=identity())) is Join.PRINCIPAL


def test_an_assumed_role_is_followed_by_the_key_it_was_given_and_not_by_the_callers() -> None:
    call = assumed()
    key = session_key_of(call)
    assert key.access_keys == {"ASIAEXAMPLESESSION01"}
    assert key.join_of(call) is None
    assert key.join_of(event(userIdentity=identity(accessKeyId="ASIAEXAMPLESESSION01"))) is Join.ACCESS_KEY


@pytest.mark.parametrize(
    "written",
    [
        "Nov 2, 2026, 4:04:00 AM",
        "Nov 2, 2026 4:04:00 AM",
        "Nov 2, 2026, 4:04:00\u202fAM",  # newer Java puts a narrow space there
        "2026-11-02T04:04:00Z",
    ],
)
def test_the_end_of_credentials_is_read_however_it_is_written(written: str) -> None:
    call = assumed(responseElements={"credentials": {"accessKeyId": "ASIAEXAMPLESESSION01", "expiration": written}})
    assert session_key_of(call).ends == AT + timedelta(hours=1)


@pytest.mark.parametrize("written", ["Jan 01, 2019 0:00:00 PM", "Foo 99, 2026, 99:99:99 AM", "soon", "", *HOSTILE[:20]])
def test_an_end_that_cannot_be_read_is_taken_from_what_was_asked_for(written: str) -> None:
    call = assumed(
        requestParameters={"durationSeconds": 900},
        responseElements={"credentials": {"accessKeyId": "ASIAEXAMPLESESSION01", "expiration": written}},
    )
    assert session_key_of(call).ends in (AT + timedelta(seconds=900), datetime(2019, 1, 1, 12, tzinfo=UTC))


def test_assume_root_is_followed_in_the_account_it_names_for_a_quarter_of_an_hour() -> None:
    call = assumed(
        "AssumeRoot",
        requestParameters={"targetPrincipal": "210987654321"},
        responseElements={"credentials": {"accessKeyId": "ASIAEXAMPLESESSION01"}},
    )
    key = session_key_of(call)
    assert key.accounts == {"210987654321"}
    assert key.principals == {"arn:aws:iam::210987654321:root"}
    assert key.ends == AT + timedelta(minutes=15)


def test_a_key_that_was_taken_out_of_a_record_joins_nobody() -> None:
    call = assumed(responseElements={"credentials": {"accessKeyId": "HIDDEN_DUE_TO_SECURITY_REASONS"}})
    assert session_key_of(call).access_keys != {"HIDDEN_DUE_TO_SECURITY_REASONS"}


def test_a_failed_assume_role_opens_nothing_so_the_callers_session_is_meant() -> None:
    call = assumed(errorCode="AccessDenied", responseElements=None)
    assert session_key_of(call).access_keys == {"AKIAEXAMPLEALICE"}


def test_a_console_sign_in_lasts_twelve_hours_and_a_long_term_key_for_ever() -> None:
    login = Event.parse(root_record(eventName="ConsoleLogin", eventSource="signin.amazonaws.com"))
    assert session_key_of(login).ends == AT + CONSOLE
    assert session_key_of(event()).ends is None


def test_several_sessions_become_one_from_the_first_start_to_the_last_end() -> None:
    first = SessionKey(access_keys=frozenset({"A"}), started=AT, ends=AT + timedelta(hours=1))
    second = SessionKey(access_keys=frozenset({"B"}), started=AT - timedelta(hours=1), ends=AT)
    both = all_of([first, second])
    assert both.access_keys == {"A", "B"}
    assert (both.started, both.ends) == (AT - timedelta(hours=1), AT + timedelta(hours=1))
    assert all_of([first, SessionKey(started=AT)]).ends is None  # one of them has no known end
    assert all_of([]).is_empty


def test_thousands_of_sessions_of_one_alert_stay_a_bounded_question() -> None:
    keys = [SessionKey(access_keys=frozenset({f"ASIA{number:016d}"})) for number in range(5_000)]
    assert len(all_of(keys).access_keys) == 100


def test_a_key_survives_being_stored() -> None:
    key = session_key_of(assumed())
    assert SessionKey.from_plain(json.loads(json.dumps(key.to_plain()))) == key


def test_leaving_a_role_closes_a_session_and_a_failed_attempt_does_not() -> None:
    values = {"eventSource": "signin.amazonaws.com", "eventName": "ExitRole"}
    assert closes(event(**values))
    assert not closes(event(**values, errorMessage="Failure"))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_identities_give_a_key_that_can_be_stored_and_joined(text: str) -> None:
    hostile = identity(arn=text, accessKeyId=text, sessionContext={"signInSessionArn": text})
    one = event(userIdentity=hostile)
    key = SessionKey.from_plain(json.loads(json.dumps(session_key_of(one).to_plain())))
    assert key.is_empty or key.join_of(one) is not None or len(text) > 300
    for broken in (
        None,
        [],
        text,
        {"sessionContext": text},
        {"sessionContext": {"attributes": {"creationDate": text}}},
    ):
        assert session_key_of(event(userIdentity=broken)).to_plain()
