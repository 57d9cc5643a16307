"""Auditors' questions in Athena: tables over the records as they lie, and a role that asks and does nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from audit.engines import used_parameters
from audit.questions import all_questions
from audit.tables import CLOUDTRAIL, TABLES, athena_type
from infra.deployment import ConfigurationError, Deployment
from infra.evidence_stack import EvidenceStack

ACCOUNT = "123456789012"
HOME = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/security-audit"
PERMISSION_SET = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com*/AWSReservedSSO_Auditor_*"
ORGANIZATION = "o-a1b2c3d4e5"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/0a1b2c3d-0000-4000-8000-000000000000"


def content(**sections: Any) -> dict[str, Any]:
    return {
        "deployment": {"account": ACCOUNT, "home_region": HOME},
        "slack": {"channel": "C0123456789"},
        **sections,
        "audit": {"enabled": True, "auditors": [ROLE, PERMISSION_SET], **sections.get("audit", {})},
    }


EXISTING = {"mode": "existing", "name": "main", "bucket_name": "example-logs", "key_prefix": "x/y"}
CONTENTS: Mapping[str, dict[str, Any]] = {
    "plain": content(),
    "organisation": content(trail={"organization_id": ORGANIZATION, "customer_key": True}, accounts={"1" * 12: "one"}),
    "injected": content(trail={"organization_id": ORGANIZATION}, audit={"accounts_from": "question"}),
    "existing": content(
        trail=EXISTING, audit={"log_key_arn": KEY, "accounts": ["2" * 12], "regions": ["eu-west-1"], "scan_limit_gb": 7}
    ),
    "many": content(trail=EXISTING, audit={"accounts": [f"{number:012}" for number in range(1, 2001)]}),
    "nobody": content(audit={"auditors": []}),
}


@pytest.fixture(scope="module")
def paths(context: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The template of each; synthesis fails on a cdk-nag finding that nobody accepted."""
    directory = tmp_path_factory.mktemp("audit")
    app = App(context=context, outdir=str(directory), analytics_reporting=False)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    for name, settings in CONTENTS.items():
        EvidenceStack(app, name, deployment=Deployment.from_mapping(settings))
    app.synth()
    return {name: directory / f"{name}.template.json" for name in CONTENTS}


@pytest.fixture(scope="module")
def templates(paths: dict[str, Path]) -> dict[str, dict[str, Any]]:
    return {name: json.loads(path.read_text()) for name, path in paths.items()}


def of_type(template: dict[str, Any], type: str) -> list[dict[str, Any]]:
    return [item["Properties"] for item in template["Resources"].values() if item["Type"] == type]


def table(template: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [
        item["TableInput"] for item in of_type(template, "AWS::Glue::Table") if item["TableInput"]["Name"] == name
    ]
    assert isinstance(found, dict)
    return found


def test_the_templates_are_what_cloudformation_takes(paths: dict[str, Path]) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), *paths.values()], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_the_setting_nothing_of_it_is_there(evidence: dict[str, Any]) -> None:
    for template in evidence.values():
        kinds = {item["Type"] for item in template.content["Resources"].values()}
        assert not any(kind.startswith(("AWS::Athena", "AWS::Glue")) for kind in kinds)


# The workgroup and its answers


def test_a_client_cannot_choose_where_answers_go_nor_leave_them_in_the_clear(templates: dict[str, Any]) -> None:
    (workgroup,) = of_type(templates["plain"], "AWS::Athena::WorkGroup")
    settings = workgroup["WorkGroupConfiguration"]
    assert settings["EnforceWorkGroupConfiguration"] is True
    assert settings["ResultConfiguration"] == {
        "OutputLocation": "s3://rootwatch-answers-123456789012-us-east-1/answers/",
        "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"},
        "ExpectedBucketOwner": ACCOUNT,
    }
    assert settings["EngineVersion"] == {"SelectedEngineVersion": "Athena engine version 3"}
    assert settings["PublishCloudWatchMetricsEnabled"] is True
    assert settings["RequesterPaysEnabled"] is False


@pytest.mark.parametrize(("variant", "gb"), [("plain", 100), ("existing", 7)])
def test_a_scan_has_the_limit_that_is_configured(templates: dict[str, Any], variant: str, gb: int) -> None:
    (workgroup,) = of_type(templates[variant], "AWS::Athena::WorkGroup")
    assert workgroup["WorkGroupConfiguration"]["BytesScannedCutoffPerQuery"] == gb * 1_000_000_000


