"""Whom enrichment asks besides IAM and our own table: the organisation, address files, and Access Analyzer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from handlers.adapters.asking import Asking
from handlers.alerting.ports import Place, Unknown
from handlers.alerting.text import phrase

_FRESH_SECONDS = 3_600.0  # accounts are renamed and moved once in a while
_FAILED_SECONDS = 600.0  # before a refusal is tried again
_MOST_UNITS = 6  # Organizations nests units five deep (user guide, "Quotas")
_MOST_KNOWN = 1_000  # answers kept: whoever sends events names users as he likes
_NOT_CONFIGURED = Unknown(reason=phrase("not configured"))
_Answer = TypeVar("_Answer")

# What makes an administrator, in few actions: each is one of the ways to grant oneself the rest.
_SENSITIVE_ACTIONS = (
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:PassRole",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
)
_ASSUMING_ACTIONS = ("sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity")


class OrganizationDirectory:
    """A Directory answered by Organizations and Identity Center, each where it is configured; answers are cached.

    Rights it needs: organizations:DescribeAccount, organizations:ListParents,
    organizations:DescribeOrganizationalUnit; identitystore:DescribeUser.
    """

    def __init__(
        self,
        *,
        client: Callable[[str, str | None], Any],
        identity_center_region: str = "",
        has_organization: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`client(service, region)` gives a boto3 client with short time limits; `clock` counts seconds."""
        self._client = client
        self._region = identity_center_region
        self._has_organization = has_organization
        ask = Asking(clock=clock)
        self._users: _Cache[str] = _Cache(ask, clock)
        self._places: _Cache[Place] = _Cache(ask, clock)

    def user_name(self, store: str, user: str) -> str | Unknown:
        if not self._region:
            return Unknown(reason=phrase("identity_center.home_region is not configured"))

        def ask() -> str:
            client = self._client("identitystore", self._region)
            answer = client.describe_user(IdentityStoreId=store, UserId=user)
            return str(answer.get("UserName") or answer.get("DisplayName") or user)

        return self._users.get((store, user), "identitystore", ask)

    def place(self, account: str) -> Place | Unknown:
        if not self._has_organization:
            return _NOT_CONFIGURED

        def ask() -> Place:
            organizations = self._client("organizations", None)
            name = organizations.describe_account(AccountId=account)["Account"].get("Name", "")
            units: list[str] = []
            child = account
            for _ in range(_MOST_UNITS):
                parent = organizations.list_parents(ChildId=child)["Parents"][0]
                if parent["Type"] != "ORGANIZATIONAL_UNIT":
                    break
                child = parent["Id"]
                unit = organizations.describe_organizational_unit(OrganizationalUnitId=child)["OrganizationalUnit"]
                units.insert(0, unit.get("Name", child))
            return Place(name=name, path="/".join(units))

        return self._places.get((account,), "organizations", ask)


class _Cache(Generic[_Answer]):
    """Answers for an hour, refusals for ten minutes."""

    def __init__(self, ask: Asking, clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._known: dict[tuple[str, ...], tuple[float, _Answer | Unknown]] = {}

    def get(self, question: tuple[str, ...], service: str, ask: Callable[[], _Answer]) -> _Answer | Unknown:
        now = self._clock()
        known = self._known.get(question)
        if known is not None and now < known[0]:
            return known[1]
        answer = self._ask(service, ask)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[question] = (now + (_FAILED_SECONDS if isinstance(answer, Unknown) else _FRESH_SECONDS), answer)
        return answer


class AddressFiles:
    """An AddressBook read from files in MaxMind's format, as several publishers offer them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """`paths` are opened at the first question, so that a broken file costs a line and not the pipeline."""
        self._paths = tuple(paths)

    @cached_property
    def _readers(self) -> Sequence[Any]:
        import maxminddb  # noqa: PLC0415 - only where files are configured: it would slow every other cold start

        return [maxminddb.open_database(path) for path in self._paths]

    def owner(self, address: str) -> str:
        """As AddressBook says.

        Raises:
            OSError, ValueError: a file is missing or damaged.
        """
        record: dict[str, Any] = {}
        for reader in self._readers:
            if ":" in address and reader.metadata().ip_version == 4:  # which refuses IPv6
                continue
            found = reader.get(address.partition("%")[0])
            if isinstance(found, Mapping):
                record |= found
        return ", ".join(part for part in (_network(record), _country(record)) if part)


def _network(record: Mapping[str, Any]) -> str:
    """ "Example Ltd (AS64500)", from the fields that MaxMind and DB-IP use, or those of IPinfo."""
    name = _first_text(record, "autonomous_system_organization", "as_name")
    number = record.get("autonomous_system_number") or record.get("asn")
    number = f"AS{number}" if isinstance(number, int) else number if isinstance(number, str) else ""
    return f"{name} ({number})" if name and number else name or number


def _country(record: Mapping[str, Any]) -> str:
    """ "Japan", else "JP"."""
    country = record.get("country") or record.get("registered_country")
    if isinstance(country, Mapping):
        names = country.get("names")
        english = names.get("en") if isinstance(names, Mapping) else None
        return english if isinstance(english, str) else _first_text(country, "iso_code")
    return _first_text(record, "country_name", "country", "country_code")


def _first_text(record: Mapping[str, Any], *keys: str) -> str:
    return next((value for key in keys if isinstance(value := record.get(key), str) and value), "")


class AccessAnalyzerChecks:
    """PolicyChecks by IAM Access Analyzer's custom policy checks, which AWS charges for.

    Rights it needs: access-analyzer:CheckNoNewAccess, access-analyzer:CheckAccessNotGranted.
    """

    def __init__(self, *, client: Callable[[str, str | None], Any]) -> None:
        """`client(service, region)` gives a boto3 client with short time limits."""
        self._client = client
        self._ask = Asking()

    def check(self, before: str | None, after: str, *, is_trust: bool) -> str | Unknown:
        kind = "RESOURCE_POLICY" if is_trust else "IDENTITY_POLICY"

        def compare() -> Any:
            analyzer = self._client("accessanalyzer", None)
            if before is not None:
                return analyzer.check_no_new_access(
                    existingPolicyDocument=before, newPolicyDocument=after, policyType=kind
                )
            actions = list(_ASSUMING_ACTIONS if is_trust else _SENSITIVE_ACTIONS)
            return analyzer.check_access_not_granted(
                policyDocument=after, access=[{"actions": actions}], policyType=kind
            )

        answer = self._ask("accessanalyzer", compare)
        if isinstance(answer, Unknown):
            return answer
        return _opinion(answer, compared=before is not None, is_trust=is_trust)


def _opinion(answer: Mapping[str, Any], *, compared: bool, is_trust: bool) -> str:
    if answer.get("result") not in ("PASS", "FAIL"):
        return phrase("no clear answer")
    passed = answer["result"] == "PASS"
    if compared:
        good = phrase("allows nothing that the policy before did not")
        said = good if passed else phrase("allows more than the policy before")
    elif is_trust:
        said = phrase("lets nobody assume it") if passed else phrase("lets somebody assume it")
    else:
        good = phrase("grants no action that makes administrators")
        said = good if passed else phrase("grants actions that make administrators")
    reasons = [reason.get("description", "") for reason in answer.get("reasons", ())]
    return phrase("{said}: {reason}", said=said, reason=reasons[0]) if reasons and reasons[0] and not passed else said
