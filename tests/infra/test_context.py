"""[context]: what alerts are enriched with, checked when the configuration is read, and carried by the function."""

from __future__ import annotations

from pathlib import Path

import maxminddb
import pytest
from aws_cdk import App

from infra import deployment
from infra.alert_pipeline import COUNTRY_FILE, NETWORK_FILE
from infra.alerting_stack import AlertingStack
from infra.deployment import ConfigurationError, Deployment, Problem
from infra.python_function import LAMBDA, asset_hash
from tests.mmdb import mmdb

MINIMAL = """\
[deployment]
account = "123456789012"
home_region = "us-east-1"
[slack]
channel = "C0123456789"
[context]
"""
FILE = mmdb({"192.0.2.0/24": {"country": {"iso_code": "JP"}}})


def parsed(text: str, folder: Path) -> Deployment:
    return Deployment.parse(MINIMAL + text, file=str(folder / "rootwatch.toml"))


def problem(text: str, folder: Path) -> Problem:
    with pytest.raises(ConfigurationError) as caught:
        parsed(text, folder)
    (found,) = caught.value.problems
    return found


def test_nothing_is_looked_up_elsewhere_and_nothing_costs_unless_it_is_asked_for(tmp_path: Path) -> None:
    context = parsed("", tmp_path).context
    assert (context.mmdb_country, context.mmdb_asn, context.access_analyzer_checks) == (None, None, False)


def test_an_address_file_is_found_beside_the_configuration_or_by_its_whole_path(tmp_path: Path) -> None:
    (tmp_path / "country.mmdb").write_bytes(FILE)
    assert parsed('mmdb_country = "country.mmdb"', tmp_path).context.mmdb_country == str(tmp_path / "country.mmdb")
    elsewhere = parsed(f'mmdb_asn = "{tmp_path}/country.mmdb"', tmp_path / "elsewhere")
    assert elsewhere.context.mmdb_asn == str(tmp_path / "country.mmdb")


@pytest.mark.parametrize(
    ("value", "cause", "remedy"),
    [
        ('"missing.mmdb"', "cannot be read: No such file or directory", "relative to the folder of this configuration"),
        ('"."', "cannot be read: Is a directory", "check the path"),
        ('"text.mmdb"', "not a file in MaxMind's format", "unpack it first"),
        ('"large.mmdb"', "the function can carry 1,000", "instead of the one with cities"),
        ('""', "not the path of a file", "in quotes"),
        ("7", "not the path of a file", "in quotes"),
        ('"a\\u0000b"', "not the path of a file", "in quotes"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_line_cause_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, cause: str, remedy: str
) -> None:
    (tmp_path / "text.mmdb").write_text("a,b,c\n")
    (tmp_path / "large.mmdb").write_bytes(bytes(1_000) + FILE)
    monkeypatch.setattr(deployment, "MAXIMUM_MMDB_BYTES", 1_000)
    found = problem(f"mmdb_country = {value}", tmp_path)
    assert (found.key, found.line) == ("context.mmdb_country", 7)
    assert cause in found.cause
    assert remedy in found.remedy


def test_a_key_that_does_not_exist_is_answered_with_the_nearest(tmp_path: Path) -> None:
    assert "mmdb_country" in problem('mmdb_contry = "x"', tmp_path).remedy


def test_the_function_carries_the_files_and_other_files_are_another_deployment(tmp_path: Path) -> None:
    (tmp_path / "country.mmdb").write_bytes(FILE)
    (tmp_path / "asn.mmdb").write_bytes(mmdb({"192.0.2.0/24": {"autonomous_system_number": 64500}}))
    of = parsed('mmdb_country = "country.mmdb"\nmmdb_asn = "asn.mmdb"', tmp_path)
    app = App(outdir=str(tmp_path / "out"))
    AlertingStack(app, "alerting", deployment=of, detections=())
    app.synth()
    (country,) = (tmp_path / "out").glob(f"asset.*/{COUNTRY_FILE}")
    (network,) = (tmp_path / "out").glob(f"asset.*/{NETWORK_FILE}")
    assert country.parents[1] == network.parents[1]
    with maxminddb.open_database(country) as reader:
        assert reader.get("192.0.2.1") == {"country": {"iso_code": "JP"}}
    one, other = (asset_hash(LAMBDA, files={COUNTRY_FILE: content}) for content in (FILE, FILE + b"."))
    assert len({one, other, asset_hash(LAMBDA)}) == 3
