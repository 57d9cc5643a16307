"""What a call changed in a policy: the document before, the one after, and the difference."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from handlers.alerting.detection import Exhibit
from handlers.alerting.event import Event
from handlers.alerting.nouns import noun
from handlers.alerting.ports import History, Kept, Lookups, Unknown
from handlers.alerting.privilege import diff_documents, judge_trust
from handlers.alerting.privilege.documents import read_json
from handlers.alerting.text import phrase, short

_HOLDERS = {"User": ("user", "userName"), "Role": ("role", "roleName"), "Group": ("group", "groupName")}
_INLINE = {
    f"{verb}{noun}Policy": (verb == "Put", *holder) for noun, holder in _HOLDERS.items() for verb in ("Put", "Delete")
}
_TRUST = {"CreateRole": "assumeRolePolicyDocument", "UpdateAssumeRolePolicy": "policyDocument"}
_PERMISSION_SET = {"PutInlinePolicyToPermissionSet": True, "DeleteInlinePolicyFromPermissionSet": False}
_MOST_CHANGES = 4  # names of those newly trusted


@dataclass(frozen=True, kw_only=True)
class Written:
    """One policy that a call wrote or deleted."""

    place: str  # where the policy is, the same for each call that writes it
    words: str  # the same for people
    document: object  # as the call gave it; None: it was deleted, or the record does not show it
    is_deleted: bool = False
    is_new: bool = False  # there was nothing before
    is_trust: bool = False
    inline: tuple[str, str, str] | None = None  # of an inline policy: kind and name of its holder, and its own name
    arn: str = ""  # of a managed policy
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A policy before and after."""

    written: Written
    before: object  # None: not known, or there was none
    after: object  # None: it is deleted, or could not be read
    source: str  # where `before` is from; "" where it is not known
    unread: str = ""  # why `after` is not known


def written_by(event: Event) -> Written | None:
    """The policy that a call which succeeded wrote; None for every other call."""
    if not event.succeeded:
        return None
    if event.service == "iam.amazonaws.com":
        return _inline(event) or _trust(event) or _managed(event)
    if event.service == "sso.amazonaws.com":
        return _of_permission_set(event)
    return None


def _inline(event: Event) -> Written | None:
    if event.name not in _INLINE:
        return None
    is_put, kind, key = _INLINE[event.name]
    name, policy = event.text("requestParameters", key), event.text("requestParameters", "policyName")
    if not (name and policy):
        return None  # left out for its length: then the record does not say where it is either
    return Written(
        place=f"inline/{kind}/{name}/{policy}",
        words=phrase(
            "the inline policy {policy} of the {kind} {name}", policy=short(policy), kind=noun(kind), name=short(name)
        ),
        document=event.request.get("policyDocument"),
        is_deleted=not is_put,
        inline=(kind, name, policy),
    )


def _trust(event: Event) -> Written | None:
    role = event.text("requestParameters", "roleName")
    if event.name not in _TRUST or not role:
        return None
    return Written(
        place=f"trust/{role}",
        words=phrase("the trust policy of the role {role}", role=short(role)),
        document=event.request.get(_TRUST[event.name]),
        is_new=event.name == "CreateRole",
        is_trust=True,
    )


def _managed(event: Event) -> Written | None:
    """A managed policy's version that is in force now; one that is not the default changes nothing yet."""
    arn = event.text("requestParameters", "policyArn")
    takes_effect = event.name == "SetDefaultPolicyVersion" or (
        event.name == "CreatePolicyVersion" and event.text("requestParameters", "setAsDefault") == "true"
    )
    if not (arn and takes_effect):
        return None
    return Written(
        place=f"managed/{arn}",
        words=phrase("the policy {name}", name=short(arn.rpartition("/")[2])),
        document=event.request.get("policyDocument"),
        arn=arn,
        version=event.text("requestParameters", "versionId")
        or event.text("responseElements", "policyVersion", "versionId"),
    )


def _of_permission_set(event: Event) -> Written | None:
    arn = event.text("requestParameters", "permissionSetArn")
    if event.name not in _PERMISSION_SET or not arn:
        return None
    return Written(
        place=f"permission-set/{arn}",
        words=phrase("the inline policy of the permission set {name}", name=short(arn.rpartition("/")[2])),
        document=event.request.get("inlinePolicy"),
        is_deleted=not _PERMISSION_SET[event.name],
    )


