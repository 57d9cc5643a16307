"""Context: who it was, whether it was seen before, what changed, what the target may do - and what happens if not."""

import json
from datetime import timedelta

import pytest

from handlers.adapters.memory import MemoryDirectory, MemoryHistory, MemoryLookups
from handlers.alerting.context.change import change_of, written_by
from handlers.alerting.context.target import Target, target_of
from handlers.alerting.context.who import chain, lasting_name, network_address, second_factor
from handlers.alerting.detection import Concern, Exhibit
from handlers.alerting.enrichment import Enrichments, Patience
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.ports import Place, Unknown
from handlers.alerting.severity import Severity
from handlers.detections import CATALOGUE, catalogue
from tests.building import ACCOUNT, NOW, Stage, detection, envelope, record, root_record

ADMINISTRATOR = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
READING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}
USER_ARN = f"arn:aws:iam::{ACCOUNT}:user/alice"


def event(**changes):
    return Event.parse(envelope(record(**changes)))


def session(*, role="Admin", name="alice", path="", context=None, **identity):
    """A record's userIdentity: a session of a role."""
    issuer = {
        "type": "Role",
        "principalId": "AROAEXAMPLE",
        "arn": f"arn:aws:iam::{ACCOUNT}:role/{path}{role}",
        "accountId": ACCOUNT,
        "userName": role,
    }
    return {
        "type": "AssumedRole",
        "principalId": f"AROAEXAMPLE:{name}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}",
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {
            "sessionIssuer": issuer,
            "attributes": {"creationDate": "2026-11-02T03:00:00Z", "mfaAuthenticated": "false"},
            **(context or {}),
        },
        **identity,
    }


IDENTITY_CENTER_SESSION = session(
    role="AWSReservedSSO_AdministratorAccess_0123456789abcdef",
    name="alice@example.com",
    path="aws-reserved/sso.amazonaws.com/eu-west-1/",
)
IDENTITY_CENTER_USER = {
    "type": "IdentityCenterUser",
    "accountId": ACCOUNT,
    "onBehalfOf": {
        "userId": "90676de7-0000-4000-8000-000000000000",
        "identityStoreArn": f"arn:aws:identitystore::{ACCOUNT}:identitystore/d-0123456789",
    },
}


def enrichments(**parts):
    given = {
        "lookups": MemoryLookups(),
        "history": MemoryHistory(),
        "directory": MemoryDirectory(),
        "clock": lambda: NOW,
        **parts,
    }
    return Enrichments(**given)


def enriched(of, *, by, detection_id="user-created", exhibits=()):
    """The finding of an event after every enrichment, which here may not fail."""
    concern = Concern(summary="s", subject="x", severity=Severity.HIGH, group="g", exhibits=exhibits)
    finding = Finding.of(detection(detection_id), of, concern, now=NOW)
    for _, enrich in by.steps:
        finding = enrich(finding, of)
    return finding


def facts(finding):
    return {fact.label: fact.value for fact in finding.facts}


# Who exactly


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        (record()["userIdentity"], "IAM user alice; with a long-lived access key"),
        (
            session(),
            "the role Admin, session alice; with temporary credentials since 2026-11-02T03:00:00Z; "
            f"issued by arn:aws:iam::{ACCOUNT}:role/Admin",
        ),
        (
            session(context={"sourceIdentity": "bob"}, invokedBy="cloudformation.amazonaws.com"),
            "the role Admin, session alice; with temporary credentials; "
            f"issued by arn:aws:iam::{ACCOUNT}:role/Admin; source identity bob; through cloudformation.amazonaws.com",
        ),
        (
            IDENTITY_CENTER_SESSION,
            "the Identity Center user alice@example.com, with the permission set AdministratorAccess",
        ),
        (IDENTITY_CENTER_USER, "the Identity Center user alice (90676de7-0000-4000-8000-000000000000)"),
        (session(name="i-0123456789abcdef0"), "given to the EC2 instance i-0123456789abcdef0"),
        (
            session(inScopeOf={"credentialsIssuedTo": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:deploy"}),
            f"given to arn:aws:lambda:us-east-1:{ACCOUNT}:function:deploy",
        ),
        (
            session(context={"webIdFederationData": {"federatedProvider": "token.actions.githubusercontent.com"}}),
            "federated by token.actions.githubusercontent.com",
        ),
        (session(accountId="210987654321"), "the role Admin of account 210987654321, session alice"),
        (session(invokedByDelegate={"accountId": "210987654321"}), "by account 210987654321, to which"),
        (session(sessionCredentialFromConsole="true"), "in the console since 2026-11-02T03:00:00Z"),
        (root_record()["userIdentity"], "root user"),
    ],
)
def test_the_chain_behind_a_call_is_one_line(identity, words):
    users = MemoryDirectory(users={"90676de7-0000-4000-8000-000000000000": "alice"})
    said = chain(event(userIdentity=identity), users)
    for part in words.split("; "):
        assert part in said
    assert "\n" not in said


