"""A deployment's configuration: what it means, and how a mistake in it is explained."""

from __future__ import annotations

import re
import tomllib
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from infra.deployment import MAXIMUM_FILE_BYTES, Config, ConfigurationError, Deployment, Problem

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "rootwatch.example.toml"

MINIMAL = """\
[deployment]
account = "123456789012"
home_region = "us-east-1"
[slack]
channel = "C0123456789"
"""


def refused(text: str) -> ConfigurationError:
    """The error that `text` ends in."""
    with pytest.raises(ConfigurationError) as caught:
        Deployment.parse(text)
    return caught.value


def only_problem(text: str) -> Problem:
    """The single problem of `text`."""
    (problem,) = refused(text).problems
    return problem


# What it means


def test_account_region_and_channel_are_enough() -> None:
    deployment = Deployment.parse(MINIMAL)
    assert deployment.name == "rootwatch"
    assert deployment.watched_regions == ("us-east-1",)
    assert deployment.forwarding_regions == ()
    assert deployment.termination_protection is True
    assert deployment.trail.mode == "create"
    assert deployment.trail.object_lock == "governance"
    assert deployment.config.mode == "skip"  # it costs
    assert deployment.analyzer.mode == "create"  # it does not
    assert deployment.slack_token_name == "/rootwatch/slack-token"


def test_the_home_region_is_watched_first_and_not_forwarded_to_itself() -> None:
    text = MINIMAL.replace(
        'home_region = "us-east-1"',
        'home_region = "ap-northeast-1"\nwatched_regions = ["us-east-1", "ap-northeast-1", "eu-west-1"]',
    )
    deployment = Deployment.parse(text)
    assert deployment.watched_regions == ("ap-northeast-1", "us-east-1", "eu-west-1")
    assert deployment.forwarding_regions == ("us-east-1", "eu-west-1")


@pytest.mark.parametrize(
    ("home", "partition", "global_region"),
    [
        ("us-east-1", "aws", "us-east-1"),
        ("cn-north-1", "aws-cn", "cn-north-1"),
        ("us-gov-west-1", "aws-us-gov", "us-gov-west-1"),
    ],
)
def test_names_and_arns_belong_to_the_partition(home: str, partition: str, global_region: str) -> None:
    deployment = Deployment.parse(MINIMAL.replace("us-east-1", home))
    assert deployment.partition == partition
    assert deployment.global_region == global_region
    assert deployment.hub_bus_arn == f"arn:{partition}:events:{home}:123456789012:event-bus/rootwatch-hub"
    assert deployment.trail_arn == f"arn:{partition}:cloudtrail:{home}:123456789012:trail/rootwatch-trail"
    assert deployment.trail_bucket_name == f"rootwatch-trail-123456789012-{home}"


def test_everything_is_named_after_the_deployment() -> None:
    deployment = Deployment.parse(MINIMAL.replace("[slack]", 'name = "other"\n[slack]\ntoken_store = "secretsmanager"'))
    assert deployment.slack_token_name == "other/slack-token"
    assert deployment.trail_name == "other-trail"
    assert deployment.hub_bus_name == "other-hub"


def test_an_existing_trail_may_live_elsewhere() -> None:
    arn = "arn:aws:cloudtrail:eu-west-1:210987654321:trail/main"
    deployment = Deployment.parse(
        MINIMAL + f'[trail]\nmode = "existing"\nname = "main"\nbucket_name = "logs"\narn = "{arn}"\nkey_prefix = "a/"\n'
    )
    assert deployment.trail_arn == arn
    assert deployment.trail_bucket_name == "logs"
    assert deployment.trail.key_prefix == "a"


def test_a_skipped_trail_has_neither_arn_nor_bucket() -> None:
    deployment = Deployment.parse(MINIMAL + '[trail]\nmode = "skip"\n')
    assert deployment.trail_arn is None
    assert deployment.trail_bucket_name is None


