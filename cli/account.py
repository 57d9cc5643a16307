"""The AWS account a deployment is in, as the credentials of whoever types reach it: read, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.errors import CommandError
from handlers.adapters.untrusted import plain

if TYPE_CHECKING:
    from infra.deployment import Deployment

CREDENTIALS = "sign in to AWS (aws sso login, AWS_PROFILE), and check with: aws sts get-caller-identity"


class Account:
    """Clients for the deployment's own account, made after asking once whose credentials these are."""

    def __init__(self, deployment: Deployment) -> None:
        """Raises CommandError: there are no credentials, AWS does not answer, or it is another account."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        self._config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 4, "mode": "standard"})
        self._session = boto3.Session(region_name=deployment.home_region)
        try:
            caller = self._session.client("sts", config=self._config).get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            raise CommandError(f"AWS cannot be asked: {reason_of(error)}.", fix=f"{CREDENTIALS}.") from None
        account, self.arn = caller["Account"], caller["Arn"]  # of whoever types
        if account != deployment.account:
            raise CommandError(
                f"your AWS credentials belong to account {account}, and this deployment to {deployment.account}.",
                fix=f"use credentials of {deployment.account} (AWS_PROFILE), or correct [deployment] account.",
            )

    def client(self, service: str, region: str) -> Any:
        """A boto3 client that gives up after a few short attempts."""
        return self._session.client(service, region_name=region, config=self._config)  # type: ignore[call-overload]


def reason_of(error: Exception) -> str:
    """AWS's own word for what went wrong, or botocore's: never its whole text, which may quote what was sent."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return plain(str(response.get("Error", {}).get("Code", "unknown")), 80)
    return type(error).__name__