def test_an_identity_center_user_whose_name_cannot_be_had_is_shown_by_id_with_the_reason():
    said = chain(event(userIdentity=IDENTITY_CENTER_USER), MemoryDirectory())
    assert "90676de7-0000-4000-8000-000000000000 (no name: not asked" in said


def test_a_role_that_is_only_called_like_identity_centers_is_not_taken_for_one():
    forged = session(role="AWSReservedSSO_AdministratorAccess_0123456789abcdef", name="alice@example.com")
    assert "permission set" not in chain(event(userIdentity=forged), MemoryDirectory())


def test_aws_acting_by_itself_has_no_chain():
    assert chain(event(userIdentity={"type": "AWSService", "invokedBy": "sso.amazonaws.com"}), MemoryDirectory()) == ""


# The second factor


def factor(**changes):
    used, reason = second_factor(event(**changes))
    return f"{used}: {reason}"


def test_the_second_factor_is_yes_no_or_unknown_with_the_reason():
    console = {"eventName": "ConsoleLogin", "eventSource": "signin.amazonaws.com"}
    with_mfa = {**record()["userIdentity"], "sessionContext": {"attributes": {"mfaAuthenticated": "true"}}}
    without = {**record()["userIdentity"], "sessionContext": {"attributes": {"mfaAuthenticated": "false"}}}
    assert factor(**console, additionalEventData={"MFAUsed": "YES"}) == "yes: the sign-in used one"
    assert factor(**console, additionalEventData={"MFAUsed": "No"}) == "no: the sign-in used none"
    assert factor(userIdentity=with_mfa) == "yes: the session was opened with one"
    assert factor(userIdentity=without) == "no: the session was opened without one"
    assert factor() == "no: a long-lived access key signs alone"
    assert factor(userIdentity=session()).startswith("unknown: a session does not tell")
    assert factor(userIdentity=IDENTITY_CENTER_SESSION).startswith("unknown: Identity Center asks for it")
    federated = factor(**console, userIdentity=session(), additionalEventData={"MFAUsed": "No"})
    assert federated.startswith("unknown: the identity provider may")


def test_a_long_lived_key_is_no_second_factor_in_the_message_too():
    assert enriched(event(), by=enrichments()).mfa == "no"
    assert enriched(event(userIdentity=session()), by=enrichments()).mfa == "unknown"


# Seen before


def test_history_counts_what_lasts_and_not_what_a_caller_may_choose():
    assert lasting_name(event()) == USER_ARN
    one, other = (lasting_name(event(userIdentity=session(name=name))) for name in ("a", "b"))
    assert one == other == f"arn:aws:iam::{ACCOUNT}:role/Admin"
    assert lasting_name(event(userIdentity=IDENTITY_CENTER_SESSION)).endswith("/alice@example.com")
    assert lasting_name(event(userIdentity=session(context={"sourceIdentity": "bob"}))).endswith("/bob")
    assert lasting_name(event(userIdentity=IDENTITY_CENTER_USER)).endswith("000000000000")
    assert lasting_name(event(userIdentity={})) == ""


