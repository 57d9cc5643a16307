"""A deployment: what `rootwatch.toml` says, checked, with every mistake named by file, line, key, cause and remedy."""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from handlers.alerting.detection import Detection
from handlers.alerting.reminding import Reminders, Rhythm
from handlers.alerting.routing import DEFAULTS, RESERVED, Route, Routing
from handlers.alerting.severity import Severity
from handlers.alerting.suppression import Deployer, Quiet, Suppression
from handlers.alerting.window import ROOT, BreakGlass, Person
from handlers.alerting.working_hours import DAYS, WorkingHours
from handlers.detections import CATALOGUE, PACKS, catalogue
from handlers.detections.admin_session_started.detection import ADMIN_SESSION_STARTED

Mode = Literal["create", "existing", "skip"]

# The region that records root sign-ins and every IAM, Organizations and CloudFront call, by partition
# (CloudTrail user guide, "AWS Management Console sign-in events" and "Global service events").
GLOBAL_REGIONS: Mapping[str, str] = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}

# Only for "did you mean": a region that opens tomorrow is accepted, with a warning.
KNOWN_REGIONS: tuple[str, ...] = tuple(
    """
    af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1
    ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1
    cn-north-1 cn-northwest-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3
    il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1
    us-west-1 us-west-2
    """.split()  # noqa: SIM905 - forty quoted lines would be read by nobody
)

# AWS Config developer guide, "Recording AWS resources": the global IAM types cannot be recorded here.
REGIONS_WITHOUT_IAM_RECORDING = frozenset(
    """
    ap-east-2 ap-south-2 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-west-1 eu-central-2 eu-south-2
    il-central-1 me-central-1 mx-central-1
    """.split()  # noqa: SIM905 - as above
)