@pytest.mark.parametrize(
    ("sections", "creates"),
    [
        ('[trail]\nmode = "skip"\n[analyzer]\nmode = "skip"', False),
        ('[trail]\nmode = "skip"\n[analyzer]\nmode = "existing"', False),
        ('[trail]\nmode = "skip"\n[analyzer]\nmode = "existing"\nunused_access = true', True),
        ('[trail]\nmode = "skip"\n[analyzer]\nmode = "skip"\n[config]\nmode = "existing"', True),
        ('[trail]\nmode = "skip"\n[analyzer]\nmode = "skip"\n[config]\nmode = "existing"\nrules = false', False),
        ('[trail]\nmode = "skip"', True),
    ],
)
def test_an_evidence_stack_without_resources_is_known_beforehand(sections: str, creates: bool) -> None:
    assert Deployment.parse(MINIMAL + sections).creates_evidence is creates


def test_a_deployment_cannot_be_changed() -> None:
    deployment = Deployment.parse(MINIMAL)
    with pytest.raises(ValidationError, match="frozen"):
        deployment.trail.mode = "skip"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (MINIMAL, "email.addresses is empty"),
        (MINIMAL + '[trail]\nmode = "skip"', "nothing is ever detected"),
        (MINIMAL + '[trail]\nobject_lock = "none"', "can delete the records"),
        (MINIMAL.replace("[slack]", 'watched_regions = ["us-east-3"]\n[slack]'), "us-east-3 is not a region we know"),
    ],
)
def test_what_works_but_is_risky_is_warned_about(text: str, warning: str) -> None:
    assert any(warning in item for item in Deployment.parse(text).warnings)


def test_nothing_is_warned_about_without_need() -> None:
    assert Deployment.load(EXAMPLE).warnings == ()


# The example


