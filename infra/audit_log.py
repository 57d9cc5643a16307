"""The audit log: what Rootwatch found and what people decided, an object each, where nobody can alter it afterwards."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.accepted_findings import accept
from infra.audit_trail import default_retention, kept_bucket, retained_policy
from infra.deployment import Deployment
from infra.python_function import PythonFunction

FINDINGS = "findings/"  # every finding, quiet ones as well: handlers/alerting/finding_record.py
WINDOWS = "windows/"  # what was decided about break-glass windows
TRANSITIONS = "transitions/"  # what became of alerts: handlers/alerting/life.py says how the rest of a key is made


class AuditLog(Construct):
    """A bucket that is only ever added to: locked as the trail's is, kept as long, and each key written once.

    Attributes:
        bucket: "<name>-audit-<account>-<region>".
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment) -> None:
        super().__init__(scope, id)
        self._arn = f"arn:{deployment.partition}:s3:::{deployment.audit_bucket_name}"
        lock = default_retention(deployment) if deployment.trail.object_lock != "none" else None
        self.bucket = kept_bucket(self, "Bucket", deployment=deployment, what="audit", lock=lock)
        everybody, objects = iam.AnyPrincipal(), [self.bucket.arn_for_objects("*")]
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="NobodyDeletesEntries",
                effect=iam.Effect.DENY,
                principals=[everybody],
                actions=["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"],
                resources=objects,
            )
        )
        # S3 user guide, "Enforce conditional writes on Amazon S3 buckets": without the header a second writer would
        # put a newer version in front of the first.
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EachEntryIsWrittenOnce",
                effect=iam.Effect.DENY,
                principals=[everybody],
                actions=["s3:PutObject"],
                resources=objects,
                conditions={"Null": {"s3:if-none-match": "true"}},
            )
        )
        retained_policy(self.bucket)
        accept(
            self.bucket,
            "AwsSolutions-S1",
            "A log of a log: writing an entry is itself the record, nobody may delete one, and who changes the bucket "
            "or its policy is in the trail and raises an alert.",
        )

    def grant_append(self, function: PythonFunction, prefix: str = TRANSITIONS) -> None:
        """Let `function` add entries below `prefix`, and neither read nor list them."""
        # Written out, as the finding below is known by it.
        keys = f"{self._arn}/{prefix}*"
        function.allow(["s3:PutObject"], [keys])
        accept(
            function.role,
            f"AwsSolutions-IAM5[Resource::{keys}]",
            "Each entry has a key of its own, made of its day and of what it is about; adding one is all that this "
            "allows, as the bucket refuses to replace or remove any.",
        )
