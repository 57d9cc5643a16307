"""What can be used of an identity, asked of IAM (moto's): passwords, keys, members, holders."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from handlers.adapters.account_lookups import AccountLookups
from handlers.adapters.asking import SILENT_SECONDS, Asking
from handlers.adapters.iam_standing import SlowAnswerError, StandingReader
from handlers.alerting.ports import Unknown
from tests.building import ACCOUNT

READING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}]}


@pytest.fixture
def iam(aws):
    return boto3.client("iam", region_name="us-east-1")


def lookups(iam):
    return AccountLookups(account=ACCOUNT, client=lambda _service, _region: iam)


def test_a_users_password_keys_and_devices_are_found(iam):
    iam.create_user(UserName="bob")
    key = iam.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
    old = iam.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
    iam.update_access_key(UserName="bob", AccessKeyId=old, Status="Inactive")
    without = lookups(iam).standing(ACCOUNT, "user", "bob")
    assert "password" not in without
    iam.create_login_profile(UserName="bob", Password="correct horse battery")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="bob")["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(
        UserName="bob", SerialNumber=device, AuthenticationCode1="123456", AuthenticationCode2="654321"
    )
    found = lookups(iam).standing(ACCOUNT, "user", "bob")
    assert found["password"][:4].isdecimal()
    assert found["mfa_devices"] == 1
    assert {item["id"]: item["active"] for item in found["keys"]} == {key: True, old: False}
    assert json.loads(json.dumps(found)) == found, "plain values only"


def test_a_role_tells_who_may_assume_it(iam):
    iam.create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps(TRUST))
    found = lookups(iam).standing(ACCOUNT, "role", "ci")
    assert found["trust"] == TRUST
    assert found["used"] is None


def test_a_groups_members_are_listed_over_pages_up_to_a_bound(iam):
    iam.create_group(GroupName="ops")
    assert lookups(iam).standing(ACCOUNT, "group", "ops") == {"members": [], "more": False}
    for number in range(3):
        iam.create_user(UserName=f"u{number}")
        iam.add_user_to_group(GroupName="ops", UserName=f"u{number}")
    assert lookups(iam).standing(ACCOUNT, "group", "ops") == {"members": ["u0", "u1", "u2"], "more": False}

    class Endless:
        def get_paginator(self, _operation):
            pages = ({"Users": [{"UserName": f"{page}-{n}"} for n in range(100)]} for page in range(1_000))
            return type("Pages", (), {"paginate": lambda _self, **_arguments: pages})()

    found = StandingReader(Endless()).standing("group", "ops")
    assert (len(found["members"]), found["more"]) == (200, True)


def test_a_policys_holders_are_counted_by_kind(iam):
    policy = iam.create_policy(PolicyName="p", PolicyDocument=json.dumps(READING))["Policy"]["Arn"]
    iam.create_user(UserName="bob")
    iam.attach_user_policy(UserName="bob", PolicyArn=policy)
    iam.create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.attach_role_policy(RoleName="ci", PolicyArn=policy)
    assert lookups(iam).standing(ACCOUNT, "policy", policy) == {
        "users": ["bob"],
        "groups": [],
        "roles": ["ci"],
        "more": False,
    }


def test_who_does_not_exist_lives_elsewhere_or_is_of_no_such_kind_is_unknown(iam):
    known = lookups(iam)
    assert known.standing(ACCOUNT, "user", "nobody") == Unknown(reason="NoSuchEntity")
    for kind, name in (("user", "bob"), ("policy", "arn:aws:iam::210987654321:policy/p")):
        elsewhere = known.standing("210987654321", kind, name)
        assert "210987654321, where Rootwatch has no rights" in elsewhere.reason
    assert known.standing(ACCOUNT, "stack", "x") == Unknown(reason="KeyError")
    assert isinstance(known.standing(ACCOUNT, "user", "x" * 1_000), Unknown)


def test_a_password_that_may_not_be_read_is_not_taken_for_none(iam):
    iam.create_user(UserName="bob")

    def refuse(**_):
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetLoginProfile")

    iam.meta.events.register("before-call.iam.GetLoginProfile", refuse)
    assert lookups(iam).standing(ACCOUNT, "user", "bob") == Unknown(reason="AccessDenied")


def test_an_iam_that_is_slow_is_not_waited_for(iam):
    iam.create_user(UserName="bob")
    moments = iter([0.0, 1.0, 2.0, 3.5, 9.0])
    with pytest.raises(SlowAnswerError):
        StandingReader(iam, clock=lambda: next(moments)).standing("user", "bob")


@pytest.mark.parametrize("error", [ReadTimeoutError, ConnectTimeoutError])
def test_a_service_that_does_not_answer_is_left_alone_for_a_minute(error):
    now = [100.0]
    asked = []

    def hangs():
        asked.append("iam")
        raise error(endpoint_url="https://iam.example")

    ask = Asking(clock=lambda: now[0])
    assert ask("iam", hangs) == Unknown(reason=error.__name__)
    assert ask("iam", hangs) == Unknown(reason="not asked: iam did not answer a moment ago")
    assert ask("organizations", lambda: "an answer") == "an answer", "others are asked"
    now[0] += SILENT_SECONDS
    assert ask("iam", lambda: "an answer") == "an answer"
    assert asked == ["iam"]


def test_a_refusal_is_an_answer_and_the_next_question_is_asked():
    def refuse():
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetUser")

    ask = Asking(clock=lambda: 0.0)
    assert ask("iam", refuse) == Unknown(reason="AccessDenied")
    assert ask("iam", lambda: 1) == 1
