"""`rootwatch init`: eight questions, each answer checked at once, and a file that loads."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.errors import CommandError
from cli.init import configuration
from infra.deployment import GLOBAL_REGIONS, KNOWN_REGIONS, Deployment, partition_of

REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLE = (REPOSITORY / "rootwatch.example.toml").read_text(encoding="utf-8")
NEEDED = ("--account", "123456789012", "--channel", "C0123456789")


def test_yes_takes_options_and_defaults_and_writes_a_file_that_loads(rootwatch, tmp_path):
    result = rootwatch("init", "--yes", *NEEDED, "--email", "alice@example.com")
    assert (result.exit_code, result.stderr) == (0, "")
    deployment = Deployment.load(tmp_path / "rootwatch.toml")
    assert deployment.account == "123456789012"
    assert deployment.watched_regions == ("us-east-1",)
    assert deployment.email.addresses == ("alice@example.com",)
    assert (deployment.trail.mode, deployment.config.mode) == ("create", "skip")


def test_what_was_not_asked_is_at_its_default(rootwatch, tmp_path):
    rootwatch("init", "--yes", *NEEDED, "--home-region", "eu-west-1")
    written = Deployment.load(tmp_path / "rootwatch.toml")
    minimal = Deployment.from_mapping(
        {
            "deployment": {"account": "123456789012", "home_region": "eu-west-1", "watched_regions": ["us-east-1"]},
            "slack": {"channel": "C0123456789"},
            "react": {"enabled": True},
            "reminders": {"enabled": True, "daily_line": True},
        }
    )
    assert written == minimal


def test_every_explanation_of_the_example_is_kept(rootwatch, tmp_path):
    rootwatch("init", "--yes", *NEEDED)
    text = (tmp_path / "rootwatch.toml").read_text()
    prose = [line for line in EXAMPLE.split("\n") if line.startswith("# ") and " = " not in line]
    assert len(prose) > 40
    assert [line for line in prose if line not in text] == []


def test_the_questions_are_asked_one_after_another_and_a_wrong_answer_is_asked_again(rootwatch, tmp_path):
    answers = [
        *("12", "123456789012"),
        *("us-esat-1", "ap-northeast-1"),
        *("eu-west-1", "us-east-1, eu-west-1"),
        *("#security", "C0123456789"),
        *("alice at example.com", "alice@example.com, bob@example.com"),
        *("perhaps", "yes", "", "main", "s3://logs", "my-logs"),
        *("maybe", "create"),
        *("fr", "ja"),
        *("perhaps not", "no"),
        *("sometimes", "yes"),
    ]
    result = rootwatch("init", input="\n".join(answers) + "\n")
    assert result.exit_code == 0, result.output
    for problem in (
        '"12" is not an AWS account id',
        'did you mean "us-east-1"?',
        "us-east-1 is neither the home region nor watched",
        '"#security" is not a channel ID',
        '"alice at example.com" is not an e-mail address',
        '"perhaps" is not one of the choices',
        '"" is not a name CloudTrail accepts',
        '"s3://logs" is not the name of a bucket',
        '"maybe" is not one of the choices',
        '"fr" is not one of the choices',
        '"perhaps not"',
        '"sometimes"',
    ):
        assert problem in result.stderr
    deployment = Deployment.load(tmp_path / "rootwatch.toml")
    assert deployment.watched_regions == ("ap-northeast-1", "us-east-1", "eu-west-1")
    assert deployment.email.addresses == ("alice@example.com", "bob@example.com")
    assert (deployment.trail.mode, deployment.trail.name, deployment.trail.bucket_name) == (
        "existing",
        "main",
        "my-logs",
    )
    assert deployment.config.mode == "create"
    assert deployment.display.language == "ja"
    assert not deployment.react.enabled
    assert deployment.reminders.enabled
    assert deployment.reminders.daily_line


def test_buttons_and_reminders_can_be_declined_and_bring_their_own_steps(rootwatch, tmp_path):
    result = rootwatch("init", "--yes", *NEEDED)
    assert "rootwatch slack set-signing-secret" in result.stdout
    assert "SlackRequestUrl" in result.stdout
    result = rootwatch("init", "--yes", "--force", *NEEDED, "--react", "no", "--reminders", "no", "--language", "ja")
    deployment = Deployment.load(tmp_path / "rootwatch.toml")
    assert (deployment.react.enabled, deployment.reminders.enabled, deployment.reminders.daily_line) == (False,) * 3
    assert deployment.display.language == "ja"
    assert "set-signing-secret" not in result.stdout


def test_enter_takes_the_defaults(rootwatch, tmp_path):
    result = rootwatch("init", input="123456789012\n\n\nC0123456789\n\n\n\n\n\n\n")
    assert result.exit_code == 0
    assert "[us-east-1]" in result.stdout
    assert "nobody hears of it" in " ".join(result.stderr.split())  # no e-mail address: said, not refused
    assert Deployment.load(tmp_path / "rootwatch.toml").home_region == "us-east-1"


def test_an_option_answers_its_question(rootwatch):
    result = rootwatch("init", *NEEDED, "--trail", "skip", input="\n" * 7)
    assert result.exit_code == 0
    assert "AWS account id" not in result.stdout
    assert "already a CloudTrail trail" not in result.stdout


def test_config_that_cannot_record_iam_in_the_home_region_is_asked_again(rootwatch):
    result = rootwatch("init", input="123456789012\nap-southeast-4\n\nC0123456789\n\n\ncreate\nskip\n\n\n\n")
    assert result.exit_code == 0
    assert "AWS Config cannot record IAM identities in ap-southeast-4" in result.stderr


def test_everything_that_is_missing_or_wrong_is_said_at_once(rootwatch, tmp_path):
    result = rootwatch("init", "--yes", "--home-region", "mars", "--config-recorder", "perhaps", "--trail", "existing")
    assert result.exit_code == 2
    for option in ("--account is", "--home-region: ", "--channel is", "--trail-name is", "--trail-bucket is"):
        assert option in result.stderr
    assert "--config-recorder: " in result.stderr
    assert not (tmp_path / "rootwatch.toml").exists()


def test_the_name_of_a_trail_without_an_existing_one_is_refused(rootwatch):
    result = rootwatch("init", "--yes", *NEEDED, "--trail", "create", "--trail-name", "main")
    assert result.exit_code == 2
    assert "--trail-name and --trail-bucket name an existing trail" in result.stderr


def test_a_file_that_exists_is_not_overwritten_unless_forced(rootwatch, tmp_path):
    path = tmp_path / "rootwatch.toml"
    path.write_text("precious")
    result = rootwatch("init", "--yes", *NEEDED)
    assert result.exit_code == 1
    assert "rootwatch.toml exists already" in result.stderr
    assert "--force" in result.stderr
    assert path.read_text() == "precious"
    assert rootwatch("init", "--yes", "--force", *NEEDED).exit_code == 0
    assert Deployment.load(path).account == "123456789012"


def test_a_folder_that_is_not_there_is_named(rootwatch):
    result = rootwatch("init", "--yes", *NEEDED, "--output", "no/where.toml")
    assert result.exit_code == 1
    assert "no/where.toml cannot be written: there is no such file or folder" in result.stderr


def test_input_that_ends_early_writes_nothing(rootwatch, tmp_path):
    result = rootwatch("init", input="123456789012\n")
    assert result.exit_code == 1
    assert "the input ended before everything was answered" in result.stderr
    assert list(tmp_path.glob("*.toml")) == []


def test_the_next_steps_name_every_region_and_the_file(rootwatch):
    result = rootwatch("init", "--yes", *NEEDED, "--home-region", "eu-west-1", "-o", "other.toml")
    assert "cdk bootstrap aws://123456789012/eu-west-1 aws://123456789012/us-east-1" in result.stdout
    assert "cdk deploy --all -c config=other.toml" in result.stdout
    assert "rootwatch slack set-token --config other.toml" in result.stdout


def test_the_home_region_defaults_to_the_environments(rootwatch, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    rootwatch("init", "--yes", *NEEDED)
    deployment = Deployment.load(tmp_path / "rootwatch.toml")
    assert deployment.watched_regions == ("eu-central-1", "us-east-1")


_NAMES = st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True)
_ADDRESSES = st.builds("{}@{}.example.com".format, _NAMES, _NAMES)


@st.composite
def _answers(draw):
    home = draw(st.sampled_from([r for r in KNOWN_REGIONS if partition_of(r) == "aws"]))
    others = draw(st.lists(st.sampled_from(["us-east-2", "eu-west-1", "ap-northeast-1"]), unique=True))
    needed = [] if home == GLOBAL_REGIONS["aws"] else [GLOBAL_REGIONS["aws"]]
    trail = draw(
        st.just({"mode": "create"})
        | st.just({"mode": "skip"})
        | st.fixed_dictionaries(
            {
                "mode": st.just("existing"),
                "name": st.from_regex(r"[A-Za-z0-9]{3,20}", fullmatch=True),
                "bucket_name": st.from_regex(r"[a-z0-9]{3,20}", fullmatch=True),
            }
        )
    )
    return {
        "deployment": {
            "account": draw(st.from_regex(r"[0-9]{12}", fullmatch=True)),
            "home_region": home,
            "watched_regions": [*needed, *others],
        },
        "slack": {"channel": draw(st.from_regex(r"[CG][A-Z0-9]{8,12}", fullmatch=True))},
        "email": {"addresses": draw(st.lists(_ADDRESSES, unique=True, max_size=3))},
        "trail": trail,
        "config": {"mode": draw(st.sampled_from(["existing", "skip"]))},
    }


@settings(max_examples=60, deadline=None)
@given(_answers())
def test_whatever_is_answered_is_what_the_file_says(answers):
    text = configuration(answers, example=EXAMPLE)
    assert Deployment.parse(text) == Deployment.from_mapping(answers)
    read = tomllib.loads(text)
    for section, given_ in answers.items():
        for key, value in given_.items():
            assert read[section][key] == value


def test_an_example_that_lost_a_section_still_gives_a_file_that_loads():
    answers = {
        "deployment": {"account": "123456789012", "home_region": "us-east-1"},
        "slack": {"channel": "C0123456789"},
        "trail": {"mode": "skip"},
    }
    text = configuration(answers, example="# nothing but a comment\n")
    assert Deployment.parse(text) == Deployment.from_mapping(answers)


@pytest.mark.parametrize("example", ["[deployment]\nname = [\n", "[deployment]\n[deployment]\n"])
def test_a_damaged_example_is_named(example):
    answers = {
        "deployment": {"account": "123456789012", "home_region": "us-east-1"},
        "slack": {"channel": "C0123456789"},
    }
    with pytest.raises(CommandError, match=r"(?s)rootwatch.example.toml is damaged: .*git checkout"):
        configuration(answers, example=example)


@pytest.mark.parametrize("answer", ['"; [advanced]', "C01234\n[advanced]", "\x7f", "C0123456789\u2028"])
def test_no_answer_can_write_a_setting_of_its_own(rootwatch, tmp_path, answer):
    result = rootwatch("init", "--yes", "--account", "123456789012", "--channel", answer)
    assert result.exit_code == 2
    assert "is not a channel ID" in result.stderr
    assert "\x7f" not in result.stderr
    assert not (tmp_path / "rootwatch.toml").exists()