def test_addresses_are_counted_as_networks_where_machines_change_them_and_services_have_none():
    assert network_address(event(sourceIPAddress="192.0.2.44")) == "192.0.2.44"
    assert network_address(event(sourceIPAddress="2001:db8:1:2:aaaa::1")) == "2001:db8:1:2::/64"
    assert network_address(event(sourceIPAddress="fe80::1%eth0")) == "fe80::/64"
    for service in ("cloudformation.amazonaws.com", "AWS Internal", "", "999.1.1.1"):
        assert network_address(event(sourceIPAddress=service)) == ""


def seen(by, **changes):
    return facts(enriched(event(**changes), by=by))["Seen before"]


def test_the_first_event_of_all_has_nothing_to_compare_with():
    assert "nothing to compare with" in seen(enrichments())


def test_a_new_address_of_somebody_known_is_said_with_counts_and_the_first_day():
    by = enrichments()
    for _ in range(6):
        seen(by, sourceIPAddress="192.0.2.10")
        seen(by, sourceIPAddress="192.0.2.11")
    said = seen(by, sourceIPAddress="192.0.2.44")
    assert said.startswith("first time from 192.0.2.44 for alice (12 events before, from 2 other addresses)")
    assert "where nobody came from yet" in said
    assert "Compared with 12 events since 2026-11-02" in said
    again = seen(by, sourceIPAddress="192.0.2.44")
    assert again == "alice from 192.0.2.44: 1 event since 2026-11-02, and from 2 other addresses"


def test_somebody_new_at_a_known_address_is_told_apart():
    by = enrichments()
    seen(by)
    said = seen(by, userIdentity=session())
    assert said.startswith(
        "first time for the role Admin, from 192.0.2.10; others came from it: 1 event since 2026-11-02"
    )


def test_a_repeat_is_counted_once_and_told_the_same():
    by = enrichments()
    seen(by)
    repeated = event(sourceIPAddress="192.0.2.44")
    first = facts(enriched(repeated, by=by))["Seen before"]
    again = Event.parse(json.dumps(repeated.envelope))
    assert facts(enriched(again, by=by, detection_id="another"))["Seen before"] == first
    assert "2 events" in seen(by, sourceIPAddress="192.0.2.45")


def test_failed_attempts_make_nobody_known():
    by = enrichments()
    seen(by)
    for _ in range(3):
        seen(by, sourceIPAddress="198.51.100.7", errorCode="AccessDenied")
    said = seen(by, sourceIPAddress="198.51.100.7")
    assert said.startswith("first time from 198.51.100.7 for alice")
    assert "3 failed attempts of the same before" in said


def test_a_call_through_a_service_has_no_address_to_know():
    by = enrichments()
    seen(by)
    assert seen(by, sourceIPAddress="cloudformation.amazonaws.com") == "alice: 1 event since 2026-11-02"


def test_accounts_have_histories_of_their_own():
    by = enrichments()
    seen(by)
    elsewhere = Event.parse(envelope(record(), account="210987654321"))
    assert "nothing to compare with" in facts(enriched(elsewhere, by=by))["Seen before"]


# The target


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"eventName": "AttachUserPolicy", "requestParameters": {"userName": "bob"}}, ("user", "bob")),
        ({"eventName": "AddUserToGroup", "requestParameters": {"groupName": "g", "userName": "bob"}}, ("user", "bob")),
        ({"eventName": "UpdateAssumeRolePolicy", "requestParameters": {"roleName": "ci"}}, ("role", "ci")),
        ({"eventName": "PutGroupPolicy", "requestParameters": {"groupName": "ops"}}, ("group", "ops")),
        ({"eventName": "CreateAccessKey", "requestParameters": None}, ("user", "alice")),
        (
            {
                "eventName": "CreatePolicyVersion",
                "requestParameters": {"policyArn": f"arn:aws:iam::{ACCOUNT}:policy/p"},
            },
            ("policy", f"arn:aws:iam::{ACCOUNT}:policy/p"),
        ),
    ],
)
def test_the_target_of_a_call_is_whom_it_names(changes, target):
    assert target_of(event(**changes)) == Target(kind=target[0], name=target[1])


