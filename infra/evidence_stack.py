"""The Evidence stack: the records that prove what the privileged identities did."""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from infra.access_analyzers import AccessAnalyzers
from infra.audit_queries import AuditQueries
from infra.audit_trail import AuditTrail
from infra.config_recorder import ConfigRecorder
from infra.deployment import Deployment


class EvidenceStack(Stack):
    """Trail, recorder, analyzers and auditors' questions, in the home region.

    Attributes:
        audit_trail, config_recorder, access_analyzers: the constructs, for those who build on them.
        audit_queries: what auditors ask; None unless audit.enabled.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment) -> None:
        super().__init__(
            scope,
            id,
            env=Environment(account=deployment.account, region=deployment.home_region),
            termination_protection=deployment.termination_protection,
            description="Rootwatch: the records that prove what the privileged identities did",
        )
        self.audit_trail = AuditTrail(self, "AuditTrail", deployment=deployment)
        self.config_recorder = ConfigRecorder(self, "ConfigRecorder", deployment=deployment)
        self.access_analyzers = AccessAnalyzers(self, "AccessAnalyzers", deployment=deployment)
        if self.audit_trail.bucket and self.audit_trail.trail_arn:
            CfnOutput(self, "TrailBucket", value=self.audit_trail.bucket.bucket_name)
            CfnOutput(self, "TrailArn", value=self.audit_trail.trail_arn)
        self.audit_queries = (
            AuditQueries(self, "AuditQueries", deployment=deployment, audit_trail=self.audit_trail)
            if deployment.audit.enabled
            else None
        )
        if self.audit_queries:
            CfnOutput(self, "AuditWorkGroup", value=deployment.audit_workgroup)
            CfnOutput(self, "AuditDatabase", value=deployment.audit_database)
        if self.audit_queries and self.audit_queries.role:
            CfnOutput(self, "AuditorRoleArn", value=self.audit_queries.role.role_arn)
