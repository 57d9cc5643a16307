"""Accepted findings: what cdk-nag objects to and we keep, each with its reason."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

RULE_PACK = "AwsSolutions"
SHORTEST_REASON = 40  # characters: "not needed" is no reason


def accept(scope: IConstruct, id: str, reason: str) -> None:
    """Keep one finding of cdk-nag at `scope` and everything below it.

    Args:
        scope: the construct the finding is about; the smaller, the better.
        id: the rule, such as "AwsSolutions-S1", or one detail of it, such as "AwsSolutions-IAM5[Resource::*]".
        reason: why this is right here, for the auditor who reads the validation report.

    Raises:
        ValueError: the id names no rule of the pack, or the reason is too short to be one.
    """
    if not id.startswith(f"{RULE_PACK}-"):
        raise ValueError(f'{id!r} is not a rule of {RULE_PACK}: write it like "AwsSolutions-S1"')
    if len(reason) < SHORTEST_REASON:
        raise ValueError(f"{scope.node.path}: {reason!r} does not say why {id} is accepted")
    # cdk-nag 3 looks its findings up under "<pack>::<rule>".
    Validations.of(scope).acknowledge(Acknowledgment(id=f"{RULE_PACK}::{id}", reason=reason))
