"""Whom a trust policy lets in, knowing who is one of us."""

import json

import pytest

from handlers.adapters.memory import MemoryLookups
from handlers.alerting.neighbours import judged_trust
from tests.building import ACCOUNT

OTHER, STRANGER = "210987654321", "333333333333"
ORGANIZATION = "o-a1b2c3d4e5"


def trust(*principals, condition=None):
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
    return json.dumps({"Statement": [{**statement, **({"Condition": condition} if condition else {})}]})


def lookups(*members, organization="", **others):
    answers = {f"membership {account}": {"member": True} for account in members}
    answers |= {f"membership {account}": answer for account, answer in others.items()}
    return MemoryLookups(answers={**answers, "deployment": {"name": "rootwatch", "organization": organization}})


def is_dangerous(document, by):
    return judged_trust(document, account=ACCOUNT, lookups=by).is_dangerous


def test_an_account_of_ours_is_no_stranger():
    document = trust(f"arn:aws:iam::{OTHER}:role/audit")
    assert not is_dangerous(document, lookups(OTHER))
    assert is_dangerous(document, lookups())
    assert is_dangerous(document, lookups(**{OTHER: {"member": False}}))


def test_one_stranger_among_our_own_is_named():
    judgement = judged_trust(trust(OTHER, STRANGER), account=ACCOUNT, lookups=lookups(OTHER))
    assert judgement.is_dangerous
    assert STRANGER in judgement.reason
    assert OTHER not in judgement.reason


def test_an_account_that_only_a_condition_names_is_asked_about_too():
    anyone = trust("*", condition={"StringEquals": {"aws:PrincipalAccount": OTHER}})
    assert is_dangerous(anyone, lookups())
    assert not is_dangerous(anyone, lookups(OTHER))


@pytest.mark.parametrize(("organization", "danger"), [(ORGANIZATION, False), ("o-zzzzzzzzzz", True), ("", False)])
def test_anyone_of_another_organisation_is_a_stranger_where_ours_is_known(organization, danger):
    anyone = trust("*", condition={"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}})
    assert is_dangerous(anyone, lookups(organization=organization)) is danger


def test_anyone_in_the_world_stays_dangerous_whoever_is_one_of_us():
    assert is_dangerous(trust("*", OTHER), lookups(OTHER))


def test_nobody_is_asked_where_nobody_is_a_stranger():
    class Silent(MemoryLookups):
        def membership(self, account):
            raise AssertionError(account)

    assert not is_dangerous(trust(f"arn:aws:iam::{ACCOUNT}:root"), Silent())


def test_a_policy_that_names_hundreds_asks_about_few_and_takes_the_rest_for_strangers():
    asked = []

    class Counting(MemoryLookups):
        def membership(self, account):
            asked.append(account)
            return {"member": True}

    assert is_dangerous(trust(*(f"{number:012d}" for number in range(300))), Counting())
    assert len(asked) == 10