@pytest.mark.parametrize(
    "changes",
    [
        {"errorCode": "AccessDenied"},
        {"eventName": "DeleteUser"},
        {"eventName": "GetUser", "readOnly": True},
        {"eventSource": "sts.amazonaws.com"},
        {"eventName": "EnableMFADevice", "requestParameters": {"userName": "AWS ROOT USER"}},
        {"requestParameters": {"userName": "../../<!channel>"}},
        {"eventName": "CreatePolicyVersion", "requestParameters": {"policyArn": "arn:aws:iam::aws:policy/x\n"}},
        {"requestParameters": {"userName": {"a": 1}}},
    ],
)
def test_nobody_is_looked_up_who_was_not_changed_or_cannot_be_called_so(changes):
    assert target_of(event(**changes)) is None


BOB = {
    f"policies_of {ACCOUNT} user bob": {"policies": [ADMINISTRATOR]},
    f"standing {ACCOUNT} user bob": {
        "created": "2024-01-05T00:00:00+00:00",
        "password": "2025-02-03T00:00:00+00:00",
        "password_used": "2026-10-30T08:00:00+00:00",
        "keys": [
            {"id": "AKIAEXAMPLEBOB", "active": True, "created": "2026-01-01T00:00:00", "used": None, "service": "N/A"}
        ],
        "mfa_devices": 0,
    },
}


def attached(**changes):
    return event(eventName="AttachUserPolicy", requestParameters={"userName": "bob", "policyArn": "x"}, **changes)


def test_the_target_is_said_to_be_administrator_now_and_how_it_can_be_used():
    said = facts(enriched(attached(), by=enrichments(lookups=MemoryLookups(answers=BOB))))
    assert said["Target now"].startswith("the user bob: administrator. ")
    assert said["Target now"].endswith("Rootwatch had not looked at it before")
    assert said["Its credentials"] == (
        "console password of 2025-02-03, last used 2026-10-30; "
        "access key AKIAEXAMPLEBOB (active, of 2026-01-01, never used); no MFA devices; user created 2024-01-05"
    )


def test_since_when_is_told_from_what_we_saw_before():
    history = MemoryHistory()
    reader = MemoryLookups(answers={**BOB, f"policies_of {ACCOUNT} user bob": {"policies": [READING]}})
    enriched(attached(eventTime="2026-10-01T00:00:00Z"), by=enrichments(lookups=reader, history=history))
    by = enrichments(lookups=MemoryLookups(answers=BOB), history=history)
    promoted = attached(eventTime="2026-10-02T00:00:00Z")
    became = facts(enriched(promoted, by=by))["Target now"]
    assert became.endswith("Before this it was: not administrator (since 2026-10-01 at least)")
    repeat = Event.parse(json.dumps(promoted.envelope))
    assert facts(enriched(repeat, by=by))["Target now"] == became
    later = facts(enriched(attached(eventTime="2026-11-02T00:00:00Z"), by=by))["Target now"]
    assert later.endswith("So since 2026-10-02 at least")


def test_what_is_known_of_the_target_is_told_when_the_history_is_away():
    class Away(MemoryHistory):
        def replaced(self, *_args, **_kwargs):
            raise UnavailableError("the table is away")

    said = facts(enriched(attached(), by=enrichments(lookups=MemoryLookups(answers=BOB), history=Away())))
    assert said["Target now"].startswith("the user bob: administrator. ")
    assert "before" not in said["Target now"].lower()


def test_a_target_elsewhere_is_unknown_and_said_once():
    said = facts(enriched(attached(), by=enrichments(lookups=MemoryLookups(otherwise="it belongs elsewhere"))))
    assert "could not be read (it belongs elsewhere)" in said["Target now"]
    assert "Its credentials" not in said


