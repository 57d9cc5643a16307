"""Setting up Slack: the manifest's link, and a token that is never shown."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from cli.errors import CommandError
from cli.slack import checked_form, manifest, new_app_link

TOKEN = "xoxb-" + "123456789012-" + "a1B2" * 6


def test_the_link_carries_the_whole_manifest(rootwatch):
    text = manifest()
    link = urlsplit(new_app_link(text))
    assert (link.scheme, link.netloc, link.path) == ("https", "api.slack.com", "/apps")
    query = parse_qs(link.query, strict_parsing=True)
    assert query["new_app"] == ["1"]
    assert json.loads(query["manifest_json"][0]) == yaml.safe_load(text)


def test_what_is_printed_is_the_manifest_still(rootwatch):
    result = rootwatch("slack", "manifest")
    assert result.exit_code == 0
    assert yaml.safe_load(result.stdout) == yaml.safe_load(manifest())
    assert result.stdout.startswith("# Create the app with one click: https://api.slack.com/apps?new_app=1&")


def test_the_address_for_slacks_requests_is_filled_in_where_it_is_known(rootwatch):
    url = "https://abc123.lambda-url.us-east-1.on.aws/"
    app = yaml.safe_load(rootwatch("slack", "manifest", "--request-url", url).stdout)
    assert app["settings"]["interactivity"]["request_url"] == url
    assert [command["url"] for command in app["features"]["slash_commands"]] == [url]
    wrong = rootwatch("slack", "manifest", "--request-url", "http://abc\n")
    assert wrong.exit_code == 2
    assert "SlackRequestUrl" in wrong.stderr


def test_white_space_that_copying_adds_is_taken_off():
    assert checked_form(f"  {TOKEN}\r\n") == TOKEN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no token was given"),
        (" \n", "no token was given"),
        ("hello", "this is not a Slack token"),
        ("xoxp-1234567890-abcdef", "this is a user token"),
        ("xapp-1-A123-456-abcdef", "this is an app-level token"),
        ("xoxe.xoxb-1-abcdefghijkl", "this is a rotating token"),
        ("https://hooks.slack.com/services/T0/B0/x", "incoming webhook"),
        ("xoxb-12", "cut short or has other characters"),
        (f"{TOKEN} {TOKEN}", "cut short or has other characters"),
        (f"{TOKEN}\nX-Forged: yes", "cut short or has other characters"),
        (f"{TOKEN}é", "cut short or has other characters"),
        ("xoxb-" + "1" * 5_000, "cut short or has other characters"),
    ],
)
def test_what_is_no_bot_token_is_refused_without_being_repeated(text, message):
    with pytest.raises(CommandError) as caught:
        checked_form(text)
    assert message in str(caught.value)
    if len(text.strip()) > 8:
        assert text.strip()[5:] not in str(caught.value)


def test_a_configuration_that_is_missing_is_named_before_the_token_is_asked_for(rootwatch):
    result = rootwatch("slack", "set-token", input=TOKEN)
    assert result.exit_code == 1
    assert "rootwatch.toml cannot be used" in result.stderr
    assert "rootwatch init" in result.stderr
    assert TOKEN not in result.output
