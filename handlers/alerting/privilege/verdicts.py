"""What can be said about a policy: the verdicts, and the judgement that carries one with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Verdict(Enum):
    """What a policy, or all policies of a principal together, amount to."""

    ADMINISTRATOR = "administrator"
    ADMINISTRATOR_UNDER_CONDITION = "administrator under a condition"
    CAN_BECOME_ADMINISTRATOR = "can become administrator"
    NOT_ADMINISTRATOR = "not administrator"
    COULD_NOT_JUDGE = "could not judge"

    @property
    def deserves_attention(self) -> bool:
        """True unless we looked and found nothing: what could not be judged is never taken for harmless."""
        return self is not Verdict.NOT_ADMINISTRATOR


class PathKind(Enum):
    """How an escalation path works; from what needs nothing else to what needs most."""

    GRANT = "grant"  # writes permissions, its own among them
    TAKEOVER = "takeover"  # becomes another identity
    PASS_ROLE = "pass-role"  # noqa: S105 - hands a privileged role to something it controls
    EXISTING = "existing"  # runs code where a privileged role is at work already
    BOUNDARY = "boundary"  # removes what holds its permissions back
    ORGANIZATION = "organization"  # uses the organization or Identity Center


@dataclass(frozen=True, kw_only=True)
class OpenPath:
    """An escalation path that the judged policies leave open."""

    id: str  # stable, e.g. pass-role-lambda
    name: str  # a phrase; completes "It may ..."
    kind: PathKind
    target: str = ""  # "" on everything; otherwise the one target: "itself" or an ARN pattern of the policy
    needs: str = ""  # a phrase: what must exist besides; "" where nothing must
    conditional: bool = False  # only while a condition holds
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DecidingStatement:
    """A statement the verdict rests on."""

    document: int  # which of the documents given, from 0
    index: int  # which statement of it, from 0
    sid: str
    text: str  # the statement in canonical form, one line, bounded


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict with everything needed to show it and to argue with it.

    Sentences are phrases, so that they can be said in another language. Strings may quote the policy, which its author
    controls: they are one line, bounded and without control characters, and still have to be escaped wherever they are
    shown.
    """

    verdict: Verdict
    code: str  # stable; with `parameters` it says the same as `reason`
    reason: str  # one sentence
    parameters: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[OpenPath, ...] = ()
    statements: tuple[DecidingStatement, ...] = ()
    conditions: tuple[str, ...] = ()  # the conditions the verdict depends on
    notes: tuple[str, ...] = ()  # what was seen and not counted, each a sentence

    @property
    def is_direct(self) -> bool:
        """Whether nothing else has to exist: no other privileged identity, role or machine."""
        return self.verdict in {Verdict.ADMINISTRATOR, Verdict.ADMINISTRATOR_UNDER_CONDITION} or any(
            path.kind is PathKind.GRANT and not path.needs for path in self.paths
        )
