"""Who may assume a role: its trust policy, judged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import Enum
from functools import partial

from handlers.alerting.privilege.conditions import Condition, Restraint
from handlers.alerting.privilege.documents import Statement, read_document, shown, shown_condition
from handlers.alerting.privilege.globs import WordSet, Work
from handlers.alerting.text import Text, enumerated, phrase

_MOST_SHOWN = 20


class TrustVerdict(Enum):
    """Whether the people a role lets in are who one would expect."""

    ORDINARY = "ordinary"
    DANGEROUS = "dangerous"
    COULD_NOT_JUDGE = "could not judge"


class TrustedKind(Enum):
    """What sort of caller a trust policy names."""

    ANYONE = "anyone"
    THIS_ACCOUNT = "this account"
    OTHER_ACCOUNT = "another account"
    SERVICE = "an AWS service"
    WEB_IDENTITY = "a web identity provider"
    SAML = "a SAML provider"
    CANONICAL_USER = "a canonical user"
    DELETED = "an identity that no longer exists"
    UNKNOWN = "an unknown principal"


_KINDS: Mapping[TrustedKind, Text] = {
    TrustedKind.ANYONE: phrase("anyone"),
    TrustedKind.THIS_ACCOUNT: phrase("this account"),
    TrustedKind.OTHER_ACCOUNT: phrase("another account"),
    TrustedKind.SERVICE: phrase("an AWS service"),
    TrustedKind.WEB_IDENTITY: phrase("a web identity provider"),
    TrustedKind.SAML: phrase("a SAML provider"),
    TrustedKind.CANONICAL_USER: phrase("a canonical user"),
    TrustedKind.DELETED: phrase("an identity that no longer exists"),
    TrustedKind.UNKNOWN: phrase("an unknown principal"),
}


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """One caller the role lets in."""

    kind: TrustedKind
    name: str  # the principal as the policy names it; a phrase where it names whom it does not mean
    account: str = ""  # the account it belongs to, where one is named
    conditions: tuple[str, ...] = ()
    danger: str = ""  # why this is dangerous, a phrase that completes "... because"; "" where it is not

    @property
    def is_dangerous(self) -> bool:
        """Whether this caller alone makes the policy dangerous."""
        return bool(self.danger)


@dataclass(frozen=True, kw_only=True)
class TrustJudgement:
    """Who may assume the role, whether that is dangerous, and whether it is more than before. Texts are phrases."""

    verdict: TrustVerdict
    code: str
    reason: str  # one sentence
    parameters: Mapping[str, str] = field(default_factory=dict)
    trusted: tuple[Trusted, ...] = ()
    added: tuple[Trusted, ...] = ()  # those that the policy before did not let in, or only under more conditions
    wider: bool | None = None  # more than before; None where there is nothing to compare with

    @property
    def is_dangerous(self) -> bool:
        """Whether it lets in somebody it should not."""
        return self.verdict is TrustVerdict.DANGEROUS

    @property
    def effect(self) -> str:
        """The reason of a dangerous policy as a part of a sentence: "it lets in ...: ..."; of another the reason."""
        if self.is_dangerous and isinstance(self.reason, Text):
            return phrase("it lets in {who}: {danger}", **self.reason.arguments)
        return self.reason


@dataclass(frozen=True, kw_only=True)
class _Known:
    account: str  # the role's own
    accounts: Set[str]  # with the role's own
    organizations: Set[str]


@dataclass(frozen=True, kw_only=True)
class _Entry:
    trusted: Trusted
    conditions: tuple[Condition, ...]


_ASSUMES = WordSet(["sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"], ignore_case=True)
# Keys that tie a caller to somebody: a positive operator on one of them narrows "anyone" to people one can name.
_NARROWING_KEYS = frozenset(
    {"aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount", "aws:principalarn", "aws:userid"}
    | {"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourcevpce", "aws:sourcevpc", "aws:sourceip"}
)
_POSITIVE = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress"})
# Providers that sign tokens for everybody in the world: what a subject has to begin with to name one customer.
_SHARED_PROVIDERS: Mapping[str, tuple[str, str]] = {
    "token.actions.githubusercontent.com": ("repo:", "/"),
    "gitlab.com": ("project_path:", "/"),
    "app.terraform.io": ("organization:", ":"),
}
# Further claims that name a customer as well as the subject does.
_SUBJECT_CLAIMS = frozenset({"sub", "repository", "repository_owner", "repository_id", "repository_owner_id"})
# What GitHub lets an organization put at the beginning of the subject instead of `repo:`.
_GITHUB_CLAIMS = ("repository_owner:", "repository_owner_id:", "repository_id:", "repository:", "job_workflow_ref:")
_COGNITO = "cognito-identity.amazonaws.com"  # aud is the identity pool, amr says whether its user signed in


def judge_trust(
    document: object,
    *,
    account: str,
    before: object | None = None,
    known_accounts: Collection[str] = (),
    known_organizations: Collection[str] = (),
) -> TrustJudgement:
    """Judge who may assume a role.

    Args:
        document: the trust policy, in any shape `judge_policy` takes.
        account: the account the role is in.
        before: the trust policy it replaces; None where there is none, as for a new role.
        known_accounts: accounts that are expected: the organization's, or named in the settings.
        known_organizations: ids (`o-...`) of organizations that are expected; empty where nobody told us, and then
            any organization a policy names is taken for ours.

    Returns:
        The judgement. Never raises; what cannot be read is COULD_NOT_JUDGE.
    """
    known = _Known(account=account, accounts={account, *known_accounts}, organizations=set(known_organizations))
    entries, problems = _entries(document, known)
    if problems:
        return TrustJudgement(
            verdict=TrustVerdict.COULD_NOT_JUDGE,
            code="could-not-judge",
            reason=phrase(
                "Could not judge who may assume this role: {problem}. Somebody has to read it.", problem=problems[0]
            ),
            parameters={"why": problems[0]},
            trusted=tuple(entry.trusted for entry in entries),
        )
    added, wider = _compare(entries, before, known)
    trusted = tuple(entry.trusted for entry in entries)
    dangerous = [one for one in (*added, *trusted) if one.is_dangerous]
    if dangerous:
        worst = dangerous[0]
        who = _described(worst)
        if others := len({one.name for one in dangerous}) - 1:
            who = phrase("{who}, and {count} more like it", who=who, count=str(others))
        return TrustJudgement(
            verdict=TrustVerdict.DANGEROUS,
            code=f"dangerous-{worst.kind.name.lower().replace('_', '-')}",
            reason=phrase("Lets in {who}: {danger}.", who=who, danger=worst.danger),
            parameters={"principal": worst.name, "account": worst.account, "why": worst.danger},
            trusted=trusted,
            added=added,
            wider=wider,
        )
    return TrustJudgement(
        verdict=TrustVerdict.ORDINARY,
        code="ordinary" if trusted else "nobody",
        reason=_ordinary(trusted, added, wider),
        parameters={"who": _listed(trusted)},
        trusted=trusted,
        added=added,
        wider=wider,
    )


_NOBODY = phrase("Lets nobody in.")


def _ordinary(trusted: Sequence[Trusted], added: Sequence[Trusted], wider: bool | None) -> str:
    if not trusted:
        return _NOBODY
    if wider and added:
        return phrase("Now also lets in {who}.", who=_listed(added))
    if wider is False:
        return phrase("Lets in {who}, no more than before.", who=_listed(trusted))
    return phrase("Lets in {who}.", who=_listed(trusted))


def _listed(trusted: Sequence[Trusted]) -> str:
    named = list(dict.fromkeys(_described(one) for one in trusted))
    who = enumerated(named[:3])
    return phrase("{who} and {count} more", who=who, count=str(len(named) - 3)) if len(named) > 3 else who


def _described(one: Trusted) -> str:
    if one.kind is not TrustedKind.ANYONE:
        return phrase("{kind} ({name})", kind=_KINDS[one.kind], name=shown(one.name, 100))
    who: str = _KINDS[one.kind]
    if isinstance(one.name, Text):
        who = _anyone_but(shown(one.name.arguments["names"], 100 - len("anyone but ")))
    return phrase("{who} (only under {condition})", who=who, condition=one.conditions[0]) if one.conditions else who


def _anyone_but(names: str) -> Text:
    return phrase("anyone but {names}", names=names)


_NO_PRINCIPAL = phrase("a statement names no principal: this is not a trust policy")


def _entries(document: object, known: _Known) -> tuple[list[_Entry], list[str]]:
    read = read_document(document, needs_resource=False)
    problems = [problem.text for problem in read.problems]
    if any(not statement.has_principal for statement in read.statements):
        problems.append(_NO_PRINCIPAL)
    if problems:
        return [], problems
    work = Work()
    denied = _denied(read.statements, work)
    if denied is None:
        return [], []
    entries = []
    of_anyone = partial(_danger_of_anyone, known=known)
    for statement in read.statements:
        if not statement.allows or not _assumes(statement, work):
            continue
        conditions = tuple(one for one in statement.conditions if one.restraint is Restraint.REAL)
        if statement.except_principals:
            excepted = shown(", ".join(value for _, value in statement.principals[:3]))
            entries.append(_entry(TrustedKind.ANYONE, _anyone_but(excepted), "", conditions, of_anyone))
            continue
        for kind, value in statement.principals:
            if value not in denied:
                entries.append(_classified(kind, value, known, conditions))
    return entries, []


def _assumes(statement: Statement, work: Work) -> bool:
    found = 0
    for pattern in statement.actions:
        found |= _ASSUMES.match(pattern, work)
    return bool(_ASSUMES.everything & ~found if statement.except_actions else found)


def _denied(statements: Iterable[Statement], work: Work) -> frozenset[str] | None:
    """Principals that an unconditional Deny shuts out by the same name; None where it shuts out everybody."""
    names: set[str] = set()
    for statement in statements:
        if statement.allows or statement.except_principals or not _assumes(statement, work):
            continue
        if any(one.restraint is not Restraint.NONE for one in statement.conditions):
            continue
        values = {value for _, value in statement.principals}
        if any(not value.strip("*") for value in values):
            return None
        names |= values
    return frozenset(names)


_Danger = Callable[[tuple[Condition, ...]], str]


def _entry(kind: TrustedKind, name: str, account: str, conditions: tuple[Condition, ...], danger: _Danger) -> _Entry:
    trusted = Trusted(
        kind=kind,
        name=name if isinstance(name, Text) else shown(name, 200),
        account=account,
        conditions=tuple(shown_condition(one) for one in conditions[:_MOST_SHOWN]),
        danger=danger(conditions),
    )
    return _Entry(trusted=trusted, conditions=conditions)


def _harmless(_: tuple[Condition, ...]) -> str:
    return ""


_WHO_LEARNS_THE_ID = phrase("anybody in any AWS account who learns the external id may assume the role")
_ANYBODY = phrase("anybody in any AWS account may assume the role")
_NO_SERVICE = phrase("it names no particular service")
_A_CANONICAL_USER = phrase("a role cannot be assumed by a canonical user, and IAM does not tell whose it is")
_OF_UNKNOWN_KIND = phrase("we do not know this kind of principal")
_OF_UNKNOWN_ACCOUNT = phrase("we cannot tell which account this principal belongs to")
_ANY_PROVIDER = phrase("any identity provider may vouch for the caller")
_ANY_AUDIENCE = phrase("no condition says for which audience or subject the provider vouches")
_GUEST = phrase("anybody may assume the role as a guest of an identity pool, without signing in")


def _danger_of_anyone(conditions: tuple[Condition, ...], *, known: _Known) -> str:
    for one in conditions:
        if one.key.lower() in _NARROWING_KEYS and one.name in _POSITIVE and not one.holds_without_key:
            danger = _danger_of_narrowing(one, known)
            if danger is not None:
                return danger
    if any(one.key.lower() == "sts:externalid" for one in conditions):
        return _WHO_LEARNS_THE_ID
    return _ANYBODY


def _danger_of_narrowing(condition: Condition, known: _Known) -> str | None:
    """What is dangerous about the callers a condition leaves: "" nothing, None if it leaves everybody."""
    key = condition.key.lower()
    if key in {"aws:principalaccount", "aws:principalarn"}:
        accounts = {_account_of(value) for value in condition.values}
        if "" in accounts:  # arn:aws:iam::*:role/x is a role that anybody can create
            return None
        strangers = sorted(accounts - known.accounts)
        return _strange_account(strangers[0]) if strangers else ""
    if any(not value.strip("*?") for value in condition.values):
        return None
    if key in {"aws:principalorgid", "aws:principalorgpaths"} and known.organizations:
        named = {value.partition("/")[0] for value in condition.values}
        strangers = sorted(named - known.organizations)
        if strangers:
            return phrase(
                "organization {organization} is not one of the known ones", organization=shown(strangers[0], 40)
            )
    return ""


def _strange_account(account: str) -> Text:
    return phrase("account {account} is not one of the known accounts", account=account)


def _classified(kind: str, value: str, known: _Known, conditions: tuple[Condition, ...]) -> _Entry:
    if kind == "Service":
        wild = "*" in value or "?" in value
        return _entry(TrustedKind.SERVICE, value, "", conditions, lambda _: _NO_SERVICE if wild else "")
    if kind == "Federated":
        return _federated(value, known, conditions)
    if kind == "CanonicalUser":
        return _entry(TrustedKind.CANONICAL_USER, value, "", conditions, lambda _: _A_CANONICAL_USER)
    if kind != "AWS":
        return _entry(TrustedKind.UNKNOWN, f"{kind}: {value}", "", conditions, lambda _: _OF_UNKNOWN_KIND)
    if not value.strip("*"):
        return _entry(TrustedKind.ANYONE, "*", "", conditions, partial(_danger_of_anyone, known=known))
    owner = _account_of(value)
    if owner == known.account:
        return _entry(TrustedKind.THIS_ACCOUNT, value, owner, conditions, _harmless)
    if owner:
        danger = "" if owner in known.accounts else _strange_account(owner)
        return _entry(TrustedKind.OTHER_ACCOUNT, value, owner, conditions, lambda _: danger)
    if value[:4] in {"AIDA", "AROA"} and value.isalnum():
        # IAM shows the unique id of a user or role that was deleted; nobody can be it again.
        return _entry(TrustedKind.DELETED, value, "", conditions, _harmless)
    return _entry(TrustedKind.UNKNOWN, value, "", conditions, lambda _: _OF_UNKNOWN_ACCOUNT)


def _account_of(principal: str) -> str:
    number = principal
    if principal.startswith("arn:"):
        parts = principal.split(":", 5)
        number = parts[4] if len(parts) == 6 else ""
    return number if len(number) == 12 and number.isascii() and number.isdigit() else ""


def _federated(value: str, known: _Known, conditions: tuple[Condition, ...]) -> _Entry:
    owner = _account_of(value)
    if ":saml-provider/" in value:
        kind, danger = TrustedKind.SAML, _danger_of_saml(conditions)
    else:
        kind, danger = TrustedKind.WEB_IDENTITY, _danger_of_web_identity(value, conditions)
    if owner and owner not in known.accounts:
        danger = phrase(
            "the provider belongs to account {account}, which is not one of the known accounts", account=owner
        )
    elif not value.strip("*"):
        danger = _ANY_PROVIDER
    return _entry(kind, value, owner or known.account, conditions, lambda _: danger)


def _danger_of_saml(conditions: tuple[Condition, ...]) -> str:
    if any(one.key.lower().startswith("saml:") and one.name in _POSITIVE for one in conditions):
        return ""
    return _ANY_AUDIENCE


def _danger_of_web_identity(provider: str, conditions: tuple[Condition, ...]) -> str:
    host = provider.rpartition("oidc-provider/")[2]
    if host == _COGNITO and not any(_is_signed_in(one) for one in conditions):
        return _GUEST
    claims = {"aud", "sub"} if host == _COGNITO else _SUBJECT_CLAIMS
    for one in conditions:
        prefix, _, claim = one.key.lower().rpartition(":")
        if claim not in claims or prefix != host.lower() or one.name not in _POSITIVE or one.holds_without_key:
            continue
        wide = [value for value in one.values if not _names_somebody(host, claim, value, one.name)]
        if not wide:
            return ""
        return phrase(
            "the subject {subject} stands for people who have nothing to do with you", subject=shown(wide[0], 80)
        )
    return phrase("no condition says whose tokens of {provider} are meant", provider=shown(host, 80))


def _is_signed_in(condition: Condition) -> bool:
    return (
        condition.key.lower() == f"{_COGNITO}:amr"
        and condition.name in _POSITIVE
        and not condition.operator.lower().endswith("ifexists")
        and all(value.partition("*")[0] and not value.startswith("unauth") for value in condition.values)
    )


def _names_somebody(host: str, claim: str, value: str, operator: str) -> bool:
    """Whether a subject pattern names one customer of a provider rather than all of them."""
    literal = value.partition("*")[0].partition("?")[0] if operator in {"stringlike", "arnlike"} else value
    if claim != "sub" or host.lower() not in _SHARED_PROVIDERS:
        return bool(literal)
    start, end = _SHARED_PROVIDERS[host.lower()]
    if literal.startswith(_GITHUB_CLAIMS):
        return bool(literal.partition(":")[2])
    owner = literal.removeprefix(start)
    return literal.startswith(start) and end in owner and not owner.startswith(end)


def _compare(
    entries: Sequence[_Entry], before: object | None, known: _Known
) -> tuple[tuple[Trusted, ...], bool | None]:
    if before is None:
        return (), None
    earlier, problems = _entries(before, known)
    if problems:
        return (), None
    added = tuple(one.trusted for one in entries if not any(_covers(old, one) for old in earlier))
    return added, bool(added)


def _covers(old: _Entry, new: _Entry) -> bool:
    """Whether everybody `new` lets in was let in by `old` already."""
    same = (old.trusted.kind, old.trusted.name) == (new.trusted.kind, new.trusted.name)
    is_aws = new.trusted.kind in {TrustedKind.THIS_ACCOUNT, TrustedKind.OTHER_ACCOUNT}
    whole_account = (
        is_aws
        and old.trusted.account == new.trusted.account
        and (old.trusted.name == old.trusted.account or old.trusted.name.endswith(":root"))
    )
    anyone = old.trusted.kind is TrustedKind.ANYONE and old.trusted.name == "*" and is_aws
    if not (same or whole_account or anyone):
        return False
    return all(any(_implies(mine, theirs) for mine in new.conditions) for theirs in old.conditions)


def _implies(new: Condition, old: Condition) -> bool:
    """Whether a request that meets `new` also meets `old`: the same test on the same or fewer values."""
    if (new.operator.lower(), new.key.lower()) != (old.operator.lower(), old.key.lower()):
        return False
    if old.is_negated:
        return set(old.values) <= set(new.values)
    return set(new.values) <= set(old.values)
