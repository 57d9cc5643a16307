"""The tables that questions are asked of: every column with its type, where its rows lie, and how they are divided.

This is the one description. Athena's tables, the columns that DuckDB reads from the same files, and the documentation
are made of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Text:
    """A string. Whatever else the JSON holds there - an object, a number, true - is its JSON text, as in Athena."""


@dataclass(frozen=True)
class Number:
    """A whole number, 64 bits."""


@dataclass(frozen=True)
class Flag:
    """true or false."""


@dataclass(frozen=True)
class Struct:
    """An object of which these fields are known; others are left aside."""

    fields: tuple[Column, ...]


@dataclass(frozen=True)
class ListOf:
    """A list of values of one type."""

    item: Type


@dataclass(frozen=True)
class MapOf:
    """An object whose keys are data; its values are strings."""


Type = Text | Number | Flag | Struct | ListOf | MapOf

TEXT = Text()


@dataclass(frozen=True)
class Column:
    """A column, or a field of one. In SQL it is `name`; in the JSON it is `key`, whose case matters."""

    key: str
    type: Type = TEXT
    comment: str = ""

    @property
    def name(self) -> str:
        """Glue knows lower case only, and Athena's SerDe finds the key whatever its case."""
        return self.key.lower()


@dataclass(frozen=True, kw_only=True)
class Partition:
    """A column that is part of an object's path and not of its content."""

    name: str
    comment: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table. `prefixes` say where its objects lie: templates of the partitions, and of {organization}."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    partitions: tuple[Partition, ...]
    layout: Literal["records", "entry"]  # {"Records": [row, ...]} in gzip, or an object of JSON for each row
    prefixes: tuple[str, ...]  # below the bucket and the configured key prefix

    def column(self, name: str) -> Column:
        """Raises KeyError: no such column."""
        return {column.name: column for column in self.columns}[name]

    @property
    def names(self) -> frozenset[str]:
        """Of its columns, the partitions aside."""
        return frozenset(column.name for column in self.columns)

    @property
    def partition_names(self) -> tuple[str, ...]:
        return tuple(partition.name for partition in self.partitions)


def athena_type(kind: Type) -> str:
    """As Glue's schema has it: "struct<arn:string,...>"."""
    match kind:
        case Text():
            return "string"
        case Number():
            return "bigint"
        case Flag():
            return "boolean"
        case ListOf(item):
            return f"array<{athena_type(item)}>"
        case MapOf():
            return "map<string,string>"
        case Struct(fields):
            return f"struct<{','.join(f'{field.name}:{athena_type(field.type)}' for field in fields)}>"


def duckdb_type(kind: Type, *, only: Collection[str] | None = None) -> str:
    """As DuckDB has it, with the JSON's own keys; `only` keeps the fields of these names, and what leads to them."""
    match kind:
        case Text():
            return "VARCHAR"
        case Number():
            return "BIGINT"
        case Flag():
            return "BOOLEAN"
        case ListOf(item):
            return f"{duckdb_type(item, only=only)}[]"
        case MapOf():
            return "MAP(VARCHAR, VARCHAR)"
        case Struct(fields):
            kept = fields if only is None else tuple(field for field in fields if _is_needed(field, only)) or fields
            parts = (f'"{field.key}" {duckdb_type(field.type, only=only)}' for field in kept)
            return f"STRUCT({', '.join(parts)})"


def _is_needed(field: Column, only: Collection[str]) -> bool:
    return field.name in only or any(_is_needed(inner, only) for inner in _fields(field.type))


def _fields(kind: Type) -> Iterator[Column]:
    if isinstance(kind, Struct):
        yield from kind.fields
    elif isinstance(kind, ListOf):
        yield from _fields(kind.item)


_ISSUER = Struct((Column("type"), Column("principalId"), Column("arn"), Column("accountId"), Column("userName")))
_SESSION = Struct(
    (
        Column("attributes", Struct((Column("mfaAuthenticated"), Column("creationDate")))),
        Column("sessionIssuer", _ISSUER),
        Column("ec2RoleDelivery"),
        Column("webIdFederationData", Struct((Column("federatedProvider"), Column("attributes", MapOf())))),
        Column("sourceIdentity"),
        Column("ec2IssuedInVpc"),
        Column("assumedRoot"),
        Column("signInSessionArn"),
    )
)
_IDENTITY = Struct(
    (
        Column("type"),
        Column("principalId"),
        Column("arn"),
        Column("accountId"),
        Column("invokedBy"),
        Column("accessKeyId"),
        Column("userName"),
        Column("identityProvider"),
        Column("credentialId"),
        Column("onBehalfOf", Struct((Column("userId"), Column("identityStoreArn")))),
        Column("inScopeOf", Struct((Column("issuerType"), Column("credentialsIssuedTo")))),
        Column("sessionContext", _SESSION),
    )
)

