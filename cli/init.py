"""Eight questions, each checked at once, and the commented rootwatch.toml that comes of the answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from cli.errors import USAGE, CommandError, project_file, reason_of
from cli.terminal import complain
from cli.toml_text import Value, filled_in
from infra.deployment import GLOBAL_REGIONS, ConfigurationError, Deployment, Problem, partition_of

EXAMPLE = "rootwatch.example.toml"
_RESTORE = f"restore the file: git checkout {EXAMPLE}"
Answers = dict[str, dict[str, Value]]  # section -> setting -> value


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the command line already says; None (or nothing) for what it leaves open."""

    account: str | None = None
    home_region: str | None = None
    watched_regions: tuple[str, ...] = ()
    channel: str | None = None
    email: tuple[str, ...] | None = None
    trail: str | None = None
    trail_name: str | None = None
    trail_bucket: str | None = None
    config: str | None = None
    language: str | None = None
    react: str | None = None
    reminders: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Question:
    """One setting that is asked for."""

    section: str
    key: str
    option: str  # how the command line gives the answer
    text: str
    means: str  # one line
    default: Callable[[Answers], str | None]  # None: there is none, it has to be answered
    read: Callable[[str], Value] = str.strip
    asked_if: Callable[[Answers], bool] = lambda _answers: True
    checks: tuple[str, ...] = ()  # further keys that this answer decides
    also: tuple[str, ...] = ()  # settings of the same section that get the same answer

    @property
    def keys(self) -> tuple[str, ...]:
        return (f"{self.section}.{self.key}", *self.checks)

    def put(self, answers: Answers, value: Value) -> None:
        """Take the answer."""
        answers.setdefault(self.section, {}).update(dict.fromkeys((self.key, *self.also), value))


def _words(text: str) -> Value:
    return [part.strip() for part in text.split(",") if part.strip()]


def _mode(text: str) -> Value:
    words = {"y": "existing", "yes": "existing", "n": "create", "no": "create"}
    return words.get(text.strip().casefold(), text.strip().casefold())


def _switch(text: str) -> Value:
    """Yes or no; what is neither is left as it is, for the configuration to refuse."""
    word = text.strip().casefold()
    return {**dict.fromkeys(("y", "yes", "true"), True), **dict.fromkeys(("n", "no", "false"), False)}.get(word, word)


def _needs_trail(answers: Answers) -> bool:
    return answers["trail"]["mode"] == "existing"


_QUESTIONS = (
    _Question(
        section="deployment",
        key="account",
        option="--account",
        text="1. AWS account id",
        means="The account that Rootwatch is deployed to and watches: 12 digits.",
        default=lambda _: _account_of_credentials(),
    ),
    _Question(
        section="deployment",
        key="home_region",
        option="--home-region",
        text="   Home region",
        means="Where alerts are made and kept: the region closest to the people on call.",
        default=lambda _: os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
    ),
    _Question(
        section="deployment",
        key="watched_regions",
        option="--watch",
        text="   Further regions",
        means="Root can act in every region: name each other one that is enabled in the account, with commas.",
        default=lambda answers: ", ".join(_must_be_watched(answers)),
        read=_words,
    ),
    _Question(
        section="slack",
        key="channel",
        option="--channel",
        text="2. Slack channel ID",
        means="Where alerts go. In Slack: click the channel's name; the ID (C...) is at the foot of the About tab.",
        default=lambda _: None,
    ),
    _Question(
        section="email",
        key="addresses",
        option="--email",
        text="3. E-mail address",
        means="Gets the worst alerts too, and hears when Slack or Rootwatch itself fails. Several: with commas.",
        default=lambda _: "",
        read=_words,
    ),
    _Question(
        section="trail",
        key="mode",
        option="--trail",
        text="4. Is there already a CloudTrail trail for all regions? (yes, no)",
        means="Without a trail nothing is seen. A second trail costs about 2 USD for each 100,000 events.",
        default=lambda _: "no",
        read=_mode,
    ),
    _Question(
        section="trail",
        key="name",
        option="--trail-name",
        text="   Its name",
        means="`aws cloudtrail describe-trails` shows it as Name.",
        default=lambda _: None,
        asked_if=_needs_trail,
    ),
    _Question(
        section="trail",
        key="bucket_name",
        option="--trail-bucket",
        text="   Its bucket",
        means="`aws cloudtrail describe-trails` shows it as S3BucketName.",
        default=lambda _: None,
        asked_if=_needs_trail,
    ),
    _Question(
        section="config",
        key="mode",
        option="--config-recorder",
        text="5. AWS Config recorder (create, existing, skip)",
        means="Keeps the history of IAM identities and checks rules on it, for 1 to 5 USD a month; one per region.",
        default=lambda _: "skip",
        read=lambda text: text.strip().casefold(),
        checks=("config",),
    ),
    _Question(
        section="display",
        key="language",
        option="--language",
        text="6. Language of alerts (en, ja)",
        means="What people read: alerts, buttons, mails, runbooks. Others can be told in another one: [destinations].",
        default=lambda _: "en",
        read=lambda text: text.strip().casefold(),
    ),
    _Question(
        section="react",
        key="enabled",
        option="--react",
        text="7. Buttons in Slack? (yes, no)",
        means="Own an alert, say it was expected, call for help. Makes one public address, for what Slack has signed.",
        default=lambda _: "yes",
        read=_switch,
    ),
    _Question(
        section="reminders",
        key="enabled",
        option="--reminders",
        text="8. Reminders? (yes, no)",
        means="Brings up what nobody has taken, and says each working morning whether all is well, Rootwatch included.",
        default=lambda _: "yes",
        read=_switch,
        also=("daily_line",),
    ),
)


