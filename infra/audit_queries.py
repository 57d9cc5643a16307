"""Auditors' questions in Athena: a workgroup, tables over the records, saved queries, and the role that asks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from audit.questions import all_questions
from audit.saved import DESCRIPTION_LENGTH, saved_query
from audit.tables import CLOUDTRAIL, TABLES, Table, athena_type
from infra.accepted_findings import accept
from infra.audit_trail import AuditTrail
from infra.deployment import Deployment

ENGINE = "Athena engine version 3"
RESULTS = "answers/"
GB = 1_000_000_000
# How far back Athena looks for a trail that was there before us, which may be older than what we keep.
_OLDEST_DAYS = 3650
_MAXIMUM_FOLDERS = 10

_JSON_SERDE = "org.apache.hive.hcatalog.data.JsonSerDe"
_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
# Athena user guide, "Create a table for CloudTrail logs in Athena using partition projection" and "Hive JSON SerDe".
_INPUT: Mapping[str, str] = {
    "records": "com.amazon.emr.cloudtrail.CloudTrailInputFormat",
    "entry": "org.apache.hadoop.mapred.TextInputFormat",
}
# Service authorization reference, "Actions, resources, and condition keys for Amazon Athena".
_ASK = (
    *("StartQueryExecution", "StopQueryExecution", "GetQueryExecution", "BatchGetQueryExecution", "GetQueryResults"),
    *("GetQueryResultsStream", "GetQueryRuntimeStatistics", "ListQueryExecutions", "GetWorkGroup"),
    *("ListNamedQueries", "GetNamedQuery", "BatchGetNamedQuery"),
)
_LOOK_INTO_CATALOG = ("GetDataCatalog", "ListDatabases", "GetDatabase", "ListTableMetadata", "GetTableMetadata")


class AuditQueries(Construct):
    """What auditors ask, where they ask it, and who may.

    Attributes:
        results: the bucket of Athena's answers.
        role: what auditors take; None where `audit.auditors` names nobody.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, audit_trail: AuditTrail) -> None:
        """Make them for the logs of `audit_trail` and for the audit log, which another stack creates."""
        super().__init__(scope, id)
        self._deployment = deployment
        self._arn = f"arn:{deployment.partition}"
        self._place = f"{deployment.home_region}:{deployment.account}"
        assert deployment.trail_bucket_name is not None  # noqa: S101 - Deployment has checked it
        self._log_bucket = deployment.trail_bucket_name
        # Whoever has the records under a key of their own gets the answers, which quote them, under one as well.
        self._results_key = self._key() if audit_trail.key else None
        self.results = self._results_bucket()
        workgroup = self._workgroup()
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=deployment.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=deployment.audit_database,
                description="What CloudTrail recorded, what Rootwatch found, and what people decided",
            ),
        )
        for table in TABLES.values():
            self._table(table).add_resource_dependency(database)
        self._save_queries(workgroup)
        self.role = self._auditor(audit_trail) if deployment.audit.auditors else None

    def _key(self) -> kms.Key:
        return kms.Key(
            self,
            "Key",
            alias=f"alias/{self._deployment.audit_workgroup}",
            description=f"Encrypts the answers to auditors' questions of {self._deployment.name}.",
            enable_key_rotation=True,
            pending_window=Duration.days(7),
            removal_policy=RemovalPolicy.DESTROY,  # an answer can be asked for again
        )

    def _results_bucket(self) -> s3.Bucket:
        days = Duration.days(self._deployment.audit.results_days)
        bucket = s3.Bucket(
            self,
            "Results",
            bucket_name=self._deployment.audit_results_bucket_name,
            encryption=s3.BucketEncryption.KMS if self._results_key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self._results_key,
            bucket_key_enabled=True if self._results_key else None,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="answers-are-short-lived",
                    expiration=days,
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=RemovalPolicy.DESTROY,
        )
        accept(
            bucket,
            "AwsSolutions-S1",
            "Copies of what is kept elsewhere, which expire within days; who asked what is in CloudTrail and in "
            "Athena's own history.",
        )
        return bucket

    def _workgroup(self) -> athena.CfnWorkGroup:
        deployment = self._deployment
        encryption = (
            athena.CfnWorkGroup.EncryptionConfigurationProperty(
                encryption_option="SSE_KMS", kms_key=self._results_key.key_arn
            )
            if self._results_key
            else athena.CfnWorkGroup.EncryptionConfigurationProperty(encryption_option="SSE_S3")
        )
        workgroup = athena.CfnWorkGroup(
            self,
            "WorkGroup",
            name=deployment.audit_workgroup,
            description="Auditors' questions: answers are encrypted, and a scan has a limit",
            state="ENABLED",
            recursive_delete_option=True,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                # A client's own settings for the place and encryption of answers count for nothing.
                enforce_work_group_configuration=True,
                bytes_scanned_cutoff_per_query=deployment.audit.scan_limit_gb * GB,
                publish_cloud_watch_metrics_enabled=True,
                requester_pays_enabled=False,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(selected_engine_version=ENGINE),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{deployment.audit_results_bucket_name}/{RESULTS}",
                    encryption_configuration=encryption,
                    expected_bucket_owner=deployment.account,
                ),
            ),
        )
        workgroup.node.add_dependency(self.results)
        return workgroup

    def _table(self, table: Table) -> glue.CfnTable:
        location = f"s3://{self._bucket_of(table)}/"
        return glue.CfnTable(
            self,
            f"Table{table.name.title()}",
            catalog_id=self._deployment.account,
            database_name=self._deployment.audit_database,
            table_input=glue.CfnTable.TableInputProperty(
                name=table.name,
                description=table.comment,
                table_type="EXTERNAL_TABLE",
                parameters=self._parameters(table),
                partition_keys=[
                    glue.CfnTable.ColumnProperty(name=item.name, type="string", comment=item.comment)
                    for item in table.partitions
                ],
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    columns=[
                        glue.CfnTable.ColumnProperty(
                            name=column.name, type=athena_type(column.type), comment=column.comment or None
                        )
                        for column in table.columns
                    ],
                    location=location + self._prefix(table).partition("${")[0],
                    input_format=_INPUT[table.layout],
                    output_format=_OUTPUT,
                    serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library=_JSON_SERDE),
                ),
            ),
        )

    def _bucket_of(self, table: Table) -> str:
        return self._log_bucket if table is CLOUDTRAIL else self._deployment.audit_bucket_name

    def _prefix(self, table: Table) -> str:
        """Where a partition lies below the bucket, in Athena's notation: "AWSLogs/${account}/CloudTrail/..."."""
        organization = self._deployment.trail.organization_id
        (template,) = [
            item for item in table.prefixes if ("{organization}" in item) == bool(organization)
        ] or table.prefixes
        if organization:
            template = template.replace("{organization}", organization)
        before = self._deployment.trail_log_prefix.partition("AWSLogs/")[0] if table is CLOUDTRAIL else ""
        return before + template.replace("{", "${")

    def _parameters(self, table: Table) -> dict[str, str]:
        deployment = self._deployment
        oldest = deployment.trail.retention_days
        if deployment.trail.mode == "existing":
            oldest = max(oldest, _OLDEST_DAYS)
        found = {
            "EXTERNAL": "TRUE",
            "classification": "cloudtrail" if table is CLOUDTRAIL else "json",
            "projection.enabled": "true",
            "projection.day.type": "date",
            "projection.day.format": "yyyy/MM/dd",
            # A day more than we keep on either side: the clocks of those who wrote and of those who ask may differ.
            "projection.day.range": f"NOW-{oldest + 1}DAYS,NOW+1DAYS",
            "projection.day.interval": "1",
            "projection.day.interval.unit": "DAYS",
            "storage.location.template": f"s3://{self._bucket_of(table)}/{self._prefix(table)}",
        }
        if "region" in table.partition_names:
            found |= {
                "projection.region.type": "enum",
                "projection.region.values": ",".join(deployment.audited_regions),
            }
        if "account" in table.partition_names:
            accounts = deployment.audited_accounts
            found |= (
                {"projection.account.type": "enum", "projection.account.values": ",".join(accounts)}
                if accounts
                else {"projection.account.type": "injected"}
            )
        return found

    def _save_queries(self, workgroup: athena.CfnWorkGroup) -> None:
        named = "" if self._deployment.audited_accounts else self._deployment.account
        for item in all_questions():
            athena.CfnNamedQuery(
                self,
                "Query" + "".join(part.title() for part in item.name.split("_")),
                name=item.title(),
                description=item.answers()[:DESCRIPTION_LENGTH],
                database=self._deployment.audit_database,
                query_string=saved_query(item, account=named),
                work_group=workgroup.ref,
            )

    def _auditor(self, audit_trail: AuditTrail) -> iam.Role:
        deployment = self._deployment
        statements = [
            *self._asking(),
            *self._reading_logs(audit_trail),
            *self._reading_the_audit_log(),
            *self._answers(),
        ]
        role = iam.Role(
            self,
            "Auditor",
            role_name=deployment.auditor_role_name,
            description="Asks the auditors' questions and reads the records behind them; changes nothing",
            assumed_by=_whoever_is(deployment.audit.auditors),
            inline_policies={"questions": iam.PolicyDocument(statements=statements)},
        )
        reads = (
            "An auditor reads every record, and records are objects below these prefixes whose names only time tells; "
            "nothing here changes or removes one."
        )
        for statement in statements:
            for resource in statement.resources:
                if resource.endswith("/*") or resource == "*":
                    accept(role, f"AwsSolutions-IAM5[Resource::{resource}]", _REASONS.get(resource, reads))
        return role

    def _asking(self) -> list[iam.PolicyStatement]:
        deployment = self._deployment
        catalog = f"{self._arn}:glue:{self._place}"
        database = f"{catalog}:database/{deployment.audit_database}"
        tables = [f"{catalog}:table/{deployment.audit_database}/{name}" for name in TABLES]
        return [
            _allow(
                "AskInThisWorkgroup",
                [f"athena:{action}" for action in _ASK],
                [f"{self._arn}:athena:{self._place}:workgroup/{deployment.audit_workgroup}"],
            ),
            _allow(
                "SeeTheTablesInTheConsole",
                [f"athena:{action}" for action in _LOOK_INTO_CATALOG],
                [f"{self._arn}:athena:{self._place}:datacatalog/AwsDataCatalog"],
            ),
            # Athena looks at the database "default" as well, whichever one is asked (Athena user guide, "Configure
            # access to databases and tables in the AWS Glue Data Catalog").
            _allow(
                "ReadDatabase",
                ["glue:GetDatabase", "glue:GetDatabases"],
                [f"{catalog}:catalog", database, f"{catalog}:database/default"],
            ),
            _allow("ReadTables", ["glue:GetTable", "glue:GetTables"], [f"{catalog}:catalog", database, *tables]),
            # These know no narrower resource: names of workgroups and catalogs, and CloudTrail's public keys, with
            # which anybody can check that its log files are whole.
            _allow(
                "ListNamesAndPublicKeys",
                ["athena:ListWorkGroups", "athena:ListDataCatalogs", "cloudtrail:ListPublicKeys"],
                ["*"],
            ),
        ]

    def _reading_logs(self, audit_trail: AuditTrail) -> list[iam.PolicyStatement]:
        deployment = self._deployment
        bucket = f"{self._arn}:s3:::{self._log_bucket}"
        logs = deployment.trail_log_prefix
        # An organisation's folders hold nothing but CloudTrail's; an account's hold other services' logs, too.
        folders = (
            [logs]
            if deployment.trail.organization_id
            else [
                f"{logs}{account}/{kind}/"
                for account in self._folders()
                for kind in ("CloudTrail", "CloudTrail-Digest")
            ]
        )
        statements = [
            _allow(
                "ListLogs",
                ["s3:ListBucket"],
                [bucket],
                {"StringLike": {"s3:prefix": [*_parents(logs), *(f"{folder}*" for folder in folders)]}},
            ),
            _allow("FindBuckets", ["s3:GetBucketLocation"], [bucket, self._audit_bucket, self._results_bucket_arn]),
            _allow("ReadLogs", ["s3:GetObject"], [f"{bucket}/{folder}*" for folder in folders]),
        ]
        key = audit_trail.key.key_arn if audit_trail.key else deployment.audit.log_key_arn
        if key:
            via = key.split(":")[3] if not audit_trail.key else deployment.home_region
            condition = {"StringEquals": {"kms:ViaService": f"s3.{via}.{_domain(deployment)}"}}
            statements.append(_allow("DecryptLogs", ["kms:Decrypt"], [key], condition))
        return statements

    def _folders(self) -> Sequence[str]:
        """The accounts by whose folders rights are given; of all where a question names its own, or where many are
        listed: a role's policy holds 10,240 characters.
        """
        accounts = self._deployment.audited_accounts
        return accounts if 0 < len(accounts) <= _MAXIMUM_FOLDERS else ["*"]

    @property
    def _audit_bucket(self) -> str:
        return f"{self._arn}:s3:::{self._deployment.audit_bucket_name}"

    @property
    def _results_bucket_arn(self) -> str:
        return f"{self._arn}:s3:::{self._deployment.audit_results_bucket_name}"

    def _reading_the_audit_log(self) -> list[iam.PolicyStatement]:
        folders = [self._prefix(table).partition("${")[0] for table in TABLES.values() if table is not CLOUDTRAIL]
        return [
            _allow(
                "ListAuditLog",
                ["s3:ListBucket"],
                [self._audit_bucket],
                {"StringLike": {"s3:prefix": [f"{folder}*" for folder in folders]}},
            ),
            _allow("ReadAuditLog", ["s3:GetObject"], [f"{self._audit_bucket}/{folder}*" for folder in folders]),
        ]

    def _answers(self) -> list[iam.PolicyStatement]:
        """Athena writes an answer with the rights of whoever asks."""
        statements = [
            _allow(
                "ListAnswers",
                ["s3:ListBucket"],
                [self._results_bucket_arn],
                {"StringLike": {"s3:prefix": [f"{RESULTS}*"]}},
            ),
            _allow(
                "KeepAnswers",
                ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
                [f"{self._results_bucket_arn}/{RESULTS}*"],
            ),
        ]
        if self._results_key:
            condition = {
                "StringEquals": {"kms:ViaService": f"s3.{self._deployment.home_region}.{_domain(self._deployment)}"}
            }
            statements.append(
                _allow("EncryptAnswers", ["kms:GenerateDataKey", "kms:Decrypt"], [self._results_key.key_arn], condition)
            )
        return statements


_REASONS = {
    "*": "Athena's lists of workgroups and catalogs, and CloudTrail's of public keys, know no narrower resource: they "
    "give names, and keys that are public."
}


def _allow(
    sid: str, actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources), conditions=conditions)


def _whoever_is(auditors: Sequence[str]) -> iam.PrincipalBase:
    """Those accounts' principals of these ARNs. IAM forbids patterns as principals, and would follow a deleted one by
    an id that its successor of the same name does not have; the condition says the same with both allowed.
    """
    accounts = sorted({arn.split(":")[4] for arn in auditors})
    return iam.PrincipalWithConditions(
        iam.CompositePrincipal(*(iam.AccountPrincipal(account) for account in accounts)),
        {"ArnLike": {"aws:PrincipalArn": sorted(auditors)}},
    )


def _parents(prefix: str) -> list[str]:
    """The folders above `prefix` and itself, as those who look for accounts list them: "AWSLogs/", "AWSLogs/o-.../"."""
    parts = prefix.rstrip("/").split("/")
    return ["/".join(parts[: count + 1]) + "/" for count in range(len(parts))]


def _domain(deployment: Deployment) -> str:
    return "amazonaws.com.cn" if deployment.partition == "aws-cn" else "amazonaws.com"
