"""Every policy of a principal is found, by whichever way it has it (against moto's IAM)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from handlers.adapters.account_lookups import AccountLookups
from handlers.adapters.iam_policies import PolicyReader, TooManyPoliciesError
from handlers.alerting.ports import Unknown

_ACCOUNT = "123456789012"
_ADMINISTRATOR = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_READ = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.client("iam", region_name="us-east-1")


def _lookups(iam: Any) -> AccountLookups:
    return AccountLookups(account=_ACCOUNT, client=lambda _service, _region: iam)


def test_a_users_attached_inline_and_groups_policies_are_found(iam: Any) -> None:
    iam.create_user(UserName="bob")
    iam.put_user_policy(UserName="bob", PolicyName="inline", PolicyDocument=json.dumps(_READ))
    iam.create_group(GroupName="ops")
    iam.put_group_policy(GroupName="ops", PolicyName="all", PolicyDocument=json.dumps(_ADMINISTRATOR))
    iam.add_user_to_group(UserName="bob", GroupName="ops")
    own = iam.create_policy(PolicyName="own", PolicyDocument=json.dumps(_READ))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="bob", PolicyArn=own)
    found = _lookups(iam).policies_of(_ACCOUNT, "user", "bob")
    assert not isinstance(found, Unknown)
    assert found == {"policies": [_READ, _READ, _ADMINISTRATOR]}


def test_a_roles_boundary_is_found(iam: Any) -> None:
    limit = iam.create_policy(PolicyName="limit", PolicyDocument=json.dumps(_READ))["Policy"]["Arn"]
    iam.create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps(_READ), PermissionsBoundary=limit)
    assert _lookups(iam).policies_of(_ACCOUNT, "role", "ci") == {"policies": [], "boundary": _READ}


def test_a_role_without_a_boundary_has_none(iam: Any) -> None:
    iam.create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps(_READ))
    iam.put_role_policy(RoleName="ci", PolicyName="all", PolicyDocument=json.dumps(_ADMINISTRATOR))
    assert _lookups(iam).policies_of(_ACCOUNT, "role", "ci") == {"policies": [_ADMINISTRATOR]}


def test_an_aws_managed_policy_is_given_by_its_arn(iam: Any) -> None:
    class Managed:
        def get_paginator(self, operation: str) -> Any:
            page = {
                "AttachedPolicies": [{"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}],
                "PolicyNames": [],
            }
            return type("Pages", (), {"paginate": lambda _self, **_arguments: [page]})()

    assert PolicyReader(lambda _service: Managed()).policies_of("group", "ops") == {
        "policies": ["arn:aws:iam::aws:policy/AdministratorAccess"]
    }


def test_a_permission_sets_policies_are_found_by_its_arn() -> None:
    asked = []

    class IdentityCenter:
        def get_paginator(self, operation: str) -> Any:
            def paginate(_self: Any, **arguments: str) -> list[Any]:
                asked.append(arguments)
                return [{"AttachedManagedPolicies": [{"Arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]}]

            return type("Pages", (), {"paginate": paginate})()

        def get_inline_policy_for_permission_set(self, **_arguments: str) -> dict[str, str]:
            return {"InlinePolicy": json.dumps(_ADMINISTRATOR)}

    found = PolicyReader(lambda _service: IdentityCenter()).policies_of(
        "permission set", "arn:aws:sso:::permissionSet/ssoins-1234/ps-5678"
    )
    assert found == {"policies": ["arn:aws:iam::aws:policy/ReadOnlyAccess", json.dumps(_ADMINISTRATOR)]}
    assert asked[0]["InstanceArn"] == "arn:aws:sso:::instance/ssoins-1234"


def test_who_does_not_exist_or_lives_elsewhere_is_unknown_with_the_reason(iam: Any) -> None:
    lookups = _lookups(iam)
    assert lookups.policies_of(_ACCOUNT, "user", "nobody") == Unknown(reason="NoSuchEntity")
    elsewhere = lookups.policies_of("210987654321", "user", "bob")
    assert isinstance(elsewhere, Unknown)
    assert "210987654321" in elsewhere.reason
    assert isinstance(lookups.policies_of(_ACCOUNT, "stack", "x"), Unknown)


def test_more_policies_than_an_alert_may_wait_for_are_not_read(iam: Any) -> None:
    iam.create_user(UserName="bob")
    for number in range(41):
        iam.put_user_policy(UserName="bob", PolicyName=f"p{number}", PolicyDocument=json.dumps(_READ))
    with pytest.raises(TooManyPoliciesError):
        PolicyReader(lambda _service: iam).policies_of("user", "bob")
    assert _lookups(iam).policies_of(_ACCOUNT, "user", "bob") == Unknown(reason="TooManyPoliciesError")


def test_an_iam_that_is_slow_holds_up_no_alert(iam: Any) -> None:
    iam.create_user(UserName="bob")
    for number in range(3):
        iam.put_user_policy(UserName="bob", PolicyName=f"p{number}", PolicyDocument=json.dumps(_READ))
    moments = iter([0.0, 3.0, 6.0, 9.0])
    with pytest.raises(TooManyPoliciesError):
        PolicyReader(lambda _service: iam, clock=lambda: next(moments)).policies_of("user", "bob")