def test_a_group_a_role_and_a_policy_say_whom_they_touch():
    policy = f"arn:aws:iam::{ACCOUNT}:policy/p"
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": USER_ARN}, "Action": "sts:AssumeRole"}]}
    lookups = MemoryLookups(
        answers={
            f"standing {ACCOUNT} group ops": {"members": ["a", "b", "c", "d", "e", "f", "g"], "more": False},
            f"standing {ACCOUNT} role ci": {"created": "2024-01-05T00:00:00", "used": None, "trust": trust},
            f"standing {ACCOUNT} policy {policy}": {
                "users": ["bob"],
                "groups": [],
                "roles": ["x", "y"],
                "more": True,
            },
        }
    )
    by = enrichments(lookups=lookups)
    group = facts(enriched(event(eventName="PutGroupPolicy", requestParameters={"groupName": "ops"}), by=by))
    role = facts(enriched(event(eventName="AttachRolePolicy", requestParameters={"roleName": "ci"}), by=by))
    holders = facts(enriched(event(eventName="CreatePolicyVersion", requestParameters={"policyArn": policy}), by=by))
    assert group["Touches"] == "touches 7 members: a, b, c, d, e, 2 more"
    assert role["Its use"].startswith(f"can be assumed by {USER_ARN}; not used in the last 400 days")
    assert holders["Touches"] == "touches at least 1 user (bob, others), at least 2 roles (x, y, others)"


@pytest.mark.parametrize("answer", [{}, {"policies": "x"}, {"keys": 7}, {"users": None, "members": {}, "trust": []}])
def test_strange_answers_about_a_target_are_no_trouble(answer):
    lookups = MemoryLookups(
        answers={f"{ask} {ACCOUNT} user bob": answer for ask in ("standing", "policies_of")}, otherwise="x"
    )
    assert "Target now" in facts(enriched(attached(), by=enrichments(lookups=lookups)))


# What changed


def put(document, *, at="2026-11-02T03:04:00Z", name="PutUserPolicy", **changes):
    parameters = {"userName": "bob", "policyName": "p"}
    if document is not None:
        parameters["policyDocument"] = document if isinstance(document, str) else json.dumps(document)
    return event(eventName=name, eventTime=at, requestParameters=parameters, **changes)


def test_an_inline_policy_is_compared_with_the_copy_seen_last():
    by = enrichments()
    first = enriched(put(READING, at="2026-10-01T10:00:00Z"), by=by)
    assert first.exhibits == ()
    assert facts(first)["Compared"] == "no earlier copy of the inline policy p of the user bob is known"
    changed = put(ADMINISTRATOR)
    (exhibit,) = enriched(changed, by=by).exhibits
    assert exhibit.title == "What changed (as left on 2026-10-01 10:00 UTC)"
    assert '-        "s3:Get*"' in exhibit.text
    assert '+        "*"' in exhibit.text
    repeat = Event.parse(json.dumps(changed.envelope))
    assert enriched(repeat, by=by).exhibits == (exhibit,)


def test_a_policy_that_concerned_nobody_is_what_the_next_one_is_compared_with():
    by = enrichments()
    stage = Stage(detections=catalogue(()), options={"enrichments": by.steps, "remember": by.remember})
    parameters = {"roleName": "deploy", "policyName": "p"}
    for second, document in enumerate((READING, ADMINISTRATOR)):
        stage.send(
            eventName="PutRolePolicy",
            eventTime=f"2026-11-02T03:04:0{second}Z",
            requestParameters={**parameters, "policyDocument": json.dumps(document)},
        )
    ((_, alert, _),) = stage.slack.told
    assert alert.headline.exhibits[0].title == "What changed (as left on 2026-11-02 03:04 UTC)"
    assert '-        "s3:Get*"' in alert.headline.exhibits[0].text


def test_a_version_that_the_record_does_not_show_replaces_the_copy_that_is_out_of_date():
    by = enrichments()
    by.remember(version(2, READING))
    switched = {"policyArn": f"arn:aws:iam::{ACCOUNT}:policy/p", "versionId": "v1"}
    by.remember(event(eventName="SetDefaultPolicyVersion", requestParameters=switched))
    assert enriched(version(3), by=by).exhibits == ()


def test_an_alert_is_told_when_nothing_can_be_remembered():
    def fails(_event):
        raise UnavailableError("away")

    stage = Stage(options={"remember": fails})
    stage.send()
    assert stage.said(stage.slack) == ["announce"]


