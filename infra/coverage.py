"""Coverage: for each account, region and detection, the rule that has to be there, held against those that are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from handlers.alerting.detection import Detection
from infra.deployment import Deployment, partition_of
from infra.detection_rules import WITH_READ_EVENTS, plain, regions_of


class Standing(StrEnum):
    """What is the matter with a rule; the value is how people read it."""

    AS_EXPECTED = "as expected"
    MISSING = "missing"
    OFF = "switched off"
    BLIND_TO_READS = "does not see read-only calls"
    OTHER_PATTERN = "has another pattern"
    OTHER_STATE = "is in another state"
    AIMLESS = "delivers nowhere"
    ASTRAY = "delivers elsewhere"
    UNEXPECTED = "not expected"
    UNKNOWN = "could not be asked"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule, as it has to be or as it is."""

    account: str
    region: str
    name: str
    state: str  # "ENABLED", "DISABLED", or that which sees read events as well
    pattern: Mapping[str, Any]
    bus: str = "default"
    targets: tuple[str, ...] = ()  # the ARNs it delivers to

    @property
    def place(self) -> tuple[str, str, str, str]:
        return (self.account, self.region, self.bus, self.name)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A rule that has to be there, and which detection needs it; None for what carries other regions' events."""

    detection: Detection | None
    rule: Rule

    @property
    def label(self) -> str:
        return self.detection.id if self.detection else "(from other regions)"


@dataclass(frozen=True, kw_only=True)
class Covered:
    """One line of the table."""

    account: str
    region: str
    label: str  # the detection's id, or what else the rule is for
    rule: str
    state: str  # "" where there is none
    standing: Standing
    detail: str = ""  # where it could not be asked: why

    @property
    def is_well(self) -> bool:
        return self.standing is Standing.AS_EXPECTED

    def as_plain(self) -> dict[str, str]:
        """For programs."""
        return {
            "account": self.account,
            "region": self.region,
            "detection": self.label,
            "rule": self.rule,
            "state": self.state,
            "standing": str(self.standing),
            "detail": self.detail,
        }


def expected_rules(deployment: Deployment, detections: Sequence[Detection]) -> tuple[Expected, ...]:
    """Every rule that has to be there, region by region, in the order of the catalogue.

    EventBridge is told of root sign-ins and IAM in one region, of Identity Center in its home region, of the rest
    everywhere; nothing is forwarded twice, so each region aims at the home region's queue or hub itself.
    """
    found = []
    queue = f"arn:{deployment.partition}:sqs:{deployment.home_region}:{deployment.account}:{deployment.name}-events"
    for region in deployment.watched_regions:
        target = queue if region == deployment.home_region else deployment.hub_bus_arn
        for detection in detections:
            if region not in regions_of(detection, deployment):
                continue
            reads = detection.sees_read_events and deployment.advanced.read_event_rules
            rule = Rule(
                account=deployment.account,
                region=region,
                name=f"{deployment.name}-{detection.id}",
                state=WITH_READ_EVENTS if reads else "ENABLED",
                pattern=plain(detection.pattern),
                targets=(target,),
            )
            found.append(Expected(detection=detection, rule=rule))
        if region == deployment.home_region:
            found.append(Expected(detection=None, rule=_hub_rule(deployment, queue)))
    return tuple(found)


def _hub_rule(deployment: Deployment, queue: str) -> Rule:
    pattern: dict[str, Any] = {"source": [{"prefix": "aws."}]}
    if not deployment.trail.organization_id:
        pattern["account"] = [deployment.account]
    return Rule(
        account=deployment.account,
        region=deployment.home_region,
        bus=deployment.hub_bus_name,
        name=f"{deployment.name}-from-other-regions",
        state="ENABLED",
        pattern=pattern,
        targets=(queue,),
    )


def rules_of(template: Mapping[str, Any], *, account: str, region: str) -> Iterator[Rule]:
    """The rules with a pattern that a synthesised template makes in this account and region."""
    resources: Mapping[str, Any] = template["Resources"]
    for resource in resources.values():
        properties = resource.get("Properties", {})
        if resource["Type"] != "AWS::Events::Rule" or "EventPattern" not in properties:
            continue
        yield Rule(
            account=account,
            region=region,
            bus=_named(properties.get("EventBusName", "default"), resources),
            name=properties["Name"],
            state=properties.get("State", "ENABLED"),
            pattern=properties["EventPattern"],
            targets=tuple(_arn(item["Arn"], resources, account, region) for item in properties.get("Targets", ())),
        )


def _named(value: Any, resources: Mapping[str, Any]) -> str:
    """A bus's name, which a template may give as a reference to it."""
    if isinstance(value, Mapping):
        name: str = resources[value["Ref"]]["Properties"]["Name"]
        return name
    return str(value)


def _arn(value: Any, resources: Mapping[str, Any], account: str, region: str) -> str:
    """A target's ARN, which a template may give as an attribute of its queue."""
    if isinstance(value, Mapping):
        logical_id, _ = value["Fn::GetAtt"]
        name = resources[logical_id]["Properties"]["QueueName"]
        return f"arn:{partition_of(region)}:sqs:{region}:{account}:{name}"
    return str(value)


def compare(
    expected: Iterable[Expected], found: Iterable[Rule], *, unasked: Mapping[str, str] | None = None
) -> tuple[Covered, ...]:
    """The table: each expected rule with what was found of it, then the rules of ours that nobody expects.

    A rule is ours if it delivers where ours do: another deployment's may have names that begin the same.

    Args:
        unasked: regions that could not be asked, each with the reason.
    """
    expected, unasked = tuple(expected), unasked or {}
    ours = {target for item in expected for target in item.rule.targets}
    rules = {rule.place: rule for rule in found}
    table = []
    for item in expected:
        rule = rules.pop(item.rule.place, None)
        standing = _judged(item.rule, rule)
        reason = unasked.get(item.rule.region, "")
        if reason and rule is None:
            standing = Standing.UNKNOWN
        table.append(_line(item.rule, item.label, rule.state if rule else "", standing, reason))
    left = (rule for rule in rules.values() if ours.intersection(rule.targets))
    table += [_line(rule, "", rule.state, Standing.UNEXPECTED) for rule in left]
    return tuple(table)


def _line(rule: Rule, label: str, state: str, standing: Standing, detail: str = "") -> Covered:
    return Covered(
        account=rule.account,
        region=rule.region,
        label=label,
        rule=rule.name,
        state=state,
        standing=standing,
        detail=detail if standing is Standing.UNKNOWN else "",
    )


def _judged(expected: Rule, found: Rule | None) -> Standing:
    """The worst thing first: what lets most events pass unseen."""
    if found is None:
        return Standing.MISSING
    if not found.state.startswith("ENABLED"):
        return Standing.OFF
    if not found.targets:
        return Standing.AIMLESS
    if not set(expected.targets) <= set(found.targets):
        return Standing.ASTRAY
    if _canonical(found.pattern) != _canonical(expected.pattern):
        return Standing.OTHER_PATTERN
    if found.state != expected.state:
        return Standing.BLIND_TO_READS if expected.state == WITH_READ_EVENTS else Standing.OTHER_STATE
    return Standing.AS_EXPECTED


def _canonical(pattern: Mapping[str, Any]) -> str:
    return json.dumps(pattern, sort_keys=True)
