"""Where each detection has its rule: as the templates will make it, or as the account has it now."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cli.account import Account, reason_of
from cli.errors import CommandError, project_file
from cli.terminal import Paint, counted, table
from handlers.adapters.untrusted import plain
from infra.coverage import Covered, Rule, Standing, compare, expected_rules, rules_of
from infra.deployment import ConfigurationError, Deployment

_ROOT = Path(__file__).resolve().parent.parent
_REGIONS_AT_ONCE = 8


def of_templates(deployment: Deployment) -> tuple[Covered, ...]:
    """The table of what the CDK app would deploy, without AWS, credentials or network.

    Raises:
        CommandError: the templates cannot be made.
    """
    with tempfile.TemporaryDirectory(prefix="rootwatch-") as directory:
        _synthesise(deployment, Path(directory))
        found = [rule for content, place in _templates(Path(directory)) for rule in rules_of(content, **place)]
    return compare(expected_rules(deployment, deployment.catalogue), found)


def of_account(deployment: Deployment) -> tuple[Covered, ...]:
    """The table of what the account has, asked in each watched region; a region that cannot be asked says so.

    Raises:
        CommandError: no credentials, or those of another account.
    """
    account = Account(deployment)
    found: list[Rule] = []
    unasked: dict[str, str] = {}

    def ask(region: str) -> list[Rule] | str:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return list(_rules_in(account, deployment, region))
        except (BotoCoreError, ClientError) as error:
            return reason_of(error)

    with ThreadPoolExecutor(_REGIONS_AT_ONCE) as pool:
        for region, answer in zip(deployment.watched_regions, pool.map(ask, deployment.watched_regions), strict=True):
            if isinstance(answer, str):
                unasked[region] = answer
            else:
                found += answer
    return compare(expected_rules(deployment, deployment.catalogue), found, unasked=unasked)


def _rules_in(account: Account, deployment: Deployment, region: str) -> Iterator[Rule]:
    """Our rules in one region, by the beginning of their names, with what each delivers to."""
    client = account.client("events", region)
    buses = ["default", deployment.hub_bus_name] if region == deployment.home_region else ["default"]
    for bus in buses:
        request: dict[str, Any] = {"EventBusName": bus, "NamePrefix": f"{deployment.name}-"}
        while True:
            try:
                page = client.list_rules(**request)
            except client.exceptions.ResourceNotFoundException:  # no hub bus: its rule will be missing
                break
            for item in page["Rules"]:
                if "EventPattern" not in item:
                    continue  # a schedule
                targets = client.list_targets_by_rule(Rule=item["Name"], EventBusName=bus)["Targets"]
                yield Rule(
                    account=deployment.account,
                    region=region,
                    bus=bus,
                    name=item["Name"],
                    state=item.get("State", "ENABLED"),
                    pattern=_pattern(item["EventPattern"]),
                    targets=tuple(target["Arn"] for target in targets),
                )
            if not page.get("NextToken"):
                break
            request["NextToken"] = page["NextToken"]


def _pattern(text: str) -> dict[str, Any]:
    value: Any = json.loads(text)
    return value if isinstance(value, dict) else {}


def _synthesise(deployment: Deployment, directory: Path) -> None:
    """Let the app write its templates, without the functions' code: only the rules are looked at."""
    # Node may be beside this Python (see the Makefile), and whoever calls us need not have it on the path.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
    context = json.loads(project_file("cdk.json", "it says how the app is built"))["context"]
    try:
        from aws_cdk import App

        app = App(context={**context, "aws:cdk:bundling-stacks": []}, outdir=str(directory), analytics_reporting=False)
        _app_module().build(app, deployment)
        app.synth()
    except ConfigurationError as error:
        raise CommandError(str(error)) from error
    except (OSError, RuntimeError, ImportError) as error:
        raise CommandError(
            f"the templates cannot be made: {plain(str(error).strip().splitlines()[0], 300)}",
            fix="run `make setup`, then `make synth`, which shows more of it.",
        ) from error


def _app_module() -> Any:
    """app.py, which is no part of a package: the CDK runs it as a script."""
    spec = importlib.util.spec_from_file_location("rootwatch_app", _ROOT / "app.py")
    if spec is None or spec.loader is None:
        raise ImportError("app.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _templates(directory: Path) -> Iterator[tuple[Mapping[str, Any], dict[str, str]]]:
    """Each template, and the account and region it is for."""
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    for artifact in manifest["artifacts"].values():
        if artifact["type"] == "aws:cloudformation:stack":
            account, region = artifact["environment"].removeprefix("aws://").split("/")
            file = directory / artifact["properties"]["templateFile"]
            yield json.loads(file.read_text(encoding="utf-8")), {"account": account, "region": region}


def as_text(covered: Sequence[Covered], *, paint: Paint) -> Iterator[str]:
    """One line a rule, then how many there are, and what is the matter with the others."""
    rows = [("ACCOUNT", "REGION", "DETECTION", "RULE", "STATE", "IT IS")]
    rows += [
        (item.account, item.region, item.label or "-", plain(item.rule), item.state or "-", _words(item))
        for item in covered
    ]
    head, *lines = table(rows)
    yield paint.bold(head)
    for item, line in zip(covered, lines, strict=True):
        yield line if item.is_well else paint.bad(line)
    yield ""
    yield summary(covered)


def _words(item: Covered) -> str:
    return f"{item.standing} ({item.detail})" if item.detail else str(item.standing)


def summary(covered: Sequence[Covered]) -> str:
    """ "212 rules expected: 210 as expected, 1 missing, 1 switched off; 1 rule not expected"."""
    wanted = [item for item in covered if item.standing is not Standing.UNEXPECTED]
    counts = {
        standing: sum(item.standing is standing for item in wanted)
        for standing in Standing
        if standing is not Standing.UNEXPECTED
    }
    told = ", ".join(f"{count:,} {standing}" for standing, count in counts.items() if count)
    text = f"{counted(len(wanted), 'rule')} expected: {told}"
    extra = len(covered) - len(wanted)
    return f"{text}; {counted(extra, 'rule')} not expected" if extra else text
