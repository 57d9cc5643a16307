"""The rules: one EventBridge rule per detection whose events arrive in a region."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import aws_events as events
from constructs import Construct

from handlers.alerting.detection import Detection, Regions
from infra.deployment import ConfigurationError, Deployment, Problem

# EventBridge quotas: characters of a pattern, rules on a bus, characters of a rule's name.
MAXIMUM_PATTERN_LENGTH = 2048
MAXIMUM_RULES = 300
MAXIMUM_NAME_LENGTH = 64

# EventBridge's defaults for a rule on the default bus, written down because newer kinds of buses give up after minutes.
RETRY_POLICY = events.CfnRule.RetryPolicyProperty(maximum_event_age_in_seconds=86_400, maximum_retry_attempts=185)

# Read-only management events (sts:AssumeRole* among them) match only rules in this state
# (EventBridge user guide, "Receiving read-only management events from AWS services").
WITH_READ_EVENTS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


@dataclass(frozen=True, kw_only=True)
class RuleTarget:
    """Where a rule delivers, and where what cannot be delivered is kept."""

    arn: str
    dead_letter_arn: str
    role_arn: str | None = None  # to put events on a bus; a queue has a policy of its own

    def as_properties(self) -> events.CfnRule.TargetProperty:
        """The target of a CfnRule: never without a retry policy and a dead-letter queue."""
        return events.CfnRule.TargetProperty(
            id="Target",
            arn=self.arn,
            role_arn=self.role_arn,
            retry_policy=RETRY_POLICY,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.dead_letter_arn),
        )


def regions_of(detection: Detection, deployment: Deployment) -> tuple[str, ...]:
    """The regions, among those watched, where a detection needs its rule.

    Identity Center's events arrive in the region it was set up in. Where nobody said which that is, every watched
    region gets the rule: a rule that never matches costs nothing.
    """
    if detection.regions is Regions.GLOBAL:
        return (deployment.global_region,)
    home = deployment.identity_center.home_region  # `Deployment` has made sure that it is watched
    if detection.regions is Regions.IDENTITY_CENTER and home:
        return (home,)
    return deployment.watched_regions


def unlisted_detections(folder: Path, detections: Iterable[Detection]) -> list[str]:
    """The detections that have a folder below `folder` but are not listed, and so would never get a rule."""
    listed = {detection.folder for detection in detections}
    return sorted(path.parent.name for path in folder.glob("*/detection.py") if path.parent.name not in listed)


class DetectionRules(Construct):
    """The rules of one region, on its default bus: AWS delivers there, and nowhere else.

    Attributes:
        names: the rules' names, by detection id.
        arns: the rules' ARNs, for the policies of what they deliver to.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: Deployment,
        detections: Sequence[Detection],
        region: str,
        target: RuleTarget,
    ) -> None:
        """Make a rule for each of `detections` that needs one in `region`.

        Raises ConfigurationError where a quota of EventBridge would refuse a rule, which the CDK does not check.
        """
        super().__init__(scope, id)
        wanted = [detection for detection in detections if region in regions_of(detection, deployment)]
        _check(wanted, name=deployment.name)
        self.names: Mapping[str, str] = {detection.id: f"{deployment.name}-{detection.id}" for detection in wanted}
        self.arns = [
            f"arn:{deployment.partition}:events:{region}:{deployment.account}:rule/{name}"
            for name in self.names.values()
        ]
        for detection in wanted:
            reads = detection.sees_read_events and deployment.advanced.read_event_rules
            events.CfnRule(
                self,
                detection.id,
                name=self.names[detection.id],
                description=detection.title,
                event_pattern=plain(detection.pattern),
                state=WITH_READ_EVENTS if reads else "ENABLED",
                targets=[target.as_properties()],
            )


def _check(detections: Sequence[Detection], *, name: str) -> None:
    if len(detections) > MAXIMUM_RULES:
        raise ConfigurationError(
            "handlers/detections/__init__.py",
            [
                Problem(
                    key="CATALOGUE",
                    line=None,
                    cause=f"{len(detections)} detections need a rule each; an event bus holds {MAXIMUM_RULES} rules.",
                    remedy="merge detections that watch the same operations, or have AWS raise the quota "
                    "(Service Quotas, EventBridge, rules per event bus) and MAXIMUM_RULES with it.",
                )
            ],
        )
    seen: set[str] = set()
    for detection in detections:
        length = len(json.dumps(plain(detection.pattern), separators=(",", ":"), ensure_ascii=False))
        rule_name = f"{name}-{detection.id}"
        problem = None
        if detection.id in seen:
            problem = ("id", f'"{detection.id}" is another detection\'s id.', "list each detection once.")
        elif length > MAXIMUM_PATTERN_LENGTH:
            problem = (
                "pattern",
                f"{length:,} characters as JSON; EventBridge takes {MAXIMUM_PATTERN_LENGTH:,}.",
                "shorten it with prefix or wildcard (assess may be narrower), or split the detection.",
            )
        elif _has_null(detection.pattern):
            problem = (
                "pattern",
                "it has a null, which the CDK drops without a word: the rule would match something else.",
                'match the field\'s absence with {"exists": false}, or leave the decision to assess.',
            )
        elif len(rule_name) > MAXIMUM_NAME_LENGTH:
            problem = (
                "id",
                f"the rule would be named {rule_name}, {len(rule_name)} characters; "
                f"EventBridge takes {MAXIMUM_NAME_LENGTH}.",
                f"shorten the id by {len(rule_name) - MAXIMUM_NAME_LENGTH}, or deployment.name.",
            )
        if problem:
            key, cause, remedy = problem
            raise ConfigurationError(
                f"handlers/detections/{detection.folder}/detection.py",
                [Problem(key=key, line=None, cause=cause, remedy=remedy)],
            )
        seen.add(detection.id)


def plain(value: Any) -> Any:
    """A pattern as plain dictionaries and lists: it may be written with tuples and read-only mappings."""
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    return value


def _has_null(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_null(part) for part in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return any(_has_null(part) for part in value)
    return value is None
