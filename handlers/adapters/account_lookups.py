"""Questions about the account as it is now, asked of IAM and CloudTrail: read-only, each with a short time limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from handlers.adapters.asking import Asking
from handlers.adapters.iam_policies import PolicyReader
from handlers.adapters.iam_standing import StandingReader
from handlers.alerting.nouns import noun
from handlers.alerting.ports import Unknown
from handlers.alerting.text import phrase

TIME_LIMIT_SECONDS = 3


class AccountLookups:
    """Lookups answered by the live account; for another account the answer is Unknown, as we have no rights there."""

    def __init__(
        self,
        *,
        account: str,
        client: Callable[[str, str | None], Any],
        identity_center_region: str = "",
        deployment: Mapping[str, Any] | None = None,
    ) -> None:
        """`account` is ours; `client(service, region)` gives a boto3 client with short time limits and no retries.

        `deployment` is the answer to the question of that name.
        """
        self._account = account
        self._client = client
        self._identity_center_region = identity_center_region
        self._deployment = deployment
        self._ask = Asking()

    def managed_policy(self, arn: str, *, version: str = "") -> Mapping[str, Any] | Unknown:
        owner = arn.split(":")[4] if arn.count(":") >= 5 else ""
        if owner not in (self._account, "aws"):
            return _elsewhere(owner or "unknown")

        def ask() -> Any:
            iam = self._client("iam", None)
            wanted = version or iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            return iam.get_policy_version(PolicyArn=arn, VersionId=wanted)["PolicyVersion"]["Document"]

        return self._answer("iam", ask)

    def inline_policy(self, account: str, kind: str, name: str, policy: str) -> Mapping[str, Any] | Unknown:
        if account != self._account:
            return _elsewhere(account)
        calls = {
            "user": ("get_user_policy", "UserName"),
            "role": ("get_role_policy", "RoleName"),
            "group": ("get_group_policy", "GroupName"),
        }
        if kind not in calls:
            return Unknown(reason=phrase("IAM has no inline policies of a {kind}", kind=noun(kind)))
        method, parameter = calls[kind]
        return self._answer(
            "iam",
            lambda: getattr(self._client("iam", None), method)(**{parameter: name, "PolicyName": policy})[
                "PolicyDocument"
            ],
        )

    def policies_of(self, account: str, kind: str, name: str) -> Mapping[str, Any] | Unknown:
        if account != self._account:
            return _elsewhere(account)
        if kind == "permission set" and not self._identity_center_region:
            return Unknown(reason=phrase("identity_center.home_region is not configured"))
        regions = {"sso-admin": self._identity_center_region}
        reader = PolicyReader(lambda service: self._client(service, regions.get(service)))
        service = "sso-admin" if kind == "permission set" else "iam"
        return self._answer(service, lambda: reader.policies_of(kind, name))

    def trail(self, account: str, region: str, name: str) -> Mapping[str, Any] | Unknown:
        if account != self._account:
            return _elsewhere(account)

        def ask() -> Any:
            trails = self._client("cloudtrail", region).describe_trails(trailNameList=[name])["trailList"]
            return trails[0] if trails else Unknown(reason=phrase("there is no such trail any more"))

        return self._answer(f"cloudtrail in {region}", ask)

    def trails(self, account: str, region: str) -> Mapping[str, Any] | Unknown:
        if account != self._account:
            return _elsewhere(account)
        # Those of other regions that record this one, and the organisation's, are among them.
        return self._answer(
            f"cloudtrail in {region}",
            lambda: {"trails": self._client("cloudtrail", region).describe_trails()["trailList"]},
        )

    def deployment(self) -> Mapping[str, Any] | Unknown:
        return self._deployment if self._deployment is not None else Unknown(reason=phrase("it was not handed over"))

    def membership(self, account: str) -> Mapping[str, Any] | Unknown:
        known = self._deployment or {}
        if account == self._account or account in known.get("accounts", ()):
            return {"member": True}
        if not known.get("organization"):
            return Unknown(reason=phrase("trail.organization_id is not configured"))

        def ask() -> Any:
            self._client("organizations", None).describe_account(AccountId=account)
            return {"member": True}

        answer = self._answer("organizations", ask)
        return {"member": False} if answer == Unknown(reason="AccountNotFoundException") else answer

    def standing(self, account: str, kind: str, name: str) -> Mapping[str, Any] | Unknown:
        owner = name.split(":")[4] if kind == "policy" and name.count(":") >= 5 else account
        if owner != self._account:
            return _elsewhere(owner)
        return self._answer("iam", lambda: StandingReader(self._client("iam", None)).standing(kind, name))

    def _answer(self, service: str, ask: Callable[[], Any]) -> Mapping[str, Any] | Unknown:
        found = self._ask(service, ask)
        if isinstance(found, (Mapping, Unknown)):
            return found
        return Unknown(reason=phrase("the answer is not a policy document"))


def _elsewhere(account: str) -> Unknown:
    return Unknown(reason=phrase("it belongs to account {account}, where Rootwatch has no rights", account=account))
