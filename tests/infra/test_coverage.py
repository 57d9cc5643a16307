"""Every detection has its rule in each region its events arrive in - and the CDK app makes exactly those."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

import app as rootwatch
from handlers.alerting.detection import Regions
from infra.coverage import Covered, Expected, Rule, Standing, compare, expected_rules, rules_of
from infra.deployment import Deployment
from infra.detection_rules import WITH_READ_EVENTS

HOME, GLOBAL, ELSEWHERE = "ap-northeast-1", "us-east-1", "eu-west-1"
TEXT = f"""\
[deployment]
account = "123456789012"
home_region = "{HOME}"
watched_regions = ["{GLOBAL}", "{ELSEWHERE}"]
[slack]
channel = "C0123456789"
"""
DEPLOYMENTS = {
    "nobody said where Identity Center is": Deployment.parse(TEXT),
    "Identity Center elsewhere": Deployment.parse(f'{TEXT}[identity_center]\nhome_region = "{ELSEWHERE}"\n'),
    "an organisation": Deployment.parse(f'{TEXT}[trail]\norganization_id = "o-a1b2c3d4e5"\n'),
    "a local AWS": Deployment.parse(f"{TEXT}[advanced]\nread_event_rules = false\n"),
    "all packs": Deployment.parse(f"{TEXT}[packs]\ncis = true\n"),
    "one region": Deployment.parse(TEXT.replace(HOME, GLOBAL).replace(f'["{GLOBAL}", "{ELSEWHERE}"]', "[]")),
}


@pytest.fixture(scope="module", params=DEPLOYMENTS)
def deployment(request: pytest.FixtureRequest) -> Deployment:
    return DEPLOYMENTS[request.param]


@pytest.fixture(scope="module")
def synthesised(
    deployment: Deployment, context: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Rule, ...]:
    """The rules of every template that app.py makes of the deployment."""
    directory = tmp_path_factory.mktemp("assembly")
    app = App(context={**context, "aws:cdk:bundling-stacks": []}, outdir=str(directory), analytics_reporting=False)
    rootwatch.build(app, deployment)
    app.synth()
    manifest = json.loads((directory / "manifest.json").read_text())
    found = []
    for artifact in manifest["artifacts"].values():
        if artifact["type"] == "aws:cloudformation:stack":
            account, region = artifact["environment"].removeprefix("aws://").split("/")
            template = json.loads((Path(directory) / artifact["properties"]["templateFile"]).read_text())
            found += rules_of(template, account=account, region=region)
    return tuple(found)


def expected(deployment: Deployment) -> tuple[Expected, ...]:
    return expected_rules(deployment, deployment.catalogue)


def test_the_app_deploys_exactly_the_expected_rules(deployment: Deployment, synthesised: tuple[Rule, ...]) -> None:
    table = compare(expected(deployment), synthesised)
    assert [line for line in table if not line.is_well] == []
    assert len(table) == len(synthesised) > 20


def test_each_detection_is_watched_for_where_its_events_arrive(
    deployment: Deployment, synthesised: tuple[Rule, ...]
) -> None:
    """Said once more by hand, so that a slip in `regions_of` does not hide on both sides."""
    everywhere = set(deployment.watched_regions)
    center = deployment.identity_center.home_region
    for detection in deployment.catalogue:
        found = {rule.region for rule in synthesised if rule.name == f"rootwatch-{detection.id}"}
        if detection.regions is Regions.GLOBAL:
            assert found == {GLOBAL}, detection.id
        elif detection.regions is Regions.IDENTITY_CENTER and center:
            assert found == {center}, detection.id
        else:
            assert found == everywhere, detection.id


def test_root_sign_ins_and_iam_writes_are_watched_for_in_the_one_region_that_records_them() -> None:
    table = expected(DEPLOYMENTS["Identity Center elsewhere"])
    for id_ in ("root-console-login", "admin-policy-attached"):
        assert [item.rule.region for item in table if item.label == id_] == [GLOBAL]


def test_events_of_other_regions_come_over_the_hub_and_the_hub_has_its_rule() -> None:
    table = expected(DEPLOYMENTS["nobody said where Identity Center is"])
    hub = "arn:aws:events:ap-northeast-1:123456789012:event-bus/rootwatch-hub"
    queue = "arn:aws:sqs:ap-northeast-1:123456789012:rootwatch-events"
    assert {item.rule.targets for item in table if item.rule.region != HOME} == {(hub,)}
    assert {item.rule.targets for item in table if item.rule.region == HOME} == {(queue,)}
    (carrier,) = [item for item in table if item.detection is None]
    assert (carrier.rule.bus, carrier.rule.region, carrier.label) == ("rootwatch-hub", HOME, "(from other regions)")


# What compare finds


def one() -> Expected:
    """The expected rule of a detection that needs read events."""
    detection = next(item for item in DEPLOYMENTS["one region"].catalogue if item.sees_read_events)
    table = expected(DEPLOYMENTS["one region"])
    return next(item for item in table if item.detection is detection)


def judged(*found: Rule, **options: Any) -> list[Standing]:
    return [line.standing for line in compare([one()], found, **options)]


def changed(**changes: Any) -> Rule:
    return dataclasses.replace(one().rule, **changes)


def test_what_is_as_expected_is_well() -> None:
    assert judged(one().rule) == [Standing.AS_EXPECTED]
    (line,) = compare([one()], [one().rule])
    assert line.is_well
    assert line.as_plain()["state"] == WITH_READ_EVENTS
    assert line.as_plain()["standing"] == "as expected"


@pytest.mark.parametrize(
    ("changes", "standing"),
    [
        ({"state": "DISABLED"}, Standing.OFF),
        ({"state": "ENABLED"}, Standing.BLIND_TO_READS),
        ({"targets": ()}, Standing.AIMLESS),
        ({"targets": ("arn:aws:sqs:us-east-1:123456789012:somewhere",)}, Standing.ASTRAY),
        ({"pattern": {"source": ["aws.nothing"]}}, Standing.OTHER_PATTERN),
        ({"state": "DISABLED", "pattern": {}, "targets": ()}, Standing.OFF),
    ],
)
def test_each_way_to_blind_a_rule_is_found(changes: dict[str, Any], standing: Standing) -> None:
    assert judged(changed(**changes)) == [standing]


@pytest.mark.parametrize("field", ["account", "region", "bus", "name"])
def test_a_rule_in_another_place_does_not_count(field: str) -> None:
    elsewhere = changed(**{field: "other"})
    assert judged(elsewhere) == [Standing.MISSING, Standing.UNEXPECTED]


def test_a_missing_rule_is_missing() -> None:
    assert judged() == [Standing.MISSING]


def test_a_rule_with_one_more_target_still_delivers() -> None:
    more = (*one().rule.targets, "arn:aws:sqs:us-east-1:123456789012:another")
    assert judged(changed(targets=more)) == [Standing.AS_EXPECTED]


def test_a_rule_that_sees_more_than_it_needs_is_in_another_state() -> None:
    item = next(item for item in expected(DEPLOYMENTS["one region"]) if item.rule.state == "ENABLED")
    (line,) = compare([item], [dataclasses.replace(item.rule, state=WITH_READ_EVENTS)])
    assert line.standing is Standing.OTHER_STATE


def test_another_deployments_rules_are_not_ours() -> None:
    stranger = changed(
        name="rootwatch-test-root-activity", targets=("arn:aws:sqs:us-east-1:123456789012:rootwatch-test-events",)
    )
    assert judged(one().rule, stranger) == [Standing.AS_EXPECTED]


def test_a_region_that_could_not_be_asked_is_unknown_with_the_reason_rather_than_missing() -> None:
    (line,) = compare([one()], [], unasked={"us-east-1": "AccessDeniedException"})
    assert line == Covered(
        account="123456789012",
        region="us-east-1",
        label=one().label,
        rule=one().rule.name,
        state="",
        standing=Standing.UNKNOWN,
        detail="AccessDeniedException",
    )


def test_a_schedule_is_no_rule_about_events() -> None:
    template = {
        "Resources": {"Tick": {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": "rate(1 hour)"}}}
    }
    assert list(rules_of(template, account="123456789012", region="us-east-1")) == []