def test_answers_about_records_under_a_customer_key_are_under_one_too(templates: dict[str, Any]) -> None:
    (workgroup,) = of_type(templates["organisation"], "AWS::Athena::WorkGroup")
    encryption = workgroup["WorkGroupConfiguration"]["ResultConfiguration"]["EncryptionConfiguration"]
    assert encryption["EncryptionOption"] == "SSE_KMS"
    key = templates["organisation"]["Resources"][encryption["KmsKey"]["Fn::GetAtt"][0]]
    assert key["Properties"]["EnableKeyRotation"] is True


@pytest.mark.parametrize("variant", CONTENTS)
def test_answers_are_private_encrypted_over_tls_only_and_short_lived(templates: dict[str, Any], variant: str) -> None:
    ((id, bucket),) = [
        (id, item["Properties"])
        for id, item in templates[variant]["Resources"].items()
        if item["Type"] == "AWS::S3::Bucket" and "answers" in str(item["Properties"]["BucketName"])
    ]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert "BucketEncryption" in bucket
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["ExpirationInDays"], rule["Status"]) == (7, "Enabled")
    policies = [item for item in of_type(templates[variant], "AWS::S3::BucketPolicy") if item["Bucket"] == {"Ref": id}]
    assert '"aws:SecureTransport": "false"' in json.dumps(policies)


# The tables


@pytest.mark.parametrize("variant", CONTENTS)
def test_each_table_has_the_columns_of_its_description(templates: dict[str, Any], variant: str) -> None:
    for name, described in TABLES.items():
        found = table(templates[variant], name)
        assert [(item["Name"], item["Type"]) for item in found["StorageDescriptor"]["Columns"]] == [
            (column.name, athena_type(column.type)) for column in described.columns
        ]
        assert tuple(item["Name"] for item in found["PartitionKeys"]) == described.partition_names
        # Glue folds names, and Athena then finds no column of a mixed one.
        assert all(item["Name"] == item["Name"].lower() for item in found["StorageDescriptor"]["Columns"])


def test_the_newer_fields_can_be_asked_for(templates: dict[str, Any]) -> None:
    columns = {
        item["Name"]: item["Type"] for item in table(templates["plain"], "cloudtrail")["StorageDescriptor"]["Columns"]
    }
    assert "onbehalfof:struct<userid:string,identitystorearn:string>" in columns["useridentity"]
    assert "signinsessionarn:string" in columns["useridentity"]
    assert columns["addendum"].startswith("struct<reason:string")
    assert columns["tlsdetails"].startswith("struct<tlsversion:string")


def test_records_and_entries_are_read_as_aws_documents_it(templates: dict[str, Any]) -> None:
    formats = {
        name: (
            table(templates["plain"], name)["StorageDescriptor"]["InputFormat"],
            table(templates["plain"], name)["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"],
        )
        for name in TABLES
    }
    serde = "org.apache.hive.hcatalog.data.JsonSerDe"
    assert formats.pop("cloudtrail") == ("com.amazon.emr.cloudtrail.CloudTrailInputFormat", serde)
    assert set(formats.values()) == {("org.apache.hadoop.mapred.TextInputFormat", serde)}


@pytest.mark.parametrize(
    ("variant", "template"),
    [
        ("plain", "s3://rootwatch-trail-123456789012-us-east-1/AWSLogs/${account}/CloudTrail/${region}/${day}/"),
        (
            "organisation",
            "s3://rootwatch-trail-123456789012-us-east-1/AWSLogs/o-a1b2c3d4e5/${account}/CloudTrail/${region}/${day}/",
        ),
        ("existing", "s3://example-logs/x/y/AWSLogs/${account}/CloudTrail/${region}/${day}/"),
    ],
)
def test_logs_are_looked_for_where_cloudtrail_puts_them(templates: dict[str, Any], variant: str, template: str) -> None:
    assert table(templates[variant], "cloudtrail")["Parameters"]["storage.location.template"] == template


@pytest.mark.parametrize("variant", CONTENTS)
def test_every_partition_is_projected_and_in_the_path(templates: dict[str, Any], variant: str) -> None:
    for name, described in TABLES.items():
        parameters = table(templates[variant], name)["Parameters"]
        assert parameters["projection.enabled"] == "true"
        placed = re.findall(r"\$\{(\w+)\}", parameters["storage.location.template"])
        assert tuple(placed) == described.partition_names
        assert {f"projection.{item}.type" for item in placed} <= set(parameters)
        assert parameters["projection.day.format"] == "yyyy/MM/dd"
        assert re.fullmatch(r"NOW-\d+DAYS,NOW\+1DAYS", parameters["projection.day.range"])


