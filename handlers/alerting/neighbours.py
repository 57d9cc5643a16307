"""Who of those that a trust policy lets in is one of us: our own accounts, and our organisation."""

from __future__ import annotations

import re
from collections.abc import Iterable

from handlers.alerting.ports import Lookups, Unknown
from handlers.alerting.privilege import TrustJudgement, judge_trust

_ACCOUNT_ID = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_MOST_ASKED = 10  # a policy may name hundreds; those beyond are strangers, which is the safe side


def judged_trust(document: object, *, account: str, lookups: Lookups, before: object | None = None) -> TrustJudgement:
    """Judge who may assume a role, as `judge_trust` does, knowing which accounts and which organisation are ours.

    Args:
        document: the trust policy, in any shape.
        account: the account the role is in.
        lookups: asked only where the policy lets in somebody who would be a stranger otherwise.
        before: the trust policy it replaces, if known.

    Returns:
        The judgement. An account about which nobody could be asked is a stranger.
    """
    organizations = _organizations(lookups)
    trust = judge_trust(document, account=account, before=before, known_organizations=organizations)
    if not trust.is_dangerous:
        return trust
    named = _accounts_in(text for one in trust.trusted for text in (one.account, *one.conditions))
    members = [other for other in sorted(named - {account})[:_MOST_ASKED] if _is_member(other, lookups)]
    if not members:
        return trust
    return judge_trust(
        document, account=account, before=before, known_accounts=members, known_organizations=organizations
    )


def _organizations(lookups: Lookups) -> tuple[str, ...]:
    known = lookups.deployment()
    organization = "" if isinstance(known, Unknown) else known.get("organization")
    return (organization,) if isinstance(organization, str) and organization else ()


def _is_member(account: str, lookups: Lookups) -> bool:
    answer = lookups.membership(account)
    return not isinstance(answer, Unknown) and answer.get("member") is True


def _accounts_in(texts: Iterable[str]) -> set[str]:
    return {number for text in texts for number in _ACCOUNT_ID.findall(text)}