def settings_of(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """Section -> setting -> default, for every section but [accounts], whose keys are the user's."""
    return {
        info.alias or name: {key: item.get_default() for key, item in info.annotation.model_fields.items()}
        for name, info in model.model_fields.items()
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
    }


def written(default: Any) -> Any:
    """A default as the file has it."""
    if isinstance(default, time):
        return f"{default:%H:%M}"
    return list(default) if isinstance(default, tuple) else default


def test_the_example_explains_every_setting() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^(?:# )?\[(\w+)\].*?\n(.*?)(?=^(?:# )?\[\w+\]|\Z)", text, re.MULTILINE | re.DOTALL))
    missing = [
        f"{section}.{key}"
        for section, keys in settings_of(Deployment).items()
        for key in keys
        if not re.search(rf"^#? *{key} = ", sections.get(section, ""), re.MULTILINE)
        and f"{key} = " not in sections.get(section, "")
        and f"# [[{section}.{key}]]\n" not in text
    ]
    assert missing == []
    assert "accounts" in sections


def test_the_example_shows_defaults_where_it_does_not_have_to_choose() -> None:
    content = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    # What has no default, and the places where the example shows more than the default.
    chosen = {
        "deployment.account",
        "deployment.home_region",
        "deployment.watched_regions",
        "slack.channel",
        "email.addresses",
        "config.mode",
    }
    different = {
        f"{section}.{key}"
        for section, keys in settings_of(Deployment).items()
        for key, default in keys.items()
        if key in content.get(section, {}) and content[section][key] != written(default)
    }
    assert different == chosen


def test_the_advanced_defaults_of_the_example_are_the_defaults() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    hidden = text[text.index("# [advanced]\n") :].replace("# ", "", 1).replace("\n# ", "\n")
    shown = tomllib.loads(hidden)["advanced"]
    defaults = settings_of(Deployment)["advanced"]
    assert set(shown) == set(defaults)
    del shown["slack_api_url"]  # shown with an example, and said so
    assert shown == {key: defaults[key] for key in shown}


# Mistakes


@pytest.mark.parametrize(
    ("text", "line", "key", "cause", "remedy"),
    [
        # deployment
        (MINIMAL.replace('"123456789012"', "123456789012"), 2, "deployment.account", "number", '"123456789012"'),
        (MINIMAL.replace('"123456789012"', '"1234"'), 2, "deployment.account", '"1234" is not', "12 digits"),
        (MINIMAL.replace("us-east-1", "us-esat-1"), 3, "deployment.home_region", "no region", "us-east-1"),
        (
            MINIMAL.replace("us-east-1", "Virginia"),
            3,
            "deployment.home_region",
            "not the name of an AWS region",
            "like",
        ),
        (
            MINIMAL.replace("[slack]", 'name = "Root Watch"\n[slack]'),
            4,
            "deployment.name",
            "cannot begin",
            "lower-case",
        ),
        (
            MINIMAL.replace("[slack]", 'watched_regions = ["cn-north-1"]\n[slack]'),
            4,
            "deployment.watched_regions",
            "another partition",
            "configuration of its own",
        ),
        (
            MINIMAL.replace("[slack]", 'watched_regions = [\n  "eu-west-1",\n  "eu-wset-2",\n]\n[slack]'),
            6,
            "deployment.watched_regions[1]",
            '"eu-wset-2"',
            '"eu-west-2"',
        ),
        (
            MINIMAL.replace("[slack]", 'watched_regions = ["eu-west-1", "eu-west-1"]\n[slack]'),
            4,
            "deployment.watched_regions",
            "more than once",
            "once",
        ),
        (
            MINIMAL.replace("[slack]", 'watched_regions = "eu-west-1"\n[slack]'),
            4,
            "deployment.watched_regions",
            "list",
            "[",
        ),
        (
            MINIMAL.replace("[slack]", 'termination_protection = "no"\n[slack]'),
            4,
            "deployment.termination_protection",
            "neither true nor false",
            "without quotes",
        ),
        # slack, email, display, accounts, identity_center
        (MINIMAL.replace("C0123456789", "#alerts"), 5, "slack.channel", '"#alerts" is not a channel ID', "About"),
        (MINIMAL + 'token_store = "smm"', 6, "slack.token_store", "not one of the choices", 'mean "ssm"'),
        (MINIMAL + '[email]\naddresses = ["alice"]', 7, "email.addresses", "not an e-mail", "security@example.com"),
        (
            MINIMAL + '[email]\naddresses = ["alice@example.com", "Alice@example.com"]',
            7,
            "email.addresses",
            "more than once",
            "once",
        ),
        (MINIMAL + '[email]\nminimum_severity = "HIHG"', 7, "email.minimum_severity", "not a severity", '"HIGH"'),
        (MINIMAL + '[display]\ntime_zone = "Asia/Tokio"', 7, "display.time_zone", "not a time zone", '"Asia/Tokyo"'),
        (MINIMAL + '[display]\nlanguage = "jp"', 7, "display.language", '"jp"', '"en", "ja"'),
        (MINIMAL + '[working_hours]\nstarts = "08:00"', 6, "working_hours.ends", "missing", '"19:00"'),
        (
            MINIMAL + '[working_hours]\nstarts = "8"\nends = "19:00"',
            7,
            "working_hours.starts",
            "not a time of day",
            '"08:00"',
        ),
        (MINIMAL + '[working_hours]\nstarts = "08:00"\nends = "08:00"', 8, "working_hours.ends", "the same", "go home"),
        (
            MINIMAL + '[working_hours]\ndays = ["Mo"]\nstarts = "08:00"\nends = "19:00"',
            7,
            "working_hours.days",
            '"Mo" is not a day',
            "Mon, Tue",
        ),
        (
            MINIMAL + '[working_hours]\ndays = []\nstarts = "08:00"\nends = "19:00"',
            7,
            "working_hours.days",
            "no day",
            "once",
        ),
        (MINIMAL + '[accounts]\n"1234" = "production"', 7, "accounts.1234", "not an AWS account id", "12 digits"),
        (MINIMAL + '[accounts]\n123456789012 = ""', 7, "accounts.123456789012", "cannot be shown", "printable"),
        (
            MINIMAL + '[identity_center]\nhome_region = "eu-west-1"',
            6,
            "identity_center",
            "neither the home region nor watched",
            "watched_regions",
        ),
        # trail
        (MINIMAL + '[trail]\nmode = "existin"', 7, "trail.mode", "not one of the choices", '"existing"'),
        (MINIMAL + '[trail]\nretention_days = "90"', 7, "trail.retention_days", "not a whole number", "without quotes"),
        (MINIMAL + "[trail]\nretention_days = 7", 7, "trail.retention_days", "too small", "at least 90"),
        (
            MINIMAL + "[trail]\nretention_days = 100",
            6,
            "trail.object_lock_days",
            "365 days of Object Lock outlast the 100 days",
            "lower object_lock_days",
        ),
        (
            MINIMAL + '[trail]\nobject_lock = "compliance"',
            6,
            "trail.compliance_confirmation",
            "cannot be undone",
            '"objects cannot be deleted for 365 days by anyone"',
        ),
        (MINIMAL + '[trail]\nbucket_name = "logs"', 7, "trail.bucket_name", 'mode is "create"', "existing"),
        (MINIMAL + '[trail]\nname = "a..b"', 7, "trail.name", "not a name CloudTrail accepts", "3 to 128"),
        (MINIMAL + '[trail]\norganization_id = "acme"', 7, "trail.organization_id", "organization id", "o-a1b2c3d4e5"),
        (
            MINIMAL + '[trail]\nmode = "existing"\nname = "a-b"\nbucket_name = "logs"\narn = "main"',
            10,
            "trail.arn",
            "not the ARN of a trail",
            "TrailARN",
        ),
        # config, analyzer, alerts, advanced
        (
            MINIMAL + '[config]\nresource_types = ["AWS::IAM"]',
            7,
            "config.resource_types",
            "resource type",
            "AWS::IAM::",
        ),
        (MINIMAL + "[config]\nresource_types = []", 7, "config.resource_types", "empty", "default"),
        (
            MINIMAL.replace('"us-east-1"', '"eu-south-2"\nwatched_regions = ["us-east-1"]')
            + '[config]\nmode = "create"',
            7,
            "config",
            "cannot record IAM identities in eu-south-2",
            "home_region",
        ),
        (MINIMAL + "[analyzer]\nunused_days = 400", 7, "analyzer.unused_days", "too large", "at most 365"),
        (
            MINIMAL + "[alerts]\nlog_retention_days = 100",
            7,
            "alerts.log_retention_days",
            "100 days",
            "nearest it can is 90",
        ),
        (
            MINIMAL + '[advanced]\nslack_api_url = "https://slack.com.example.com/api/"',
            7,
            "advanced.slack_api_url",
            "Slack token",
            "loopback",
        ),
        (MINIMAL + "[advanced]\nretry_cap_seconds = 5", 7, "advanced.retry_cap_seconds", "below", "as large"),
        # the file
        (MINIMAL + '[trial]\nmode = "skip"', 6, "trial", "no such section", 'mean "trail"'),
        (MINIMAL + "[trail]\nretention_dais = 90", 7, "trail.retention_dais", "no such setting", '"retention_days"'),
        (MINIMAL + "[alerts]\nobject_lock_days = 90", 7, "alerts.object_lock_days", "in [alerts]", "below [trail]"),
        ('home_region = "us-east-1"\n' + MINIMAL, 1, "home_region", "above the first section", "[deployment]"),
        (MINIMAL + "[alerts]\ncolour = 1", 7, "alerts.colour", "no such setting", "knows retention_days"),
        ("trail = 3\n" + MINIMAL, 1, "trail", "not a section", "[trail]"),
        ("accounts = 3\n" + MINIMAL, 1, "accounts", "not a section", "[accounts]"),
        (
            MINIMAL.replace('account = "123456789012"\n', ""),
            1,
            "deployment.account",
            "is missing",
            "below [deployment]",
        ),
        (MINIMAL.replace('[slack]\nchannel = "C0123456789"\n', ""), None, "slack", "section is missing", "add [slack]"),
    ],
)
def test_a_mistake_names_its_line_key_cause_and_remedy(
    text: str, line: int | None, key: str, cause: str, remedy: str
) -> None:
    problem = only_problem(text)
    assert problem.key == key
    assert problem.line == line
    assert cause in problem.cause
    assert remedy in problem.remedy
    place = "rootwatch.toml" if line is None else f"rootwatch.toml:{line}"
    assert f"{place}: {key}: {problem.cause}" in str(refused(text))


def test_a_deployment_that_would_not_see_root_sign_ins_is_refused_with_the_reason() -> None:
    problem = only_problem(MINIMAL.replace("us-east-1", "eu-west-1"))
    assert "root sign-ins and all IAM writes are recorded in us-east-1 and nowhere else" in problem.cause
    assert 'add "us-east-1" to watched_regions' in problem.remedy


def test_an_existing_trail_needs_both_name_and_bucket() -> None:
    error = refused(MINIMAL + '[trail]\nmode = "existing"')
    assert [problem.key for problem in error.problems] == ["trail.name", "trail.bucket_name"]


def test_every_problem_is_reported_at_once_in_the_order_of_the_file() -> None:
    text = MINIMAL.replace("C0123456789", "alerts") + '[trail]\nmode = "new"\n[email]\naddresses = ["bob"]\n[oops]\n'
    error = refused(text)
    assert [problem.key for problem in error.problems] == ["slack.channel", "trail.mode", "email.addresses", "oops"]
    assert str(error).startswith("rootwatch.toml cannot be used: 4 problems.")
    assert str(error).count("Fix: ") == 4


@pytest.mark.parametrize(
    "sentence",
    [
        "Objects cannot be deleted for 30 days by anyone",
        "objects cannot be deleted for 365 days by anyone",
        "yes",
    ],
)
def test_compliance_mode_needs_the_exact_sentence_with_the_right_number(sentence: str) -> None:
    trail = '[trail]\nobject_lock = "compliance"\nobject_lock_days = 30\ncompliance_confirmation = '
    assert only_problem(f'{MINIMAL}{trail}"{sentence}"').key == "trail.compliance_confirmation"
    accepted = Deployment.parse(f'{MINIMAL}{trail}"objects cannot be deleted for 30 days by anyone"')
    assert accepted.trail.object_lock == "compliance"


def test_without_a_lock_its_days_do_not_matter() -> None:
    assert Deployment.parse(MINIMAL + '[trail]\nobject_lock = "none"\nretention_days = 90').trail.retention_days == 90


def test_config_in_a_new_region_is_fine_without_iam_types() -> None:
    text = MINIMAL.replace('"us-east-1"', '"eu-south-2"\nwatched_regions = ["us-east-1"]')
    deployment = Deployment.parse(text + '[config]\nmode = "create"\nresource_types = ["AWS::S3::Bucket"]')
    assert deployment.config == Config(mode="create", resource_types=("AWS::S3::Bucket",))


@pytest.mark.parametrize("url", ["https://slack.com/api/", "https://slack-gov.com/api/", "http://127.0.0.1:8080/api/"])
def test_the_slack_token_goes_to_slack_or_to_this_machine(url: str) -> None:
    assert Deployment.parse(f'{MINIMAL}[advanced]\nslack_api_url = "{url}"').advanced.slack_api_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://slack.com/api/",
        "https://slack.com@example.com/api/",
        "https://evilslack.com/api/",
        "http://169.254.169.254/",
        "http://127.0.0.1.example.com/",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "file:///etc/passwd",
    ],
)
def test_the_slack_token_goes_nowhere_else(url: str) -> None:
    assert only_problem(f'{MINIMAL}[advanced]\nslack_api_url = "{url}"').key == "advanced.slack_api_url"


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL.replace("C0123456789", "xoxb-1111-secret"),
        MINIMAL + 'token = "xoxb-1111-secret"',
        MINIMAL + 'signing_secret = "xoxb-1111-secret"',
        MINIMAL + '[display]\ntime_zone = "xoxb-1111-secret"',
        MINIMAL + '[email]\nminimum_severity = ["xoxb-1111-secret"]',
    ],
)
def test_a_token_in_the_file_is_refused_and_never_repeated(text: str) -> None:
    assert "secret" not in str(refused(text)).replace("signing_secret", "").replace("a secret must never", "").replace(
        "withdraw the secret", ""
    )