def initialise(given: Given, *, output: Path, ask: bool, force: bool) -> None:
    """Collect the answers and write the file.

    Raises:
        CommandError: the file exists, cannot be written, or an option is missing or wrong.
    """
    if given.trail not in ("existing", None) and (given.trail_name or given.trail_bucket):
        raise CommandError(
            f"--trail-name and --trail-bucket name an existing trail, but --trail is {given.trail!a}.",
            fix="write --trail existing, or leave them out.",
            code=USAGE,
        )
    if output.exists() and not force:
        raise CommandError(
            f"{output} exists already, and it may hold settings that were never asked for.",
            fix="give another --output, or overwrite it with --force.",
        )
    example = project_file(EXAMPLE, "the configuration is made from it")
    answers = _asked(given) if ask else _decided(given)
    text = configuration(answers, example=example)
    deployment = Deployment.parse(text, file=str(output))  # what we write must load
    _write(output, text, force=force)
    _print_next_steps(output, deployment)


def configuration(answers: Answers, *, example: str) -> str:
    """The example with these answers filled in, and everything else at its default.

    Raises:
        CommandError: the example is damaged, so that what comes of it does not load or does not say what was answered.
    """
    settings = {(section, key): value for section, answer in answers.items() for key, value in answer.items()}
    try:
        text = filled_in(example, settings, keep=_is_default)
        written = Deployment.parse(text, file=EXAMPLE).model_dump(mode="json", by_alias=True)
    except (ValueError, ConfigurationError) as error:
        raise CommandError(f"{EXAMPLE} is damaged: {error}", fix=_RESTORE) from error
    for (section, key), value in settings.items():
        if written[section][key] != value:
            raise CommandError(f"{EXAMPLE}: [{section}] {key} could not be filled in.", fix=_RESTORE)
    return text


def _is_default(section: str, key: str, value: Any) -> bool:
    """Whether the configuration's own default says the same."""
    models = {field.alias or name: field.annotation for name, field in Deployment.model_fields.items()}
    setting = getattr(models.get(section), "model_fields", {}).get(key)
    if setting is None or setting.is_required():
        return False
    default = setting.get_default(call_default_factory=True)
    return bool((list(default) if isinstance(default, tuple) else default) == value)


def _asked(given: Given) -> Answers:
    """Ask at the terminal; what the command line gave is not asked again."""
    answers: Answers = {}
    typer.echo("Eight questions; Enter takes what stands in [brackets].\n")
    for question in _QUESTIONS:
        if not question.asked_if(answers):
            continue
        value = _given_answer(given, question)
        if value is not None:
            _accept(answers, question, value)
            continue
        typer.echo(question.means)
        default = question.default(answers)
        while True:
            text = typer.prompt(question.text, default="" if default is None else default, show_default=bool(default))
            question.put(answers, question.read(text))
            problems = _problems(answers, question)
            if not problems:
                typer.echo("")
                break
            for problem in problems:
                complain(f"  {problem.cause}\n  Fix: {problem.remedy}")
    return answers


def _decided(given: Given) -> Answers:
    """Options and defaults alone; everything that is missing or wrong is said at once."""
    answers: Answers = {}
    troubles = []
    for question in _QUESTIONS:
        if not question.asked_if(answers):
            continue
        value = _given_answer(given, question)
        if value is None:
            default = question.default(answers)
            if default is None:
                troubles.append(f"{question.option} is missing. {question.means}")
                continue
            value = question.read(default)
        try:
            _accept(answers, question, value)
        except CommandError as error:
            troubles.append(str(error))
    if troubles:
        raise CommandError("\n".join(troubles), fix="see `rootwatch init --help`.", code=USAGE)
    return answers


