"""The alert pipeline: from the queue that events wait in, through the function, to the table, Slack and e-mail."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aws_cdk import Annotations, CfnResource, Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct, DependencyGroup, IDependable

from handlers.alerting.digest import DIGEST_ATTRIBUTE
from handlers.settings import AlertSettings
from infra.accepted_findings import accept
from infra.audit_log import FINDINGS, TRANSITIONS, AuditLog
from infra.deployment import ConfigurationError, Deployment, Problem
from infra.destinations import TELLING_FILE, Destinations, telling_files
from infra.detection_rules import RuleTarget
from infra.python_function import TIMEOUT_SECONDS, PythonFunction
from infra.schedules import put_message_again_and_again
from infra.stored_secret import StoredSecret

# In the morning, in the time zone of the deployment. Not on the hour: in Tokyo that is midnight UTC, when the last
# findings of the day may still be on their way.
DIGEST_TIME = "cron(15 9 * * ? *)"

RETENTION = Duration.days(14)  # the longest SQS keeps a message
MAXIMUM_MESSAGE_BYTES = 1_048_576  # as large as an event may be: a smaller limit would refuse it for good
MAXIMUM_QUEUE_POLICY_BYTES = 8_192  # SQS developer guide, "Amazon SQS policy quotas"

OUTAGE_SECONDS = 86_400  # how long Slack may be away before an event counts as undeliverable
MAXIMUM_RECEIVES = 1_000  # SQS takes no larger maxReceiveCount

# In the function's bundle.
QUIET_FILE = "configuration/quiet.json"
BREAK_GLASS_FILE = "configuration/break_glass.json"
COUNTRY_FILE = "configuration/country.mmdb"
NETWORK_FILE = "configuration/networks.mmdb"

# What AccountLookups asks IAM, by the kind of resource it asks about. All of it reads.
IAM_READS = {
    "user": (
        "iam:GetAccessKeyLastUsed",
        "iam:GetLoginProfile",
        "iam:GetUser",
        "iam:GetUserPolicy",
        "iam:ListAccessKeys",
        "iam:ListAttachedUserPolicies",
        "iam:ListGroupsForUser",
        "iam:ListMFADevices",
        "iam:ListUserPolicies",
    ),
    "role": ("iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"),
    "group": ("iam:GetGroup", "iam:GetGroupPolicy", "iam:ListAttachedGroupPolicies", "iam:ListGroupPolicies"),
    "policy": ("iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListEntitiesForPolicy"),
}

# What it asks Identity Center, where that is in use: which policies a permission set gives.
IDENTITY_CENTER_READS = ("sso:GetInlinePolicyForPermissionSet", "sso:ListManagedPoliciesInPermissionSet")

# Who an Identity Center user is: its records carry an id and no name.
IDENTITY_STORE_READS = ("identitystore:DescribeUser",)

# An account's name and the units above it, where the organisation is configured.
ORGANIZATION_READS = {
    "account": ("organizations:DescribeAccount", "organizations:ListParents"),
    "ou": ("organizations:DescribeOrganizationalUnit", "organizations:ListParents"),
}

# The second opinion, where it is switched on: both take the policy with the question, and touch nothing of the account.
POLICY_CHECKS = ("access-analyzer:CheckAccessNotGranted", "access-analyzer:CheckNoNewAccess")

# What it asks that AWS does not tie to a resource (Service Authorization Reference).
READS_WITHOUT_RESOURCE = ("cloudtrail:DescribeTrails",)


def receives_to_outlast(outage_seconds: int, *, base_seconds: int, cap_seconds: int) -> int:
    """How often a message is received in an outage of that length, the first attempt after it included.

    The wait before the next receive begins at `base_seconds` and doubles up to `cap_seconds`.
    """
    receives, waited, wait = 1, 0, base_seconds
    while waited < outage_seconds:
        waited += min(wait, cap_seconds)
        wait = min(2 * wait, cap_seconds)
        receives += 1
    return receives


def maximum_receives(*, base_seconds: int, cap_seconds: int) -> int:
    """The queue's maxReceiveCount: what a day's outage needs, and a quarter more.

    The quarter is for receives that a crash spends: it comes again after the visibility timeout, without a longer
    wait. A message beyond the count goes to the dead-letter queue. SQS's own limit caps it.
    """
    needed = receives_to_outlast(OUTAGE_SECONDS, base_seconds=base_seconds, cap_seconds=cap_seconds)
    return min(needed + (needed + 3) // 4, MAXIMUM_RECEIVES)


class AlertPipeline(Construct):
    """Events wait in a queue for the function that turns them into alerts; other regions reach it over the hub bus.

    Attributes:
        queue: where rules deliver events.
        dead_letters: what could not be delivered or turned into an alert, for 14 days.
        hub: the bus that the forwarding stacks deliver to.
        table: alerts, findings and what was told to whom.
        slack_token: the bot token's place.
        destinations: further topics and secrets.
        settings: what every function that tells people of alerts knows.
        alert_settings: what raise_alert knows, and whoever does its work.
        raise_alert: the function.
        target: what the rules of the home region aim at.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: Deployment,
        topic: sns.Topic,
        audit_log: AuditLog,
    ) -> None:
        """Make the pipeline; alerts that are severe enough are also published to `topic`.

        Findings, and what they make of an alert by closing or reopening it, are kept in `audit_log` too.
        """
        super().__init__(scope, id)
        self._deployment = deployment
        self.dead_letters = event_queue(self, "DeadLetters", name=f"{deployment.name}-events-dead-letters")
        self.queue = self._events_queue()
        self.target = RuleTarget(arn=self.queue.queue_arn, dead_letter_arn=self.dead_letters.queue_arn)
        self.hub = events.CfnEventBus(
            self, "Hub", name=deployment.hub_bus_name, description="Events that other regions forward"
        )
        self._hub_rule, self._hub_rule_arn = self._make_hub_rule()
        self._admit_the_organization()
        self.table = self._alert_table()
        self.slack_token = StoredSecret(
            self,
            "SlackToken",
            deployment=deployment,
            name=deployment.slack_token_name,
            description="The bot token Rootwatch posts to Slack with",
            store=deployment.slack.token_store,
        )
        self.destinations = Destinations(self, "Destinations", deployment=deployment)
        self.settings = self._settings(topic, audit_log)
        self.alert_settings = self._alert_settings()
        self.raise_alert = self._function(topic)
        for prefix in (FINDINGS, TRANSITIONS):
            audit_log.grant_append(self.raise_alert, prefix)
        if deployment.deployers:
            self._ask_for_the_digest()

    def accept_events_from(self, rule_arns: Sequence[str]) -> IDependable:
        """Open both queues to exactly these rules and the hub's.

        Returns what the rules have to wait for: EventBridge does not retry a delivery that a policy refuses.
        Raises ConfigurationError when the policy would be longer than SQS takes.
        """
        allowed = [*rule_arns, self._hub_rule_arn]
        policies = DependencyGroup(*(admit_rules(queue, allowed) for queue in (self.queue, self.dead_letters)))
        self._hub_rule.node.add_dependency(policies)
        return policies

    def _events_queue(self) -> sqs.Queue:
        advanced = self._deployment.advanced
        receives = maximum_receives(base_seconds=advanced.retry_base_seconds, cap_seconds=advanced.retry_cap_seconds)
        queue = event_queue(
            self,
            "Events",
            name=f"{self._deployment.name}-events",
            # AWS advises six times the function's timeout (Lambda developer guide, "Using Lambda with Amazon SQS").
            visibility_timeout=Duration.seconds(6 * TIMEOUT_SECONDS),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=receives),
        )
        if receives == MAXIMUM_RECEIVES:
            Annotations.of(queue).add_warning_v2(
                "rootwatch:retry-budget",
                f"advanced.retry_cap_seconds = {advanced.retry_cap_seconds} uses up the {MAXIMUM_RECEIVES} attempts "
                f"SQS allows before Slack has been away for {OUTAGE_SECONDS // 3600} hours: events then go to the "
                "dead-letter queue.",
            )
        return queue

    def _make_hub_rule(self) -> tuple[events.CfnRule, str]:
        deployment = self._deployment
        # Only AWS may use sources that begin with "aws.", so nothing that anybody forges passes this rule.
        pattern: dict[str, Any] = {"source": [{"prefix": "aws."}]}
        if not deployment.trail.organization_id:
            pattern["account"] = [deployment.account]
        name = f"{deployment.name}-from-other-regions"
        rule = events.CfnRule(
            self,
            "HubRule",
            name=name,
            description="What other regions forward goes to the events queue",
            event_bus_name=self.hub.ref,
            event_pattern=pattern,
            state="ENABLED",
            targets=[self.target.as_properties()],
        )
        return rule, (
            f"arn:{deployment.partition}:events:{deployment.home_region}:{deployment.account}"
            f":rule/{deployment.hub_bus_name}/{name}"
        )

    def _admit_the_organization(self) -> None:
        # In our own account the forwarding role's policy is enough. Other accounts need the bus's consent: members of
        # the organisation, and of them only the roles that our forwarding stacks create.
        deployment = self._deployment
        if not deployment.trail.organization_id:
            return
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "events:PutEvents",
            "Resource": self.hub.attr_arn,
            "Condition": {
                "StringEquals": {"aws:PrincipalOrgID": deployment.trail.organization_id},
                "ArnLike": {
                    "aws:PrincipalArn": f"arn:{deployment.partition}:iam::*:role/{deployment.name}-forwarding-*"
                },
            },
        }
        # events.CfnEventBusPolicy warns of a deprecated property even where it is not used.
        CfnResource(
            self,
            "HubPolicy",
            type="AWS::Events::EventBusPolicy",
            properties={
                "EventBusName": self.hub.ref,
                "StatementId": "ForwardersOfTheOrganization",
                "Statement": statement,
            },
        )

    def _alert_table(self) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            "Alerts",
            # The name is fixed so that a second deployment finds the record of the first, instead of beginning anew.
            table_name=f"{self._deployment.name}-alerts",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _settings(self, topic: sns.Topic, audit_log: AuditLog) -> AlertSettings:
        """What every function that tells people of alerts knows."""
        deployment = self._deployment
        return AlertSettings(
            account=deployment.account,
            deployment_name=deployment.name,
            table_name=self.table.table_name,
            queue_url=self.queue.queue_url,
            topic_arn=topic.topic_arn,
            slack_channel=deployment.slack.channel,
            slack_token_source=self.slack_token.source,
            slack_minimum_severity=deployment.slack.minimum_severity,
            email_minimum_severity=deployment.email.minimum_severity,
            time_zone=deployment.display.time_zone,
            language=deployment.display.language,
            runbook_url=deployment.display.runbook_url,
            environment="" if deployment.name == "rootwatch" else deployment.name,
            account_names=deployment.accounts,
            retention_days=deployment.alerts.retention_days,
            retry_base_seconds=deployment.advanced.retry_base_seconds,
            retry_cap_seconds=deployment.advanced.retry_cap_seconds,
            refresh_seconds=deployment.advanced.refresh_seconds,
            reacts=deployment.react.enabled,
            audit_bucket=audit_log.bucket.bucket_name,
            telling_file=TELLING_FILE if telling_files(deployment) else "",
            alarms=deployment.alarm_settings if deployment.needs_alarms else {},
            regions=deployment.watched_regions,
            log_bucket=(deployment.trail_bucket_name or "") if deployment.sessions.read_log_bucket else "",
            log_prefix=deployment.trail_log_prefix if deployment.sessions.read_log_bucket else "",
            slack_api_url=deployment.advanced.slack_api_url or AlertSettings.slack_api_url,
        )

    def grant_telling(self, function: PythonFunction, topic: sns.Topic) -> None:
        """Let `function` read and write alerts, and tell everybody of them."""
        # Transactions need no right of their own. Nothing is ever deleted, other than by its time to live.
        function.allow(
            ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"], [self.table.table_arn]
        )
        function.allow(["sns:Publish"], [topic.topic_arn])
        self.slack_token.grant_read(function)
        self.destinations.grant_telling(function)

    def _alert_settings(self) -> AlertSettings:
        deployment = self._deployment
        return dataclasses.replace(
            self.settings,
            country_file=COUNTRY_FILE if deployment.context.mmdb_country else "",
            network_file=NETWORK_FILE if deployment.context.mmdb_asn else "",
            organization_id=deployment.trail.organization_id or "",
            working_hours=str(deployment.working_hours or ""),
            access_analyzer_checks=deployment.context.access_analyzer_checks,
            identity_center_region=deployment.identity_center.home_region or "",
            packs=deployment.enabled_packs,
            quiet_file=QUIET_FILE if deployment.quiet else "",
            break_glass_file=BREAK_GLASS_FILE if deployment.break_glass_rules else "",
            sweeps=deployment.sweep_source != "off",
        )

    def _function(self, topic: sns.Topic) -> PythonFunction:
        deployment = self._deployment
        function = PythonFunction(
            self,
            "RaiseAlert",
            deployment=deployment,
            name="raise-alert",
            handler="handlers.raise_alert.handler",
            description="Turns events into alerts: records them, and tells Slack and e-mail",
            environment=self.alert_settings.to_environment(),
            memory_mb=512,
            # In its code rather than in a table or a parameter: docs/decisions/0004.
            files=self.files,
        )
        function.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=10,
                max_concurrency=2,  # the least there is: Slack takes one message a second
                report_batch_item_failures=True,
            )
        )
        # One more than consuming needs: a reminder to bring a message in Slack up to date goes through the queue.
        function.allow(["sqs:SendMessage"], [self.queue.queue_arn])
        self.grant_telling(function, topic)
        self.grant_looking_up(function)
        return function

    def _ask_for_the_digest(self) -> None:
        """Every morning a message in the queue asks for the digest of the day before."""
        deployment = self._deployment
        put_message_again_and_again(
            self,
            "Digest",
            deployment=deployment,
            queue=self.queue,
            called="events queue",
            dead_letters=self.dead_letters,
            name=f"{deployment.name}-daily-digest",
            description="Asks for the digest of what declared deployers did the day before (UTC)",
            expression=DIGEST_TIME,
            time_zone=deployment.display.time_zone,
            message={
                "MessageBody": "<aws.scheduler.scheduled-time>",  # which the Scheduler fills in
                "MessageAttributes": {DIGEST_ATTRIBUTE: {"DataType": "String", "StringValue": "daily"}},
            },
        )

    @property
    def files(self) -> dict[str, bytes]:
        """What raise_alert, and whoever does its work, carries of the configuration, by its path in the bundle."""
        deployment = self._deployment
        files = telling_files(deployment)
        files |= quiet_files(deployment) | break_glass_files(deployment)
        for name, path in (
            (COUNTRY_FILE, deployment.context.mmdb_country),
            (NETWORK_FILE, deployment.context.mmdb_asn),
        ):
            if path:
                files[name] = Path(path).read_bytes()
        return files

    def grant_looking_up(self, function: PythonFunction) -> None:
        """Let `function` ask about whom an event names: all of it reads."""
        deployment = self._deployment
        wide = []
        for kind, reads in IAM_READS.items():
            resources = [f"arn:{deployment.partition}:iam::{deployment.account}:{kind}/*"]
            if kind == "policy":
                resources.append(f"arn:{deployment.partition}:iam::aws:policy/*")
            function.allow(reads, resources)
            wide += resources
        if deployment.identity_center.home_region:
            resources = [f"arn:{deployment.partition}:sso:::{kind}" for kind in ("instance/*", "permissionSet/*/*")]
            function.allow(IDENTITY_CENTER_READS, resources)
            wide += resources
            store = f"arn:{deployment.partition}:identitystore"
            resources = [f"{store}::{deployment.account}:identitystore/*", f"{store}:::user/*"]
            function.allow(IDENTITY_STORE_READS, resources)
            wide += resources
        if organization := deployment.trail.organization_id:
            # The ARN has the management account's id, which need not be ours; the organisation's id is exact.
            for kind, reads in ORGANIZATION_READS.items():
                resources = [f"arn:{deployment.partition}:organizations::*:{kind}/{organization}/*"]
                function.allow(reads, resources)
                wide += resources
        without_resource: tuple[str, ...] = READS_WITHOUT_RESOURCE
        if deployment.context.access_analyzer_checks:
            without_resource += POLICY_CHECKS
        function.allow(without_resource, ["*"])
        for resource in wide:
            accept(
                function.role,
                f"AwsSolutions-IAM5[Resource::{resource}]",
                "Reading about whom an event names: who that will be is not known beforehand.",
            )
        accept(
            function.role,
            "AwsSolutions-IAM5[Resource::*]",
            f"{', '.join(without_resource)}: only reads, and AWS does not let it be tied to a resource.",
        )


