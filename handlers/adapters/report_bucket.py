"""Where monthly reports are kept: the audit log's bucket, in which each key is written once and nothing is removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.alerting.errors import UnavailableError

_WRITTEN_BEFORE = frozenset({"PreconditionFailed", "412"})


class ReportBucket:
    """Puts files, each below a key of its own."""

    def __init__(self, *, client: Callable[[str], Any], bucket: str) -> None:
        self.bucket = bucket
        self._client = client

    def put(self, key: str, content: bytes, kind: str) -> None:
        """Write one file; `kind` is its content type. A key that is there stays as it is.

        Raises:
            UnavailableError: S3 did not take it.
        """
        try:
            self._client("s3").put_object(
                Bucket=self.bucket,
                Key=key,
                Body=content,
                ContentType=kind,
                # Downloaded rather than shown by S3's own domain: the page is for the reader's own machine.
                ContentDisposition="attachment",
                IfNoneMatch="*",
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in _WRITTEN_BEFORE:
                raise UnavailableError(f"the audit log did not take the report: {code}") from error
        except BotoCoreError as error:
            raise UnavailableError(f"the audit log did not take the report: {type(error).__name__}") from error
