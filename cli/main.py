"""The `rootwatch` command: what people type, with every error as one message and never a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from cli import audit, sweep
from cli.errors import FAILED, INTERRUPTED, USAGE, CommandError, reason_of

# Everything heavier (boto3, pydantic, the detections) is imported by the command that needs it.
if TYPE_CHECKING:
    from handlers.alerting.window import Window, WindowVerb
    from infra.deployment import Deployment

_BROKEN_PIPE = 141  # what a shell reports of a program that SIGPIPE ended
_DEBUG = "--debug"
_ANSWER = "answer the questions at a terminal, or give every answer as an option with --yes."


class _Rootwatch(TyperGroup):
    """Turns whatever a command raises into a message and an exit code: 0 done, 1 failed, 2 wrongly called."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        words = list(sys.argv[1:] if args is None else args)
        # Wherever it stands: it is asked for after something went wrong, by adding it at the end.
        own = words[: words.index("--")] if "--" in words else words
        debug = _DEBUG in own
        words = [word for word in own if word != _DEBUG] + words[len(own) :]
        try:
            code = super().main(
                words, "rootwatch", complete_var, standalone_mode=False, windows_expand_args=False, **extra
            )
            sys.stdout.flush()
        except SystemExit as end:
            if not isinstance(end.__context__, BrokenPipeError):
                raise
            code = _told(end.__context__)  # typer would say 1, as of a failure
        except Exception as error:
            if debug and not isinstance(error, BrokenPipeError):
                raise
            code = _told(error)
        sys.exit(code if isinstance(code, int) else 0)


def _told(error: Exception) -> int:
    """Say what went wrong, in one message; returns the exit code."""
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has had enough; Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    if isinstance(error, CommandError):
        return _complain(str(error), error.code)
    if isinstance(error, typer.Abort):
        if isinstance(error.__context__, KeyboardInterrupt):  # at a prompt
            return INTERRUPTED
        return _complain(f"the input ended before everything was answered.\n  Fix: {_ANSWER}", FAILED)
    if type(error).__name__ == "NoArgsIsHelpError":  # typer keeps the class to itself; its text is the help
        print(str(error), file=sys.stderr)
        return USAGE
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "rootwatch"
        return _complain(f"{error.format_message()}\n  Fix: see `{command} --help`.", USAGE)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{reason_of(error)}.\n  Fix: check the path and its permissions.", FAILED)
    return _complain(
        f"this should not happen: {type(error).__name__}: {str(error)[:300]}\n"
        f"  Fix: run it again with {_DEBUG} and report what it prints.",
        FAILED,
    )


def _complain(text: str, code: int) -> int:
    """On stderr, made plain: a message may quote a path or an answer, and those may hold anything."""
    from handlers.adapters.untrusted import multiline

    print(f"rootwatch: {multiline(text, limit=20_000, lines=300)}", file=sys.stderr)
    return code


app = typer.Typer(
    cls=_Rootwatch,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="The detective control over an AWS account's root user and administrators.",
    epilog="Add --debug to any command for a traceback when it fails.",
)
slack = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Set up the Slack app and its token.")
app.add_typer(slack, name="slack")
suppressions = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Show what is declared to be quiet.")
app.add_typer(suppressions, name="suppressions")
alerts = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Show alerts, and what people did with them.")
app.add_typer(alerts, name="alerts")
destinations = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Show who is told of what; set secrets.")
app.add_typer(destinations, name="destinations")
window = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Ask for, decide and list break-glass windows.")
app.add_typer(window, name="window")
app.add_typer(audit.app, name="audit")

app.command(name="sweep", short_help=sweep.SHORT_HELP)(sweep.sweep)

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The deployment's configuration.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object per line, for programs.")]
DetectionOption = Annotated[
    list[str] | None, typer.Option("--detection", "-d", metavar="ID", help="Only this detection; may be repeated.")
]
_CONFIG = Path("rootwatch.toml")
_TIMES = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%d"]


