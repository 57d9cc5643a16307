"""Which stacks go to which account and region."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.alerting_stack import AlertingStack
from infra.deployment import ConfigurationError, Deployment
from infra.evidence_stack import EvidenceStack
from infra.forwarding_stack import ForwardingStack

ROOT = Path(__file__).parent
OWN_FILE = "rootwatch.toml"
EXAMPLE_FILE = "rootwatch.example.toml"


def build(app: App, deployment: Deployment) -> None:
    """Add the stacks of `deployment` to `app`; a cdk-nag finding that nobody accepted then fails the synthesis."""
    evidence = (
        EvidenceStack(app, f"{deployment.name}-evidence", deployment=deployment)
        if deployment.creates_evidence
        else None
    )
    alerting = AlertingStack(app, f"{deployment.name}-alerting", deployment=deployment)
    if evidence and deployment.trail.mode == "create" and deployment.sweep_source == "notifications":
        evidence.add_stack_dependency(alerting, reason="the logs queue is there before the bucket tells it of anything")
    for region in deployment.forwarding_regions:
        forwarding = ForwardingStack(
            app, f"{deployment.name}-forwarding-{region}", deployment=deployment, region=region
        )
        forwarding.add_stack_dependency(alerting, reason="the hub bus is there before anything is forwarded to it")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def configuration_file(app: App) -> Path:
    """`cdk -c config=FILE`, else the variable ROOTWATCH_CONFIG, else rootwatch.toml, else the example."""
    chosen = app.node.try_get_context("config") or os.environ.get("ROOTWATCH_CONFIG")
    if chosen:
        return Path(str(chosen))
    own = ROOT / OWN_FILE
    return _nearby(own if own.exists() else ROOT / EXAMPLE_FILE)


def _nearby(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def main() -> None:
    """Write the templates to where the CDK wants them; without AWS, credentials or network."""
    app = App()
    file = configuration_file(app)
    try:
        deployment = Deployment.load(file)
        if file.name == EXAMPLE_FILE:
            _say(
                f"NOTE: there is no {OWN_FILE}, so these are the stacks of {EXAMPLE_FILE}, whose account and channel "
                "do not exist. `rootwatch init` writes your own file."
            )
        for warning in deployment.warnings:
            _say(f"WARNING: {file}: {warning}")
        build(app, deployment)
    except ConfigurationError as error:
        sys.exit(str(error))
    try:
        app.synth()
    except RuntimeError as error:
        if "ValidationFailed" not in str(error):
            raise
        sys.exit(str(error))  # the report itself has been printed


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
