"""A secret is fetched once in a while, never shown, and its absence says what to do."""

from __future__ import annotations

import logging
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from handlers.adapters.secrets import SecretSource
from handlers.alerting.errors import UnavailableError

_TOKEN = "xoxb-0000-not-a-real-token"
_SSM = "ssm:/rootwatch/slack-token"


class _Store:
    """SSM, as far as we use it: its answers in turn, the last one for ever."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def __call__(self, _service: str) -> _Store:
        return self

    def get_parameter(self, **arguments: Any) -> dict[str, Any]:
        self.asked.append(arguments)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"Parameter": {"Value": answer}}


class _Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetParameter")


def test_a_secret_is_decrypted_stripped_and_kept_for_five_minutes() -> None:
    store, clock = _Store(f"  {_TOKEN}\n"), _Clock()
    source = SecretSource(_SSM, client=store, clock=clock)
    assert source.get() == source.get() == _TOKEN
    assert store.asked == [{"Name": "/rootwatch/slack-token", "WithDecryption": True}]
    clock.now += 299
    source.get()
    assert len(store.asked) == 1
    clock.now += 2
    source.get()
    assert len(store.asked) == 2


def test_a_refused_secret_is_fetched_afresh() -> None:
    store = _Store("old", "new")
    source = SecretSource(_SSM, client=store, clock=_Clock())
    assert (source.get(), source.get(), source.get(refresh=True), source.get()) == ("old", "old", "new", "new")
    assert len(store.asked) == 2


def test_a_store_that_is_down_does_not_take_a_known_secret_away() -> None:
    store, clock = _Store(_TOKEN, EndpointConnectionError(endpoint_url="https://ssm")), _Clock()
    source = SecretSource(_SSM, client=store, clock=clock)
    source.get()
    clock.now += 1_000
    assert source.get() == _TOKEN
    with pytest.raises(UnavailableError, match="EndpointConnectionError"):
        source.get(refresh=True)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (_refusal("ParameterNotFound"), "does not exist yet: store it with `rootwatch slack set-token`"),
        (_refusal("AccessDeniedException"), "may not be read by this function"),
        (_refusal("ThrottlingException"), "ThrottlingException.*tried again"),
        ("", "is empty: store it with `rootwatch slack set-token`"),
        (" \n ", "is empty"),
        ("xoxb-a\nxoxb-b", "characters that no token has"),
        ("xoxb-a xoxb-b", "characters that no token has"),
        ("xoxb-é", "characters that no token has"),
    ],
)
def test_a_secret_that_cannot_be_used_says_what_to_do(answer: str | Exception, said: str) -> None:
    with pytest.raises(UnavailableError, match=said) as caught:
        SecretSource(_SSM, client=_Store(answer), clock=_Clock()).get()
    assert "xoxb" not in str(caught.value)


@pytest.mark.parametrize("place", ["", "ssm:", "ssm: ", "/rootwatch/slack-token", "env:TOKEN", "SSM:/x"])
def test_a_place_of_neither_form_is_refused_at_once(place: str) -> None:
    with pytest.raises(ValueError, match=r"expected 'ssm:/rootwatch/slack-token'"):
        SecretSource(place)


def test_a_secret_is_in_no_log_and_in_no_representation(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    source = SecretSource(_SSM, client=_Store(_TOKEN), clock=_Clock())
    source.get()
    assert _TOKEN not in repr(source) + str(source) + caplog.text


def test_both_stores_of_aws_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("ssm").put_parameter(Name="/rootwatch/slack-token", Value=_TOKEN, Type="SecureString")
        boto3.client("secretsmanager").create_secret(Name="rootwatch/slack-token", SecretString=_TOKEN)
        boto3.client("secretsmanager").create_secret(Name="rootwatch/empty")
        assert SecretSource(_SSM).get() == _TOKEN
        assert SecretSource("secretsmanager:rootwatch/slack-token").get() == _TOKEN
        for place in ("ssm:/rootwatch/other", "secretsmanager:rootwatch/other", "secretsmanager:rootwatch/empty"):
            with pytest.raises(UnavailableError, match="set-token"):
                SecretSource(place).get()
