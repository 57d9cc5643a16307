"""Is this policy administrator, or a way to become one - and why.

Administrator is whoever may write the permissions of any user and any role, for that includes its own: `*`, `iam:*`,
`i?m:*`, `a*:*` to `z*:*`, NotAction of something else and `iam:Put*` all come to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from handlers.alerting.privilege.conditions import Restraint
from handlers.alerting.privilege.documents import (
    ITSELF,
    Document,
    Problem,
    Statement,
    read_document,
    shown,
    shown_condition,
)
from handlers.alerting.privilege.globs import WordSet, Work
from handlers.alerting.privilege.reach import NO_NAME, Allowed, Grant, Reach, example_of
from handlers.alerting.privilege.tables import (
    EscalationPath,
    Table,
    managed_policies,
    numbers,
    table,
)
from handlers.alerting.privilege.verdicts import DecidingStatement, Judgement, OpenPath, PathKind, Verdict
from handlers.alerting.text import Text, and_more, joined, one_after_another, phrase

_MOST_TARGETS = 64  # named users and roles that are compared one by one
_MOST_SHOWN = 5
_FEW = 8  # paths that are quicker looked at one by one
_MOST_CONDITIONS = 20
_TEXT_LIMIT = 600
_Where = Callable[[str], Allowed]


def judge_policy(document: object) -> Judgement:
    """Judge one identity policy.

    Args:
        document: the policy as dict, JSON text, URL-encoded JSON text, bytes or anything an event may hold instead.

    Returns:
        The judgement. Never raises; what cannot be read or judged is COULD_NOT_JUDGE, not NOT_ADMINISTRATOR.
    """
    return _judge([read_document(document)], None, Work())


def judge_principal(policies: Iterable[object], *, boundary: object | None = None) -> Judgement:
    """Judge what several policies together allow: attached, inline and inherited from groups.

    Args:
        policies: documents, each in any shape `judge_policy` takes, or ARNs of AWS managed policies.
        boundary: the permissions boundary, in the same shapes; None where the principal has none.

    Returns:
        The judgement; `statements` say which document, by its place in `policies`, and -1 for the boundary.
    """
    documents = [_document(policy, number) for number, policy in enumerate(policies)]
    return _judge(documents, None if boundary is None else _document(boundary, -1), Work())


def judge_managed_policy(arn: str) -> Judgement | None:
    """Judge an AWS managed policy by its shipped document.

    Args:
        arn: `arn:aws:iam::aws:policy/...`, in any partition.

    Returns:
        The judgement, or None where the document is not shipped (or the ARN is a customer's): fetch it instead.
    """
    name = _managed_name(arn)
    return None if name is None else _judge_managed(name)


@lru_cache(maxsize=256)
def _judge_managed(name: str) -> Judgement:
    return judge_policy(managed_policies()[name]["document"])


def _managed_name(arn: object) -> str | None:
    if not isinstance(arn, str) or len(arn) > 256:
        return None
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not (parts[1] == "aws" or parts[1].startswith("aws-")):
        return None
    name = parts[5].lower()
    return name if parts[2:5] == ["iam", "", "aws"] and name in managed_policies() else None


def _document(policy: object, number: int) -> Document:
    if isinstance(policy, str) and policy.startswith("arn:"):
        name = _managed_name(policy)
        if name is None:
            text = phrase("the document of {policy} is not at hand", policy=shown(policy, 120))
            return Document(problems=(Problem(code="not-at-hand", text=text),))
        policy = managed_policies()[name]["document"]
    return read_document(policy, number=number)


@dataclass(frozen=True, kw_only=True)
class _Case:
    """Everything one judgement looks at."""

    table: Table
    work: Work
    reach: Reach
    bound: Reach | None

    def allowed_at(self, kind: str) -> Allowed:
        bits = self.table.kinds[kind]
        allowed = self.reach.at(bits)
        return allowed if self.bound is None else allowed & self.bound.at(bits)

    @property
    def kinds_are_alike(self) -> bool:
        """Whether the same is allowed on every kind of resource."""
        return self.reach.kinds_are_alike and (self.bound is None or self.bound.kinds_are_alike)

    def allowed_somewhere(self) -> Allowed:
        allowed = self.reach.somewhere()
        return allowed if self.bound is None else allowed & self.bound.somewhere()


def _judge(documents: Sequence[Document], boundary: Document | None, work: Work) -> Judgement:
    facts = table()
    statements = [statement for document in documents for statement in document.statements]
    problems = [problem for document in documents for problem in document.problems]
    notes = [note for document in documents for note in document.notes]
    reach = Reach(statements, facts, work)
    bound = None
    if boundary is not None and not boundary.problems:
        bound = Reach(boundary.statements, facts, work)
    case = _Case(table=facts, work=work, reach=reach, bound=bound)
    judgement = _verdict(case, problems, notes)
    if boundary is not None and boundary.problems:
        # An unreadable boundary can only take away: harmless stays harmless, all else is open.
        problems = [] if judgement.verdict is Verdict.NOT_ADMINISTRATOR else [*boundary.problems]
        return _unless_certain(judgement, problems, even_administrator=True)
    return _unless_certain(judgement, problems, even_administrator=False)


def _unless_certain(judgement: Judgement, problems: Sequence[Problem], *, even_administrator: bool) -> Judgement:
    """What was readable may settle it; otherwise a part that was not makes the whole unjudged."""
    if not problems or (judgement.verdict is Verdict.ADMINISTRATOR and not even_administrator):
        return judgement
    problem = problems[0]
    reason = phrase("Could not judge: {problem}. Somebody has to read it.", problem=problem.text)
    if len(problems) > 1:
        more = str(len(problems) - 1)
        reason = phrase(
            "Could not judge: {problem} (and {count} more). Somebody has to read it.", problem=problem.text, count=more
        )
    return Judgement(
        verdict=Verdict.COULD_NOT_JUDGE,
        code=f"could-not-judge-{problem.code}",
        reason=reason,
        parameters={"why": problem.text, "problems": str(len(problems))},
        paths=judgement.paths,
        statements=judgement.statements,
        conditions=judgement.conditions,
        notes=judgement.notes,
    )


def _verdict(case: _Case, problems: list[Problem], notes: list[str]) -> Judgement:
    cache: dict[str, Allowed] = {}

    def where(kind: str) -> Allowed:
        if kind not in cache:
            cache[kind] = case.allowed_somewhere() if kind == "some" else case.allowed_at(kind)
        return cache[kind]

    notes += [*case.reach.notes, *_condition_notes(case.reach)]
    administrator = _administrator(case, where)
    if administrator is not None and administrator.verdict is Verdict.ADMINISTRATOR:
        return _with_notes(administrator, notes)
    is_held_back = administrator is not None  # by a condition: then what is open under one is nothing new
    paths = [
        *_open_paths(case, where, even_conditional=not is_held_back),
        *_paths_to_named_targets(case, where, problems),
    ]
    if administrator is not None:
        open_now = tuple(path for path in paths if not path.conditional)
        return _with_notes(administrator, notes, open_now)
    if paths:
        return _with_notes(_can_become(case, paths), notes)
    notes += _limited_notes(case, where)
    return _nothing_found(case, notes)


def _with_notes(judgement: Judgement, notes: Sequence[str], paths: tuple[OpenPath, ...] | None = None) -> Judgement:
    return Judgement(
        verdict=judgement.verdict,
        code=judgement.code,
        reason=judgement.reason,
        parameters=judgement.parameters,
        paths=judgement.paths if paths is None else paths,
        statements=judgement.statements,
        conditions=judgement.conditions,
        notes=tuple(dict.fromkeys(notes)),
    )


def _administrator(case: _Case, where: _Where) -> Judgement | None:
    """The judgement where users and roles at large may be given any permission; None where not."""
    facts = case.table
    users, roles = facts.user_writes, facts.role_writes
    user, role = where("user"), where("role")
    if not (user.at_best & users and role.at_best & roles):
        return None
    always = bool(user.always & users and role.always & roles)
    if case.bound is not None:
        # Under a boundary, permissions it writes for itself stay capped - unless it may lift the cap.
        lifts_user, lifts_role = facts.unbind_user, facts.unbind_role
        if not (user.at_best & lifts_user and role.at_best & lifts_role):
            return None
        always = always and bool(user.always & lifts_user and role.always & lifts_role)
    deciding = _deciding(case, users | roles, lambda grant: bool(grant.resources & _bits(facts, "user", "role")))
    code = _how_much(case, where, always=always)
    if always:
        return Judgement(
            verdict=Verdict.ADMINISTRATOR,
            code=f"administrator-{code}",
            reason=_ADMINISTRATOR[code],
            statements=_shown(deciding),
        )
    conditions = _conditions(deciding)
    under = _joined(conditions) or phrase("a condition that the boundary sets")
    return Judgement(
        verdict=Verdict.ADMINISTRATOR_UNDER_CONDITION,
        code=f"administrator-under-condition-{code}",
        reason=phrase("{what}, but only under a condition: {conditions}.", what=_ALLOWED[code], conditions=under),
        parameters={"conditions": under},
        statements=_shown(deciding),
        conditions=conditions,
    )


# How far an administrator's permissions go: as a sentence, and as the beginning of one.
_ADMINISTRATOR = {
    "everything": phrase("Allows every action on every resource."),
    "almost-everything": phrase("Allows almost every action on almost every resource."),
    "writes-permissions": phrase(
        "May write the permissions of any user and any role, its own included, so it can give itself everything."
    ),
}
_ALLOWED = {
    "everything": phrase("Allows every action on every resource"),
    "almost-everything": phrase("Allows almost every action on almost every resource"),
    "writes-permissions": phrase("May write the permissions of any user and any role, its own included"),
}


def _how_much(case: _Case, where: _Where, *, always: bool) -> str:
    """A code for how far an administrator's permissions go."""
    every = case.table.every_action
    anything = where("anything")
    allowed = anything.always if always else anything.at_best
    plain = any(
        grant.statement.allows and grant.actions & every
        for grant in case.reach.grants
        if not (grant.statement.except_actions or grant.statement.except_resources)
    )
    if allowed & every and plain and not case.reach.denies and case.bound is None:
        return "everything"
    if allowed & every or not case.table.actions.everything & ~every & ~allowed:
        return "almost-everything"
    return "writes-permissions"


def _bits(facts: Table, *kinds: str) -> int:
    result = 0
    for kind in kinds:
        for bit in facts.kinds[kind]:
            result |= bit
    return result


def _open_paths(case: _Case, where: _Where, *, even_conditional: bool) -> list[OpenPath]:
    """The paths open on every target of their kind, and those open on the principal itself."""
    facts = case.table
    # Most policies hold few sensitive actions: leave early where a step is impossible everywhere.
    possible = facts.needs_anywhere.met(facts.paths_at_large, where("some").at_best)
    at_best, always = _open_ones(case, where, possible)
    if not even_conditional:
        possible ^= at_best & ~always
    found = []
    for path in facts.paths if possible.bit_count() > _FEW else [facts.paths[number] for number in numbers(possible)]:
        if not possible & path.bit:
            continue
        if at_best & path.bit:
            found.append(path.openings[not always & path.bit])
        elif path.also_on_itself:
            state = _holds_on_itself(case, path, where)
            if state is not None:
                found.append(path.openings_on_itself[not state])
    return found


def _open_ones(case: _Case, where: _Where, paths: int) -> tuple[int, int]:
    """Those of some paths that are open, a condition or not, and those open without one: `_holds` for all of them."""
    facts = case.table
    if paths.bit_count() <= _FEW:
        at_best = always = 0
        for number in numbers(paths):
            path = facts.paths[number]
            if (state := _holds(path, where)) is not None:
                at_best |= path.bit
                always |= path.bit if state else 0
        return at_best, always
    at_best = always = paths
    for needs in facts.needs_where_kinds_are_alike if case.kinds_are_alike else facts.needs:
        if needs.paths & at_best:
            allowed = where(needs.where)
            unconditional = always == at_best and allowed.always == allowed.at_best
            at_best = needs.met(at_best, allowed.at_best)
            always = at_best if unconditional else needs.met(always & at_best, allowed.always)
    return at_best, always


def _holds(path: EscalationPath, where: _Where) -> bool | None:
    """True: open; False: open under a condition; None: closed."""
    always = True
    for step in path.all_steps:
        allowed = where(step.where)
        if not allowed.at_best & step.actions:
            return None
        always = always and bool(allowed.always & step.actions)
    return always


def _holds_on_itself(case: _Case, path: EscalationPath, where: _Where) -> bool | None:
    allowed = where("itself")
    if not allowed.at_best & path.steps[0].actions:
        return None
    always = bool(allowed.always & path.steps[0].actions)
    if case.bound is not None and path.kind is PathKind.GRANT:
        # What it gives itself stays under its boundary, unless it may lift that too.
        lifts = case.table.unbind_user
        if not allowed.at_best & lifts:
            return None
        always = always and bool(allowed.always & lifts)
    return always


def _paths_to_named_targets(case: _Case, where: _Where, problems: list[Problem]) -> list[OpenPath]:
    """Paths where one and the same named user or role can be given permissions and then be used."""
    facts = case.table
    writes = facts.user_writes | facts.role_writes
    uses = facts.everything & ~writes
    wide = _bits(facts, "user", "role")
    patterns = [
        pattern
        for grant in case.reach.grants
        if grant.statement.allows and grant.plausible & writes and not grant.statement.except_resources
        for pattern in grant.patterns
        if case.reach.about[pattern] & writes
        and not case.reach.matched[pattern] & wide
        and not {ITSELF[0], NO_NAME} & set(pattern)
    ]
    if not patterns or not where("some").at_best & uses:
        return []
    targets = list(dict.fromkeys(patterns))
    if len(targets) > _MOST_TARGETS:
        text = phrase(
            "it may write permissions of {count} named users and roles, too many to compare one by one",
            count=str(len(targets)),
        )
        problems.append(Problem(code="too-many-targets", text=text))
        targets = targets[:_MOST_TARGETS]
    examples = {pattern: example_of(pattern) for pattern in targets}
    words = WordSet(examples.values(), ignore_case=False)
    sides = [case.reach] if case.bound is None else [case.reach, case.bound]
    matches = {
        pattern: words.match(pattern, case.work)
        for pattern in {pattern for side in sides for grant in side.grants for pattern in grant.patterns}
    }
    look_ups = [side.on(words, matches) for side in sides]
    found: dict[tuple[str, str], OpenPath] = {}
    known: dict[tuple[str, Allowed], list[OpenPath]] = {}
    for pattern, example in examples.items():
        bit = words.bit(example)
        if not matches[pattern] & bit:
            continue  # the pattern is about something else than a user or role
        allowed = look_ups[0](bit)
        for look_up in look_ups[1:]:
            allowed = allowed & look_up(bit)
        kind = "user" if "user/" in example and "role/" not in example else "role"
        if (kind, allowed) not in known:
            known[kind, allowed] = list(_paths_on_target(case, where, allowed, kind))
        for path in known[kind, allowed]:
            found.setdefault((path.id, pattern), _aimed(path, pattern))
    return list(found.values())


def _paths_on_target(case: _Case, where: _Where, allowed: Allowed, kind: str) -> Iterable[OpenPath]:
    facts = case.table
    writes = facts.user_writes if kind == "user" else facts.role_writes
    if not allowed.at_best & writes or where(kind).always & writes:
        return  # cannot be written, or can be like any other: that is a path already

    def there(name: str) -> Allowed:
        return allowed if name == kind else where(name)

    passes_any = where("role").at_best
    for path in facts.paths_to_users if kind == "user" else facts.paths_to_roles:
        if path.only_on_one_named_target:
            state = _holds(path, there)
        elif not passes_any & path.passes:
            # It may pass one role only, but first give that role everything.
            state = _holds(path, there)
            state = None if state is None else state and bool(allowed.always & writes)
        else:
            continue
        if state is not None:
            yield path.openings[not state]


def _aimed(path: OpenPath, pattern: str) -> OpenPath:
    # The target can be given any permission first, so no other privileged role is needed: it is a grant.
    return OpenPath(
        id=path.id,
        name=path.name,
        kind=PathKind.GRANT,
        target=_readable(pattern),
        conditional=path.conditional,
        sources=path.sources,
    )


def _readable(pattern: str) -> str:
    """The part of a resource pattern that people know it by: `role/app-*`."""
    parts = pattern.split(":", 5)
    return shown(parts[5] if len(parts) == 6 else pattern, 80)


_ORDER = {kind: place for place, kind in enumerate(PathKind)}


def _can_become(case: _Case, paths: Sequence[OpenPath]) -> Judgement:
    ordered = sorted(paths, key=lambda path: (path.conditional, _ORDER[path.kind], bool(path.needs)))
    first = ordered[0]
    mask = 0
    for path in ordered:
        mask |= case.table.path[path.id].actions
    writes = case.table.user_writes | case.table.role_writes if any(path.target for path in ordered) else 0
    deciding = _deciding(case, mask | writes, lambda grant: True)
    conditions = _conditions(deciding) if first.conditional else ()
    under = _joined(conditions)
    others = len({path.id for path in ordered} - {first.id})
    return Judgement(
        verdict=Verdict.CAN_BECOME_ADMINISTRATOR,
        code="can-become-under-condition" if first.conditional else "can-become",
        reason=_can_become_because(first, under, others),
        parameters={
            "path": first.id,
            "target": first.target,
            "needs": first.needs,
            "others": str(others),
            "conditions": under,
        },
        paths=tuple(ordered),
        statements=_shown(deciding),
        conditions=conditions,
    )


def _can_become_because(path: OpenPath, under: str, others: int) -> str:
    """The reason, by one path, the conditions it is under, and the number of further paths."""
    able = path.name
    if path.target == "itself":
        able = phrase("{able} (only itself)", able=able)
    elif path.target:
        able = phrase("{able} (only {target})", able=able, target=path.target)
    if path.needs:
        reason = phrase("Can become administrator: it may {able}; that takes {needs}", able=able, needs=path.needs)
    else:
        reason = phrase("Can become administrator: it may {able}", able=able)
    if under:
        reason = phrase("{reason}; only under a condition: {conditions}", reason=reason, conditions=under)
    if others == 1:
        return phrase("{reason}. 1 more way is open.", reason=reason)
    if others:
        return phrase("{reason}. {count} more ways are open.", reason=reason, count=str(others))
    return phrase("{reason}.", reason=reason)


_NO_SENSITIVE_ACTION = phrase("Not administrator: it allows none of the actions that lead there.")
_NO_OPEN_PATH = phrase("Not administrator: what it allows does not add up to a known way there.")


def _nothing_found(case: _Case, notes: Sequence[str]) -> Judgement:
    allows = any(grant.statement.allows for grant in case.reach.grants)
    code, reason = ("no-open-path", _NO_OPEN_PATH) if allows else ("no-sensitive-action", _NO_SENSITIVE_ACTION)
    return Judgement(
        verdict=Verdict.NOT_ADMINISTRATOR,
        code=f"not-administrator-{code}",
        reason=joined((reason, notes[0])) if notes else reason,
        notes=tuple(dict.fromkeys(notes)),
    )


def _deciding(case: _Case, actions: int, reaches: Callable[[Grant], bool]) -> list[Statement]:
    sides = [case.reach] if case.bound is None else [case.reach, case.bound]
    grants = [
        grant
        for side in sides
        for grant in side.grants
        if grant.statement.allows and grant.actions & actions and reaches(grant)
    ]
    grants.sort(key=lambda grant: not grant.free)  # stable: what needs no condition comes first
    return [grant.statement for grant in grants]


def _shown(statements: Sequence[Statement]) -> tuple[DecidingStatement, ...]:
    return tuple(
        DecidingStatement(
            document=statement.document,
            index=statement.index,
            sid=statement.sid,
            text=shown(statement.text, _TEXT_LIMIT),
        )
        for statement in statements[:_MOST_SHOWN]
    )


def _conditions(statements: Iterable[Statement]) -> tuple[str, ...]:
    named = {
        shown_condition(condition): None
        for statement in statements
        for condition in statement.conditions
        if condition.restraint is Restraint.REAL
    }
    return tuple(named)[:_MOST_CONDITIONS]


def _joined(conditions: Sequence[str]) -> str:
    listed = one_after_another(conditions[:3])
    if len(conditions) <= 3:
        return listed
    return phrase("{list} (and {count} more)", list=listed, count=str(len(conditions) - 3))


def _condition_notes(reach: Reach) -> list[str]:
    notes: list[str] = []
    for grant in reach.grants:
        for condition in grant.statement.conditions:
            if grant.statement.allows and condition.restraint is Restraint.AT_WILL:
                notes.append(
                    phrase(
                        "The condition {condition} holds nobody back and was not counted.",
                        condition=shown_condition(condition),
                    )
                )
            if not grant.statement.allows and condition.restraint is not Restraint.NONE:
                notes.append(
                    phrase(
                        "A Deny applies only under {condition} and was not counted.",
                        condition=shown_condition(condition),
                    )
                )
    return list(dict.fromkeys(notes))[:_MOST_SHOWN]


# What may be limited to named targets, and the note on it: what follows if one of those is privileged.
_LIMITED: tuple[tuple[Callable[[Table], int], Callable[[str], Text]], ...] = (
    (
        lambda facts: facts.pass_role,
        lambda named: phrase(
            "It may pass {targets}; if one of those is an administrator, this can become one.", targets=named
        ),
    ),
    (
        lambda facts: facts.assume_role,
        lambda named: phrase(
            "It may assume {targets}; if one of those is an administrator, this can become one.", targets=named
        ),
    ),
    (
        lambda facts: facts.trust_writes,
        lambda named: phrase(
            "It may decide who may assume {targets}; if one of those is an administrator, this can become one.",
            targets=named,
        ),
    ),
    (
        lambda facts: facts.credentials,
        lambda named: phrase(
            "It may make credentials for {targets}; if one of those is an administrator, this can become one.",
            targets=named,
        ),
    ),
    (
        lambda facts: facts.group_joins,
        lambda named: phrase(
            "It may join {targets}; if one of those is an administrator, this can become one.", targets=named
        ),
    ),
    (
        lambda facts: facts.user_writes | facts.role_writes | facts.group_writes,
        lambda named: phrase(
            "It may write permissions of {targets}; whoever is or uses one of those can become administrator.",
            targets=named,
        ),
    ),
    (
        lambda facts: facts.version_writes,
        lambda named: phrase(
            "It may rewrite {targets}; whoever holds one of those can become administrator.", targets=named
        ),
    ),
)


def _limited_notes(case: _Case, where: _Where) -> list[str]:
    """What stays limited to named targets: harmless only as long as those targets are."""
    facts = case.table
    somewhere = where("some").at_best
    notes: list[str] = []
    for actions, note in _LIMITED:
        mask = actions(facts)
        if not somewhere & mask:
            continue
        targets = {
            _readable(pattern): None
            for grant in case.reach.grants
            if grant.statement.allows and grant.actions & mask and not grant.statement.except_resources
            for pattern in grant.patterns
            if pattern.strip("*") and ITSELF not in pattern and case.reach.about[pattern] & mask
        }
        if targets:
            notes.append(note(and_more(", ".join(list(targets)[:3]), len(targets) - 3)))
    return notes
