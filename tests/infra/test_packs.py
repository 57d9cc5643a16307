"""Packs: what the configuration switches on gets its rules and is assessed, and what it does not, is neither."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from handlers import wiring
from handlers.detections import CATALOGUE, PACKS, catalogue
from handlers.settings import AlertSettings, SettingsError
from infra.alerting_stack import AlertingStack
from infra.deployment import ConfigurationError, Deployment, Packs
from infra.detection_rules import regions_of
from infra.forwarding_stack import ForwardingStack

_TEXT = """
[deployment]
account = "123456789012"
home_region = "us-east-1"
watched_regions = ["eu-west-1"]
[slack]
channel = "C0123456789"
[email]
addresses = ["alice@example.com"]
"""
_OFF = Deployment.parse(_TEXT)
_ON = Deployment.parse(f"{_TEXT}[packs]\ncis = true\n")


def _templates(deployment: Deployment, directory: Path) -> dict[str, dict[str, Any]]:
    """Of each region; without the functions' code."""
    app = App(outdir=str(directory), context={"aws:cdk:bundling-stacks": []})
    AlertingStack(app, "us-east-1", deployment=deployment)
    ForwardingStack(app, "eu-west-1", deployment=deployment, region="eu-west-1")
    app.synth()
    return {name: json.loads((directory / f"{name}.template.json").read_text()) for name in ("us-east-1", "eu-west-1")}


def _rules(template: dict[str, Any]) -> set[str]:
    return {
        resource["Properties"]["Name"].removeprefix("rootwatch-")
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Events::Rule" and "EventBusName" not in resource["Properties"]
    }


def _settings(template: dict[str, Any]) -> AlertSettings:
    functions = [item for item in template["Resources"].values() if item["Type"] == "AWS::Lambda::Function"]
    # raise_alert and sweep_trail know the same.
    variables, *_ = [function["Properties"]["Environment"]["Variables"] for function in functions]
    assert {function["Properties"]["Environment"]["Variables"].get("ROOTWATCH_PACKS") for function in functions} == {
        variables["ROOTWATCH_PACKS"]
    }
    return AlertSettings.from_environment(
        {key: value if isinstance(value, str) else "a reference" for key, value in variables.items()}
    )


@pytest.mark.parametrize("deployment", [_OFF, _ON], ids=["off", "on"])
def test_rules_and_function_have_the_same_detections(deployment: Deployment, tmp_path: Path) -> None:
    templates = _templates(deployment, tmp_path)
    for region, template in templates.items():
        assert _rules(template) == {d.id for d in deployment.catalogue if region in regions_of(d, deployment)}
    assert wiring.switched_on(_settings(templates["us-east-1"]).packs) == deployment.catalogue


def test_a_pack_is_off_unless_it_is_switched_on() -> None:
    assert not any(detection.pack for detection in _OFF.catalogue)
    assert _ON.catalogue == CATALOGUE
    assert {d.id for d in CATALOGUE} - {d.id for d in _OFF.catalogue} == {d.id for d in CATALOGUE if d.pack == "cis"}
    assert catalogue(_OFF.enabled_packs) == _OFF.catalogue


def test_every_pack_can_be_switched_on_in_the_configuration() -> None:
    assert set(Packs.model_fields) == PACKS


def test_rules_of_all_packs_fit_into_the_queues_policy_under_the_longest_name(tmp_path: Path) -> None:
    text = _TEXT.replace("[deployment]", f'[deployment]\nname = "{"n" * 20}"') + "[packs]\ncis = true\n"
    app = App(outdir=str(tmp_path), context={"aws:cdk:bundling-stacks": []})
    AlertingStack(app, "alerting", deployment=Deployment.parse(text))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('cis = "yes"', ["packs.cis", "neither true nor false", "true or false"]),
        ("csi = true", ["packs.csi", "there is no such setting", 'did you mean "cis"?']),
    ],
)
def test_a_mistake_about_a_pack_names_its_line_and_remedy(lines: str, words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Deployment.parse(f"{_TEXT}[packs]\n{lines}\n")
    (problem,) = caught.value.problems
    assert problem.line == _TEXT.count("\n") + 2
    for word in words:
        assert word in str(caught.value)


def test_what_is_declared_quiet_in_a_pack_that_is_off_is_warned_of() -> None:
    quiet = '[detections]\nstaging = ["cis-vpc-changed"]\n'
    warned = [text for text in Deployment.parse(_TEXT + quiet).warnings if "pack is off" in text]
    assert len(warned) == 1
    assert warned[0].startswith("cis-vpc-changed: ")
    assert Deployment.parse(f"{_TEXT}{quiet}[packs]\ncis = true\n").warnings == ()


def test_a_function_that_is_told_of_a_pack_it_does_not_know_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match="there is no pack pci; there is cis: deploy again"):
        wiring.switched_on(("pci",))