# AWS CloudTrail user guide, "Record contents for management, data, and network activity events" and "userIdentity
# element"; AWS Athena user guide, "Create a table for CloudTrail logs". Fields that are not declared cannot be asked
# for, so the newer ones are here too. What varies with the service is text: json_extract_scalar takes it apart.
CLOUDTRAIL = Table(
    name="cloudtrail",
    comment="A row for each record of CloudTrail. Two trails in one bucket write each twice: DISTINCT eventid.",
    columns=(
        Column("eventVersion"),
        Column("userIdentity", _IDENTITY, "who"),
        Column("eventTime", TEXT, "UTC, as 2026-10-31T23:59:59Z: sorts as text"),
        Column("eventSource"),
        Column("eventName"),
        Column("awsRegion"),
        Column("sourceIPAddress"),
        Column("userAgent"),
        Column("errorCode"),
        Column("errorMessage"),
        Column("requestParameters", TEXT, "JSON"),
        Column("responseElements", TEXT, "JSON"),
        Column("additionalEventData", TEXT, "JSON"),
        Column("requestID"),
        Column("eventID"),
        Column("readOnly", TEXT, '"true" or "false"; old records have none'),
        Column(
            "resources",
            ListOf(Struct((Column("ARN"), Column("accountId"), Column("type"), Column("ARNPrefix")))),
        ),
        Column("eventType"),
        Column("apiVersion"),
        Column("managementEvent"),
        Column("recipientAccountId"),
        Column("serviceEventDetails", TEXT, "JSON"),
        Column("sharedEventID"),
        Column("annotation"),
        Column("vpcEndpointId"),
        Column("vpcEndpointAccountId"),
        Column("eventCategory"),
        Column(
            "addendum",
            Struct((Column("reason"), Column("updatedFields"), Column("originalRequestID"), Column("originalEventID"))),
        ),
        Column("sessionCredentialFromConsole"),
        Column("edgeDeviceDetails", TEXT, "JSON"),
        Column("tlsDetails", Struct((Column("tlsVersion"), Column("cipherSuite"), Column("clientProvidedHostHeader")))),
        Column("eventContext", TEXT, "JSON"),
        Column("signInSessionArn"),
    ),
    partitions=(
        Partition(name="account", comment="whose log it is, of the path"),
        Partition(name="region", comment="of the path; global services write in us-east-1"),
        Partition(name="day", comment="yyyy/MM/dd in which the file was written: up to a day after the event"),
    ),
    layout="records",
    prefixes=(
        "AWSLogs/{account}/CloudTrail/{region}/{day}/",
        "AWSLogs/{organization}/{account}/CloudTrail/{region}/{day}/",
    ),
)

_DAY = Partition(name="day", comment="yyyy/MM/dd, UTC")

FINDINGS = Table(
    name="findings",
    comment="A row for each finding: what one detection concluded from one event, and the alert it went into.",
    columns=(
        Column("finding_id"),
        Column("detection_id"),
        Column("alert_id"),
        Column("event_id", TEXT, "the eventid of the record"),
        Column("account"),
        Column("region"),
        Column("severity", TEXT, "INFO, LOW, MEDIUM, HIGH, CRITICAL"),
        Column("title"),
        Column("summary"),
        Column("subject"),
        Column("actor"),
        Column("actor_arn"),
        Column("actor_kind"),
        Column("access_key_id"),
        Column("source_ip"),
        Column("event_name"),
        Column("event_service"),
        Column("event_time", TEXT, "UTC, ISO 8601; absent where the event has none"),
        Column("received", TEXT, "UTC: when we learnt of it"),
        Column("road", TEXT, "by which it came: EventBridge, or the sweep"),
        Column("quiet", TEXT, "why people were not disturbed; absent where they were"),
        Column("window_id", TEXT, "of the break-glass window it is about"),
        Column("standing", TEXT, "how it stands to the break-glass windows"),
        Column("session", TEXT, "JSON: the session that began with it"),
    ),
    partitions=(_DAY,),
    layout="entry",
    prefixes=("findings/{day}/",),
)

# The names are those of the objects that handlers/alerting/life.py writes.
TRANSITIONS = Table(
    name="transitions",
    comment="A row for each act on an alert: who did what, when and why, and the state that it led to.",
    columns=(
        Column("alert"),
        Column("act"),
        Column("verb"),
        Column("state"),
        Column("by", TEXT, "a Slack user id, or rootwatch"),
        Column("at", TEXT, "ISO 8601 with offset"),
        Column("reason"),
        Column("ticket"),
        Column("cause"),
        Column("version", Number()),
    ),
    partitions=(_DAY,),
    layout="entry",
    prefixes=("transitions/{day}/",),
)

# The names are those of the objects that handlers/alerting/window_desk.py writes.
WINDOWS = Table(
    name="windows",
    comment="A row for each act on a break-glass window, with the window as it stood afterwards.",
    columns=(
        Column("act", Struct(tuple(Column(key) for key in ("id", "verb", "by", "at", "reason")))),
        Column(
            "window",
            Struct(
                (
                    *(Column(key) for key in ("id", "account", "identity", "person", "purpose", "ticket")),
                    *(Column(key, TEXT, "ISO 8601 with offset") for key in ("starts", "ends")),
                    *(Column(key) for key in ("requested_by", "requested_at", "state", "reason")),
                    *(Column(key) for key in ("approved_by", "approved_at", "settled_by", "settled_at")),
                    Column("emergency", Flag()),
                    Column("version", Number()),
                )
            ),
        ),
    ),
    partitions=(_DAY,),
    layout="entry",
    prefixes=("windows/{day}/",),
)

TABLES = {table.name: table for table in (CLOUDTRAIL, FINDINGS, TRANSITIONS, WINDOWS)}
