"""Access analyzers: who outside can reach in, and which rights inside nobody uses."""

from __future__ import annotations

from aws_cdk import aws_accessanalyzer as accessanalyzer
from constructs import Construct

from infra.deployment import Deployment


class AccessAnalyzers(Construct):
    """The external analyzer, which is free, and on request the one for unused access, which is charged per identity.

    Each sees what `analyzer.zone` says: this account, or the whole organisation - the latter from its management
    account or the delegated administrator of Access Analyzer.
    """

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment) -> None:
        super().__init__(scope, id)
        wanted = deployment.analyzer
        zone = wanted.zone.upper()
        if wanted.mode == "create":
            accessanalyzer.CfnAnalyzer(self, "External", analyzer_name=f"{deployment.name}-external", type=zone)
        # Asked for by its own switch: an existing external analyzer says nothing about unused access.
        if wanted.mode != "skip" and wanted.unused_access:
            accessanalyzer.CfnAnalyzer(
                self,
                "Unused",
                analyzer_name=f"{deployment.name}-unused",
                type=f"{zone}_UNUSED_ACCESS",
                analyzer_configuration=accessanalyzer.CfnAnalyzer.AnalyzerConfigurationProperty(
                    unused_access_configuration=accessanalyzer.CfnAnalyzer.UnusedAccessConfigurationProperty(
                        unused_access_age=wanted.unused_days
                    )
                ),
            )
