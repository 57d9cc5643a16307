"""A year's worth of CloudTrail in small: log objects made from a fixed seed, with known hits among everyday records.

`python -m tests.bench.trail_corpus 1000000` writes 1,000,000 records of about 1.7 KB in 1,185 gzipped objects below
.build/, once. Which records were put in on purpose, and what has to come of each, is in TRUTH beside them.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ACCOUNT = "123456789012"
SEED = 20_260_501
VERSION = 3  # of what is made: another one is made anew
BUILD = Path(__file__).parents[2] / ".build" / "bench"
_PER_FILE = 844
_BEGINS = datetime(2026, 5, 1, tzinfo=UTC)
_FILE_SPAN = timedelta(minutes=15)

Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """One corpus on disk."""

    folder: Path
    records: int
    files: tuple[Path, ...]
    truth: Mapping[str, Mapping[str, Any]]  # kind -> {"count", "detection" ("" for a decoy), "decoy_for"}

    @property
    def packed(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self.files)


def corpus(records: int, *, below: Path = BUILD) -> Corpus:
    """The corpus of so many records; made where it is not there yet, the same on every machine."""
    folder = below / f"trail-{records}-v{VERSION}"
    if not (folder / "TRUTH").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _make(folder, records)
    known = json.loads((folder / "TRUTH").read_text())
    return Corpus(folder=folder, records=records, files=tuple(sorted(folder.rglob("*.json.gz"))), truth=known)


def _make(folder: Path, records: int) -> None:
    plan = random.Random(SEED)
    weights = [min(5.9, 0.06 + plan.expovariate(1)) for _ in range(max(1, round(records / _PER_FILE)))]
    sizes = [max(1, round(records * weight / sum(weights))) for weight in weights]
    sizes[-1] = max(1, sizes[-1] + records - sum(sizes))
    made: Counter[str] = Counter()
    with ProcessPoolExecutor(mp_context=get_context("fork")) as pool:
        for counts in pool.map(_write, [folder] * len(sizes), range(len(sizes)), sizes, chunksize=8):
            made.update(counts)
    truth = {
        kind: {"count": made[kind], "detection": item.detection, "not": item.never} for kind, item in KINDS.items()
    }
    (folder / "TRUTH").write_text(json.dumps(truth, indent=1))


def _write(folder: Path, number: int, size: int) -> Counter[str]:
    """Write the object of this number; returns how many of each kind are in it."""
    chance = random.Random(f"{SEED}-{number}")
    region = chance.choices(("us-east-1", "eu-west-1", "ap-northeast-1"), (6, 3, 1))[0]
    begins = _BEGINS + number * _FILE_SPAN
    maker = Maker(chance=chance, region=region)
    kinds, weights = list(KINDS), [item.per_100_000 for item in KINDS.values()]
    rest = 100_000 - sum(weights)
    made: Counter[str] = Counter()
    records = []
    for index in range(size):
        maker.time = begins + _FILE_SPAN * (index + chance.randrange(-40, 40)) / size
        kind = chance.choices(("", *kinds), (rest, *weights))[0]
        if kind:
            made[kind] += 1
            records.append(KINDS[kind].make(maker))
        else:
            records.append(chance.choices(_EVERYDAY, _EVERYDAY_WEIGHTS)[0](maker))
    text = json.dumps({"Records": records}, separators=(",", ":")).encode()
    where = folder / "AWSLogs" / ACCOUNT / "CloudTrail" / region / f"{begins:%Y/%m/%d}"
    where.mkdir(parents=True, exist_ok=True)
    name = f"{ACCOUNT}_CloudTrail_{region}_{begins:%Y%m%dT%H%MZ}_{maker.token(16)}.json.gz"
    (where / name).write_bytes(gzip.compress(text, 6, mtime=0))
    return made


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_AGENTS = (
    "aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.7 md/pyimpl#CPython",
    "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#5.10 md/arch#aarch64 lang/python#3.13 exec-env/AWS_Lambda_python",
    "aws-sdk-go-v2/1.39.2 ua/2.1 os/linux lang/go#1.25.1 md/GOARCH#amd64 api/ec2#1.254.1 m/E,e",
    "APN/1.0 HashiCorp/1.0 Terraform/1.13.3 terraform-provider-aws/6.15.0 aws-sdk-go-v2/1.39.2",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
)
_USERS = ("alice", "bob", "carol", "dave", "erin", "frank")
_ROLES = ("Deployer", "WebServer", "BackupRunner", "ReadOnly", "DataPipeline", "Monitoring")


@dataclass(kw_only=True)
class Maker:
    """Makes the records of one object, each with values of its own."""

    chance: random.Random
    region: str
    time: datetime = _BEGINS

    def token(self, length: int) -> str:
        return "".join(self.chance.choices(_LETTERS, k=length))

    def uuid(self) -> str:
        text = f"{self.chance.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def address(self) -> str:
        return f"{self.chance.choice(('192.0.2', '198.51.100', '203.0.113'))}.{self.chance.randrange(1, 255)}"

    def root(self) -> Record:
        return {
            "type": "Root",
            "principalId": ACCOUNT,
            "arn": f"arn:aws:iam::{ACCOUNT}:root",
            "accountId": ACCOUNT,
            "accessKeyId": "ASIA" + self.token(16),
            "sessionContext": {"attributes": {"creationDate": self.stamp(), "mfaAuthenticated": "true"}},
        }

    def user(self, name: str = "") -> Record:
        name = name or self.chance.choice(_USERS)
        return {
            "type": "IAMUser",
            "principalId": "AIDA" + self.token(17),
            "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
            "accountId": ACCOUNT,
            "accessKeyId": "AKIA" + self.token(16),
            "userName": name,
        }

    def role(self, name: str = "") -> Record:
        name, principal = name or self.chance.choice(_ROLES), "AROA" + self.token(17)
        session = f"i-{self.chance.getrandbits(68):017x}"
        return {
            "type": "AssumedRole",
            "principalId": f"{principal}:{session}",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}",
            "accountId": ACCOUNT,
            "accessKeyId": "ASIA" + self.token(16),
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": principal,
                    "arn": f"arn:aws:iam::{ACCOUNT}:role/{name}",
                    "accountId": ACCOUNT,
                    "userName": name,
                },
                "attributes": {"creationDate": self.stamp(), "mfaAuthenticated": "false"},
                "ec2RoleDelivery": "2.0",
            },
        }

    def stamp(self) -> str:
        return f"{self.time:%Y-%m-%dT%H:%M:%SZ}"

    def call(self, service: str, name: str, **changes: Any) -> Record:
        """A call of an API; what is given replaces or adds fields."""
        fields = {
            "eventVersion": "1.11",
            "userIdentity": changes.pop("by", None) or self.role(),
            "eventTime": self.stamp(),
            "eventSource": f"{service}.amazonaws.com",
            "eventName": name,
            "awsRegion": self.region,
            "sourceIPAddress": self.address(),
            "userAgent": self.chance.choice(_AGENTS),
        }
        if error := changes.pop("error", None):
            fields |= {"errorCode": error, "errorMessage": f"User is not authorized to perform: {service}:{name}"}
        fields |= {
            "requestParameters": changes.pop("request", None),
            "responseElements": changes.pop("response", None),
            "requestID": self.uuid(),
            "eventID": self.uuid(),
            "readOnly": name.startswith(("Get", "List", "Describe", "Head")),
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": ACCOUNT,
            "eventCategory": "Management",
            "tlsDetails": {
                "tlsVersion": "TLSv1.3",
                "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": f"{service}.{self.region}.amazonaws.com",
            },
        }
        return fields | changes

    def sign_in(self, by: Record, result: str, mfa: str) -> Record:
        failed = {"errorMessage": "Failed authentication"} if result == "Failure" else {}
        return self.call(
            "signin",
            "ConsoleLogin",
            by={key: value for key, value in by.items() if key not in ("accessKeyId", "sessionContext")},
            response={"ConsoleLogin": result},
            eventType="AwsConsoleSignIn",
            additionalEventData={
                "LoginTo": f"https://console.aws.amazon.com/console/home?state={self.token(40)}",
                "MobileVersion": "No",
                "MFAUsed": mfa,
            },
            **failed,
        )


def _instances(m: Maker) -> Record:
    items = [{"instanceId": f"i-{m.chance.getrandbits(68):017x}"} for _ in range(m.chance.randrange(1, 12))]
    return m.call("ec2", "DescribeInstances", request={"maxResults": 100, "instancesSet": {"items": items}})


def _decrypt(m: Maker) -> Record:
    key = f"arn:aws:kms:{m.region}:{ACCOUNT}:key/{m.uuid()}"
    return m.call(
        "kms",
        "Decrypt",
        request={
            "encryptionContext": {
                "aws:lambda:FunctionArn": f"arn:aws:lambda:{m.region}:{ACCOUNT}:function:f{m.token(8)}"
            },
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        },
        resources=[{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key}],
    )


def _assume(m: Maker, role: str = "") -> Record:
    service = not role and m.chance.random() < 0.6
    role = role or m.chance.choice(_ROLES)
    session = f"i-{m.chance.getrandbits(68):017x}"
    return m.call(
        "sts",
        "AssumeRole",
        by={"type": "AWSService", "invokedBy": "ec2.amazonaws.com"} if service else m.user(),
        request={"roleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}", "roleSessionName": session, "durationSeconds": 3600},
        response={
            "credentials": {
                "accessKeyId": "ASIA" + m.token(16),
                "sessionToken": m.token(300),
                "expiration": "May 1, 2026, 12:00:00 PM",
            },
            "assumedRoleUser": {
                "assumedRoleId": f"AROA{m.token(17)}:{session}",
                "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}",
            },
        },
        sharedEventID=m.uuid(),
    )


def _streams(m: Maker) -> Record:
    return m.call(
        "logs",
        "CreateLogStream",
        request={"logGroupName": f"/aws/lambda/f{m.token(8)}", "logStreamName": f"2026/05/01/[$LATEST]{m.token(32)}"},
        apiVersion="20140328",
    )


def _objects(m: Maker) -> Record:
    bucket = f"data-{m.token(6).lower()}"
    return m.call(
        "s3",
        "GetBucketAcl",
        by={"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"},
        request={"bucketName": bucket, "Host": f"{bucket}.s3.{m.region}.amazonaws.com", "acl": ""},
        additionalEventData={
            "SignatureVersion": "SigV4",
            "CipherSuite": "TLS_AES_128_GCM_SHA256",
            "bytesTransferredIn": 0,
            "AuthenticationMethod": "AuthHeader",
            "x-amz-id-2": m.token(76),
            "bytesTransferredOut": m.chance.randrange(400, 900),
        },
        resources=[{"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}],
        sharedEventID=m.uuid(),
    )


def _network(m: Maker) -> Record:
    items = [{"name": "vpc-id", "valueSet": {"items": [{"value": f"vpc-{m.chance.getrandbits(68):017x}"}]}}] * 3
    return m.call("ec2", "DescribeNetworkInterfaces", request={"filterSet": {"items": items}, "maxResults": 1_000})


def _run(m: Maker) -> Record:
    tags = [{"key": f"tag{n}", "value": m.token(24)} for n in range(8)]
    instances = [
        {
            "instanceId": f"i-{m.chance.getrandbits(68):017x}",
            "imageId": f"ami-{m.chance.getrandbits(68):017x}",
            "privateDnsName": f"ip-10-0-{n}-7.internal",
            "subnetId": f"subnet-{m.chance.getrandbits(68):017x}",
            "tagSet": {"items": tags},
            "networkInterfaceSet": {"items": [{"networkInterfaceId": f"eni-{m.token(17)}", "macAddress": m.token(12)}]},
        }
        for n in range(3)
    ]
    return m.call(
        "ec2",
        "RunInstances",
        by=m.role("Deployer"),
        request={"instancesSet": {"items": [{"minCount": 3, "maxCount": 3}]}, "tagSpecificationSet": {"items": tags}},
        response={"reservationId": f"r-{m.token(17)}", "instancesSet": {"items": instances}},
    )


def _lists(m: Maker) -> Record:
    service, name = m.chance.choice(
        (("iam", "ListRoles"), ("iam", "GetPolicyVersion"), ("s3", "ListBuckets"), ("lambda", "ListFunctions20150331"),
         ("config", "DescribeConfigRules"), ("cloudtrail", "DescribeTrails"), ("monitoring", "DescribeAlarms"))
    )  # fmt: skip
    return m.call(service, name, by=m.user(), request={"marker": m.token(420), "maxItems": 100})


def _table(m: Maker) -> Record:
    names = [m.token(30) for _ in range(12)]
    return m.call(
        "dynamodb", "DescribeTable", request={"tableName": names[0], "indexes": names}, apiVersion="2012-08-10"
    )


_EVERYDAY: tuple[Callable[[Maker], Record], ...] = (
    _instances, _decrypt, _assume, _streams, _objects, _network, _run, _lists, _table,
)  # fmt: skip
_EVERYDAY_WEIGHTS = (17, 14, 6, 10, 12, 12, 7, 13, 9)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Records that are put in on purpose."""

    per_100_000: float
    make: Callable[[Maker], Record]
    detection: str = ""  # fires on every one of them
    never: str = ""  # never does, however much they look like it


_ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
_EVERYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
_NOTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'
_NESTED = {"eventVersion": "1.11", "eventName": "AttachUserPolicy", "eventSource": "iam.amazonaws.com"}


def _attached(kind: str) -> Callable[[Maker], Record]:
    return lambda m: m.call(
        "iam",
        f"Attach{kind}Policy",
        by=m.user(),
        request={f"{kind.lower()}Name": m.token(8), "policyArn": _ADMIN},
        awsRegion="us-east-1",
    )


def _denied(m: Maker) -> Record:
    service, name = m.chance.choice((("ec2", "DescribeVpcs"), ("s3", "GetBucketPolicy"), ("kms", "ListKeys")))
    error = "Client.UnauthorizedOperation" if service == "ec2" else "AccessDenied"
    return m.call(service, name, by=m.user(), error=error)


def _opened(m: Maker) -> Record:
    permission = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}
    group = f"sg-{m.chance.getrandbits(68):017x}"
    return m.call(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        by=m.role("Deployer"),
        request={"groupId": group, "ipPermissions": {"items": [permission]}},
        response={"_return": True},
    )


KINDS: Mapping[str, Kind] = {
    "root signs in": Kind(
        per_100_000=4, make=lambda m: m.sign_in(m.root(), "Success", "Yes"), detection="root-console-login"
    ),
    "root fails to sign in": Kind(
        per_100_000=1, make=lambda m: m.sign_in(m.root(), "Failure", "No"), detection="root-login-failed"
    ),
    "root calls": Kind(
        per_100_000=2,
        make=lambda m: m.call("s3", "PutBucketTagging", by=m.root(), request={"bucketName": m.token(9)}),
        detection="root-activity",
    ),
    "a service calls as root": Kind(
        per_100_000=6,
        make=lambda m: m.call(
            "ec2",
            "DescribeInstances",
            by={**m.root(), "invokedBy": "autoscaling.amazonaws.com"},
            sourceIPAddress="autoscaling.amazonaws.com",
            userAgent="autoscaling.amazonaws.com",
        ),
        never="root-activity",
    ),
    "administrator for a user": Kind(per_100_000=2, make=_attached("User"), detection="admin-policy-attached"),
    "administrator for a role": Kind(per_100_000=3, make=_attached("Role"), detection="admin-policy-attached"),
    "administrator for a group": Kind(per_100_000=1, make=_attached("Group"), detection="admin-policy-attached"),
    "denied administrator": Kind(
        per_100_000=2,
        make=lambda m: m.call("iam", "AttachUserPolicy", by=m.user(), error="AccessDenied"),
        detection="admin-attempts-denied",
    ),
    "everything allowed": Kind(
        per_100_000=1,
        make=lambda m: m.call(
            "iam",
            "PutRolePolicy",
            by=m.user(),
            request={"roleName": m.token(8), "policyName": "p", "policyDocument": _EVERYTHING},
        ),
        detection="admin-policy-written",
    ),
    "everything denied": Kind(
        per_100_000=15,
        make=lambda m: m.call(
            "iam",
            "PutRolePolicy",
            by=m.user(),
            request={"roleName": m.token(8), "policyName": "p", "policyDocument": _NOTHING},
        ),
        never="admin-policy-written",
    ),
    "a key for a user": Kind(
        per_100_000=8,
        make=lambda m: m.call(
            "iam",
            "CreateAccessKey",
            by=m.user("alice"),
            request={"userName": "bob"},
            response={"accessKey": {"userName": "bob", "accessKeyId": "AKIA" + m.token(16), "status": "Active"}},
        ),
        detection="access-key-created",
    ),
    "a trail stopped": Kind(
        per_100_000=1,
        make=lambda m: m.call("cloudtrail", "StopLogging", by=m.user(), request={"name": "main"}),
        detection="trail-tampered",
    ),
    "an administrator's session": Kind(
        per_100_000=120, make=lambda m: _assume(m, "PlatformAdmin"), detection="admin-session-started"
    ),
    "a call denied": Kind(per_100_000=350, make=_denied, detection="cis-unauthorized-api-calls"),
    "a security group changed": Kind(per_100_000=90, make=_opened, detection="cis-security-group-changed"),
    "a route changed": Kind(
        per_100_000=30,
        make=lambda m: m.call("ec2", "CreateRoute", request={"routeTableId": m.token(17), "gatewayId": m.token(17)}),
        detection="cis-route-table-changed",
    ),
    "a bucket policy": Kind(
        per_100_000=20,
        make=lambda m: m.call("s3", "PutBucketPolicy", request={"bucketName": m.token(9), "bucketPolicy": {}}),
        detection="cis-s3-bucket-policy-changed",
    ),
    "a user signs in without MFA": Kind(
        per_100_000=10,
        make=lambda m: m.sign_in(m.user(), "Success", "No"),
        detection="admin-console-login",
    ),
    "a user signs in": Kind(
        per_100_000=30,
        make=lambda m: m.sign_in(m.user(), "Success", "Yes"),
        never="cis-console-login-without-mfa",
    ),
    "a key's end": Kind(
        per_100_000=2,
        make=lambda m: m.call("kms", "ScheduleKeyDeletion", request={"keyId": m.uuid(), "pendingWindowInDays": 7}),
        detection="cis-kms-key-disabled-or-deletion",
    ),
    "words of an attack": Kind(
        per_100_000=4,
        make=lambda m: m.call(
            "s3", "ListBuckets", by=m.user(), request={"note": json.dumps(_NESTED), "prefix": "AttachUserPolicy Root"}
        ),
        never="admin-policy-attached",
    ),
    "an attack inside a request": Kind(
        per_100_000=4,
        make=lambda m: m.call("ssm", "PutInventory", by=m.user(), request={"items": [_NESTED, _NESTED]}),
        never="admin-policy-attached",
    ),
}


if __name__ == "__main__":
    made = corpus(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    print(f"{made.records:,} records in {len(made.files):,} files, {made.packed / 1e6:,.0f} MB: {made.folder}")
