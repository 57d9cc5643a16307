"""The judge of policies, held against a truth table and against its promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from handlers.alerting.privilege import (
    Judgement,
    PathKind,
    Verdict,
    judge_managed_policy,
    judge_policy,
    judge_principal,
)
from handlers.alerting.privilege.tables import managed_policies, table

TRUTH = json.loads(Path(__file__).with_name("privilege_cases.json").read_text("utf-8"))
CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus"
EVERYTHING = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
NOTHING_MUCH = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}


def allow(action: object, resource: object = "*", **more: object) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.mark.parametrize("case", TRUTH["policies"], ids=lambda case: case["name"])
def test_a_policy_is_judged_as_iam_documents_it(case: dict[str, Any]) -> None:
    judgement = judge_policy(case["policy"])
    assert judgement.verdict.name == case["verdict"], f"{case['why']}; judged: {judgement.reason}"
    if "path" in case:
        targets = {path.id: path.target for path in judgement.paths}
        assert case["path"] in targets, judgement.reason
        assert case.get("target", targets[case["path"]]) == targets[case["path"]]
    if "condition" in case:
        assert any(case["condition"] in condition for condition in judgement.conditions)
        assert case["condition"] in judgement.reason


@pytest.mark.parametrize("case", TRUTH["managed"], ids=lambda case: case["arn"].rpartition("/")[2])
def test_an_aws_managed_policy_is_judged_by_what_it_says(case: dict[str, str]) -> None:
    judgement = judge_managed_policy(case["arn"])
    assert judgement is not None
    assert judgement.verdict.name == case["verdict"], judgement.reason


def test_the_truth_table_is_as_broad_as_promised() -> None:
    groups = [case["group"] for case in TRUTH["policies"]]
    names = [case["name"] for case in TRUTH["policies"] if case["group"] != "path"]
    assert len(groups) >= 150
    assert groups.count("near miss") >= 20
    assert len(TRUTH["managed"]) >= 25
    assert len(set(names)) == len(names)
    assert all(case["why"] for case in TRUTH["policies"])


def test_every_path_in_the_table_is_open_to_exactly_its_own_actions() -> None:
    data = json.loads(
        Path(__file__).parents[3].joinpath("handlers/alerting/privilege/escalation_paths.json").read_text("utf-8")
    )
    for path in data["paths"]:
        if path.get("only_on_one_named_target"):
            continue
        actions = [step.partition(" @ ")[0].partition("|")[0] for step in path["steps"]]
        actions += ["iam:PassRole"] if "passes_to" in path else []
        assert path["id"] in {one.id for one in judge_policy(allow(actions)).paths}, path["id"]
        for missing in actions:
            left = [action for action in actions if action != missing]
            open_still = {one.id for one in judge_policy(allow(left)).paths} if left else set()
            assert path["id"] not in open_still, f"{path['id']} does not need {missing}"
        assert path["sources"], path["id"]


def test_a_path_to_a_named_role_says_which() -> None:
    policy = allow(["iam:AttachRolePolicy", "sts:AssumeRole"], "arn:aws:iam::123456789012:role/app-*")
    judgement = judge_policy(policy)
    assert [(path.id, path.target) for path in judgement.paths] == [("write-role-and-use-it", "role/app-*")]
    assert judgement.is_direct
    assert "role/app-*" in judgement.reason


def test_what_was_limited_to_a_named_role_is_said_and_not_counted() -> None:
    policy = allow(["iam:PassRole"], "arn:aws:iam::123456789012:role/app")
    judgement = judge_policy(policy)
    assert judgement.verdict is Verdict.NOT_ADMINISTRATOR
    assert judgement.notes == ("It may pass role/app; if one of those is an administrator, this can become one.",)
    assert judgement.notes[0] in judgement.reason


@pytest.mark.parametrize(
    ("action", "resource", "said"),
    [
        ("sts:AssumeRole", "role/deploy", "It may assume role/deploy"),
        ("iam:AddUserToGroup", "group/staff", "It may join group/staff"),
        ("iam:PutGroupPolicy", "group/staff", "It may write permissions of group/staff"),
        ("iam:CreatePolicyVersion", "policy/app", "It may rewrite policy/app"),
        ("iam:CreateAccessKey", "user/bob", "It may make credentials for user/bob"),
        ("iam:UpdateAssumeRolePolicy", "role/app", "It may decide who may assume role/app"),
    ],
)
def test_whatever_is_limited_to_named_targets_is_said(action: str, resource: str, said: str) -> None:
    judgement = judge_policy(allow(action, f"arn:aws:iam::123456789012:{resource}"))
    assert judgement.verdict is Verdict.NOT_ADMINISTRATOR
    assert said in judgement.reason


def test_a_bucket_is_not_mentioned_among_roles_that_may_be_passed() -> None:
    judgement = judge_policy(allow("*", ["arn:aws:s3:::data/*", "arn:aws:iam::123456789012:role/app"]))
    assert judgement.verdict is Verdict.CAN_BECOME_ADMINISTRATOR  # one role it may write and assume
    assert {path.target for path in judgement.paths} == {"role/app"}
    only_bucket = judge_policy(allow("*", "arn:aws:s3:::data/*"))
    assert only_bucket.verdict is Verdict.NOT_ADMINISTRATOR
    assert only_bucket.notes == ()


@pytest.mark.parametrize("variable", ["${aws:username}", "${AWS:UserName}", "${aws:username, 'nobody'}"])
def test_the_caller_is_recognised_however_the_variable_is_written(variable: str) -> None:
    judgement = judge_policy(allow("iam:PutUserPolicy", f"arn:aws:iam::123456789012:user/{variable}"))
    assert [(path.id, path.target) for path in judgement.paths] == [("put-user-policy", "itself")]


def test_a_variable_that_only_begins_alike_is_not_the_caller() -> None:
    judgement = judge_policy(allow("iam:PutUserPolicy", "arn:aws:iam::123456789012:user/${aws:usernamespace}"))
    assert judgement.verdict is Verdict.NOT_ADMINISTRATOR


def test_only_what_was_looked_at_and_found_harmless_deserves_no_attention() -> None:
    assert [verdict for verdict in Verdict if not verdict.deserves_attention] == [Verdict.NOT_ADMINISTRATOR]


def test_a_role_that_may_be_passed_to_one_service_only_is_said() -> None:
    condition = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    judgement = judge_policy(allow("iam:PassRole", Condition=condition))
    assert judgement.verdict is Verdict.NOT_ADMINISTRATOR
    assert "ec2.amazonaws.com" in judgement.reason


def test_a_condition_that_restrains_nobody_is_named_in_a_note() -> None:
    condition = {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}
    judgement = judge_policy(allow("*", Condition=condition))
    assert judgement.verdict is Verdict.ADMINISTRATOR
    assert judgement.conditions == ()
    assert any("0.0.0.0/0" in note for note in judgement.notes)


def test_a_deny_under_a_condition_is_named_in_a_note() -> None:
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    judgement = judge_policy({"Statement": [EVERYTHING["Statement"], deny]})
    assert judgement.verdict is Verdict.ADMINISTRATOR
    assert any("aws:SecureTransport" in note for note in judgement.notes)


def test_the_deciding_statement_is_named_by_place_and_sid() -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Logs", "Effect": "Allow", "Action": "logs:*", "Resource": "*"},
            {"Sid": "Oops", "Effect": "Allow", "Action": "iam:*", "Resource": "*"},
        ],
    }
    (deciding,) = judge_policy(policy).statements
    assert (deciding.index, deciding.sid) == (1, "Oops")
    assert json.loads(deciding.text)["Action"] == ["iam:*"]


def test_what_needs_something_else_to_exist_says_what() -> None:
    judgement = judge_policy(allow("ssm:SendCommand"))
    assert not judgement.is_direct
    assert judgement.paths[0].kind is PathKind.EXISTING
    assert "an EC2 instance with a privileged role" in judgement.reason


def test_every_reason_can_be_built_again_from_its_code_and_parameters() -> None:
    for case in TRUTH["policies"]:
        judgement = judge_policy(case["policy"])
        assert judgement.code
        assert judgement.code == judgement.code.lower()
        assert all(isinstance(value, str) for value in judgement.parameters.values())
        if judgement.verdict is Verdict.CAN_BECOME_ADMINISTRATOR:
            assert judgement.parameters["path"] == judgement.paths[0].id


def test_a_reason_is_one_line_whatever_the_policy_quotes() -> None:
    hostile = "\u202egnp.exe\n*bold* <!channel> \ud800 \x00 " + "x" * 5000
    condition = {"StringEquals": {hostile: [hostile]}}
    judgement = judge_policy(allow("*", Condition=condition, Sid=hostile))
    assert judgement.verdict is Verdict.ADMINISTRATOR_UNDER_CONDITION
    texts = [judgement.reason, *judgement.conditions, *judgement.notes, judgement.statements[0].sid]
    for text in [*texts, judgement.statements[0].text]:
        assert text.isprintable()
        assert len(text) < 1500
        text.encode("utf-8")


class TestOfAPrincipal:
    def test_two_harmless_policies_can_add_up_to_administrator(self) -> None:
        users = allow("iam:AttachUserPolicy")
        roles = allow("iam:AttachRolePolicy")
        assert judge_policy(users).verdict is Verdict.CAN_BECOME_ADMINISTRATOR
        judgement = judge_principal([users, roles])
        assert judgement.verdict is Verdict.ADMINISTRATOR
        assert {statement.document for statement in judgement.statements} == {0, 1}

    def test_a_path_may_lie_in_two_policies(self) -> None:
        parts = [allow("iam:PassRole"), allow(["lambda:CreateFunction", "lambda:InvokeFunction"])]
        assert [judge_policy(part).verdict for part in parts] == [Verdict.NOT_ADMINISTRATOR] * 2
        assert [path.id for path in judge_principal(parts).paths] == ["pass-role-lambda"]

    def test_power_user_and_iam_together_are_administrator(self) -> None:
        arns = ["arn:aws:iam::aws:policy/PowerUserAccess", "arn:aws:iam::aws:policy/IAMFullAccess"]
        judgement = judge_principal(arns)
        assert judgement.verdict is Verdict.ADMINISTRATOR
        assert "almost every action" in judgement.reason

    def test_a_deny_in_one_policy_counts_against_all(self) -> None:
        deny = {"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
        assert judge_principal([EVERYTHING, deny]).verdict is Verdict.NOT_ADMINISTRATOR

    def test_nobody_without_policies_is_administrator(self) -> None:
        assert judge_principal([]).verdict is Verdict.NOT_ADMINISTRATOR

    def test_a_managed_policy_that_is_not_shipped_cannot_be_judged(self) -> None:
        judgement = judge_principal([NOTHING_MUCH, "arn:aws:iam::123456789012:policy/app"])
        assert judgement.verdict is Verdict.COULD_NOT_JUDGE
        assert "arn:aws:iam::123456789012:policy/app" in judgement.reason

    def test_administrator_stays_administrator_beside_a_policy_that_cannot_be_read(self) -> None:
        assert judge_principal([EVERYTHING, "{"]).verdict is Verdict.ADMINISTRATOR

    def test_a_boundary_caps_what_policies_allow(self) -> None:
        assert judge_principal([EVERYTHING], boundary=NOTHING_MUCH).verdict is Verdict.NOT_ADMINISTRATOR

    def test_a_boundary_that_allows_everything_caps_nothing(self) -> None:
        assert judge_principal([EVERYTHING], boundary=EVERYTHING).verdict is Verdict.ADMINISTRATOR

    def test_a_boundary_alone_allows_nothing(self) -> None:
        assert judge_principal([NOTHING_MUCH], boundary=EVERYTHING).verdict is Verdict.NOT_ADMINISTRATOR

    def test_under_a_boundary_permissions_for_itself_stay_capped(self) -> None:
        own = allow("iam:*", "arn:aws:iam::123456789012:user/${aws:username}")
        boundary = allow(["iam:AttachUserPolicy", "iam:PutUserPolicy", "s3:*"])
        assert judge_policy(own).verdict is Verdict.CAN_BECOME_ADMINISTRATOR
        assert judge_principal([own], boundary=boundary).verdict is Verdict.NOT_ADMINISTRATOR

    def test_a_boundary_it_may_lift_is_no_boundary(self) -> None:
        assert judge_principal([EVERYTHING], boundary=allow("iam:*")).verdict is Verdict.ADMINISTRATOR

    def test_a_boundary_it_may_not_lift_leaves_the_way_through_others(self) -> None:
        boundary = allow(["iam:Attach*", "iam:CreateAccessKey"])
        judgement = judge_principal([EVERYTHING], boundary=boundary)
        assert judgement.verdict is Verdict.CAN_BECOME_ADMINISTRATOR
        assert "create-access-key" in {path.id for path in judgement.paths}

    def test_a_boundary_under_a_condition_is_a_condition(self) -> None:
        boundary = allow("*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})
        judgement = judge_principal([EVERYTHING], boundary=boundary)
        assert judgement.verdict is Verdict.ADMINISTRATOR_UNDER_CONDITION
        assert "aws:MultiFactorAuthPresent" in judgement.reason
        assert -1 in {statement.document for statement in judgement.statements}

    def test_a_boundary_may_be_an_aws_managed_policy(self) -> None:
        boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess"
        assert judge_principal([EVERYTHING], boundary=boundary).verdict is Verdict.NOT_ADMINISTRATOR

    def test_a_boundary_that_cannot_be_read_leaves_only_harmless_policies_judged(self) -> None:
        assert judge_principal([EVERYTHING], boundary="{").verdict is Verdict.COULD_NOT_JUDGE
        assert judge_principal([NOTHING_MUCH], boundary="{").verdict is Verdict.NOT_ADMINISTRATOR


class TestOfManagedPolicies:
    @pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-eusc"])
    def test_a_managed_policy_is_known_in_every_partition(self, partition: str) -> None:
        judgement = judge_managed_policy(f"arn:{partition}:iam::aws:policy/AdministratorAccess")
        assert judgement is not None
        assert judgement.verdict is Verdict.ADMINISTRATOR

    @pytest.mark.parametrize(
        "arn",
        [
            "arn:aws:iam::123456789012:policy/AdministratorAccess",
            "arn:aws:iam::aws:policy/AdministratorAccess2",
            "arn:aws:iam::aws:role/AdministratorAccess",
            "arn:evil:iam::aws:policy/AdministratorAccess",
            "AdministratorAccess",
            "",
            "arn:aws:iam::aws:policy/" + "A" * 10_000,
        ],
    )
    def test_a_policy_of_the_same_name_elsewhere_is_not_taken_for_it(self, arn: str) -> None:
        assert judge_managed_policy(arn) is None

    def test_every_shipped_document_can_be_judged_and_says_since_when_it_is_true(self) -> None:
        assert len(managed_policies()) >= 60
        for name, entry in managed_policies().items():
            judgement = judge_policy(entry["document"])
            assert judgement.verdict is not Verdict.COULD_NOT_JUDGE, name
            assert entry["version"].startswith("v")
            assert "2015-01-01" < entry["changed"] < "2100"

    def test_a_shipped_document_can_be_judged_from_any_shape(self) -> None:
        document = managed_policies()["policy/poweruseraccess"]["document"]
        text = json.dumps(document)
        shapes: list[object] = [document, text, quote(text), text.encode(), bytearray(text.encode()), json.dumps(text)]
        judgements: list[Judgement] = [judge_policy(shape) for shape in shapes]
        assert all(judgement == judgements[0] for judgement in judgements)


def test_the_same_document_padded_with_blanks_is_judged_the_same() -> None:
    text = json.dumps(EVERYTHING)
    padded = text.replace("{", "{" + " \n" * 25_000)
    assert len(padded) > 100_000
    assert judge_policy(padded) == judge_policy(text)


def test_more_than_iam_accepts_is_not_judged() -> None:
    judgement = judge_policy(json.dumps(EVERYTHING) + " " * 140_000)
    assert judgement.verdict is Verdict.ADMINISTRATOR  # blanks at the ends are not part of the document
    inside = json.dumps(NOTHING_MUCH).replace("{", "{" + " " * 140_000, 1)
    assert judge_policy(inside).code == "could-not-judge-too-large"
    assert judge_policy(allow(["s3:" + "x" * 140_000])).code == "could-not-judge-too-large"


def test_more_named_targets_than_can_be_compared_is_said() -> None:
    roles = [f"arn:aws:iam::123456789012:role/app-{number}" for number in range(200)]
    judgement = judge_policy(allow(["iam:PutRolePolicy", "iam:PassRole"], roles))
    assert judgement.verdict is Verdict.COULD_NOT_JUDGE
    assert "200 named users and roles" in judgement.reason


def test_the_table_holds_the_actions_of_every_path_and_no_more_words_than_needed() -> None:
    facts = table()
    assert 100 <= facts.actions.everything.bit_count() <= 400
    assert len({path.id for path in facts.paths}) == len(facts.paths) >= 60


@pytest.mark.skipif(not (CORPUS / "labelled.jsonl").exists(), reason="the corpus of real events is not here")
def test_policies_in_real_events_are_judged_or_said_to_be_unreadable() -> None:
    seen = 0
    for line in (CORPUS / "labelled.jsonl").read_text("utf-8").splitlines():
        event = json.loads(line)["event"]
        parameters = event.get("requestParameters")
        document = parameters.get("policyDocument") if isinstance(parameters, dict) else None
        if document is None:
            continue
        seen += 1
        judgement = judge_policy(document)
        if event["eventName"] == "PutUserPolicy":
            assert judgement.verdict is not Verdict.COULD_NOT_JUDGE, judgement.reason
        if event["eventName"] == "UpdateAssumeRolePolicy":  # a trust policy is no identity's policy
            assert judgement.verdict is Verdict.COULD_NOT_JUDGE
    assert seen > 0