def quiet_files(deployment: Deployment) -> dict[str, bytes]:
    """What functions that know what is declared to be quiet carry; nothing where nothing is."""
    return {QUIET_FILE: deployment.quiet.to_json().encode()} if deployment.quiet else {}


def break_glass_files(deployment: Deployment) -> dict[str, bytes]:
    """What functions that know of break-glass windows carry; nothing where there are none."""
    rules = deployment.break_glass_rules
    return {} if rules is None else {BREAK_GLASS_FILE: rules.to_json().encode()}


def event_queue(
    scope: Construct,
    id: str,
    *,
    name: str,
    visibility_timeout: Duration | None = None,
    delivery_delay: Duration | None = None,
    dead_letter_queue: sqs.DeadLetterQueue | None = None,
) -> sqs.Queue:
    """A queue as all of ours are: encrypted, over TLS only, keeping messages for as long as SQS can."""
    return sqs.Queue(
        scope,
        id,
        queue_name=name,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=RETENTION,
        max_message_size_bytes=MAXIMUM_MESSAGE_BYTES,
        visibility_timeout=visibility_timeout,
        delivery_delay=delivery_delay,
        dead_letter_queue=dead_letter_queue,
    )


def admit_rules(queue: sqs.Queue, rule_arns: Sequence[str]) -> IDependable:
    """Let exactly these EventBridge rules send to `queue`.

    Returns the policy, which the rules have to wait for.
    Raises ConfigurationError when the policy would be longer than SQS takes.
    """
    length = len(json.dumps(list(rule_arns))) + 1_000  # the rest of both statements, generously
    if length > MAXIMUM_QUEUE_POLICY_BYTES:
        raise ConfigurationError(
            "handlers/detections/__init__.py",
            [
                Problem(
                    key="CATALOGUE",
                    line=None,
                    cause=f"naming the {len(rule_arns)} rules that may send to the queue takes {length:,} bytes; "
                    f"SQS takes {MAXIMUM_QUEUE_POLICY_BYTES:,}.",
                    remedy="shorten the detections' ids or deployment.name, or merge detections.",
                )
            ],
        )
    added = queue.add_to_resource_policy(
        iam.PolicyStatement(
            sid="RulesOfOurs",
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": list(rule_arns)}},
        )
    )
    if not added.policy_dependable:
        raise TypeError(f"{queue.node.path} is not a queue of this stack")
    return added.policy_dependable