def change_of(event: Event, *, lookups: Lookups, history: History, now: datetime) -> Change | None:
    """The change a call made, and what it left is kept for the next one; None where it wrote no policy.

    Raises:
        UnavailableError: the history does not answer.
    """
    written = written_by(event)
    if written is None:
        return None
    after = _after(event, written, lookups)
    unread = after.reason if isinstance(after, Unknown) else ""
    document = None if isinstance(after, Unknown) else after
    kept = _keep(event, written, document, history, now)
    change = Change(written=written, before=None, after=document, source="", unread=unread)
    if written.is_new:
        return change
    if kept is not None:
        return dataclasses.replace(
            change, before=kept.value, source=phrase("as left on {time} UTC", time=f"{kept.since:%Y-%m-%d %H:%M}")
        )
    return _against_version_before(change, lookups)


def remember(event: Event, *, history: History, now: datetime) -> None:
    """Keep what a call left, without asking anybody: for the next call to be compared with.

    A repeat of an event changes nothing, so one whose change has been looked at may be remembered again. A policy that
    the record does not show takes the place of the copy that is out of date.

    Raises:
        UnavailableError: the history does not answer.
    """
    if written := written_by(event):
        _keep(event, written, written.document, history, now)


def _keep(event: Event, written: Written, document: object, history: History, now: datetime) -> Kept | None:
    return history.replaced(
        f"policy/{event.account}/{written.place}",
        "" if document is None or written.is_deleted else canonical(document),
        event=event.key,
        at=event.time or now,
        now=now,
    )


def _after(event: Event, written: Written, lookups: Lookups) -> object:
    if written.is_deleted or written.document is not None:
        return written.document
    if written.arn:
        return lookups.managed_policy(written.arn, version=written.version)
    if written.inline:
        return lookups.inline_policy(event.account, *written.inline)
    return Unknown(reason=phrase("the record does not show it"))


def _against_version_before(change: Change, lookups: Lookups) -> Change:
    """IAM numbers versions in the order written, and keeps five."""
    number = change.written.version.removeprefix("v")
    if not (change.written.arn and number.isascii() and number.isdecimal() and 1 < int(number[:9]) < 10**8):
        return change
    version = f"v{int(number) - 1}"
    before = lookups.managed_policy(change.written.arn, version=version)
    return change if isinstance(before, Unknown) else dataclasses.replace(change, before=before, source=version)


def canonical(document: object) -> str:
    """The document as compact JSON, so that padding takes no room; text that is not JSON as it is."""
    value, problem = read_json(document)
    if problem is not None:
        return document if isinstance(document, str) else ""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return ""


def exhibit_of(change: Change) -> Exhibit | None:
    """The difference, to be shown; None where there is nothing to compare, or nothing changed."""
    if not change.source or (change.after is None and not change.written.is_deleted):
        return None
    difference = diff_documents(change.before, change.after)
    if not difference:
        return None
    if change.written.is_deleted:
        return Exhibit(title=phrase("What was deleted ({source})", source=change.source), text=difference)
    return Exhibit(title=phrase("What changed ({source})", source=change.source), text=difference)


def remark_on(change: Change, *, account: str) -> str:
    """One line on the comparison: what cannot be compared and why, or who is let in newly; "" where there is none."""
    if change.unread:
        return phrase("{policy} could not be read ({reason})", policy=change.written.words, reason=short(change.unread))
    if change.written.is_new:
        return ""
    if not change.source:
        return phrase("no earlier copy of {policy} is known", policy=change.written.words)
    if change.after is not None and not diff_documents(change.before, change.after):
        return phrase("the same as before but for order and layout ({source})", source=change.source)
    if change.written.is_trust and change.after is not None:
        return _newly_trusted(change, account)
    return ""


def _newly_trusted(change: Change, account: str) -> str:
    trust = judge_trust(change.after, account=account, before=change.before)
    if trust.wider is None:
        return ""  # one of the two cannot be read: the detection says so
    if not trust.wider:
        return phrase("it lets in nobody whom it did not let in before")
    if not trust.added:
        return phrase("it lets in more than before")
    names = list(dict.fromkeys(one.name for one in trust.added))
    shown = ", ".join(short(name) for name in names[:_MOST_CHANGES])
    if len(names) > _MOST_CHANGES:
        return phrase("it newly lets in {names} and {count} more", names=shown, count=str(len(names) - _MOST_CHANGES))
    return phrase("it newly lets in {names}", names=shown)


def as_text(document: object) -> str | None:
    """The document as JSON text, for who takes nothing else; None where it is none."""
    value, problem = read_json(document)
    if problem is not None or not isinstance(value, Mapping):
        return None
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return None
