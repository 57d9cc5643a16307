"""The watchers: alarms that tell people by e-mail when alerting itself is in trouble."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.deployment import Deployment

# About what a person keeps in mind: each speaks of a part of its own. The first ten of an account are free of charge, a
# further one costs 0.10 USD a month.
MAXIMUM_ALARMS = 16

# How long events may wait, or be tried in vain, before people hear of it: several attempts have failed by then.
PATIENCE_MINUTES = 15


class EmailTopic(sns.Topic):
    """The topic behind the e-mails: alerts when they are severe, alarms always.

    It takes no KMS key. SNS keeps messages on encrypted disks anyway; alarms cannot publish under the AWS managed
    key, and a key of our own would add a monthly fee, and a way to silence the alarms by disabling it.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, region: str) -> None:
        """Make `{deployment.name}-email`, open to alarms of ours in `region`, with everyone in `deployment.email`."""
        super().__init__(
            scope,
            id,
            topic_name=f"{deployment.name}-email",
            display_name="Rootwatch" if deployment.name == "rootwatch" else f"Rootwatch {deployment.name}",
            enforce_ssl=True,
        )
        for address in deployment.email.addresses:
            self.add_subscription(subscriptions.EmailSubscription(address))
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfOurs",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": deployment.account},
                    "ArnLike": {
                        "aws:SourceArn": f"arn:{deployment.partition}:cloudwatch:{region}:{deployment.account}"
                        f":alarm:{deployment.name}-*"
                    },
                },
            )
        )


class Watchers(Construct):
    """The alarms of one region. They publish to the topic themselves: they must speak when the function cannot.

    Each states in its description what it means and what to do first.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, topic: sns.ITopic) -> None:
        super().__init__(scope, id)
        self._name = deployment.name
        self._action = actions.SnsAction(topic)
        self._count = 0

    def watch_dead_letters(self, queue: sqs.Queue, *, name: str) -> None:
        """Alarm as soon as one event lies in the dead-letter queue `queue`, called `name`: somebody was not told."""
        self._alarm(
            f"{name}-dead-letters",
            metric=queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum"),
            threshold=1,
            description=f"An event lies in the dead-letter queue {self._name}-{name}-dead-letters: an alert was not "
            "sent. It is kept for 14 days. Find and mend the reason, then redrive the queue.",
        )

    def watch_queue(
        self,
        queue: sqs.Queue,
        *,
        name: str,
        delay_seconds: int = 0,
        why: str = "Slack does not answer, or refuses our token",
    ) -> None:
        """Two alarms about `queue`, called `name`: its events are not taken, and they are taken in vain.

        `delay_seconds` is how long its events wait on purpose; `why` is what is most likely wrong where they are tried
        in vain.

        Both are needed: once an event has been received three times, SQS leaves it out of the age of the oldest
        message (SQS developer guide, "Available CloudWatch metrics"), and an event that waits for Slack has been.
        """
        self._alarm(
            f"{name}-waiting",
            metric=queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(1), statistic="Maximum"),
            threshold=60 * PATIENCE_MINUTES + delay_seconds,
            description=f"Events have waited in the queue {self._name}-{name} for "
            f"{PATIENCE_MINUTES + delay_seconds // 60} minutes: the "
            "function does not take them. Nothing is lost yet. See whether the function's trigger is enabled.",
        )
        self._alarm(
            f"{name}-retrying",
            metric=queue.metric_approximate_number_of_messages_not_visible(
                period=Duration.minutes(1), statistic="Minimum"
            ),
            threshold=1,
            periods=PATIENCE_MINUTES,
            description=f"Events of the queue {self._name}-{name} have been tried in vain for {PATIENCE_MINUTES} "
            f"minutes: {why}. Nothing is lost yet. The function's log has the reason.",
        )

    def watch_errors(self, function: lambda_.Function, *, name: str) -> None:
        """Alarm when `function`, called `name`, crashed or ran out of time."""
        self._alarm(
            f"{name}-errors",
            metric=function.metric_errors(period=Duration.minutes(5), statistic="Sum"),
            threshold=1,
            description=f"The function {self._name}-{name} crashed or ran out of time. Its events are tried again. "
            "Its log has the reason.",
        )

    def watch_throttles(self, function: lambda_.Function, *, name: str) -> None:
        """Alarm when `function`, called `name`, was not allowed to run: a concurrency of 0 is an off switch."""
        self._alarm(
            f"{name}-throttles",
            metric=function.metric_throttles(period=Duration.minutes(5), statistic="Sum"),
            threshold=1,
            description=f"The function {self._name}-{name} was kept from running: the account's concurrency is used "
            "up, or somebody set the function's to 0. Its events are tried again.",
        )

    def watch_deliveries(self) -> None:
        """Alarm when EventBridge lost an event of this region for good.

        A delivery that fails is retried for a day and then put in the dead-letter queue, whose own alarm tells of it.
        This alarm is for the event that could not even be put there. The metric exists per rule only, and a
        metric-math alarm holds ten metrics, so it is a query over the rules of the region, whoever owns them: such
        a loss is news to any of them. (EventBridge user guide, "Monitoring Amazon EventBridge".)
        """
        self._alarm(
            "lost-deliveries",
            metric=cloudwatch.MathExpression(
                expression='SELECT SUM(InvocationsFailedToBeSentToDlq) FROM "AWS/Events"',
                label="events lost",
                period=Duration.minutes(5),
                using_metrics={},
            ),
            threshold=1,
            description="EventBridge could deliver an event neither to its target nor to the rule's dead-letter "
            "queue: it is lost. Compare the policies of both queues with the template, then search the "
            "trail's records of the time for what was missed.",
        )

    def _alarm(
        self, name: str, *, metric: cloudwatch.IMetric, threshold: float, description: str, periods: int = 1
    ) -> None:
        """An alarm over so many periods of `metric` in a row."""
        self._count += 1
        if self._count > MAXIMUM_ALARMS:
            raise ValueError(f"alarm {name} would be the {self._count}th of the region; {MAXIMUM_ALARMS} is the limit")
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"{self._name}-{name}",
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=periods,
            # Queues and rules without traffic report nothing.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
