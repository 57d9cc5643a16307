"""Alerting: everything between an event and the people it concerns, in the home region."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from handlers.alerting.detection import Detection
from infra.alert_pipeline import AlertPipeline
from infra.audit_log import FINDINGS, TRANSITIONS, WINDOWS, AuditLog
from infra.deployment import Deployment
from infra.detection_rules import DetectionRules
from infra.follow_up import FollowUp
from infra.slack_door import SlackDoor
from infra.trail_sweeper import TrailSweeper
from infra.watchers import EmailTopic, Watchers


class AlertingStack(Stack):
    """Rules, pipeline and watchers.

    Attributes:
        pipeline: the queue, the function, the table and the hub bus.
        rules: one per detection that this region needs.
        topic: the e-mails.
        audit_log: where findings and decisions about alerts are kept.
        door: what Slack's buttons reach; None unless react.enabled.
        follow_up: what happens at a time of its own; None where nothing does.
        sweeper: what reads the log bucket; None where sweep.source is "off".
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
        self.audit_log = AuditLog(self, "AuditLog", deployment=deployment)
        self.pipeline = AlertPipeline(
            self, "Pipeline", deployment=deployment, topic=self.topic, audit_log=self.audit_log
        )
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
        self.sweeper = (
            TrailSweeper(self, "Sweep", deployment=deployment, pipeline=self.pipeline, topic=self.topic)
            if deployment.sweep_source != "off"
            else None
        )
        self.watchers = Watchers(self, "Watchers", deployment=deployment, topic=self.topic)
        self.watchers.watch_dead_letters(self.pipeline.dead_letters, name="events")
        self.watchers.watch_queue(self.pipeline.queue, name="events")
        self.watchers.watch_errors(self.pipeline.raise_alert.function, name="raise-alert")
        self.watchers.watch_throttles(self.pipeline.raise_alert.function, name="raise-alert")
        if deployment.advanced.bundle_platform == "lambda":  # the local AWS has no alarms on queries
            self.watchers.watch_deliveries()
        self.door = (
            SlackDoor(self, "Door", deployment=deployment, pipeline=self.pipeline, audit_log=self.audit_log)
            if deployment.react.enabled
            else None
        )
        if self.sweeper:
            self._complete(self.sweeper, deployment)
        if deployment.break_glass.enabled:
            self.audit_log.grant_append(self.pipeline.raise_alert, WINDOWS)
            if self.follow_up:
                self.audit_log.grant_append(self.follow_up.follow_up, WINDOWS)
            if self.door:
                self.audit_log.grant_append(self.door.apply_click, WINDOWS)
        if self.door and self.follow_up:
            self.follow_up.grant_alarms(self.door.apply_click)
            self.follow_up.grant_call(self.door.apply_click)
        if self.door:
            self.watchers.watch_dead_letters(self.door.dead_letters, name="clicks")
            self.watchers.watch_queue(self.door.queue, name="clicks")
            # What apply_click cannot do ends in the dead letters, which have their alarm.
            self.watchers.watch_errors(self.door.receive_click.function, name="receive-click")

        self._tell(deployment)

    def _complete(self, sweeper: TrailSweeper, deployment: Deployment) -> None:
        """What the sweep does for an alert is what raise_alert does; what keeps it from that is watched likewise."""
        for prefix in (FINDINGS, TRANSITIONS, *([WINDOWS] if deployment.break_glass.enabled else [])):
            self.audit_log.grant_append(sweeper.sweep_trail, prefix)
        if self.follow_up:
            self.follow_up.grant_alarms(sweeper.sweep_trail)
        self.watchers.watch_dead_letters(sweeper.dead_letters, name="logs")
        self.watchers.watch_queue(
            sweeper.queue,
            name="logs",
            delay_seconds=deployment.sweep.grace_seconds,
            why="the log bucket or its key refuses the function, or Slack does not answer",
        )
        self.watchers.watch_errors(sweeper.sweep_trail.function, name="sweep-trail")

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
            "AuditLogBucket": (
                self.audit_log.bucket.bucket_name,
                "What was found and what was decided, an object each",
            ),
            "NextStep": (
                f"Put the Slack bot token into the {kind} {token.name}, confirm the e-mail subscriptions, "
                "and send a test alert: rootwatch test-alert",
                "What is left to do",
            ),
        }
        if self.door:
            outputs["SlackRequestUrl"] = (self.door.url, "The Slack app's interactivity request URL")
            outputs["SlackSigningSecretName"] = (self.door.signing_secret.name, "Where its signing secret is kept")
            outputs["ClicksQueueUrl"] = (self.door.queue.queue_url, "Where clicks wait to be applied")
        if self.sweeper:
            outputs["LogsQueueUrl"] = (self.sweeper.queue.queue_url, "Where log objects wait to be swept")
            outputs["LogsDeadLetterQueueUrl"] = (self.sweeper.dead_letters.queue_url, "Log objects that were not swept")
        if self.follow_up:
            name = self.follow_up.follow_up.function.function_name
            outputs["FollowUpFunctionName"] = (name, "Does what alarms ask for")
        for name, secret in self.pipeline.destinations.secrets.items():
            key = "SecretOf" + "".join(part.title() for part in name.split("-"))
            outputs[key] = (secret.name, f"What the destination {name} is told with: rootwatch destinations set-secret")
        for key, (value, description) in outputs.items():
            CfnOutput(self, key, value=value, description=description)
