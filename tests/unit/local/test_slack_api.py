"""The local Slack answers slack-sdk the way Slack does, refusals and outages included."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from local.slack import Channel, Fault, RateLimit, SlackServer, SlackServerError
from local.slack.faults import FaultError, Limiter
from local.slack.workspace import PNG

CHANNELS: tuple[str | Channel, ...] = (
    "security-alerts",
    Channel(id="C0QUIET", name="quiet", bot_is_member=False),
    Channel(id="C0ATTIC", name="attic", is_archived=True),
    Channel(id="C0HIDDEN", name="hidden", is_private=True, bot_is_member=False),
)
DIVIDERS = [{"type": "divider"}] * 51


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer(channels=CHANNELS) as server:
        yield server


@pytest.fixture
def client(slack: SlackServer) -> WebClient:
    return WebClient(token=slack.token, base_url=slack.api_url, timeout=5)


def refusal(call: Any, *arguments: Any, **keywords: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call(*arguments, **keywords)
    return str(caught.value.response["error"])


def control(slack: SlackServer, path: str, value: Any = None, **headers: str) -> Any:
    request = urllib.request.Request(
        f"{slack.url}/control/{path}",
        data=None if value is None else json.dumps(value).encode(),
        headers={"Content-Type": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


# --- messages ---


def test_a_message_is_stored_as_it_was_posted(slack: SlackServer, client: WebClient) -> None:
    answer = client.chat_postMessage(
        channel="#security-alerts",
        text="a &lt;b&gt; & c",
        blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "*x*"}}],
        metadata={"event_type": "alert", "event_payload": {"alert_id": "1"}},
        unfurl_links=False,
    )
    (message,) = slack.messages("security-alerts")
    assert message["ts"] == answer["ts"]
    assert message["text"] == "a &lt;b&gt; & c"
    assert message["blocks"][0]["text"]["text"] == "*x*"
    assert message["blocks"][0]["block_id"]
    assert message["metadata"]["event_payload"] == {"alert_id": "1"}
    assert slack.calls("chat.postMessage") == 1


def test_timestamps_are_unique_and_rise(client: WebClient) -> None:
    stamps = [client.chat_postMessage(channel="#security-alerts", text=str(n))["ts"] for n in range(20)]
    assert stamps == sorted(set(stamps))


def test_replies_join_the_thread_and_a_broadcast_is_in_the_channel_too(slack: SlackServer, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="#security-alerts", text="parent")
    where = {"channel": parent["channel"], "thread_ts": parent["ts"]}
    client.chat_postMessage(text="one", **where)
    client.chat_postMessage(text="two", reply_broadcast=True, **where)
    assert [message["text"] for message in slack.messages("security-alerts")] == ["parent", "two"]
    assert [message["text"] for message in slack.replies("security-alerts", parent["ts"])] == ["one", "two"]
    assert slack.messages("security-alerts")[0]["reply_count"] == 2


def test_a_reply_to_a_reply_joins_the_parents_thread(slack: SlackServer, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="#security-alerts", text="parent")
    reply = client.chat_postMessage(channel=parent["channel"], text="one", thread_ts=parent["ts"])
    client.chat_postMessage(channel=parent["channel"], text="two", thread_ts=reply["ts"])
    assert len(slack.replies("security-alerts", parent["ts"])) == 2


def test_an_update_replaces_the_content_and_marks_it_edited(slack: SlackServer, client: WebClient) -> None:
    posted = client.chat_postMessage(channel="#security-alerts", text="before", blocks=[{"type": "divider"}])
    client.chat_update(channel=posted["channel"], ts=posted["ts"], text="after")
    (message,) = slack.messages("security-alerts")
    assert message["text"] == "after"
    assert "blocks" not in message
    assert message["edited"]["ts"] > posted["ts"]


def test_a_persons_message_cannot_be_updated(slack: SlackServer, client: WebClient) -> None:
    channel = slack.workspace.channel("security-alerts")
    message = slack.workspace.post(channel, {"user": "U0ALICE000", "text": "hello"})
    assert refusal(client.chat_update, channel=channel.id, ts=message["ts"], text="x") == "cant_update_message"


def test_an_ephemeral_message_is_for_one_pair_of_eyes(slack: SlackServer, client: WebClient) -> None:
    client.chat_postEphemeral(channel="#security-alerts", user="U0BOB00000", text="psst")
    assert slack.state()["channels"][0]["messages"] == []
    slack.workspace.switch_user("bob")
    assert slack.state()["channels"][0]["messages"][0]["text"] == "psst"


def test_a_deleted_message_is_gone(slack: SlackServer, client: WebClient) -> None:
    posted = client.chat_postMessage(channel="#security-alerts", text="x")
    client.chat_delete(channel=posted["channel"], ts=posted["ts"])
    assert slack.messages("security-alerts") == []
    assert refusal(client.chat_delete, channel=posted["channel"], ts=posted["ts"]) == "message_not_found"


def test_a_file_is_uploaded_and_shared(slack: SlackServer, client: WebClient) -> None:
    client.files_upload_v2(
        channel=slack.workspace.channel("security-alerts").id,
        content="time,call\n",
        filename="timeline.csv",
        title="Timeline",
        initial_comment="The calls",
    )
    (message,) = slack.messages("security-alerts")
    assert message["text"] == "The calls"
    assert message["files"][0]["title"] == "Timeline"
    with urllib.request.urlopen(message["files"][0]["url_private"], timeout=5) as answer:
        assert answer.read() == b"time,call\n"
        assert answer.headers["Content-Disposition"].startswith("attachment")


def upload(slack: SlackServer, client: WebClient, content: bytes, name: str) -> dict[str, Any]:
    client.files_upload_v2(channel=slack.workspace.channel("security-alerts").id, content=content, filename=name)
    file: dict[str, Any] = slack.messages("security-alerts")[-1]["files"][0]
    return file


def test_a_picture_is_shown_and_everything_else_is_only_ever_saved(slack: SlackServer, client: WebClient) -> None:
    picture = upload(slack, client, PNG + b"rest", "timeline.png")
    assert picture["mimetype"] == "image/png"
    with urllib.request.urlopen(f"{picture['url_private']}/picture", timeout=5) as answer:
        assert answer.read() == PNG + b"rest"
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["Content-Disposition"] == 'inline; filename="timeline.png"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    for content, name in ((b"<script>alert(1)</script>", "timeline.png"), (b"<svg onload=alert(1)>", "x.svg")):
        file = upload(slack, client, content, name)
        assert file["mimetype"] == "application/octet-stream"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{file['url_private']}/picture", timeout=5)
        with refused.value as answer:
            assert answer.code == 404
        with urllib.request.urlopen(file["url_private"], timeout=5) as answer:
            assert answer.headers["Content-Type"] == "application/octet-stream"
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_files_name_cannot_write_headers(slack: SlackServer, client: WebClient) -> None:
    file = upload(slack, client, b"x", 'a"b\r\nSet-Cookie: x=1;.csv')
    with urllib.request.urlopen(file["url_private"], timeout=5) as answer:
        assert answer.headers["Set-Cookie"] is None
        assert answer.headers["Content-Disposition"] == 'attachment; filename="a_b__Set-Cookie__x_1_.csv"'


def test_an_upload_needs_its_ticket_and_its_length(slack: SlackServer, client: WebClient) -> None:
    answer = client.files_getUploadURLExternal(filename="a.csv", length=3)
    for url, content in ((str(answer["upload_url"])[:-1] + "-", b"a,b"), (str(answer["upload_url"]), b"longer")):
        with pytest.raises(urllib.error.HTTPError) as refusal_of_upload:
            urllib.request.urlopen(urllib.request.Request(url, data=content, method="POST"), timeout=5)
        refusal_of_upload.value.close()
    with pytest.raises(SlackApiError) as refused:
        client.files_completeUploadExternal(files=[{"id": answer["file_id"], "title": "A"}])
    assert refused.value.response["error"] == "file_not_found"


def test_arguments_may_come_as_json_too(slack: SlackServer) -> None:
    request = urllib.request.Request(
        f"{slack.api_url}chat.postMessage",
        data=json.dumps({"channel": "#security-alerts", "blocks": [{"type": "divider"}]}).encode(),
        headers={"Content-Type": "application/json; charset=utf-8", "Authorization": f"Bearer {slack.token}"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert json.load(answer)["ok"] is True


def test_people_channels_and_groups_can_be_looked_up(slack: SlackServer, client: WebClient) -> None:
    assert client.auth_test()["team"] == "Rootwatch (local)"
    channel = client.conversations_info(channel=slack.workspace.channel("quiet").id)["channel"]
    assert channel["is_member"] is False
    assert {item["name"] for item in client.conversations_list(exclude_archived=True)["channels"]} == {
        "security-alerts",
        "quiet",
    }
    assert client.users_info(user="U0ALICE000")["user"]["name"] == "alice"
    assert client.usergroups_users_list(usergroup="S0ONCALL00")["users"] == ["U0ALICE000", "U0BOB00000"]
    first = client.users_list(limit=2)
    rest = client.users_list(limit=2, cursor=first["response_metadata"]["next_cursor"])
    assert len(first["members"]) + len(rest["members"]) == 4


# --- refusals ---

REFUSALS = [
    ({"channel": "#nowhere", "text": "x"}, "channel_not_found"),
    ({"channel": "C0HIDDEN", "text": "x"}, "channel_not_found"),
    ({"channel": "C0ATTIC", "text": "x"}, "is_archived"),
    ({"channel": "#security-alerts", "text": ""}, "no_text"),
    ({"channel": "#security-alerts", "text": "x" * 40_001}, "msg_too_long"),
    ({"channel": "#security-alerts", "text": "x", "blocks": DIVIDERS}, "invalid_blocks"),
    (
        {
            "channel": "#security-alerts",
            "text": "x",
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "a" * 2900}}] * 5,
        },
        "msg_blocks_too_long",
    ),
    ({"channel": "#security-alerts", "text": "x", "thread_ts": "1.000000"}, "thread_not_found"),
    ({"channel": "#security-alerts", "text": "x", "thread_ts": "yesterday"}, "invalid_thread_ts"),
    ({"channel": "#security-alerts", "text": "x", "metadata": {"event_type": "x"}}, "invalid_metadata_format"),
]


@pytest.mark.parametrize(("arguments", "error"), REFUSALS, ids=[error for _, error in REFUSALS])
def test_a_message_slack_would_refuse_is_refused(client: WebClient, arguments: dict[str, Any], error: str) -> None:
    assert refusal(client.api_call, "chat.postMessage", json=arguments) == error


def test_invalid_blocks_says_which_and_where(client: WebClient) -> None:
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel="#security-alerts", text="x", blocks=DIVIDERS)
    assert caught.value.response["errors"] == ["no more than 50 items allowed [json-pointer:/blocks]"]


def test_a_public_channel_without_the_bot_needs_the_public_scope() -> None:
    with SlackServer(channels=CHANNELS, scopes=["chat:write"]) as slack:
        client = WebClient(token=slack.token, base_url=slack.api_url)
        assert refusal(client.chat_postMessage, channel="#quiet", text="x") == "not_in_channel"
    with SlackServer(channels=CHANNELS, scopes=["chat:write", "chat:write.public"]) as slack:
        client = WebClient(token=slack.token, base_url=slack.api_url)
        assert client.chat_postMessage(channel="#quiet", text="x")["ok"]


def test_a_method_outside_the_scopes_is_refused() -> None:
    with SlackServer(scopes=["chat:write"]) as slack:
        client = WebClient(token=slack.token, base_url=slack.api_url)
        with pytest.raises(SlackApiError) as caught:
            client.users_list()
        assert caught.value.response["error"] == "missing_scope"
        assert caught.value.response["needed"] == "users:read"


def test_tokens_are_checked(slack: SlackServer, client: WebClient) -> None:
    assert refusal(WebClient(token="", base_url=slack.api_url).auth_test) == "not_authed"
    assert refusal(WebClient(token="xoxb-other", base_url=slack.api_url).auth_test) == "invalid_auth"
    slack.credentials.revoked = True
    assert refusal(client.auth_test) == "token_revoked"
    slack.recover()
    assert client.auth_test()["ok"]


def test_an_unknown_method_is_named(client: WebClient) -> None:
    assert refusal(client.api_call, "chat.postPigeon") == "unknown_method"


# --- outages ---


def test_a_fault_spoils_as_many_calls_as_it_was_given(slack: SlackServer, client: WebClient) -> None:
    slack.fail(Fault(kind="error", error="fatal_error", calls=1, method="chat.postMessage"))
    assert client.auth_test()["ok"]
    assert refusal(client.chat_postMessage, channel="#security-alerts", text="x") == "fatal_error"
    assert client.chat_postMessage(channel="#security-alerts", text="x")["ok"]
    assert len(slack.messages("security-alerts")) == 1


def test_being_down_answers_503_until_it_recovers(slack: SlackServer, client: WebClient) -> None:
    slack.fail(Fault(kind="status", status=503))
    for _ in range(3):
        with pytest.raises(SlackApiError) as caught:
            client.auth_test()
        assert caught.value.response.status_code == 503
    slack.recover()
    assert client.auth_test()["ok"]


def test_too_many_requests_says_how_long_to_wait(slack: SlackServer, client: WebClient) -> None:
    slack.fail(Fault(kind="ratelimited", retry_after=17, calls=1))
    with pytest.raises(SlackApiError) as caught:
        client.auth_test()
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "17"


def test_a_reset_connection_is_no_answer(slack: SlackServer, client: WebClient) -> None:
    slack.fail(Fault(kind="reset"))
    with pytest.raises((ConnectionError, urllib.error.URLError)):
        client.auth_test()


def test_a_hanging_answer_meets_the_callers_timeout(slack: SlackServer) -> None:
    slack.fail(Fault(kind="hang", seconds=20))
    with pytest.raises((TimeoutError, urllib.error.URLError)):
        WebClient(token=slack.token, base_url=slack.api_url, timeout=1).auth_test()


def test_a_lost_answer_leaves_the_message_behind(slack: SlackServer, client: WebClient) -> None:
    slack.fail(Fault(kind="status", status=500, calls=1, after=True))
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel="#security-alerts", text="posted all the same")
    assert len(slack.messages("security-alerts")) == 1


def test_a_burst_past_the_pace_is_told_to_wait() -> None:
    with SlackServer(rate_limit=RateLimit(post_burst=2)) as slack:
        client = WebClient(token=slack.token, base_url=slack.api_url)
        for _ in range(2):
            client.chat_postMessage(channel="#security-alerts", text="x")
        with pytest.raises(SlackApiError) as caught:
            client.chat_postMessage(channel="#security-alerts", text="x")
        assert caught.value.response["error"] == "ratelimited"
        assert caught.value.response.headers["Retry-After"] == "1"
        assert client.auth_test()["ok"]


def test_the_pace_is_one_post_a_second_in_each_channel_and_fifty_updates_a_minute() -> None:
    now = [0.0]
    limiter = Limiter(RateLimit(post_burst=1), clock=lambda: now[0])
    assert limiter.wait("chat.postMessage", "C1") == 0
    assert limiter.wait("chat.postMessage", "C1") == 1
    assert limiter.wait("chat.postMessage", "C2") == 0
    now[0] = 1.0
    assert limiter.wait("chat.postMessage", "C1") == 0
    assert [limiter.wait("chat.update", "C1") for _ in range(51)] == [0] * 50 + [2]


# --- controls ---


def test_the_controls_do_what_the_object_does(slack: SlackServer, client: WebClient) -> None:
    control(slack, "fault", {"kind": "error", "error": "fatal_error", "calls": 1})
    assert refusal(client.auth_test) == "fatal_error"
    client.chat_postMessage(channel="#security-alerts", text="x")
    assert control(slack, "calls")["calls"] == {"auth.test": 1, "chat.postMessage": 1}
    channel = slack.workspace.channel("security-alerts").id
    assert [message["text"] for message in control(slack, "messages")[channel]] == ["x"]
    control(slack, "user", {"user": "carol"})
    assert slack.workspace.current_user_id == "U0CAROL000"
    control(slack, "reset", {})
    assert slack.messages("security-alerts") == []
    assert slack.calls() == 0


@pytest.mark.parametrize("fault", [{"kind": "earthquake"}, {"kind": "hang", "seconds": "long"}, {"oops": 1}, 7])
def test_a_fault_nobody_knows_is_refused_with_the_reason(slack: SlackServer, fault: Any) -> None:
    with pytest.raises(FaultError, match="fault"):
        Fault.parse(fault)
    with pytest.raises(urllib.error.HTTPError, match="400") as caught:
        control(slack, "fault", fault)
    caught.value.close()


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}])
def test_another_web_site_may_not_use_the_controls(slack: SlackServer, headers: dict[str, str]) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        control(slack, "reset", {}, **headers)
    caught.value.close()


def test_a_taken_port_is_named_with_the_remedy(slack: SlackServer) -> None:
    with pytest.raises(SlackServerError, match=rf"Port {slack.port} .*another local Slack.*--port"):
        SlackServer(port=slack.port).__enter__()


def test_it_listens_on_loopback_only(slack: SlackServer) -> None:
    assert slack._server is not None
    assert slack._server.server_address[0] == "127.0.0.1"
