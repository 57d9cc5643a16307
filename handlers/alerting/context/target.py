"""What a change is about: whether its target is administrator now, since when, and what can be used of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handlers.alerting.actor import ActorKind
from handlers.alerting.event import Event
from handlers.alerting.nouns import noun
from handlers.alerting.ports import Kept, Unknown
from handlers.alerting.privilege import Judgement, Verdict, judge_principal, judge_trust
from handlers.alerting.text import enumerated, joined, one_after_another, phrase, short

_NAMED_BY = (("user", "userName"), ("role", "roleName"), ("group", "groupName"))
# IAM user guide, "IAM name requirements"; root is called otherwise, and has no policies to look at.
_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,128}")
_POLICY_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:policy/[\x21-\x7e]{1,640}")
_POLICY_CHANGES = frozenset({"CreatePolicyVersion", "SetDefaultPolicyVersion", "DeletePolicyVersion"})
# IAM takes the caller where these name no user (API reference of each).
_OWN = frozenset(
    {"CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "ChangePassword", "UploadSigningCertificate"}
)
# Afterwards there is nothing to look at.
_ENDS = frozenset({"DeleteUser", "DeleteRole", "DeleteGroup", "DeletePolicy"})
_MOST_NAMES = 5


@dataclass(frozen=True, kw_only=True)
class Target:
    """Whom or what an IAM call changed."""

    kind: str  # "user", "role", "group", "policy"
    name: str  # of a policy: its ARN

    @property
    def words(self) -> str:
        """ "the user bob"."""
        return phrase("the {kind} {name}", kind=noun(self.kind), name=self.name.rpartition("/")[2])


def target_of(event: Event) -> Target | None:
    """Whom an IAM call that succeeded changed; None where it changed nobody, or does not say whom."""
    if event.service != "iam.amazonaws.com" or not event.succeeded or event.is_read or event.name in _ENDS:
        return None
    for kind, key in _NAMED_BY:
        name = event.text("requestParameters", key)
        if _NAME.fullmatch(name):
            return Target(kind=kind, name=name)
        if name:
            return None
    arn = event.text("requestParameters", "policyArn")
    if event.name in _POLICY_CHANGES and _POLICY_ARN.fullmatch(arn):
        return Target(kind="policy", name=arn)
    own = event.text("userIdentity", "userName")
    if event.name in _OWN and event.actor.kind is ActorKind.IAM_USER and _NAME.fullmatch(own):
        return Target(kind="user", name=own)
    return None


def judged(policies: Mapping[str, Any] | Unknown) -> Judgement | Unknown:
    """What the answer to `policies_of` amounts to."""
    if isinstance(policies, Unknown):
        return policies
    listed = policies.get("policies")
    if not isinstance(listed, list):
        return Unknown(reason=phrase("the answer holds no policies"))
    return judge_principal(listed, boundary=policies.get("boundary"))


def rights(target: Target, judgement: Judgement | Unknown, before: Kept | Unknown | None) -> str:
    """Whether the target is administrator now, and since when as far as we have seen."""
    if isinstance(judgement, Unknown):
        return phrase(
            "what {target} may do could not be read ({reason})", target=target.words, reason=short(judgement.reason)
        )
    verdict = judgement.verdict.value
    said = phrase("{target}: {verdict}. {reason}", target=target.words, verdict=noun(verdict), reason=judgement.reason)
    if judgement.verdict is Verdict.COULD_NOT_JUDGE or isinstance(before, Unknown):
        return said
    if before is None:
        return joined((said, phrase("Rootwatch had not looked at it before")))
    day = f"{before.since:%Y-%m-%d}"
    if before.value != verdict:
        was = noun(short(before.value, 60))
        return joined((said, phrase("Before this it was: {verdict} (since {day} at least)", verdict=was, day=day)))
    return joined((said, phrase("So since {day} at least", day=day)))


def means(target: Target, standing: Mapping[str, Any] | Unknown, *, account: str) -> str:
    """How the target can be used, and whom a change of it touches."""
    if isinstance(standing, Unknown):
        return phrase("could not be read ({reason})", reason=short(standing.reason))
    if target.kind == "user":
        return _user(standing)
    if target.kind == "role":
        return _role(standing, account)
    if target.kind == "group":
        return _members(standing)
    return _holders(standing)


def _user(standing: Mapping[str, Any]) -> str:
    parts: list[str] = []
    if password := _day(standing.get("password")):
        used = _used(_day(standing.get("password_used")))
        parts.append(phrase("console password of {day}, {used}", day=password, used=used))
    else:
        parts.append(phrase("no console password"))
    keys = [_key(key) for key in _list(standing.get("keys")) if isinstance(key, Mapping)]
    parts += keys or [phrase("no access key")]
    devices = standing.get("mfa_devices")
    if isinstance(devices, int):
        many = phrase("{count} MFA devices", count=str(devices)) if devices else phrase("no MFA devices")
        parts.append(phrase("1 MFA device") if devices == 1 else many)
    if created := _day(standing.get("created")):
        parts.append(phrase("user created {day}", day=created))
    return one_after_another(parts)


def _used(day: str) -> str:
    return phrase("last used {day}", day=day) if day else phrase("never used")


def _key(key: Mapping[str, Any]) -> str:
    used = _day(key.get("used"))
    use = _used("")
    if used:
        use = phrase("last used {day} for {service}", day=used, service=short(str(key.get("service", "unknown")), 40))
    return phrase(
        "access key {id} ({state}, of {day}, {use})",
        id=short(str(key.get("id", "unknown")), 40),
        state=phrase("active") if key.get("active") else phrase("inactive"),
        day=_day(key.get("created")),
        use=use,
    )


def _role(standing: Mapping[str, Any], account: str) -> str:
    trust = judge_trust(standing.get("trust"), account=account)
    names = list(dict.fromkeys(one.name for one in trust.trusted))
    used = _day(standing.get("used"))
    parts: list[str] = [
        phrase("can be assumed by {names}", names=_listed(names) or phrase("nobody")),
        # As far back as IAM looks (GetRole).
        phrase("last used {day}", day=used) if used else phrase("not used in the last 400 days"),
    ]
    if created := _day(standing.get("created")):
        parts.append(phrase("role created {day}", day=created))
    return one_after_another(parts)


def _members(standing: Mapping[str, Any]) -> str:
    names, more = _names(standing, "members"), bool(standing.get("more"))
    if not names:
        return phrase("the group has no members")
    count, listed = _at_least(len(names), more), _listed(names, more=more)
    if len(names) == 1:
        return phrase("touches {count} member: {names}", count=count, names=listed)
    return phrase("touches {count} members: {names}", count=count, names=listed)


def _holders(standing: Mapping[str, Any]) -> str:
    more = bool(standing.get("more"))
    found: list[str] = []
    for kind in ("users", "groups", "roles"):
        if names := _names(standing, kind):
            holders = phrase(
                "{count} {kind} ({names})",
                count=_at_least(len(names), more),
                kind=noun(kind if len(names) > 1 else kind[:-1]),
                names=_listed(names, more=more),
            )
            found.append(holders)
    return phrase("touches {holders}", holders=enumerated(found)) if found else phrase("nobody has the policy")


def _names(standing: Mapping[str, Any], key: str) -> list[str]:
    return [name for name in _list(standing.get(key)) if isinstance(name, str)]


def _at_least(count: int, more: bool) -> str:
    return phrase("at least {count}", count=str(count)) if more else str(count)


def _listed(names: Sequence[str], *, more: bool = False) -> str:
    shown: list[str] = [short(name) for name in names[:_MOST_NAMES]]
    rest = len(names) - len(shown)
    if more or rest:
        shown.append(phrase("{count} more", count=str(rest)) if rest else phrase("others"))
    return enumerated(shown)


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _day(value: object) -> str:
    return value[:10] if isinstance(value, str) else ""
