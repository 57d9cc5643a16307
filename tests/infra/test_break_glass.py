"""What a deployment says about break-glass windows: how it is checked, and how it reaches the function."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.alerting.window import BreakGlass, Person
from handlers.settings import SettingsError
from handlers.wiring_rules import rules_in
from handlers.wiring_windows import window_desk
from infra.alert_pipeline import BREAK_GLASS_FILE
from infra.deployment import ConfigurationError, DeclaredBreakGlass, DeclaredPerson, Deployment, Problem
from infra.python_function import ROOT
from tests.infra.test_quiet import ACCOUNT, MINIMAL, function_of

SSO = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef"
SECTION: dict[str, Any] = {"enabled": True, "approvers": ["U0BOB", "U0CAROL"]}
ALICE: dict[str, Any] = {
    "name": "alice",
    "slack": "U0ALICE",
    "principals": [f"{SSO}/alice"],
    "addresses": ["192.0.2.0/24", "2001:db8:1::/48"],
}
BOB: dict[str, Any] = {"name": "bob", "slack": "U0BOB", "addresses": ["192.0.2.7"]}


def written(*people: dict[str, Any], **section: Any) -> str:
    """The section as TOML; a value of None leaves its key out."""
    lines = ["[break_glass]"]
    for key, value in {**SECTION, **section}.items():
        lines += [f"{key} = {json.dumps(value)}"] if value is not None else []
    for person in people or (ALICE,):
        lines.append("[[break_glass.people]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in person.items() if value is not None]
    return "\n".join(lines) + "\n"


def rules_of(text: str) -> BreakGlass:
    rules = Deployment.parse(MINIMAL + text).break_glass_rules
    assert rules is not None
    return rules


def problem(text: str) -> Problem:
    with pytest.raises(ConfigurationError) as caught:
        Deployment.parse(MINIMAL + text)
    (found,) = caught.value.problems
    assert found.line is not None
    return found


# What it means


def test_everything_said_reaches_the_function_as_it_is_written() -> None:
    text = f'[accounts]\n"210987654321" = "member"\n"{ACCOUNT}" = "own"\n' + written(
        ALICE, BOB, approvers=["U0BOB", f"{SSO}/alice"], required_for=["root", f"arn:aws:iam::{ACCOUNT}:role/Admin*"]
    )
    assert rules_of(text) == BreakGlass(
        approvers=("U0BOB", f"{SSO}/alice"),
        required_for=("root", f"arn:aws:iam::{ACCOUNT}:role/Admin*"),
        people=(
            Person(
                name="alice",
                slack="U0ALICE",
                principals=(f"{SSO}/alice",),
                addresses=("192.0.2.0/24", "2001:db8:1::/48"),
            ),
            Person(name="bob", slack="U0BOB", addresses=("192.0.2.7/32",)),
        ),
        accounts=(ACCOUNT, "210987654321"),
    )


def test_without_the_section_or_switched_off_there_are_no_windows() -> None:
    assert Deployment.parse(MINIMAL).break_glass_rules is None
    assert Deployment.parse(MINIMAL + written(enabled=False)).break_glass_rules is None
    assert rules_of(written()).required_for == ("root",)


def test_a_single_approver_is_warned_of() -> None:
    deployment = Deployment.parse(MINIMAL + written(approvers=["U0BOB"]))
    assert any("break_glass.approvers is one person" in warning for warning in deployment.warnings)
    assert not any("break_glass" in warning for warning in Deployment.parse(MINIMAL + written()).warnings)


# Mistakes


@pytest.mark.parametrize(
    ("text", "key", "cause", "remedy"),
    [
        (written(approvers=None), "break_glass.approvers", "nobody could approve", "Slack user IDs"),
        (written(approvers=["bob"]), "break_glass.approvers[0]", "not a Slack user ID", "Copy member ID"),
        (
            written(approvers=["U0BOB", f"{SSO}/bob"]),
            "break_glass.approvers",
            "nobody's among break_glass.people",
            "principals of the person",
        ),
        (
            written(approvers=[f"arn:aws:sts::{ACCOUNT}:assumed-role/Deploy/bob"]),
            "break_glass.approvers[0]",
            "chooses the session's name",
            "AWSReservedSSO_",
        ),
        (
            '[break_glass]\nenabled = true\napprovers = ["U0BOB"]\n',
            "break_glass.people",
            "no window could ever be used",
            "[[break_glass.people]]",
        ),
        (written(required_for=[]), "break_glass.required_for", "empty", "list at least one"),
        (written(required_for=["alice"]), "break_glass.required_for[0]", 'neither "root" nor', "break-glass role"),
        (written(required_for=["root", "root"]), "break_glass.required_for", "more than once", "once"),
        (
            written(required_for=[f"arn:aws:iam::{ACCOUNT}:role/deploy"]),
            "break_glass.required_for[0]",
            "nobody would notice",
            "such a name",
        ),
        (
            written(required_for=[f"arn:aws:iam::{ACCOUNT}:role/Admin{'x' * 150}"]),
            "break_glass.required_for",
            "150 characters",
            "shorten",
        ),
        (
            written(required_for=["arn:aws:iam::*:role/*"]),
            "break_glass.required_for[0]",
            "every role there is",
            "three",
        ),
        (
            written({**ALICE, "slack": None}),
            "break_glass.people[0].slack",
            "is missing",
            "below [[break_glass.people]]",
        ),
        (written({**ALICE, "slack": "alice"}), "break_glass.people[0].slack", "not a Slack user ID", "Copy member ID"),
        (written({**ALICE, "adresses": []}), "break_glass.people[0].adresses", "no such setting", '"addresses"'),
        (written({**ALICE, "addresses": []}), "break_glass.people[0].addresses", "empty", "at least one"),
        (written({**ALICE, "addresses": ["0.0.0.0/0"]}), "break_glass.people[0].addresses[0]", "says nothing", "/16"),
        (written({**ALICE, "addresses": ["2000::/3"]}), "break_glass.people[0].addresses[0]", "says nothing", "/32"),
        (
            written({**ALICE, "addresses": ["192.0.2.1/24"]}),
            "break_glass.people[0].addresses[0]",
            "neither",
            "192.0.2.0/24",
        ),
        (written({**ALICE, "addresses": ["home"]}), "break_glass.people[0].addresses[0]", "neither", "192.0.2.10"),
        (
            written({**ALICE, "principals": [f"{SSO[:-4]}*/alice"]}),
            "break_glass.people[0].principals[0]",
            "does not name one person",
            "without any *",
        ),
        (
            written({**ALICE, "principals": [f"arn:aws:iam::{ACCOUNT}:root"]}),
            "break_glass.people[0].principals[0]",
            "does not name one person",
            ":user/alice",
        ),
        (written({**ALICE, "name": "a" * 61}), "break_glass.people[0].name", "too long for a list", "60"),
        (written(ALICE, {**BOB, "name": "Alice"}), "break_glass.people", "two people have the name", "approve alone"),
        (
            written(ALICE, {**BOB, "slack": "U0ALICE"}),
            "break_glass.people",
            "two people have the slack",
            "approve alone",
        ),
        (
            written(ALICE, {**BOB, "principals": [f"{SSO}/alice"]}),
            "break_glass.people",
            'is one of "alice" as well',
            "one person",
        ),
        ("[break_glass]\npeople = [1]\n", "break_glass.people", "not of entries", "[[break_glass.people]]"),
        ("[break_glass.people]\nname = 1\n", "break_glass.people", "two brackets", "two brackets"),
        ("[break_glass]\nenable = true\n", "break_glass.enable", "no such setting", '"enabled"'),
    ],
)
def test_each_mistake_names_its_place_its_cause_and_the_way_out(text: str, key: str, cause: str, remedy: str) -> None:
    found = problem(text)
    assert found.key == key
    assert cause in found.cause + found.remedy
    assert remedy in found.remedy


values = st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.lists(st.text(max_size=30), max_size=2)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*DeclaredBreakGlass.model_fields, "x"]), values),
    st.lists(st.dictionaries(st.sampled_from([*DeclaredPerson.model_fields, "x"]), values) | values, max_size=3),
)
def test_no_section_ends_in_anything_but_a_deployment_or_an_explanation(
    section: dict[str, Any], people: list[Any]
) -> None:
    content = tomllib.loads(MINIMAL) | {
        "break_glass": {
            **SECTION,
            "people": [{**ALICE, **item} if isinstance(item, dict) else item for item in people],
            **section,
        }
    }
    try:
        rules = Deployment.from_mapping(content).break_glass_rules
    except ConfigurationError as error:
        assert all(found.cause and found.remedy for found in error.problems)
        assert all(line.isprintable() for line in str(error).split("\n"))
    else:
        assert rules is None or BreakGlass.from_json(rules.to_json()) == rules


# The example


def test_the_example_explains_every_setting_of_a_person_and_is_accepted() -> None:
    text = (ROOT / "rootwatch.example.toml").read_text(encoding="utf-8")
    entry = re.search(r"^# \[\[break_glass\.people\]\]\n((?:# .*\n)+)", text, re.MULTILINE)
    assert entry
    shown = entry[1].replace("\n# ", "\n").removeprefix("# ")
    assert set(tomllib.loads(shown)) == set(DeclaredPerson.model_fields)
    rules_of(f'[break_glass]\nenabled = true\napprovers = ["U0BOB"]\n[[break_glass.people]]\n{shown}')


# The function


def test_the_function_carries_what_is_said_and_its_environment_names_the_file(tmp_path: Path) -> None:
    bare = function_of(Deployment.parse(MINIMAL), tmp_path / "bare")
    full = function_of(Deployment.parse(MINIMAL + written()), tmp_path / "full")
    assert full["Code"] != bare["Code"]
    assert full["Environment"]["Variables"]["ROOTWATCH_BREAK_GLASS_FILE"] == BREAK_GLASS_FILE
    assert bare["Environment"]["Variables"]["ROOTWATCH_BREAK_GLASS_FILE"] == ""
    assert "U0ALICE" not in json.dumps(full["Environment"])


def test_a_file_that_is_missing_or_broken_stops_the_function(tmp_path: Path) -> None:
    assert rules_in("", bundle=tmp_path) is None
    assert window_desk(None, client=None, table="alerts", retention_days=400) is None
    for content in (None, "", "{}", "[]"):
        if content is not None:
            (tmp_path / "rules.json").write_text(content)
        with pytest.raises(SettingsError, match=r"rules\.json.*deploy again"):
            rules_in("rules.json", bundle=tmp_path)
