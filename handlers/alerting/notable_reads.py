"""Reads that matter although they change nothing: what they give away, as a table.

Names are CloudTrail's (`eventSource` without ".amazonaws.com", `eventName`). A name that ends in "*" stands for all
that begin so. Calls of S3's and DynamoDB's data are recorded only where a trail asks for data events.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from handlers.alerting.event import Event


class ReadKind(StrEnum):
    """What a read gave away: the reason why it is told."""

    SECRET = "secret"  # noqa: S105 - a kind of read
    DATA = "data"
    DECRYPTION = "decryption"
    CREDENTIALS = "credentials"
    SESSION = "session"
    BILLING = "billing"
    IDENTITIES = "identities"
    MACHINE = "machine"


_TABLE: Mapping[str, Mapping[str, ReadKind]] = {
    "secretsmanager": {
        "GetSecretValue": ReadKind.SECRET,
        "BatchGetSecretValue": ReadKind.SECRET,
    },
    "ssm": {  # only with decryption: see below
        "GetParameter": ReadKind.SECRET,
        "GetParameters": ReadKind.SECRET,
        "GetParametersByPath": ReadKind.SECRET,
        "GetParameterHistory": ReadKind.SECRET,
    },
    "s3": {
        "GetObject": ReadKind.DATA,
        "GetObjectTorrent": ReadKind.DATA,
        "SelectObjectContent": ReadKind.DATA,
    },
    "dynamodb": {
        "GetItem": ReadKind.DATA,
        "BatchGetItem": ReadKind.DATA,
        "Query": ReadKind.DATA,
        "Scan": ReadKind.DATA,
        "ExecuteStatement": ReadKind.DATA,
    },
    "athena": {"GetQueryResults": ReadKind.DATA, "GetQueryResultsStream": ReadKind.DATA},
    "rds": {"DownloadDBLogFilePortion": ReadKind.DATA, "DownloadCompleteDBLogFile": ReadKind.DATA},
    "logs": {"GetLogEvents": ReadKind.DATA, "FilterLogEvents": ReadKind.DATA, "GetQueryResults": ReadKind.DATA},
    "ebs": {"GetSnapshotBlock": ReadKind.DATA},
    "kms": {"Decrypt": ReadKind.DECRYPTION, "ReEncrypt": ReadKind.DECRYPTION},
    "sts": {
        "AssumeRole*": ReadKind.SESSION,
        "AssumeRoot": ReadKind.SESSION,
        "GetFederationToken": ReadKind.SESSION,
        "GetSessionToken": ReadKind.SESSION,
    },
    "sso": {"GetRoleCredentials": ReadKind.SESSION},
    "ecr": {"GetAuthorizationToken": ReadKind.CREDENTIALS},
    "codeartifact": {"GetAuthorizationToken": ReadKind.CREDENTIALS},
    "redshift": {"GetClusterCredentials*": ReadKind.CREDENTIALS},
    "cognito-identity": {"GetCredentialsForIdentity": ReadKind.CREDENTIALS},
    "iam": {
        "GenerateCredentialReport": ReadKind.IDENTITIES,
        "GetCredentialReport": ReadKind.IDENTITIES,
        "GetAccountAuthorizationDetails": ReadKind.IDENTITIES,
        "SimulatePrincipalPolicy": ReadKind.IDENTITIES,
    },
    "organizations": {"ListAccounts": ReadKind.IDENTITIES, "DescribeOrganization": ReadKind.IDENTITIES},
    "ec2": {
        "GetPasswordData": ReadKind.CREDENTIALS,
        "GetConsoleOutput": ReadKind.MACHINE,
        "GetConsoleScreenshot": ReadKind.MACHINE,
        "DescribeInstanceAttribute": ReadKind.MACHINE,  # its user data, where scripts keep passwords
        "GetLaunchTemplateData": ReadKind.MACHINE,
    },
    "lightsail": {"GetInstanceAccessDetails": ReadKind.CREDENTIALS, "DownloadDefaultKeyPair": ReadKind.CREDENTIALS},
    "lambda": {"GetFunction*": ReadKind.MACHINE},  # a link to the code, and the environment; the name has a version
    "ce": {"GetCost*": ReadKind.BILLING, "GetDimensionValues": ReadKind.BILLING, "GetReservation*": ReadKind.BILLING},
    "cur": {"DescribeReportDefinitions": ReadKind.BILLING},
    "billing": {"Get*": ReadKind.BILLING, "List*": ReadKind.BILLING},
    "billingconsole": {"*": ReadKind.BILLING},
    "aws-portal": {"View*": ReadKind.BILLING},
    "payments": {"Get*": ReadKind.BILLING, "List*": ReadKind.BILLING},
    "invoicing": {"Get*": ReadKind.BILLING, "List*": ReadKind.BILLING},
    "tax": {"Get*": ReadKind.BILLING, "List*": ReadKind.BILLING},
    "budgets": {"ViewBudget": ReadKind.BILLING, "DescribeBudget*": ReadKind.BILLING},
    "account": {"GetContactInformation": ReadKind.BILLING, "GetAlternateContact": ReadKind.BILLING},
}
_SUFFIX = ".amazonaws.com"


def notable_read(event: Event) -> ReadKind | None:
    """Why this read is told of; None for one like any other. It is not asked whether the event is a read."""
    service = event.service.removesuffix(_SUFFIX)
    calls = _TABLE.get(service)
    if calls is None:
        return None
    name = event.name
    kind = calls.get(name)
    if kind is None:
        kind = next((kind for entry, kind in calls.items() if entry[-1] == "*" and name.startswith(entry[:-1])), None)
    if service == "ssm" and str(event.dig("requestParameters", "withDecryption", default=False)).lower() != "true":
        return None
    return kind
