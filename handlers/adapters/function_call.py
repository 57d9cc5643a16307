"""Work handed to another function of ours at once, without waiting for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.alerting.errors import UnavailableError


class FunctionCall:
    """Calls one function; Lambda keeps the work and tries it again by itself."""

    def __init__(self, *, client: Any, function_arn: str) -> None:
        """`client` is boto3's for Lambda. Rights it needs: lambda:InvokeFunction on the function."""
        self._client = client
        self._function = function_arn

    def __call__(self, work: Mapping[str, str]) -> None:
        """Hand over `work`, a flat mapping of texts. Raises UnavailableError where Lambda did not take it."""
        try:
            self._client.invoke(
                FunctionName=self._function, InvocationType="Event", Payload=json.dumps(dict(work)).encode()
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            raise UnavailableError(f"Lambda did not take what is to be done: {code}") from error
        except BotoCoreError as error:
            raise UnavailableError(f"Lambda cannot be reached: {type(error).__name__}") from error
