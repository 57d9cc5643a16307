"""Alarms on EventBridge Scheduler: schedules that go off once, call one function with their work, and are gone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.alerting.errors import UnavailableError

_NAME = 64  # characters of a schedule's name: letters, digits, "-", "_", "." (API reference, CreateSchedule)
_DIGEST = 32
# AWS refuses a time that is over, and a schedule goes off within the minute after its time.
_SOONEST = timedelta(seconds=60)
_KEEP_TRYING_SECONDS = 86_400  # to call the function: as long as the Scheduler can
_ATTEMPTS = 185  # the most the Scheduler makes


class SchedulerTimer:
    """A Timer in a schedule group of the deployment's own."""

    def __init__(
        self,
        *,
        client: Any,
        group: str,
        function_arn: str,
        role_arn: str,
        dead_letter_arn: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Args: `role_arn` is what the Scheduler calls the function as; both are our own, made for each other."""
        self._client = client
        self._group = group
        self._function = function_arn
        self._role = role_arn
        self._dead_letters = dead_letter_arn
        self._clock = clock

    def set(self, name: str, at: datetime, work: Mapping[str, str]) -> None:
        moment = max(at, self._clock() + _SOONEST).astimezone(UTC)
        schedule = schedule_name(name)
        try:
            self._client.create_schedule(
                Name=schedule,
                GroupName=self._group,
                # The same request twice is one; another of this name is a conflict.
                ClientToken=schedule,
                ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})",
                ScheduleExpressionTimezone="UTC",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={
                    "Arn": self._function,
                    "RoleArn": self._role,
                    "Input": json.dumps(dict(work), sort_keys=True),
                    "DeadLetterConfig": {"Arn": self._dead_letters},
                    "RetryPolicy": {
                        "MaximumEventAgeInSeconds": _KEEP_TRYING_SECONDS,
                        "MaximumRetryAttempts": _ATTEMPTS,
                    },
                },
            )
        except ClientError as error:
            code = _code(error)
            if code != "ConflictException":  # it is set already
                raise UnavailableError(f"the Scheduler did not take an alarm: {code}") from error
        except BotoCoreError as error:
            raise UnavailableError(f"the Scheduler cannot be reached: {type(error).__name__}") from error

    def cancel(self, name: str) -> None:
        try:
            self._client.delete_schedule(Name=schedule_name(name), GroupName=self._group)
        except ClientError as error:
            code = _code(error)
            if code != "ResourceNotFoundException":  # it has gone off, or was never set
                raise UnavailableError(f"the Scheduler did not take an alarm back: {code}") from error
        except BotoCoreError as error:
            raise UnavailableError(f"the Scheduler cannot be reached: {type(error).__name__}") from error


def schedule_name(name: str) -> str:
    """A name that AWS takes: its beginning, for people, and a digest of the whole, which tells it apart."""
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:_DIGEST]
    beginning = re.sub(r"[^0-9A-Za-z_.-]+", "-", name)[: _NAME - _DIGEST - 1]
    return f"{beginning}-{digest}"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))
