"""`rootwatch verify-logs`: whether the log files are whole, and a statement that says so or names what is not."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import FAILED, USAGE, CommandError, reason_of

if TYPE_CHECKING:
    from audit.digest import Progress as Step
    from audit.digest import Store
    from audit.digest_places import KeySource
    from audit.digest_statement import Statement
    from audit.period import Period
    from cli.terminal import Paint

SHORT_HELP = "Prove that the trail's log files are whole."
_CONFIG = Path("rootwatch.toml")
_SHOWN = 50  # objects of a kind, on a terminal
_BAR = 24  # columns
_CODES = {"whole": 0, "failed": FAILED, "could not check": USAGE}
_RIGHTS = (
    "you need s3:ListBucket on the bucket, s3:GetObject on its AWSLogs/, cloudtrail:ListPublicKeys, and kms:Decrypt "
    "where a customer key encrypts them"
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to check, as it was typed."""

    period: Period
    bucket: str
    prefix: str
    copy_of: str
    logs: Path | None
    public_keys: tuple[Path, ...]
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    download: Path | None
    config: Path
    workers: int


def verify_logs(  # noqa: PLR0917 - typer calls it by name
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help='Such as 2026-10, "2026-10-01 12:00", or "last 30 days"; UTC.')
    ],
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Where left out: the end of what --from says.")
    ] = None,
    bucket: Annotated[
        str, typer.Option(metavar="NAME", help="The log bucket. Where left out: the trail's, of the configuration.")
    ] = "",
    prefix: Annotated[str, typer.Option(metavar="PREFIX", help="What precedes AWSLogs/, if anything.")] = "",
    copy_of: Annotated[
        str, typer.Option("--copy-of", metavar="NAME", help="The bucket CloudTrail delivers to, if --bucket is a copy.")
    ] = "",
    logs: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A downloaded copy instead of the bucket.")
    ] = None,
    public_keys: Annotated[
        list[Path] | None,
        typer.Option(
            "--public-keys", metavar="FILE", help="As `aws cloudtrail list-public-keys` prints them. Default: ask AWS."
        ),
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option("--account", metavar="ID", help="Only this account; may be repeated.")
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option("--region", metavar="REGION", help="Only this region; may be repeated.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Write the statement there, text and JSON.")
    ] = None,
    download: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep there what is read, so that --logs can check it again.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=128, help="Objects read at the same time.")] = 16,
    config: Annotated[Path, typer.Option("--config", "-c", help="The deployment's configuration.")] = _CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="Print the statement as JSON, for programs.")] = False,
) -> None:
    """Check CloudTrail's log files against its chain of signed digests, and make a statement of it.

    Every digest's signature, its link to the one before, and every log file that it names; and that no log file is
    there that no digest names. Needs s3:ListBucket, s3:GetObject and cloudtrail:ListPublicKeys. Exit code 0 says that
    everything is whole, 1 that something failed, 2 that something could not be checked.
    """
    from audit.digest_statement import as_text
    from audit.period import Period, PeriodError
    from cli.terminal import Paint, complain

    now = datetime.now(UTC)
    try:
        period = Period.of(since, until, now=now)
    except PeriodError as error:
        raise CommandError(str(error), code=USAGE) from None
    asked = Asked(
        period=period,
        bucket=bucket,
        prefix=prefix,
        copy_of=copy_of,
        logs=logs,
        public_keys=tuple(public_keys or ()),
        accounts=tuple(account or ()),
        regions=tuple(region or ()),
        download=download,
        config=config,
        workers=workers,
    )
    statement = _verified(asked, now)
    written = _write(statement, output) if output else ()
    if as_json:
        print(json.dumps(statement.to_plain(), indent=2))
    else:
        for line in as_text(statement, most=_SHOWN):
            print(_painted(line, statement, Paint.of(sys.stdout)))
    for path in written:
        complain(f"Written: {path}")
    if code := _CODES[str(statement.verdict)]:
        raise typer.Exit(code)


