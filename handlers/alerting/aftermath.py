"""What else follows when people take, settle or reopen an alert: alarms, pagers, and how long it took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from handlers.alerting.alert import Alert
from handlers.alerting.life import Life, State, Verb
from handlers.alerting.ports import Timer
from handlers.alerting.reminding import Reminders, ReminderSetter, cancel


class Pager(Protocol):
    """A service that calls people until it hears that somebody took the alert."""

    def settle(self, alert: Alert, *, is_closed: bool) -> None:
        """Stop calling. Raises UnavailableError."""
        ...


def is_owned(alert: Alert) -> bool:
    """Whether somebody has taken an alert: whoever calls for help has not, until the help comes."""
    return alert.life.state not in (State.OPEN, State.ESCALATED)


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """Sees to what follows an act that was done; repeating it changes nothing more.

    Attributes:
        reminders, timer: without a timer nobody is reminded, and there is nothing to take back.
        pagers: those that the alert may have gone to.
        took: told of each alert that somebody took: (alert, when).
    """

    reminders: Reminders = field(default_factory=Reminders)
    timer: Timer | None = None
    pagers: Sequence[Pager] = ()
    took: Callable[[Alert, datetime], None] = lambda _alert, _at: None
    clock: Callable[[], datetime]

    def count(self, alert: Alert, verb: Verb, life: Life) -> None:
        """What is measured of an act, each time it is called."""
        if verb is Verb.ACKNOWLEDGE and life.at is not None:
            self.took(alert, life.at)

    def of(self, alert: Alert, verb: Verb, life: Life) -> None:
        """After `verb` brought the alert to `life`.

        Raises:
            UnavailableError: something is not done yet.
        """
        if verb is Verb.REOPEN:
            if self.timer is not None:
                setter = ReminderSetter(reminders=self.reminders, timer=self.timer, clock=self.clock)
                setter.begin(alert, round=life.version)
            return
        if life.state in (State.OPEN, State.ESCALATED):
            return
        if self.timer is not None:
            cancel(alert, reminders=self.reminders, timer=self.timer, clock=self.clock)
        for pager in self.pagers:
            pager.settle(alert, is_closed=life.is_settled)
