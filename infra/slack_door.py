"""Slack's door: the one public address of ours, the queue behind it, and the function that applies what came in."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from handlers.settings import ClickSettings, DoorSettings
from infra.alert_pipeline import BREAK_GLASS_FILE, AlertPipeline, break_glass_files, event_queue, maximum_receives
from infra.audit_log import AuditLog
from infra.deployment import Deployment
from infra.destinations import TELLING_FILE, telling_files
from infra.python_function import TIMEOUT_SECONDS, PythonFunction
from infra.stored_secret import StoredSecret

REPLAY_KEYS = "REPLAY#*"  # of the alert table: the only rows the door may write


class SlackDoor(Construct):
    """A function URL that takes what Slack signed and nothing else, and what happens then.

    It is public because Slack has neither fixed addresses nor AWS credentials: the signature over the body is what lets
    a request in. Behind it are the least rights - send to one queue, read two secrets, write replay items.

    Attributes:
        url: for the Slack app's "Request URL".
        queue, dead_letters: where clicks wait, and those that could not be applied.
        receive_click, apply_click: the functions.
        signing_secret: its place.
    """

    def __init__(
        self, scope: Construct, id: str, *, deployment: Deployment, pipeline: AlertPipeline, audit_log: AuditLog
    ) -> None:
        """Make the door for the alerts of `pipeline`; what people decide is also kept in `audit_log`."""
        super().__init__(scope, id)
        self._deployment = deployment
        self._pipeline = pipeline
        self._audit_log = audit_log
        advanced = deployment.advanced
        self.dead_letters = event_queue(self, "DeadLetters", name=f"{deployment.name}-clicks-dead-letters")
        self.queue = event_queue(
            self,
            "Clicks",
            name=f"{deployment.name}-clicks",
            visibility_timeout=Duration.seconds(6 * TIMEOUT_SECONDS),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters,
                max_receive_count=maximum_receives(
                    base_seconds=advanced.retry_base_seconds, cap_seconds=advanced.retry_cap_seconds
                ),
            ),
        )
        self.signing_secret = StoredSecret(
            self,
            "SigningSecret",
            deployment=deployment,
            name=deployment.signing_secret_name,
            description="With which Slack signs what it sends to Rootwatch",
            store=deployment.react.signing_secret_store,
        )
        self.receive_click = self._receiver()
        self.apply_click = self._applier()
        # Two permissions, InvokeFunctionUrl and InvokeFunction, are what a public URL has needed since October 2025;
        # the CDK adds both.
        self.url = self.receive_click.function.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE).url

    def _api_url(self) -> dict[str, str]:
        url = self._deployment.advanced.slack_api_url
        return {"slack_api_url": url} if url else {}

    def _receiver(self) -> PythonFunction:
        deployment, table = self._deployment, self._pipeline.table
        function = PythonFunction(
            self,
            "ReceiveClick",
            deployment=deployment,
            name="receive-click",
            handler="handlers.receive_click.handler",
            description="Slack's door: checks signatures and passes clicks on",
            environment=DoorSettings(
                table_name=table.table_name,
                queue_url=self.queue.queue_url,
                signing_secret_source=self.signing_secret.source,
                slack_token_source=self._pipeline.slack_token.source,
                team_id=deployment.react.team_id,
                app_id=deployment.react.app_id,
                language=deployment.display.language,
                break_glass_file=BREAK_GLASS_FILE if deployment.break_glass_rules else "",
                account_names=deployment.accounts,
                time_zone=deployment.display.time_zone,
                **self._api_url(),
            ).to_environment(),
            files=break_glass_files(deployment),
            memory_mb=1769,  # a whole processor (Lambda guide): a cold start has to fit into Slack's three seconds
        )
        function.allow(["sqs:SendMessage"], [self.queue.queue_arn])
        function.allow(
            ["dynamodb:PutItem"],
            [table.table_arn],
            {
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [REPLAY_KEYS]},
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        )
        self.signing_secret.grant_read(function)
        self._pipeline.slack_token.grant_read(function)
        return function

    def _applier(self) -> PythonFunction:
        deployment, table = self._deployment, self._pipeline.table
        function = PythonFunction(
            self,
            "ApplyClick",
            deployment=deployment,
            name="apply-click",
            handler="handlers.apply_click.handler",
            description="Applies what people decided about alerts, and tells it in Slack",
            environment=ClickSettings(
                table_name=table.table_name,
                queue_url=self.queue.queue_url,
                slack_channel=deployment.slack.channel,
                slack_token_source=self._pipeline.slack_token.source,
                audit_bucket=self._audit_log.bucket.bucket_name,
                responders=deployment.react.responders,
                on_call=deployment.react.on_call,
                time_zone=deployment.display.time_zone,
                language=deployment.display.language,
                environment="" if deployment.name == "rootwatch" else deployment.name,
                runbook_url=deployment.display.runbook_url,
                retention_days=deployment.alerts.retention_days,
                retry_base_seconds=deployment.advanced.retry_base_seconds,
                retry_cap_seconds=deployment.advanced.retry_cap_seconds,
                deployment_name=deployment.name,
                telling_file=TELLING_FILE if telling_files(deployment) else "",
                alarms=deployment.alarm_settings if deployment.needs_alarms else {},
                break_glass_file=BREAK_GLASS_FILE if deployment.break_glass_rules else "",
                account_names=deployment.accounts,
                events_queue_url=self._pipeline.queue.queue_url if deployment.break_glass.enabled else "",
                **self._api_url(),
            ).to_environment(),
            files={**telling_files(deployment), **break_glass_files(deployment)},
            memory_mb=512,
        )
        function.function.add_event_source(
            event_sources.SqsEventSource(self.queue, batch_size=10, max_concurrency=2, report_batch_item_failures=True)
        )
        function.allow(
            ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"], [table.table_arn]
        )
        self._audit_log.grant_append(function)
        self._pipeline.slack_token.grant_read(function)
        if deployment.break_glass.enabled:  # an emergency is told through the events queue
            function.allow(["sqs:SendMessage"], [self._pipeline.queue.queue_arn])
        for name, destination in deployment.destinations.items():
            if destination.type == "pagerduty":  # it stops calling people once somebody took the alert
                self._pipeline.destinations.secrets[name].grant_read(function)
        return function
