"""The canary's way: the rule by which a harmless event of our own reaches the events queue, as every event does."""

from __future__ import annotations

from aws_cdk import aws_events as events
from constructs import Construct

from handlers.alerting import canary
from infra.deployment import Deployment
from infra.detection_rules import RuleTarget
from infra.python_function import PythonFunction


class CanaryRule(Construct):
    """A rule on the default bus for the canary of this account.

    Attributes:
        arn: for the policy of the queue.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, target: RuleTarget) -> None:
        super().__init__(scope, id)
        name = f"{deployment.name}-canary"
        place = f"{deployment.home_region}:{deployment.account}"
        self.arn = f"arn:{deployment.partition}:events:{place}:rule/{name}"
        self._bus = f"arn:{deployment.partition}:events:{place}:event-bus/default"
        events.CfnRule(
            self,
            "Rule",
            name=name,
            description="The canary: an event of our own, by which it is known that events come through",
            event_pattern={"source": [canary.SOURCE], "account": [deployment.account]},
            state="ENABLED",
            targets=[target.as_properties()],
        )

    def grant_release(self, function: PythonFunction) -> None:
        """Let `function` put canaries on the bus, and nothing that could pass for something else."""
        function.allow(["events:PutEvents"], [self._bus], {"StringEquals": {"events:source": canary.SOURCE}})
