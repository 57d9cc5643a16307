"""What can be used of a user, role, group or policy: passwords, keys, members, holders."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

_MOST_SECONDS = 3.0  # that an alert may wait for it
_MOST_NAMES = 200  # members of a group, or holders of a policy


class SlowAnswerError(ValueError):
    """IAM takes longer today than an alert may wait."""


class StandingReader:
    """Reads with an IAM client, whose errors pass through.

    Rights it needs: iam:GetUser, iam:GetLoginProfile, iam:ListAccessKeys, iam:GetAccessKeyLastUsed,
    iam:ListMFADevices; iam:GetRole; iam:GetGroup; iam:ListEntitiesForPolicy.
    """

    def __init__(self, iam: Any, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds; the reader is for one question, asked at once."""
        self._iam = iam
        self._clock = clock
        self._until = clock() + _MOST_SECONDS

    def standing(self, kind: str, name: str) -> dict[str, Any]:
        """As `Lookups.standing` describes.

        Raises:
            SlowAnswerError: after 3 seconds.
            KeyError: not a kind of these.
        """
        read = {"user": self._user, "role": self._role, "group": self._group, "policy": self._policy}[kind]
        return read(name)

    def _user(self, name: str) -> dict[str, Any]:
        user = self._asked().get_user(UserName=name)["User"]
        found: dict[str, Any] = {"created": _iso(user["CreateDate"])}
        if password := self._password(name):
            found |= {"password": password, "password_used": _iso(user.get("PasswordLastUsed"))}
        keys = self._asked().list_access_keys(UserName=name)["AccessKeyMetadata"]
        found["keys"] = [self._key(key) for key in keys]
        found["mfa_devices"] = len(self._asked().list_mfa_devices(UserName=name)["MFADevices"])
        return found

    def _password(self, name: str) -> str | None:
        try:
            return _iso(self._asked().get_login_profile(UserName=name)["LoginProfile"]["CreateDate"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchEntity":  # so IAM says that there is no password
                return None
            raise

    def _key(self, key: dict[str, Any]) -> dict[str, Any]:
        use = self._asked().get_access_key_last_used(AccessKeyId=key["AccessKeyId"]).get("AccessKeyLastUsed", {})
        return {
            "id": key["AccessKeyId"],
            "active": key["Status"] == "Active",
            "created": _iso(key.get("CreateDate")),
            "used": _iso(use.get("LastUsedDate")),
            "service": use.get("ServiceName", "unknown"),
        }

    def _role(self, name: str) -> dict[str, Any]:
        role = self._asked().get_role(RoleName=name)["Role"]
        return {
            "created": _iso(role["CreateDate"]),
            "used": _iso(role.get("RoleLastUsed", {}).get("LastUsedDate")),
            "trust": role.get("AssumeRolePolicyDocument"),
        }

    def _group(self, name: str) -> dict[str, Any]:
        members: list[str] = []
        for page in self._pages("get_group", GroupName=name):
            members += [user["UserName"] for user in page["Users"]]
            if len(members) >= _MOST_NAMES:
                break
        return {"members": members[:_MOST_NAMES], "more": len(members) >= _MOST_NAMES}

    def _policy(self, arn: str) -> dict[str, Any]:
        found: dict[str, list[str]] = {"users": [], "groups": [], "roles": []}
        for page in self._pages("list_entities_for_policy", PolicyArn=arn):
            for kind, names in found.items():
                noun = kind[:-1].title()
                names += [holder[f"{noun}Name"] for holder in page[f"Policy{kind.title()}"]]
            if sum(map(len, found.values())) >= _MOST_NAMES:
                return {**found, "more": True}
        return {**found, "more": False}

    def _pages(self, operation: str, **arguments: str) -> Iterator[Any]:
        for page in self._asked().get_paginator(operation).paginate(**arguments):
            yield page
            self._asked()

    def _asked(self) -> Any:
        """The client, while there is time for one more call."""
        if self._clock() > self._until:
            raise SlowAnswerError(f"more than {_MOST_SECONDS:.0f} seconds")
        return self._iam


def _iso(moment: object) -> str | None:
    return moment.isoformat() if isinstance(moment, datetime) else None
