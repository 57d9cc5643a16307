"""What the infra tests share: four deployments, and the Evidence stack of each, synthesised once a session."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.deployment import Deployment
from infra.evidence_stack import EvidenceStack

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"
ORGANIZATION = "o-a1b2c3d4e5"


def _content(home: str, *watched: str, **sections: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "deployment": {"account": ACCOUNT, "home_region": home, "watched_regions": list(watched)},
        "slack": {"channel": "C0123456789"},
        "email": {"addresses": ["alice@example.com"]},
        **sections,
    }


CONTENTS: Mapping[str, dict[str, Any]] = {
    "one-region": _content("us-east-1", config={"mode": "create"}),
    "many-regions": _content(
        "ap-northeast-1",
        "us-east-1",
        "us-east-2",
        "eu-west-1",
        trail={"customer_key": True, "access_log": "none", "object_lock": "none", "retention_days": 90},
        config={"mode": "create"},
    ),
    "existing": _content(
        "us-east-1",
        trail={"mode": "existing", "name": "main", "bucket_name": "example-logs"},
        config={"mode": "existing"},
        analyzer={"mode": "existing", "zone": "organization", "unused_access": True, "unused_days": 30},
    ),
    "organisation": _content(
        "us-east-1",
        trail={
            "organization_id": ORGANIZATION,
            "customer_key": True,
            "object_lock": "compliance",
            "object_lock_days": 30,
            "compliance_confirmation": "objects cannot be deleted for 30 days by anyone",
        },
        config={"mode": "create", "resource_types": ["AWS::IAM::Role"]},
        analyzer={"zone": "organization"},
    ),
}


@pytest.fixture(scope="session")
def deployments() -> dict[str, Deployment]:
    """Each variant's deployment, by its name."""
    return {name: Deployment.from_mapping(content) for name, content in CONTENTS.items()}


@pytest.fixture(scope="session")
def context() -> dict[str, Any]:
    """The feature flags that `cdk` gives the app, from cdk.json."""
    flags: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return flags


@pytest.fixture(scope="session")
def evidence_paths(
    deployments: dict[str, Deployment], context: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The Evidence template of each variant; synthesis fails on a cdk-nag finding that nobody accepted."""
    directory = tmp_path_factory.mktemp("evidence")
    app = App(context=context, outdir=str(directory), analytics_reporting=False)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    for name, deployment in deployments.items():
        EvidenceStack(app, name, deployment=deployment)
    app.synth()
    return {name: directory / f"{name}.template.json" for name in deployments}


@pytest.fixture(scope="session")
def evidence(evidence_paths: dict[str, Path]) -> dict[str, Template]:
    """The same, read."""
    return {name: Template(json.loads(path.read_text())) for name, path in evidence_paths.items()}


@dataclass(frozen=True)
class Template:
    """A synthesised template, with the few questions the tests ask of it."""

    content: dict[str, Any]

    def of_type(self, type: str) -> dict[str, dict[str, Any]]:
        """The resources of one type, by logical id."""
        return {id: item for id, item in self.content["Resources"].items() if item["Type"] == type}

    def only(self, type: str) -> dict[str, Any]:
        """The properties of the one resource of a type."""
        (resource,) = self.of_type(type).values()
        properties: dict[str, Any] = resource["Properties"]
        return properties

    def bucket(self, use: str) -> tuple[str, dict[str, Any]]:
        """(logical id, properties) of the bucket whose name says what it is for: "trail", "access", "config"."""
        ((id, resource),) = [
            (id, resource)
            for id, resource in self.of_type("AWS::S3::Bucket").items()
            if resource["Properties"]["BucketName"].startswith(f"rootwatch-{use}-")
        ]
        return id, resource["Properties"]

    def statements(self, bucket: str) -> dict[str, dict[str, Any]]:
        """The bucket policy's statements by Sid, intrinsic functions written out as "<LogicalId.Arn>"."""
        return {
            statement.get("Sid", f"unnamed-{number}"): written_out(statement)
            for policy in self.of_type("AWS::S3::BucketPolicy").values()
            if policy["Properties"]["Bucket"] == {"Ref": bucket}
            for number, statement in enumerate(policy["Properties"]["PolicyDocument"]["Statement"])
        }

    def strings(self) -> Iterator[str]:
        """Every string of the template."""
        return _strings(self.content)


def written_out(value: Any) -> Any:
    """A template's value with its intrinsic functions as readable text."""
    match value:
        case {"Fn::GetAtt": [id, attribute]}:
            return f"<{id}.{attribute}>"
        case {"Ref": id}:
            return f"<{id}>"
        case {"Fn::Join": [separator, parts]}:
            return separator.join(written_out(part) for part in parts)
        case dict():
            return {key: written_out(item) for key, item in value.items()}
        case list():
            return [written_out(item) for item in value]
    return value


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, item in value.items():
                yield key
                yield from _strings(item)
        case list():
            for item in value:
                yield from _strings(item)
