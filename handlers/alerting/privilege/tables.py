"""The facts the judge works from: escalation paths with their sources, and AWS managed policies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from handlers.alerting.privilege.documents import ITSELF, UNKNOWN
from handlers.alerting.privilege.globs import WordSet, Work
from handlers.alerting.privilege.verdicts import PathKind

ACCOUNT = "123456789012"
PASS_ROLE = "iam:passrole"  # noqa: S105 - an action, not a password
USER_WRITES = ("iam:AttachUserPolicy", "iam:PutUserPolicy")
ROLE_WRITES = ("iam:AttachRolePolicy", "iam:PutRolePolicy")
ATTACHES = ("iam:AttachUserPolicy", "iam:AttachRolePolicy", "iam:AttachGroupPolicy")
UNBIND_USER = ("iam:DeleteUserPermissionsBoundary", "iam:PutUserPermissionsBoundary")
UNBIND_ROLE = ("iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary")
_SOME = "some"
# Whose resources an action is about, where that is not the service of the action itself.
_ARN_SERVICES = {"sts": ("sts", "iam"), "ec2-instance-connect": ("ec2",), "ssm": ("ssm", "ec2")}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing a path needs to be allowed: any of some actions, on one kind of resource."""

    actions: int  # a set of actions, any of which will do
    where: str  # a kind of resource, or "some" for any resource at all


@dataclass(frozen=True, kw_only=True)
class EscalationPath:
    """A known way from permissions to administrator rights."""

    id: str
    name: str
    kind: PathKind
    steps: tuple[Step, ...]
    actions: int  # all actions of all steps
    passes: int  # the ways of passing a role of which one is needed; 0 where no role is passed
    also_on_itself: bool
    only_on_one_named_target: bool
    needs: str
    sources: tuple[str, ...]

    @property
    def target_kind(self) -> str:
        """The kind of identity it aims at."""
        return self.steps[0].where


class Table:
    """All sensitive actions, the resources they are tried on, and the paths they form.

    iam:PassRole is one bit per service the role may be passed to, because iam:PassedToService tells them apart.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        splits = [self._split(step) for path in data["paths"] for step in path["steps"]]
        names = {action for actions, _ in splits for action in actions} | {PASS_ROLE}
        # A pattern that matches a word no policy can spell matches every action there is.
        self.actions = WordSet([*sorted(names), f"{UNKNOWN}:{UNKNOWN}"], ignore_case=True)
        self.every_action = self.actions.bit(f"{UNKNOWN}:{UNKNOWN}")
        self.pass_role = self.actions.bit(PASS_ROLE)
        services = sorted({service for path in data["paths"] for service in path.get("passes_to", [])})
        self.services = WordSet(services, ignore_case=True)
        self.pass_bits = {service: 1 << (self.actions.size + i) for i, service in enumerate(services)}
        self.all_passes = sum(self.pass_bits.values())
        self.everything = self.actions.everything | self.all_passes
        self._by_service: dict[str, int] = {}  # the service in an ARN -> actions that such a resource can be for
        for name in names:
            prefix = name.lower().partition(":")[0]
            for service in _ARN_SERVICES.get(prefix, (prefix,)):
                self._by_service[service] = self._by_service.get(service, 0) | self.actions.bit(name)
        self._by_service["iam"] |= self.all_passes
        self._arn_services = WordSet(self._by_service, ignore_case=False)
        texts = {
            kind: [text.format(unknown=UNKNOWN, itself=ITSELF, account=ACCOUNT) for text in self._listed(value)]
            for kind, value in data["resources"].items()
        }
        self.resources = WordSet([text for listed in texts.values() for text in listed], ignore_case=False)
        self.kinds = {kind: tuple(self.resources.bit(text) for text in listed) for kind, listed in texts.items()}
        self.paths = tuple(self._path(entry, data["needs"]) for entry in data["paths"])

    @staticmethod
    def _listed(value: object) -> list[str]:
        return [value] if isinstance(value, str) else list(value)  # type: ignore[call-overload]

    @staticmethod
    def _split(step: str) -> tuple[list[str], str]:
        actions, _, where = step.partition(" @ ")
        return actions.split("|"), where

    def mask(self, *actions: str) -> int:
        """The set of the named actions."""
        result = 0
        for action in actions:
            result |= self.actions.bit(action)
        return result

    def actions_on(self, service: str, work: Work) -> int:
        """The actions that a resource can be for, by the service in its ARN, which may hold wildcards."""
        found = self._arn_services.match(service, work)
        result = self.every_action if found else 0
        for name, actions in self._by_service.items():
            if found & self._arn_services.bit(name):
                result |= actions
        return result

    def _path(self, entry: Mapping[str, Any], needs: Mapping[str, str | None]) -> EscalationPath:
        steps = []
        for text in entry["steps"]:
            actions, where = self._split(text)
            if where != _SOME and where not in self.kinds:
                raise ValueError(f"escalation_paths.json: path {entry['id']} names an unknown resource: {where}")
            steps.append(Step(actions=self.mask(*actions), where=where))
        passes = 0
        for service in entry.get("passes_to", []):
            passes |= self.pass_bits[service]
        actions_of_all = passes
        for step in steps:
            actions_of_all |= step.actions
        return EscalationPath(
            id=entry["id"],
            name=entry["name"],
            kind=PathKind(entry["kind"]),
            steps=tuple(steps),
            actions=actions_of_all,
            passes=passes,
            also_on_itself=entry.get("also_on_itself", False),
            only_on_one_named_target=entry.get("only_on_one_named_target", False),
            needs=entry.get("needs") or needs[entry["kind"]] or "",
            sources=tuple(entry["sources"]),
        )


@cache
def table() -> Table:
    """The table of escalation paths, read at first use."""
    return Table(_shipped("escalation_paths.json"))


@cache
def managed_policies() -> Mapping[str, Mapping[str, Any]]:
    """AWS managed policies by lower-case `policy/<path><name>`: `version`, `changed` (a date) and `document`."""
    policies: Mapping[str, Mapping[str, Any]] = _shipped("managed_policies.json")["policies"]
    return {name.lower(): entry for name, entry in policies.items()}


def _shipped(name: str) -> dict[str, Any]:
    text = resources.files("handlers.alerting.privilege").joinpath(name).read_text("utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
