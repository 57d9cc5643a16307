"""The facts the judge works from: escalation paths with their sources, and AWS managed policies."""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from handlers.alerting.privilege.documents import ITSELF, UNKNOWN
from handlers.alerting.privilege.globs import WordSet, Work
from handlers.alerting.privilege.verdicts import OpenPath, PathKind
from handlers.alerting.text import phrase

ACCOUNT = "123456789012"
PASS_ROLE = "iam:passrole"  # noqa: S105 - an action, not a password
USER_WRITES = ("iam:AttachUserPolicy", "iam:PutUserPolicy")
ROLE_WRITES = ("iam:AttachRolePolicy", "iam:PutRolePolicy")
ATTACHES = ("iam:AttachUserPolicy", "iam:AttachRolePolicy", "iam:AttachGroupPolicy")
UNBIND_USER = ("iam:DeleteUserPermissionsBoundary", "iam:PutUserPermissionsBoundary")
UNBIND_ROLE = ("iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary")
_SOME = "some"
_FEW = 8  # actions that are quicker looked at one by one
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
    name: str  # a phrase
    kind: PathKind
    bit: int  # the set of paths that holds this one alone
    steps: tuple[Step, ...]
    all_steps: tuple[Step, ...]  # with the passing of a role, where one is passed
    actions: int  # all actions of all steps
    passes: int  # the ways of passing a role of which one is needed; 0 where no role is passed
    also_on_itself: bool
    only_on_one_named_target: bool
    # Open always, and open under a condition: as a judgement shows it, made once a table and not once a policy.
    openings: tuple[OpenPath, OpenPath]  # on everything
    openings_on_itself: tuple[OpenPath, OpenPath]

    def leads_to_one_named(self, kind: str) -> bool:
        """Whether it takes one and the same identity of this kind in all of its steps."""
        return self.only_on_one_named_target and self.steps[0].where == kind


def numbers(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, from 0."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


class Needs:
    """What paths need to be allowed in one place: an index from the actions to the paths they open."""

    def __init__(self, where: str, steps: Iterable[tuple[int, int]]) -> None:
        """Index steps, each given as its actions (any of which will do) and the path that takes it."""
        self.where = where
        self.paths = self._actions = 0
        self._of_each: dict[int, int] = {}
        self._of_path: dict[int, list[int]] = {}  # by the number of its bit
        self._taking: dict[int, int] = {}  # the number of an action's bit -> the paths that may take it
        for actions, path in steps:
            self.paths |= path
            self._actions |= actions
            self._of_each[actions] = self._of_each.get(actions, 0) | path
            self._of_path.setdefault(path.bit_length() - 1, []).append(actions)
            for action in numbers(actions):
                self._taking[action] = self._taking.get(action, 0) | path

    def met(self, among: int, allowed: int) -> int:
        """Those of some paths that are not closed if nothing else is allowed there."""
        asked = among & self.paths
        found = allowed & self._actions
        if not asked or found == self._actions:
            return among  # it allows everything here, as the worst policies do
        if not found:
            return among ^ asked
        if found.bit_count() <= _FEW:
            # An application's policy has few such actions: most paths take none of them.
            taking = functools.reduce(operator.or_, [self._taking[number] for number in numbers(found)])
            among &= taking | ~self.paths
            for number in numbers(among & taking):
                if not all(found & actions for actions in self._of_path[number]):
                    among ^= 1 << number
            return among
        for actions, paths in self._of_each.items():
            if among & paths and not found & actions:
                among &= ~paths
        return among


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
        self.paths = tuple(self._path(entry, data["needs"], place) for place, entry in enumerate(data["paths"]))
        places: dict[str, list[tuple[int, int]]] = {}
        for path in self.paths:
            for step in path.all_steps:
                places.setdefault(step.where, []).append((step.actions, path.bit))
        self.needs = tuple(Needs(where, listed) for where, listed in places.items())
        # The same for policies that say nothing of resources: then all kinds are alike, and one stands for them.
        of_any_kind = [step for where, listed in places.items() if where != _SOME for step in listed]
        self.needs_where_kinds_are_alike = (Needs(_SOME, places[_SOME]), Needs("anything", of_any_kind))
        self.needs_anywhere = Needs(_SOME, ((step.actions, path.bit) for path in self.paths for step in path.steps))
        self.paths_at_large = sum(path.bit for path in self.paths if not path.only_on_one_named_target)
        self.path = {path.id: path for path in self.paths}
        self.paths_to_users = tuple(path for path in self.paths if path.leads_to_one_named("user"))
        self.paths_to_roles = tuple(path for path in self.paths if path.leads_to_one_named("role") or path.passes)
        self.user_writes, self.role_writes = self.mask(*USER_WRITES), self.mask(*ROLE_WRITES)
        self.unbind_user, self.unbind_role = self.mask(*UNBIND_USER), self.mask(*UNBIND_ROLE)
        self.attaches = self.mask(*ATTACHES)
        self.assume_role = self.mask("sts:AssumeRole")
        self.trust_writes = self.mask("iam:UpdateAssumeRolePolicy")
        self.credentials = self.mask("iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile")
        self.group_joins = self.mask("iam:AddUserToGroup")
        self.group_writes = self.mask("iam:AttachGroupPolicy", "iam:PutGroupPolicy")
        self.version_writes = self.mask("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion")

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

    def _path(self, entry: Mapping[str, Any], needs_of_kind: Mapping[str, str | None], place: int) -> EscalationPath:
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
        kind = PathKind(entry["kind"])
        name = phrase(entry["name"])
        needs_of_all = phrase(entry.get("needs") or needs_of_kind[entry["kind"]] or "")

        def openings(target: str, needs: str) -> tuple[OpenPath, OpenPath]:
            always, conditional = (
                OpenPath(
                    id=entry["id"],
                    name=name,
                    kind=kind,
                    target=target,
                    needs=needs,
                    conditional=conditional,
                    sources=tuple(entry["sources"]),
                )
                for conditional in (False, True)
            )
            return always, conditional

        return EscalationPath(
            id=entry["id"],
            name=name,
            kind=kind,
            bit=1 << place,
            steps=tuple(steps),
            all_steps=(*steps, Step(actions=passes, where="role")) if passes else tuple(steps),
            actions=actions_of_all,
            passes=passes,
            also_on_itself=entry.get("also_on_itself", False),
            only_on_one_named_target=entry.get("only_on_one_named_target", False),
            openings=openings("", needs_of_all),
            openings_on_itself=openings("itself", "" if kind is PathKind.GRANT else needs_of_all),
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
