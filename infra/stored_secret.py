"""A secret that people put into AWS themselves, for a function to read."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.accepted_findings import accept
from infra.deployment import Deployment
from infra.python_function import PythonFunction


class StoredSecret(Construct):
    """A secret that people put into AWS themselves: the template knows its name, never its value.

    Attributes:
        name: of the SSM parameter or the Secrets Manager secret.
        source: where a function finds it, such as "ssm:/rootwatch/slack-token".
    """

    def __init__(
        self, scope: Construct, id: str, *, deployment: Deployment, name: str, description: str, store: str
    ) -> None:
        """Refer to the parameter `name`, or create the secret `name` without a value; `store` is one of Slack's."""
        super().__init__(scope, id)
        self.name = name
        self.source = f"{store}:{name}"
        self._secret: secretsmanager.CfnSecret | None = None
        self._parameter_arn = (
            f"arn:{deployment.partition}:ssm:{deployment.home_region}:{deployment.account}:parameter/{name.lstrip('/')}"
        )
        if store == "secretsmanager":
            # The higher-level construct would generate a value.
            self._secret = secretsmanager.CfnSecret(self, "Secret", name=name, description=description)
            self._secret.apply_removal_policy(RemovalPolicy.RETAIN)
            accept(
                self._secret,
                "AwsSolutions-SMG4",
                "Slack issues the token and it does not expire by itself: there is nothing to rotate it with. "
                "`rootwatch doctor` tells its age.",
            )

    def grant_read(self, function: PythonFunction) -> None:
        """Let `function` read this one secret.

        It needs no right on a key: the AWS managed keys aws/ssm and aws/secretsmanager let every principal of the
        account decrypt what it may read (Systems Manager user guide, "Restricting decryption of SecureString
        parameter values"), so the right to read is the one that counts.
        """
        if self._secret:
            function.allow(["secretsmanager:GetSecretValue"], [self._secret.ref])
        else:
            # CloudFormation cannot create a SecureString.
            function.allow(["ssm:GetParameter"], [self._parameter_arn])
