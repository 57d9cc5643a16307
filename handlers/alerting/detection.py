"""A detection: one declaration of what we watch for, shared by the cloud's filter, our decision and the tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity

if TYPE_CHECKING:
    from handlers.alerting.window import Entry

A_DAY = timedelta(hours=24)


class Regions(StrEnum):
    """Where a detection's events arrive, and so where its rule has to be."""

    GLOBAL = "the partition's global region (us-east-1)"  # root sign-in, IAM, Organizations: nowhere else
    EVERY = "every watched region"
    IDENTITY_CENTER = "the home region of IAM Identity Center"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One line of what is known; the value may be an attacker's text and is escaped wherever it is shown."""

    label: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A longer text shown as it is: a policy, a diff."""

    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Concern:
    """assess: this matters."""

    summary: str  # one sentence: who did what to whom
    subject: str  # on what: "user bob", "trail main"
    severity: Severity
    group: str  # findings of one account with the same group are one conversation, whichever detection made them
    across_accounts: bool = False  # the group is one conversation whichever account it happens in
    joins: str = ""  # a conversation across accounts that it belongs to where that is open; else to its group
    title: str = ""  # the headline where it differs from the detection's own
    routine: bool = True  # False: it makes a full administrator, or may: not left to a digest whoever did it
    facts: tuple[Fact, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    case: str = ""  # what one of AWS's services found and will itself say the end of: the same text each time
    over: bool = False  # the service says that the case is over


@dataclass(frozen=True, kw_only=True)
class Pass:
    """assess: this does not matter, because of `reason`."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What we watch for, how bad it is, why it matters, what lets it through and how we decide."""

    id: str  # "root-console-login" = folder root_console_login = constant ROOT_CONSOLE_LOGIN
    title: str  # the headline: "Root signed in to the console"
    why: str  # why it matters, one sentence
    severity: Severity  # as usual; assess may say otherwise for one event
    pattern: Mapping[str, Any]  # EventBridge pattern: at least as wide as assess
    assess: Callable[[Event, Lookups], Concern | Pass]
    respond: tuple[str, str, str]  # what to do now; runbook.md has the same three steps with commands
    regions: Regions
    window: timedelta = timedelta(minutes=60)  # findings of one group within it share one alert
    threshold: int = 1  # people are told from the n-th finding of an alert on
    sees_read_events: bool = False  # its rule needs ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS
    cis: tuple[str, ...] = ()  # CIS AWS Foundations: "4.3 (v1.4-v5)", "5.3 (v6-v7)"
    attack: tuple[str, ...] = ()  # MITRE ATT&CK technique ids
    staging: bool = False  # records without telling people
    suppressible: bool = True  # False: nothing declared in a configuration can keep it quiet
    out_of_hours: Severity | None = None  # at least this severe outside the working hours, where somebody set them
    begins_session: bool = False  # a privileged session began: what is done in it is followed and told
    # What of an event may need a break-glass window, or None; None in its place: no window changes anything about it.
    windowed: Callable[[Event], Entry | None] | None = None
    pack: str = ""  # works only where the configuration switches this pack on; "": always

    @classmethod
    def announced(cls, *, id: str, title: str, why: str, severity: Severity, respond: tuple[str, str, str]) -> Self:
        """One that Rootwatch announces by itself: no event fires it, so it has no rule and is in no catalogue."""
        return cls(
            id=id,
            title=title,
            why=why,
            severity=severity,
            pattern={"source": [{"exists": False}]},
            assess=lambda _event, _lookups: Pass(reason="it has no event to assess"),
            respond=respond,
            regions=Regions.EVERY,
        )

    @property
    def folder(self) -> str:
        """The folder, which is also the module, below handlers/detections."""
        return self.id.replace("-", "_")
