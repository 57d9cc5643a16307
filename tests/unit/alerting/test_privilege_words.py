"""What the judge says can be said in another language, and is the same text wherever it is kept."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handlers.adapters.phrases import PhrasesOf
from handlers.alerting.privilege import judge_policy, judge_principal, judge_trust, weakened_by_removal
from handlers.alerting.privilege.tables import managed_policies, table
from handlers.alerting.text import Text, said

HERE = "123456789012"
JAPANESE = PhrasesOf("ja")
TRUTH = json.loads(Path(__file__).with_name("privilege_cases.json").read_text("utf-8"))
_ENGLISH = re.compile(r"[A-Za-z][a-z']+(?:,? [A-Za-z][a-z'-]+){2,}")
_MANY_ACTIONS = ["iam:Tag*", "iam:Untag*", "iam:Delete*", "iam:Update*", "iam:Put*"]


def statement(**parts: Any) -> dict[str, Any]:
    return {"Statement": {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", **parts}}


_UNDER_CONDITION = statement(Action="*", Condition={"Bool": {"aws:MultiFactorAuthPresent": True}})
ROLES = [f"arn:aws:iam::{HERE}:role/{name}" for name in ("a", "b", "c", "d", "e")]
STRANGE_POLICIES = (
    None,
    "",
    "{",
    "[]",
    '{"a": 1, "a": 2}',
    json.dumps(json.dumps(json.dumps(json.dumps(json.dumps("x"))))),
    "x" * 500_000,
    {},
    {"omitted": True},
    {"Statement": ["x"]},
    {"Statement": [], "statement": []},
    statement(action="iam:*"),
    statement(Effect="Maybe"),
    statement(Principal="*"),
    statement(Principal="*", NotPrincipal="*"),
    statement(Principal=7),
    statement(Principal={"AWS": True}),
    statement(NotAction="*"),
    statement(NotResource="*"),
    statement(Action=[1]),
    statement(Resource=[1]),
    statement(Resource="\ue000"),
    {"Statement": {"Effect": "Allow", "Resource": "*"}},
    {"Statement": {"Effect": "Allow", "Action": "*"}},
    statement(Extra=1),
    statement(Action="*", Condition="x"),
    statement(Action="*", Condition={"StringEquals": {"aws:PrincipalTag/t": list("abcdefg")}}),
    statement(Action="*", Condition={"StringEquals": {f"aws:PrincipalTag/{tag}": "x" for tag in "abcde"}}),
    statement(Action="s3:Get*", Condition={"StringEquals": {"aws:UserAgent": "x"}}),
    statement(Effect="Deny", Condition={"StringEquals": {"aws:PrincipalTag/t": "x"}}),
    statement(Effect="Deny", Action=_MANY_ACTIONS),
    statement(Effect="Deny", Action="*"),
    {"Statement": {"Effect": "Deny", "NotAction": _MANY_ACTIONS, "Resource": "*"}},
    statement(Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}),
    *(
        statement(Action=action, Resource=ROLES)
        for action in ("iam:PassRole", "sts:AssumeRole", "iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy")
    ),
    statement(Action="iam:CreateAccessKey", Resource=f"arn:aws:iam::{HERE}:user/bob"),
    statement(Action="iam:AddUserToGroup", Resource=f"arn:aws:iam::{HERE}:group/ops"),
    statement(Action="iam:CreatePolicyVersion", Resource=f"arn:aws:iam::{HERE}:policy/app"),
    statement(Action=["iam:PutRolePolicy", "sts:AssumeRole"], Resource=f"arn:aws:iam::{HERE}:role/app"),
    statement(Action=["iam:PutRolePolicy", "sts:AssumeRole"], Resource=[f"{ROLES[0]}{number}" for number in range(99)]),
    {"Statement": {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:x": True}}}},
    statement(Action="iam:PutUserPolicy", Resource=f"arn:aws:iam::{HERE}:user/${{aws:username}}")
    | {"Version": "2012-10-17"},
)


def _trust(**parts: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": "sts:*", **parts}]}


TRUSTS = (
    *STRANGE_POLICIES,
    *(
        _trust(Principal=principal)
        for principal in (
            "*",
            {"AWS": HERE},
            {"AWS": ["210987654321", "210987654322"]},
            {"AWS": "AROAEXAMPLEID"},
            {"AWS": "arn:aws:iam::*:role/x"},
            {"Service": "lambda.amazonaws.com"},
            {"Service": "*.amazonaws.com"},
            {"Service": [f"{name}.amazonaws.com" for name in ("ec2", "ecs", "ssm", "glue", "lambda")]},
            {"CanonicalUser": "79a59df900b949e5"},
            {"Stranger": "x"},
            {"Federated": "*"},
            {"Federated": "cognito-identity.amazonaws.com"},
            {"Federated": f"arn:aws:iam::{HERE}:saml-provider/corp"},
            {"Federated": f"arn:aws:iam::{HERE}:oidc-provider/token.actions.githubusercontent.com"},
            {"Federated": "arn:aws:iam::210987654321:saml-provider/corp"},
        )
    ),
    _trust(
        Principal={"Federated": f"arn:aws:iam::{HERE}:oidc-provider/gitlab.com"},
        Condition={"StringLike": {"gitlab.com:sub": "*"}},
    ),
    _trust(NotPrincipal={"AWS": "x" * 300}),
    _trust(Principal="*", Condition={"StringEquals": {"sts:ExternalId": "x"}}),
    _trust(Principal="*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-theirs"}}),
    _trust(Principal="*", Condition={"StringEquals": {"aws:PrincipalAccount": "210987654321"}}),
    {"Statement": []},
)


def judged() -> Iterator[tuple[object, str]]:
    """Every sentence said of these policies, with the policy."""
    policies = [case["policy"] for case in TRUTH["policies"]]
    policies += [entry["document"] for entry in managed_policies().values()]
    for policy in (*policies, *STRANGE_POLICIES):
        for judgement in (
            judge_policy(policy),
            judge_principal([policy, f"arn:aws:iam::{HERE}:policy/app"], boundary=statement(Action="iam:*")),
            judge_principal([policy], boundary=_UNDER_CONDITION),
        ):
            yield from ((policy, text) for text in (judgement.reason, *judgement.notes))
        for weakening in (weakened_by_removal(policy), weakened_by_removal(policy, is_boundary=True)):
            yield from ((policy, text) for text in (weakening.reason, weakening.effect) if text)
    for policy in TRUSTS:
        for before in (None, TRUSTS[-2], policy, statement(Principal={"Service": "ec2.amazonaws.com"})):
            trust = judge_trust(policy, account=HERE, before=before, known_organizations=["o-ours"])
            yield from ((policy, text) for text in (trust.reason, trust.effect))
            yield from ((policy, one.danger) for one in trust.trusted if one.danger)


def test_every_sentence_is_said_in_japanese_but_for_what_the_policy_brought() -> None:
    for policy, text in judged():
        brought = json.dumps(policy)
        told = said(text, JAPANESE)
        assert re.search(r"[ぁ-んァ-ヶ一-龠]", told), f"{text} -> {told}"
        assert [run for run in _ENGLISH.findall(told) if run not in brought] == [], f"{text} -> {told}"


def test_every_way_is_said_in_japanese() -> None:
    for path in table().paths:
        for opening in (*path.openings, *path.openings_on_itself):
            for text in filter(None, (opening.name, opening.needs)):
                assert said(text, JAPANESE) != text, path.id


@pytest.mark.parametrize("policy", STRANGE_POLICIES, ids=str)
def test_a_judgement_says_the_same_after_it_was_kept(policy: object) -> None:
    judgement = judge_policy(policy)
    kept = pickle.loads(pickle.dumps(judgement))
    assert kept == judgement
    assert isinstance(kept.reason, Text)
    assert said(kept.reason, JAPANESE) == said(judgement.reason, JAPANESE)


def test_the_end_of_a_sentence_says_what_the_reason_says() -> None:
    trust = judge_trust(_trust(Principal={"AWS": ["210987654321", "210987654322"]}), account=HERE)
    assert f"{trust.effect}." == "it" + trust.reason.replace("Lets", " lets", 1)
    assert said(trust.effect, JAPANESE) + "。" == said(trust.reason, JAPANESE)
    weakening = weakened_by_removal(statement(Effect="Deny", Action=_MANY_ACTIONS))
    assert weakening.effect == "it denied iam:Tag*, iam:Untag*, iam:Delete* and 2 more; that protection is gone"
    assert f"{weakening.effect}." == weakening.reason.replace("It", "it", 1)
    assert said(weakening.effect, JAPANESE) + "。" == said(weakening.reason, JAPANESE)


def test_what_a_policy_says_is_never_looked_up() -> None:
    name = "attach policies to a user"
    judgement = judge_policy(statement(Action="*", Condition={"StringEquals": {"aws:PrincipalTag/x": name}}))
    assert f"= {name}" in said(judgement.reason, JAPANESE)