def test_what_a_terminal_would_obey_is_spelled_out() -> None:
    report = str(refused(MINIMAL.replace("C0123456789", "\\u001b[31mred\\u0007\\nFix: none")))
    assert "\x1b" not in report
    assert "\x07" not in report
    assert '"\\x1b[31mred\\x07\\nFix: none"' in report


def test_a_value_of_any_length_is_shown_short() -> None:
    assert len(only_problem(MINIMAL.replace("C0123456789", "x" * 10_000)).cause) < 300


# Files


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[deployment]\nname = rootwatch\n", ":2:8:"),
        ('[deployment]\nname = "rootwatch\n', ":2:18:"),
        ("[deployment]\nregions = [\n", ":2:12:"),
        ('[deployment]\nname = "a"\nname = "b"\n', ":3:11:"),
    ],
)
def test_broken_toml_says_line_and_column(text: str, place: str) -> None:
    error = refused(text)
    assert f"rootwatch.toml{place}" in str(error)
    assert "this is not TOML" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "account = " + "1" * 5000,  # more digits than Python converts
        "[deployment]\naccount = 0x" + "f" * 5000,
        "[alerts]\nretention_days = 0x" + "f" * 5000,
        "[deployment]\nwatched_regions = [0x" + "f" * 5000 + "]",
        "[deployment]\naccount = -5",
        "a = " + "[" * 5000,
        "[deployment]\naccount = " + "[" * 50 + "]" * 50,
    ],
)
def test_monstrous_values_are_explained_too(text: str) -> None:
    assert len(str(refused(text))) < 2_000


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file") as caught:
        Deployment.load(tmp_path / "rootwatch.toml")
    assert "`rootwatch init`" in str(caught.value)
    assert str(tmp_path / "rootwatch.toml") in str(caught.value)


