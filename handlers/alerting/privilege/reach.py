"""Which sensitive actions a set of statements allows on which kinds of resources.

IAM's rule (user guide, "Policy evaluation logic"): allowed is what some Allow matches and no Deny matches; a
permissions boundary has to allow it as well. A Deny under a condition is not counted, because it may not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from handlers.alerting.privilege.conditions import Condition, Restraint
from handlers.alerting.privilege.documents import ITSELF, UNKNOWN, Statement, shown_condition
from handlers.alerting.privilege.globs import WordSet, Work
from handlers.alerting.privilege.tables import ACCOUNT, Table, managed_policies
from handlers.alerting.text import phrase

_NAME_OF_CALLER = "${aws:username"  # what follows is "}", or ", 'a default'}"
NO_NAME = "\ue020"  # a character that no name of a user or role can hold
_ADMINISTRATOR_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One statement, in terms of the table."""

    statement: Statement
    actions: int
    resources: int  # of the table's resources
    plausible: int  # the actions that any of its resources can be for: no bucket has a role
    patterns: tuple[str, ...]  # the resources, made comparable
    free: bool  # no condition that may be false
    certain: bool  # no condition at all: what a Deny needs to be counted


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """What is allowed somewhere: without condition, and at best."""

    always: int = 0
    at_best: int = 0

    def __and__(self, other: Allowed) -> Allowed:
        return Allowed(always=self.always & other.always, at_best=self.at_best & other.at_best)