def _verified(asked: Asked, now: datetime) -> Statement:
    from audit.digest import verify
    from cli.main import our_version
    from cli.terminal import complain, counted, progress

    _refuse_contradictions(asked)
    store, by = _folder(asked) if asked.logs else _bucket(asked)
    keeping = None
    if asked.download:
        from audit.digest_places import Keeping

        store = keeping = Keeping(store, asked.download)
    try:
        with progress() as line:
            statement = verify(
                store,
                asked.accounts,
                asked.regions,
                asked.period.begin,
                asked.period.end,
                by=by,
                version=our_version(),
                now=now,
                workers=asked.workers,
                progress=lambda step: line.show(_bar(step)),
            )
        keys = keeping.finish() if keeping and keeping.files else None
    except OSError as error:
        if not asked.download:
            raise
        raise CommandError(
            f"{error.filename or asked.download}: the copy cannot be written: {reason_of(error)}.",
            fix="give --download a folder you can write to, with room for all log files of the period.",
            code=USAGE,
        ) from error
    if keeping and keys:
        complain(
            f"Kept: {counted(keeping.files, 'file')} in {asked.download}. Keep {keys.name} where nobody who can change "
            f"the copy can change it, and check the copy with: rootwatch verify-logs --logs {asked.download} "
            f"--public-keys {keys}"
        )
    return statement


def _refuse_contradictions(asked: Asked) -> None:
    def refuse(what: str, fix: str) -> None:
        raise CommandError(what, fix=fix, code=USAGE)

    for account in asked.accounts:
        if not (len(account) == 12 and account.isascii() and account.isdigit()):
            refuse(f"--account {account[:40]!a} is no account id.", "an account id has 12 digits.")
    if asked.logs and asked.copy_of:
        refuse("--logs and --copy-of do not go together.", "name the original bucket with --bucket.")
    if asked.logs and asked.download:
        refuse("--logs and --download do not go together: a folder is downloaded already.", "leave --download out.")
    if asked.copy_of and not asked.bucket:
        refuse("--copy-of needs --bucket.", "name the bucket that holds the copy with --bucket.")


def _folder(asked: Asked) -> tuple[Store, str]:
    import getpass
    import socket

    from audit.digest_places import FolderLogs

    folder = asked.logs
    assert folder is not None  # noqa: S101 - the caller has looked
    expected = "AWSLogs/<account>/CloudTrail-Digest/<region>/yyyy/MM/dd/ and AWSLogs/<account>/CloudTrail/..."
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "there is no such folder"
        raise CommandError(f"{folder}: {why}.", fix=f"name the folder that holds {expected}", code=USAGE)
    base = folder / asked.prefix.strip("/")
    if not (base / "AWSLogs").is_dir():
        if folder.resolve().name == "AWSLogs" or "AWSLogs" in folder.resolve().parts:
            fix = "name the folder above AWSLogs."
        elif found := sorted(str(path.parent.relative_to(folder)) for path in folder.glob("*/AWSLogs")):
            fix = f"add: --prefix {found[0]}"
        else:
            fix = (
                f"lay it out as the bucket is: {expected}. `rootwatch verify-logs --download {folder}` and "
                "`aws s3 sync` do."
            )
        raise CommandError(f"{base}: there is no folder AWSLogs in it.", fix=fix, code=USAGE)
    keys = _keys(asked, lambda: _session(None))
    store = FolderLogs(folder, asked.prefix, keys=keys, bucket=asked.bucket or None)
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return store, f"{user}@{socket.gethostname()}"


