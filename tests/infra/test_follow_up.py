"""Alarms, destinations and routes: what is configured, and what the template promises about their rights."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from handlers import follow_up, wiring
from handlers.alerting.reminding import Reminding
from handlers.alerting.routing import Routing
from handlers.alerting.severity import Severity
from handlers.alerting.telling import Telling
from handlers.settings import AlertSettings, SettingsError
from infra.alerting_stack import AlertingStack
from infra.deployment import Deployment
from infra.destinations import TELLING_FILE, telling_files, telling_of
from tests.infra.test_deployment import MINIMAL, only_problem
from tests.unit.adapters.samples import alert

Resource = dict[str, Any]
ACCOUNT = "123456789012"

EVERYTHING = (
    MINIMAL
    + """\
[accounts]
"210987654321" = "shop"
[destinations.platform]
type = "slack"
channel = "C9876543210"
language = "ja"
[destinations.managers]
type = "email"
addresses = ["alice@example.com", "bob@example.com"]
[destinations.soc]
type = "webhook"
url = "https://alerts.example.com/rootwatch"
[destinations.pager]
type = "pagerduty"
region = "eu"
[destinations.ms]
type = "teams"
[[routes]]
to = ["slack", "email", "pager"]
at_least = "CRITICAL"
[[routes]]
to = ["platform", "ms"]
severities = ["HIGH"]
detections = ["root-console-login"]
packs = ["cis"]
accounts = ["210987654321", "123456789012"]
[[routes]]
to = ["managers", "soc"]
detections = ["trail-tampered"]
[reminders]
enabled = true
daily_line = true
on_call = "S0123456789"
also = ["pager"]
critical = { every_minutes = 10 }
medium = { most = 2 }
[working_hours]
days = ["Mon", "Tue"]
starts = "08:30"
ends = "18:00"
"""
)


@pytest.fixture(scope="module")
def of() -> Deployment:
    return Deployment.parse(EVERYTHING)


@pytest.fixture(scope="module")
def path(of: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stack's template; synthesis fails on a finding of cdk-nag that nobody accepted."""
    directory = tmp_path_factory.mktemp("out")
    app = App(outdir=str(directory), context={"aws:cdk:bundling-stacks": []})
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    AlertingStack(app, "alerting", deployment=of, detections=[])
    app.synth()
    return directory / "alerting.template.json"


@pytest.fixture(scope="module")
def template(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def of_type(template: Mapping[str, Any], type: str) -> dict[str, Resource]:
    return {key: item["Properties"] for key, item in template["Resources"].items() if item["Type"] == type}


def id_of(template: Mapping[str, Any], type: str, key: str, value: str) -> str:
    (found,) = [id for id, item in of_type(template, type).items() if item.get(key) == value]
    return found


def statements_of(template: Mapping[str, Any], role_name: str) -> Iterator[tuple[str, list[Any], Any]]:
    """(action, resources, condition) of everything a role may do."""
    role = id_of(template, "AWS::IAM::Role", "RoleName", role_name)
    for policy in of_type(template, "AWS::IAM::Policy").values():
        if policy["Roles"] != [{"Ref": role}]:
            continue
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            actions, resources = statement["Action"], statement["Resource"]
            for action in actions if isinstance(actions, list) else [actions]:
                yield (
                    action,
                    resources if isinstance(resources, list) else [resources],
                    statement.get("Condition"),
                )


# Alarms


def test_the_scheduler_may_call_one_function_and_only_for_alarms_of_our_group(template: dict[str, Any]) -> None:
    role = of_type(template, "AWS::IAM::Role")[id_of(template, "AWS::IAM::Role", "RoleName", "rootwatch-alarms")]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnEquals": {"aws:SourceArn": f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group/rootwatch-follow-up"},
    }
    function = id_of(template, "AWS::Lambda::Function", "FunctionName", "rootwatch-follow-up")
    dead = id_of(template, "AWS::SQS::Queue", "QueueName", "rootwatch-events-dead-letters")
    assert list(statements_of(template, "rootwatch-alarms")) == [
        ("lambda:InvokeFunction", [{"Fn::GetAtt": [function, "Arn"]}], None),
        ("sqs:SendMessage", [{"Fn::GetAtt": [dead, "Arn"]}], None),
    ]