# CloudWatch Logs accepts these retention periods and no others (API reference, PutRetentionPolicy).
LOG_RETENTION_DAYS = frozenset(
    (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
)

SEVERITIES = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")
MAXIMUM_FILE_BYTES = 1_000_000
MAXIMUM_MMDB_BYTES = 60_000_000  # two of them and the code stay below the 250 MB that Lambda unpacks
# MaxMind DB file format specification 2.0, "Database Metadata": after this marker, at the end of the file.
_MMDB_MARKER = b"\xab\xcd\xefMaxMind.com"
_MMDB_METADATA_BYTES = 131_072
SLACK_HOSTS = ("slack.com", "slack-gov.com")

MAXIMUM_CHOICE = 150  # characters of an option's value in a form of Slack's (Block Kit, option object)
MAXIMUM_PEOPLE = 100  # a list in a form of Slack's holds no more (Block Kit, select menu element)
# How a rule knows the roles whose sessions are seen: AssumeRole is by far the most frequent call.
_SEEN_ROLES: Mapping[str, Any] = ADMIN_SESSION_STARTED.pattern["detail"]
# The widest network that still says where somebody works from, in bits of IPv4 and IPv6.
_SHORTEST_PREFIX = {4: 16, 6: 32}

# Athena user guide, "Partition your data", considerations and limitations: of one scan.
MAXIMUM_PARTITIONS = 1_000_000
MAXIMUM_SUPPRESSION_DAYS = 90  # whoever still needs it then says so again
ENDS_SOON_DAYS = 7


class ConfigurationError(Exception):
    """The configuration cannot be used; `str()` is the whole report, `problems` are its parts."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__(self._report())

    def _report(self) -> str:
        count = len(self.problems)
        head = f"{self.file} cannot be used: {count} problem{'s' if count > 1 else ''}."
        return "\n".join([head, *(problem.describe(self.file) for problem in self.problems)])


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with a configuration file."""

    key: str | None  # dotted path, as the file would write it; None where the file as a whole is meant
    line: int | None
    column: int | None = None
    cause: str
    remedy: str

    def describe(self, file: str) -> str:
        """Two lines: `file:line: key: cause`, and what to do about it."""
        place = ":".join([file, *(str(number) for number in (self.line, self.column) if number is not None)])
        subject = f"{self.key}: " if self.key else ""
        return f"  {place}: {subject}{self.cause}\n      Fix: {self.remedy}"


def _refuse(cause: str, remedy: str, *, at: Sequence[str | int] = ()) -> NoReturn:
    """End a validator with a cause and a remedy; `at` says which key below the validated one is meant."""
    # The texts travel as context, because pydantic would read braces in a message as a template.
    raise PydanticCustomError("rootwatch", "{cause}", {"cause": cause, "remedy": remedy, "at": tuple(at)})


def _shown(value: object) -> str:
    """A value as an error may show it: short, on one line, never a secret."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except (ValueError, RecursionError):  # Python refuses to spell out a number of thousands of digits
        return f"a value too large to show (of type {type(value).__name__})"
    if re.search(r"xox[a-z]-|xapp-", text):
        return "a Slack token (not shown)"
    if isinstance(value, str):
        # What a terminal would obey is spelled out instead.
        visible = (mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in value[:100])
        text = '"' + "".join(visible) + '"'
    return text if len(text) <= 80 else text[:77] + "..."


def _nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be."""
    spelled = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(word.casefold(), spelled, n=5, cutoff=0.6)
    if not close:
        return None
    # Swapped letters are the commonest slip: "us-esat-1" is us-east-1 rather than us-west-1.
    swapped = [candidate for candidate in close if sorted(candidate) == sorted(word.casefold())]
    return spelled[(swapped or close)[0]]


def _did_you_mean(word: object, known: Iterable[str]) -> str:
    nearest = _nearest(word, known) if isinstance(word, str) else None
    return f'did you mean "{nearest}"? ' if nearest else ""


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _account_id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12:
        _refuse(
            f"{value} is a number; an account id is text, because it may begin with a zero.",
            f'put it in quotes: "{value:012d}".',
        )
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{12}", value):
        _refuse(
            f"{_shown(value)} is not an AWS account id.",
            'write its 12 digits in quotes, without dashes, such as "123456789012"; '
            "`aws sts get-caller-identity --query Account` prints yours.",
        )
    return value


def _account_name(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 64 or not value.isprintable():
        _refuse(
            f"{_shown(value)} cannot be shown as an account's name.", "use 1 to 64 printable characters, in quotes."
        )
    return value


def _region(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}", value):
        _refuse(
            f"{_shown(value)} is not the name of an AWS region.",
            f"{_did_you_mean(value, KNOWN_REGIONS)}Write it like us-east-1 or ap-northeast-1.",
        )
    if value not in KNOWN_REGIONS and not any(value.rsplit("-", 1)[0] == r.rsplit("-", 1)[0] for r in KNOWN_REGIONS):
        nearest = _nearest(value, KNOWN_REGIONS)
        if nearest:
            _refuse(f"{_shown(value)} is no region that we know.", f'did you mean "{nearest}"?')
    return value


def _severity(value: object) -> str:
    if not isinstance(value, str) or value.upper() not in SEVERITIES:
        _refuse(
            f"{_shown(value)} is not a severity.",
            f"{_did_you_mean(value, SEVERITIES)}Choose one of {', '.join(SEVERITIES)}.",
        )
    return value.upper()


AccountId = Annotated[str, BeforeValidator(_account_id)]
AccountName = Annotated[str, BeforeValidator(_account_name)]
Region = Annotated[str, BeforeValidator(_region)]
SeverityName = Annotated[str, BeforeValidator(_severity)]


def partition_of(region: str) -> str:
    """The partition a region belongs to: `aws`, `aws-cn` or `aws-us-gov`."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Basics(_Section):
    """`[deployment]`: which account, which regions, under which name."""

    name: str = "rootwatch"
    account: AccountId = Field(examples=['"123456789012"'])
    home_region: Region = Field(examples=['"us-east-1"'])
    watched_regions: Annotated[tuple[Region, ...], BeforeValidator(_as_tuple)] = Field(
        default=(), validate_default=True
    )
    termination_protection: bool = True

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", value) or value.endswith("-"):
            _refuse(
                f"{_shown(value)} cannot begin the names of AWS resources.",
                "use 1 to 20 lower-case letters, digits and dashes, beginning with a letter and not ending "
                'with a dash, such as "rootwatch".',
            )
        return value

    @field_validator("watched_regions")
    @classmethod
    def _sees_root_sign_ins(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        repeated = sorted({region for region in value if value.count(region) > 1})
        if repeated:
            _refuse(f"{', '.join(repeated)} is listed more than once.", "list each region once.")
        home = info.data.get("home_region")
        if home is None:  # refused already, under its own key
            return value
        partition = partition_of(home)
        strangers = [region for region in value if partition_of(region) != partition]
        if strangers:
            _refuse(
                f"{', '.join(strangers)} lies in another partition than {home} ({partition}), "
                "and one AWS account has regions of one partition only.",
                f"list regions of {partition}; give the other account a configuration of its own.",
            )
        needed = GLOBAL_REGIONS[partition]
        if needed not in (home, *value):
            _refuse(
                f"{needed} is neither the home region nor watched: root sign-ins and all IAM writes are recorded in "
                f"{needed} and nowhere else, so this deployment would never see them.",
                f'add "{needed}" to watched_regions, or make it the home_region.',
            )
        return value


class Slack(_Section):
    """`[slack]`: where alerts go, and where the token is kept (never in this file)."""

    channel: str = Field(examples=['"C0123456789"'])
    token_store: Literal["ssm", "secretsmanager"] = "ssm"  # noqa: S105 - the place, not the token
    minimum_severity: SeverityName = "LOW"

    @field_validator("channel")
    @classmethod
    def _channel_id(cls, value: str) -> str:
        if not re.fullmatch(r"[CG][A-Z0-9]{8,}", value):
            _refuse(
                f"{_shown(value)} is not a channel ID; a channel's name can change, its ID cannot.",
                "in Slack open the channel, click its name, and copy the Channel ID at the foot of the About tab; "
                'it looks like "C0123456789".',
            )
        return value


def _check_slack_people(value: str) -> None:
    if not re.fullmatch(r"[UWS][A-Z0-9]{2,30}", value):
        _refuse(
            f"{_shown(value)} is neither the ID of a person in Slack nor of a user group; a name can change.",
            "in Slack open the person's profile, press the three dots, and Copy member ID, which looks like "
            '"U0123456789"; or open the user group, press the three dots, and Copy group ID: it looks like '
            '"S0123456789".',
        )


class React(_Section):
    """`[react]`: whether people can act on an alert from its Slack message, and who may."""

    enabled: bool = False
    signing_secret_store: Literal["ssm", "secretsmanager"] = "ssm"  # noqa: S105 - the place, not the secret
    team_id: str = ""  # "": any workspace that holds the signing secret
    app_id: str = ""
    responders: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()  # people and user groups; (): anybody
    on_call: str = ""  # user group or person who is called for help; "": nobody by name

    @field_validator("team_id", "app_id")
    @classmethod
    def _slack_id(cls, value: str, info: ValidationInfo) -> str:
        letter = "T" if info.field_name == "team_id" else "A"
        if value and not re.fullmatch(f"{letter}[A-Z0-9]{{2,30}}", value):
            _refuse(
                f"{_shown(value)} is not such an ID of Slack: it begins with {letter}.",
                f"copy it from the app's page on api.slack.com, or remove the key; it looks like "
                f'"{letter}0123456789".',
            )
        return value

    @field_validator("responders")
    @classmethod
    def _user_ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for person in value:
            _check_slack_people(person)
        return value

    @field_validator("on_call")
    @classmethod
    def _who_is_called(cls, value: str) -> str:
        if value:
            _check_slack_people(value)
        return value


class Email(_Section):
    """`[email]`: who also gets a mail, and from which severity on."""

    addresses: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()
    minimum_severity: SeverityName = "HIGH"

    @field_validator("addresses")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if len(address) > 254 or not re.fullmatch(r"[^\s@<>,;\"]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", address):
                _refuse(f"{_shown(address)} is not an e-mail address.", 'write it like "security@example.com".')
        if len({address.casefold() for address in value}) < len(value):
            _refuse("an address is listed more than once.", "list each address once.")
        return value


class Display(_Section):
    """`[display]`: how alerts speak to people."""

    time_zone: str = "UTC"
    language: Literal["en", "ja"] = "en"
    runbook_url: str = ""

    @field_validator("runbook_url")
    @classmethod
    def _runbook_url(cls, value: str) -> str:
        if value and not re.fullmatch(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?", value):
            _refuse(
                f"{_shown(value)} is not an https address that a message can link to.",
                'write it like "https://git.example.com/security/rootwatch/handlers/detections", without a query.',
            )
        return value

    @field_validator("time_zone")
    @classmethod
    def _time_zone(cls, value: str) -> str:
        # Some systems list their own setting, "localtime", beside the names of the IANA list.
        names = (zoneinfo.available_timezones() | {"UTC"}) - {"localtime", "posixrules", "Factory"}
        if value != "UTC" and len(names) == 1:
            _refuse(
                f"{_shown(value)} cannot be checked: this machine has no time zone data.",
                'install it (Debian: apt-get install tzdata; anywhere: pip install tzdata), or use "UTC".',
            )
        if value not in names:
            _refuse(
                f"{_shown(value)} is not a time zone.",
                f'{_did_you_mean(value, names)}Use an IANA name, such as "UTC" or "Asia/Tokyo".',
            )
        return value


def _days(value: object) -> tuple[str, ...]:
    days = value if isinstance(value, list) else [value]
    for day in days:
        if day not in DAYS:
            _refuse(f"{_shown(day)} is not a day of the week.", f"list days among {', '.join(DAYS)}.")
    if not days or len(set(days)) < len(days):
        _refuse("lists no day, or one more than once.", f"list each working day once, of {', '.join(DAYS)}.")
    return tuple(sorted(days, key=DAYS.index))


def _time_of_day(value: object) -> time:
    if not isinstance(value, str) or not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        _refuse(f"{_shown(value)} is not a time of day.", 'write hours and minutes in quotes, such as "08:00".')
    return time.fromisoformat(value)


class DeclaredHours(_Section):
    """`[working_hours]`: when people work, in the time zone of `[display]`; outside, some things are worth a look."""

    days: Annotated[tuple[str, ...], BeforeValidator(_days)] = DAYS[:5]
    starts: Annotated[time, BeforeValidator(_time_of_day)] = Field(examples=['"08:00"'])
    ends: Annotated[time, BeforeValidator(_time_of_day)] = Field(examples=['"19:00"'])

    @field_validator("ends")
    @classmethod
    def _lasts(cls, value: time, info: ValidationInfo) -> time:
        if value == info.data.get("starts"):
            _refuse("is the same as starts: nobody would ever work.", "give the time at which people go home.")
        return value


class IdentityCenter(_Section):
    """`[identity_center]`: where IAM Identity Center lives, when the organisation uses it."""

    home_region: Region | None = None


class Trail(_Section):
    """`[trail]`: the CloudTrail trail and the bucket that keeps its records."""

    mode: Mode = "create"
    name: str | None = Field(default=None, validate_default=True)
    arn: str | None = None
    bucket_name: str | None = Field(default=None, validate_default=True)
    key_prefix: str = ""
    retention_days: int = Field(default=2555, ge=90, le=36500)
    object_lock: Literal["governance", "compliance", "none"] = "governance"
    object_lock_days: int = Field(default=365, ge=1, le=36500, validate_default=True)
    compliance_confirmation: str = Field(default="", validate_default=True)
    customer_key: bool = False
    organization_id: str | None = None
    access_log: Literal["create", "none"] = "create"

    @field_validator("name")
    @classmethod
    def _trail_name(cls, value: str | None, info: ValidationInfo) -> str | None:
        # CloudTrail API reference, CreateTrail: letters, digits, periods, underscores, dashes; 3 to 128 characters.
        if value is None:
            if info.data.get("mode") == "existing":
                _refuse(
                    'is missing, and mode is "existing".',
                    "give the trail's name; `aws cloudtrail describe-trails` lists it.",
                )
            return value
        if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9]|[._-](?![._-])){1,126}[A-Za-z0-9]", value):
            _refuse(
                f"{_shown(value)} is not a name CloudTrail accepts.",
                "use 3 to 128 letters, digits, periods, underscores and dashes, beginning and ending with a letter "
                "or digit. To name a trail by its ARN, use the key `arn`.",
            )
        return value

    @field_validator("arn")
    @classmethod
    def _trail_arn(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return value
        if info.data.get("mode") not in ("existing", None):
            _refuse("names an existing trail, but mode is not existing.", 'remove the key, or write mode = "existing".')
        name = info.data.get("name")
        if not re.fullmatch(r"arn:aws(-cn|-us-gov)?:cloudtrail:[a-z0-9-]+:[0-9]{12}:trail/[A-Za-z0-9._-]+", value):
            _refuse(
                f"{_shown(value)} is not the ARN of a trail.",
                "copy TrailARN from `aws cloudtrail describe-trails`, such as "
                '"arn:aws:cloudtrail:us-east-1:123456789012:trail/main".',
            )
        if name and value.rsplit("/", 1)[1] != name:
            _refuse(f'is the ARN of another trail than "{name}".', "make name and arn speak of the same trail.")
        return value

    @field_validator("bucket_name")
    @classmethod
    def _bucket_name(cls, value: str | None, info: ValidationInfo) -> str | None:
        mode = info.data.get("mode")
        if value is None:
            if mode == "existing":
                _refuse(
                    'is missing, and mode is "existing".',
                    "give the trail's bucket; `aws cloudtrail describe-trails` shows it as S3BucketName.",
                )
            return value
        if mode == "create":
            _refuse(
                'is set, but mode is "create": the bucket is then created, with a name of its own.',
                'remove the key, or write mode = "existing".',
            )
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value):
            _refuse(f"{_shown(value)} is not the name of a bucket.", "give the bare name, without s3:// and path.")
        return value

    @field_validator("key_prefix")
    @classmethod
    def _key_prefix(cls, value: str, info: ValidationInfo) -> str:
        if value and info.data.get("mode") == "create":
            _refuse("only an existing trail has a prefix of its own.", "remove the key.")
        if len(value) > 200 or not re.fullmatch(r"[A-Za-z0-9!_.*'()/-]*", value):
            _refuse(f"{_shown(value)} is not a prefix CloudTrail accepts.", "copy S3KeyPrefix from describe-trails.")
        return value.strip("/")

    @field_validator("object_lock_days")
    @classmethod
    def _lock_ends_before_retention(cls, value: int, info: ValidationInfo) -> int:
        retention = info.data.get("retention_days")
        if info.data.get("object_lock") != "none" and retention is not None and value > retention:
            _refuse(
                f"{value} days of Object Lock outlast the {retention} days of retention, "
                "so the expiry of retention_days could never happen in time.",
                "lower object_lock_days, or raise retention_days.",
            )
        return value

    @field_validator("compliance_confirmation")
    @classmethod
    def _compliance_is_confirmed(cls, value: str, info: ValidationInfo) -> str:
        days = info.data.get("object_lock_days")
        if info.data.get("object_lock") != "compliance" or days is None:
            return value
        sentence = f"objects cannot be deleted for {days} days by anyone"
        if value != sentence:
            _refuse(
                "Object Lock in compliance mode cannot be undone before it ends: not by an administrator, not by "
                "root, not by AWS support; the only way out is closing the account. It needs a confirmation.",
                f'write exactly compliance_confirmation = "{sentence}", or choose object_lock = "governance".',
            )
        return value

    @field_validator("organization_id")
    @classmethod
    def _organization_id(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"o-[a-z0-9]{10,32}", value):
            _refuse(
                f"{_shown(value)} is not an organization id.",
                'write it like "o-a1b2c3d4e5"; `aws organizations describe-organization` prints yours.',
            )
        return value


# One per line, so that a difference shows which one changed.
DEFAULT_RESOURCE_TYPES = (
    "AWS::IAM::User",
    "AWS::IAM::Role",
    "AWS::IAM::Group",
    "AWS::IAM::Policy",
    "AWS::CloudTrail::Trail",
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
)


class Config(_Section):
    """`[config]`: the AWS Config recorder and its rules about privileged identities."""

    mode: Mode = "skip"
    resource_types: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(
        default=DEFAULT_RESOURCE_TYPES, min_length=1
    )
    rules: bool = True

    @field_validator("resource_types")
    @classmethod
    def _resource_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not re.fullmatch(r"AWS::[A-Za-z0-9]+::[A-Za-z0-9]+", name):
                _refuse(
                    f"{_shown(name)} is not an AWS resource type.",
                    f'{_did_you_mean(name, DEFAULT_RESOURCE_TYPES)}Write it like "AWS::IAM::User".',
                )
        if len(set(value)) < len(value):
            _refuse("a resource type is listed more than once.", "list each type once.")
        return value


class Analyzer(_Section):
    """`[analyzer]`: IAM Access Analyzer."""

    mode: Mode = "create"
    zone: Literal["account", "organization"] = "account"
    unused_access: bool = False
    unused_days: int = Field(default=90, ge=1, le=365)


class Alerts(_Section):
    """`[alerts]`: how long alerts and logs are kept."""

    retention_days: int = Field(default=400, ge=30, le=3650)
    log_retention_days: int = 90

    @field_validator("log_retention_days")
    @classmethod
    def _log_retention(cls, value: int) -> int:
        if value not in LOG_RETENTION_DAYS:
            nearest = min(sorted(LOG_RETENTION_DAYS), key=lambda days: abs(days - value))
            _refuse(
                f"CloudWatch Logs cannot keep logs for {value} days.",
                f"the nearest it can is {nearest}; it accepts {', '.join(map(str, sorted(LOG_RETENTION_DAYS)))}.",
            )
        return value


def _address_file(value: object, info: ValidationInfo) -> object:
    """The path of a file in MaxMind's format, made absolute: it is relative to the configuration's folder."""
    if value is None:
        return None
    if not isinstance(value, str) or not value or not value.isprintable():
        _refuse(f"{_shown(value)} is not the path of a file.", 'write it in quotes, such as "country.mmdb".')
    path = (info.context or {}).get("folder", Path()) / Path(value).expanduser()
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(0, size - _MMDB_METADATA_BYTES))
            end = file.read()
    except OSError as error:
        _refuse(
            f"{_shown(value)} cannot be read: {error.strerror or error}.",
            "check the path; it is relative to the folder of this configuration.",
        )
    except ValueError:  # a path that no system takes
        _refuse(f"{_shown(value)} is not the path of a file.", 'write it like "country.mmdb".')
    if _MMDB_MARKER not in end:
        _refuse(
            f"{_shown(value)} is not a file in MaxMind's format.",
            "use an .mmdb file, such as those of MaxMind, DB-IP or IPinfo; unpack it first if it is compressed.",
        )
    if size > MAXIMUM_MMDB_BYTES:
        _refuse(
            f"{_shown(value)} has {size:,} bytes; the function can carry {MAXIMUM_MMDB_BYTES:,}.",
            "use the publisher's country or ASN file instead of the one with cities.",
        )
    return str(path.resolve())


AddressFile = Annotated[str | None, BeforeValidator(_address_file)]


class Context(_Section):
    """`[context]`: what alerts are enriched with beyond what we know ourselves."""

    mmdb_country: AddressFile = None
    mmdb_asn: AddressFile = None
    access_analyzer_checks: bool = False


class Sessions(_Section):
    """`[sessions]`: where it is looked up what was done in a privileged session."""

    read_log_bucket: bool = False  # besides the event history


SweepSource = Literal["notifications", "eventbridge", "listing", "off"]


class Sweep(_Section):
    """`[sweep]`: how the log objects that come into the trail's bucket are learnt of, so that each is swept."""

    source: SweepSource | None = None  # None: as fits trail.mode
    grace_seconds: int = Field(default=300, ge=0, le=900)
    listing_minutes: int = Field(default=15, ge=5, le=30)
    key_arn: str | None = None

    @field_validator("key_arn")
    @classmethod
    def _names_a_key(cls, value: str | None) -> str | None:
        form = r"arn:aws(-cn|-us-gov)?:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"
        if value is not None and not re.fullmatch(form, value):
            _refuse(
                f"{_shown(value)} is not the ARN of a KMS key.",
                "copy KmsKeyId from `aws cloudtrail describe-trails`, such as "
                '"arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000"; an alias will not do.',
            )
        return value


class Advanced(_Section):
    """`[advanced]`: for the local AWS and for experiments; a real deployment leaves it out."""

    slack_api_url: str | None = None  # None: Slack's own
    retry_base_seconds: int = Field(default=30, ge=1, le=900)
    retry_cap_seconds: int = Field(default=900, ge=1, le=43_200)
    refresh_seconds: int = Field(default=30, ge=1, le=900)
    bundle_platform: Literal["lambda", "host"] = "lambda"
    read_event_rules: bool = True

    @field_validator("slack_api_url")
    @classmethod
    def _only_slack_or_loopback(cls, value: str | None) -> str | None:
        # Whoever chooses this address receives the Slack token.
        if value is None:
            return value
        try:
            parts = urlsplit(value)
            host = parts.hostname or ""
            _ = parts.port
        except ValueError:
            _refuse(f"{_shown(value)} is not a URL.", 'write it like "http://127.0.0.1:8080/api/".')
        plain = not (parts.query or parts.fragment or parts.username or parts.password)
        slack = parts.scheme == "https" and any(host == h or host.endswith(f".{h}") for h in SLACK_HOSTS)
        local = parts.scheme in ("http", "https") and _is_loopback(host)
        if not plain or not (slack or local):
            _refuse(
                f"{_shown(value)} is neither Slack nor this machine, and whoever answers there gets the Slack token.",
                "remove the key to use Slack; a local Slack must be on loopback, such as http://127.0.0.1:8080/api/.",
            )
        return value

    @field_validator("retry_cap_seconds")
    @classmethod
    def _cap_above_base(cls, value: int, info: ValidationInfo) -> int:
        base = info.data.get("retry_base_seconds")
        if base is not None and value < base:
            _refuse(f"{value} is below retry_base_seconds ({base}).", "make it at least as large.")
        return value


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _entries(name: str) -> BeforeValidator:
    """[[name]] may be there any number of times; a slip in its brackets gets words of its own."""

    def validate(value: object) -> object:
        if isinstance(value, Mapping):
            _refuse("is written once, as [section].", f"write [[{name}]], in two brackets, above each entry.")
        if isinstance(value, list) and not all(isinstance(item, Mapping) for item in value):
            _refuse("is a list of values, not of entries.", f"write [[{name}]] above each entry's settings.")
        return _as_tuple(value)

    return BeforeValidator(validate)


def _line(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 200 or not value.isprintable() or not value.strip():
        _refuse(
            f"{_shown(value)} is not a line of text.", "write 1 to 200 printable characters, in quotes, on one line."
        )
    return value


def _day(value: object) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        _refuse(f"{_shown(value)} is not a date.", "write year, month and day without quotes, such as 2026-12-31.")
    return value


def _detection_id(value: object) -> str:
    known = {detection.id: detection for detection in CATALOGUE}
    if not isinstance(value, str) or value not in known:
        _refuse(
            f"{_shown(value)} is not the id of a detection.",
            f"{_did_you_mean(value, known)}`rootwatch detections` lists them.",
        )
    if not known[value].suppressible:
        _refuse(
            f"{value} cannot be kept quiet: whoever takes over root, or blinds the watcher, would begin with that.",
            "remove it: what was done on purpose is announced as well, and its thread is the place to say so.",
        )
    return value


def _names_somebody(name: str) -> bool:
    """Whether a name with wildcards still tells one apart from all others."""
    return "*" not in name or len(name.replace("*", "")) >= 3


def _role_pattern(value: object) -> str:
    form = r"arn:aws(-cn|-us-gov)?:iam::([0-9]{12}|\*):role(/[\w+=,.@*-]+)+"
    if not isinstance(value, str) or len(value) > 600 or not re.fullmatch(form, value, re.ASCII):
        _refuse(
            f"{_shown(value)} is not the ARN of a role.",
            'write it like "arn:aws:iam::123456789012:role/deploy"; * stands for any part of a name. '
            "For a session, give the role behind it.",
        )
    if not _names_somebody(value.rpartition("/")[2]):
        _refuse(
            f"{_shown(value)} names every role there is.",
            "spell out at least three characters of the role's name, after the last /.",
        )
    return value


def _role_of_one_account(value: object) -> str:
    pattern = _role_pattern(value)
    if ":*:" in pattern:
        _refuse(
            f"{_shown(value)} is a role of any account, a stranger's as well.", "spell out the account's 12 digits."
        )
    return pattern


def _principal(value: object) -> str:
    user = r"iam::[0-9]{12}:user(/[\w+=,.@*-]+)+"
    session = r"sts::[0-9]{12}:(assumed-role|federated-user)/[\w+=,.@*-]+(/[\w+=,.@*-]+)?"
    form = rf"arn:aws(-cn|-us-gov)?:({user}|{session})"
    if not isinstance(value, str) or len(value) > 600 or not re.fullmatch(form, value, re.ASCII):
        _refuse(
            f"{_shown(value)} is not the ARN of a user or a session, with its account spelled out.",
            'write it like "arn:aws:iam::123456789012:user/alice" or '
            '"arn:aws:sts::123456789012:assumed-role/deploy/*"; for a role in any session, use source_role.',
        )
    path = value.split("/")
    name = path[-1] if ":user/" in value else path[1]  # a session is named by whoever opens it
    if not _names_somebody(name):
        _refuse(
            f"{_shown(value)} names everybody there is.", "spell out at least three characters of the name or role."
        )
    return value


def _auditor(value: object) -> str:
    """Whoever may take the auditors' role: a user, or a role whose account is spelled out."""
    if isinstance(value, str) and re.fullmatch(
        r"arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:user(/[\w+=,.@-]+)+", value, re.ASCII
    ):
        return value
    if not isinstance(value, str) or ":role/" not in value:
        _refuse(
            f"{_shown(value)} is not the ARN of a role or a user.",
            'write it like "arn:aws:iam::123456789012:role/security-audit"; for an Identity Center permission set: '
            '"arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com*/AWSReservedSSO_Auditor_*".',
        )
    return _role_of_one_account(value)


def _slack_user(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[UW][A-Z0-9]{2,30}", value):
        _refuse(
            f"{_shown(value)} is not a Slack user ID; a person's name can change, the ID cannot.",
            "in Slack open the person's profile, press the three dots, and Copy member ID; it looks like "
            '"U0123456789".',
        )
    return value


def _own_principal(value: object) -> str:
    """An ARN by which a person is known: nobody else can have it, and nobody chooses it."""
    user = r"iam::[0-9]{12}:user(/[\w+=,.@-]+)+"
    # Without wildcards: a role's name is unique in its account, but somebody could make another that fits a pattern.
    session = r"sts::[0-9]{12}:assumed-role/AWSReservedSSO_[\w+=,.@-]+/[\w+=,.@-]+"
    if (
        not isinstance(value, str)
        or len(value) > 600
        or not re.fullmatch(rf"arn:aws(-cn|-us-gov)?:({user}|{session})", value, re.ASCII)
    ):
        _refuse(
            f"{_shown(value)} does not name one person: only an IAM user, or an Identity Center user's session, does. "
            "Whoever assumes another role chooses the session's name.",
            'write it like "arn:aws:iam::123456789012:user/alice" or '
            '"arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/alice", without any *; '
            "`aws sts get-caller-identity --query Arn` prints one's own.",
        )
    return value


def _approver(value: object) -> str:
    if isinstance(value, str) and value.startswith("arn:"):
        return _own_principal(value)
    return _slack_user(value)


def _needs_window(value: object) -> str:
    if value == ROOT:
        return ROOT
    user = r"arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:user(/[\w+=,.@-]+)+"
    if isinstance(value, str) and re.fullmatch(user, value, re.ASCII):
        return value
    if not isinstance(value, str) or ":role/" not in value:
        _refuse(
            f'{_shown(value)} is neither "root" nor the ARN of a role or user.',
            'write "root", or the ARN of a break-glass role, such as "arn:aws:iam::123456789012:role/break-glass".',
        )
    pattern = _role_pattern(value)
    seen = [item["wildcard"].strip("*") for item in _SEEN_ROLES["requestParameters"]["roleArn"]]
    if not any(word in pattern for word in seen):
        _refuse(
            f"nobody would notice a session of {_shown(value)}: rules go by a role's name, and see those with "
            f"{', '.join(seen)} in it.",
            "give the break-glass role such a name, and spell that part of it out here.",
        )
    return pattern


def _network(value: object) -> str:
    try:
        network = ipaddress.ip_network(value) if isinstance(value, str) else None
    except ValueError:
        network = None
    if network is None:
        _refuse(
            f"{_shown(value)} is neither an address nor a network.",
            'write an address ("192.0.2.10") or a network, without bits behind its prefix ("192.0.2.0/24").',
        )
    if network.prefixlen < _SHORTEST_PREFIX[network.version]:
        _refuse(
            f"{_shown(value)} holds {network.num_addresses:,} addresses: being among them says nothing of who it is.",
            f"name the networks people work from, each of at most /{_SHORTEST_PREFIX[network.version]}.",
        )
    return str(network)


SlackUser = Annotated[str, BeforeValidator(_slack_user)]
OwnPrincipal = Annotated[str, BeforeValidator(_own_principal)]
Approver = Annotated[str, BeforeValidator(_approver)]
NeedsWindow = Annotated[str, BeforeValidator(_needs_window)]
Network = Annotated[str, BeforeValidator(_network)]
Line = Annotated[str, BeforeValidator(_line)]
Day = Annotated[date, BeforeValidator(_day)]
DetectionId = Annotated[str, BeforeValidator(_detection_id)]
RolePattern = Annotated[str, BeforeValidator(_role_pattern)]
RoleOfOneAccount = Annotated[str, BeforeValidator(_role_of_one_account)]
Principal = Annotated[str, BeforeValidator(_principal)]


Auditor = Annotated[str, BeforeValidator(_auditor)]


class Audit(_Section):
    """`[audit]`: the questions of auditors, in Athena."""

    enabled: bool = False
    auditors: Annotated[tuple[Auditor, ...], BeforeValidator(_as_tuple)] = ()
    scan_limit_gb: int = Field(default=100, ge=1, le=100_000)
    results_days: int = Field(default=7, ge=1, le=365)
    accounts: Annotated[tuple[AccountId, ...], BeforeValidator(_as_tuple)] = ()
    accounts_from: Literal["list", "question"] = "list"
    regions: Annotated[tuple[Region, ...], BeforeValidator(_as_tuple)] = ()
    log_key_arn: str | None = None

    @field_validator("auditors", "accounts", "regions")
    @classmethod
    def _listed_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if repeated := sorted({item for item in value if value.count(item) > 1}):
            _refuse(f"{_shown(repeated[0])} is listed more than once.", "list each once.")
        return value

    @field_validator("accounts_from")
    @classmethod
    def _lists_accounts_or_not(cls, value: str, info: ValidationInfo) -> str:
        if value == "question" and info.data.get("accounts"):
            _refuse(
                '"question" means that each question names its accounts, but accounts lists some.',
                'remove accounts, or write accounts_from = "list".',
            )
        return value

    @field_validator("log_key_arn")
    @classmethod
    def _is_a_key(cls, value: str | None) -> str | None:
        form = r"arn:aws(-cn|-us-gov)?:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"
        if value is not None and not re.fullmatch(form, value, re.ASCII):
            _refuse(
                f"{_shown(value)} is not the ARN of a KMS key.",
                "copy KMSKeyId of the trail from `aws cloudtrail describe-trails`, such as "
                '"arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000000"; an alias will not do.',
            )
        return value


class Detections(_Section):
    """`[detections]`: which of them only record, until they have proved themselves."""

    staging: Annotated[tuple[DetectionId, ...], BeforeValidator(_as_tuple)] = ()

    @field_validator("staging")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            _refuse("a detection is listed more than once.", "list each id once.")
        return value


class Packs(_Section):
    """`[packs]`: detections beyond root, administrators and their records, all of a kind or none."""

    cis: bool = False


class DeclaredSuppression(_Section):
    """`[[suppressions]]`: what is known and expected, by whom it was decided, and until when."""

    detection: DetectionId = Field(examples=['"access-key-created"'])
    account: AccountId | None = None
    principal: Principal | None = None
    source_role: RoleOfOneAccount | None = Field(default=None, validate_default=True)
    reason: Line = Field(examples=['"the nightly key rotation"'])
    owner: Line = Field(examples=['"alice"'])
    ticket: Line = Field(examples=['"OPS-1"'])
    created: Day = Field(examples=["2026-11-02"])
    expires: Day = Field(examples=["2026-12-31"])

    @field_validator("source_role")
    @classmethod
    def _is_about_somebody(cls, value: str | None, info: ValidationInfo) -> str | None:
        given = [key for key in ("account", "principal") if key not in info.data or info.data[key]]
        if value is None and not given:
            _refuse(
                "is missing, and so are account and principal: it would keep the whole detection quiet.",
                "add one of the three. To record a detection without telling people, list it in detections.staging.",
            )
        return value

    @field_validator("expires")
    @classmethod
    def _ends(cls, value: date, info: ValidationInfo) -> date:
        created: date | None = info.data.get("created")
        if created is None:  # refused already, under its own key
            return value
        if value < created:
            _refuse(f"{value} is before created ({created}).", "let it end on that day or later.")
        days = (value - created).days
        if days > MAXIMUM_SUPPRESSION_DAYS:
            _refuse(
                f"{value} is {days} days after created ({created}); a suppression lasts at most "
                f"{MAXIMUM_SUPPRESSION_DAYS}.",
                "end it sooner; when it ends and is still needed, decide again, and write that day as created.",
            )
        return value

    def as_suppression(self) -> Suppression:
        """The same, as the function reads it."""
        given: dict[str, Any] = self.model_dump(exclude_none=True)
        return Suppression(**given)


class DeclaredDeployer(_Section):
    """`[[deployers]]`: a role that infrastructure-as-code works with; its routine work becomes a daily digest."""

    role: RolePattern = Field(examples=['"arn:aws:iam::123456789012:role/deploy"'])
    accounts: Annotated[tuple[AccountId, ...], BeforeValidator(_as_tuple)] = Field(
        min_length=1, examples=['["123456789012"]']
    )
    owner: Line = Field(examples=['"alice"'])

    @field_validator("accounts")
    @classmethod
    def _holds_the_roles_own(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        own = str(info.data.get("role", "::::*")).split(":")[4]
        if own != "*" and own not in value:
            _refuse(
                f"the role lives in {own}, which is not among them: it would never be found at work.",
                f'list "{own}" as well. A role of that name in each account: write * for the account in role.',
            )
        return value

    def as_deployer(self) -> Deployer:
        """The same, as the function reads it."""
        return Deployer(role=self.role, accounts=self.accounts, owner=self.owner)


def _on_call(value: object) -> object:
    if value != "" and (not isinstance(value, str) or not re.fullmatch(r"[SUW][A-Z0-9]{2,30}", value)):
        _refuse(
            f"{_shown(value)} is not the ID of a user group or a person in Slack; names can change, IDs cannot.",
            'in Slack: People -> User groups -> the three dots -> Copy group ID, such as "S0123456789"; or a '
            'person\'s profile -> Copy member ID, such as "U0123456789".',
        )
    return value


def _destination_name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9-]{0,29}", value) or value.endswith("-"):
        _refuse(
            f"{_shown(value)} cannot name a destination.",
            "use 1 to 30 lower-case letters, digits and dashes, beginning with a letter: [destinations.on-call].",
        )
    if value in RESERVED:
        _refuse(
            f"{_shown(value)} is a name of Rootwatch's own: slack and email are the channel of [slack] and the "
            "addresses of [email], which routes can name as they are.",
            "choose another name.",
        )
    return value


def _known_detection(value: object) -> str:
    known = {detection.id for detection in CATALOGUE}
    if not isinstance(value, str) or value not in known:
        _refuse(
            f"{_shown(value)} is not the id of a detection.",
            f"{_did_you_mean(value, known)}`rootwatch detections` lists them.",
        )
    return value


def _known_pack(value: object) -> str:
    if not isinstance(value, str) or value not in PACKS:
        _refuse(
            f"{_shown(value)} is not a pack.",
            f"{_did_you_mean(value, PACKS)}There is {', '.join(sorted(PACKS))}; other detections are named one by one.",
        )
    return value


OnCall = Annotated[str, BeforeValidator(_on_call)]
DestinationName = Annotated[str, BeforeValidator(_destination_name)]
KnownDetection = Annotated[str, BeforeValidator(_known_detection)]
KnownPack = Annotated[str, BeforeValidator(_known_pack)]
DestinationKind = Literal["slack", "email", "webhook", "pagerduty", "teams"]

SECRET_KINDS = ("webhook", "pagerduty", "teams")  # what they are called, or signed, with is kept in AWS
PAGERS = ("webhook", "pagerduty")  # nobody reads them afterwards


class Destination(_Section):
    """`[destinations.NAME]`: somebody who can be told, beside the channel of [slack] and the addresses of [email]."""

    type: DestinationKind = Field(examples=['"slack"'])
    channel: str | None = Field(default=None, validate_default=True)
    addresses: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(default=(), validate_default=True)
    url: str | None = Field(default=None, validate_default=True)
    region: Literal["us", "eu"] = "us"
    language: Literal["en", "ja"] | None = None  # None: that of [display]

    @field_validator("channel")
    @classmethod
    def _its_channel(cls, value: str | None, info: ValidationInfo) -> str | None:
        if _belongs(value, "channel", ("slack",), info, example='"C0123456789"'):
            Slack._channel_id(str(value))  # the same rule, and the same words
        return value

    @field_validator("addresses")
    @classmethod
    def _its_addresses(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if _belongs(value or None, "addresses", ("email",), info, example='["security@example.com"]'):
            Email._addresses(value)
        return value

    @field_validator("url")
    @classmethod
    def _its_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("type") in ("teams", "pagerduty") and value is not None:
            _refuse(
                "has no place in this file: a Teams workflow's address is a secret, and PagerDuty's is known.",
                "remove it; the secret is stored with `rootwatch destinations set-secret`.",
            )
        if _belongs(value, "url", ("webhook",), info, example='"https://alerts.example.com/rootwatch"'):
            _check_url(str(value))
        return value

    @property
    def has_secret(self) -> bool:
        """Whether something about it is kept in AWS."""
        return self.type in SECRET_KINDS


def _belongs(value: object, key: str, kinds: Sequence[str], info: ValidationInfo, *, example: str) -> bool:
    """Whether a key is there as it has to be with this type of destination; refuses what is missing or too much."""
    kind = info.data.get("type")
    if kind is None:  # refused already, under its own key
        return False
    if kind in kinds and value is None:
        _refuse(f'is missing, and type is "{kind}".', f"add {key} = {example}.")
    if kind not in kinds and value is not None:
        _refuse(f'means nothing where type is "{kind}".', "remove the key, or correct the type.")
    return kind in kinds


def _check_url(url: str) -> None:
    """What can be seen of an address without asking a name server; the function asks, and checks again."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        _refuse(f"{_shown(url)} is not a URL.", 'write it like "https://alerts.example.com/rootwatch".')
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        _refuse(
            "has a user name, a query or a fragment in it, where secrets tend to be; this file is no place for one.",
            "use a bare address; each request is signed with the secret that is kept in AWS.",
        )
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= 500
    if parts.scheme != "https" or not host or not plain:
        _refuse(f"{_shown(url)} is not an https address.", 'write it like "https://alerts.example.com/rootwatch".')
    try:
        public = ipaddress.ip_address(host).is_global
    except ValueError:
        public = "." in host and not host.endswith((".localhost", ".local", ".internal"))
    if not public:
        _refuse(
            f"{_shown(url)} leads to a private address, which the function refuses to call.",
            "use the public address of a service on the internet.",
        )


class DeclaredRoute(_Section):
    """`[[routes]]`: who is told of which alerts. What a route does not name does not matter to it."""

    to: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(min_length=1, examples=['["slack", "on-call"]'])
    at_least: SeverityName | None = None
    severities: Annotated[tuple[SeverityName, ...], BeforeValidator(_as_tuple)] = ()
    detections: Annotated[tuple[KnownDetection, ...], BeforeValidator(_as_tuple)] = ()
    packs: Annotated[tuple[KnownPack, ...], BeforeValidator(_as_tuple)] = ()
    accounts: Annotated[tuple[AccountId, ...], BeforeValidator(_as_tuple)] = ()

    @field_validator("severities")
    @classmethod
    def _one_way(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if value and info.data.get("at_least"):
            _refuse("is given, and at_least too.", "keep one of them.")
        return value

    def as_route(self) -> Route:
        """The same, as the function reads it."""
        severities = frozenset(Severity[name] for name in self.severities)
        if self.at_least:
            severities = frozenset(severity for severity in Severity if severity >= Severity[self.at_least])
        packed = (detection.id for detection in CATALOGUE if detection.pack in self.packs)
        return Route(
            to=self.to,
            severities=severities or frozenset(Severity),
            detections=frozenset((*self.detections, *packed)),
            accounts=frozenset(self.accounts),
        )


class DeclaredRhythm(_Section):
    """`[reminders.SEVERITY]`: how often an alert of one severity is brought up again."""

    after_minutes: int = Field(default=60, ge=1, le=10_080)
    every_minutes: int = Field(default=60, ge=5, le=10_080)
    most: int = Field(default=0, ge=0, le=50)  # 0: never
    only_working_hours: bool = True

    def as_rhythm(self) -> Rhythm:
        """The same, as the function reads it."""
        return Rhythm(
            after=timedelta(minutes=self.after_minutes),
            every=timedelta(minutes=self.every_minutes),
            most=self.most,
            waits=self.only_working_hours,
        )


class CriticalRhythm(DeclaredRhythm):
    """`[reminders.critical]`: at any hour."""

    after_minutes: int = Field(default=15, ge=1, le=10_080)
    every_minutes: int = Field(default=30, ge=5, le=10_080)
    most: int = Field(default=8, ge=0, le=50)
    only_working_hours: bool = False

    @field_validator("only_working_hours")
    @classmethod
    def _never_waits(cls, value: bool) -> bool:
        if value:
            _refuse(
                "CRITICAL does not wait for the morning: whoever has root's password does not either.",
                "remove the key; to be left alone at night, leave on_call empty and [reminders.critical] most = 0.",
            )
        return value


class HighRhythm(DeclaredRhythm):
    """`[reminders.high]`."""

    most: int = Field(default=4, ge=0, le=50)


class DeclaredReminders(_Section):
    """`[reminders]`: what happens when nobody takes an alert, and the daily line."""

    enabled: bool = False
    daily_line: bool = False
    on_call: OnCall = ""
    also: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()
    critical: CriticalRhythm = CriticalRhythm()
    high: HighRhythm = HighRhythm()
    medium: DeclaredRhythm = DeclaredRhythm()
    low: DeclaredRhythm = DeclaredRhythm()

    def as_reminders(self, hours: WorkingHours) -> Reminders:
        """The same, as the function reads it; without a rhythm where reminders are off."""
        declared = {
            Severity.CRITICAL: self.critical,
            Severity.HIGH: self.high,
            Severity.MEDIUM: self.medium,
            Severity.LOW: self.low,
        }
        return Reminders(
            rhythms={
                severity: rhythm.as_rhythm() for severity, rhythm in declared.items() if self.enabled and rhythm.most
            },
            hours=hours,
            also=self.also,
        )


class DeclaredPerson(_Section):
    """`[[break_glass.people]]`: somebody who may use a window, under all the identities they have."""

    name: Line = Field(examples=['"alice"'])
    slack: SlackUser = Field(examples=['"U0123456789"'])
    principals: Annotated[tuple[OwnPrincipal, ...], BeforeValidator(_as_tuple)] = ()
    addresses: Annotated[tuple[Network, ...], BeforeValidator(_as_tuple)] = Field(
        min_length=1, examples=['["192.0.2.0/24"]']
    )

    @field_validator("name")
    @classmethod
    def _fits_a_list(cls, value: str) -> str:
        if len(value) > 60:
            _refuse(f"{_shown(value)} is too long for a list to choose from.", "use at most 60 characters.")
        return value

    def as_person(self) -> Person:
        """The same, as the functions read it."""
        return Person(name=self.name, slack=self.slack, principals=self.principals, addresses=self.addresses)


class DeclaredBreakGlass(_Section):
    """`[break_glass]`: what is used inside approved windows only, by whom, and who approves."""

    enabled: bool = False
    required_for: Annotated[tuple[NeedsWindow, ...], BeforeValidator(_as_tuple)] = Field(default=(ROOT,), min_length=1)
    people: Annotated[tuple[DeclaredPerson, ...], _entries("break_glass.people")] = Field(
        default=(), validate_default=True
    )
    approvers: Annotated[tuple[Approver, ...], BeforeValidator(_as_tuple)] = Field(default=(), validate_default=True)

    @field_validator("required_for")
    @classmethod
    def _can_be_chosen(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            _refuse("an identity is listed more than once.", "list each once.")
        long = next((item for item in value if len(item) > MAXIMUM_CHOICE), None)
        if long is not None:
            _refuse(
                f"{_shown(long)} has more than the {MAXIMUM_CHOICE} characters that Slack takes as a choice.",
                "shorten it with a *.",
            )
        if len(value) > MAXIMUM_PEOPLE:
            _refuse(f"{len(value)} identities are more than a list to choose from holds.", "use patterns.")
        return value

    @field_validator("people")
    @classmethod
    def _are_told_apart(cls, value: tuple[DeclaredPerson, ...], info: ValidationInfo) -> tuple[DeclaredPerson, ...]:
        if not value and info.data.get("enabled"):
            _refuse(
                "nobody is among them, so no window could ever be used.",
                "add a [[break_glass.people]] for each person who may: name, slack, principals and addresses.",
            )
        if len(value) > MAXIMUM_PEOPLE:
            _refuse(
                f"{len(value)} people are more than a list to choose from holds.", f"list at most {MAXIMUM_PEOPLE}."
            )
        for key in ("name", "slack"):
            found = [getattr(person, key).casefold() for person in value]
            twice = sorted({item for item in found if found.count(item) > 1})
            if twice:
                _refuse(
                    f"two people have the {key} {_shown(twice[0])}.",
                    "list each person once, with all identities: one who counts as two could approve alone.",
                )
        owners: dict[str, str] = {}
        for person in value:
            for principal in person.principals:
                owner = owners.setdefault(principal, person.name)
                if owner != person.name:
                    _refuse(
                        f"{_shown(principal)} of {_shown(person.name)} is one of {_shown(owner)} as well.",
                        "give each identity to one person.",
                    )
        return value

    @field_validator("approvers")
    @classmethod
    def _are_known(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value and info.data.get("enabled"):
            _refuse("nobody could approve a window.", 'list Slack user IDs, such as ["U0123456789"]; two at least.')
        people: tuple[DeclaredPerson, ...] | None = info.data.get("people")
        for item in value if people is not None else ():
            known = [pattern for person in people or () for pattern in person.principals]
            if item.startswith("arn:") and item not in known:
                _refuse(
                    f"{_shown(item)} is nobody's among break_glass.people, so it cannot be told from whoever asks.",
                    "add it, written the same, to the principals of the person it is.",
                )
        return value

    def as_rules(self, accounts: Iterable[str]) -> BreakGlass | None:
        """The same, as the functions read it; None where it is switched off. `accounts`: those it is about."""
        if not self.enabled:
            return None
        return BreakGlass(
            approvers=self.approvers,
            required_for=self.required_for,
            people=tuple(person.as_person() for person in self.people),
            accounts=tuple(dict.fromkeys(accounts)),
        )


class Report(_Section):
    """`[report]`: the monthly report."""

    enabled: bool = False


class Deployment(_Section):
    """One deployment of Rootwatch: everything the stacks need to know, and nothing secret.

    Made by `load` (a file), `parse` (its text) or `from_mapping` (its content); immutable afterwards.
    """

    basics: Basics = Field(alias="deployment")
    slack: Slack
    react: React = React()
    email: Email = Email()
    display: Display = Display()
    hours: DeclaredHours | None = Field(default=None, alias="working_hours")
    accounts: Mapping[AccountId, AccountName] = Field(default_factory=dict)  # account id -> the name alerts show
    identity_center: IdentityCenter = IdentityCenter()
    trail: Trail = Trail()
    config: Config = Config()
    analyzer: Analyzer = Analyzer()
    alerts: Alerts = Alerts()
    context: Context = Context()
    sessions: Sessions = Sessions()
    audit: Audit = Audit()
    sweep: Sweep = Sweep()
    report: Report = Report()
    detections: Detections = Detections()
    packs: Packs = Packs()
    suppressions: Annotated[tuple[DeclaredSuppression, ...], _entries("suppressions")] = ()
    deployers: Annotated[tuple[DeclaredDeployer, ...], _entries("deployers")] = ()
    destinations: Mapping[DestinationName, Destination] = Field(default_factory=dict)
    routes: Annotated[tuple[DeclaredRoute, ...], _entries("routes")] = ()
    reminders: DeclaredReminders = DeclaredReminders()
    break_glass: DeclaredBreakGlass = DeclaredBreakGlass()
    advanced: Advanced = Advanced()

    @field_validator("routes")
    @classmethod
    def _routes_lead_somewhere(
        cls, value: tuple[DeclaredRoute, ...], info: ValidationInfo
    ) -> tuple[DeclaredRoute, ...]:
        basics: Basics | None = info.data.get("basics")
        named: Mapping[str, str] = info.data.get("accounts", {})
        for number, route in enumerate(value):
            for name in route.to:
                _check_destination(name, info, at=(number, "to"))
            _check_that_somebody_is_told(number, route, info)
            for account in route.accounts:
                if basics and account != basics.account and account not in named:
                    _refuse(
                        f'"{account}" is neither the deployment\'s account nor named below [accounts].',
                        f'{_did_you_mean(account, [basics.account, *named])}Add "{account}" = "its name" below '
                        "[accounts], or correct it.",
                        at=(number, "accounts"),
                    )
        return value

    @field_validator("reminders")
    @classmethod
    def _reminders_reach_somebody(cls, value: DeclaredReminders, info: ValidationInfo) -> DeclaredReminders:
        for name in value.also:
            _check_destination(name, info, at=("also",))
        return value

    @field_validator("identity_center")
    @classmethod
    def _identity_center_is_watched(cls, value: IdentityCenter, info: ValidationInfo) -> IdentityCenter:
        basics: Basics | None = info.data.get("basics")
        region = value.home_region
        if basics and region and region not in (basics.home_region, *basics.watched_regions):
            _refuse(
                f"IAM Identity Center records its events in {region}, which is neither the home region nor watched, "
                "so this deployment would never see them.",
                f'add "{region}" to deployment.watched_regions.',
            )
        return value

    @field_validator("sessions")
    @classmethod
    def _there_is_a_bucket_to_read(cls, value: Sessions, info: ValidationInfo) -> Sessions:
        trail: Trail | None = info.data.get("trail")
        if value.read_log_bucket and trail and trail.mode == "skip":
            _refuse(
                'read_log_bucket = true, but trail.mode is "skip": this deployment knows of no log bucket.',
                'name the trail and its bucket with trail.mode = "existing", or remove read_log_bucket.',
            )
        return value

    @field_validator("audit")
    @classmethod
    def _there_are_logs_to_ask(cls, value: Audit, info: ValidationInfo) -> Audit:
        trail: Trail | None = info.data.get("trail")
        if trail is None or not value.enabled:
            return value
        if trail.mode == "skip":
            _refuse(
                'enabled = true, but trail.mode is "skip": this deployment knows of no log bucket to ask.',
                'name the trail and its bucket with trail.mode = "existing", or remove enabled.',
                at=("enabled",),
            )
        if trail.mode == "create" and value.log_key_arn:
            _refuse(
                "names a key, but this deployment creates the trail, and knows its key.",
                'remove it; it is for trail.mode = "existing".',
                at=("log_key_arn",),
            )
        return value

    @field_validator("sweep")
    @classmethod
    def _there_is_a_bucket_to_sweep(cls, value: Sweep, info: ValidationInfo) -> Sweep:
        trail: Trail | None = info.data.get("trail")
        if trail is None:
            return value
        if trail.mode == "create" and value.key_arn:
            _refuse(
                'is set, but trail.mode is "create": the key is then ours, and known.', "remove it.", at=("key_arn",)
            )
        if trail.mode == "skip" and value.source not in (None, "off"):
            _refuse(
                f'is "{value.source}", but trail.mode is "skip": this deployment knows of no log bucket.',
                'name the trail and its bucket with trail.mode = "existing", or remove source.',
                at=("source",),
            )
        return value

    @field_validator("config")
    @classmethod
    def _records_iam_where_config_can(cls, value: Config, info: ValidationInfo) -> Config:
        basics: Basics | None = info.data.get("basics")
        iam = [name for name in value.resource_types if name.startswith("AWS::IAM::")]
        if basics and value.mode == "create" and iam and basics.home_region in REGIONS_WITHOUT_IAM_RECORDING:
            _refuse(
                f"AWS Config cannot record IAM identities in {basics.home_region} "
                "(it can only in regions that had AWS Config before February 2022).",
                "choose another home_region, or take the AWS::IAM:: types out of config.resource_types.",
            )
        return value

    # What the stacks ask most.

    @property
    def name(self) -> str:
        """The prefix of every name."""
        return self.basics.name

    @property
    def account(self) -> str:
        """The account everything is deployed to, 12 digits."""
        return self.basics.account

    @property
    def home_region(self) -> str:
        """Where events end up and alerts are made."""
        return self.basics.home_region

    @property
    def watched_regions(self) -> tuple[str, ...]:
        """Every watched region, the home region first."""
        return (self.home_region, *self.forwarding_regions)

    @property
    def forwarding_regions(self) -> tuple[str, ...]:
        """The watched regions besides the home region: each gets a forwarding stack."""
        return tuple(region for region in self.basics.watched_regions if region != self.home_region)

    @property
    def termination_protection(self) -> bool:
        """Whether the stacks refuse to be deleted."""
        return self.basics.termination_protection

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        return partition_of(self.home_region)

    @property
    def global_region(self) -> str:
        """The region that records root sign-ins and all IAM writes."""
        return GLOBAL_REGIONS[self.partition]

    @property
    def slack_token_name(self) -> str:
        """The SSM parameter or Secrets Manager secret that holds the Slack token."""
        in_ssm = self.slack.token_store == "ssm"  # noqa: S105 - the place, not the token
        return f"{'/' if in_ssm else ''}{self.name}/slack-token"

    @property
    def signing_secret_name(self) -> str:
        """The SSM parameter or Secrets Manager secret that holds the Slack app's signing secret."""
        in_ssm = self.react.signing_secret_store == "ssm"  # noqa: S105 - the place, not the secret
        return f"{'/' if in_ssm else ''}{self.name}/slack-signing-secret"

    @property
    def trail_name(self) -> str:
        """The trail's name, fixed, so that policies can name the trail before it exists."""
        return self.trail.name or f"{self.name}-trail"

    @property
    def trail_arn(self) -> str | None:
        """The trail's ARN; None when there is to be none."""
        if self.trail.mode == "skip":
            return None
        return self.trail.arn or (
            f"arn:{self.partition}:cloudtrail:{self.home_region}:{self.account}:trail/{self.trail_name}"
        )

    @property
    def trail_bucket_name(self) -> str | None:
        """The bucket the trail delivers to; None when there is to be none."""
        if self.trail.mode == "skip":
            return None
        return self.trail.bucket_name or f"{self.name}-trail-{self.account}-{self.home_region}"

    @property
    def trail_log_prefix(self) -> str:
        """What the names of log files begin with, before the account: "prefix/AWSLogs/o-a1b2c3d4e5/"."""
        before = f"{self.trail.key_prefix.strip('/')}/" if self.trail.key_prefix.strip("/") else ""
        organization = f"{self.trail.organization_id}/" if self.trail.organization_id else ""
        return f"{before}AWSLogs/{organization}"

    @property
    def audit_bucket_name(self) -> str:
        """The bucket of the audit log, which the Alerting stack creates."""
        return f"{self.name}-audit-{self.account}-{self.home_region}"

    @property
    def audit_workgroup(self) -> str:
        """Athena's workgroup of the auditors' questions."""
        return f"{self.name}-audit"

    @property
    def audit_database(self) -> str:
        """The database of the tables that they are asked of; Athena knows no dashes in names."""
        return f"{self.name.replace('-', '_')}_audit"

    @property
    def audit_results_bucket_name(self) -> str:
        """Where Athena puts the answers."""
        return f"{self.name}-answers-{self.account}-{self.home_region}"

    @property
    def auditor_role_name(self) -> str:
        """The role that auditors take."""
        return f"{self.name}-auditor"

    @property
    def audited_accounts(self) -> tuple[str, ...]:
        """The accounts whose log files are looked for; none where each question names its own."""
        if self.audit.accounts_from == "question":
            return ()
        return tuple(dict.fromkeys((self.account, *self.accounts, *self.audit.accounts)))

    @property
    def audited_regions(self) -> tuple[str, ...]:
        """The regions whose log files are looked for; unless chosen, every one, as root can act in any."""
        if self.audit.regions:
            return tuple(dict.fromkeys((*self.audit.regions, self.global_region)))
        ours = [region for region in KNOWN_REGIONS if partition_of(region) == self.partition]
        return tuple(sorted({*ours, self.home_region, *self.watched_regions}))

    @property
    def sweep_source(self) -> SweepSource:
        """How log objects are learnt of.

        Where nobody said: the bucket we make tells of them; one that others made is listed, because its notifications
        are theirs, and a bucket can have one kind of event go to one place only; without a bucket there is nothing.
        """
        if self.sweep.source:
            return self.sweep.source
        return {"create": "notifications", "existing": "listing", "skip": "off"}[self.trail.mode]  # type: ignore[return-value]

    @property
    def logs_queue_arn(self) -> str:
        """Where notices of log objects wait, composed: the bucket that tells of them is in another stack."""
        return f"arn:{self.partition}:sqs:{self.home_region}:{self.account}:{self.name}-logs"

    @property
    def creates_evidence(self) -> bool:
        """Whether the Evidence stack has anything to create: CloudFormation refuses a stack without resources."""
        return self.audit.enabled or (
            self.trail.mode == "create"
            or self.config.mode == "create"
            or (self.config.mode == "existing" and self.config.rules)
            or self.analyzer.mode == "create"
            or (self.analyzer.mode == "existing" and self.analyzer.unused_access)
        )

    @property
    def enabled_packs(self) -> tuple[str, ...]:
        """The packs that are switched on."""
        return tuple(name for name, is_on in self.packs if is_on)

    @property
    def catalogue(self) -> tuple[Detection, ...]:
        """The detections that get rules and that the function knows: without those of a pack that is off."""
        return catalogue(self.enabled_packs)

    @property
    def quiet(self) -> Quiet:
        """Everything declared that keeps findings quiet, as the function reads it."""
        return Quiet(
            suppressions=tuple(item.as_suppression() for item in self.suppressions),
            deployers=tuple(item.as_deployer() for item in self.deployers),
            staging=self.detections.staging,
        )

    @property
    def working_hours(self) -> WorkingHours | None:
        """When people work; None where nobody said."""
        if self.hours is None:
            return None
        return WorkingHours(
            days=self.hours.days, starts=self.hours.starts, ends=self.hours.ends, time_zone=self.display.time_zone
        )

    @property
    def hours_of_work(self) -> WorkingHours:
        """When what can wait is brought up: the working hours, or weekdays from nine to six where nobody said."""
        return self.working_hours or WorkingHours(time_zone=self.display.time_zone)

    @property
    def routing(self) -> Routing:
        """Who is told of which alerts, as the function reads it."""
        return Routing(routes=tuple(route.as_route() for route in self.routes))

    @property
    def needs_alarms(self) -> bool:
        """Whether anything happens at a time of its own, so that follow_up and its schedules are needed."""
        return self.react.enabled or self.break_glass.enabled or self.reminders.enabled or self.reminders.daily_line

    @property
    def alarm_group(self) -> str:
        """The schedule group that our alarms are in."""
        return f"{self.name}-follow-up"

    @property
    def alarm_settings(self) -> Mapping[str, str]:
        """What a function needs to know to set an alarm, composed: whoever sets them is made before whom they call."""
        own = f"{self.home_region}:{self.account}"
        return {
            "group": self.alarm_group,
            "function": f"arn:{self.partition}:lambda:{own}:function:{self.name}-follow-up",
            "role": f"arn:{self.partition}:iam::{self.account}:role/{self.name}-alarms",
            "dead_letters": f"arn:{self.partition}:sqs:{own}:{self.name}-events-dead-letters",
        }

    def destination_secret_name(self, destination: str) -> str:
        """The SSM parameter or Secrets Manager secret that belongs to a destination."""
        in_ssm = self.slack.token_store == "ssm"  # noqa: S105 - the place, not the secret
        return f"{'/' if in_ssm else ''}{self.name}/destinations/{destination}"

    def destination_topic_arn(self, destination: str) -> str:
        """The SNS topic behind a destination of addresses, composed: it is written into the function's bundle."""
        return f"arn:{self.partition}:sns:{self.home_region}:{self.account}:{self.name}-email-{destination}"

    @property
    def break_glass_rules(self) -> BreakGlass | None:
        """What is said about break-glass windows, as the functions read it; None where there are none."""
        return self.break_glass.as_rules((self.account, *self.accounts))

    @property
    def hub_bus_name(self) -> str:
        """The event bus in the home region that the other regions forward to."""
        return f"{self.name}-hub"

    @property
    def hub_bus_arn(self) -> str:
        """Its ARN, composed, because a stack cannot import from another region."""
        return f"arn:{self.partition}:events:{self.home_region}:{self.account}:event-bus/{self.hub_bus_name}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works but deserves a second thought, each a sentence or two."""
        found = [
            f"{region} is not a region we know: if it is not a new one, it is a mistyped one."
            for region in self.watched_regions
            if region not in KNOWN_REGIONS
        ]
        if not self.email.addresses:
            found.append(
                "email.addresses is empty: when Slack cannot be reached, or the pipeline itself is broken, nobody "
                "hears of it. Give at least one address."
            )
        if self.trail.mode == "skip":
            found.append(
                'trail.mode is "skip": without a trail that logs, EventBridge receives no CloudTrail events and '
                "nothing is ever detected. Keep it only if another deployment creates the trail."
            )
        found += self._unswept
        if self.trail.mode == "create" and self.trail.object_lock == "none":
            found.append('trail.object_lock is "none": whoever is administrator can delete the records of it.')
        for number, route in enumerate(self.routes):
            kinds = {self.destinations[name].type if name in self.destinations else name for name in route.to}
            if kinds <= set(PAGERS):
                found.append(
                    f"routes[{number}] leads to {', '.join(route.to)} alone: what it matches is shown in no channel, "
                    'unless another route matches too. Add "slack" to its destinations to be told there as before.'
                )
        used = {*self.reminders.also, *(name for route in self.routes for name in route.to)}
        if idle := sorted(set(self.destinations) - used):
            found.append(f"{', '.join(idle)}: declared below [destinations], and no route leads there.")
        named = {*self.detections.staging, *(item.detection for item in self.suppressions)}
        off = sorted(named - {detection.id for detection in self.catalogue})
        if off:
            found.append(
                f"{', '.join(off)}: declared to be quiet, and not at work at all, because its pack is off. Switch it "
                "on below [packs], or remove the declaration."
            )
        found += self._doubts_about_questions()
        if self.break_glass.enabled and len(self.break_glass.approvers) == 1:
            found.append(
                "break_glass.approvers is one person: whoever that is can open a window only as an emergency. Name two."
            )
        found += self.ending_suppressions(datetime.now(UTC).date())
        return tuple(found)

    def _doubts_about_questions(self) -> list[str]:
        found: list[str] = []
        if self.audit.enabled and not self.audit.auditors:
            found.append("audit.auditors is empty: the tables are made, and no role that an auditor could take.")
        folders = 31 * len(self.audited_accounts) * len(self.audited_regions)
        if self.audit.enabled and folders > MAXIMUM_PARTITIONS:
            found.append(
                f"a month of {len(self.audited_accounts):,} accounts in {len(self.audited_regions)} regions is "
                f"{folders:,} folders, and Athena reads {MAXIMUM_PARTITIONS:,} for one question. List the regions that "
                "are in use as audit.regions, or ask of fewer accounts at a time (--account)."
            )
        return found

    @property
    def _unswept(self) -> list[str]:
        """What to say where nothing is swept, or may not be."""
        match self.trail.mode, self.sweep.source:
            case "create", "off":
                return ['sweep.source is "off": nobody is told what EventBridge fails to deliver, and AWS says it may.']
            case "existing", "notifications":
                needed = f"let it notify the queue {self.name}-logs"
            case "existing", "eventbridge":
                needed = "switch Amazon EventBridge on for it"
            case _:
                return []
        return [
            f'sweep.source is "{self.sweep.source}" on a bucket that exists already: its owner has to {needed} '
            "(docs/sweep.md has the command). Until then nothing is swept, and no alarm tells of it."
        ]

    def ending_suppressions(self, today: date) -> tuple[str, ...]:
        """What to say of each suppression that ends within a week of `today` (UTC), or has ended."""
        endings = (_ending(number, item, today) for number, item in enumerate(self.quiet.suppressions))
        return tuple(filter(None, endings))

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """The deployment described in a TOML file.

        Raises ConfigurationError with everything that is wrong with the file.
        """
        path = Path(path)
        file = str(path)
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            _unusable(file, "there is no such file.", "`rootwatch init` asks a few questions and writes it.")
        except IsADirectoryError:
            _unusable(file, "is a folder.", "name the file in it, such as rootwatch.toml.")
        except OSError as error:
            _unusable(file, f"cannot be read: {error.strerror}.", "check the path and its permissions.")
        if len(raw) > MAXIMUM_FILE_BYTES:
            _unusable(file, f"has {len(raw):,} bytes; a configuration has a few thousand.", "check the path.")
        try:
            text = raw.decode("utf-8-sig")  # Windows editors begin a file with a byte order mark
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            _unusable(file, f"byte {error.start + 1} is not UTF-8.", "save the file as UTF-8.", line=line)
        return cls.parse(text, file=file)

    @classmethod
    def parse(cls, text: str, *, file: str = "rootwatch.toml") -> Self:
        """The deployment described by TOML text; `file` is only named in errors. Raises ConfigurationError."""
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            _raise_broken_toml(file, text, error)
        except ValueError as error:  # a number of thousands of digits
            _unusable(file, f"a value in it cannot be read: {error}.", "look for a very long number.")
        except RecursionError:
            _unusable(file, "is nested too deeply.", "a configuration needs two levels: [section] and key = value.")
        return cls.from_mapping(data, file=file, lines=_Lines(text))

    @classmethod
    def from_mapping(
        cls, data: Mapping[str, Any], *, file: str = "rootwatch.toml", lines: _Lines | None = None
    ) -> Self:
        """The deployment described by the content of such a file. Raises ConfigurationError."""
        try:
            return cls.model_validate(data, context={"folder": Path(file).parent})
        except ValidationError as error:
            problems = [_explain(detail, lines) for detail in _told_once(error.errors(include_url=False))]
        problems.sort(key=lambda problem: problem.line or 0)
        raise ConfigurationError(file, problems) from None


def _check_that_somebody_is_told(number: int, route: DeclaredRoute, info: ValidationInfo) -> None:
    """[slack] and [email] have least severities, which routes do not lift: together they could make an alert vanish."""
    slack: Slack | None = info.data.get("slack")
    email: Email | None = info.data.get("email")
    if slack is None or email is None:  # refused already, under their own keys
        return
    least = {"slack": Severity[slack.minimum_severity], "email": Severity[email.minimum_severity]}
    told_from = min((least.get(name, Severity.INFO) for name in route.to), default=Severity.INFO)
    wanted_from = max(min(route.as_route().severities), least["slack"])
    if told_from > wanted_from:
        _refuse(
            f"leads to {' and '.join(route.to)}, told from {told_from.name} on, and the route matches "
            f"{wanted_from.name} too: those alerts would reach nobody.",
            f'add "slack", write at_least = "{told_from.name}", or lower minimum_severity there.',
            at=(number, "to"),
        )


def _check_destination(name: str, info: ValidationInfo, *, at: Sequence[str | int]) -> None:
    declared = info.data.get("destinations")
    if declared is None:  # refused already, under its own key
        return
    known = (*DEFAULTS, *declared)
    if name not in known:
        _refuse(
            f"{_shown(name)} is not a destination.",
            f"{_did_you_mean(name, known)}There is {', '.join(known)}; another is declared as [destinations.NAME].",
            at=at,
        )


def _ending(number: int, suppression: Suppression, today: date) -> str | None:
    """What to say of a suppression that ends soon, or has."""
    left = suppression.days_left(today)
    if left > ENDS_SOON_DAYS:
        return None
    named = f"suppressions[{number}] ({suppression.detection}, {suppression.owner}, {suppression.ticket})"
    if left <= 0:
        return f"{named} ended on {suppression.expires} and does nothing any more: remove it, or decide again."
    when = "today" if left == 1 else f"on {suppression.expires}, in {left - 1} day{'s' if left > 2 else ''}"
    return f"{named} ends {when}: people will be told again."


def _unusable(file: str, cause: str, remedy: str, *, line: int | None = None, column: int | None = None) -> NoReturn:
    problem = Problem(key=None, line=line, column=column, cause=cause, remedy=remedy)
    raise ConfigurationError(file, [problem]) from None


def _raise_broken_toml(file: str, text: str, error: tomllib.TOMLDecodeError) -> NoReturn:
    # Python 3.14 has the place as attributes; the text has it in every version.
    message = str(error)
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    cause = message[: place.start()] if place else message
    if place and place[1]:
        line, column = int(place[1]), int(place[2])
    else:
        last = text.rstrip("\n").split("\n")
        line, column = len(last), len(last[-1]) + 1
    _unusable(
        file,
        f"this is not TOML: {cause[:1].lower()}{cause[1:]}.",
        'a setting is written key = "text", key = 42, key = true or key = ["a", "b"], below its [section].',
        line=line,
        column=column,
    )


class _Lines:
    """Where in a TOML text each key stands; tomllib does not tell.

    Statements are found by feeding lines to tomllib until what has been fed is complete, so that strings and lists
    over several lines are read as TOML reads them.
    """

    def __init__(self, text: str) -> None:
        self._statements: dict[tuple[str | int, ...], tuple[int, list[str]]] = {}
        table: tuple[str | int, ...] = ()
        entries: dict[tuple[str, ...], int] = {}
        begun: list[str] = []
        for number, line in enumerate(text.split("\n"), start=1):
            begun.append(line)
            try:
                parsed = tomllib.loads("\n".join(begun))
            except tomllib.TOMLDecodeError:
                continue
            first = number - len(begun) + 1
            paths = list(_paths(parsed))
            if begun[0].lstrip().startswith("["):
                name = paths[0] if paths else ()
                table = name
                if begun[0].lstrip().startswith("[["):  # [[name]], for the n-th time
                    entries[name] = entries.get(name, -1) + 1
                    table = (*name, entries[name])
                    self._statements.setdefault(name, (first, begun))
                paths = [()]
            for path in paths:
                for depth in range(len(path) + 1):
                    self._statements.setdefault((*table, *path[:depth]), (first, begun))
            begun = []

    def of(self, path: Sequence[str | int], value: object) -> int | None:
        """The line (from 1) of the key at `path`, or of `value` in its list; None where it is not in the text."""
        # The index of an entry ([[name]]) is a part of its place; that of a value in a list is searched for below.
        keys = tuple(path)
        while keys and isinstance(keys[-1], int) and keys not in self._statements:
            keys = keys[:-1]
        statement = self._statements.get(keys)
        if statement is None:
            return None
        first, lines = statement
        if len(keys) < len(path):
            for offset, line in enumerate(lines):
                if isinstance(value, str) and value in line:
                    return first + offset
        return first


def _paths(data: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            for path in _paths(value):
                yield (key, *path)
        else:
            yield (key,)


def _told_once(details: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Without "the list is empty" of a list whose values were refused: pydantic counts those that are left."""
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(other["loc"][: len(detail["loc"])] == detail["loc"] for other in details if other is not detail)
    ]


def _explain(detail: ErrorDetails, lines: _Lines | None) -> Problem:
    """A pydantic error in the words of the file."""
    loc = tuple(part for part in detail["loc"] if not str(part).endswith("[key]"))
    loc += tuple(detail.get("ctx", {}).get("at", ()))
    key = _dotted(loc)
    line = None
    if lines:
        # What is missing stands nowhere: then its section's heading is the place to look.
        line = lines.of(loc, detail.get("input")) or (lines.of(loc[:-1], None) if loc[:-1] else None)
    cause, remedy = _words(detail, loc)
    return Problem(key=key or None, line=line, cause=cause, remedy=remedy)


def _dotted(loc: Sequence[str | int]) -> str:
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]{1,64}", part) is not None
            text += ("." if text else "") + (part if bare else _shown(part))
    return text


def _words(detail: ErrorDetails, loc: Sequence[str | int]) -> tuple[str, str]:
    """(cause, remedy) of a pydantic error."""
    kind, context = detail["type"], detail.get("ctx", {})
    shown = _shown(detail.get("input"))
    name = str(loc[-1]) if loc else ""
    match kind:
        case "rootwatch":
            return str(context["cause"]), str(context["remedy"])
        case "missing":
            return _words_for_missing(loc)
        case "extra_forbidden":
            return _words_for_unknown(loc)
        case "literal_error":
            choices = re.findall(r"'([^']*)'", str(context["expected"]))
            listed = ", ".join(f'"{choice}"' for choice in choices)
            return f"{shown} is not one of the choices.", (
                f"{_did_you_mean(detail.get('input'), choices)}Choose one of {listed}."
            )
        case "string_type":
            return f"{shown} is not text.", "put the value in double quotes."
        case "int_type" | "int_from_float" | "int_parsing":
            return f"{shown} is not a whole number.", f"write digits only, without quotes: {name} = 90."
        case "bool_type" | "bool_parsing":
            return f"{shown} is neither true nor false.", "write true or false, in small letters, without quotes."
        case "greater_than_equal":
            return f"{shown} is too small.", f"use at least {context['ge']}."
        case "less_than_equal":
            return f"{shown} is too large.", f"use at most {context['le']}."
        case "tuple_type":
            return f"{shown} is not a list.", f'write it in brackets: {name} = ["one", "two"].'
        case "too_short":
            return "the list is empty.", "list at least one, or remove the key to use the default."
        case "model_type" | "dict_type" | "mapping_type":
            return f"{shown} is not a section.", f"write [{name}] on a line of its own, and its settings below it."
    # A kind we have no words for is still said: pydantic's message, without its value.
    return f"{shown}: {detail['msg']}.", "see rootwatch.example.toml, which explains every setting."


def _sections() -> dict[str, type[_Section]]:
    """Every section by the name the file gives it; one that may be there several times by its entries."""
    return {
        (info.alias or field): model for field, info in Deployment.model_fields.items() if (model := _model_of(info))
    }


def _model_of(info: FieldInfo) -> type[_Section] | None:
    """The section a field holds: itself, one of several, or one under each name."""
    for annotation in (info.annotation, *get_args(info.annotation)):
        if isinstance(annotation, type) and issubclass(annotation, _Section):
            return annotation
    return None


def _section_at(loc: Sequence[str | int]) -> tuple[type[_Section] | None, str]:
    """The section that a key at `loc` stands in, and its heading: "[slack]", "[[routes]]", "[reminders.high]"."""
    model: type[_Section] | None = _sections().get(str(loc[0]))
    heading = _heading(str(loc[0]))
    path = [part for part in loc[1:-1] if isinstance(part, str)]
    for part in path:
        is_list = False
        if model is not None and part in model.model_fields:
            is_list = get_origin(model.model_fields[part].annotation) is tuple
            model = _model_of(model.model_fields[part])
        name = f"{heading.strip('[]')}.{_dotted([part])}"
        heading = f"[[{name}]]" if is_list else f"[{name}]"
    return model, heading


def _heading(section: str) -> str:
    """ "[slack]"; "[[suppressions]]"."""
    info = next(info for field, info in Deployment.model_fields.items() if (info.alias or field) == section)
    return f"[[{section}]]" if get_origin(info.annotation) is tuple else f"[{section}]"


def _words_for_missing(loc: Sequence[str | int]) -> tuple[str, str]:
    name = str(loc[-1])
    if len(loc) == 1:
        example = next((key for key, info in _sections()[name].model_fields.items() if info.is_required()), "")
        return "this section is missing.", f"add [{name}], with {example} = {_example(name, example)} below it."
    model, heading = _section_at(loc)
    examples = model.model_fields[name].examples if model and name in model.model_fields else None
    return "is missing.", f"add {name} = {examples[0] if examples else '...'} below {heading}."


def _example(section: str, name: str) -> str:
    examples = _sections()[section].model_fields[name].examples
    return str(examples[0]) if examples else "..."


def _words_for_unknown(loc: Sequence[str | int]) -> tuple[str, str]:
    name, section, sections = str(loc[-1]), str(loc[0]), _sections()
    if len(loc) == 1:
        homes = [title for title, model in sections.items() if name in model.model_fields]
        if homes:
            return "stands above the first section.", f"move it below {_heading(homes[0])}."
        known = [*sections, "accounts"]
        return "there is no such section.", f"{_did_you_mean(name, known)}The sections are {', '.join(known)}."
    if "token" in name.casefold() or "secret" in name.casefold():
        return "there is no such setting, and a secret must never be in this file, which people share and commit.", (
            "remove it, and withdraw the secret if the file has left this machine. The Slack token is kept in AWS, "
            "under the name <deployment.name>/slack-token."
        )
    if section == "suppressions" and "agent" in name.casefold():
        return "a user agent is whatever the caller says it is, an attacker as well.", (
            "remove it, and say who it is: principal, or source_role."
        )
    own, heading = _section_at(loc)
    known = list((own or sections[section]).model_fields)
    nearest = _nearest(name, known)
    if nearest:
        return "there is no such setting.", f'did you mean "{nearest}"?'
    homes = [title for title, model in sections.items() if name in model.model_fields]
    if homes:
        return f"there is no such setting in {heading}.", f"move it below {_heading(homes[0])}."
    return "there is no such setting.", f"{heading} knows {', '.join(known)}."
