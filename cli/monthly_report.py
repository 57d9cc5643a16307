"""`rootwatch report`: its options, and the order in which things are done; `cli.report` does them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.errors import FAILED, CommandError

SHORT_HELP = "Write the monthly report."
_CONFIG = Path("rootwatch.toml")


def report(  # noqa: PLR0917 - typer calls it by name
    month: Annotated[
        str, typer.Option(metavar="YYYY-MM", help="Such as 2026-10. Default: the last month that is over.")
    ] = "",
    language: Annotated[str, typer.Option(help="en or ja. Default: that of the configuration.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder to write. Default: reports/YYYY-MM.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="Who answers questions of the logs: duckdb (with --logs) or athena.")
    ] = "",
    logs: Annotated[
        list[Path] | None, typer.Option("--logs", help="A folder of CloudTrail's log files; may be repeated.")
    ] = None,
    entries: Annotated[
        Path | None, typer.Option(help="A copy of the audit log's bucket: findings/, transitions/, windows/.")
    ] = None,
    statement: Annotated[
        Path | None, typer.Option(help="The JSON that `rootwatch verify-logs` wrote for the month.")
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="A made-up month: no AWS, no configuration.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that holds something.")] = False,
    config: Annotated[Path, typer.Option("--config", "-c", help="The deployment's configuration.")] = _CONFIG,
) -> None:
    """Write the report of a month: one HTML page to read and print, and the same as CSV and JSON.

    Reads the alert table (dynamodb:Scan, Query), AWS Config, IAM's credential report, Access Analyzer and the rules;
    what does not answer is named in the report, and the rest is there. Exit code 1: the alerts could not be read.
    """
    from cli import report as monthly
    from cli.main import our_version
    from cli.terminal import Paint, progress
    from cli.terminal import complain as say
    from infra.deployment import ConfigurationError, Deployment

    now = datetime.now(UTC)
    try:
        deployment = None if example else Deployment.load(config)
    except ConfigurationError as error:
        raise CommandError(str(error)) from error
    zone = deployment.display.time_zone if deployment else "UTC"
    chosen = monthly.month_of(month, zone, now=now)
    speaks = monthly.language_of(language, deployment.display.language if deployment else "en")
    folder = output or Path("reports") / str(chosen)
    monthly.check_free(folder, force=force)  # before minutes of reading
    if deployment is None:
        made = monthly.made_up(chosen, version=our_version())
    else:
        where = monthly.Where(engine=engine, logs=tuple(logs or ()), entries=entries, statement=statement)
        with progress() as line:
            made = monthly.of_account(
                deployment,
                chosen,
                where,
                now=now,
                version=our_version(),
                told=lambda step: line.show(f"reading {step}"),
            )
    monthly.write(made, folder, speaks)
    print("\n".join(monthly.told(made, folder, speaks, paint=Paint.of(sys.stdout))))
    if monthly.could_not_read_alerts(made):
        say("the alerts could not be read: the report has nothing of them.")
        raise typer.Exit(FAILED)
