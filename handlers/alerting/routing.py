"""Routing: which destinations are told of an alert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from handlers.alerting.alert import Alert
from handlers.alerting.severity import Severity

DEFAULTS = ("slack", "email")  # the channel of [slack] and the topic of [email]: who is told where no route says
RESERVED = (*DEFAULTS, "refresh", "reminders")  # names of our own errands and channels


@dataclass(frozen=True, kw_only=True)
class Route:
    """Alerts with a finding of one of these severities, of one of these detections, in one of these accounts.

    What is not named does not matter: a route that names nothing is for every alert.
    """

    to: tuple[str, ...]
    severities: frozenset[Severity] = frozenset(Severity)
    detections: frozenset[str] = frozenset()  # ids, those of its packs among them; empty: any
    accounts: frozenset[str] = frozenset()  # empty: any

    def matches(self, alert: Alert) -> bool:
        """Whether a loud finding of the alert is what the route names.

        Severity and detection have to be those of one finding: that a conversation has become CRITICAL by another
        detection is not what a route about this one means.
        """
        if self.accounts and alert.headline.account not in self.accounts:
            return False
        return any(self._names(*kind.split("#", 1)) for kind in alert.kinds)

    def _names(self, severity: str, detection: str) -> bool:
        return Severity(int(severity)) in self.severities and (not self.detections or detection in self.detections)


@dataclass(frozen=True, kw_only=True)
class Routing:
    """Every route that matches counts, in any order; what none matches goes to the defaults, never nowhere."""

    routes: tuple[Route, ...] = ()

    def destinations_of(self, alert: Alert) -> frozenset[str]:
        """The names of everybody who is to be told."""
        named = frozenset(name for route in self.routes if route.matches(alert) for name in route.to)
        return named or frozenset(DEFAULTS)

    def accepts(self, alert: Alert, channel: str) -> bool:
        """Whether a channel is told of this alert: it is named, or has been told and is owed the rest of the story.

        A channel of our own that is no destination (the one that sets reminders) is told of every alert.
        """
        if channel in RESERVED and channel not in DEFAULTS:
            return True
        return channel in alert.told or channel in self.destinations_of(alert)

    def to_plain(self) -> list[dict[str, Any]]:
        """As JSON values."""
        return [
            {
                "to": list(route.to),
                "severities": [severity.name for severity in sorted(route.severities)],
                "detections": sorted(route.detections),
                "accounts": sorted(route.accounts),
            }
            for route in self.routes
        ]

    @classmethod
    def from_plain(cls, plain: Sequence[Mapping[str, Any]]) -> Self:
        """What `to_plain` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        return cls(
            routes=tuple(
                Route(
                    to=tuple(item["to"]),
                    severities=frozenset(Severity[name] for name in item["severities"]),
                    detections=frozenset(item["detections"]),
                    accounts=frozenset(item["accounts"]),
                )
                for item in plain
            )
        )
