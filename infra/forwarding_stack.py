"""Forwarding: the rules of another region, aimed at the hub bus in the home region."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from handlers.alerting.detection import Detection
from infra.accepted_findings import accept
from infra.alert_pipeline import admit_rules, event_queue
from infra.deployment import Deployment
from infra.detection_rules import DetectionRules, RuleTarget
from infra.watchers import EmailTopic, Watchers


class ForwardingStack(Stack):
    """The same rules, a role that may put events on the hub bus, and a dead-letter queue with its alarm.

    Each region has an e-mail topic of its own, because an alarm can only publish within its region; its addresses
    get one more subscription to confirm.

    Attributes:
        rules: one per detection that this region needs.
        dead_letters: events that could not be forwarded, for 14 days.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: Deployment,
        region: str,
        detections: Sequence[Detection] | None = None,
    ) -> None:
        """Compose the stack for `region`, one of `deployment.forwarding_regions`; `detections` as in AlertingStack.

        Raises ConfigurationError when a quota of AWS would refuse a part of it.
        """
        super().__init__(
            scope,
            id,
            env=Environment(account=deployment.account, region=region),
            description=f"Rootwatch: forwards the events of {region} to {deployment.home_region}",
            termination_protection=deployment.termination_protection,
        )
        self.dead_letters = event_queue(self, "DeadLetters", name=f"{deployment.name}-forwarding-dead-letters")
        accept(
            self.dead_letters,
            "AwsSolutions-SQS3",
            "It is a dead-letter queue, of EventBridge rules instead of another queue.",
        )
        target = RuleTarget(
            arn=deployment.hub_bus_arn,
            role_arn=self._role(deployment, region).role_arn,
            dead_letter_arn=self.dead_letters.queue_arn,
        )
        wanted = deployment.catalogue if detections is None else detections
        self.rules = DetectionRules(
            self, "Rules", deployment=deployment, detections=wanted, region=region, target=target
        )
        self.rules.node.add_dependency(admit_rules(self.dead_letters, self.rules.arns))

        topic = EmailTopic(self, "Email", deployment=deployment, region=region)
        watchers = Watchers(self, "Watchers", deployment=deployment, topic=topic)
        watchers.watch_dead_letters(self.dead_letters, name="forwarding")
        watchers.watch_deliveries()

        CfnOutput(self, "DeadLetterQueueUrl", value=self.dead_letters.queue_url, description="Events not forwarded")
        CfnOutput(self, "EmailTopicArn", value=topic.topic_arn, description="Alarms of this region by e-mail")
        CfnOutput(
            self,
            "NextStep",
            value=f"Confirm the e-mail subscriptions of {region}: alarms about forwarding come from here",
            description="What is left to do",
        )

    def _role(self, deployment: Deployment, region: str) -> iam.Role:
        return iam.Role(
            self,
            "Role",
            # The hub bus of an organisation knows the forwarders of other accounts by this name.
            role_name=f"{deployment.name}-forwarding-{region}",
            description=f"Lets our rules in {region} put events on the hub bus in {deployment.home_region}",
            assumed_by=iam.ServicePrincipal(
                "events.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": deployment.account},
                    # A pattern, because a trust policy is too short to list every rule.
                    "ArnLike": {
                        "aws:SourceArn": f"arn:{deployment.partition}:events:{region}:{deployment.account}"
                        f":rule/{deployment.name}-*"
                    },
                },
            ),
            inline_policies={
                "PutEventsOnTheHub": iam.PolicyDocument(
                    statements=[iam.PolicyStatement(actions=["events:PutEvents"], resources=[deployment.hub_bus_arn])]
                )
            },
        )