def test_what_is_looked_back_for_covers_all_that_is_kept(templates: dict[str, Any]) -> None:
    kept = Deployment.from_mapping(CONTENTS["plain"]).trail.retention_days
    assert (
        table(templates["plain"], "cloudtrail")["Parameters"]["projection.day.range"] == f"NOW-{kept + 1}DAYS,NOW+1DAYS"
    )


@pytest.mark.parametrize(
    ("variant", "accounts"),
    [("plain", ACCOUNT), ("organisation", f"{ACCOUNT},{'1' * 12}"), ("existing", f"{ACCOUNT},{'2' * 12}")],
)
def test_the_accounts_are_those_of_the_configuration(templates: dict[str, Any], variant: str, accounts: str) -> None:
    parameters = table(templates[variant], "cloudtrail")["Parameters"]
    assert parameters["projection.account.type"] == "enum"
    assert parameters["projection.account.values"] == accounts


def test_or_each_question_names_its_own(templates: dict[str, Any]) -> None:
    parameters = table(templates["injected"], "cloudtrail")["Parameters"]
    assert parameters["projection.account.type"] == "injected"
    assert "projection.account.values" not in parameters


def test_unless_chosen_every_region_is_looked_into_as_root_can_act_in_any(templates: dict[str, Any]) -> None:
    regions = table(templates["plain"], "cloudtrail")["Parameters"]["projection.region.values"].split(",")
    assert {"us-east-1", "af-south-1", "sa-east-1", "mx-central-1"} <= set(regions)
    assert not any(region.startswith(("cn-", "us-gov-")) for region in regions)
    chosen = table(templates["existing"], "cloudtrail")["Parameters"]["projection.region.values"]
    assert chosen == "eu-west-1,us-east-1"  # where root signs in and IAM is recorded is always among them


# The saved queries


def test_each_question_is_saved_in_the_workgroup_and_runs_as_it_is(templates: dict[str, Any]) -> None:
    saved = {item["Name"]: item for item in of_type(templates["plain"], "AWS::Athena::NamedQuery")}
    assert set(saved) == {item.title() for item in all_questions()}
    for item in all_questions():
        query = saved[item.title()]
        assert query["Database"] == "rootwatch_audit"
        assert used_parameters(query["QueryString"]) == frozenset()
        assert query["QueryString"].startswith(f"-- {item.title()}\n-- {item.answers()}\n")
        assert len(query["Description"]) <= 1_024


def test_a_saved_query_names_an_account_where_one_has_to_be_named(templates: dict[str, Any]) -> None:
    for item in of_type(templates["injected"], "AWS::Athena::NamedQuery"):
        if re.search(r"\bFROM cloudtrail\b", item["QueryString"]):
            assert f"account IN ('{ACCOUNT}')" in item["QueryString"]


# The role