def _bucket(asked: Asked) -> tuple[Store, str]:
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    from audit.digest import UnreadableError
    from audit.digest_places import S3Logs
    from cli.account import CREDENTIALS
    from cli.account import reason_of as aws_reason_of

    bucket, prefix, region = asked.bucket, asked.prefix, None
    if not bucket:
        bucket, prefix, region = _configured(asked)
    session = _session(region)
    try:
        by = session.client("sts", region_name=region or session.region_name or "us-east-1").get_caller_identity()[
            "Arn"
        ]
        client = session.client(
            "s3",
            region_name=region or session.region_name or "us-east-1",
            config=Config(
                max_pool_connections=asked.workers + 4,
                connect_timeout=10,
                read_timeout=30,
                retries={"total_max_attempts": 6, "mode": "standard"},
            ),
        )
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"AWS cannot be asked: {aws_reason_of(error)}.", fix=f"{CREDENTIALS}.", code=USAGE) from None
    store = S3Logs(client, bucket, prefix, keys=_keys(asked, lambda: session), copy_of=asked.copy_of or None)
    try:
        store.folders(f"{store.root}AWSLogs/")
    except UnreadableError as error:
        raise CommandError(
            f"{store.place} cannot be listed: {error.why}.", fix=f"check the bucket's name; {_RIGHTS}.", code=USAGE
        ) from None
    return store, by


def _configured(asked: Asked) -> tuple[str, str, str]:
    """The trail's bucket, prefix and home region, as the configuration has them."""
    from infra.deployment import ConfigurationError, Deployment

    try:
        deployment = Deployment.load(asked.config)
    except ConfigurationError as error:
        raise CommandError(f"{error}\n  Or name the bucket yourself: --bucket NAME.", code=USAGE) from error
    if deployment.trail_bucket_name is None:
        raise CommandError(
            f'{asked.config}: trail.mode is "skip", so there is no log bucket in it.',
            fix="name the bucket with --bucket, or a copy with --logs.",
            code=USAGE,
        )
    return deployment.trail_bucket_name, asked.prefix or deployment.trail.key_prefix, deployment.home_region


def _session(region: str | None) -> Any:
    import boto3

    return boto3.Session(region_name=region)


def _keys(asked: Asked, session: Any) -> KeySource:
    from botocore.config import Config

    from audit.digest_places import AwsKeys, FileKeys, KeysError

    if asked.public_keys:
        try:
            return FileKeys(asked.public_keys)
        except KeysError as error:
            raise CommandError(
                str(error), fix="save them anew: aws cloudtrail list-public-keys --start-time ...", code=USAGE
            ) from None
    config = Config(connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 4, "mode": "standard"})
    return AwsKeys(lambda region: session().client("cloudtrail", region_name=region, config=config))


def _write(statement: Statement, folder: Path) -> Sequence[Path]:
    """Both forms, named by the period; a statement that exists already stays."""
    from audit.digest_statement import as_text

    stamp = "%Y%m%dT%H%MZ"
    name = f"log-integrity-{statement.since:{stamp}}-{statement.until:{stamp}}-{statement.sha256[:8]}"
    texts = {
        ".json": json.dumps(statement.to_plain(), indent=2) + "\n",
        ".txt": "\n".join(as_text(statement)) + "\n",
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, text in texts.items():
            (folder / f"{name}{suffix}").write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"{error.filename or folder}: the statement cannot be written: {reason_of(error)}.",
            fix="give --output a folder you can write to.",
            code=USAGE,
        ) from error
    return [folder / f"{name}{suffix}" for suffix in texts]


def _bar(step: Step) -> str:
    full = round(step.done * _BAR)
    return (
        f"[{'#' * full}{'.' * (_BAR - full)}] {step.done:4.0%}  {step.digests:,} digests  {step.logs:,} log files  "
        f"{step.findings:,} findings"
    )


def _painted(line: str, statement: Statement, paint: Paint) -> str:
    if line.startswith("Verdict "):
        return (paint.good if statement.is_whole else paint.bad)(line)
    return paint.bold(line) if line.startswith("Statement on") or (line.endswith(":") and line[0] != " ") else line