def test_the_difference_stands_before_the_whole_policy():
    by = enrichments()
    enriched(put(READING, at="2026-10-01T10:00:00Z"), by=by)
    titles = [one.title for one in enriched(put(ADMINISTRATOR), by=by, exhibits=(_exhibit("The policy"),)).exhibits]
    assert titles[0].startswith("What changed")
    assert titles[1:] == ["The policy"]


def _exhibit(title):
    return Exhibit(title=title, text="text")


def test_a_deleted_policy_is_shown_as_it_was_last_seen():
    by = enrichments()
    enriched(put(ADMINISTRATOR, at="2026-10-01T10:00:00Z"), by=by)
    (exhibit,) = enriched(put(None, name="DeleteUserPolicy"), by=by).exhibits
    assert exhibit.title.startswith("What was deleted")
    assert '-        "*"' in exhibit.text
    after = facts(enriched(put(READING, at="2026-11-03T00:00:00Z"), by=by))
    assert "no earlier copy" in after["Compared"], "after the deletion there is nothing to compare with"


def test_a_change_of_layout_alone_is_no_change():
    by = enrichments()
    enriched(put(READING, at="2026-10-01T10:00:00Z"), by=by)
    finding = enriched(put(json.dumps(READING, indent=8)), by=by)
    assert finding.exhibits == ()
    assert facts(finding)["Compared"].startswith("the same as before but for order and layout")


def test_a_late_record_is_not_compared_with_what_came_after_it():
    by = enrichments()
    enriched(put(ADMINISTRATOR, at="2026-10-02T00:00:00Z"), by=by)
    late = enriched(put(READING, at="2026-10-01T00:00:00Z"), by=by)
    assert late.exhibits == ()
    (exhibit,) = enriched(put(READING, at="2026-10-03T00:00:00Z"), by=by).exhibits
    assert exhibit.title == "What changed (as left on 2026-10-02 00:00 UTC)"


def test_a_call_that_failed_changed_nothing():
    by = enrichments()
    enriched(put(READING, at="2026-10-01T00:00:00Z"), by=by)
    assert written_by(put(ADMINISTRATOR, errorCode="AccessDenied")) is None
    denied = enriched(put(ADMINISTRATOR, errorCode="AccessDenied"), by=by)
    assert denied.exhibits == ()
    assert "Compared" not in facts(denied)


def test_a_policy_left_out_of_the_record_is_read_live_and_what_is_unreadable_is_forgotten():
    question = f"inline_policy {ACCOUNT} user bob p"
    history = MemoryHistory()
    enriched(put(READING, at="2026-10-01T00:00:00Z"), by=enrichments(history=history))
    live = enrichments(history=history, lookups=MemoryLookups(answers={question: ADMINISTRATOR}))
    (exhibit,) = enriched(put(None, at="2026-10-02T00:00:00Z"), by=live).exhibits
    assert '+        "*"' in exhibit.text
    gone = enriched(put(None, at="2026-10-03T00:00:00Z"), by=enrichments(history=history))
    assert facts(gone)["Compared"].startswith("the inline policy p of the user bob could not be read (not asked")
    after = enriched(put(READING, at="2026-10-04T00:00:00Z"), by=enrichments(history=history))
    assert after.exhibits == (), "a copy that is older than what was there is no before"


def version(number, document=ADMINISTRATOR, *, default=True):
    return event(
        eventName="CreatePolicyVersion",
        requestParameters={
            "policyArn": f"arn:aws:iam::{ACCOUNT}:policy/p",
            "policyDocument": json.dumps(document),
            "setAsDefault": default,
        },
        responseElements={"policyVersion": {"versionId": f"v{number}"}},
    )


def test_a_managed_policy_is_compared_with_the_version_before():
    lookups = MemoryLookups(answers={f"managed_policy arn:aws:iam::{ACCOUNT}:policy/p v2": READING})
    (exhibit,) = enriched(version(3), by=enrichments(lookups=lookups)).exhibits
    assert exhibit.title == "What changed (v2)"
    shown = enriched(version(3), by=enrichments(lookups=lookups), exhibits=(_exhibit("Against version v2"),))
    assert [one.title for one in shown.exhibits] == ["Against version v2"], "the detection shows it already"
    assert written_by(version(3, default=False)) is None, "a version that is not the default changes nothing yet"


