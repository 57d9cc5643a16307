"""The sweep: every log object that comes into the trail's bucket goes through the same detections, minutes later."""

from __future__ import annotations

import dataclasses
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct, DependencyGroup

from handlers.alerting.sweeping import LIST_ATTRIBUTE
from handlers.settings import AlertSettings, SweepSettings
from infra.accepted_findings import accept
from infra.alert_pipeline import AlertPipeline, admit_rules, event_queue, maximum_receives
from infra.deployment import Deployment
from infra.detection_rules import RuleTarget
from infra.python_function import TIMEOUT_SECONDS, PythonFunction
from infra.schedules import put_message_again_and_again

MEMORY_MB = 1_024  # an object is unpacked whole: CloudTrail's own are some megabytes, a hundred would still do


class TrailSweeper(Construct):
    """A queue of log objects, and the function that reads them with the pipeline's detections.

    How the queue learns of an object is the deployment's `sweep_source`: the bucket notifies it, EventBridge does, or a
    schedule has the bucket listed. Bucket and queue are in different stacks and know each other by their names.

    Attributes:
        queue: where notices of log objects wait, at first for `sweep.grace_seconds`: EventBridge comes first that way.
        dead_letters: objects that could not be swept for a day, for 14 days.
        sweep_trail: the function.
    """

    def __init__(
        self, scope: Construct, id: str, *, deployment: Deployment, pipeline: AlertPipeline, topic: sns.Topic
    ) -> None:
        """Sweep the trail's bucket for `pipeline`; `deployment.sweep_source` is not "off"."""
        super().__init__(scope, id)
        self._deployment = deployment
        self._bucket_arn = f"arn:{deployment.partition}:s3:::{deployment.trail_bucket_name}"
        self.dead_letters = event_queue(self, "DeadLetters", name=f"{deployment.name}-logs-dead-letters")
        advanced = deployment.advanced
        self.queue = event_queue(
            self,
            "Logs",
            name=f"{deployment.name}-logs",
            visibility_timeout=Duration.seconds(6 * TIMEOUT_SECONDS),
            delivery_delay=Duration.seconds(deployment.sweep.grace_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters,
                max_receive_count=maximum_receives(
                    base_seconds=advanced.retry_base_seconds, cap_seconds=advanced.retry_cap_seconds
                ),
            ),
        )
        self.sweep_trail = self._function(pipeline, topic)
        match deployment.sweep_source:
            case "notifications":
                self._let_the_bucket_tell()
            case "eventbridge":
                self._have_eventbridge_tell()
            case _:
                self._have_it_listed()

    def _function(self, pipeline: AlertPipeline, topic: sns.Topic) -> PythonFunction:
        deployment = self._deployment
        known = {item.name: getattr(pipeline.alert_settings, item.name) for item in dataclasses.fields(AlertSettings)}
        settings = SweepSettings(
            **known,
            trail_bucket=deployment.trail_bucket_name or "",
            trail_prefix=deployment.trail_log_prefix,
            logs_queue_url=self.queue.queue_url,
        )
        function = PythonFunction(
            self,
            "SweepTrail",
            deployment=deployment,
            name="sweep-trail",
            handler="handlers.sweep_trail.handler",
            description="Puts the records of each log object through the detections, and tells what EventBridge missed",
            environment=settings.to_environment(),
            memory_mb=MEMORY_MB,
            files=pipeline.files,
        )
        function.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=10,
                max_concurrency=2,  # the least there is: what has waited for minutes may wait for a second
                report_batch_item_failures=True,
            )
        )
        # A reminder to bring a message in Slack up to date goes through the events queue, as raise_alert's do.
        function.allow(["sqs:SendMessage"], [pipeline.queue.queue_arn])
        function.allow(["dynamodb:BatchGetItem"], [pipeline.table.table_arn])
        pipeline.grant_telling(function, topic)
        pipeline.grant_looking_up(function)
        self._grant_reading(function)
        return function

    def _grant_reading(self, function: PythonFunction) -> None:
        deployment = self._deployment
        prefix = deployment.trail_log_prefix
        # The log objects of an organisation's members are in its trail's bucket too.
        account = "*" if deployment.trail.organization_id else deployment.account
        objects = f"{self._bucket_arn}/{prefix}{account}/CloudTrail/*"
        function.allow(["s3:GetObject"], [objects])
        # Whoever may not list a bucket is told 403 of an object that is not there, rather than 404, and would ask for
        # it for a day (S3 API reference, GetObject, "Permissions"). That question has no prefix; a listing of ours has.
        function.allow(["s3:ListBucket"], [self._bucket_arn], {"StringLikeIfExists": {"s3:prefix": [f"{prefix}*"]}})
        accept(
            function.role,
            f"AwsSolutions-IAM5[Resource::{objects}]",
            "CloudTrail's log objects alone, neither digests nor anything else; their names have the time of making.",
        )
        for keys, conditions in self._keys():
            function.allow(["kms:Decrypt"], [keys], conditions)
            if keys.endswith("*"):
                accept(
                    function.role,
                    f"AwsSolutions-IAM5[Resource::{keys}]",
                    "The trail's key alone, by its alias, and only through S3.",
                )

    def _keys(self) -> list[tuple[str, dict[str, Any]]]:
        """The keys that log objects are encrypted with, and how each may be used: through S3 only."""
        deployment = self._deployment
        domain = "amazonaws.com.cn" if deployment.partition == "aws-cn" else "amazonaws.com"
        if key := deployment.sweep.key_arn or deployment.audit.log_key_arn:
            return [(key, {"StringEquals": {"kms:ViaService": f"s3.{key.split(':')[3]}.{domain}"}})]
        if deployment.trail.mode != "create" or not deployment.trail.customer_key:
            return []
        # The key's id is known to the stack that makes it alone; its alias is fixed.
        conditions = {
            "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{deployment.name}-trail"},
            "StringEquals": {"kms:ViaService": f"s3.{deployment.home_region}.{domain}"},
        }
        return [(f"arn:{deployment.partition}:kms:{deployment.home_region}:{deployment.account}:key/*", conditions)]

    def _let_the_bucket_tell(self) -> None:
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TrailBucketTells",
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions={
                    "ArnEquals": {"aws:SourceArn": self._bucket_arn},
                    # A bucket's ARN has no account: once deleted, its name is free for anybody's bucket.
                    "StringEquals": {"aws:SourceAccount": self._deployment.account},
                },
            )
        )

    def _have_eventbridge_tell(self) -> None:
        deployment = self._deployment
        name = f"{deployment.name}-log-objects"
        target = RuleTarget(arn=self.queue.queue_arn, dead_letter_arn=self.dead_letters.queue_arn)
        rule = events.CfnRule(
            self,
            "LogObjects",
            name=name,
            description="Log objects that come into the trail's bucket go to the logs queue",
            event_pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": [deployment.trail_bucket_name]},
                    "object": {"key": [{"wildcard": f"{deployment.trail_log_prefix}*/CloudTrail/*.json.gz"}]},
                },
            },
            state="ENABLED",
            targets=[target.as_properties()],
        )
        arn = f"arn:{deployment.partition}:events:{deployment.home_region}:{deployment.account}:rule/{name}"
        # EventBridge does not retry a delivery that a policy refuses.
        rule.node.add_dependency(
            DependencyGroup(*(admit_rules(queue, [arn]) for queue in (self.queue, self.dead_letters)))
        )

    def _have_it_listed(self) -> None:
        """A message in the queue asks for it; what is found then goes through the queue like any other object."""
        deployment = self._deployment
        self.sweep_trail.allow(["sqs:SendMessage"], [self.queue.queue_arn])  # an object each, and to go on
        put_message_again_and_again(
            self,
            "Listing",
            deployment=deployment,
            queue=self.queue,
            called="logs queue",
            dead_letters=self.dead_letters,
            name=f"{deployment.name}-list-logs",
            description="Has the trail's bucket listed for new log objects",
            expression=f"rate({deployment.sweep.listing_minutes} minutes)",
            message={
                "MessageBody": "list",
                "DelaySeconds": 0,
                "MessageAttributes": {LIST_ATTRIBUTE: {"DataType": "String", "StringValue": "on"}},
            },
        )
