"""What happens at a time of its own: alarms, who may set them, the function they call, and the daily line."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from handlers.alerting import all_is_well, canary
from infra.accepted_findings import accept
from infra.alert_pipeline import AlertPipeline, break_glass_files
from infra.deployment import Deployment
from infra.destinations import telling_files
from infra.python_function import PythonFunction
from infra.schedules import again_and_again, keep_failed_calls, let_call, scheduler_role
from infra.session_reads import grant_session_reads


class FollowUp(Construct):
    """A schedule group of our own, whose one-off schedules call one function.

    What could not be called, or crashed each time, is kept in the pipeline's dead letters, which have their alarm.

    Attributes:
        group: the schedule group.
        role: what the Scheduler acts as; it may call that function and nothing else.
        follow_up: the function.
    """

    def __init__(
        self, scope: Construct, id: str, *, deployment: Deployment, pipeline: AlertPipeline, topic: sns.Topic
    ) -> None:
        """Make it for the alerts of `pipeline`, whose function may set alarms from now on."""
        super().__init__(scope, id)
        self._deployment = deployment
        self._names = deployment.alarm_settings
        self._dead_letters_arn = pipeline.dead_letters.queue_arn
        self.group = scheduler.CfnScheduleGroup(self, "Alarms", name=deployment.alarm_group)
        self.follow_up = self._function(pipeline, topic)
        self.role = self._role()
        self.grant_alarms(self.follow_up)
        self.grant_alarms(pipeline.raise_alert)
        if deployment.reminders.daily_line:
            self._ask_for_the_daily_line()
            self._send_canaries()

    def grant_call(self, function: PythonFunction) -> None:
        """Let `function` hand work over at once."""
        function.allow(["lambda:InvokeFunction"], [self.follow_up.function.function_arn])

    def grant_alarms(self, function: PythonFunction) -> None:
        """Let `function` set and take back alarms: in this group, and with this role handed to the Scheduler alone."""
        deployment = self._deployment
        alarms = (
            f"arn:{deployment.partition}:scheduler:{deployment.home_region}:{deployment.account}"
            f":schedule/{deployment.alarm_group}/*"
        )
        function.allow(["scheduler:CreateSchedule", "scheduler:DeleteSchedule"], [alarms])
        function.allow(
            ["iam:PassRole"],
            [self._names["role"]],
            {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
        )
        accept(
            function.role,
            f"AwsSolutions-IAM5[Resource::{alarms}]",
            "Each alarm is a schedule with a name of its own, in a group that holds nothing else.",
        )

    def _function(self, pipeline: AlertPipeline, topic: sns.Topic) -> PythonFunction:
        deployment = self._deployment
        function = PythonFunction(
            self,
            "FollowUp",
            deployment=deployment,
            name="follow-up",
            handler="handlers.follow_up.handler",
            description="Does what alarms ask for: reminders, what was done in sessions, and the daily line",
            environment=pipeline.settings.to_environment(),
            files={**telling_files(deployment), **break_glass_files(deployment)},
            memory_mb=512,  # ten thousand records of a session, and a picture of them
        )
        pipeline.grant_telling(function, topic)
        grant_session_reads(function, deployment)
        keep_failed_calls(self, "Invoking", function, dead_letters_arn=self._dead_letters_arn)
        if deployment.break_glass.enabled:  # what a window was used for is told through the events queue
            function.allow(["sqs:SendMessage"], [pipeline.queue.queue_arn])
        if deployment.reminders.daily_line:
            # With a prefix of names CloudWatch wants the right to all; it reads states, and no data.
            alarms = f"arn:{deployment.partition}:cloudwatch:{deployment.home_region}:{deployment.account}:alarm:*"
            function.allow(["cloudwatch:DescribeAlarms"], [alarms])
            accept(
                function.role,
                f"AwsSolutions-IAM5[Resource::{alarms}]",
                "The daily line tells the states of our alarms, which are asked for by the beginning of their names.",
            )
        return function

    def _role(self) -> iam.Role:
        deployment = self._deployment
        role = scheduler_role(
            self,
            "Role",
            deployment=deployment,
            description=f"Lets the alarms in {deployment.alarm_group} call their function",
            group=deployment.alarm_group,
            role_name=self._names["role"].rpartition("/")[2],
        )
        let_call(role, self.follow_up, dead_letters_arn=self._dead_letters_arn)
        return role

    def _ask_for_the_daily_line(self) -> None:
        deployment = self._deployment
        hours = deployment.hours_of_work
        days = ",".join(day.upper() for day in hours.days)
        self._schedule(
            "DailyLine",
            name=f"{deployment.name}-daily-line",
            description="Asks for the daily line at the beginning of each working day",
            expression=f"cron({hours.starts:%M} {hours.starts:%H} ? * {days} *)",
            time_zone=deployment.display.time_zone,
            # The time is filled in by the Scheduler.
            work={"kind": all_is_well.KIND, "at": "<aws.scheduler.scheduled-time>"},
        )

    def _send_canaries(self) -> None:
        hours = int(canary.EVERY.total_seconds()) // 3600
        self._schedule(
            "Canary",
            name=f"{self._deployment.name}-canary",
            description="Sends the canary, and tells by mail where the one before has not come through",
            expression=f"rate({hours} hour{'' if hours == 1 else 's'})",
            time_zone="UTC",
            work={"kind": canary.KIND},
        )

    def _schedule(
        self, id: str, *, name: str, description: str, expression: str, time_zone: str, work: Mapping[str, str]
    ) -> None:
        """A schedule that calls the function again and again."""
        again_and_again(
            self,
            id,
            name=name,
            group=self.group.ref,
            description=description,
            expression=expression,
            time_zone=time_zone,
            target_arn=self.follow_up.function.function_arn,
            role=self.role,
            work=work,
            dead_letters_arn=self._dead_letters_arn,
        )
