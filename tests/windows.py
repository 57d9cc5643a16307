"""What tests of break-glass windows build with: people, rules, a window and a desk in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from handlers.adapters.memory import MemoryWindows
from handlers.alerting.errors import UnavailableError
from handlers.alerting.window import (
    BreakGlass,
    Person,
    Window,
    WindowAct,
    WindowDecision,
    WindowRequest,
    WindowState,
    WindowVerb,
)
from handlers.alerting.window_desk import WindowDesk
from tests.building import ACCOUNT, NOW

ALICE, BOB, CAROL, STRANGER = "U0ALICE", "U0BOB", "U0CAROL", "U0STRANGER"
ALICES_SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/alice"
BOBS_USER = f"arn:aws:iam::{ACCOUNT}:user/bob"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/BreakGlass*"
RULES = BreakGlass(
    approvers=(BOB, CAROL, BOBS_USER),
    required_for=("root", ROLE),
    people=(
        Person(
            name="alice",
            slack=ALICE,
            principals=(f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Admin_*/alice",),
            addresses=("192.0.2.0/25", "2001:db8:1::/48"),
        ),
        Person(name="bob", slack=BOB, principals=(BOBS_USER,), addresses=("192.0.2.128/25",)),
    ),
    accounts=(ACCOUNT, "210987654321"),
)
HOUR = timedelta(hours=1)


def window(**changes: Any) -> Window:
    """Alice's, for root, from an hour before NOW until an hour after, approved by bob."""
    values: dict[str, Any] = {
        "id": "W0123456789ab",
        "account": ACCOUNT,
        "identity": "root",
        "person": "alice",
        "purpose": "change the account's contact",
        "ticket": "OPS-7",
        "starts": NOW - HOUR,
        "ends": NOW + HOUR,
        "requested_by": ALICE,
        "requested_at": NOW - 3 * HOUR,
        "state": WindowState.APPROVED,
        "approved_by": BOB,
        "approved_at": NOW - 2 * HOUR,
        "version": 2,
        **changes,
    }
    return Window(**values)


def asked(**changes: Any) -> WindowRequest:
    values: dict[str, Any] = {
        "account": ACCOUNT,
        "person": "alice",
        "purpose": "change the account's contact",
        "ticket": "OPS-7",
        "starts": NOW,
        "length": HOUR,
        **changes,
    }
    return WindowRequest(**values)


@dataclass(kw_only=True)
class Alarms:
    """A Timer that keeps what was set, and fails when asked to."""

    set_for: dict[str, tuple[datetime, Mapping[str, str]]] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    failing: int = 0

    def set(self, name: str, at: datetime, work: Mapping[str, str]) -> None:
        if self.failing:
            self.failing -= 1
            raise UnavailableError("the clock service did not answer")
        self.set_for.setdefault(name, (at, work))

    def cancel(self, name: str) -> None:
        self.cancelled.append(name)
        self.set_for.pop(name, None)


@dataclass(kw_only=True)
class Office:
    """A desk, its store, its alarms and its audit log, with a clock that the test moves."""

    now: datetime = NOW
    rules: BreakGlass = RULES
    windows: Any = field(default_factory=MemoryWindows)
    alarms: Alarms = field(default_factory=Alarms)
    log: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def desk(self) -> WindowDesk:
        return WindowDesk(
            windows=self.windows,
            rules=self.rules,
            clock=lambda: self.now,
            audit=self.log.__setitem__,
            timer=self.alarms,
        )

    def ask(self, by: str = ALICE, act_id: str = "asked", **changes: Any) -> Window:
        decision = self.desk.request(asked(**changes), act_id=act_id, by=by)
        assert isinstance(decision, WindowDecision), decision
        assert decision.window is not None
        return decision.window

    def act(self, window_id: str, verb: WindowVerb, by: str, *, act_id: str = "", reason: str = "") -> WindowDecision:
        act = WindowAct(id=act_id or f"{verb} by {by}", verb=verb, by=by, at=self.now, reason=reason)
        return self.desk.act(window_id, act)

    def approved(self, **changes: Any) -> Window:
        decision = self.act(self.ask(**changes).id, WindowVerb.APPROVE, BOB)
        assert decision.window is not None
        return decision.window
