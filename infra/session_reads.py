"""The rights to look up what was done in a session: all of them read, and each only where it is needed."""

from __future__ import annotations

from infra.accepted_findings import accept
from infra.deployment import Deployment
from infra.python_function import PythonFunction

# AWS does not tie it to a resource (Service Authorization Reference, AWS CloudTrail): whoever may ask the event history
# may ask all of it. It holds management events alone, and those of this account alone.
EVENT_HISTORY = ("cloudtrail:LookupEvents",)


def grant_session_reads(function: PythonFunction, deployment: Deployment) -> None:
    """Let `function` ask the event history and, where `[sessions] read_log_bucket` says so, read log files."""
    function.allow(EVENT_HISTORY, ["*"])
    accept(
        function.role,
        "AwsSolutions-IAM5[Resource::*]",
        f"{', '.join(EVENT_HISTORY)}: only reads, and AWS does not let it be tied to a resource.",
    )
    if not deployment.sessions.read_log_bucket:
        return
    bucket = f"arn:{deployment.partition}:s3:::{deployment.trail_bucket_name}"
    # An organisation's trail has the logs of its other accounts too: which of them a session acts in is not known
    # beforehand.
    account = "*" if deployment.trail.organization_id else deployment.account
    files = f"{deployment.trail_log_prefix}{account}/CloudTrail/*"
    function.allow(["s3:ListBucket"], [bucket], {"StringLike": {"s3:prefix": [files]}})
    function.allow(["s3:GetObject"], [f"{bucket}/{files}"])
    accept(
        function.role,
        f"AwsSolutions-IAM5[Resource::{bucket}/{files}]",
        "CloudTrail's log files alone: their names have the time they were made.",
    )
    if deployment.trail.mode == "create" and deployment.trail.customer_key:
        # The key's id is known to the stack that makes it alone; its alias is fixed.
        keys = f"arn:{deployment.partition}:kms:{deployment.home_region}:{deployment.account}:key/*"
        function.allow(
            ["kms:Decrypt"],
            [keys],
            {
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{deployment.name}-trail"},
                "StringEquals": {"kms:ViaService": f"s3.{deployment.home_region}.{_domain(deployment.partition)}"},
            },
        )
        accept(
            function.role,
            f"AwsSolutions-IAM5[Resource::{keys}]",
            "The trail's key alone, by its alias, and only through S3.",
        )


def _domain(partition: str) -> str:
    return "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
