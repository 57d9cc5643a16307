"""Gathers every policy that a principal has, by whichever way it has it: attached, inline, through a group."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

_MOST_POLICIES = 40  # read for one principal
_MOST_SECONDS = 4.0  # that an alert may wait for them


class TooManyPoliciesError(ValueError):
    """There are more policies than one answer may take the time for, or IAM is slow today."""


class PolicyReader:
    """Reads policies with IAM's and Identity Center's own clients; their errors pass through.

    Rights it needs: iam:ListAttached{User,Role,Group}Policies, iam:List{User,Role,Group}Policies,
    iam:Get{User,Role,Group}Policy, iam:ListGroupsForUser, iam:GetUser, iam:GetRole, iam:GetPolicy,
    iam:GetPolicyVersion; for permission sets sso:ListManagedPoliciesInPermissionSet and
    sso:GetInlinePolicyForPermissionSet.
    """

    def __init__(self, client: Callable[[str], Any], *, clock: Callable[[], float] = time.monotonic) -> None:
        """`client(service)` gives a boto3 client; `clock` counts seconds."""
        self._client = client
        self._clock = clock
        self._until = clock() + _MOST_SECONDS
        self._read = 0

    def policies_of(self, kind: str, name: str) -> dict[str, Any]:
        """{"policies": [documents, or ARNs of AWS managed policies], "boundary": the same, where there is one}.

        Raises:
            TooManyPoliciesError: more than 40 policies, or more than 8 seconds.
            KeyError: not a kind of principal that has policies.
        """
        if kind == "permission set":
            return {"policies": list(self._of_permission_set(name))}
        if kind not in ("user", "role", "group"):
            raise KeyError(kind)
        found: dict[str, Any] = {"policies": list(self._of(kind, name))}
        if kind == "user":
            for group in self._pages("list_groups_for_user", "Groups", UserName=name):
                found["policies"] += self._of("group", group["GroupName"])
        if kind != "group":
            holder = getattr(self._client("iam"), f"get_{kind}")(**{f"{kind.title()}Name": name})[kind.title()]
            if boundary := holder.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"):
                found["boundary"] = self._managed(boundary)
        return found

    def _of(self, kind: str, name: str) -> Iterator[Any]:
        key = {f"{kind.title()}Name": name}
        for attached in self._pages(f"list_attached_{kind}_policies", "AttachedPolicies", **key):
            yield self._managed(attached["PolicyArn"])
        for policy in self._pages(f"list_{kind}_policies", "PolicyNames", **key):
            self._count()
            yield getattr(self._client("iam"), f"get_{kind}_policy")(**key, PolicyName=policy)["PolicyDocument"]

    def _of_permission_set(self, arn: str) -> Iterator[Any]:
        sso = self._client("sso-admin")
        instance = "/".join(arn.replace(":permissionSet/", ":instance/").split("/")[:2])
        key = {"InstanceArn": instance, "PermissionSetArn": arn}
        for page in sso.get_paginator("list_managed_policies_in_permission_set").paginate(**key):
            for attached in page["AttachedManagedPolicies"]:
                yield self._managed(attached["Arn"])
        if inline := sso.get_inline_policy_for_permission_set(**key).get("InlinePolicy"):
            yield inline

    def _managed(self, arn: str) -> Any:
        self._count()
        if arn.split(":")[4:5] == ["aws"]:
            return arn
        iam = self._client("iam")
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        return iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]

    def _pages(self, operation: str, key: str, **arguments: str) -> Iterator[Any]:
        for page in self._client("iam").get_paginator(operation).paginate(**arguments):
            yield from page[key]

    def _count(self) -> None:
        self._read += 1
        if self._read > _MOST_POLICIES or self._clock() > self._until:
            raise TooManyPoliciesError(f"more than {_MOST_POLICIES} policies, or {_MOST_SECONDS:.0f} seconds")
