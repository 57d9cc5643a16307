"""The guided story, seen in a real browser: what a newcomer sees who runs `make try`."""

import pytest
from playwright.sync_api import expect
from rich.console import Console

from cli.try_ import tell
from local.stage import Stage
from local.story import scenes
from tests.e2e.browser import chromium


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A stage of its own, with the whole story told on it."""
    with Stage(directory=tmp_path_factory.mktemp("story"), time_zone="Asia/Tokyo") as stage:
        problems = tell(stage, Console(quiet=True))
        yield stage, problems


def test_the_story_brings_exactly_the_expected_alerts(told):
    stage, problems = told
    assert problems == []
    assert len(stage.aws.mails()) >= 4


def test_the_page_shows_the_alerts_and_the_thread(told, tmp_path):
    stage, _ = told
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1800}, device_scale_factor=1.5)
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(stage.slack.url)
        messages = page.locator("[data-messages] > [data-ts]")
        expect(messages.first).to_be_visible()
        for words in ("CRITICAL", "Root signed in", "bob", "CloudTrail", "Asia/Tokyo"):
            expect(page.locator("[data-messages]")).to_contain_text(words)
        parents = len({m["ts"] for m in stage.messages() if m.get("subtype") != "thread_broadcast"})
        assert parents == len({(s.expected.detection_id, s.expected.about) for s in scenes() if s.expected})
        page.screenshot(path=str(tmp_path / "channel.png"))
        root = stage.messages()[0]
        page.locator(f"[data-ts='{root['ts']}']").first.screenshot(path=str(tmp_path / "alert.png"))
        hidden = messages.filter(has_text="read-only-helper").first
        expect(hidden).to_contain_text("What changed")  # against the harmless policy that was there before
        hidden.screenshot(path=str(tmp_path / "changed.png"))
        page.goto(f"{stage.slack.url}/#/{root.get('channel', '')}")
        page.locator(f"[data-ts='{root['ts']}']").first.locator("button", has_text="repl").first.click()
        expect(page.locator("[data-thread]")).to_be_visible()
        expect(page.locator("[data-thread-messages]")).to_contain_text("RunInstances")
        page.screenshot(path=str(tmp_path / "thread.png"))
        assert errors == []
