"""The log bucket, as the sweep reads it: one object at a time, whole, within a limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.alerting.errors import RootwatchError, UnavailableError

# CloudTrail's own objects are at most a few megabytes, packed; the function unpacks them in memory.
MAXIMUM_BYTES = 64 * 1024 * 1024

_GONE = ("NoSuchKey", "NoSuchVersion", "404")


class GoneError(RootwatchError):
    """There is no such object any more: no retry brings it back."""


class UnfitError(RootwatchError):
    """It is there, and cannot be read at all: too large, or in an archive. The text says which."""


class LogStore:
    """Gets objects of one bucket."""

    def __init__(self, *, client: Callable[[str], Any], bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def get(self, key: str) -> bytes:
        """The object's bytes.

        Raises:
            GoneError, UnfitError: see there.
            UnavailableError: S3 does not answer, or refuses us; a retry can help, once the rights are there.
        """
        try:
            answer = self._client("s3").get_object(Bucket=self._bucket, Key=key)
            if answer["ContentLength"] > MAXIMUM_BYTES:
                answer["Body"].close()
                raise UnfitError(f"it has {answer['ContentLength']:,} bytes, more than {MAXIMUM_BYTES:,}")
            body: bytes = answer["Body"].read()
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            if code in _GONE:
                raise GoneError("it is not there any more") from error
            if code == "InvalidObjectState":
                raise UnfitError("it is in an archive: restore it, then sweep it again by hand") from error
            raise UnavailableError(f"the log bucket did not give an object: {code[:80]}") from error
        except (BotoCoreError, OSError) as error:
            raise UnavailableError(f"the log bucket did not give an object: {type(error).__name__}") from error
        return body