def test_a_folder_is_not_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a folder"):
        Deployment.load(tmp_path)


def test_a_file_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "rootwatch.toml"
    file.write_bytes((MINIMAL + '[accounts]\n"123456789012" = "本番"\n').encode("shift_jis"))
    with pytest.raises(ConfigurationError, match="is not UTF-8") as caught:
        Deployment.load(file)
    assert f"{file}:7:" in str(caught.value)


def test_a_huge_file_is_not_parsed(tmp_path: Path) -> None:
    file = tmp_path / "rootwatch.toml"
    file.write_bytes(b"#" * (MAXIMUM_FILE_BYTES + 1))
    with pytest.raises(ConfigurationError, match="1,000,001 bytes"):
        Deployment.load(file)


def test_files_of_windows_editors_are_read(tmp_path: Path) -> None:
    file = tmp_path / "rootwatch.toml"
    file.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert Deployment.load(file) == Deployment.parse(MINIMAL)


def test_lines_are_found_behind_strings_that_look_like_settings() -> None:
    text = MINIMAL + '[accounts]\n"210987654321" = """\n[trail]\nmode = 1"""\n[trail]\nmode = "new"\n'
    assert [(problem.key, problem.line) for problem in refused(text).problems] == [
        ("accounts.210987654321", 7),
        ("trail.mode", 11),
    ]


def test_dotted_keys_have_lines_too() -> None:
    assert only_problem('trail.mode = "new"\n' + MINIMAL).line == 1


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
known_sections = st.sampled_from([*settings_of(Deployment), "accounts"])
known_keys = st.sampled_from(sorted({key for keys in settings_of(Deployment).values() for key in keys}))


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        known_sections | st.text(max_size=8),
        values | st.dictionaries(known_keys | st.text(max_size=8), values, max_size=4),
        max_size=4,
    )
)
def test_no_content_ends_in_anything_but_a_deployment_or_an_explanation(content: dict[str, Any]) -> None:
    try:
        Deployment.from_mapping(content)
    except ConfigurationError as error:
        assert error.problems
        assert all(problem.cause and problem.remedy for problem in error.problems)
        assert all(line.isprintable() for line in str(error).split("\n"))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="[]=\"'.,#{}\\\n ab1", max_size=60))
def test_no_text_ends_in_a_traceback(text: str) -> None:
    with pytest.raises(ConfigurationError):
        Deployment.parse(text)
