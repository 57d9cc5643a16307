"""What EventBridge Scheduler does for us: whom it acts as, what it asks for again and again, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.deployment import Deployment
from infra.python_function import PythonFunction

# Lambda's own retries are for crashes; what is not done yet comes back by other ways.
_RETRIES = 2
_EVENT_AGE_SECONDS = 21_600


def scheduler_role(
    scope: Construct,
    id: str,
    *,
    deployment: Deployment,
    description: str,
    group: str = "default",
    role_name: str | None = None,
) -> iam.Role:
    """What the Scheduler acts as, for the schedules of one group alone; it has no right yet."""
    place = f"arn:{deployment.partition}:scheduler:{deployment.home_region}:{deployment.account}"
    return iam.Role(
        scope,
        id,
        role_name=role_name,
        description=description,
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": deployment.account},
                # A schedule's own ARN may not stand here: its group's does (Scheduler user guide, "Confused deputy
                # prevention").
                "ArnEquals": {"aws:SourceArn": f"{place}:schedule-group/{group}"},
            },
        ),
    )


def let_call(role: iam.Role, function: PythonFunction, *, dead_letters_arn: str) -> None:
    """Let the Scheduler call `function`, and keep what could not be called."""
    role.add_to_policy(
        iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function.function_arn])
    )
    role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[dead_letters_arn]))


def keep_failed_calls(scope: Construct, id: str, function: PythonFunction, *, dead_letters_arn: str) -> None:
    """A call that crashes each time is kept in the dead letters."""
    lambda_.CfnEventInvokeConfig(
        scope,
        id,
        function_name=function.function.function_name,
        qualifier="$LATEST",
        maximum_retry_attempts=_RETRIES,
        maximum_event_age_in_seconds=_EVENT_AGE_SECONDS,
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
            on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=dead_letters_arn)
        ),
    ).node.add_dependency(function.role)
    function.allow(["sqs:SendMessage"], [dead_letters_arn])


def again_and_again(
    scope: Construct,
    id: str,
    *,
    name: str,
    description: str,
    expression: str,
    target_arn: str,
    role: iam.Role,
    work: Mapping[str, Any],
    dead_letters_arn: str,
    time_zone: str | None = None,
    group: str | None = None,
) -> None:
    """A schedule that hands `work` to its target each time."""
    schedule = scheduler.CfnSchedule(
        scope,
        id,
        name=name,
        group_name=group,
        description=description,
        schedule_expression=expression,
        schedule_expression_timezone=time_zone,
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=target_arn,
            role_arn=role.role_arn,
            input=Stack.of(scope).to_json_string(work),
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letters_arn),
        ),
    )
    schedule.node.add_dependency(role)


def put_message_again_and_again(
    scope: Construct,
    id: str,
    *,
    deployment: Deployment,
    queue: sqs.Queue,
    called: str,
    dead_letters: sqs.Queue,
    name: str,
    description: str,
    expression: str,
    message: Mapping[str, Any],
    time_zone: str | None = None,
) -> None:
    """A message of our own in a queue each time, put there by a role that can do nothing else.

    Args:
        id: what the role's and the schedule's ids begin with.
        called: what people call the queue.
        message: of SendMessage, without its QueueUrl.
    """
    role = scheduler_role(
        scope,
        f"{id}Role",
        deployment=deployment,
        description=f"Lets the schedule {name} put a message on the {called}",
    )
    queues = [queue.queue_arn, dead_letters.queue_arn]
    role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=queues))
    again_and_again(
        scope,
        f"{id}Schedule",
        name=name,
        description=description,
        expression=expression,
        time_zone=time_zone,
        # The target made for queues cannot set attributes, by which the function knows our own messages.
        target_arn=f"arn:{deployment.partition}:scheduler:::aws-sdk:sqs:sendMessage",
        role=role,
        work={"QueueUrl": queue.queue_url, **message},
        dead_letters_arn=dead_letters.queue_arn,
    )
