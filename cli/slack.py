"""Setting up Slack: the app's manifest, and the bot token's way into AWS without being shown anywhere."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cli.errors import USAGE, CommandError, project_file
from handlers.adapters.untrusted import plain

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

    from infra.deployment import Deployment

MANIFEST = "slack-app-manifest.yaml"
PLACEHOLDER = "https://example.com/rootwatch"  # stands in the manifest for the address that a deployment has
_REQUEST_URL = re.compile(r"https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]{0,200})?")
# The form of the link that opens Slack's "create an app" with the manifest filled in.
_NEW_APP = "https://api.slack.com/apps?new_app=1&manifest_json="
_TOKEN = re.compile(r"xoxb-[A-Za-z0-9-]{10,250}")
_WHERE = "copy the Bot User OAuth Token from https://api.slack.com/apps -> your app -> OAuth & Permissions."
_OTHER_TOKENS = {
    "xoxp-": "this is a user token; alerts are posted by the app's bot.",
    "xapp-": "this is an app-level token, which cannot post.",
    "xoxe": "this is a rotating token, which expires within hours.",
    "xoxc-": "this is a browser session's token; alerts are posted by the app's bot.",
    "xoxs-": "this is a legacy token; alerts are posted by the app's bot.",
    "https://hooks.": "this is the address of an incoming webhook; Rootwatch needs a bot token.",
}
# One of Slack's words that says something about the token, rather than about Slack's own state.
_SIGNING_SECRET = re.compile(r"[0-9a-f]{32}")
_MOST_SECRETS = 2
_REFUSAL = re.compile(r"(?!ratelimited|internal_error|fatal_error|service_unavailable|request_timeout)[a-z_]{1,60}")
_NEEDED_SCOPE = "chat:write"
_SLACK_SECONDS = 10
_CREDENTIALS = "sign in to AWS (aws sso login, AWS_PROFILE), and check with: aws sts get-caller-identity"
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "KMS.AccessDeniedException")


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Whose token it is, in Slack's words made plain."""

    team: str
    bot: str


def checked_form(text: str) -> str:
    """The token without the white space that copying adds.

    Raises:
        CommandError: it is no bot token; says what it looks like instead, never the text itself.
    """
    token = text.strip()
    if _TOKEN.fullmatch(token):
        return token
    if not token:
        raise CommandError("no token was given.", fix=_WHERE)
    cause = next((why for start, why in _OTHER_TOKENS.items() if token.startswith(start)), None)
    if cause is None and token.startswith("xoxb-"):
        cause = "this begins like a bot token (xoxb-), but is cut short or has other characters in it."
    raise CommandError(cause or "this is not a Slack token: a bot token begins with xoxb-.", fix=_WHERE)


def asked_of_slack(token: str, *, api_url: str | None) -> Workspace:
    """What Slack's auth.test says of this token.

    Raises:
        CommandError: Slack refuses it, or cannot be reached, or the app may not post.
    """
    from slack_sdk.errors import SlackApiError
    from slack_sdk.web.client import WebClient

    silent = logging.Logger("rootwatch.slack")  # the SDK's own would write to stderr beside our message
    silent.addHandler(logging.NullHandler())
    client = WebClient(token=token, timeout=_SLACK_SECONDS, base_url=api_url or WebClient.BASE_URL, logger=silent)
    try:
        answer = client.auth_test()
    except SlackApiError as error:
        code = str(error.response.get("error"))
        if not _REFUSAL.fullmatch(code):
            raise _unasked(f"it answered with HTTP status {error.response.status_code}") from None
        raise CommandError(f"Slack refuses this token: {code}.", fix=f"install the app again, then {_WHERE}") from None
    except Exception as error:  # whatever urllib, ssl or the SDK make of a broken network; its text may quote the token
        raise _unasked(type(error).__name__) from None
    scopes = next((str(value) for name, value in answer.headers.items() if name.lower() == "x-oauth-scopes"), "")
    if scopes and _NEEDED_SCOPE not in {scope.strip() for scope in scopes.split(",")}:
        raise CommandError(
            f"this token may not post: its app lacks the scope {_NEEDED_SCOPE}.",
            fix="create the app with `rootwatch slack manifest`, install it, and set its token.",
        )
    return Workspace(
        team=plain(str(answer.get("team", "unknown")), 80), bot=plain(str(answer.get("user", "unknown")), 80)
    )


