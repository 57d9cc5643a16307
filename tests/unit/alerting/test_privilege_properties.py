"""What must hold for every policy: the judge never raises, does not care for spelling, and works in bounded time."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.alerting.privilege import (
    Judgement,
    TrustJudgement,
    Verdict,
    diff_documents,
    judge_policy,
    judge_principal,
    judge_trust,
    weakened_by_removal,
)
from handlers.alerting.privilege.documents import read_document
from handlers.alerting.privilege.globs import WordSet, Work
from handlers.alerting.privilege.judge import _judge

TRUTH = json.loads(Path(__file__).with_name("privilege_cases.json").read_text("utf-8"))
Policy = dict[str, Any]
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RANK = [
    Verdict.NOT_ADMINISTRATOR,
    Verdict.CAN_BECOME_ADMINISTRATOR,
    Verdict.ADMINISTRATOR_UNDER_CONDITION,
    Verdict.ADMINISTRATOR,
]

ACTIONS = st.sampled_from(
    [
        "*",
        "iam:*",
        "iam:Put*",
        "iam:AttachUserPolicy",
        "iam:AttachRolePolicy",
        "iam:CreateAccessKey",
        "iam:PassRole",
        "sts:AssumeRole",
        "lambda:CreateFunction",
        "lambda:InvokeFunction",
        "lambda:*",
        "ec2:RunInstances",
        "s3:*",
        "?am:*Role*",
        "*:*Policy",
        "iam:DeleteUserPermissionsBoundary",
        "ssm:SendCommand",
        "codebuild:*",
        "l*a:U*",
    ]
)
RESOURCES = st.sampled_from(
    [
        "*",
        "arn:aws:iam::123456789012:role/*",
        "arn:aws:iam::123456789012:user/*",
        "arn:aws:s3:::data/*",
        "arn:aws:iam::123456789012:role/app-*",
        "arn:aws:iam::123456789012:role/app",
        "arn:aws:iam::*:*",
        "arn:aws:iam::123456789012:user/${aws:username}",
        "arn:aws:lambda:*:*:function:*",
        "arn:aws:ec2:*:*:instance/*",
    ]
)
CONDITIONS = st.sampled_from(
    [
        None,
        None,
        None,
        {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        {"StringLike": {"aws:PrincipalArn": "*"}},
        {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}},
        {"StringEquals": {"iam:PassedToService": ["lambda.amazonaws.com"]}},
    ]
)


@st.composite
def statements(draw: st.DrawFn, effect: str | None = None, conditions: bool = True) -> Policy:
    statement: Policy = {"Effect": effect or draw(st.sampled_from(["Allow", "Allow", "Allow", "Deny"]))}
    negated = draw(st.sampled_from(["", "", "", "Not"]))
    statement[f"{negated}Action"] = draw(st.lists(ACTIONS, min_size=1, max_size=4))
    negated = draw(st.sampled_from(["", "", "", "", "Not"]))
    statement[f"{negated}Resource"] = draw(st.lists(RESOURCES, min_size=1, max_size=3))
    condition = draw(CONDITIONS) if conditions else None
    if condition is not None:
        statement["Condition"] = condition
    return statement


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    return {"Version": "2012-10-17", "Statement": draw(st.lists(statements(), min_size=1, max_size=4))}


WELL_FORMED: list[Policy] = [
    case["policy"]
    for case in TRUTH["policies"]
    if isinstance(case["policy"], dict)
    and case["verdict"] != "COULD_NOT_JUDGE"
    and isinstance(case["policy"].get("Statement"), list)
    and all(isinstance(statement, dict) for statement in case["policy"]["Statement"])
]
REAL_OR_MADE = st.one_of(st.sampled_from(WELL_FORMED), policies())


def outcome(judgement: Judgement) -> tuple[Verdict, frozenset[tuple[str, str, bool]]]:
    return judgement.verdict, frozenset((path.id, path.target, path.conditional) for path in judgement.paths)


def with_statements(policy: Policy, change: Callable[[list[Policy]], list[Policy]]) -> Policy:
    return {**policy, "Statement": change([dict(statement) for statement in policy["Statement"]])}


@QUICK
@given(REAL_OR_MADE, st.randoms(use_true_random=False))
def test_order_does_not_matter(policy: Policy, chance: random.Random) -> None:
    def shuffled(listed: list[Policy]) -> list[Policy]:
        for statement in listed:
            for key in ("Action", "NotAction", "Resource", "NotResource"):
                if isinstance(statement.get(key), list):
                    statement[key] = chance.sample(statement[key], len(statement[key]))
        return chance.sample(listed, len(listed))

    assert outcome(judge_policy(with_statements(policy, shuffled))) == outcome(judge_policy(policy))


@QUICK
@given(REAL_OR_MADE, st.randoms(use_true_random=False))
def test_the_case_of_actions_and_of_element_names_does_not_matter(policy: Policy, chance: random.Random) -> None:
    def recased(text: str) -> str:
        return "".join(chance.choice([character.lower(), character.upper()]) for character in text)

    def change(listed: list[Policy]) -> list[Policy]:
        for statement in listed:
            for key in ("Action", "NotAction"):
                value = statement.get(key)
                if isinstance(value, list):
                    statement[key] = [recased(action) for action in value]
                elif isinstance(value, str):
                    statement[key] = recased(value)
        return [{recased(key): value for key, value in statement.items()} for statement in listed]

    assert outcome(judge_policy(with_statements(policy, change))) == outcome(judge_policy(policy))


@QUICK
@given(REAL_OR_MADE)
def test_a_statement_may_be_split_into_one_per_action_and_resource(policy: Policy) -> None:
    def split(listed: list[Policy]) -> list[Policy]:
        result = []
        for statement in listed:
            actions, resources = statement.get("Action"), statement.get("Resource")
            for action in actions if isinstance(actions, list) else [actions]:
                for resource in resources if isinstance(resources, list) else [resources]:
                    part = dict(statement)
                    if action is not None:
                        part["Action"] = action
                    if resource is not None:
                        part["Resource"] = resource
                    result.append(part)
        return result

    whole, parts = judge_policy(policy), judge_policy(with_statements(policy, split))
    assert parts.verdict == whole.verdict
    assert {path.id for path in parts.paths} == {path.id for path in whole.paths}


@QUICK
@given(REAL_OR_MADE)
def test_one_value_and_a_list_of_one_are_the_same(policy: Policy) -> None:
    def unlisted(listed: list[Policy]) -> list[Policy]:
        for statement in listed:
            for key in ("Action", "NotAction", "Resource", "NotResource"):
                value = statement.get(key)
                if isinstance(value, list) and len(value) == 1:
                    statement[key] = value[0]
                elif isinstance(value, str):
                    statement[key] = [value]
        return listed

    changed = with_statements(policy, unlisted)
    assert outcome(judge_policy(changed)) == outcome(judge_policy(policy))
    if len(changed["Statement"]) == 1:
        single = {**changed, "Statement": changed["Statement"][0]}
        assert outcome(judge_policy(single)) == outcome(judge_policy(policy))


@QUICK
@given(REAL_OR_MADE)
def test_a_statement_that_has_nothing_to_do_with_it_changes_nothing(policy: Policy) -> None:
    more = {"Effect": "Allow", "Action": ["s3:GetObject", "logs:PutLogEvents"], "Resource": "arn:aws:s3:::data/*"}
    changed = with_statements(policy, lambda listed: [more, *listed, more])
    assert outcome(judge_policy(changed)) == outcome(judge_policy(policy))


@QUICK
@given(REAL_OR_MADE)
def test_every_encoding_of_a_document_is_judged_the_same(policy: Policy) -> None:
    text = json.dumps(policy)
    judgement = judge_policy(policy)
    for shape in (
        text,
        json.dumps(policy, indent=3),
        quote(text),
        quote(text, safe=""),
        text.encode(),
        json.dumps(text),
    ):
        assert judge_policy(shape) == judgement


@QUICK
@given(policies(), statements(effect="Allow"))
def test_allowing_more_never_makes_it_less(policy: Policy, more: Policy) -> None:
    before = judge_policy(policy).verdict
    after = judge_policy(with_statements(policy, lambda listed: [*listed, more])).verdict
    assert RANK.index(after) >= RANK.index(before)


@QUICK
@given(policies(), statements(effect="Deny"))
def test_denying_more_never_makes_it_more(policy: Policy, more: Policy) -> None:
    before = judge_policy(policy).verdict
    after = judge_policy(with_statements(policy, lambda listed: [*listed, more])).verdict
    assert RANK.index(after) <= RANK.index(before)


@QUICK
@given(policies(), policies())
def test_a_boundary_never_makes_it_more(policy: Policy, boundary: Policy) -> None:
    bound = judge_principal([policy], boundary=boundary).verdict
    assert RANK.index(bound) <= RANK.index(judge_principal([policy]).verdict)


@QUICK
@given(policies(), policies())
def test_two_policies_are_one_policy_with_both_their_statements(one: Policy, two: Policy) -> None:
    together = {"Version": "2012-10-17", "Statement": [*one["Statement"], *two["Statement"]]}
    assert outcome(judge_principal([one, two])) == outcome(judge_policy(together))


JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.binary(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                [
                    "Statement",
                    "statement",
                    "Effect",
                    "Action",
                    "NotAction",
                    "Resource",
                    "NotResource",
                    "Principal",
                    "Condition",
                    "Version",
                    "Sid",
                    "AWS",
                    "Federated",
                    "Service",
                    "StringLike",
                    "omitted",
                    "x",
                ]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=25,
)


def ask_everything(document: Any) -> None:
    judgement = judge_policy(document)
    assert isinstance(judgement, Judgement)
    assert judgement.reason
    assert isinstance(judge_trust(document, account="123456789012", before=document), TrustJudgement)
    assert diff_documents(document, document) == ""
    assert len(diff_documents(None, document, max_chars=500)) <= 500
    assert isinstance(bool(weakened_by_removal(document)), bool)
    assert judge_principal([document], boundary=document).reason
    assert judge_principal([document, document]).verdict in Verdict


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON_VALUES)
def test_nothing_makes_it_raise(document: Any) -> None:
    ask_everything(document)
    ask_everything({"Statement": document})
    ask_everything(
        {"Statement": [{"Effect": "Allow", "Action": document, "Resource": document, "Condition": document}]}
    )


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.text(), st.binary()))
def test_no_text_makes_it_raise(document: str | bytes) -> None:
    ask_everything(document)


def nested(depth: int, *, as_list: bool) -> Any:
    value: Any = "*"
    for _ in range(depth):
        value = [value] if as_list else {"Statement": value}
    return value


@pytest.mark.parametrize(
    "document",
    [
        "[" * 100_000,
        '{"Statement":' * 500 + "1" + "}" * 500,
        '{"Statement":' * 50_000,
        nested(500, as_list=True),
        nested(500, as_list=False),
        nested(20_000, as_list=True),
        {"Statement": nested(20_000, as_list=False)},
        {"Statement": [{"Effect": nested(20_000, as_list=True), "Action": "*", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Action": nested(20_000, as_list=True), "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": nested(9_000, as_list=False)}]},
        {"Statement": [{"Effect": "Allow", "Principal": nested(9_000, as_list=True), "Action": "sts:AssumeRole"}]},
        '{"Statement": NaN}',
        '{"Statement": [{"Effect": "Allow", "Action": NaN, "Resource": Infinity}]}',
        '{"Version": ' + "9" * 10_000 + "}",
        {"Statement": [{"Effect": "Allow", "Action": "\ud800", "Resource": "\udfff*"}]},
        "\ud800{",
        "%7B%ff%fe",
        "%",
        b"\xff\xfe{\x00",
        b"",
        "x" * 100_000,
        "*" * 100_000,
        {"Statement": [{"Effect": "Allow", "Action": "*" * 100_000, "Resource": "?" * 100_000}]},
        {1: 2, None: 3, ("a",): 4},
        {"Statement": {1: 2}},
        object(),
        {"Statement": [object(), set(), 1.5]},
    ],
    ids=lambda document: ascii(type(document).__name__),
)
def test_hostile_documents_are_judged_or_refused_and_never_called_harmless(document: Any) -> None:
    ask_everything(document)
    if not (isinstance(document, dict) and "Statement" in document):
        assert judge_policy(document).verdict is Verdict.COULD_NOT_JUDGE


def hostile_policies() -> list[tuple[str, Policy]]:
    chance = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    short = [f"*{chance.choice(letters)}*{chance.choice(letters)}*" for _ in range(1_200)]
    marks = ["?" * chance.randint(1, 30) + "*" + chance.choice(letters) for _ in range(500)]
    role = "arn:aws:iam::1:role/"
    roles = [f"{role}{first}{second}" for first in letters for second in letters][:350]
    writes = ["iam:PutRolePolicy", "sts:AssumeRole", "iam:PassRole", "lambda:*"]
    one = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    return [
        ("one long glob", {"Statement": [{**one, "Action": "*a" * 5_000}]}),
        ("many short globs", {"Statement": [{**one, "Action": short}]}),
        ("many question marks", {"Statement": [{**one, "Action": marks}]}),
        ("NotAction with many globs", {"Statement": [{"Effect": "Allow", "NotAction": short, "Resource": "*"}]}),
        ("NotResource with many globs", {"Statement": [{"Effect": "Allow", "Action": "*", "NotResource": short}]}),
        ("many resources", {"Statement": [{**one, "Action": writes, "Resource": roles}]}),
        (
            "hostile resources",
            {"Statement": [{**one, "Action": writes, "Resource": [f"{role}{s}" for s in short[:350]]}]},
        ),
        ("many statements", {"Statement": [{**one, "Action": action} for action in short[:200]]}),
        ("many denies", {"Statement": [one, *({**one, "Effect": "Deny", "Action": action} for action in short[:200])]}),
        (
            "many conditions",
            {
                "Statement": [
                    {**one, "Condition": {"StringLike": {"iam:PassedToService": short, "iam:PolicyARN": short}}}
                ]
            },
        ),
    ]


@pytest.mark.parametrize(
    ("name", "policy"), hostile_policies(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_work_grows_with_the_document_and_with_nothing_else(name: str, policy: Policy) -> None:
    """Counted in pattern characters read, so that a slow machine does not matter: at most thrice each, `*` included."""
    work = Work()
    size = len(json.dumps(policy))
    _judge([read_document(policy)], None, work)
    assert work.steps <= 3 * size, name
    assert size >= 8_000, name  # about as large as IAM lets an inline policy be (10,240), or larger


def slow_match(pattern: str, word: str) -> bool:
    """The textbook's table: as simple as can be, so that it can be trusted."""
    reached = {0}
    for character in pattern:
        if character == "*":
            reached = {place for start in reached for place in range(start, len(word) + 1)}
        else:
            reached = {at + 1 for at in reached if at < len(word) and (character in {"?", word[at]})}
    return len(word) in reached


@settings(max_examples=400, deadline=None)
@given(st.lists(st.text("ab:", max_size=8), min_size=1, max_size=8), st.text("ab:*?", max_size=10))
def test_matching_many_words_at_once_equals_matching_them_one_by_one(words: list[str], pattern: str) -> None:
    known = WordSet(words, ignore_case=False)
    matched = known.match(pattern, Work())
    for word in words:
        assert bool(matched & known.bit(word)) == slow_match(pattern, word), (pattern, word)
    assert matched & ~known.everything == 0