def test_a_trust_policy_says_whom_it_newly_lets_in():
    def trusting(*arns):
        return {"Statement": [{"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole"}]}

    def updated(document, at):
        parameters = {"roleName": "ci", "policyDocument": json.dumps(document)}
        return event(eventName="UpdateAssumeRolePolicy", eventTime=at, requestParameters=parameters)

    stranger = "arn:aws:iam::210987654321:root"
    by = enrichments()
    enriched(updated(trusting(USER_ARN), "2026-10-01T00:00:00Z"), by=by)
    wider = enriched(updated(trusting(USER_ARN, stranger), "2026-10-02T00:00:00Z"), by=by)
    assert facts(wider)["Compared"] == f"it newly lets in {stranger}"
    narrower = enriched(updated(trusting(USER_ARN), "2026-10-03T00:00:00Z"), by=by)
    assert facts(narrower)["Compared"] == "it lets in nobody whom it did not let in before"


def test_padding_takes_no_room_in_the_history_and_what_is_too_long_is_not_kept():
    history = MemoryHistory()

    def before(document, at):
        return change_of(put(document, at=at), lookups=MemoryLookups(), history=history, now=NOW).before

    padded = json.dumps(READING) + " " * 100_000
    long = {"Statement": [{"Effect": "Allow", "Action": f"s3:{'x' * 30_000}", "Resource": "*"}]}
    assert before(padded, "2026-10-01T00:00:00Z") is None
    assert before(long, "2026-10-02T00:00:00Z") == json.dumps(READING, separators=(",", ":"))
    assert before(READING, "2026-10-03T00:00:00Z") is None


# The others


def test_an_address_is_told_with_its_owner_and_a_service_is_not_looked_up():
    class Addresses:
        def owner(self, address):
            return {"192.0.2.10": "Example Ltd (AS64500), Japan"}.get(address, "")

    by = enrichments(addresses=Addresses())
    assert facts(enriched(event(), by=by))["Address"] == "Example Ltd (AS64500), Japan"
    assert facts(enriched(event(sourceIPAddress="192.0.2.11"), by=by))["Address"] == "in none of the address files"
    for service in ("AWS Internal", "cloudformation.amazonaws.com"):
        assert "Address" not in facts(enriched(event(sourceIPAddress=service), by=by))
    assert "Address" not in facts(enriched(event(), by=enrichments()))


def test_an_accounts_place_is_told_and_a_configured_name_stands():
    places = {ACCOUNT: Place(name="from Organizations", path="Workloads/Production")}
    by = enrichments(directory=MemoryDirectory(places=places), places=True)
    finding = enriched(event(), by=by)
    assert finding.account_name == "from Organizations"
    assert facts(finding)["Account"] == "in Workloads/Production"
    stage = Stage(options={"enrichments": by.steps})
    stage.send()
    assert stage.slack.told[0][1].headline.account_name == "production"


class Checks:
    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    def check(self, before, after, *, is_trust):
        self.asked.append((before, after, is_trust))
        return self.answer


def test_a_second_opinion_is_asked_once_an_event_with_the_policy_before():
    checks = Checks("allows more than the policy before")
    by = enrichments(checks=checks)
    enriched(put(READING, at="2026-10-01T00:00:00Z"), by=by)
    changed = put(ADMINISTRATOR)
    assert facts(enriched(changed, by=by))["Access Analyzer"] == "allows more than the policy before"
    enriched(changed, by=by, detection_id="another")
    assert [(bool(before), trust) for before, _, trust in checks.asked] == [(False, False), (True, False)]
    assert "Access Analyzer" not in facts(enriched(event(), by=by))


def test_a_second_opinion_that_is_not_given_is_its_own_line():
    by = enrichments(checks=Checks(Unknown(reason="ThrottlingException")))
    assert facts(enriched(put(ADMINISTRATOR), by=by))["Access Analyzer"] == "no second opinion (ThrottlingException)"


