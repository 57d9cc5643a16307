"""What a report is made from: plain values that somebody has gathered, or the reason why they could not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from audit.report.document import Missing, Title, Word
from audit.report.month import Month
from handlers.alerting.alert import Alert
from handlers.alerting.finding import Finding
from handlers.alerting.life import Act, Life
from handlers.alerting.suppression import Quiet
from handlers.alerting.window import Use, Window, WindowAct

NOT_ASKED = Missing(Word("missing.not_asked"))
NO_HEARTBEAT = Missing(Word("missing.no_heartbeat"))


@dataclass(frozen=True, kw_only=True)
class AlertStory:
    """An alert with everything that is kept about it."""

    alert: Alert
    findings: Sequence[Finding]
    acts: Sequence[tuple[Act, Life]]


@dataclass(frozen=True, kw_only=True)
class WindowStory:
    """A break-glass window, who decided what about it, and what was done in it."""

    window: Window
    acts: Sequence[tuple[WindowAct, Window]]
    uses: Sequence[Use]


@dataclass(frozen=True, kw_only=True)
class Work:
    """What the logs say was done in a session."""

    writes: int
    reads: int
    failures: int
    calls: tuple[tuple[str, int], ...]  # "iam CreateUser" and how often, the most frequent first
    last: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question, and its answer or why there is none. Rows may hold whatever the engine gives."""

    name: str
    title: Title
    answers: Title
    sql: str
    parameters: Mapping[str, str]
    command: str
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[Any]] = ()
    partial: tuple[str, ...] = ()
    scanned_bytes: int | None = None
    missing: Missing | None = None


class State(StrEnum):
    """Whether a practice is kept."""

    KEPT = "kept"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Practice:
    """One of the best practices, as somebody found it."""

    key: str  # of `words`: "practice.root_mfa"
    state: State
    found_by: str  # "AWS Config rule rootwatch-root-account-mfa-enabled", "credential report"
    offenders: tuple[str, ...] = ()
    why: Missing | None = None  # of an unknown one


@dataclass(frozen=True, kw_only=True)
class AccessFinding:
    """What Access Analyzer finds at the moment."""

    kind: str  # "external" | "internal" | "unused"
    type: str  # AWS's word: "ExternalAccess", "UnusedIAMRole"
    resource: str
    region: str
    updated: datetime | None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Whether each detection has its rule."""

    expected: int
    wrong: tuple[tuple[str, str, str, str], ...]  # region, detection, rule, what is the matter
    how: str = "rootwatch coverage --live"


@dataclass(frozen=True, kw_only=True)
class Heartbeats:
    """The synthetic event: how often it was sent, and how often it came back as an alert in time."""

    sent: int
    arrived: int
    slowest: timedelta | None
    gaps: tuple[tuple[datetime, datetime], ...] = ()  # from when to when none came


@dataclass(frozen=True, kw_only=True)
class Integrity:
    """What the check of the log files' digests said."""

    is_whole: bool
    log_files: int
    digests: int
    since: datetime
    until: datetime
    problems: tuple[tuple[str, str], ...] = ()  # object, what is wrong
    unchecked: tuple[tuple[str, str], ...] = ()  # object, why it could not be checked
    statement: str = ""  # its own hash
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything. Each part may be Missing."""

    month: Month
    made_at: datetime
    deployment: str
    account: str
    account_name: str = ""
    version: str = ""
    is_example: bool = False
    language: str = "en"
    people: Mapping[str, str] = field(default_factory=dict)  # Slack ids and ARNs, and what people call them
    alerts: Sequence[AlertStory] | Missing = NOT_ASKED  # of the month, and those before it that are still open
    alerts_kept_days: int = 400
    windows: Sequence[WindowStory] | Missing = NOT_ASKED
    work: Mapping[str, Work] | Missing = NOT_ASKED  # by access key id or sign-in session
    work_partial: tuple[Missing, ...] = ()
    asked: Sequence[Asked] | Missing = NOT_ASKED
    practices: Sequence[Practice] | Missing = NOT_ASKED
    access: Sequence[AccessFinding] | Missing = NOT_ASKED
    access_partial: tuple[Missing, ...] = ()
    quiet: Quiet | Missing = NOT_ASKED
    rules: Rules | Missing = NOT_ASKED
    heartbeats: Heartbeats | Missing = NO_HEARTBEAT
    integrity: Integrity | Missing = NOT_ASKED
