"""Who may assume a role: trust policies, from ordinary to open to the world."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from handlers.alerting.privilege import TrustedKind, TrustJudgement, TrustVerdict, judge_trust

HERE = "123456789012"
PARTNER = "111122223333"
STRANGER = "444455556666"
GITHUB = f"arn:aws:iam::{HERE}:oidc-provider/token.actions.githubusercontent.com"
SUBJECT = "token.actions.githubusercontent.com:sub"
AUDIENCE = {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}


def trust(principal: object, condition: object = None, action: object = "sts:AssumeRole") -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    if condition is not None:
        statement["Condition"] = condition
    return {"Version": "2012-10-17", "Statement": [statement]}


def github(condition: object) -> dict[str, Any]:
    return trust({"Federated": GITHUB}, condition, "sts:AssumeRoleWithWebIdentity")


def judge(document: object, before: object = None) -> TrustJudgement:
    return judge_trust(document, account=HERE, before=before, known_accounts={PARTNER})


ORDINARY = {
    "an AWS service": trust({"Service": "ec2.amazonaws.com"}),
    "two services": trust({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}),
    "this account": trust({"AWS": HERE}),
    "this account by its root ARN": trust({"AWS": f"arn:aws:iam::{HERE}:root"}),
    "a role of this account": trust({"AWS": f"arn:aws:iam::{HERE}:role/deploy"}),
    "an account number written as a number": trust({"AWS": int(HERE)}),
    "a known account": trust({"AWS": f"arn:aws:iam::{PARTNER}:root"}),
    "a deleted role": trust({"AWS": "AROAEXAMPLEEXAMPLE123"}),
    "anyone of the organization": trust("*", {"StringEquals": {"aws:PrincipalOrgID": "o-example"}}),
    "anyone, but only one role": trust(
        {"AWS": "*"}, {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{HERE}:role/x"}}
    ),
    "one repository": github({"StringEquals": {SUBJECT: "repo:alice/app:ref:refs/heads/main", **AUDIENCE}}),
    "all repositories of one owner": github({"StringLike": {SUBJECT: "repo:alice/*"}}),
    "a subject that begins with its owner": github({"StringLike": {SUBJECT: "repository_owner:alice:*"}}),
    "anyone of a known account": trust("*", {"StringEquals": {"aws:PrincipalAccount": PARTNER}}),
    "one repository owner": github({"StringEquals": {"token.actions.githubusercontent.com:repository_owner": "alice"}}),
    "one service account of a cluster": trust(
        {"Federated": f"arn:aws:iam::{HERE}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC"},
        {"StringEquals": {"oidc.eks.eu-west-1.amazonaws.com/id/ABC:sub": "system:serviceaccount:app:web"}},
        "sts:AssumeRoleWithWebIdentity",
    ),
    "an identity pool": trust(
        {"Federated": "cognito-identity.amazonaws.com"},
        {
            "StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:00000000-0000-0000-0000-000000000000"},
            "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"},
        },
        "sts:AssumeRoleWithWebIdentity",
    ),
    "SAML with its audience": trust(
        {"Federated": f"arn:aws:iam::{HERE}:saml-provider/corp"},
        {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
        "sts:AssumeRoleWithSAML",
    ),
    "everybody, but denied again": {
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
            {"Effect": "Deny", "Principal": "*", "Action": "sts:*"},
        ]
    },
    "a stranger that is denied again": {
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": [HERE, STRANGER]}, "Action": "sts:AssumeRole"},
            {"Effect": "Deny", "Principal": {"AWS": STRANGER}, "Action": "sts:AssumeRole"},
        ]
    },
    "tagging only": trust("*", action="sts:TagSession"),
    "nobody": {"Version": "2012-10-17", "Statement": []},
}

DANGEROUS = {
    "the whole world": (trust("*"), TrustedKind.ANYONE),
    "the whole world by AWS": (trust({"AWS": "*"}), TrustedKind.ANYONE),
    "the whole world in a list": (trust({"AWS": [HERE, "*"]}), TrustedKind.ANYONE),
    "the whole world by any action": (trust("*", action="*"), TrustedKind.ANYONE),
    "the whole world by NotAction": (
        {"Statement": {"Effect": "Allow", "Principal": "*", "NotAction": "s3:*"}},
        TrustedKind.ANYONE,
    ),
    "the whole world with an external id": (
        trust("*", {"StringEquals": {"sts:ExternalId": "1234"}}),
        TrustedKind.ANYONE,
    ),
    "the whole world under talk": (trust("*", {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}), TrustedKind.ANYONE),
    "the whole world but an organization": (
        trust("*", {"StringNotEquals": {"aws:PrincipalOrgID": "o-example"}}),
        TrustedKind.ANYONE,
    ),
    "the organization, if the key exists": (
        trust("*", {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-example"}}),
        TrustedKind.ANYONE,
    ),
    "any organization": (trust("*", {"StringLike": {"aws:PrincipalOrgID": "*"}}), TrustedKind.ANYONE),
    "everybody but one": (
        {"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": HERE}, "Action": "sts:AssumeRole"}},
        TrustedKind.ANYONE,
    ),
    "a Deny that may not apply": (
        {
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sts:AssumeRole",
                    "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}},
                },
            ]
        },
        TrustedKind.ANYONE,
    ),
    "a stranger's account": (trust({"AWS": STRANGER}), TrustedKind.OTHER_ACCOUNT),
    "a stranger's role": (trust({"AWS": f"arn:aws:iam::{STRANGER}:role/x"}), TrustedKind.OTHER_ACCOUNT),
    "a stranger with an external id": (
        trust({"AWS": STRANGER}, {"StringEquals": {"sts:ExternalId": "1234"}}),
        TrustedKind.OTHER_ACCOUNT,
    ),
    "any service": (trust({"Service": "*"}), TrustedKind.SERVICE),
    "a canonical user": (trust({"CanonicalUser": "79a59d"}), TrustedKind.CANONICAL_USER),
    "something unknown": (trust({"AWS": "somebody"}), TrustedKind.UNKNOWN),
    "an unknown kind": (trust({"Martian": "x"}), TrustedKind.UNKNOWN),
    "every GitHub workflow": (github({"StringEquals": AUDIENCE}), TrustedKind.WEB_IDENTITY),
    "every GitHub workflow by star": (github({"StringLike": {SUBJECT: "*"}}), TrustedKind.WEB_IDENTITY),
    "every repository": (github({"StringLike": {SUBJECT: "repo:*"}}), TrustedKind.WEB_IDENTITY),
    "every owner with a prefix": (github({"StringLike": {SUBJECT: "repo:ali*/app:*"}}), TrustedKind.WEB_IDENTITY),
    "every repository of that name": (github({"StringLike": {SUBJECT: "repo:*/app:*"}}), TrustedKind.WEB_IDENTITY),
    "one good subject and one for all": (
        github({"StringLike": {SUBJECT: ["repo:alice/app:*", "repo:*"]}}),
        TrustedKind.WEB_IDENTITY,
    ),
    "a subject if it exists": (
        github({"StringEqualsIfExists": {SUBJECT: "repo:alice/app:ref:refs/heads/main"}}),
        TrustedKind.WEB_IDENTITY,
    ),
    "a subject for all values": (
        github({"ForAllValues:StringEquals": {SUBJECT: "repo:alice/app:ref:refs/heads/main"}}),
        TrustedKind.WEB_IDENTITY,
    ),
    "the subject of another provider": (
        github({"StringEquals": {"gitlab.com:sub": "project_path:alice/app:ref:main"}}),
        TrustedKind.WEB_IDENTITY,
    ),
    "guests of an identity pool": (
        trust(
            {"Federated": "cognito-identity.amazonaws.com"},
            {
                "StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:x"},
                "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "unauthenticated"},
            },
            "sts:AssumeRoleWithWebIdentity",
        ),
        TrustedKind.WEB_IDENTITY,
    ),
    "an identity pool that does not ask for a sign-in": (
        trust(
            {"Federated": "cognito-identity.amazonaws.com"},
            {"StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:x"}},
            "sts:AssumeRoleWithWebIdentity",
        ),
        TrustedKind.WEB_IDENTITY,
    ),
    "a role of that name in any account": (
        trust("*", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/deploy"}}),
        TrustedKind.ANYONE,
    ),
    "anyone of a stranger's account": (
        trust("*", {"StringEquals": {"aws:PrincipalAccount": [HERE, STRANGER]}}),
        TrustedKind.ANYONE,
    ),
    "every user of an identity pool's service": (
        trust({"Federated": "cognito-identity.amazonaws.com"}, action="sts:AssumeRoleWithWebIdentity"),
        TrustedKind.WEB_IDENTITY,
    ),
    "a stranger's identity provider": (
        trust({"Federated": f"arn:aws:iam::{STRANGER}:saml-provider/x"}, action="sts:AssumeRoleWithSAML"),
        TrustedKind.SAML,
    ),
    "SAML without audience": (
        trust({"Federated": f"arn:aws:iam::{HERE}:saml-provider/corp"}, action="sts:AssumeRoleWithSAML"),
        TrustedKind.SAML,
    ),
    "one dangerous principal among ordinary ones": (
        trust({"Service": "ec2.amazonaws.com", "AWS": [HERE, STRANGER]}),
        TrustedKind.OTHER_ACCOUNT,
    ),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_expected_callers_are_ordinary(name: str) -> None:
    judgement = judge(ORDINARY[name])
    assert judgement.verdict is TrustVerdict.ORDINARY, judgement.reason
    assert not judgement.is_dangerous
    assert judgement.reason.endswith(".")


@pytest.mark.parametrize("name", DANGEROUS)
def test_unexpected_callers_are_dangerous_and_the_reason_names_them(name: str) -> None:
    document, kind = DANGEROUS[name]
    judgement = judge(document)
    assert judgement.verdict is TrustVerdict.DANGEROUS, judgement.reason
    (first, *_) = [one for one in judgement.trusted if one.is_dangerous]
    assert first.kind is kind
    assert first.danger in judgement.reason


@pytest.mark.parametrize(
    "document",
    [None, "", "{", {"omitted": True}, {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}, 5, trust(7)],
)
def test_what_cannot_be_read_is_not_called_ordinary(document: object) -> None:
    judgement = judge(document)
    assert judgement.verdict is TrustVerdict.COULD_NOT_JUDGE
    assert judgement.reason.startswith("Could not judge")


def test_every_shape_is_judged_the_same() -> None:
    document = trust({"AWS": STRANGER})
    text = json.dumps(document)
    assert judge(text) == judge(quote(text)) == judge(text.encode()) == judge(document)


def test_a_known_account_is_known_only_when_it_is_named() -> None:
    document = trust({"AWS": PARTNER})
    assert judge_trust(document, account=HERE, known_accounts=[PARTNER]).verdict is TrustVerdict.ORDINARY
    judgement = judge_trust(document, account=HERE)
    assert judgement.verdict is TrustVerdict.DANGEROUS
    assert PARTNER in judgement.reason


def test_an_organization_is_taken_for_ours_until_ours_is_known() -> None:
    document = trust("*", {"StringEquals": {"aws:PrincipalOrgID": "o-example"}})
    assert judge_trust(document, account=HERE).verdict is TrustVerdict.ORDINARY
    assert "o-example" in judge_trust(document, account=HERE).reason
    assert judge_trust(document, account=HERE, known_organizations=["o-example"]).verdict is TrustVerdict.ORDINARY
    judgement = judge_trust(document, account=HERE, known_organizations=["o-ours"])
    assert judgement.verdict is TrustVerdict.DANGEROUS
    assert "organization o-example is not one of the known ones" in judgement.reason


class TestAgainstThePolicyBefore:
    def test_without_a_policy_before_nothing_is_said_of_wider(self) -> None:
        assert judge(trust({"AWS": HERE})).wider is None

    def test_a_policy_before_that_cannot_be_read_is_not_compared(self) -> None:
        assert judge(trust({"AWS": HERE}), before="{").wider is None

    def test_the_same_policy_in_another_order_is_not_wider(self) -> None:
        before = trust({"AWS": [HERE, PARTNER]})
        judgement = judge(trust({"AWS": [PARTNER, HERE]}), before=before)
        assert judgement.wider is False
        assert "no more than before" in judgement.reason

    def test_another_principal_is_wider_and_named(self) -> None:
        before = trust({"Service": "ec2.amazonaws.com"})
        judgement = judge(trust({"Service": "ec2.amazonaws.com", "AWS": PARTNER}), before=before)
        assert judgement.wider is True
        assert [one.name for one in judgement.added] == [PARTNER]
        assert PARTNER in judgement.reason

    def test_a_role_of_an_account_that_was_trusted_whole_is_not_wider(self) -> None:
        before = trust({"AWS": f"arn:aws:iam::{PARTNER}:root"})
        assert judge(trust({"AWS": f"arn:aws:iam::{PARTNER}:role/x"}), before=before).wider is False

    def test_the_whole_account_of_a_role_is_wider(self) -> None:
        before = trust({"AWS": f"arn:aws:iam::{PARTNER}:role/x"})
        assert judge(trust({"AWS": f"arn:aws:iam::{PARTNER}:root"}), before=before).wider is True

    def test_dropping_a_condition_is_wider(self) -> None:
        before = trust({"AWS": PARTNER}, {"StringEquals": {"sts:ExternalId": "1"}})
        assert judge(trust({"AWS": PARTNER}), before=before).wider is True

    def test_adding_a_condition_is_not_wider(self) -> None:
        after = trust({"AWS": PARTNER}, {"StringEquals": {"sts:ExternalId": "1"}})
        assert judge(after, before=trust({"AWS": PARTNER})).wider is False

    def test_one_more_subject_is_wider_and_one_fewer_is_not(self) -> None:
        one = github({"StringEquals": {SUBJECT: ["repo:alice/a:ref:refs/heads/main"]}})
        two = github(
            {"StringEquals": {SUBJECT: ["repo:alice/a:ref:refs/heads/main", "repo:alice/b:ref:refs/heads/main"]}}
        )
        assert judge(two, before=one).wider is True
        assert judge(one, before=two).wider is False

    def test_excepting_fewer_is_wider(self) -> None:
        few = trust({"AWS": HERE}, {"StringNotEquals": {"aws:PrincipalTag/team": ["a"]}})
        many = trust({"AWS": HERE}, {"StringNotEquals": {"aws:PrincipalTag/team": ["a", "b"]}})
        assert judge(few, before=many).wider is True
        assert judge(many, before=few).wider is False

    def test_what_was_dangerous_before_and_still_is_stays_dangerous(self) -> None:
        judgement = judge(trust({"AWS": STRANGER}), before=trust({"AWS": STRANGER}))
        assert judgement.is_dangerous
        assert judgement.wider is False

    def test_a_service_is_not_covered_by_a_world_that_was_open(self) -> None:
        assert judge(trust({"Service": "ec2.amazonaws.com"}), before=trust("*")).wider is True
        assert judge(trust({"AWS": PARTNER}), before=trust("*")).wider is False