def run() -> None:
    """The console script's entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows "?" rather than a traceback
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def our_version() -> str:
    """The installed version; "unknown" from a checkout that was not installed."""
    try:
        return version("rootwatch")
    except PackageNotFoundError:
        return "unknown"


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"rootwatch {our_version()}")
        raise typer.Exit


@app.callback()
def rootwatch(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def init(  # noqa: PLR0917 - typer calls it by name
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = _CONFIG,
    account: Annotated[str | None, typer.Option(help="AWS account id, 12 digits.")] = None,
    home_region: Annotated[str | None, typer.Option(help="Where alerts are made, such as us-east-1.")] = None,
    watch: Annotated[
        list[str] | None, typer.Option("--watch", metavar="REGION", help="Another region to watch; may be repeated.")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="Slack channel ID, such as C0123456789.")] = None,
    email: Annotated[
        list[str] | None, typer.Option("--email", metavar="ADDRESS", help="Who also gets mail; may be repeated.")
    ] = None,
    trail: Annotated[str | None, typer.Option(help="CloudTrail trail: create, existing or skip.")] = None,
    trail_name: Annotated[str | None, typer.Option(help="Name of the existing trail.")] = None,
    trail_bucket: Annotated[str | None, typer.Option(help="Bucket of the existing trail.")] = None,
    config: Annotated[
        str | None, typer.Option("--config-recorder", help="AWS Config recorder: create, existing or skip.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: options and defaults decide.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Ask five questions and write rootwatch.toml."""
    from cli.init import Given, initialise

    given = Given(
        account=account,
        home_region=home_region,
        watched_regions=tuple(watch or ()),
        channel=channel,
        email=tuple(email) if email is not None else None,
        trail=trail,
        trail_name=trail_name,
        trail_bucket=trail_bucket,
        config=config,
    )
    initialise(given, output=output, ask=not yes, force=force)


@app.command(name="try", short_help="See it at work, on this machine alone.")
def try_command(
    once: Annotated[bool, typer.Option("--once", help="Check that every alert arrives, then end.")] = False,
    aws_port: Annotated[int, typer.Option("--port-aws", min=1, max=65535, help="Port of the local AWS.")] = 4566,
    slack_port: Annotated[int, typer.Option("--port-slack", min=1, max=65535, help="Port of the local Slack.")] = 4580,
) -> None:
    """See it at work: a local AWS, a local Slack and a guided story. Needs no account."""
    from cli.try_ import TryError, run_try

    try:
        code = run_try(once=once, aws_port=aws_port, slack_port=slack_port)
    except TryError as error:
        raise CommandError(str(error)) from error
    raise typer.Exit(code)


@app.command(short_help="Print the alerts that recorded events raise.")
def replay(  # noqa: PLR0917 - typer calls it by name
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Files or folders of events, s3://BUCKET/PREFIX; - is stdin.")
    ],
    as_json: JsonOption = False,
    detection: DetectionOption = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="Account names, time zone and what is declared quiet: this rootwatch.toml."
        ),
    ] = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help='Only events since: "2026-10", "last 30 days" (UTC).')
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Only events until this has ended.")] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="text (alerts in full), table, json or html.")
    ] = "text",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it to this file.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, metavar="N", help="Processes; 0: one a core.")] = 0,
) -> None:
    """Run recorded events through the detections and print the alerts they raise.

    Reads EventBridge events and CloudTrail records as JSON: one event, an array, {"Records": [...]}, the output of
    `aws cloudtrail lookup-events`, or JSON lines; plain or gzipped; from files, folders, or a bucket. Nothing is sent
    anywhere. Exit code 1 says that something could not be read or judged.
    """
    from cli import replaying

    options = replaying.Options(
        names=files,
        detections=tuple(detection or ()),
        begin=begin,
        end=end,
        form="json" if as_json else form,
        output=output,
        workers=workers,
    )
    if replaying.run(options, deployment=_load(config) if config else None, version=our_version()):
        raise typer.Exit(FAILED)


