"""Whether a policy makes somebody administrator, said the same way by every detection that meets one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from handlers.alerting.detection import Concern, Exhibit, Pass
from handlers.alerting.event import Event
from handlers.alerting.nouns import noun
from handlers.alerting.ports import Lookups, Unknown
from handlers.alerting.privilege import (
    Judgement,
    PathKind,
    Verdict,
    judge_managed_policy,
    judge_policy,
    judge_principal,
)
from handlers.alerting.severity import Severity
from handlers.alerting.text import joined, phrase, short
from handlers.detections.words import HIDDEN, facts, listed, lowered, pretty, sentence, tail

# What follows "bob can now".
_ABILITY = {
    Verdict.ADMINISTRATOR: phrase("do anything in this account"),
    Verdict.ADMINISTRATOR_UNDER_CONDITION: phrase("do anything in this account, under a condition"),
    Verdict.CAN_BECOME_ADMINISTRATOR: phrase("become administrator"),
}
# The same of a permission set, which belongs to no account.
WHERE_ASSIGNED = {
    **_ABILITY,
    Verdict.ADMINISTRATOR: phrase("do anything where it is assigned"),
    Verdict.ADMINISTRATOR_UNDER_CONDITION: phrase("do anything where it is assigned, under a condition"),
}
_ATTEMPT = phrase("Attempt to grant administrator rights")
_UNRECORDED = phrase("CloudTrail does not record what a denied call asked for.")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Whom a grant is for."""

    kind: str  # "user", "role", "group", "policy"
    name: str  # "" where the record does not say

    @classmethod
    def of(cls, event: Event, kind: str, key: str) -> Target:
        """The target that a call names under this request parameter."""
        return cls(kind=kind, name=event.text("requestParameters", key))

    @property
    def words(self) -> str:
        """ "the user bob"; "an unnamed user"."""
        if not self.name:
            return phrase("an unnamed {kind}", kind=noun(self.kind))
        return phrase("the {kind} {name}", kind=noun(self.kind), name=short(self.name))

    @property
    def again(self) -> str:
        """ "the user", where it was named before."""
        return phrase("the {kind}", kind=noun(self.kind))

    @property
    def subject(self) -> str:
        """ "user bob"; "user unknown"."""
        if not self.name:
            return phrase("{kind} unknown", kind=noun(self.kind))
        return phrase("{kind} {name}", kind=noun(self.kind), name=self.name)

    @property
    def holder(self) -> str:
        """Who can do it then, with its verb: "bob can", "every member of ops can"."""
        name = short(self.name) or phrase("that {kind}", kind=noun(self.kind))
        if self.kind == "group":
            return phrase("every member of {group} can", group=name)
        if self.kind == "role":
            return phrase("whoever uses the role {role} can", role=name)
        if self.kind == "policy":
            return phrase("whoever has the policy {policy} can", policy=name)
        return phrase("{name} can", name=name)

    def group(self, event: Event) -> str:
        """The conversation: one a target; attempts whose target is unknown are one a person."""
        if not self.name:
            return f"admin:attempts/{short(event.actor.arn or event.actor.name)}"
        return f"admin:{self.kind}/{short(self.name)}"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What is known of a policy: the judgement, and the document where there is one to show."""

    judgement: Judgement | None  # None: there was no document to judge
    reason: str  # why it is what it is, or why it could not be judged
    document: object = None

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict if self.judgement else Verdict.COULD_NOT_JUDGE

    @property
    def is_harmless(self) -> bool:
        return self.verdict is Verdict.NOT_ADMINISTRATOR

    def effect(self, holder: str, *, later: bool = False, ability: Mapping[Verdict, str] = _ABILITY) -> str:
        """ "bob can now do anything in this account".

        Args:
            holder: who can, with the verb.
            later: without "now": it takes another call.
            ability: what follows the verb, for each verdict that says so.
        """
        if self.judgement is None:
            return phrase("what it allows is unknown, as {reason}", reason=self.reason)
        if self.verdict not in ability:
            return phrase("what it allows could not be judged")
        able = ability[self.verdict]
        whole = (
            phrase("{holder} {able}", holder=holder, able=able)
            if later
            else phrase("{holder} now {able}", holder=holder, able=able)
        )
        if self.verdict is Verdict.CAN_BECOME_ADMINISTRATOR:
            paths = listed((path.name for path in self.judgement.paths), 2)
            return phrase("{effect}, since this allows to {paths}", effect=whole, paths=paths)
        return whole

    def held_by(self, holder: str) -> str:
        """What its holder can do, as the end of a sentence: "the user can do anything in this account"."""
        if self.judgement is None:
            return phrase("{holder} has rights that could not be read", holder=holder)
        if self.verdict in _ABILITY:
            return phrase("{holder} can {able}", holder=holder, able=_ABILITY[self.verdict])
        if self.is_harmless:
            return phrase("{holder} is no administrator", holder=holder)
        return phrase("{holder} has rights that could not be judged", holder=holder)

    @property
    def is_routine(self) -> bool:
        """Whether a declared deployer's giving it can wait for the digest: no full administrator, and judged."""
        return self.verdict in (Verdict.NOT_ADMINISTRATOR, Verdict.CAN_BECOME_ADMINISTRATOR)

    @property
    def severity(self) -> Severity:
        """Of the rights taking effect now."""
        if self.judgement is None or self.verdict is Verdict.COULD_NOT_JUDGE:
            return Severity.MEDIUM
        if self.judgement.is_direct:
            return Severity.HIGH
        # A role of rights has to be at work somewhere already: most services' own full-access policies say as much.
        only_existing = all(path.kind is PathKind.EXISTING for path in self.judgement.paths)
        return Severity.LOW if only_existing else Severity.MEDIUM