class Reach:
    """What the statements of some documents reach together."""

    def __init__(self, statements: Iterable[Statement], table: Table, work: Work) -> None:
        self._table = table
        self._work = work
        self._actions: dict[str, int] = {}
        self._patterns: dict[tuple[str, bool], str] = {}
        self._by_service: dict[str, int] = {}
        self._admits: dict[tuple[str, ...], bool | None] = {}
        self.notes: list[str] = []
        self.matched: dict[str, int] = {}  # comparable pattern -> the table's resources it matches
        self.about: dict[str, int] = {}  # comparable pattern -> the actions that what it names can be for
        self.grants: list[Grant] = []
        self._sums: dict[int, Allowed] = {}  # a set of grants, a bit each -> what they allow together; -1: all
        self.denies = False  # whether anything at all is denied
        self.kinds_are_alike = True  # whether every grant is for every resource
        for statement in statements:
            self.denies = self.denies or not statement.allows
            grant = self._grant(statement)
            if grant.actions:
                self.grants.append(grant)
        self.kinds_are_alike = all(grant.resources == table.resources.everything for grant in self.grants)

    def _grant(self, statement: Statement) -> Grant:
        actions = 0
        for pattern in statement.actions:
            if pattern not in self._actions:
                self._actions[pattern] = self._table.actions.match(pattern, self._work)
            actions |= self._actions[pattern]
        if statement.except_actions:
            actions = self._table.actions.everything & ~actions
        if actions & self._table.pass_role:
            actions |= self._table.all_passes
        conditions = [one for one in statement.conditions if one.restraint is not Restraint.NONE]
        free = all(one.restraint is Restraint.AT_WILL for one in conditions)
        if statement.allows and not free and actions:
            actions, free = self._narrowed(actions, conditions)
        resources, plausible, patterns = self._resources(statement) if actions else (0, 0, ())
        return Grant(
            statement=statement,
            actions=actions,
            resources=resources,
            plausible=actions & plausible,
            patterns=patterns,
            free=free,
            certain=not conditions,
        )

    def _resources(self, statement: Statement) -> tuple[int, int, tuple[str, ...]]:
        table, found, plausible = self._table, 0, 0
        patterns = []
        for written in statement.resources:
            key = (written, statement.variables)
            if key not in self._patterns:
                pattern = comparable(written, variables=statement.variables)
                self.matched[pattern] = table.resources.match(pattern, self._work)
                self.about[pattern] = self._plausible(pattern)
                self._patterns[key] = pattern
            pattern = self._patterns[key]
            patterns.append(pattern)
            found |= self.matched[pattern]
            plausible |= self.about[pattern]
        if statement.except_resources:
            found = table.resources.everything & ~found
            plausible = table.everything if found else 0
        return found, plausible, tuple(patterns)

    def _plausible(self, pattern: str) -> int:
        parts = pattern.split(":", 5)
        is_whole = len(parts) == 6 and parts[0] == "arn"
        if not is_whole and "*" not in pattern:
            return 0  # neither an ARN nor able to match one
        if not is_whole and (len(parts) < 3 or "*" in parts[0] + parts[1]):
            return self._table.everything  # its first star may stand for anything
        service = parts[2]
        if service not in self._by_service:
            self._by_service[service] = self._table.actions_on(service, self._work)
        return self._by_service[service]

    def _narrowed(self, actions: int, conditions: Sequence[Condition]) -> tuple[int, bool]:
        """What is left of the actions under conditions on *what* is passed or attached, which we can evaluate.

        Those two keys are absent from every other request (user guide, "IAM and STS condition context keys"), so a
        positive operator on them makes the statement say nothing about other actions.
        """
        table = self._table
        left: list[Condition] = []
        for one in conditions:
            key = one.key.lower()
            positive = one.name in {"stringequals", "stringlike", "stringequalsignorecase", "arnequals", "arnlike"}
            positive = positive and not one.operator.lower().startswith("forallvalues:")
            others = actions if one.holds_without_key else 0
            if one.restraint is Restraint.AT_WILL:
                continue
            if key == "iam:passedtoservice" and positive:
                passes = sum(table.pass_bits[service] for service in self._services(one))
                others &= ~(table.all_passes | table.pass_role)
                if actions & table.pass_role:
                    note = phrase("It may pass roles only under {condition}.", condition=shown_condition(one))
                    self.notes.append(note)
                actions = (actions & passes) | (actions & table.pass_role if passes else 0) | others
            elif key == "iam:policyarn" and positive:
                attaches = table.attaches
                admits = self._admits_administrator(one)
                kept = 0 if admits is False else actions & attaches
                actions = kept | (others & ~attaches)
                if admits is None:
                    left.append(one)
            else:
                left.append(one)
        return actions, not left

    def _services(self, condition: Condition) -> list[str]:
        wild = condition.name in {"stringlike", "arnlike"}
        found = 0
        for value in condition.values:
            # StringEquals takes a star for a star, and no service is called that.
            found |= self._table.services.match(value if wild else value.replace("*", "\0"), self._work)
        return [service for service in self._table.pass_bits if found & self._table.services.bit(service)]

    def _admits_administrator(self, condition: Condition) -> bool | None:
        """Whether a condition on iam:PolicyARN lets a policy be attached that makes administrator; None: unknown."""
        if condition.values not in self._admits:
            self._admits[condition.values] = self._admits_any(condition)
        return self._admits[condition.values]

    def _admits_any(self, condition: Condition) -> bool | None:
        known = managed_policies()
        target = WordSet([_ADMINISTRATOR_ACCESS], ignore_case=False)
        answer: bool | None = False
        for value in condition.values:
            if target.match(_in_aws(value), self._work):
                return True
            policy = known.get(_in_aws(value).removeprefix("arn:aws:iam::aws:").lower())
            if policy is None or "iam:" in str(policy["document"]).lower():
                answer = None  # our own policy, or one that deserves a look of its own
        return answer

    def at(self, bits: Sequence[int]) -> Allowed:
        """What is allowed on any of the given resources of the table."""
        if len(bits) == 1:
            return self._at(bits[0])
        always = at_best = 0
        for bit in bits:
            allowed = self._at(bit)
            always |= allowed.always
            at_best |= allowed.at_best
        return Allowed(always=always, at_best=at_best)

    def _at(self, bit: int) -> Allowed:
        # The same grants match most kinds of resources, or all of them: add those up once.
        matching = -1
        if not self.kinds_are_alike:
            matching = 0
            for place, grant in enumerate(self.grants):
                if grant.resources & bit:
                    matching |= 1 << place
        if matching not in self._sums:
            self._sums[matching] = self._sum(grant for grant in self.grants if grant.resources & bit)
        return self._sums[matching]

    def somewhere(self) -> Allowed:
        """What is allowed on any resource at all, whichever: only a Deny on everything counts against it."""
        anything = self._table.kinds["anything"][0]
        always = at_best = denied = 0
        for grant in self.grants:
            if grant.statement.allows:
                at_best |= grant.plausible
                always |= grant.plausible if grant.free else 0
            elif grant.certain and grant.resources & anything:
                denied |= grant.actions
        return Allowed(always=always & ~denied, at_best=at_best & ~denied)

    def on(self, words: WordSet, matches: Mapping[str, int]) -> Callable[[int], Allowed]:
        """A function of one word of another set of resources: what is allowed there.

        Args:
            words: the set.
            matches: which of its words each pattern of `grants` matches.
        """
        masks = []
        for grant in self.grants:
            mask = 0
            for pattern in grant.patterns:
                mask |= matches[pattern]
            masks.append((grant, words.everything & ~mask if grant.statement.except_resources else mask))
        return lambda bit: self._sum(grant for grant, mask in masks if mask & bit)

    @staticmethod
    def _sum(grants: Iterable[Grant]) -> Allowed:
        always = at_best = denied = 0
        for grant in grants:
            if not grant.statement.allows:
                denied |= grant.actions if grant.certain else 0
            elif grant.free:
                always |= grant.actions
            else:
                at_best |= grant.actions
        return Allowed(always=always & ~denied, at_best=(always | at_best) & ~denied)


