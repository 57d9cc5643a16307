"""What is declared to be quiet, by whom and until when; and what was kept quiet on a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from cli.account import Account, reason_of
from cli.errors import CommandError
from cli.terminal import Paint, counted, table, wrapped
from handlers.adapters.untrusted import plain
from handlers.alerting.errors import UnavailableError
from handlers.alerting.finding import Finding, QuietKind
from handlers.alerting.suppression import Quiet, Suppression
from infra.deployment import ENDS_SOON_DAYS, Deployment


def days_left(suppression: Suppression, today: date) -> str:
    """ "in force, 12 days left"; "ended on 2026-11-01"."""
    left = suppression.days_left(today)
    if left <= 0:
        return "ended"
    if today < suppression.created:
        return f"from {suppression.created}"
    return counted(left, "day")


def as_text(quiet: Quiet, today: date, *, paint: Paint, width: int | None) -> Iterator[str]:
    """A table of suppressions, the one that ends first at the top; then deployers and staging."""
    ordered = sorted(quiet.suppressions, key=lambda item: (item.expires, item.detection))
    if ordered:
        rows = [("LEFT", "EXPIRES", "DETECTION", "OWNER", "TICKET", "FOR")]
        rows += [
            (
                days_left(item, today),
                str(item.expires),
                item.detection,
                plain(item.owner),
                plain(item.ticket),
                ", ".join(filter(None, (item.account, item.principal, item.source_role))),
            )
            for item in ordered
        ]
        head, *lines = table(rows)
        yield paint.bold(head)
        for item, line in zip(ordered, lines, strict=True):
            yield paint.bad(line) if item.days_left(today) <= ENDS_SOON_DAYS else line
            yield wrapped(plain(item.reason, 200), first="    because ", rest=" " * 12, width=width)
    else:
        yield "No suppressions are declared."
    for deployer in quiet.deployers:
        yield wrapped(
            f"{deployer.role} in {', '.join(deployer.accounts)} ({plain(deployer.owner)} answers for it): "
            "its routine work is for the digest",
            first="deployer  ",
            rest=" " * 10,
            width=width,
        )
    for id_ in quiet.staging:
        yield f"staging   {id_} records without telling people"


def as_plain(quiet: Quiet, today: date) -> Iterator[dict[str, Any]]:
    """One object each, for programs."""
    for item in quiet.suppressions:
        left = item.days_left(today)
        yield {
            "kind": "suppression",
            "detection": item.detection,
            "account": item.account,
            "principal": item.principal,
            "source_role": item.source_role,
            "reason": item.reason,
            "owner": item.owner,
            "ticket": item.ticket,
            "created": item.created.isoformat(),
            "expires": item.expires.isoformat(),
            "days_left": max(0, left),
            "in_force": left > 0 and item.created <= today,
            "ends_soon": 0 < left <= ENDS_SOON_DAYS,
        }
    for deployer in quiet.deployers:
        yield {
            "kind": "deployer",
            "role": deployer.role,
            "accounts": list(deployer.accounts),
            "owner": deployer.owner,
        }
    for id_ in quiet.staging:
        yield {"kind": "staging", "detection": id_}


def kept(deployment: Deployment, kind: QuietKind, day: date) -> Sequence[Finding]:
    """What was kept quiet on this day (UTC), from the deployment's alert table.

    Raises:
        CommandError: AWS refuses, cannot be reached, is another account, or there is no such table.
    """
    from handlers.adapters.alert_table import AlertTable

    table_name = f"{deployment.name}-alerts"
    book = AlertTable(
        client=Account(deployment).client("dynamodb", deployment.home_region),
        table=table_name,
        retention=timedelta(days=deployment.alerts.retention_days),
    )
    try:
        return book.findings_kept(kind, day)
    except UnavailableError as error:
        cause = reason_of(error.__cause__) if isinstance(error.__cause__, Exception) else str(error)
        raise CommandError(
            f"the table {table_name} in {deployment.home_region} did not answer: {cause}.",
            fix="deploy first (cdk deploy --all), or ask for dynamodb:Query on it.",
        ) from None


def digest(findings: Sequence[Finding], kind: QuietKind, day: date, *, paint: Paint) -> Iterator[str]:
    """A day's quiet work: how much of what by whom, then each finding in a line."""
    what = {
        QuietKind.DIGEST: "routine work of declared deployers",
        QuietKind.SUPPRESSED: "findings that a suppression covered",
    }[kind]
    yield paint.bold(f"{day} (UTC): {what}: {counted(len(findings), 'finding')}")
    for (actor, detection), count in Counter((item.actor, item.detection_id) for item in findings).most_common():
        yield f"  {count:>5,}  {detection}  by {plain(actor)}"
    if findings:
        yield ""
    rows = [
        (f"{item.happened:%H:%M:%S}", item.severity.name, item.account, plain(item.summary, 300)) for item in findings
    ]
    yield from (f"  {line}" for line in table(rows))
    reasons = Counter(item.quiet or "" for item in findings)
    if reasons:
        yield ""
        yield from (f"  {count:,} of them: {plain(reason, 500)}" for reason, count in reasons.most_common())
