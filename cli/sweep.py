"""`rootwatch sweep`: what is typed and what is printed; the work is in cli/sweeping.py."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.errors import FAILED, CommandError

SHORT_HELP = "Sweep logs that are in the bucket once more."


def sweep(  # noqa: PLR0917 - typer calls it by name
    begin: Annotated[
        str,
        typer.Option("--from", metavar="TIME", help='"2026-11-24 10:00", "yesterday", "2026-10", "last 2 days"; UTC.'),
    ],
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Until this has ended; left out: what --from says.")
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this account's logs; may be repeated.")
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this region's; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count the log objects, and send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="However many they are.")] = False,
    config: Annotated[Path, typer.Option("--config", "-c", help="The deployment's configuration.")] = Path(
        "rootwatch.toml"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, for programs.")] = False,
) -> None:
    """Sweep the log bucket once more: each log object of the time goes through the detections, as when it came in.

    What people were told of already stays as it is; what they were not told of is told, in Slack and by e-mail. To see
    it first, without telling anybody: rootwatch replay.

    Needs s3:ListBucket on the bucket, sqs:GetQueueUrl and sqs:SendMessage on the queue <name>-logs, and
    sts:GetCallerIdentity. Exit code 1 says that something was left out.
    """
    from cli.sweeping import MANY, Asked, Sweep, as_text, warnings
    from cli.sweeping import as_json as json_lines
    from cli.terminal import complain, progress
    from infra.deployment import ConfigurationError, Deployment

    now = datetime.now(UTC)
    asked = Asked.of(begin, end, accounts=account or (), regions=region or (), now=now)
    try:
        deployment = Deployment.load(config)
    except ConfigurationError as error:
        raise CommandError(str(error)) from None
    work = Sweep(deployment)
    for warning in warnings(asked, deployment, now=now):
        complain(f"rootwatch: {warning}")
    with progress() as line:
        found = work.find(asked, line)
        if len(found.objects) > MANY and not (dry_run or yes):
            raise CommandError(
                f"{len(found.objects):,} log objects would be swept, and people told of all that they were not yet.",
                fix="see with `rootwatch replay` what that is, then add --yes; or give a shorter time.",
            )
        sent = None if dry_run or not found.objects else work.send(found, line)
    sys.stdout.write("".join(f"{text}\n" for text in (json_lines if as_json else as_text)(found, asked, sent=sent)))
    if found.archived:
        complain(
            f"rootwatch: {found.archived:,} log objects are left out, because they are in an archive (GLACIER): "
            "restore them, and sweep again."
        )
        raise typer.Exit(FAILED)