def rights(template: dict[str, Any]) -> set[tuple[str, str, str]]:
    """What the role may do, whole: (action, resource, condition)."""
    ((id, role),) = [
        (id, item["Properties"])
        for id, item in template["Resources"].items()
        if item["Type"] == "AWS::IAM::Role" and item["Properties"].get("RoleName") == "rootwatch-auditor"
    ]
    assert not {"ManagedPolicyArns", "PermissionsBoundary"} & set(role)
    for item in template["Resources"].values():  # nothing is attached to it from elsewhere
        if item["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
            assert id not in json.dumps(item["Properties"])
    (policy,) = role["Policies"]
    found = set()
    for statement in policy["PolicyDocument"]["Statement"]:
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert statement["Effect"] == "Allow"
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                shown = resource if isinstance(resource, str) else resource["Fn::GetAtt"][0][:-8]
                found.add((action, shown, json.dumps(statement.get("Condition", {}))))
    return found


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def expected(*, log_bucket: str, listed: list[str], read: list[str]) -> set[tuple[str, str, str]]:
    catalog = f"arn:aws:glue:{HOME}:{ACCOUNT}"
    database = f"{catalog}:database/rootwatch_audit"
    tables = [
        f"{catalog}:table/rootwatch_audit/{name}" for name in ("cloudtrail", "findings", "transitions", "windows")
    ]
    audit, answers = (f"arn:aws:s3:::rootwatch-{what}-{ACCOUNT}-{HOME}" for what in ("audit", "answers"))
    workgroup = f"arn:aws:athena:{HOME}:{ACCOUNT}:workgroup/rootwatch-audit"
    entries = ["findings/*", "transitions/*", "windows/*"]
    always = "{}"

    def below(prefixes: list[str]) -> str:
        return json.dumps({"StringLike": {"s3:prefix": prefixes}})

    athena = (
        *("StartQueryExecution", "StopQueryExecution", "GetQueryExecution", "BatchGetQueryExecution"),
        *("GetQueryResults", "GetQueryResultsStream", "GetQueryRuntimeStatistics", "ListQueryExecutions"),
        *("GetWorkGroup", "ListNamedQueries", "GetNamedQuery", "BatchGetNamedQuery"),
    )
    looking = ("GetDataCatalog", "ListDatabases", "GetDatabase", "ListTableMetadata", "GetTableMetadata")
    return {
        *((f"athena:{action}", workgroup, always) for action in athena),
        *(
            (f"athena:{action}", f"arn:aws:athena:{HOME}:{ACCOUNT}:datacatalog/AwsDataCatalog", always)
            for action in looking
        ),
        *((action, "*", always) for action in ("athena:ListWorkGroups", "athena:ListDataCatalogs")),
        ("cloudtrail:ListPublicKeys", "*", always),
        *(
            (f"glue:{action}", resource, always)
            for action in ("GetDatabase", "GetDatabases")
            for resource in (f"{catalog}:catalog", database, f"{catalog}:database/default")
        ),
        *(
            (f"glue:{action}", resource, always)
            for action in ("GetTable", "GetTables")
            for resource in (f"{catalog}:catalog", database, *tables)
        ),
        *(("s3:GetBucketLocation", bucket, always) for bucket in (log_bucket, audit, answers)),
        ("s3:ListBucket", log_bucket, below(listed)),
        *(("s3:GetObject", f"{log_bucket}/{keys}", always) for keys in read),
        ("s3:ListBucket", audit, below(entries)),
        *(("s3:GetObject", f"{audit}/{keys}", always) for keys in entries),
        ("s3:ListBucket", answers, below(["answers/*"])),
        *(
            (f"s3:{action}", f"{answers}/answers/*", always)
            for action in ("GetObject", "PutObject", "AbortMultipartUpload", "ListMultipartUploadParts")
        ),
    }


OURS = f"arn:aws:s3:::rootwatch-trail-{ACCOUNT}-{HOME}"


def test_the_auditor_can_do_this_and_nothing_else(templates: dict[str, Any]) -> None:
    folders = [f"AWSLogs/{ACCOUNT}/{kind}/*" for kind in ("CloudTrail", "CloudTrail-Digest")]
    assert rights(templates["plain"]) == expected(log_bucket=OURS, listed=["AWSLogs/", *folders], read=folders)


def test_the_auditor_of_an_organisation_reads_its_folder_and_uses_two_keys_through_s3_alone(
    templates: dict[str, Any],
) -> None:
    folder = f"AWSLogs/{ORGANIZATION}/*"
    wanted = expected(log_bucket=OURS, listed=["AWSLogs/", f"AWSLogs/{ORGANIZATION}/", folder], read=[folder])
    through_s3 = json.dumps({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}})
    wanted |= {
        ("kms:Decrypt", "AuditTrailKey", through_s3),
        ("kms:Decrypt", "AuditQueriesKey", through_s3),
        ("kms:GenerateDataKey", "AuditQueriesKey", through_s3),
    }
    assert rights(templates["organisation"]) == wanted


