"""What a deployment declares to be quiet: how it is checked, and how it reaches the function."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.alerting.digest import DIGEST_ATTRIBUTE
from handlers.alerting.suppression import Deployer, Quiet, Suppression
from handlers.wiring import declared_quiet
from infra.alert_pipeline import QUIET_FILE
from infra.alerting_stack import AlertingStack
from infra.deployment import ConfigurationError, DeclaredDeployer, DeclaredSuppression, Deployment, Problem
from infra.python_function import HOST, ROOT, asset_hash, bundle

ACCOUNT = "123456789012"
MINIMAL = f"""\
[deployment]
account = "{ACCOUNT}"
home_region = "us-east-1"
[slack]
channel = "C0123456789"
"""
SUPPRESSION: dict[str, Any] = {
    "detection": "access-key-created",
    "account": ACCOUNT,
    "reason": "keys of the old build machines are rotated",
    "owner": "alice",
    "ticket": "OPS-1",
    "created": date(2026, 11, 2),
    "expires": date(2026, 12, 31),
}
DEPLOYER: dict[str, Any] = {"role": f"arn:aws:iam::{ACCOUNT}:role/deploy", "accounts": [ACCOUNT], "owner": "bob"}


def written(name: str, values: dict[str, Any], **changes: Any) -> str:
    """One [[name]] as TOML; a value of None leaves its key out."""
    lines = [f"[[{name}]]"]
    for key, value in {**values, **changes}.items():
        if value is not None:
            lines.append(f"{key} = {value.isoformat() if isinstance(value, date) else json.dumps(value)}")
    return "\n".join(lines) + "\n"


def suppression(**changes: Any) -> str:
    return written("suppressions", SUPPRESSION, **changes)


def deployer(**changes: Any) -> str:
    return written("deployers", DEPLOYER, **changes)


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as caught:
        Deployment.parse(MINIMAL + text)
    return caught.value.problems


# What it means


def test_everything_declared_reaches_the_function_as_it_is_written() -> None:
    text = suppression(account=None, source_role=f"arn:aws:iam::{ACCOUNT}:role/rotate") + deployer()
    deployment = Deployment.parse(f'{MINIMAL}{text}[detections]\nstaging = ["password-policy-weakened"]\n')
    assert deployment.quiet == Quiet(
        suppressions=(
            Suppression(
                detection="access-key-created",
                source_role=f"arn:aws:iam::{ACCOUNT}:role/rotate",
                reason="keys of the old build machines are rotated",
                owner="alice",
                ticket="OPS-1",
                created=date(2026, 11, 2),
                expires=date(2026, 12, 31),
            ),
        ),
        deployers=(Deployer(role=f"arn:aws:iam::{ACCOUNT}:role/deploy", accounts=(ACCOUNT,), owner="bob"),),
        staging=("password-policy-weakened",),
    )


def test_nothing_is_quiet_that_nobody_declared() -> None:
    assert Deployment.parse(MINIMAL).quiet == Quiet()


def test_ninety_days_are_the_most() -> None:
    longest = Deployment.parse(MINIMAL + suppression(expires=date(2027, 1, 31)))
    assert (longest.suppressions[0].expires - longest.suppressions[0].created).days == 90
    (problem,) = problems(suppression(expires=date(2027, 2, 1)))
    assert problem.key == "suppressions[0].expires"
    assert "91 days after created" in problem.cause


# Mistakes


@pytest.mark.parametrize(
    ("text", "key", "line", "cause", "remedy"),
    [
        (suppression(detection="acces-key-created"), "detection", 7, "not the id", '"access-key-created"'),
        (suppression(detection="root-console-login"), "detection", 7, "cannot be kept quiet", "remove it"),
        (suppression(detection="trail-tampered"), "detection", 7, "cannot be kept quiet", "remove it"),
        (suppression(account="1234"), "account", 8, "not an AWS account id", "12 digits"),
        (suppression(account=None), "source_role", 6, "the whole detection", "detections.staging"),
        (suppression(principal="alice"), "principal", 14, "not the ARN", "user/alice"),
        (suppression(principal=f"arn:aws:iam::{ACCOUNT}:user/*"), "principal", 14, "names everybody", "three"),
        (suppression(principal="arn:aws:iam::*:user/alice"), "principal", 14, "account spelled out", "arn:aws:iam"),
        (suppression(principal=f"arn:aws:iam::{ACCOUNT}:role/deploy"), "principal", 14, "not the ARN", "source_role"),
        (
            suppression(principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/*/deploy"),
            "principal",
            14,
            "names everybody",
            "role",
        ),
        (suppression(source_role="arn:aws:iam::*:role/deploy"), "source_role", 14, "any account", "12 digits"),
        (suppression(source_role=f"arn:aws:iam::{ACCOUNT}:role/a/*"), "source_role", 14, "every role", "three"),
        (suppression(reason=""), "reason", 9, "not a line of text", "1 to 200"),
        (suppression(reason="\u001b[31m"), "reason", 9, "not a line of text", "printable"),
        (suppression(owner=None), "owner", 6, "is missing", 'add owner = "alice" below [[suppressions]]'),
        (suppression(ticket=12), "ticket", 11, "not a line of text", "in quotes"),
        (suppression(created="2026-11-02"), "created", 12, "not a date", "without quotes"),
        (suppression(expires=None), "expires", 6, "is missing", "add expires = 2026-12-31"),
        (suppression(expires=date(2026, 11, 1)), "expires", 13, "before created", "later"),
        (suppression(user_agent="Terraform"), "user_agent", 14, "an attacker as well", "source_role"),
        (suppression(until=date(2026, 12, 31)), "until", 14, "no such setting", "[[suppressions]] knows detection"),
    ],
)
def test_a_mistake_in_a_suppression_names_its_line_and_the_remedy(
    text: str, key: str, line: int, cause: str, remedy: str
) -> None:
    (problem,) = problems(text)
    assert problem.key == f"suppressions[0].{key}"
    assert problem.line == line
    assert cause in problem.cause
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("text", "key", "line", "cause"),
    [
        (deployer(role="deploy"), "role", 7, "not the ARN of a role"),
        (deployer(role=f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/x"), "role", 7, "not the ARN of a role"),
        (deployer(role="arn:aws:iam::*:role/*"), "role", 7, "names every role"),
        (deployer(accounts=[]), "accounts", 8, "empty"),
        (deployer(accounts=ACCOUNT), "accounts", 8, "not a list"),
        (deployer(accounts=["210987654321"]), "accounts", 8, "would never be found"),
        (deployer(accounts=None), "accounts", 6, "missing"),
        (deployer(owner="\n"), "owner", 9, "not a line of text"),
    ],
)
def test_a_mistake_in_a_deployer_names_its_line(text: str, key: str, line: int, cause: str) -> None:
    (problem,) = problems(text)
    assert (problem.key, problem.line) == (f"deployers[0].{key}", line)
    assert cause in problem.cause


def test_the_second_entry_has_lines_of_its_own() -> None:
    found = problems(suppression() + "\n" + suppression(owner="", ticket="") + deployer() + deployer(owner=3))
    assert [(problem.key, problem.line) for problem in found] == [
        ("suppressions[1].owner", 19),
        ("suppressions[1].ticket", 20),
        ("deployers[1].owner", 30),
    ]


@pytest.mark.parametrize(
    ("text", "cause"),
    [("[suppressions]\nowner = 1\n", "is written once"), ("[deployers.first]\nowner = 1\n", "is written once")],
)
def test_a_slip_in_the_brackets_is_told(text: str, cause: str) -> None:
    (problem,) = problems(text)
    assert cause in problem.cause
    assert "two brackets" in problem.remedy


@pytest.mark.parametrize(
    "ids", ['["root-activity"]', '["no-such-thing"]', '["access-key-created", "access-key-created"]']
)
def test_staging_refuses_root_strangers_and_doubles(ids: str) -> None:
    (problem,) = problems(f"[detections]\nstaging = {ids}\n")
    assert problem.key is not None
    assert problem.key.startswith("detections.staging")
    assert problem.line == 7


values = st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.dates() | st.lists(st.text(), max_size=2)
arns = st.from_regex(r"arn:aws:(iam|sts)::([0-9]{12}|\*):(user|role|assumed-role)(/[a-c*]{0,4}){0,3}", fullmatch=True)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from([*SUPPRESSION, "principal", "source_role", "x"]), values | arns)),
    st.lists(st.dictionaries(st.sampled_from([*DEPLOYER, "x"]), values | arns) | values),
)
def test_no_entry_ends_in_anything_but_a_deployment_or_an_explanation(
    suppressions: list[dict[str, Any]], deployers: list[Any]
) -> None:
    content = tomllib.loads(MINIMAL) | {
        "suppressions": [{**SUPPRESSION, **item} for item in suppressions],
        "deployers": [{**DEPLOYER, **item} if isinstance(item, dict) else item for item in deployers],
    }
    try:
        quiet = Deployment.from_mapping(content).quiet
    except ConfigurationError as error:
        assert all(problem.cause and problem.remedy for problem in error.problems)
        assert all(line.isprintable() for line in str(error).split("\n"))
    else:
        assert Quiet.from_json(quiet.to_json()) == quiet


# Endings


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 12, 23), None),
        (date(2026, 12, 25), "ends on 2026-12-31, in 6 days"),
        (date(2026, 12, 30), "ends on 2026-12-31, in 1 day:"),
        (date(2026, 12, 31), "ends today"),
        (date(2027, 1, 1), "ended on 2026-12-31"),
    ],
)
def test_an_ending_is_warned_of_a_week_before_and_afterwards(today: date, said: str | None) -> None:
    found = Deployment.parse(MINIMAL + suppression()).ending_suppressions(today)
    assert len(found) == (said is not None)
    for warning in found:
        assert said is not None
        assert said in warning
        assert "suppressions[0] (access-key-created, alice, OPS-1)" in warning


def test_an_ended_suppression_is_a_warning_of_the_deployment() -> None:
    old = suppression(created=date(2024, 1, 1), expires=date(2024, 2, 1))
    assert any("ended on 2024-02-01" in warning for warning in Deployment.parse(MINIMAL + old).warnings)


# The example


def test_the_example_explains_every_setting_of_an_entry_and_is_accepted() -> None:
    text = (ROOT / "rootwatch.example.toml").read_text(encoding="utf-8")
    for name, model in (("suppressions", DeclaredSuppression), ("deployers", DeclaredDeployer)):
        entry = re.search(rf"^# \[\[{name}\]\]\n((?:# .*\n)+)", text, re.MULTILINE)
        assert entry
        shown = entry[1].replace("\n# ", "\n").removeprefix("# ")
        assert set(tomllib.loads(shown)) == set(model.model_fields)
        Deployment.parse(f"{MINIMAL}[[{name}]]\n{shown}")


# The function


def template_of(deployment: Deployment, directory: Path, *, nag: bool = False) -> dict[str, Any]:
    """The Alerting stack; with `nag`, a cdk-nag finding that nobody accepted fails the synthesis."""
    app = App(outdir=str(directory), context={"aws:cdk:bundling-stacks": []})
    if nag:
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    AlertingStack(app, "alerting", deployment=deployment, detections=[])
    app.synth()
    template: dict[str, Any] = json.loads((directory / "alerting.template.json").read_text())
    return template


def of_type(template: dict[str, Any], type: str) -> list[tuple[str, dict[str, Any]]]:
    return [(id, item) for id, item in template["Resources"].items() if item["Type"] == type]


def function_of(deployment: Deployment, directory: Path) -> dict[str, Any]:
    """raise_alert, whichever other functions there are."""
    found = [item["Properties"] for _, item in of_type(template_of(deployment, directory), "AWS::Lambda::Function")]
    (properties,) = [item for item in found if item["FunctionName"].endswith("-raise-alert")]
    return dict(properties)


def test_the_functions_code_differs_with_what_is_declared_and_its_environment_stays_small(tmp_path: Path) -> None:
    bare = function_of(Deployment.parse(MINIMAL), tmp_path / "bare")
    many = Deployment.parse(MINIMAL + suppression() * 100)
    full = function_of(many, tmp_path / "full")
    assert full["Code"] != bare["Code"]
    variables = full["Environment"]["Variables"]
    assert variables["ROOTWATCH_QUIET_FILE"] == QUIET_FILE
    assert bare["Environment"]["Variables"]["ROOTWATCH_QUIET_FILE"] == ""
    assert len(json.dumps(variables)) < 4_096, "Lambda takes 4 KB of environment"
    assert "OPS-1" not in json.dumps(variables)


# The digest


def test_without_deployers_nothing_is_scheduled(tmp_path: Path) -> None:
    template = template_of(Deployment.parse(MINIMAL + suppression()), tmp_path)
    assert not {item["Type"] for item in template["Resources"].values()} & {"AWS::Scheduler::Schedule"}


def test_a_message_of_our_own_asks_for_the_digest_every_morning(tmp_path: Path) -> None:
    text = f'{MINIMAL}{deployer()}[display]\ntime_zone = "Asia/Tokyo"\n'
    template = template_of(Deployment.parse(text), tmp_path, nag=True)
    ((schedule_id, schedule),) = of_type(template, "AWS::Scheduler::Schedule")
    properties = schedule["Properties"]
    assert properties["ScheduleExpression"] == "cron(15 9 * * ? *)"
    assert properties["ScheduleExpressionTimezone"] == "Asia/Tokyo"
    queue, dead = (
        next(id for id, item in of_type(template, "AWS::SQS::Queue") if item["Properties"]["QueueName"] == name)
        for name in ("rootwatch-events", "rootwatch-events-dead-letters")
    )
    target = properties["Target"]
    assert target["Arn"] == "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
    separator, parts = target["Input"]["Fn::Join"]
    message = json.loads(separator.join(part if isinstance(part, str) else part["Ref"] for part in parts))
    assert message == {
        "QueueUrl": queue,
        "MessageBody": "<aws.scheduler.scheduled-time>",
        "MessageAttributes": {DIGEST_ATTRIBUTE: {"DataType": "String", "StringValue": "daily"}},
    }
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [dead, "Arn"]}}
    role_id = target["RoleArn"]["Fn::GetAtt"][0]
    (policy,) = [
        item["Properties"]["PolicyDocument"]["Statement"]
        for _, item in of_type(template, "AWS::IAM::Policy")
        if item["Properties"]["Roles"] == [{"Ref": role_id}]
    ]
    assert policy == [
        {
            "Action": "sqs:SendMessage",
            "Effect": "Allow",
            "Resource": [{"Fn::GetAtt": [queue, "Arn"]}, {"Fn::GetAtt": [dead, "Arn"]}],
        }
    ]
    (trust,) = template["Resources"][role_id]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnEquals": {"aws:SourceArn": f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group/default"},
    }
    waits = schedule["DependsOn"]
    assert role_id in waits
    assert any(id in waits for id, _ in of_type(template, "AWS::IAM::Policy")), schedule_id


def test_the_code_of_a_deployment_that_declares_nothing_is_everybodys() -> None:
    assert asset_hash(HOST) == asset_hash(HOST, files={})
    assert asset_hash(HOST) != asset_hash(HOST, files={QUIET_FILE: b"{}"})
    assert asset_hash(HOST, files={QUIET_FILE: b"{}"}) != asset_hash(HOST, files={QUIET_FILE: b"{ }"})


def test_the_function_reads_back_what_was_declared(tmp_path: Path) -> None:
    deployment = Deployment.parse(MINIMAL + suppression() + deployer())
    bundle(tmp_path, HOST, files={QUIET_FILE: deployment.quiet.to_json().encode()})
    assert declared_quiet(QUIET_FILE, bundle=tmp_path) == deployment.quiet
    assert (tmp_path / "handlers" / "raise_alert.py").exists()


def test_without_a_file_nothing_is_quiet_and_a_broken_one_is_no_answer(tmp_path: Path) -> None:
    assert declared_quiet("", bundle=tmp_path) == Quiet()
    with pytest.raises(ValueError, match="deploy again"):
        declared_quiet(QUIET_FILE, bundle=tmp_path)
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(ValueError, match=r"broken\.json"):
        declared_quiet("broken.json", bundle=tmp_path)