@pytest.mark.parametrize("function", ["raise-alert", "follow-up"])
def test_a_function_sets_alarms_in_our_group_and_hands_one_role_to_the_scheduler_alone(
    template: dict[str, Any], function: str
) -> None:
    found = {action: (resources, when) for action, resources, when in statements_of(template, f"rootwatch-{function}")}
    alarms = [f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/rootwatch-follow-up/*"]
    assert found["scheduler:CreateSchedule"] == found["scheduler:DeleteSchedule"] == (alarms, None)
    assert found["iam:PassRole"] == (
        [f"arn:aws:iam::{ACCOUNT}:role/rootwatch-alarms"],
        {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
    )


def test_follow_up_has_no_right_beyond_this_list(template: dict[str, Any]) -> None:
    actions = {action for action, _, _ in statements_of(template, "rootwatch-follow-up")}
    assert actions == {
        *("logs:CreateLogStream", "logs:PutLogEvents"),
        *("dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"),
        *("sns:Publish", "ssm:GetParameter", "sqs:SendMessage"),
        *("scheduler:CreateSchedule", "scheduler:DeleteSchedule", "iam:PassRole", "cloudwatch:DescribeAlarms"),
        "cloudtrail:LookupEvents",
        "events:PutEvents",
    }
    for action, resources, _ in statements_of(template, "rootwatch-follow-up"):
        wild = [item for item in resources if isinstance(item, str) and "*" in item]
        assert not wild or action in (
            "scheduler:CreateSchedule",
            "scheduler:DeleteSchedule",
            "cloudwatch:DescribeAlarms",
            "cloudtrail:LookupEvents",
            "events:PutEvents",
        )


def test_what_follow_up_cannot_do_is_kept_where_an_alarm_watches(template: dict[str, Any]) -> None:
    dead = id_of(template, "AWS::SQS::Queue", "QueueName", "rootwatch-events-dead-letters")
    (invoking,) = of_type(template, "AWS::Lambda::EventInvokeConfig").values()
    assert invoking["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": [dead, "Arn"]}}}
    assert invoking["MaximumRetryAttempts"] == 2
    assert "rootwatch-events-dead-letters" in {
        alarm["AlarmName"] for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
    }


def test_the_names_that_are_composed_are_those_that_are_made(of: Deployment, template: dict[str, Any]) -> None:
    names = of.alarm_settings
    (group,) = of_type(template, "AWS::Scheduler::ScheduleGroup").values()
    assert group["Name"] == names["group"]
    id_of(template, "AWS::Lambda::Function", "FunctionName", names["function"].rpartition(":")[2])
    id_of(template, "AWS::IAM::Role", "RoleName", names["role"].rpartition("/")[2])
    id_of(template, "AWS::SQS::Queue", "QueueName", names["dead_letters"].rpartition(":")[2])


def test_the_daily_line_is_asked_for_when_the_working_day_begins(template: dict[str, Any]) -> None:
    schedule = _schedule(template, "rootwatch-daily-line")
    assert schedule["ScheduleExpression"] == "cron(30 08 ? * MON,TUE *)"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert json.loads(schedule["Target"]["Input"]) == {"kind": "all-is-well", "at": "<aws.scheduler.scheduled-time>"}
    assert schedule["GroupName"]


def _schedule(template: Mapping[str, Any], name: str) -> Resource:
    return of_type(template, "AWS::Scheduler::Schedule")[id_of(template, "AWS::Scheduler::Schedule", "Name", name)]


def test_the_canary_leaves_every_hour_and_reaches_the_queue_by_a_rule_of_its_own(template: dict[str, Any]) -> None:
    schedule = _schedule(template, "rootwatch-canary")
    assert schedule["ScheduleExpression"] == "rate(1 hour)"
    assert json.loads(schedule["Target"]["Input"]) == {"kind": "canary"}
    rule = of_type(template, "AWS::Events::Rule")[id_of(template, "AWS::Events::Rule", "Name", "rootwatch-canary")]
    assert rule["EventPattern"] == {"source": ["rootwatch.canary"], "account": [ACCOUNT]}
    assert rule["State"] == "ENABLED"
    policies = json.dumps(of_type(template, "AWS::SQS::QueuePolicy"))
    assert policies.count(":rule/rootwatch-canary") == 2, "the queue and its dead letters let it in"


def test_only_canaries_can_be_put_on_the_bus(template: dict[str, Any]) -> None:
    released = [
        (resources, conditions)
        for action, resources, conditions in statements_of(template, "rootwatch-follow-up")
        if action == "events:PutEvents"
    ]
    bus = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
    assert released == [([bus], {"StringEquals": {"events:source": "rootwatch.canary"}})]


@pytest.fixture
def running(
    of: Deployment, template: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[str], Resource]]:
    """Put this process into a function's place: its environment and its bundle's files; by the function's name."""
    for name, content in telling_files(of).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    read = wiring.declared_telling
    monkeypatch.setattr(wiring, "declared_telling", lambda file: read(file, bundle=tmp_path))
    made = (wiring.follow_ups, wiring.alerting, wiring.client)

    def become(name: str) -> Resource:
        function = of_type(template, "AWS::Lambda::Function")[
            id_of(template, "AWS::Lambda::Function", "FunctionName", name)
        ]
        for key, value in function["Environment"]["Variables"].items():
            monkeypatch.setenv(key, value if isinstance(value, str) else "reference")
        for key in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(key, "us-east-1" if key.endswith("REGION") else "testing")
        return function

    for cached in made:
        cached.cache_clear()
    yield become
    for cached in made:
        cached.cache_clear()


def test_every_kind_of_work_that_is_asked_for_is_known(running: Callable[[str], Resource]) -> None:
    assert running("rootwatch-follow-up")["Handler"] == f"{follow_up.__name__}.handler"
    assert set(wiring.follow_ups().kinds) == {"reminder", "all-is-well", "activity", "window-end", "canary"}


def test_the_function_tells_every_destination_by_the_routes_and_sets_reminders(
    running: Callable[[str], Resource], of: Deployment
) -> None:
    running("rootwatch-raise-alert")
    pipeline = wiring.alerting().pipeline
    names = [notifier.name for notifier in pipeline.notifiers]
    assert names == ["email", "slack", *of.destinations, "reminders"]
    paged = alert(kinds=frozenset({"5#root-console-login"}))
    assert [name for name in names if pipeline.accepts(paged, name)] == ["email", "slack", "pager", "reminders"]
    assert all(isinstance(notifier, Reminding) for notifier in pipeline.notifiers if notifier.name != "reminders")


@pytest.mark.parametrize("content", ["", "{}", "not JSON"])
def test_a_broken_file_in_the_bundle_stops_the_function_loudly(tmp_path: Path, content: str) -> None:
    (tmp_path / "telling.json").write_text(content)
    with pytest.raises(SettingsError, match=r"telling\.json in the function's bundle cannot be read"):
        wiring.declared_telling("telling.json", bundle=tmp_path)
    with pytest.raises(SettingsError, match="cannot be read"):
        wiring.declared_telling("missing.json", bundle=tmp_path)
    assert wiring.declared_telling("") == Telling()


def test_without_alarms_there_is_nothing_of_them() -> None:
    app = App(context={"aws:cdk:bundling-stacks": []})
    stack = AlertingStack(app, "alerting", deployment=Deployment.parse(MINIMAL), detections=[])
    template = json.dumps(app.synth().get_stack_by_name(stack.stack_name).template)
    assert "scheduler" not in template
    assert "rootwatch-follow-up" not in template


def test_cfn_lint_finds_no_error(path: Path) -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--non-zero-exit-code", "error", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# Destinations and routes


def test_each_destination_has_its_topic_or_its_secret_and_the_functions_may_use_them(template: dict[str, Any]) -> None:
    topic = id_of(template, "AWS::SNS::Topic", "TopicName", "rootwatch-email-managers")
    subscribed = [
        item["Endpoint"]
        for item in of_type(template, "AWS::SNS::Subscription").values()
        if item["TopicArn"] == {"Ref": topic}
    ]
    assert subscribed == ["alice@example.com", "bob@example.com"]
    for function in ("raise-alert", "follow-up"):
        found: dict[str, list[Any]] = {}
        for action, resources, _ in statements_of(template, f"rootwatch-{function}"):
            found.setdefault(action, []).extend(resources)
        assert {"Ref": topic} in found["sns:Publish"]
        secrets = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/rootwatch"
        assert sorted(found["ssm:GetParameter"]) == [
            *(f"{secrets}/destinations/{name}" for name in ("ms", "pager", "soc")),
            f"{secrets}/slack-token",
        ]


def test_secrets_are_made_in_secrets_manager_where_that_is_the_store() -> None:
    of = Deployment.parse(EVERYTHING.replace("[accounts]", 'token_store = "secretsmanager"\n[accounts]', 1))
    app = App(context={"aws:cdk:bundling-stacks": []})
    stack = AlertingStack(app, "alerting", deployment=of, detections=[])
    template = app.synth().get_stack_by_name(stack.stack_name).template
    assert {item["Name"] for item in of_type(template, "AWS::SecretsManager::Secret").values()} == {
        "rootwatch/slack-token",
        *(f"rootwatch/destinations/{name}" for name in ("ms", "pager", "soc")),
    }


def test_the_outputs_name_the_secrets_that_are_left_to_store(template: dict[str, Any]) -> None:
    outputs = template["Outputs"]
    assert outputs["SecretOfPager"]["Value"] == "/rootwatch/destinations/pager"
    assert outputs["FollowUpFunctionName"]


def test_what_is_declared_reaches_the_function_as_it_is_meant(of: Deployment) -> None:
    telling = Telling.from_json(telling_files(of)[TELLING_FILE].decode())
    assert telling == telling_of(of)
    assert [item.kind for item in telling.destinations] == ["slack", "email", "webhook", "pagerduty", "teams"]
    assert telling.on_call == "S0123456789"
    first, second, third = telling.routing.routes
    assert first.severities == {Severity.CRITICAL}
    assert "cis-vpc-changed" in second.detections
    assert "root-console-login" in second.detections
    assert second.accounts == {"210987654321", ACCOUNT}
    assert third.severities == frozenset(Severity)
    rhythms = telling.reminders.rhythms
    assert {severity: rhythm.most for severity, rhythm in rhythms.items()} == {
        Severity.CRITICAL: 8,
        Severity.HIGH: 4,
        Severity.MEDIUM: 2,
    }
    assert not rhythms[Severity.CRITICAL].waits
    assert rhythms[Severity.HIGH].waits
    assert telling.reminders.hours.days == ("Mon", "Tue")


def test_whoever_declares_nothing_has_the_bundle_of_everybody_and_is_told_as_before() -> None:
    of = Deployment.parse(MINIMAL + '[sweep]\nsource = "off"\n')
    assert telling_files(of) == {}
    assert of.routing == Routing()
    app = App(context={"aws:cdk:bundling-stacks": []})
    stack = AlertingStack(app, "alerting", deployment=of, detections=[])
    (function,) = of_type(app.synth().get_stack_by_name(stack.stack_name).template, "AWS::Lambda::Function").values()
    variables = {
        key: value if isinstance(value, str) else "reference"
        for key, value in function["Environment"]["Variables"].items()
    }
    settings = AlertSettings.from_environment(variables)
    assert (settings.telling_file, settings.alarms) == ("", {})


def test_the_environment_stays_within_what_lambda_takes(template: dict[str, Any]) -> None:
    for function in of_type(template, "AWS::Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        assert sum(len(key) + len(json.dumps(value)) for key, value in variables.items()) < 4_096


def test_a_pager_alone_is_warned_of_and_so_is_a_destination_that_nobody_uses() -> None:
    text = MINIMAL + '[destinations.pager]\ntype = "pagerduty"\n[destinations.idle]\ntype = "teams"\n'
    warnings = Deployment.parse(text + '[[routes]]\nto = ["pager"]\nat_least = "HIGH"\n').warnings
    assert any("routes[0] leads to pager alone" in warning for warning in warnings)
    assert any(warning.startswith("idle: declared") for warning in warnings)


WEBHOOK = MINIMAL + '[destinations.soc]\ntype = "webhook"\nurl = "{url}"\n'


@pytest.mark.parametrize(
    ("text", "line", "key", "cause", "remedy"),
    [
        (
            MINIMAL + '[[routes]]\nto = ["pagr"]\n[destinations.pager]\ntype = "pagerduty"\n',
            7,
            "routes[0].to",
            '"pagr" is not a destination',
            'mean "pager"',
        ),
        (
            MINIMAL + '[[routes]]\nto = ["slack"]\n[[routes]]\nto = ["mail"]\n',
            9,
            "routes[1].to",
            '"mail" is not',
            'mean "email"',
        ),
        (MINIMAL + "[[routes]]\nto = []\n", 7, "routes[0].to", "empty", "at least one"),
        (MINIMAL + '[[routes]]\nat_least = "HIGH"\n', 6, "routes[0].to", "missing", '["slack", "on-call"]'),
        (
            MINIMAL + '[[routes]]\nto = ["slack"]\ndetections = ["root-consol-login"]\n',
            8,
            "routes[0].detections[0]",
            "not the id",
            "root-console-login",
        ),
        (
            MINIMAL + '[[routes]]\nto = ["slack"]\npacks = ["sic"]\n',
            8,
            "routes[0].packs[0]",
            "not a pack",
            "There is cis",
        ),
        (
            MINIMAL + '[[routes]]\nto = ["slack"]\naccounts = ["210987654321"]\n',
            8,
            "routes[0].accounts",
            "neither the deployment's",
            "[accounts]",
        ),
        (
            MINIMAL + '[[routes]]\nto = ["slack"]\naccounts = [210987654321]\n',
            8,
            "routes[0].accounts[0]",
            "number",
            "quotes",
        ),
        (MINIMAL + '[[routes]]\nto = ["slack"]\nat_least = "HIHG"\n', 8, "routes[0].at_least", "severity", "HIGH"),
        (
            MINIMAL + '[[routes]]\nto = ["slack"]\nat_least = "HIGH"\nseverities = ["LOW"]\n',
            9,
            "routes[0].severities",
            "at_least too",
            "one of them",
        ),
        (
            MINIMAL + '[[routes]]\nto = ["slack"]\nseverity = "LOW"\n',
            8,
            "routes[0].severity",
            "no such setting",
            '"severities"',
        ),
        (MINIMAL + '[routes]\nto = ["slack"]\n', 6, "routes", "once", "[[routes]]"),
        (
            MINIMAL + '[destinations.slack]\ntype = "teams"\n',
            6,
            "destinations.slack",
            "Rootwatch's own",
            "another name",
        ),
        (
            MINIMAL + '[destinations."Über all"]\ntype = "teams"\n',
            6,
            'destinations."Über all"',
            "cannot name",
            "lower-case",
        ),
        (
            MINIMAL + '[destinations.soc]\ntype = "carrier-pigeon"\n',
            7,
            "destinations.soc.type",
            "not one of the choices",
            '"webhook"',
        ),
        (
            MINIMAL + '[destinations.soc]\nchannel = "C0123456789"\n',
            6,
            "destinations.soc.type",
            "missing",
            "[destinations.soc]",
        ),
        (MINIMAL + '[destinations.soc]\ntype = "slack"\n', 6, "destinations.soc.channel", "missing", "channel ="),
        (
            MINIMAL + '[destinations.soc]\ntype = "slack"\nchannel = "#soc"\n',
            8,
            "destinations.soc.channel",
            "not a channel ID",
            "About tab",
        ),
        (MINIMAL + '[destinations.soc]\ntype = "email"\n', 6, "destinations.soc.addresses", "missing", "addresses ="),
        (
            MINIMAL + '[destinations.soc]\ntype = "email"\naddresses = ["alice"]\n',
            8,
            "destinations.soc.addresses",
            "not an e-mail",
            "security@example.com",
        ),
        (
            MINIMAL + '[destinations.soc]\ntype = "teams"\nurl = "https://example.com/secret"\n',
            8,
            "destinations.soc.url",
            "no place in this file",
            "set-secret",
        ),
        (
            MINIMAL + '[destinations.soc]\ntype = "teams"\nchannel = "C0123456789"\n',
            8,
            "destinations.soc.channel",
            "means nothing",
            "remove",
        ),
        (
            MINIMAL + '[destinations.soc]\ntype = "teams"\ntoken = "x"\n',
            8,
            "destinations.soc.token",
            "secret",
            "remove",
        ),
        (
            MINIMAL + '[destinations.soc]\ntype = "teams"\nlanguag = "en"\n',
            8,
            "destinations.soc.languag",
            "no such setting",
            '"language"',
        ),
        (WEBHOOK.format(url="http://alerts.example.com"), 8, "destinations.soc.url", "not an https", "https://"),
        (
            WEBHOOK.format(url="https://user:pw@alerts.example.com"),
            8,
            "destinations.soc.url",
            "user name",
            "kept in AWS",
        ),
        (WEBHOOK.format(url="https://alerts.example.com/?key=1"), 8, "destinations.soc.url", "query", "kept in AWS"),
        (WEBHOOK.format(url="https://127.0.0.1/"), 8, "destinations.soc.url", "private", "public"),
        (WEBHOOK.format(url="https://169.254.169.254/latest"), 8, "destinations.soc.url", "private", "public"),
        (WEBHOOK.format(url="https://[::1]/"), 8, "destinations.soc.url", "private", "public"),
        (WEBHOOK.format(url="https://intranet/"), 8, "destinations.soc.url", "private", "public"),
        (WEBHOOK.format(url="https://[::1"), 8, "destinations.soc.url", "not a URL", "https://"),
        (MINIMAL + '[reminders]\nalso = ["pager"]\n', 7, "reminders.also", "not a destination", "slack, email"),
        (MINIMAL + '[reminders]\non_call = "@oncall"\n', 7, "reminders.on_call", "not the ID", "Copy group ID"),
        (
            MINIMAL + "[reminders.high]\nevery_minutes = 1\n",
            7,
            "reminders.high.every_minutes",
            "too small",
            "at least 5",
        ),
        (MINIMAL + "[reminders.high]\nevery = 10\n", 7, "reminders.high.every", "no such setting", "every_minutes"),
        (
            MINIMAL + "[reminders.critical]\nonly_working_hours = true\n",
            7,
            "reminders.critical.only_working_hours",
            "does not wait",
            "remove",
        ),
        (MINIMAL + "[reminders]\ncritical = 15\n", 7, "reminders.critical", "not a section", "[critical]"),
    ],
)
def test_a_mistake_is_named_by_line_key_cause_and_remedy(
    text: str, line: int, key: str, cause: str, remedy: str
) -> None:
    problem = only_problem(text)
    assert (problem.line, problem.key) == (line, key)
    assert cause in problem.cause
    assert remedy in problem.remedy


def test_a_route_whose_alerts_would_reach_nobody_is_refused() -> None:
    problem = only_problem(MINIMAL + '[[routes]]\nto = ["email"]\ndetections = ["access-key-created"]\n')
    assert (problem.line, problem.key) == (7, "routes[0].to")
    assert "told from HIGH on, and the route matches LOW too" in problem.cause
    assert 'at_least = "HIGH"' in problem.remedy
    for accepted in ('to = ["email"]\nat_least = "HIGH"', 'to = ["slack"]', 'to = ["email", "slack"]'):
        Deployment.parse(f"{MINIMAL}[[routes]]\n{accepted}\n")
    Deployment.parse(f'{MINIMAL}[email]\nminimum_severity = "LOW"\n[[routes]]\nto = ["email"]\n')


def test_a_secret_that_is_put_into_the_file_is_not_shown() -> None:
    problem = only_problem(MINIMAL + '[destinations.soc]\ntype = "teams"\nurl = "https://example.com/hunter2"\n')
    assert "hunter2" not in problem.describe("rootwatch.toml")


def test_the_example_of_destinations_routes_and_reminders_is_accepted() -> None:
    text = (Path(__file__).parents[2] / "rootwatch.example.toml").read_text(encoding="utf-8")
    begin = text.index("# [destinations.platform]")
    shown = text[begin : text.index("[reminders]\n", begin)]
    content = [
        line[2:]
        for line in shown.split("\n")
        if re.match(r"# (\[\[?[a-z.]+\]\]?$|[a-z_]+ = )", line) and "CRITICAL" not in line
    ]
    deployment = Deployment.parse(MINIMAL + "\n".join(content))
    assert set(deployment.destinations) == {"platform", "managers", "soc", "pager"}
    assert deployment.routes[0].to == ("slack", "email", "pager")