def judged_document(document: object) -> Judged:
    """A document as an event or IAM gives it: text, URL-encoded text, or an object."""
    judgement = judge_policy(document)
    return Judged(judgement=judgement, reason=judgement.reason, document=document)


def judged_answer(answer: Mapping[str, Any] | Unknown) -> Judged:
    """A document as a lookup gives it, or could not."""
    if isinstance(answer, Unknown):
        reason = phrase("the policy could not be read ({reason})", reason=short(answer.reason))
        return Judged(judgement=None, reason=reason)
    return judged_document(answer)


def judged_principal(event: Event, lookups: Lookups, target: Target, *, account: str = "") -> Judged:
    """Everything that a user, role, group or permission set has, as it is now, taken together."""
    if not target.name:
        reason = phrase("the record does not name the {kind}", kind=noun(target.kind))
        return Judged(judgement=None, reason=reason)
    answer = lookups.policies_of(account or event.account, target.kind, target.name)
    if isinstance(answer, Unknown):
        reason = phrase("its policies could not be read ({reason})", reason=short(answer.reason))
        return Judged(judgement=None, reason=reason)
    policies = answer.get("policies")
    if not isinstance(policies, list):
        return Judged(judgement=None, reason=phrase("its policies could not be read (the answer holds none)"))
    judgement = judge_principal(policies, boundary=answer.get("boundary"))
    return Judged(judgement=judgement, reason=judgement.reason)


def is_quarantine(event: Event) -> bool:
    """Whether AttachUserPolicy or PutUserPolicy is AWS's answer to a key it found in public.

    The names are AWS's (IAM guide, AWSCompromisedKeyQuarantine; Support's letters on exposed keys).
    """
    arn = event.text("requestParameters", "policyArn")
    name = event.text("requestParameters", "policyName")
    return (":iam::aws:policy/" in arn and tail(arn).startswith("AWSCompromisedKeyQuarantine")) or name.startswith(
        ("AWSExposedCredentialPolicy", "AWSCompromisedKeyQuarantine")
    )


def judged_managed(arn: str, lookups: Lookups, *, version: str = "") -> Judged:
    """A managed policy by its content: AWS's from what we know of them, others from the account as it is now."""
    if not arn:
        return Judged(judgement=None, reason=phrase("the record does not name the policy"))
    known = None if version else judge_managed_policy(arn)
    if known is not None:
        return Judged(judgement=known, reason=known.reason)
    return judged_answer(lookups.managed_policy(arn, version=version))


def policy_words(arn: str) -> str:
    """ "AdministratorAccess" for AWS's own, "the customer policy deploy" for others: a name is no proof."""
    if not arn:
        return phrase("an unnamed policy")
    if ":iam::aws:policy/" in arn:
        return phrase("{aws_managed}", aws_managed=short(tail(arn)))
    return phrase("the customer policy {name}", name=short(tail(arn)))


def inline_words(name: str) -> str:
    """ "the inline policy extra"."""
    return phrase("the inline policy {name}", name=short(name)) if name else phrase("an unnamed inline policy")


def grant(
    event: Event,
    judged: Judged,
    *,
    did: Callable[[], str],
    tried: Callable[[], str],
    target: Target,
    latent: bool = False,
    effect: Callable[[Judged], str] | None = None,
    extra: Iterable[tuple[str, str]] = (),
    exhibits: Iterable[Exhibit] = (),
) -> Concern | Pass:
    """Decide on a grant: what a policy, judged, means for whoever gets it.

    Args:
        did: makes the deed's phrase, as `sentence` takes it: nearly all grants are harmless and need none.
        tried: the same of a deed that failed.
        latent: nobody gets anything yet; it takes another call.
        effect: the words after the deed, where "bob can now …" is not it.
    """
    if judged.is_harmless:
        return Pass(reason=f"the policy does not make anybody administrator: {judged.reason}")
    severity = judged.severity
    hidden = event.request_omitted
    if latent:
        severity = lowered(severity)
    if hidden and event.succeeded:
        severity = Severity.HIGH  # whoever pads a policy wants it unseen
    if not event.succeeded:
        severity = lowered(severity, 2)
    if event.succeeded:
        summary = sentence(event, did(), "", effect(judged) if effect else judged.effect(target.holder))
    else:
        summary = sentence(event, "", tried(), "")
    if hidden:
        summary = joined((summary, HIDDEN))
    elif not event.succeeded and not event.request:
        summary = joined((summary, _UNRECORDED))
    conditions = judged.judgement.conditions if judged.judgement else ()
    return Concern(
        summary=summary,
        subject=target.subject,
        severity=severity,
        group=target.group(event),
        title="" if event.succeeded else _ATTEMPT,
        routine=judged.is_routine and not hidden,
        facts=facts(
            ("Why", judged.reason),
            ("Only if", listed(conditions)),
            *extra,
        ),
        exhibits=(*_documents(judged.document), *exhibits),
    )


def _documents(document: object) -> tuple[Exhibit, ...]:
    if document is None:
        return ()
    text = pretty(document)
    return (Exhibit(title="The policy", text=text),)