def _unasked(why: str) -> CommandError:
    return CommandError(
        f"Slack cannot be asked about this token: {why}.",
        fix="check the network and try again, or store the token unchecked with --no-check.",
    )


def checked_signing_secrets(text: str) -> str:
    """One signing secret, or two with a comma between while the first replaces the second.

    Raises:
        CommandError: what was given is something else; it is not repeated in the message.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > _MOST_SECRETS or not all(_SIGNING_SECRET.fullmatch(part) for part in parts):
        raise CommandError(
            "this is not a signing secret: one is 32 characters, 0 to 9 and a to f.",
            fix="copy it from the app's page: api.slack.com/apps -> Rootwatch -> Basic Information -> Signing Secret.",
        )
    return ",".join(parts)


def store_signing_secret(secret: str, deployment: Deployment) -> str:
    """Put the signing secret where the deployment keeps it; like `store`."""
    return stored(
        secret,
        deployment,
        name=deployment.signing_secret_name,
        store=deployment.react.signing_secret_store,
        description="With which Slack signs what it sends to Rootwatch",
    )


def store(token: str, deployment: Deployment) -> str:
    """Put the token where the deployment keeps it; returns that place in words. Doing it again replaces the token.

    Raises:
        CommandError: AWS refuses, cannot be reached, or it is another account than the deployment's.
    """
    return stored(
        token,
        deployment,
        name=deployment.slack_token_name,
        store=deployment.slack.token_store,
        description="The bot token Rootwatch posts to Slack with",
    )


def stored(value: str, deployment: Deployment, *, name: str, store: str, description: str) -> str:
    """Put a secret into the store ("ssm", "secretsmanager") under a name; like `store`."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})
    region = deployment.home_region
    try:
        session = boto3.Session(region_name=region)
        account = session.client("sts", config=config).get_caller_identity()["Account"]
        if account != deployment.account:
            raise CommandError(
                f"your AWS credentials belong to account {account}, and this deployment to {deployment.account}.",
                fix=f"use credentials of {deployment.account} (AWS_PROFILE), or correct [deployment] account.",
            )
        if store == "secretsmanager":
            session.client("secretsmanager", config=config).put_secret_value(SecretId=name, SecretString=value)
            return f"the secret {name} in Secrets Manager, {region}"
        session.client("ssm", config=config).put_parameter(
            Name=name,
            Value=value,
            Type="SecureString",
            Overwrite=True,
            Description=description,
        )
    except ClientError as error:
        raise _refused(error, name, region) from None
    except BotoCoreError as error:
        # Its text may quote what was sent; its name cannot.
        raise CommandError(f"AWS cannot be asked: {type(error).__name__}.", fix=f"{_CREDENTIALS}.") from None
    return f"the parameter {name} (SecureString) in Systems Manager, {region}"


def _refused(error: ClientError, name: str, region: str) -> CommandError:
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    operation = error.operation_name
    if code == "ResourceNotFoundException":
        return CommandError(
            f"the secret {name} does not exist yet in {region}: the deployment creates it.",
            fix="deploy first (cdk deploy --all), then set it.",
        )
    if code in _DENIED:
        return CommandError(f"AWS does not let you call {operation} ({code}).", fix=f"ask for this right on {name}.")
    return CommandError(f"AWS refused {operation} in {region}: {plain(code, 80)}.", fix=f"{_CREDENTIALS}.")


def manifest(request_url: str = "") -> str:
    """The Slack app's manifest, as YAML, with the address where Slack's requests are to go where that is known.

    Raises:
        CommandError: it is no https address.
    """
    text = project_file(MANIFEST, "it describes the Slack app")
    if not request_url:
        return text
    if not _REQUEST_URL.fullmatch(request_url):
        raise CommandError(
            f"{plain(request_url, 200)} is not an https address.",
            fix="copy the output SlackRequestUrl of the Alerting stack.",
            code=USAGE,
        )
    head, _, body = text.partition("display_information:")  # the comment above keeps the placeholder it explains
    return f"{head}display_information:{body.replace(PLACEHOLDER, request_url)}"


def new_app_link(manifest_yaml: str) -> str:
    """The address that opens Slack with this manifest filled in."""
    import yaml  # type: ignore[import-untyped]

    value: Any = yaml.safe_load(manifest_yaml)
    return _NEW_APP + quote(json.dumps(value, separators=(",", ":"), ensure_ascii=False), safe="")
