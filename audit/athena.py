"""Athena as an engine: a question's SQL run in the auditors' workgroup, over years and a thousand accounts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from audit.engines import Answer, EngineError, positional

PRICE_PER_TB = 5.0  # USD, of most regions (Athena pricing)
_CHARGED_AT_LEAST = 10_000_000  # bytes a query, rounded up to the next MB (same page)
_MB = 1_000_000
_TB = 1_000_000_000_000

_LONGEST_PARAMETER = 1_024  # Athena API reference, StartQueryExecution, ExecutionParameters
_LONGEST_SQL = 262_144  # same page, QueryString
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 5.0  # seconds between two looks, growing
_PAGE = 1_000  # GetQueryResults gives no more at once
_QUOTED = 400  # characters of Athena's own words that an error repeats

_RIGHTS = (
    "take the auditors' role: `rootwatch audit` uses the profile of AWS_PROFILE; docs/auditor_role.md shows one that "
    "takes it. If it is taken already, its deployment may be older than this program: deploy again."
)
_DEPLOY = "set enabled = true below [audit] in rootwatch.toml, and deploy the evidence stack."


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a query is."""

    state: str  # QUEUED, RUNNING, SUCCEEDED, ...
    scanned_bytes: int
    seconds: float


class AthenaEngine:
    """An Engine (see engines) that asks Athena."""

    def __init__(
        self,
        *,
        client: Callable[[str], Any],
        workgroup: str,
        database: str,
        time_limit: float = 1_800,
        progress: Callable[[Progress], None] = lambda _progress: None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """An engine for one deployment's tables.

        Args:
            client: gives the boto3 client of "athena" and of "glue", in the deployment's home region.
            workgroup: Deployment.audit_workgroup.
            database: Deployment.audit_database.
            time_limit: seconds a query may take before it is cancelled; Athena's own limit is 30 minutes.
            progress: told after each look.
        """
        self._client = client
        self._workgroup = workgroup
        self._database = database
        self._time_limit = time_limit
        self._progress = progress
        self._sleep = sleep
        self._clock = clock

    def run(self, sql: str, parameters: Mapping[str, object]) -> Answer:
        """Answer SQL of Athena's; see Engine. Cancels the query when it is interrupted, or takes too long.

        Raises:
            EngineError: it was not answered.
        """
        text, values = positional(sql, parameters)
        arguments = [quoted(value) for value in values]
        for argument in arguments:
            if len(argument) > _LONGEST_PARAMETER:
                raise EngineError(
                    f"a parameter has {len(argument):,} characters, and Athena takes {_LONGEST_PARAMETER:,}. Ask for "
                    "less at a time, or use --engine duckdb."
                )
        if len(text) > _LONGEST_SQL:
            raise EngineError(f"the SQL has {len(text):,} characters, and Athena takes {_LONGEST_SQL:,}.")
        self._look_at_the_tables(sql, parameters)
        id = self._start(text, arguments)
        execution = self._finished(id)
        columns, rows = self._rows(id)
        return Answer(columns=columns, rows=rows, scanned_bytes=_scanned(execution))

    def _look_at_the_tables(self, sql: str, parameters: Mapping[str, object]) -> None:
        """Refuse what Athena would answer with no rows and no word: folders that its table does not look for."""
        if not re.search(r"\bcloudtrail\b", sql, re.IGNORECASE):
            return
        try:
            table = self._client("glue").get_table(DatabaseName=self._database, Name="cloudtrail")["Table"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "EntityNotFoundException":
                raise EngineError(
                    f'Athena has no table "{self._database}.cloudtrail" in this account and region. Check both '
                    f"(AWS_PROFILE, home_region); if the tables were never made: {_DEPLOY}"
                ) from error
            _refused(error, "reading the description of the table cloudtrail")
        except BotoCoreError as error:
            _unreachable(error)
        settings = table.get("Parameters", {})
        for name, key, flag in (("account", "accounts", "--account"), ("region", "regions", "--region")):
            asked = _sequence(parameters.get(name, ()))
            if settings.get(f"projection.{name}.type") == "injected" and not asked:
                raise EngineError(
                    f"the table cloudtrail looks for the {key} that a question names, and this one names none. Name "
                    f"them: {flag} VALUE, as often as needed."
                )
            known = settings.get(f"projection.{name}.values")
            if known is None:
                continue
            if missing := [item for item in asked if item not in {part.strip() for part in known.split(",")}]:
                raise EngineError(
                    f"the table cloudtrail does not look for the {name} {', '.join(missing)}, so Athena would find "
                    f"nothing of it without a word. Add it to {key} below [audit] in rootwatch.toml, and deploy the "
                    "evidence stack."
                )

    def _start(self, sql: str, arguments: Sequence[str]) -> str:
        request: dict[str, Any] = {
            "QueryString": sql,
            "WorkGroup": self._workgroup,
            "QueryExecutionContext": {"Catalog": "AwsDataCatalog", "Database": self._database},
        }
        if arguments:  # an empty list is refused
            request["ExecutionParameters"] = list(arguments)
        try:
            return str(self._client("athena").start_query_execution(**request)["QueryExecutionId"])
        except ClientError as error:
            message = str(error.response["Error"].get("Message", ""))
            if re.search(r"workgroup", message, re.IGNORECASE) and re.search("not found|does not exist", message):
                raise EngineError(
                    f'Athena has no workgroup "{self._workgroup}" in this account and region. Check both (AWS_PROFILE, '
                    f"home_region); if it was never made: {_DEPLOY}"
                ) from error
            _refused(error, f"asking in the workgroup {self._workgroup}")
        except BotoCoreError as error:
            _unreachable(error)

    def _finished(self, id: str) -> Mapping[str, Any]:
        """The execution, once it has succeeded."""
        started, wait = self._clock(), _FIRST_WAIT
        try:
            while True:
                execution = self._execution(id)
                state, taken = str(execution["Status"]["State"]), self._clock() - started
                self._progress(Progress(state=state, scanned_bytes=_scanned(execution), seconds=taken))
                if state == "SUCCEEDED":
                    return execution
                if state in ("FAILED", "CANCELLED"):
                    raise EngineError(_failure(execution, self._database))
                if taken > self._time_limit:
                    self._stop(id)
                    raise EngineError(
                        f"Athena had no answer after {self._time_limit:,.0f} seconds, and the query was cancelled. Ask "
                        "for a shorter period, or for fewer accounts or regions."
                    )
                self._sleep(wait)
                wait = min(wait * 1.5, _LONGEST_WAIT)
        except KeyboardInterrupt:
            self._stop(id)  # else it would go on, and cost
            raise

    def _execution(self, id: str) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = self._client("athena").get_query_execution(QueryExecutionId=id)["QueryExecution"]
        except ClientError as error:
            _refused(error, f"looking after the query {id}")
        except BotoCoreError as error:
            _unreachable(error)
        return found

    def _stop(self, id: str) -> None:
        try:
            self._client("athena").stop_query_execution(QueryExecutionId=id)
        except (ClientError, BotoCoreError) as error:
            raise EngineError(
                f"the query {id} could not be cancelled ({_code(error)}): it goes on in Athena, up to the scan limit "
                "of its workgroup. Cancel it in Athena's console, under Recent queries."
            ) from error

    def _rows(self, id: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        columns: tuple[str, ...] = ()
        types: list[str] = []
        rows: list[tuple[Any, ...]] = []
        for number, page in enumerate(self._pages(id)):
            found = page["Rows"]
            if number == 0:
                about = page["ResultSetMetadata"]["ColumnInfo"]
                columns = tuple(str(item["Name"]) for item in about)
                types = [str(item["Type"]) for item in about]
                found = found[1:]  # the first row of a SELECT repeats the names
            for row in found:
                texts = (item.get("VarCharValue") for item in row.get("Data", ()))
                rows.append(tuple(_value(text, kind) for text, kind in zip(texts, types, strict=True)))
        return columns, rows

    def _pages(self, id: str) -> Iterator[Mapping[str, Any]]:
        token: dict[str, str] = {}
        while True:
            try:
                page = self._client("athena").get_query_results(QueryExecutionId=id, MaxResults=_PAGE, **token)
            except ClientError as error:
                _refused(error, f"reading the answer of the query {id}")
            except BotoCoreError as error:
                _unreachable(error)
            yield page["ResultSet"]
            if not page.get("NextToken"):
                return
            token = {"NextToken": str(page["NextToken"])}


def quoted(value: str | int) -> str:
    """A value as an execution parameter: SQL that Athena puts in the place of a `?`, so a text is a literal.

    Athena's SQL knows one way out of a literal, the quote, and doubles it; a backslash is a backslash.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("'", "''") + "'"


def cost(scanned_bytes: int, *, price_per_tb: float = PRICE_PER_TB) -> float:
    """What a query that scanned so much costs, in USD: an estimate, as prices differ between regions."""
    charged = max(_CHARGED_AT_LEAST, -(-scanned_bytes // _MB) * _MB)
    return charged / _TB * price_per_tb


def connect(
    *,
    region: str,
    workgroup: str,
    database: str,
    profile: str | None = None,
    progress: Callable[[Progress], None] = lambda _progress: None,
) -> AthenaEngine:
    """The engine with this machine's credentials, or those of `profile`.

    Raises:
        EngineError: there is no such profile.
    """
    import boto3  # noqa: PLC0415 - a third of a second, for one engine of two
    from botocore.config import Config  # noqa: PLC0415

    # Athena allows few calls a second for an account, and others ask there too.
    patient = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=5, read_timeout=30)
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
    except ProfileNotFound as error:
        raise EngineError(f"{error}. `aws configure list-profiles` lists those there are.") from error
    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in clients:
            clients[service] = session.client(service, config=patient)  # type: ignore[call-overload]
        return clients[service]

    return AthenaEngine(client=client, workgroup=workgroup, database=database, progress=progress)


def _sequence(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [str(item) for item in value] if isinstance(value, Sequence) else []


def _scanned(execution: Mapping[str, Any]) -> int:
    return int(execution.get("Statistics", {}).get("DataScannedInBytes", 0))


def _value(text: str | None, kind: str) -> Any:
    """A result's text as Python has it; what is no number, truth value or day stays text."""
    if text is None:
        return None
    match kind.lower().partition("(")[0]:
        case "tinyint" | "smallint" | "integer" | "int" | "bigint":
            return int(text)
        case "double" | "float" | "real":
            return float(text)
        case "decimal":
            return Decimal(text)
        case "boolean":
            return text == "true"
        case "date":
            return date.fromisoformat(text)
        case "timestamp" if "zone" not in kind:
            return datetime.fromisoformat(text)
    return text


_EXPLAINED: Sequence[tuple[str, str]] = (
    (
        r"bytes scanned limit|scanned.*(cutoff|limit)",
        "the question would scan more than the workgroup allows. Ask for a shorter period, fewer accounts or regions, "
        "or raise scan_limit_gb below [audit] in rootwatch.toml.",
    ),
    (
        r"must contain only static equality|injected projected partition",
        "the table looks for the accounts that a question names. Name them: --account ID, as often as needed.",
    ),
    (
        r"(table|schema|database).*(does not exist|not found)|TABLE_NOT_FOUND|SCHEMA_NOT_FOUND",
        f"a table is missing in the database {{database}}. Check account and region; if it was never made: {_DEPLOY}",
    ),
    (
        r"access ?denied|not authorized|PERMISSION_DENIED|kms:\w+|403",
        "these credentials may not read what the question needs - the logs' bucket, the answers' or their keys - or a "
        "bucket or key of another account does not admit the role. Take the auditors' role (docs/auditor_role.md); "
        "if it is taken: let the owner of that bucket or key admit it.",
    ),
    (
        r"NoSuchBucket|bucket does not exist",
        "a bucket that a table lies in does not exist. Check trail.bucket_name in rootwatch.toml, and deploy.",
    ),
    (
        r"HIVE_CURSOR_ERROR|HIVE_BAD_DATA|not a valid JSON|Unexpected end of",
        "an object in the bucket is no log file: it may be cut off, or somebody put it there. Athena's words name it; "
        "`rootwatch verify-logs` tells whether CloudTrail wrote it so. With --engine duckdb, such a file is named and "
        "left out.",
    ),
    (
        r"partition.*(limit|exceed)|exceed.*partition",
        "the question covers more folders (accounts x regions x days) than Athena reads at once. Ask for a shorter "
        "period, or for fewer accounts or regions.",
    ),
    (
        r"timeout|time limit|exhausted resources",
        "the question was too much for Athena at once. Ask for a shorter period, or for fewer accounts or regions.",
    ),
)


def _failure(execution: Mapping[str, Any], database: str) -> str:
    status = execution["Status"]
    words = str(status.get("AthenaError", {}).get("ErrorMessage") or status.get("StateChangeReason") or "")
    query = str(execution.get("QueryExecutionId", ""))
    quote = f' Athena says of the query {query}: "{_shown(words)}"' if words else f" The query is {query}."
    for pattern, meaning in _EXPLAINED:
        if re.search(pattern, words, re.IGNORECASE | re.DOTALL):
            return meaning.format(database=database) + quote
    if status["State"] == "CANCELLED":
        return f"somebody cancelled the query in Athena.{quote}"
    return f"Athena could not answer.{quote} Try again; if it stays so, report it with the question's name."


def _refused(error: ClientError, doing: str) -> NoReturn:
    code = _code(error)
    said = _shown(str(error.response["Error"].get("Message", "")))
    if code in ("AccessDeniedException", "AccessDenied", "UnauthorizedOperation"):
        text = f"these credentials have no right to do that ({doing}). {_RIGHTS[0].upper()}{_RIGHTS[1:]}"
    elif code in ("ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId"):
        text = f"the credentials have expired, or are none ({code}). Sign in again, as with `aws sso login`."
    elif code in ("ThrottlingException", "TooManyRequestsException"):
        text = f"Athena has too much to do in this account ({doing}). Try again in a minute."
    else:
        text = f"{doing} failed ({code})."
    raise EngineError(f'{text} AWS says: "{said}"') from error


def _unreachable(error: BotoCoreError) -> NoReturn:
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        raise EngineError(f"there are no AWS credentials. Sign in, then {_RIGHTS}") from error
    raise EngineError(
        f"AWS cannot be reached ({type(error).__name__}: {_shown(str(error))}). Check the network, the profile and the "
        "region."
    ) from error


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def _shown(words: str) -> str:
    """Foreign words on one line, without anything that a terminal obeys."""
    plain = "".join(mark if mark.isprintable() else " " for mark in words)
    plain = " ".join(plain.split())
    return plain if len(plain) <= _QUOTED else plain[:_QUOTED] + "…"
