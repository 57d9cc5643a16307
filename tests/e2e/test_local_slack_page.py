"""The local Slack's page in a real browser: what people see, press and type - and what hostile text cannot do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_httpserver import HTTPServer
from slack_sdk import WebClient
from werkzeug import Request, Response

from handlers.adapters.canvas import Canvas
from local.slack import SlackServer
from tests.e2e.browser import chromium

CHANNEL = "security-alerts"
HOSTILE = [
    "<script>window.hacked=1</script>",
    '<img src=x onerror="window.hacked=1">',
    "<javascript:window.hacked=1|press me>",
    "&lt;script&gt;window.hacked=1&lt;/script&gt;",
    '<https://example.com/" onmouseover="window.hacked=1|hover>',
    "<!date^1^{date}^javascript:window.hacked=1|soon>",
    "`<svg onload=window.hacked=1>`",
    "```<iframe src=javascript:window.hacked=1>```",
    "<data:text/html,<script>window.hacked=1</script>|data>",
    "<@U0ALICE000|<b>bold</b>> :constructor: :__proto__: <!subteam^S0|@admins>",
]


def alert() -> list[dict[str, Any]]:
    return [
        {"type": "header", "text": {"type": "plain_text", "text": ":rotating_light: CRITICAL: root signed in"}},
        {
            "type": "section",
            "fields": [
                {"type": "mrkdwn", "text": "*Who*\nroot of `production`"},
                {"type": "mrkdwn", "text": "*When*\n<!date^1700000000^{date_num}|then>"},
            ],
        },
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "text", "text": "*literal* <https://example.com|x>", "style": {"code": True}},
                        {"type": "user", "user_id": "U0BOB00000"},
                    ],
                }
            ],
        },
        {
            "type": "actions",
            "block_id": "answers",
            "elements": [
                {"type": "button", "text": {"type": "plain_text", "text": "Acknowledge"}, "action_id": "ack"},
                {"type": "button", "text": {"type": "plain_text", "text": "Expected"}, "action_id": "expected"},
            ],
        },
    ]


MODAL = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "Expected"},
    "submit": {"type": "plain_text", "text": "Record"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Why?"},
            "element": {"type": "plain_text_input", "action_id": "reason", "multiline": True},
        }
    ],
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer(channels=[CHANNEL, "digest"]) as server:
        yield server


@pytest.fixture
def client(slack: SlackServer) -> WebClient:
    return WebClient(token=slack.token, base_url=slack.api_url)


@pytest.fixture
def page(browser: Browser, slack: SlackServer) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1300, "height": 860})
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.set_default_timeout(8_000)
    opened.goto(f"{slack.url}/")
    opened.wait_for_selector("body[data-ready]")
    yield opened
    context.close()
    assert errors == []


def test_a_posted_alert_appears_by_itself_and_reads_as_in_slack(page: Page, client: WebClient) -> None:
    expect(page.locator("[data-empty]")).to_be_visible()
    client.chat_postMessage(channel=f"#{CHANNEL}", text="fallback", blocks=alert())
    message = page.locator("[data-messages] [data-role=message]")
    expect(message.locator("h3")).to_have_text("🚨 CRITICAL: root signed in")
    expect(message.locator("[data-field] code")).to_have_text("production")
    expect(message.locator("[data-field] strong").first).to_have_text("Who")
    expect(message.locator("[data-field] time")).to_have_text("2023-11-14")
    expect(message.locator(".rich-section code")).to_have_text("*literal* <https://example.com|x>")
    expect(message.locator("[data-mention=U0BOB00000]")).to_have_text("@bob")
    expect(message).not_to_contain_text("fallback")


def test_mrkdwn_is_drawn_the_way_slack_draws_it(page: Page, client: WebClient, slack: SlackServer) -> None:
    channel = slack.workspace.channel("digest").id
    text = (
        "*bold* _italic_ ~gone~ snake_case_name 2*3*4 `a*b*c` &amp;lt; <https://example.com/?a=1&amp;b=2|link>\n"
        f"&gt; quoted\nend <#{channel}> <!channel> :tada: :nosuchemoji:"
    )
    client.chat_postMessage(channel=f"#{CHANNEL}", text=text)
    body = page.locator("[data-text]")
    expect(body.locator("strong")).to_have_text("bold")
    expect(body.locator("em")).to_have_text("italic")
    expect(body.locator("s")).to_have_text("gone")
    expect(body.locator("code")).to_have_text("a*b*c")
    expect(body.locator("blockquote")).to_have_text("quoted")
    expect(body.locator("a")).to_have_attribute("href", "https://example.com/?a=1&b=2")
    expect(body.locator("a")).to_have_attribute("rel", "noopener noreferrer")
    expect(body).to_contain_text("snake_case_name 2*3*4")
    expect(body).to_contain_text("&lt;")
    expect(body).to_contain_text("#digest @channel")
    expect(body).to_contain_text(":nosuchemoji:")
    expect(body.locator(".emoji")).to_have_text("🎉")


def test_hostile_text_stays_text_wherever_it_is_shown(page: Page, client: WebClient) -> None:
    for text in HOSTILE:
        literal = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
        client.chat_postMessage(
            channel=f"#{CHANNEL}",
            text=text,
            blocks=[
                {"type": "header", "text": {"type": "plain_text", "text": text}},
                {"type": "section", "text": {"type": "mrkdwn", "text": text}},
                {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]},
                {"type": "rich_text", "elements": [literal]},
            ],
            attachments=[{"color": text, "title": text, "title_link": text, "text": text, "footer": text}],
        )
        client.chat_postMessage(channel=f"#{CHANNEL}", text=text, username=text)
    expect(page.locator("[data-messages] [data-role=message]")).to_have_count(2 * len(HOSTILE))
    assert page.evaluate("window.hacked") is None
    assert (
        page.locator("[data-messages] :is(script, iframe, svg, object, embed, img, [onerror], [onmouseover])").count()
        == 0
    )
    for link in page.locator("[data-messages] a").all():
        assert (link.get_attribute("href") or "").startswith("https://example.com/")
    expect(page.locator("h3").first).to_have_text(HOSTILE[0])


def test_the_page_may_load_nothing_from_elsewhere(page: Page, slack: SlackServer) -> None:
    answer = page.request.get(f"{slack.url}/")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert page.request.get(f"{slack.url}/../server.py").status == 404
    assert page.request.get(f"{slack.url}/%2e%2e/server.py").status == 404


def test_a_thread_opens_beside_the_channel_and_takes_replies(page: Page, client: WebClient, slack: SlackServer) -> None:
    parent = client.chat_postMessage(channel=f"#{CHANNEL}", text="parent")
    client.chat_postMessage(channel=parent["channel"], thread_ts=parent["ts"], text="first")
    client.chat_postMessage(channel=parent["channel"], thread_ts=parent["ts"], text="second", reply_broadcast=True)
    expect(page.locator("[data-new-replies]")).to_be_visible()
    page.click(f"[data-open-thread='{parent['ts']}']")
    thread = page.locator("[data-thread-messages]")
    expect(thread.locator("[data-role=message]")).to_have_count(3)
    expect(thread.locator("[data-broadcast]")).to_contain_text("also sent to the channel")
    expect(page.locator("[data-messages] [data-broadcast]")).to_contain_text("replied to a thread: parent")
    page.fill("#thread-input", "<b>on it</b>")
    page.keyboard.press("Enter")
    expect(thread.locator("[data-role=message]").last).to_contain_text("<b>on it</b>")
    assert slack.replies(CHANNEL, parent["ts"])[-1]["user"] == "U0ALICE000"
    page.keyboard.press("Escape")
    expect(page.locator("[data-thread]")).to_be_hidden()


def test_an_update_is_marked_edited(page: Page, client: WebClient) -> None:
    posted = client.chat_postMessage(channel=f"#{CHANNEL}", text="before")
    client.chat_update(channel=posted["channel"], ts=posted["ts"], text="after")
    expect(page.locator("[data-edited]")).to_contain_text("after (edited)")


def test_an_attachment_has_its_colour_and_a_file_can_be_fetched(
    page: Page, client: WebClient, slack: SlackServer
) -> None:
    client.chat_postMessage(channel=f"#{CHANNEL}", text="x", attachments=[{"color": "#e01e5a", "text": "*bar*"}])
    expect(page.locator("[data-attachment]")).to_have_css("border-left-color", "rgb(224, 30, 90)")
    client.files_upload_v2(
        channel=slack.workspace.channel(CHANNEL).id, content="a,b\n", filename="calls.csv", title="Calls"
    )
    with page.expect_download() as download:
        page.click("[data-file]")
    assert download.value.suggested_filename == "calls.csv"


def test_a_picture_is_seen_in_its_thread_and_a_table_is_a_link(
    page: Page, client: WebClient, slack: SlackServer
) -> None:
    parent = client.chat_postMessage(channel=f"#{CHANNEL}", text="x")
    canvas = Canvas(40, 20)
    canvas.disc(20, 10, 8, (192, 86, 0))
    client.files_upload_v2(
        channel=parent["channel"],
        thread_ts=parent["ts"],
        file_uploads=[
            {"content": canvas.png(), "filename": "session.png", "title": "The session", "alt_txt": "One <b>write</b>"},
            {"content": b"time,call\n", "filename": "session.csv", "title": "Every record"},
        ],
    )
    page.click("[data-open-thread]")
    picture = page.locator("[data-thread] [data-picture] img")
    expect(picture).to_be_visible()
    expect(picture).to_have_attribute("alt", "One <b>write</b>")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 40
    with page.expect_download() as download:
        page.click("[data-thread] [data-file]")
    assert download.value.suggested_filename == "session.csv"


def test_a_channel_that_is_not_open_shows_how_many_are_new(page: Page, client: WebClient) -> None:
    for text in "ab":
        client.chat_postMessage(channel="#digest", text=text)
    expect(page.locator("[data-channel-link=digest] .badge")).to_have_text("2")
    expect(page).to_have_title("(2) #security-alerts - Rootwatch (local)")
    page.click("[data-channel-link=digest]")
    expect(page.locator("[data-messages] [data-role=message]")).to_have_count(2)
    expect(page.locator("[data-channel-link=digest] .badge")).to_have_count(0)


def test_buttons_say_that_nothing_listens(page: Page, client: WebClient) -> None:
    client.chat_postMessage(channel=f"#{CHANNEL}", text="x", blocks=alert())
    expect(page.locator("[data-nobody-listens]")).to_be_visible()
    page.click("[data-action-id=ack]")
    expect(page.locator("[data-problem]")).to_contain_text("Nothing listens")


def test_a_click_opens_the_apps_modal_and_its_answer_reaches_the_app(
    page: Page, client: WebClient, slack: SlackServer, httpserver: HTTPServer
) -> None:
    payloads: list[dict[str, Any]] = []

    def app(request: Request) -> Response:
        payload = json.loads(dict(parse_qsl(request.get_data(as_text=True)))["payload"])
        payloads.append(payload)
        if payload["type"] == "block_actions":
            client.views_open(trigger_id=payload["trigger_id"], view=MODAL)
        return Response("")

    httpserver.expect_request("/slack").respond_with_handler(app)
    slack.listen_at(httpserver.url_for("/slack"))
    client.chat_postMessage(channel=f"#{CHANNEL}", text="x", blocks=alert())
    page.click("[data-user=bob]")
    expect(page.locator("[data-user=bob]")).to_have_attribute("aria-pressed", "true")
    page.click("[data-action-id=expected]")
    expect(page.locator("[data-modal] h2")).to_have_text("Expected")
    page.click("[data-submit]")
    expect(page.locator("[data-error-for=why]")).to_have_text("Please complete this required field.")
    page.fill("[data-modal] textarea", "planned work")
    page.click("[data-submit]")
    expect(page.locator("[data-modal]")).to_be_hidden()
    assert [payload["type"] for payload in payloads] == ["block_actions", "view_submission"]
    assert payloads[0]["user"]["username"] == "bob"
    assert payloads[1]["view"]["state"]["values"]["why"]["reason"]["value"] == "planned work"


def test_everything_can_be_reached_with_the_keyboard(page: Page, client: WebClient) -> None:
    client.chat_postMessage(channel=f"#{CHANNEL}", text="x", blocks=alert())
    expect(page.locator("[data-action-id=ack]")).to_be_visible()
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(a => a.dataset.actionId ?? a.dataset.user ?? a.dataset.channelLink ?? a.id)(document.activeElement)"
            )
        )
    assert {CHANNEL, "digest", "alice", "bob", "carol", "ack", "expected", "composer-input"} <= reached


def test_a_new_message_does_not_take_the_focus_away(page: Page, client: WebClient) -> None:
    client.chat_postMessage(channel=f"#{CHANNEL}", text="x", blocks=alert())
    page.focus("[data-action-id=ack]")
    client.chat_postMessage(channel=f"#{CHANNEL}", text="another")
    expect(page.locator("[data-messages] [data-role=message]")).to_have_count(2)
    assert page.evaluate("document.activeElement.dataset.actionId") == "ack"


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Page, client: WebClient) -> None:
    client.chat_postMessage(channel=f"#{CHANNEL}", text="x", blocks=alert())
    client.chat_postMessage(channel=f"#{CHANNEL}", text="w" * 300 + "\n```" + "c" * 300 + "```")
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator("[data-messages] [data-role=message]")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("document.querySelector('[data-messages]').scrollWidth") <= 360
    expect(page.locator("[data-channels]")).to_be_hidden()
    page.click("[data-menu]")
    expect(page.locator("[data-channels]")).to_be_visible()


def test_every_text_has_the_contrast_that_wcag_aa_asks_for(page: Page, client: WebClient) -> None:
    client.chat_postMessage(channel=f"#{CHANNEL}", text="`code` <@U0BOB00000> <!here> <https://example.com|link>")
    client.chat_postMessage(channel=f"#{CHANNEL}", text="x", blocks=alert())
    expect(page.locator("[data-messages] [data-role=message]")).to_have_count(2)
    page.wait_for_timeout(2_600)  # the wash of a new message fades
    found = page.evaluate(CONTRAST)
    assert found["weak"] == []
    assert found["seen"] > 30


# The texts whose ratio of luminances (WCAG 2.2, 1.4.3) is under 4.5; emoji bring their own colours.
CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let n = node; n; n = n.parentElement) {
      const colour = parse(getComputedStyle(n).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const weak = [];
  let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility()) continue;
    if (node.closest("noscript, .emoji, .avatar, .skip")) continue;
    seen += 1;
    const pair = [light(parse(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) weak.push([walker.currentNode.data.trim(), ratio]);
  }
  return { weak, seen };
}"""