@app.command(short_help="Tell why detections fire on events, or do not.")
def explain(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Files or folders of events; - is stdin.")],
    as_json: JsonOption = False,
    detection: DetectionOption = None,
) -> None:
    """Tell for each event which detection fires, and where each other one stops."""
    from cli import explain as explaining
    from cli.detections import chosen
    from cli.reading import Reading
    from cli.records import Broken
    from cli.terminal import Paint, Progress, width_of
    from handlers.alerting.errors import UnreadableEventError
    from handlers.alerting.event import Event

    explainer = explaining.Explainer(chosen(detection or ()))
    paint, width = Paint.of(sys.stdout), width_of(sys.stdout)
    reading = Reading(files, Progress(sys.stderr))
    for record in reading:
        try:
            event = Event.parse(record.body)
        except UnreadableEventError as error:
            reading.report(Broken(file=record.file, place=record.place, cause=error.reason))
            continue
        found = explainer.explain(event)
        if as_json:
            print(explaining.as_json(event, found, file=record.file, place=record.place))
        else:
            print("\n".join(explaining.as_text(event, found, paint=paint, width=width)) + "\n")
    if reading.problems:
        raise typer.Exit(FAILED)


@app.command(short_help="List what is watched for.")
def detections(
    id_: Annotated[str | None, typer.Argument(metavar="[ID]", help="One detection; all where left out.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List what is watched for, or tell everything about one detection."""
    import json

    from cli import detections as catalogue
    from cli.terminal import Paint, width_of

    found = catalogue.chosen([id_] if id_ else [])
    paint = Paint.of(sys.stdout)
    if as_json:
        print("\n".join(json.dumps(catalogue.as_json(item)) for item in found))
    elif id_:
        print("\n".join(catalogue.told(found[0], paint=paint, width=width_of(sys.stdout))))
    else:
        print("\n".join(catalogue.listed(found, paint=paint)))


@app.command(short_help="Show where each detection has its rule.")
def coverage(
    config: ConfigOption = _CONFIG,
    live: Annotated[bool, typer.Option("--live", help="Ask the account instead of making the templates.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show for each account, region and detection the rule that has to be there, and whether it is.

    By default the templates are made and read, which needs no AWS. With --live the account is asked in every watched
    region (events:ListRules, events:ListTargetsByRule, sts:GetCallerIdentity). Exit code 1 says that something is
    missing, different, or could not be asked.
    """
    import json

    from cli import coverage as covering
    from cli.terminal import Paint

    deployment = _load(config)
    covered = covering.of_account(deployment) if live else covering.of_templates(deployment)
    if as_json:
        print("\n".join(json.dumps(item.as_plain()) for item in covered))
        print(covering.summary(covered), file=sys.stderr)
    else:
        print("\n".join(covering.as_text(covered, paint=Paint.of(sys.stdout))))
    if not all(item.is_well for item in covered):
        raise typer.Exit(FAILED)


@app.command(short_help="Print what was kept quiet on a day.")
def digest(
    day: Annotated[
        datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="A day in UTC; today where left out.")
    ] = None,
    suppressed: Annotated[
        bool, typer.Option("--suppressed", help="What suppressions covered, instead of deployers' work.")
    ] = False,
    config: ConfigOption = _CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Print the routine work of declared deployers that was recorded on a day without telling people.

    Reads the deployment's alert table (dynamodb:Query).
    """
    import json

    from cli import suppressions as quietly
    from cli.terminal import Paint
    from handlers.alerting.finding import QuietKind

    kind = QuietKind.SUPPRESSED if suppressed else QuietKind.DIGEST
    chosen = day.date() if day else datetime.now(UTC).date()
    findings = quietly.kept(_load(config), kind, chosen)
    if as_json:
        for finding in findings:
            print(json.dumps(finding.to_plain()))
    else:
        print("\n".join(quietly.digest(findings, kind, chosen, paint=Paint.of(sys.stdout))))


@alerts.command(name="list", short_help="List the newest alerts with their state.")
def list_alerts(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 50,
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help="Only open, acknowledged, escalated, expected or closed.")
    ] = "",
    config: ConfigOption = _CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List the newest alerts of the deployment: how bad, where they stand, and who brought them there.

    Reads the whole alert table (dynamodb:Scan), which holds what the retention leaves of it.
    """
    import json

    from cli import alerts as telling
    from cli.terminal import Paint
    from handlers.alerting.life import State

    if state not in ("", *State):
        raise CommandError("there is no such state.", fix=f"--state takes one of: {', '.join(State)}.", code=USAGE)
    found = telling.Alerts(_load(config)).newest(limit=limit, state=State(state) if state else None)
    if as_json:
        for alert in found:
            print(json.dumps(telling.as_plain(alert)))
    else:
        print("\n".join(telling.as_table(found, paint=Paint.of(sys.stdout))))


@alerts.command(short_help="Tell the story of one alert.")
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As the alert's message and `alerts list` show it.")],
    config: ConfigOption = _CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Tell the story of one alert: every finding, and everything that somebody did with it, when and why.

    Reads the deployment's alert table (dynamodb:GetItem, dynamodb:Query).
    """
    import json

    from cli import alerts as telling
    from cli.terminal import Paint, width_of

    told = telling.Alerts(_load(config)).told(id_)
    if as_json:
        print(json.dumps(telling.story_as_plain(told)))
    else:
        print("\n".join(telling.as_text(told, paint=Paint.of(sys.stdout), width=width_of(sys.stdout))))


@app.command(short_help="Tell what was done in a session.")
def activity(  # noqa: PLR0917 - typer calls it by name
    session: Annotated[str, typer.Option(metavar="ARN", help="The console's sign-in session (signInSessionArn).")] = "",
    access_key: Annotated[str, typer.Option(metavar="ID", help="The access key's id: AKIA... or ASIA...")] = "",
    principal: Annotated[str, typer.Option(metavar="ARN", help="Who: root, a user, a role or its session.")] = "",
    since: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            formats=_TIMES,
            metavar="TIME",
            help="Such as 2026-11-24T10:00, in UTC; an hour before --to where left out.",
        ),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=_TIMES, metavar="TIME", help="In UTC; now where left out.")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write every record there.")] = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw the timeline there.")] = None,
    config: ConfigOption = _CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Tell what was done in a session: writes by service, notable reads, failed attempts, and what may be missing.

    Asks CloudTrail's event history in every watched region (cloudtrail:LookupEvents, sts:GetCallerIdentity), and the
    log bucket where [sessions] read_log_bucket is set (s3:ListBucket, s3:GetObject). Exit code 1 says that a source
    could not be read.
    """
    from cli import activity as telling
    from cli.terminal import Paint, complain, width_of
    from handlers.adapters.story import MessageSettings

    deployment = _load(config)
    asked = telling.Asked(session=session, access_key=access_key, principal=principal, since=since, until=until)
    found = telling.looked_up(asked, deployment, now=datetime.now(UTC))
    settings = MessageSettings(
        language=deployment.display.language, time_zone=deployment.display.time_zone, version=our_version()
    )
    if as_json:
        for line in telling.as_json(found):
            print(line)
    else:
        paint, width = Paint.of(sys.stdout), width_of(sys.stdout)
        print("\n".join(telling.as_text(found, settings=settings, paint=paint, width=width)))
    for line in telling.write_files(found, csv=csv, png=png, deployment=deployment, settings=settings):
        complain(line)
    if telling.problems(found):
        raise typer.Exit(FAILED)


@suppressions.command(name="list", short_help="List them with the days they have left.")
def list_suppressions(config: ConfigOption = _CONFIG, as_json: JsonOption = False) -> None:
    """List suppressions with the days they have left, then declared deployers and detections in staging."""
    import json

    from cli import suppressions as quietly
    from cli.terminal import Paint, complain, width_of
    from handlers.adapters.untrusted import plain

    deployment, today = _load(config), datetime.now(UTC).date()
    if as_json:
        for item in quietly.as_plain(deployment.quiet, today):
            print(json.dumps(item))
    else:
        paint, width = Paint.of(sys.stdout), width_of(sys.stdout)
        print("\n".join(quietly.as_text(deployment.quiet, today, paint=paint, width=width)))
    for warning in deployment.ending_suppressions(today):
        complain(f"rootwatch: {config}: {plain(warning, 1_000)}")


@destinations.command(name="list", short_help="List destinations, routes and reminders.")
def list_destinations(config: ConfigOption = _CONFIG, as_json: JsonOption = False) -> None:
    """List everybody who can be told, which alerts go to whom, and what happens when nobody answers."""
    import json

    from cli import destinations as telling
    from cli.terminal import complain
    from handlers.adapters.untrusted import plain

    deployment = _load(config)
    if as_json:
        for item in telling.as_plain(deployment):
            print(json.dumps(item))
        return
    print("\n".join(telling.as_text(deployment)))
    for warning in deployment.warnings:
        if "routes[" in warning or "[destinations]" in warning:
            complain(f"rootwatch: {config}: {plain(warning, 1_000)}")


@destinations.command(name="set-secret")
def set_secret(
    name: Annotated[str, typer.Argument(help="The destination, as in [destinations.NAME].")],
    config: ConfigOption = _CONFIG,
) -> None:
    """Store what a destination is told with. It is asked for without being shown, or read from a pipe."""
    from cli import destinations as telling

    deployment = _load(config)
    destination = telling.with_secret(name, deployment)
    if _is_terminal(sys.stdin):
        text = typer.prompt(
            f"{telling.what_of(destination)} (not shown)", hide_input=True, default="", show_default=False
        )
    else:
        text = sys.stdin.read(10_000)
    print(f"Stored in {telling.store(telling.checked_secret(text, destination), name, deployment)}.")
    print("A running deployment takes it up within five minutes.")


WindowArgument = Annotated[str, typer.Argument(metavar="ID", help="The window's id, as `window list` shows it.")]


@window.command(name="request", short_help="Ask for a window.")
def request_window(  # noqa: PLR0917 - typer calls it by name
    person: Annotated[str, typer.Option("--person", help="Who will use it: a name of break_glass.people.")],
    purpose: Annotated[str, typer.Option("--purpose", help="What for.")],
    ticket: Annotated[str, typer.Option("--ticket", help="The ticket that says so.")],
    identity: Annotated[
        str, typer.Option("--as", metavar="IDENTITY", help="root, or an ARN of break_glass.required_for.")
    ] = "root",
    account: Annotated[
        str | None, typer.Option("--account", help="Of the identity. Default: the deployment's.")
    ] = None,
    starts: Annotated[
        str, typer.Option("--from", metavar="TIME", help='"now", or "2026-11-02 12:30" in the configured time zone.')
    ] = "now",
    length: Annotated[str, typer.Option("--for", metavar="LENGTH", help="Such as 90m or 2h; at most 4h.")] = "1h",
    config: ConfigOption = _CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Ask for a break-glass window, which a second person has to approve.

    You are whoever your AWS credentials say, and have to be among break_glass.people by that ARN.
    """
    from cli import windows
    from handlers.alerting.window import WindowRequest

    deployment = _load(config)
    request = WindowRequest(
        account=account or deployment.account,
        identity=identity,
        person=person,
        purpose=purpose,
        ticket=ticket,
        starts=windows.moment(starts, time_zone=deployment.display.time_zone, now=datetime.now(UTC)),
        length=windows.length(length),
    )
    _show_window(windows.Counter.of(deployment).request(request), as_json=as_json)


@window.command(name="approve", short_help="Approve a window that another asked for.")
def approve_window(
    id_: WindowArgument,
    emergency: Annotated[
        str | None,
        typer.Option("--emergency", metavar="REASON", help="Open your own, because nobody else can. All are told."),
    ] = None,
    config: ConfigOption = _CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Approve a window. Never your own: a second person, named in break_glass.approvers, has to."""
    from handlers.alerting.window import WindowVerb

    verb = WindowVerb.APPROVE if emergency is None else WindowVerb.EMERGENCY
    _decide_window(id_, verb, reason=emergency or "", config=config, as_json=as_json)


@window.command(name="refuse", short_help="Refuse a window, or withdraw one's own.")
def refuse_window(
    id_: WindowArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    config: ConfigOption = _CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Refuse a window that was asked for and is not approved; whoever asked for it can withdraw it like this."""
    from handlers.alerting.window import WindowVerb

    _decide_window(id_, WindowVerb.REFUSE, reason=reason, config=config, as_json=as_json)


@window.command(name="revoke", short_help="Close an approved window.")
def revoke_window(
    id_: WindowArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    config: ConfigOption = _CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Close an approved window at once: what happens from now on is outside it."""
    from handlers.alerting.window import WindowVerb

    _decide_window(id_, WindowVerb.REVOKE, reason=reason, config=config, as_json=as_json)


@window.command(name="list", short_help="List windows.")
def list_windows(
    past: Annotated[bool, typer.Option("--past", help="Also those that are over, of the last 30 days.")] = False,
    config: ConfigOption = _CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List the windows that are asked for, approved or open."""
    import json

    from cli import windows
    from cli.terminal import Paint

    found, now = windows.Counter.of(_load(config)).listed(past=past), datetime.now(UTC)
    if as_json:
        for item in found:
            print(json.dumps(windows.as_plain(item, now)))
    else:
        print("\n".join(windows.as_table(found, now=now, paint=Paint.of(sys.stdout))))


def _decide_window(id_: str, verb: WindowVerb, *, reason: str, config: Path, as_json: bool) -> None:
    from cli import windows

    _show_window(windows.Counter.of(_load(config)).act(id_, verb, reason=reason), as_json=as_json)


def _show_window(found: Window, *, as_json: bool) -> None:
    import json

    from cli import windows
    from cli.terminal import Paint, width_of

    if as_json:
        print(json.dumps(windows.as_plain(found, datetime.now(UTC))))
    else:
        print("\n".join(windows.told(found, paint=Paint.of(sys.stdout), width=width_of(sys.stdout))))


@slack.command()
def manifest(
    request_url: Annotated[
        str, typer.Option("--request-url", metavar="URL", help="The Alerting stack's output SlackRequestUrl.")
    ] = "",
) -> None:
    """Print the Slack app's manifest, and the link that creates the app with it."""
    from cli import slack as setup

    text = setup.manifest(request_url)
    # As a comment, so that what is printed is the manifest still.
    print(f"# Create the app with one click: {setup.new_app_link(text)}\n#")
    print(text.rstrip())


@slack.command(name="set-token")
def set_token(
    config: ConfigOption = _CONFIG,
    no_check: Annotated[bool, typer.Option("--no-check", help="Do not ask Slack whether the token works.")] = False,
) -> None:
    """Store the bot token in AWS. It is asked for without being shown, or read from a pipe."""
    from cli import slack as setup

    deployment = _load(config)
    if _is_terminal(sys.stdin):
        text = typer.prompt("Bot token (xoxb-..., not shown)", hide_input=True, default="", show_default=False)
    else:
        text = sys.stdin.read(10_000)
    token = setup.checked_form(text)
    if not no_check:
        workspace = setup.asked_of_slack(token, api_url=deployment.advanced.slack_api_url)
        print(f"Slack knows it: the bot {workspace.bot} of the workspace {workspace.team}.")
    print(f"Stored in {setup.store(token, deployment)}.")
    print("A running deployment takes it up within five minutes.")


@slack.command(name="set-signing-secret")
def set_signing_secret(config: ConfigOption = _CONFIG) -> None:
    """Store the app's signing secret in AWS. It is asked for without being shown, or read from a pipe."""
    from cli import slack as setup

    deployment = _load(config)
    if not deployment.react.enabled:
        raise CommandError(
            "nothing would use a signing secret: the messages of this deployment have no buttons.",
            fix="write enabled = true below [react], deploy, then set the secret.",
        )
    if _is_terminal(sys.stdin):
        text = typer.prompt("Signing secret (not shown)", hide_input=True, default="", show_default=False)
    else:
        text = sys.stdin.read(10_000)
    print(f"Stored in {setup.store_signing_secret(setup.checked_signing_secrets(text), deployment)}.")
    print("A running deployment takes it up within five minutes.")


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty()


def _load(path: Path) -> Deployment:
    from infra.deployment import ConfigurationError, Deployment

    try:
        return Deployment.load(path)
    except ConfigurationError as error:
        raise CommandError(str(error)) from error
