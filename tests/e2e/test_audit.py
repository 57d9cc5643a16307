"""What auditors ask of, deployed: the findings that are kept, and Athena's API as the emulator has it."""

import json

import pytest

from audit.athena import AthenaEngine
from audit.engines import EngineError
from audit.tables import FINDINGS, TABLES, athena_type
from tests.e2e.test_alerting import event_of


def findings(stage, account):
    s3, bucket = stage.aws.client("s3"), stage.outputs["AuditLogBucket"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="findings/")
    keys = sorted(item["Key"] for page in pages for item in page.get("Contents", ()))
    entries = {key: json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys}
    return {key: entry for key, entry in entries.items() if entry["account"] == account}


def test_a_finding_is_kept_in_the_audit_log_with_the_columns_of_its_table(stage):
    account = "200000007001"
    event = event_of("stops the audit trail", account)
    for _ in range(2):  # a repeat writes nothing more
        stage.aws.put_event(event)
    assert stage.until(lambda: bool(findings(stage, account)), seconds=30) is not None
    ((key, entry),) = findings(stage, account).items()
    assert key.startswith("findings/20")
    assert set(entry) == {column.name for column in FINDINGS.columns}
    assert entry["event_id"] == event["detail"]["eventID"]
    assert entry["alert_id"] in {alert.id for alert in stage.alerts()}


@pytest.fixture(scope="module")
def engine(stage):
    """On the emulator, whose Athena speaks DuckDB's SQL and not Trino's: its API is what is tested, not its SQL."""
    athena, glue = stage.aws.client("athena"), stage.aws.client("glue")
    stage.aws.client("s3").create_bucket(Bucket="answers-of-a-test")
    athena.create_work_group(
        Name="audit-of-a-test",
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": "s3://answers-of-a-test/answers/"},
        },
    )
    glue.create_database(DatabaseInput={"Name": "audit_of_a_test"})
    for table in TABLES.values():
        glue.create_table(
            DatabaseName="audit_of_a_test",
            TableInput={
                "Name": table.name,
                "Parameters": {"projection.account.type": "enum", "projection.account.values": "123456789012"},
                "PartitionKeys": [{"Name": item.name, "Type": "string"} for item in table.partitions],
                "StorageDescriptor": {
                    "Columns": [{"Name": item.name, "Type": athena_type(item.type)} for item in table.columns]
                },
            },
        )
    return AthenaEngine(client=stage.aws.client, workgroup="audit-of-a-test", database="audit_of_a_test")


def test_a_query_is_started_waited_for_and_read(engine):
    answer = engine.run("SELECT 7 AS number, 'O''Brien' AS name", {})
    assert answer.columns == ("number", "name")
    assert len(answer.rows) == 1
    assert answer.rows[0][0] == 7


def test_an_account_that_the_table_does_not_look_for_is_refused_before_anything_is_asked(engine):
    with pytest.raises(EngineError, match="does not look for the account 111111111111"):
        engine.run("SELECT eventid FROM cloudtrail WHERE account IN (:account)", {"account": ("111111111111",)})


def test_a_table_that_was_never_made_is_said(stage):
    engine = AthenaEngine(client=stage.aws.client, workgroup="audit-of-a-test", database="nowhere")
    with pytest.raises(EngineError, match=r'no table "nowhere\.cloudtrail"'):
        engine.run("SELECT eventid FROM cloudtrail", {})
