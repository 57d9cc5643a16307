"""The environment of each function: infra writes it, wiring reads it, and a variable's name is written nowhere else."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

PREFIX = "ROOTWATCH_"


class SettingsError(ValueError):
    """A function's environment is incomplete or unreadable: names the variable, the cause and the remedy."""


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """What every function's settings can do."""

    def to_environment(self) -> dict[str, str]:
        """The variables for infra to write, each a string. Values may be CDK tokens."""
        return {
            _variable(item.name): value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for item in dataclasses.fields(self)
            for value in [_plain(getattr(self, item.name))]
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read back what `to_environment` wrote.

        Raises:
            SettingsError: a variable without a default is missing, or one is not of its type.
        """
        values: dict[str, Any] = {}
        for item in dataclasses.fields(cls):
            variable = _variable(item.name)
            text = environment.get(variable)
            if text is None:
                if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
                    raise SettingsError(
                        f"{variable} is not set: the function was not deployed by our stack; deploy again"
                    )
                continue
            values[item.name] = text if item.type == "str" else _read(variable, text, item.type)
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class AlertSettings(_Settings):
    """What raise_alert needs to know. No secret is among it: the Slack token is fetched at run time."""

    account: str  # ours: where lookups are answered
    table_name: str
    queue_url: str  # the events queue: for reminders to bring a Slack message up to date, and for back-off
    topic_arn: str  # e-mail for HIGH and CRITICAL
    slack_channel: str
    slack_token_source: str  # "ssm:/rootwatch/slack-token" or "secretsmanager:rootwatch/slack-token"
    deployment_name: str = "rootwatch"  # our own resources are called after it
    slack_api_url: str = "https://slack.com/api/"
    slack_minimum_severity: str = "LOW"  # what is less is recorded, and nobody is told
    email_minimum_severity: str = "HIGH"
    time_zone: str = "UTC"
    language: str = "en"
    environment: str = ""  # shown in every message where several deployments share a channel
    identity_center_region: str = ""  # where permission sets are looked up; "": nowhere
    runbook_url: str = ""  # https address of the folder handlers/detections; "": messages show the path
    account_names: Mapping[str, str] = field(default_factory=dict)
    retention_days: int = 400  # of a row in the alert table
    retry_base_seconds: int = 30  # first wait after a failure; doubles with each receive
    retry_cap_seconds: int = 900
    reacts: bool = False  # whether Slack messages carry buttons
    audit_bucket: str = ""  # where findings and decisions about alerts are kept; "": in the table alone
    refresh_seconds: int = 30  # a Slack parent is brought up to date at most this often
    country_file: str = ""  # who has an address: files in MaxMind's format, as paths in the function's bundle
    network_file: str = ""
    organization_id: str = ""  # "" : Organizations is not asked for accounts' names and units
    working_hours: str = ""  # "Mon,Tue 08:00-19:00 Asia/Tokyo"; "": nobody said, and no hour is unusual
    access_analyzer_checks: bool = False  # a second opinion on policies, which AWS charges for
    packs: tuple[str, ...] = ()  # of detections: those that are switched on
    quiet_file: str = ""  # what is declared to be quiet: a path in the function's bundle; "": nothing is
    telling_file: str = ""  # routes, destinations and reminders: likewise
    break_glass_file: str = ""  # what is said about break-glass windows: likewise; "": there are none
    regions: tuple[str, ...] = ()  # all that are watched: where it is looked up what was done in a session
    log_bucket: str = ""  # where the trail's log files are; "": they are not read
    log_prefix: str = ""
    alarms: Mapping[str, str] = field(default_factory=dict)  # group, function, role, dead_letters; empty: none are set
    sweeps: bool = False  # whether the log bucket is swept, so that what EventBridge brought has to be noted


@dataclass(frozen=True, kw_only=True)
class SweepSettings(AlertSettings):
    """What sweep_trail needs to know, beside all that raise_alert knows."""

    trail_bucket: str
    trail_prefix: str  # of log objects' keys, before the account: "AWSLogs/" or "prefix/AWSLogs/o-a1b2c3d4e5/"
    logs_queue_url: str


@dataclass(frozen=True, kw_only=True)
class DoorSettings(_Settings):
    """What receive_click needs to know: Slack's requests come in here."""

    table_name: str  # for replay items only
    queue_url: str  # the clicks queue
    signing_secret_source: str
    slack_token_source: str  # to open a form
    slack_api_url: str = "https://slack.com/api/"
    team_id: str = ""
    app_id: str = ""
    language: str = "en"
    break_glass_file: str = ""  # as raise_alert's
    account_names: Mapping[str, str] = field(default_factory=dict)
    time_zone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class ClickSettings(_Settings):
    """What apply_click needs to know."""

    table_name: str
    queue_url: str
    slack_channel: str
    slack_token_source: str
    slack_api_url: str = "https://slack.com/api/"
    audit_bucket: str
    responders: tuple[str, ...] = ()  # ids of Slack people and user groups; none: whoever can press
    on_call: str = ""  # id of the Slack user group or person who is called for help
    time_zone: str = "UTC"
    language: str = "en"
    environment: str = ""
    runbook_url: str = ""
    retention_days: int = 400
    retry_base_seconds: int = 30
    retry_cap_seconds: int = 900
    deployment_name: str = "rootwatch"  # in metrics
    telling_file: str = ""  # as raise_alert's
    alarms: Mapping[str, str] = field(default_factory=dict)
    break_glass_file: str = ""
    account_names: Mapping[str, str] = field(default_factory=dict)
    events_queue_url: str = ""  # where news of windows go


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _read(variable: str, text: str, kind: Any) -> Any:
    expected = {"int": int, "bool": bool, "tuple[str, ...]": list}.get(kind, dict)
    try:
        value = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"{variable} is {text[:40]!r}, not {expected.__name__} as JSON: deploy again") from error
    if not isinstance(value, expected):
        raise SettingsError(f"{variable} is {text[:40]!r}, not {expected.__name__}: deploy again")
    return tuple(str(item) for item in value) if isinstance(value, list) else value