def _given_answer(given: Given, question: _Question) -> Value | None:
    match question.section, question.key:
        case "deployment", "account":
            return given.account
        case "deployment", "home_region":
            return given.home_region
        case "deployment", "watched_regions":
            return list(given.watched_regions) or None
        case "slack", "channel":
            return given.channel
        case "email", "addresses":
            return None if given.email is None else list(given.email)
        case "trail", "mode":
            return given.trail or ("existing" if given.trail_name or given.trail_bucket else None)
        case "trail", "name":
            return given.trail_name
        case "trail", "bucket_name":
            return given.trail_bucket
        case "display", "language":
            return given.language
        case "react", "enabled":
            return None if given.react is None else _switch(given.react)
        case "reminders", "enabled":
            return None if given.reminders is None else _switch(given.reminders)
        case _:
            return given.config


def _accept(answers: Answers, question: _Question, value: Value) -> None:
    """Take an answer from the command line, or refuse it in the words of the configuration."""
    question.put(answers, value)
    if problems := _problems(answers, question):
        if (question.section, question.key) == ("trail", "mode"):  # what depends on it is not asked after a wrong one
            answers[question.section][question.key] = "skip"
        causes = "\n".join(f"{question.option}: {p.cause}\n  Fix: {p.remedy}" for p in problems)
        raise CommandError(causes, code=USAGE)


def _must_be_watched(answers: Answers) -> list[str]:
    """The region that records root sign-ins, where it is not the home region."""
    home = str(answers["deployment"]["home_region"])
    needed = GLOBAL_REGIONS[partition_of(home)]
    return [] if needed == home else [needed]


def _problems(answers: Answers, question: _Question) -> list[Problem]:
    """What the configuration's own rules say about this answer; what is not answered yet does not count."""
    keys = question.keys
    try:
        Deployment.from_mapping(answers)
    except ConfigurationError as error:
        return [p for p in error.problems if p.key and any(p.key == key or p.key.startswith(f"{key}[") for key in keys)]
    return []


def _account_of_credentials() -> str | None:
    """The account of the AWS credentials at hand, as a default; None where there are none, or AWS does not answer."""
    try:
        import boto3
        from botocore.config import Config

        config = Config(connect_timeout=3, read_timeout=3, retries={"total_max_attempts": 1})
        session = boto3.Session()
        region = session.region_name or "us-east-1"
        return session.client("sts", region_name=region, config=config).get_caller_identity()["Account"]
    except Exception:  # a default is a convenience: without one the question is simply asked
        return None


def _write(output: Path, text: str, *, force: bool) -> None:
    try:
        with output.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(
            f"{output} cannot be written: {reason_of(error)}.", fix="give another --output, in a folder of yours."
        ) from error


def _print_next_steps(output: Path, deployment: Deployment) -> None:
    regions = " ".join(f"aws://{deployment.account}/{region}" for region in deployment.watched_regions)
    is_usual = output.name == "rootwatch.toml"
    option = "" if is_usual else f" --config {output}"
    context = "" if is_usual else f" -c config={output}"
    deploy = f"cdk deploy --all{context}"
    steps = [
        ("look at what will be made", f"cdk diff --all{context}"),
        ("prepare each region, once", f"cdk bootstrap {regions}"),
        ("create the Slack app, and install it", "rootwatch slack manifest"),
        ("give AWS the app's bot token", f"rootwatch slack set-token{option}"),
    ]
    # CloudFormation cannot create a SecureString, so we do; but it does create the secret, which we then fill.
    steps.insert(len(steps) if deployment.slack.token_store == "ssm" else 3, ("deploy", deploy))  # noqa: S105 - a place
    if deployment.react.enabled:
        steps.append(("give AWS the app's signing secret", f"rootwatch slack set-signing-secret{option}"))
        steps.append(("give the app its address", "the output SlackRequestUrl, under Interactivity & Shortcuts"))
    if deployment.email.addresses:
        steps.append(("confirm each address", "follow the link in the mail from AWS"))
    typer.echo(f"Wrote {output}: every setting is explained in it.\n\nNext:")
    width = max(len(what) for what, _ in steps)
    for number, (what, how) in enumerate(steps, start=1):
        typer.echo(f"  {number}. {what:<{width}}  {how}")
    if not deployment.break_glass.enabled:
        typer.echo(
            "\nA planned use of root can be asked for, approved by a second person, and then disturbs nobody: name\n"
            f"who may ask and who approves in [break_glass] of {output}, and switch it on there."
        )
    for warning in deployment.warnings:
        complain(f"\nNote: {warning}")
