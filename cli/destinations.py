"""Who is told of which alerts, as a deployment declares it; and the secrets that destinations are told with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cli.errors import CommandError
from cli.slack import stored
from cli.terminal import table
from handlers.adapters.https import ForbiddenAddressError, checked_url
from handlers.adapters.untrusted import plain
from handlers.alerting.reminding import Rhythm
from handlers.alerting.routing import DEFAULTS, Route
from handlers.alerting.severity import Severity

if TYPE_CHECKING:
    from infra.deployment import Deployment, Destination

_WHAT = {
    "webhook": "Signing secret",
    "pagerduty": "Integration key of PagerDuty",
    "teams": "Address of the Teams workflow",
}
_PAGERDUTY_KEY = re.compile(r"[A-Za-z0-9]{32}")
_SHORTEST_SECRET = 16
_NAMED = 3


def as_plain(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """Every destination and route, for programs."""
    for name, place in _places(deployment):
        yield {"destination": name, "place": place}
    for number, route in enumerate(deployment.routing.to_plain()):
        yield {"route": number, **route}


def as_text(deployment: Deployment) -> Iterator[str]:
    """Tables of destinations and of routes, then what happens when nobody answers."""
    rows = [("DESTINATION", "WHERE"), *((name, plain(place, 200)) for name, place in _places(deployment))]
    yield from table(rows)
    yield ""
    routes = deployment.routing.routes
    rows3 = [("TO", "SEVERITY", "DETECTIONS", "ACCOUNTS"), *(_row(route) for route in routes)]
    if routes:
        yield from table(rows3)
    yield f"{'Every other' if routes else 'Every'} alert goes to {' and '.join(DEFAULTS)}."
    yield ""
    reminders = deployment.reminders.as_reminders(deployment.hours_of_work)
    if not reminders.rhythms:
        yield "Nobody is reminded of an alert that nobody takes: [reminders] is not enabled."
    for severity, rhythm in sorted(reminders.rhythms.items(), reverse=True):
        yield f"{severity.name} is brought up again {_rhythm(rhythm)}."


def with_secret(name: str, deployment: Deployment) -> Destination:
    """The destination of that name.

    Raises:
        CommandError: there is none, or nothing about it is secret.
    """
    destination = deployment.destinations.get(name)
    secret = [key for key, item in deployment.destinations.items() if item.has_secret]
    if destination is None:
        known = f"there is {', '.join(secret)}." if secret else "declare it as [destinations.NAME] in rootwatch.toml."
        raise CommandError(f"there is no destination {plain(name, 60)!r} below [destinations].", fix=known)
    if not destination.has_secret:
        raise CommandError(
            f"{name} is of type {destination.type}: nothing about it is secret.",
            fix="Slack's token is set with `rootwatch slack set-token`; addresses are in rootwatch.toml.",
        )
    return destination


def what_of(destination: Destination) -> str:
    """What is asked for, in words."""
    return _WHAT[destination.type]


def checked_secret(text: str, destination: Destination) -> str:
    """The secret without the white space that copying adds.

    Raises:
        CommandError: it cannot be one for this type; says why, never the text itself.
    """
    secret = text.strip()
    if not secret:
        raise CommandError("nothing was given.", fix=_fix(destination.type))
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise CommandError("it has characters in it that no secret has.", fix=_fix(destination.type))
    if destination.type == "pagerduty" and not _PAGERDUTY_KEY.fullmatch(secret):
        raise CommandError("an integration key of PagerDuty has 32 letters and digits.", fix=_fix("pagerduty"))
    if destination.type == "webhook" and len(secret) < _SHORTEST_SECRET:
        raise CommandError(f"it is shorter than {_SHORTEST_SECRET} characters.", fix=_fix("webhook"))
    if destination.type == "teams":
        try:
            checked_url(secret)
        except ForbiddenAddressError as error:
            raise CommandError(f"this address may not be called: {error}.", fix=_fix("teams")) from None
    return secret


def store(secret: str, name: str, deployment: Deployment) -> str:
    """Put it where the deployment keeps it; returns that place in words. Doing it again replaces it.

    Raises:
        CommandError: AWS refuses, cannot be reached, or it is another account than the deployment's.
    """
    return stored(
        secret,
        deployment,
        name=deployment.destination_secret_name(name),
        store=deployment.slack.token_store,
        description=f"What Rootwatch tells the destination {name} with",
    )


def _fix(kind: str) -> str:
    return {
        "webhook": "use a long random text, such as that of `openssl rand -hex 32`, and give it to the receiver too.",
        "pagerduty": "in PagerDuty: Services -> your service -> Integrations -> Events API V2 -> Integration Key.",
        "teams": 'in Teams: Workflows -> your workflow -> "When a Teams webhook request is received" -> HTTP URL.',
    }[kind]


def _places(deployment: Deployment) -> Iterator[tuple[str, str]]:
    yield "slack", f"Slack, channel {deployment.slack.channel}, from {deployment.slack.minimum_severity} on"
    mails = ", ".join(deployment.email.addresses) or "nobody"
    yield "email", f"mail to {mails}, from {deployment.email.minimum_severity} on"
    for name, item in deployment.destinations.items():
        secret = f", secret {deployment.destination_secret_name(name)}" if item.has_secret else ""
        where = {
            "slack": f"Slack, channel {item.channel}",
            "email": f"mail to {', '.join(item.addresses)}",
            "webhook": str(item.url),
            "pagerduty": f"PagerDuty ({item.region})",
            "teams": "Microsoft Teams",
        }[item.type]
        yield name, where + secret


def _row(route: Route) -> tuple[str, str, str, str]:
    severities = ", ".join(item.name for item in sorted(route.severities, reverse=True))
    return (
        ", ".join(route.to),
        "any" if route.severities == frozenset(Severity) else severities,
        _few(sorted(route.detections)) or "any",
        ", ".join(sorted(route.accounts)) or "any",
    )


def _few(names: Sequence[str]) -> str:
    """A pack has a dozen detections: three of them are enough to know it by."""
    return ", ".join(names) if len(names) <= _NAMED else f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def _rhythm(rhythm: Rhythm) -> str:
    after, every = (round(value.total_seconds() / 60) for value in (rhythm.after, rhythm.every))
    hours = "in working hours" if rhythm.waits else "at any hour"
    return f"after {after} minutes, then every {every}, {rhythm.most} times at most, {hours}"
