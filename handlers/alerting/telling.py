"""Who is told, and what happens when nobody answers: what a deployment declares, as its functions carry it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Self

from handlers.alerting.reminding import Reminders
from handlers.alerting.routing import Routing

KINDS = ("slack", "email", "webhook", "pagerduty", "teams")


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Somebody who can be told. Nothing secret is in it: `secret` is a place."""

    name: str
    kind: str  # one of KINDS
    language: str
    channel: str = ""  # of Slack
    topic_arn: str = ""  # behind addresses
    url: str = ""  # of a webhook
    region: str = "us"  # of PagerDuty
    secret: str = ""  # "ssm:/rootwatch/destinations/soc"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind[:40]!r} is no kind of destination; there is {', '.join(KINDS)}")


@dataclass(frozen=True, kw_only=True)
class Telling:
    """Everything about it."""

    routing: Routing = field(default_factory=Routing)
    destinations: tuple[Destination, ...] = ()
    reminders: Reminders = field(default_factory=lambda: Reminders(rhythms={}))
    on_call: str = ""  # the id in Slack of whoever reminders name

    def to_json(self) -> str:
        """As text, the same each time."""
        plain = {
            "routes": self.routing.to_plain(),
            "destinations": [dataclasses.asdict(item) for item in self.destinations],
            "reminders": self.reminders.to_plain(),
            "on_call": self.on_call,
        }
        return json.dumps(plain, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read back what `to_json` wrote. Raises ValueError where it is anything else, saying what is wrong."""
        try:
            plain = json.loads(text)
            return cls(
                routing=Routing.from_plain(plain["routes"]),
                destinations=tuple(Destination(**item) for item in plain["destinations"]),
                reminders=Reminders.from_plain(plain["reminders"]),
                on_call=str(plain["on_call"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