def test_the_auditor_of_a_trail_that_was_there_before_reads_the_accounts_it_is_told_of(
    templates: dict[str, Any],
) -> None:
    folders = [
        f"x/y/AWSLogs/{account}/{kind}/*"
        for account in (ACCOUNT, "2" * 12)
        for kind in ("CloudTrail", "CloudTrail-Digest")
    ]
    wanted = expected(
        log_bucket="arn:aws:s3:::example-logs", listed=["x/", "x/y/", "x/y/AWSLogs/", *folders], read=folders
    )
    wanted.add(("kms:Decrypt", KEY, json.dumps({"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}})))
    assert rights(templates["existing"]) == wanted


@pytest.mark.parametrize("variant", [name for name in CONTENTS if name != "nobody"])
def test_a_policy_stays_below_what_a_role_holds(templates: dict[str, Any], variant: str) -> None:
    (role,) = [
        item for item in of_type(templates[variant], "AWS::IAM::Role") if item.get("RoleName") == "rootwatch-auditor"
    ]
    (policy,) = role["Policies"]
    text = json.dumps(policy["PolicyDocument"], separators=(",", ":"))
    assert len(text) < 10_240  # IAM and STS quotas: inline policies of a role together


def test_only_those_who_are_named_may_take_the_role(templates: dict[str, Any]) -> None:
    (role,) = [
        item for item in of_type(templates["plain"], "AWS::IAM::Role") if item.get("RoleName") == "rootwatch-auditor"
    ]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    assert "root" in json.dumps(statement["Principal"])
    assert statement["Condition"] == {"ArnLike": {"aws:PrincipalArn": sorted([ROLE, PERMISSION_SET])}}


def test_where_nobody_is_named_there_is_no_role(templates: dict[str, Any]) -> None:
    assert not any(
        item.get("RoleName") == "rootwatch-auditor" for item in of_type(templates["nobody"], "AWS::IAM::Role")
    )
    warnings = Deployment.from_mapping(CONTENTS["nobody"]).warnings
    assert any("audit.auditors is empty" in text for text in warnings)


def test_more_folders_than_athena_reads_is_a_warning() -> None:
    (found,) = [text for text in Deployment.from_mapping(CONTENTS["many"]).warnings if "folders" in text]
    assert "2,001 accounts in 34 regions is 2,109,054 folders" in found
    assert "audit.regions" in found


# The configuration


HEAD = '[deployment]\naccount = "123456789012"\nhome_region = "us-east-1"\n[slack]\nchannel = "C0123456789"\n'


@pytest.mark.parametrize(
    ("text", "key", "cause", "remedy"),
    [
        ('[audit]\nauditors = ["alice"]', "audit.auditors[0]", '"alice" is not the ARN', "AWSReservedSSO"),
        (
            '[audit]\nauditors = ["arn:aws:iam::*:role/audit"]',
            "audit.auditors[0]",
            "a role of any account",
            "12 digits",
        ),
        ('[audit]\nauditors = ["arn:aws:iam::123456789012:role/*"]', "audit.auditors[0]", "every role", "three char"),
        ('[audit]\nauditors = ["arn:aws:iam::123456789012:root"]', "audit.auditors[0]", "is not the ARN", "role"),
        (f'[audit]\nauditors = ["{ROLE}", "{ROLE}"]', "audit.auditors", "more than once", "once"),
        ("[audit]\nscan_limit_gb = 0", "audit.scan_limit_gb", "too small", "at least 1"),
        ("[audit]\nresults_days = 400", "audit.results_days", "too large", "at most 365"),
        ("[audit]\naccounts = [123456789012]", "audit.accounts[0]", "is a number", '"123456789012"'),
        ('[audit]\nregions = ["us-esat-1"]', "audit.regions[0]", "no region that we know", "us-east-1"),
        ('[audit]\naccounts_from = "all"', "audit.accounts_from", "not one of the choices", '"question"'),
        (
            '[audit]\naccounts = ["111111111111"]\naccounts_from = "question"',
            "audit.accounts_from",
            "accounts lists some",
            "remove accounts",
        ),
        ('[audit]\nlog_key_arn = "alias/logs"', "audit.log_key_arn", "not the ARN of a KMS key", "alias will not do"),
        (f'[audit]\nenabled = true\nlog_key_arn = "{KEY}"', "audit.log_key_arn", "knows its key", "existing"),
        (
            '[audit]\nenabled = true\n[trail]\nmode = "skip"',
            "audit.enabled",
            "knows of no log bucket",
            'trail.mode = "existing"',
        ),
    ],
)
def test_what_cannot_be_is_said_with_its_remedy(text: str, key: str, cause: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Deployment.parse(HEAD + text)
    (problem,) = caught.value.problems
    assert (problem.key, problem.line is not None) == (key, True)
    assert cause in problem.cause
    assert remedy in problem.remedy


def test_it_makes_an_evidence_stack_where_everything_else_was_there_before() -> None:
    sections = {"trail": EXISTING, "analyzer": {"mode": "skip"}, "config": {"mode": "skip"}}
    assert Deployment.from_mapping(content(**sections)).creates_evidence
    assert not Deployment.from_mapping(content(**sections, audit={"enabled": False})).creates_evidence


def test_the_logs_table_is_named_as_questions_name_it() -> None:
    assert CLOUDTRAIL.name == "cloudtrail"
    assert set(TABLES) == {"cloudtrail", "findings", "transitions", "windows"}
