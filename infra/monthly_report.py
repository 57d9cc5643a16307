"""The monthly report: a function, the schedule that calls it, and rights that all read - but for the report itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from audit.tables import CLOUDTRAIL, TABLES
from handlers.settings import ReportSettings
from infra.accepted_findings import accept
from infra.alert_pipeline import BREAK_GLASS_FILE, QUIET_FILE, AlertPipeline, break_glass_files, quiet_files
from infra.audit_log import REPORTS, AuditLog
from infra.audit_queries import RESULTS
from infra.deployment import Deployment
from infra.python_function import CODE_AND_AUDIT, PythonFunction
from infra.schedules import again_and_again, keep_failed_calls, let_call, scheduler_role

TIMEOUT_SECONDS = 900  # Lambda's longest: a month's log files are read as far as that allows
_MEMORY_MB = 1769  # one whole processor (Lambda developer guide, "Configure memory"): it hashes a month of log files
_MOST_ACCOUNTS = 10

# None of these can be tied to a resource (Service Authorization Reference, each service).
NARROWS_TO_NOTHING = (
    "access-analyzer:ListAnalyzers",
    "cloudtrail:ListPublicKeys",
    "iam:GenerateCredentialReport",
    "iam:GetCredentialReport",
)


class MonthlyReport(Construct):
    """Calls one function on the first of each month, early in the morning of [display]'s time zone.

    What could not be made each time is kept in the pipeline's dead letters, which have their alarm.

    Attributes:
        report: the function.
        role: what the Scheduler acts as; it may call that function and nothing else.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: Deployment,
        pipeline: AlertPipeline,
        topic: sns.Topic,
        audit_log: AuditLog,
    ) -> None:
        """Make it for the alerts of `pipeline`; the report goes into `audit_log`, the news to Slack and `topic`."""
        super().__init__(scope, id)
        self._deployment = deployment
        self._arn = f"arn:{deployment.partition}"
        self._place = f"{deployment.home_region}:{deployment.account}"
        self._dead_letters_arn = pipeline.dead_letters.queue_arn
        self.report = self._function(pipeline, topic, audit_log)
        self._read_alerts(pipeline, topic)
        audit_log.grant_append(self.report, REPORTS)
        self._read_the_account()
        if deployment.audit.enabled:
            self._ask_questions()
        if deployment.trail_bucket_name:
            self._read_logs()
        self._accept_reading()
        self.role = self._schedule()

    def _function(self, pipeline: AlertPipeline, topic: sns.Topic, audit_log: AuditLog) -> PythonFunction:
        deployment, asks = self._deployment, self._deployment.audit.enabled
        known = pipeline.settings
        settings = ReportSettings(
            account=deployment.account,
            home_region=deployment.home_region,
            table_name=known.table_name,
            topic_arn=topic.topic_arn,
            slack_channel=known.slack_channel,
            slack_token_source=known.slack_token_source,
            slack_api_url=known.slack_api_url,
            audit_bucket=audit_log.bucket.bucket_name,
            deployment_name=deployment.name,
            time_zone=known.time_zone,
            language=known.language,
            environment=known.environment,
            account_names=known.account_names,
            retention_days=known.retention_days,
            regions=deployment.watched_regions,
            quiet_file=QUIET_FILE if deployment.quiet else "",
            break_glass_file=BREAK_GLASS_FILE if deployment.break_glass_rules else "",
            workgroup=deployment.audit_workgroup if asks else "",
            database=deployment.audit_database if asks else "",
            question_account="" if deployment.audited_accounts else deployment.account,
            log_bucket=deployment.trail_bucket_name or "",
            log_accounts=self._accounts,
            log_prefix=deployment.trail_log_prefix.partition("AWSLogs/")[0],
        )
        function = PythonFunction(
            self,
            "Report",
            deployment=deployment,
            name="monthly-report",
            handler="handlers.monthly_report.handler",
            description="Makes the monthly report, keeps it in the audit log, and says where it is",
            environment=settings.to_environment(),
            memory_mb=_MEMORY_MB,
            timeout_seconds=TIMEOUT_SECONDS,
            files={**quiet_files(deployment), **break_glass_files(deployment)},
            folders=CODE_AND_AUDIT,
        )
        keep_failed_calls(self, "Calls", function, dead_letters_arn=self._dead_letters_arn)
        return function

    def _read_alerts(self, pipeline: AlertPipeline, topic: sns.Topic) -> None:
        """Every alert with its history. It writes one kind of row: that this month's report is made."""
        table = pipeline.table.table_arn
        self.report.allow(["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"], [table])
        self.report.allow(
            ["dynamodb:UpdateItem"],
            [table],
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ERRAND#monthly-report *"]}},
        )
        self.report.allow(["sns:Publish"], [topic.topic_arn])
        pipeline.slack_token.grant_read(self.report)

    def _read_the_account(self) -> None:
        deployment = self._deployment
        self.report.allow(NARROWS_TO_NOTHING, ["*"])
        self.report.allow(
            [
                "config:DescribeComplianceByConfigRule",
                "config:DescribeConfigRules",
                "config:GetComplianceDetailsByConfigRule",
            ],
            [f"{self._arn}:config:{self._place}:config-rule/*"],
        )
        analyzers = [
            f"{self._arn}:access-analyzer:{region}:{deployment.account}:analyzer/*"
            for region in deployment.watched_regions
        ]
        # What ListFindingsV2 asks for, too (Access Analyzer API reference).
        self.report.allow(["access-analyzer:ListFindings"], analyzers)

    def _ask_questions(self) -> None:
        """In the auditors' workgroup: these tables, what lies below them, and Athena's own answers."""
        deployment = self._deployment
        catalog = f"{self._arn}:glue:{self._place}"
        tables = [f"{catalog}:table/{deployment.audit_database}/{name}" for name in TABLES]
        databases = [f"{catalog}:database/{name}" for name in (deployment.audit_database, "default")]
        self.report.allow(
            [
                "athena:GetQueryExecution",
                "athena:GetQueryResults",
                "athena:StartQueryExecution",
                "athena:StopQueryExecution",
            ],
            [f"{self._arn}:athena:{self._place}:workgroup/{deployment.audit_workgroup}"],
        )
        self.report.allow(
            ["glue:GetDatabase", "glue:GetTable", "glue:GetTables"], [f"{catalog}:catalog", *databases, *tables]
        )
        entries = [f"{name}/" for name in TABLES if name != CLOUDTRAIL.name]
        audit_log = f"{self._arn}:s3:::{deployment.audit_bucket_name}"
        self._read_objects(audit_log, entries)
        answers = f"{self._arn}:s3:::{deployment.audit_results_bucket_name}"
        self._read_objects(answers, [RESULTS])
        self.report.allow(
            ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"], [f"{answers}/{RESULTS}*"]
        )
        self.report.allow(["s3:GetBucketLocation"], [answers, audit_log])
        if deployment.trail.mode == "create" and deployment.trail.customer_key:
            self._use_key(deployment.audit_workgroup, ["kms:Decrypt", "kms:GenerateDataKey"])

    def _read_logs(self) -> None:
        """Log files and their digests, of the accounts that are asked about."""
        deployment = self._deployment
        logs = deployment.trail_log_prefix
        bucket = f"{self._arn}:s3:::{deployment.trail_bucket_name}"
        named = self._accounts
        # A role's policy holds 10,240 characters.
        accounts = named if 0 < len(named) <= _MOST_ACCOUNTS else ["*"]
        folders = [f"{logs}{account}/{kind}/" for account in accounts for kind in ("CloudTrail", "CloudTrail-Digest")]
        above = ["/".join(parts) + "/" for parts in _beginnings(logs)]
        self._read_objects(bucket, folders, [*above, *(f"{logs}{account}/" for account in accounts)])
        self.report.allow(["s3:GetBucketLocation"], [bucket])
        if deployment.trail.mode == "create" and deployment.trail.customer_key:
            self._use_key(f"{deployment.name}-trail", ["kms:Decrypt"])
        elif deployment.audit.log_key_arn:
            self.report.allow(
                ["kms:Decrypt"], [deployment.audit.log_key_arn], self._through_s3(deployment.audit.log_key_arn)
            )

    @property
    def _accounts(self) -> tuple[str, ...]:
        """Whose log files are looked at; none: of all that are in the bucket."""
        deployment = self._deployment
        if deployment.trail.organization_id:
            return ()
        return deployment.audited_accounts if deployment.audit.enabled else (deployment.account,)

    def _read_objects(self, bucket: str, folders: Sequence[str], above: Sequence[str] = ()) -> None:
        prefixes = [*above, *(f"{folder}*" for folder in folders)]
        self.report.allow(["s3:ListBucket"], [bucket], {"StringLike": {"s3:prefix": prefixes}})
        self.report.allow(["s3:GetObject"], [f"{bucket}/{folder}*" for folder in folders])

    def _use_key(self, alias: str, actions: Sequence[str]) -> None:
        """A key that another stack makes: its id is known there alone, its alias is fixed."""
        keys = f"{self._arn}:kms:{self._place}:key/*"
        condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{alias}"}, **self._through_s3(keys)}
        self.report.allow(actions, [keys], condition)

    def _through_s3(self, key: str) -> Mapping[str, Any]:
        domain = "amazonaws.com.cn" if self._deployment.partition == "aws-cn" else "amazonaws.com"
        return {"StringEquals": {"kms:ViaService": f"s3.{key.split(':')[3]}.{domain}"}}

    def _accept_reading(self) -> None:
        reasons = {
            "*": f"{', '.join(NARROWS_TO_NOTHING)}: they read, or have IAM make a report; AWS ties none to a resource.",
        }
        document = self.report.role.node.find_child("DefaultPolicy")
        assert isinstance(document, iam.Policy)  # noqa: S101 - what add_to_policy makes
        for statement in document.document.to_json()["Statement"]:
            resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            for resource in resources:
                if isinstance(resource, str) and "*" in resource and f"/{REPORTS}" not in resource:
                    accept(
                        self.report.role,
                        f"AwsSolutions-IAM5[Resource::{resource}]",
                        reasons.get(resource, _READS),
                    )

    def _schedule(self) -> iam.Role:
        deployment = self._deployment
        name = f"{deployment.name}-report"
        group = scheduler.CfnScheduleGroup(self, "Group", name=name)
        role = scheduler_role(
            self,
            "Role",
            deployment=deployment,
            description=f"Lets the schedule in {name} call its function",
            group=name,
            role_name=f"{name}-schedule",
        )
        let_call(role, self.report, dead_letters_arn=self._dead_letters_arn)
        again_and_again(
            self,
            "Monthly",
            name=f"{deployment.name}-monthly-report",
            group=group.ref,
            description="Asks for the report of the month that is over",
            # Late enough that the last digest of the month is there: it comes up to two hours after its hour.
            expression="cron(0 6 1 * ? *)",
            time_zone=deployment.display.time_zone,
            target_arn=self.report.function.function_arn,
            role=role,
            work={"at": "<aws.scheduler.scheduled-time>"},
            dead_letters_arn=self._dead_letters_arn,
        )
        return role


_READS = (
    "Objects, rules, analyzers and keys whose names only time or another stack tells; the report reads them, writes "
    "Athena's own answers, and changes nothing else."
)


def _beginnings(prefix: str) -> Sequence[Sequence[str]]:
    parts = prefix.rstrip("/").split("/")
    return [parts[: count + 1] for count in range(len(parts))]
