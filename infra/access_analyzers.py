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
            accessanalyzer.CfnAnalyzer(
                self,
                "External",
                analyzer_name=f"{deployment.name}-external",
                type=zone,
                archive_rules=[_our_own_door(deployment)] if deployment.react.enabled else None,
            )
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


def _our_own_door(deployment: Deployment) -> accessanalyzer.CfnAnalyzer.ArchiveRuleProperty:
    """Slack's door is public, and meant to be (infra/slack_door.py says why): no alert every time it is looked at.

    Exactly this function, and only that everybody may call it: another account's access to it would still be found.
    """
    equal = accessanalyzer.CfnAnalyzer.FilterProperty
    arn = (
        f"arn:{deployment.partition}:lambda:{deployment.home_region}:{deployment.account}"
        f":function:{deployment.name}-receive-click"
    )
    return accessanalyzer.CfnAnalyzer.ArchiveRuleProperty(
        rule_name=f"{deployment.name}-slack-door",
        filter=[equal(property="resource", eq=[arn]), equal(property="isPublic", eq=["true"])],
    )
