"""`rootwatch audit`: auditors' questions, listed, shown, asked, and a prompt for one's own."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.errors import FAILED, USAGE, CommandError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Ask the logs: auditors' questions and one's own.")


class EngineName(StrEnum):
    """Who answers."""

    DUCKDB = "duckdb"
    ATHENA = "athena"


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class Language(StrEnum):
    ENGLISH = "en"
    JAPANESE = "ja"


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of the question, as `rootwatch audit list` has it.")]
LanguageOption = Annotated[Language, typer.Option("--language", help="Of titles and explanations.")]
FromOption = Annotated[
    str, typer.Option("--from", metavar="TIME", help='"last 30 days", "2026-10", "yesterday", "2026-10-31 12:00"; UTC.')
]
ToOption = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="TIME", help="The last day, month or moment; without it, the end of what --from says."
    ),
]
AccountOption = Annotated[
    list[str] | None, typer.Option("--account", metavar="ID", help="Only this account's log; may be repeated.")
]
RegionOption = Annotated[
    list[str] | None, typer.Option("--region", metavar="NAME", help="Only this region's log; may be repeated.")
]
LogsOption = Annotated[
    Path | None,
    typer.Option("--logs", metavar="FOLDER", help="Log files in this folder. With a bucket: they are fetched into it."),
]
BucketOption = Annotated[
    str | None, typer.Option("--bucket", metavar="NAME", help="Fetch what is asked for from this bucket first.")
]
PrefixOption = Annotated[
    str, typer.Option("--prefix", metavar="KEY", help='The trail\'s own prefix in the bucket, before "AWSLogs/".')
]
EntriesOption = Annotated[
    Path | None,
    typer.Option(
        "--entries", metavar="FOLDER", help="The audit log: findings/, transitions/, windows/. Default: --logs."
    ),
]
CopyOption = Annotated[
    Path | None,
    typer.Option("--copy", metavar="FOLDER", help="The Parquet copy. Default: .parquet in --logs, where it exists."),
]
MemoryOption = Annotated[str, typer.Option("--memory", metavar="SIZE", help="DuckDB's limit, such as 500MB or 4GB.")]
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The deployment, for --engine athena, or without --logs and --bucket.")
]
_CONFIG = Path("rootwatch.toml")
_MEMORY = "1GB"


@app.command(name="list", short_help="List the questions.")
def list_questions(
    language: LanguageOption = Language.ENGLISH,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, for programs.")] = False,
) -> None:
    """List the questions that can be asked, by name."""
    import json

    from audit.questions import all_questions
    from cli.terminal import table, width_of, wrapped

    found = all_questions()
    if as_json:
        for item in found:
            print(
                json.dumps(
                    {
                        "name": item.name,
                        "title": item.title(language),
                        "answers": item.answers(language),
                        "tables": item.tables,
                        "parameters": [
                            {"name": p.name, "type": p.type, "default": p.default, "comment": p.comment}
                            for p in item.parameters
                        ],
                    }
                )
            )
        return
    width = width_of(sys.stdout)
    if width is None:
        print("\n".join(table([(item.name, item.title(language), item.answers(language)) for item in found])))
        return
    for item in found:
        print(f"{item.name}: {item.title(language)}")
        print(wrapped(item.answers(language), first="    ", rest="    ", width=width))


@app.command(short_help="Show a question: what it tells, its parameters, its SQL.")
def show(
    name: NameArgument,
    language: LanguageOption = Language.ENGLISH,
    duckdb: Annotated[bool, typer.Option("--duckdb", help="The SQL as DuckDB is asked, rather than Athena's.")] = False,
) -> None:
    """Show what a question tells, what it can be asked with, and the SQL that is run."""
    from audit.engines import EngineError, named
    from audit.translation import translated
    from cli import audit_asking as asking
    from cli.terminal import table

    item = asking.question_of(name)
    print(f"{item.name}: {item.title(language)}\n{item.answers(language)}")
    print(f"Tables: {', '.join(item.tables)}")
    if item.parameters:
        print("Parameters (--param NAME=VALUE):")
        rows = [
            (f"  {p.name}", p.type, "required" if p.default is None else f'"{p.default}"', p.comment)
            for p in item.parameters
        ]
        print("\n".join(table(rows)))
    if not duckdb:
        print(f"\n{item.sql}")
        return
    try:
        # Names of accounts and regions are left out where none are asked for.
        example = {"account": (), "region": ()}
        text, _ = named(item.sql, {**dict.fromkeys(asking.parameters_of(item), ""), **example})
        print(f"\n{translated(text).sql}")
    except EngineError as error:
        raise CommandError(str(error)) from error


@app.command(short_help="Ask a question.")
def run(  # noqa: PLR0917 - typer calls it by name
    name: NameArgument,
    begin: FromOption,
    end: ToOption = None,
    account: AccountOption = None,
    region: RegionOption = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter of the question; may be repeated."),
    ] = None,
    engine: Annotated[EngineName, typer.Option("--engine", help="Who answers.")] = EngineName.DUCKDB,
    format_: Annotated[Format, typer.Option("--format", "-f", help="How rows are written.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write rows to this file.")] = None,
    logs: LogsOption = None,
    bucket: BucketOption = None,
    prefix: PrefixOption = "",
    entries: EntriesOption = None,
    copy: CopyOption = None,
    memory: MemoryOption = _MEMORY,
    config: ConfigOption = _CONFIG,
) -> None:
    """Ask a question of a period, on this machine or in Athena.

    On this machine the log files are read where they lie (--logs), or fetched from a bucket first: only the days,
    accounts and regions asked for, and none twice. Without either, the deployment's own bucket is asked. Exit code 1
    says that nothing was answered, or that the answer is partial: what was left out is said on stderr.
    """
    from cli import audit_asking as asking

    request = asking.Request.of(
        name, begin=begin, end=end, accounts=account or [], regions=region or [], values=param or []
    )
    if format_ is Format.PARQUET and output is None:
        raise CommandError("Parquet is no text for a terminal.", fix="name the file with --output FILE.", code=USAGE)
    if engine is EngineName.ATHENA:
        if logs or bucket or copy or entries:
            raise CommandError(
                "Athena reads the deployment's bucket: --logs, --bucket, --copy and --entries are for DuckDB.",
                fix="leave them out, or use --engine duckdb.",
                code=USAGE,
            )
        answer, seconds = asking.asked_of_athena(request, config)
    else:
        place = asking.Place.of(
            logs=logs, bucket=bucket, prefix=prefix, entries=entries, copy=copy, memory=memory, config=config
        )
        answer, seconds = asking.asked_of_duckdb(request, place)
    asking.write(answer, format_, output)
    asking.tell(answer, seconds, request, engine=engine)
    if answer.partial:
        raise typer.Exit(FAILED)


@app.command(short_help="A prompt for SQL over the logs.")
def shell(  # noqa: PLR0917 - typer calls it by name
    begin: FromOption = "last 30 days",
    end: ToOption = None,
    account: AccountOption = None,
    region: RegionOption = None,
    logs: LogsOption = None,
    bucket: BucketOption = None,
    prefix: PrefixOption = "",
    entries: EntriesOption = None,
    copy: CopyOption = None,
    memory: MemoryOption = _MEMORY,
    config: ConfigOption = _CONFIG,
) -> None:
    """Ask in SQL: DuckDB's, over the tables cloudtrail, findings, transitions and windows, of one period.

    Reads statements from a pipe as well. Statements end with a semicolon; .help tells the rest.
    """
    from cli import audit_asking as asking
    from cli.audit_shell import Shell

    bounds = asking.bounds_of(begin=begin, end=end, accounts=account or [], regions=region or [])
    place = asking.Place.of(
        logs=logs, bucket=bucket, prefix=prefix, entries=entries, copy=copy, memory=memory, config=config
    )
    with asking.engine_of(place, bounds, tables=("cloudtrail", "findings", "transitions", "windows")) as engine:
        code = Shell(engine, bounds, stdin=sys.stdin, stdout=sys.stdout).talk()
    raise typer.Exit(code)


@app.command(short_help="Make the Parquet copy that answers faster.")
def ingest(  # noqa: PLR0917 - typer calls it by name
    logs: Annotated[Path, typer.Option("--logs", metavar="FOLDER", help="The log files.")],
    copy: CopyOption = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Only from here on; default: all.")
    ] = None,
    end: ToOption = None,
    account: AccountOption = None,
    region: RegionOption = None,
    memory: MemoryOption = _MEMORY,
) -> None:
    """Turn log files into a Parquet copy, once; questions use it for the files it holds, and read the others.

    Started again, it takes the files that came since. The log files stay: they are the record.
    """
    from cli import audit_asking as asking

    wanted = asking.wanted_of(begin=begin, end=end, accounts=account or [], regions=region or [])
    if asking.ingested(logs, copy or asking.copy_in(logs), wanted, memory=memory):
        raise typer.Exit(FAILED)