# Limits


def test_each_enrichment_fails_alone_and_the_alert_is_told():
    class Broken(MemoryHistory):
        def seen(self, *_args, **_kwargs):
            raise UnavailableError("away")

    by = enrichments(history=Broken(), lookups=MemoryLookups(answers=BOB))
    stage = Stage(detections=CATALOGUE, options={"enrichments": by.steps})
    stage.send(eventName="CreateAccessKey", requestParameters={"userName": "bob"})
    assert set(stage.said(stage.slack)) == {"announce"}
    alert = stage.slack.told[0][1]
    said = facts(alert.headline)
    assert said["Seen before"] == "unavailable (UnavailableError)"
    assert said["Who exactly"].startswith("IAM user alice")
    assert said["Target now"].startswith("the user bob: administrator")


class Slow(MemoryLookups):
    """An IAM that takes so many seconds for each question, on a clock that it moves."""

    def __init__(self, seconds):
        super().__init__()
        object.__setattr__(self, "state", {"now": 1_000.0, "asked": 0, "seconds": seconds})

    def _answer(self, *question):
        self.state["asked"] += 1
        self.state["now"] += self.state["seconds"]
        return super()._answer(*question)

    def patience(self):
        return Patience(timer=lambda: self.state["now"], seconds_an_event=6, seconds_a_minute=12)


def test_when_an_events_time_is_used_up_the_rest_is_not_asked_and_what_needs_nobody_is_told():
    slow = Slow(seconds=7)
    by = enrichments(lookups=slow, patience=slow.patience(), checks=Checks("fine"), places=True)
    one = put(None)  # its document has to be read: seven seconds
    said = facts(enriched(one, by=by))
    assert slow.state["asked"] == 1
    assert said["Compared"].startswith("the inline policy p of the user bob could not be read")
    for name in ("Target now", "Account", "Access Analyzer"):
        assert said[name] == "not asked: no time"
    second = facts(enriched(one, by=by, detection_id="another"))
    assert second["Target now"] == "not asked: no time", "a second finding of the event gets no more time"
    assert second["Second factor"].startswith("no: ")


def test_the_next_event_has_time_again_until_the_minutes_is_used_up():
    slow = Slow(seconds=3.5)  # two questions an event
    by = enrichments(lookups=slow, patience=slow.patience())
    answers = [facts(enriched(attached(), by=by))["Target now"] for _ in range(3)]
    assert ["no time" in answer for answer in answers] == [False, False, True]
    assert slow.state["asked"] == 4
    slow.state["now"] += 60
    assert "no time" not in facts(enriched(attached(), by=by))["Target now"]


def test_time_that_an_enrichment_took_before_it_failed_counts():
    slow = Slow(seconds=0)

    class Hanging(MemoryHistory):
        def seen(self, *_args, **_kwargs):
            slow.state["now"] += 7
            raise UnavailableError("away")

    by = enrichments(lookups=slow, history=Hanging(), patience=slow.patience())
    stage = Stage(options={"enrichments": by.steps})
    stage.send(eventName="CreateUser", requestParameters={"userName": "bob"})
    said = facts(stage.slack.told[0][1].headline)
    assert said["Seen before"] == "unavailable (UnavailableError)"
    assert said["Target now"] == "not asked: no time"


def test_findings_of_one_event_are_answered_by_asking_once():
    asked = []

    class Counting(MemoryLookups):
        def standing(self, account, kind, name):
            asked.append(name)
            return super().standing(account, kind, name)

    by = enrichments(lookups=Counting(answers=BOB))
    one = attached()
    enriched(one, by=by)
    enriched(one, by=by, detection_id="another")
    assert asked == ["bob"]
    enriched(attached(), by=by)
    assert asked == ["bob", "bob"]


def test_a_late_event_is_enriched_with_its_own_time():
    by = enrichments(clock=lambda: NOW + timedelta(days=30))
    seen(by, eventTime="2026-09-01T00:00:00Z")
    assert "since 2026-09-01" in seen(by)