def comparable(resource: str, *, variables: bool) -> str:
    """A resource pattern in terms of the table's resources.

    Partition, region and account of a written-out ARN become `*`: "every role of this account" is what we ask about.
    `${aws:username}` becomes the caller itself; `${*}`, `${?}` and `${$}` stand for those characters themselves.
    """
    pattern = resource
    if variables and "${" in pattern:
        pattern = _with_the_caller(pattern)
        # A literal star or question mark is a character that none of our words contains.
        pattern = pattern.replace("${*}", NO_NAME).replace("${?}", NO_NAME).replace("${$}", "$")
    parts = pattern.split(":", 5)
    if len(parts) == 6 and parts[0] == "arn" and parts[4] != "aws":
        parts[1] = parts[3] = parts[4] = "*"
        return ":".join(parts)
    return _in_aws(pattern)


def _with_the_caller(pattern: str) -> str:
    """The pattern with `${aws:username}` replaced; the names of variables are not case-sensitive."""
    start = pattern.lower().find(_NAME_OF_CALLER)
    end = pattern.find("}", start)
    after = pattern[start + len(_NAME_OF_CALLER) : start + len(_NAME_OF_CALLER) + 1]
    if start < 0 or end < 0 or after not in {"}", ",", " "}:
        return pattern
    return pattern[:start] + ITSELF + pattern[end + 1 :]


def _in_aws(arn: str) -> str:
    """The same ARN in the commercial partition."""
    head, _, rest = arn.partition(":")
    partition, colon, tail = rest.partition(":")
    return f"arn:aws:{tail}" if head == "arn" and colon and partition.startswith("aws-") else arn


def example_of(pattern: str) -> str:
    """An ARN that a resource pattern matches and that only wildcards could have matched by chance."""
    head = f"arn:aws:iam::{ACCOUNT}:"
    parts = pattern.split(":", 5)
    rest = parts[5] if len(parts) == 6 else pattern
    return head + rest.replace("*", UNKNOWN).replace("?", UNKNOWN[0])
