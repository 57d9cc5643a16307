"""A deployment with everything switched on: the parts get along, and stay within what one region bears."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.alerting_stack import AlertingStack
from infra.deployment import Deployment
from infra.evidence_stack import EvidenceStack
from infra.watchers import MAXIMUM_ALARMS

EVERYTHING = """
[deployment]
account = "123456789012"
home_region = "us-east-1"
[slack]
channel = "C0123456789"
[display]
language = "ja"
[email]
addresses = ["alice@example.com"]
[react]
enabled = true
[reminders]
enabled = true
daily_line = true
[sessions]
read_log_bucket = true
[packs]
cis = true
[audit]
enabled = true
auditors = ["arn:aws:iam::123456789012:role/auditor"]
[report]
enabled = true
[break_glass]
enabled = true
approvers = ["U0BOB00000", "U0CAROL000"]
[[break_glass.people]]
name = "alice"
slack = "U0ALICE000"
addresses = ["192.0.2.0/24"]
"""


def test_everything_at_once_is_deployable(tmp_path: Path) -> None:
    deployment = Deployment.parse(EVERYTHING)
    app = App(outdir=str(tmp_path), context={"aws:cdk:bundling-stacks": []})
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    alerting = AlertingStack(app, "alerting", deployment=deployment)
    EvidenceStack(app, "evidence", deployment=deployment)
    resources = app.synth().get_stack_by_name(alerting.stack_name).template["Resources"].values()
    alarms = [item for item in resources if item["Type"] == "AWS::CloudWatch::Alarm"]
    assert 10 < len(alarms) <= MAXIMUM_ALARMS
    assert len(resources) < 500, "CloudFormation takes no more in one stack"
    for name in ("alerting", "evidence"):
        command = [
            *(str(Path(sys.executable).with_name("cfn-lint")), "--non-zero-exit-code", "error"),
            str(tmp_path / f"{name}.template.json"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
