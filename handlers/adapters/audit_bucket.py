"""The audit log in S3: an object for each entry, written once, in a bucket that lets nobody alter or remove it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.alerting.errors import UnavailableError

_WRITTEN_BEFORE = frozenset({"PreconditionFailed", "412"})
# After silence nobody asks again for so long: a batch of ten would wait ten times, and people with it.
_REST_SECONDS = 10


class AuditBucket:
    """An AuditLog (see ports); the key of an entry is the object's."""

    def __init__(
        self, *, client: Callable[[str], Any], bucket: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`client` makes a boto3 client, when the first entry is written: most invocations write none."""
        self._client = client
        self._bucket = bucket
        self._clock = clock  # seconds
        self._rests_until = float("-inf")

    def append(self, key: str, entry: Mapping[str, Any]) -> None:
        """Write one object, unless it is there already: S3 decides (If-None-Match), so no right to read is needed.

        Raises:
            UnavailableError: S3 did not take it, or gave no answer to the entry before, seconds ago.
        """
        if self._clock() < self._rests_until:
            raise UnavailableError("the audit log did not answer a moment ago")
        body = json.dumps(dict(entry), sort_keys=True).encode()
        try:
            self._client("s3").put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType="application/json", IfNoneMatch="*"
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _WRITTEN_BEFORE:
                return
            # Among them 409 ConditionalRequestConflict: somebody else is writing it, or deleting; a retry sees.
            raise UnavailableError(f"the audit log did not take an entry: {code}") from error
        except BotoCoreError as error:
            self._rests_until = self._clock() + _REST_SECONDS
            raise UnavailableError(f"the audit log did not take an entry: {type(error).__name__}") from error
