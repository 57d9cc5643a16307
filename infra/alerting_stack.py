"""Alerting: everything between an event and the people it concerns, in the home region."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from handlers.alerting.detection import Detection
from infra.alert_pipeline import AlertPipeline
from infra.deployment import Deployment
from infra.detection_rules import DetectionRules
from infra.follow_up import FollowUp
from infra.watchers import EmailTopic, Watchers


class AlertingStack(Stack):
    """Rules, pipeline and watchers.

    Attributes:
        pipeline: the queue, the function, the table and the hub bus.
        rules: one per detection that this region needs.
        topic: the e-mails.
        follow_up: what happens at a time of its own; None where nothing does.
        watchers: to add the alarms of further parts to.
    """

    def __init__(
        self, scope: Construct, id: str, *, deployment: Deployment, detections: Sequence[Detection] | None = None
    ) -> None:
        """Compose the stack for the home region of `deployment`; `detections` are its catalogue's unless given.

        Raises ConfigurationError when a quota of AWS would refuse a part of it.
        """
        super().__init__(
            scope,
            id,
            env=Environment(account=deployment.account, region=deployment.home_region),
            description="Rootwatch: alerts about the root user and administrators",
            termination_protection=deployment.termination_protection,
        )
        region = deployment.home_region
        self.topic = EmailTopic(self, "Email", deployment=deployment, region=region)
        self.pipeline = AlertPipeline(self, "Pipeline", deployment=deployment, topic=self.topic)
        wanted = deployment.catalogue if detections is None else detections
        self.rules = DetectionRules(
            self, "Rules", deployment=deployment, detections=wanted, region=region, target=self.pipeline.target
        )
        self.rules.node.add_dependency(self.pipeline.accept_events_from(self.rules.arns))

        self.follow_up = (
            FollowUp(self, "FollowUp", deployment=deployment, pipeline=self.pipeline, topic=self.topic)
            if deployment.needs_alarms
            else None
        )
        self.watchers = Watchers(self, "Watchers", deployment=deployment, topic=self.topic)
        self.watchers.watch_dead_letters(self.pipeline.dead_letters, name="events")
        self.watchers.watch_queue(self.pipeline.queue, name="events")
        self.watchers.watch_errors(self.pipeline.raise_alert.function, name="raise-alert")
        self.watchers.watch_throttles(self.pipeline.raise_alert.function, name="raise-alert")
        if deployment.advanced.bundle_platform == "lambda":  # the local AWS has no alarms on queries
            self.watchers.watch_deliveries()

        self._tell(deployment)

    def _tell(self, deployment: Deployment) -> None:
        token = self.pipeline.slack_token
        kind = "SSM parameter (SecureString)" if token.source.startswith("ssm:") else "Secrets Manager secret"
        outputs = {
            "AlertTableName": (self.pipeline.table.table_name, "Alerts, findings and who was told"),
            "EventsQueueUrl": (self.pipeline.queue.queue_url, "Where events wait to become alerts"),
            "DeadLetterQueueUrl": (self.pipeline.dead_letters.queue_url, "Events that nobody was told of"),
            "EmailTopicArn": (self.topic.topic_arn, "Alerts and alarms by e-mail"),
            "HubBusArn": (self.pipeline.hub.attr_arn, "Where other regions forward to"),
            "RaiseAlertFunctionName": (self.pipeline.raise_alert.function.function_name, "Turns events into alerts"),
            "SlackTokenName": (token.name, f"The {kind} for the Slack bot token"),
            "NextStep": (
                f"Put the Slack bot token into the {kind} {token.name}, confirm the e-mail subscriptions, "
                "and send a test alert: rootwatch test-alert",
                "What is left to do",
            ),
        }
        if self.follow_up:
            name = self.follow_up.follow_up.function.function_name
            outputs["FollowUpFunctionName"] = (name, "Does what alarms ask for")
        for name, secret in self.pipeline.destinations.secrets.items():
            key = "SecretOf" + "".join(part.title() for part in name.split("-"))
            outputs[key] = (secret.name, f"What the destination {name} is told with: rootwatch destinations set-secret")
        for key, (value, description) in outputs.items():
            CfnOutput(self, key, value=value, description=description)
