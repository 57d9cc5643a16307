"""A responder's work in a real browser: buttons and forms of the deployed Rootwatch, in both languages."""

import json

import pytest
from playwright.sync_api import expect

from handlers.adapters.wording import LANGUAGES
from handlers.alerting.life import Cause, State, Verb
from local.stage import Stage
from tests.e2e.browser import chromium
from tests.e2e.test_alerting import event_of, parents_of
from tests.e2e.test_reacting import audit_entries, book_of

ACCOUNT = "200000009999"
ANSWERED_WITHIN, SHOWN_WITHIN = 1.0, 2.0  # seconds


@pytest.fixture(scope="module", params=["en", "ja"])
def stage(request, tmp_path_factory):
    with Stage(directory=tmp_path_factory.mktemp(request.param), language=request.param) as running:
        running.language = request.param
        yield running


@pytest.fixture
def page(stage):
    with chromium() as browser:
        opened = browser.new_page(viewport={"width": 1100, "height": 1500})
        errors = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.goto(stage.slack.url)
        yield opened
        assert errors == []


def test_the_whole_life_of_an_alert_is_pressed_typed_and_shown(stage, page, tmp_path):
    words = LANGUAGES[stage.language]
    stage.aws.put_event(event_of("signs in", ACCOUNT))
    assert stage.until(lambda: bool(parents_of(stage, ACCOUNT)), seconds=30) is not None
    (parent,) = parents_of(stage, ACCOUNT)
    message = page.locator(f"[data-messages] > [data-ts='{parent['ts']}']")
    took = {}

    def shows(state):
        return f"{words.label.format(label=words.state)} {words.states[state]}"

    def press(verb, user):
        page.click(f"[data-user={user}]")
        expect(page.locator(f"[data-user={user}]")).to_have_attribute("aria-pressed", "true")
        message.locator(f"[data-action-id=rootwatch-{verb}]").click()

    def shown(state, name):
        seconds = stage.until(
            lambda: words.states[state] in json.dumps(parents_of(stage, ACCOUNT)[0], ensure_ascii=False), seconds=30
        )
        assert seconds is not None, f"{state} was not shown"
        took[name] = seconds
        expect(message).to_contain_text(shows(state))

    expect(message).to_contain_text(shows(State.OPEN))
    message.screenshot(path=str(tmp_path / "1-open.png"))
    press(Verb.ACKNOWLEDGE, "alice")
    shown(State.ACKNOWLEDGED, "acknowledge (cold)")
    message.screenshot(path=str(tmp_path / "2-acknowledged.png"))

    press(Verb.EXPECT, "bob")
    form = page.locator("[data-modal]")
    expect(form.locator("h2")).to_have_text(words.verbs[Verb.EXPECT].removesuffix("..."))
    form.locator("textarea").fill("<!channel> *planned* maintenance of the billing contact")
    form.locator("input[type=text]").fill("OPS-1234")
    page.screenshot(path=str(tmp_path / "3-expected-form.png"))
    page.click("[data-submit]")
    expect(form).to_be_hidden()
    shown(State.EXPECTED, "expect")
    expect(message).to_contain_text("OPS-1234")
    message.screenshot(path=str(tmp_path / "4-expected.png"))

    press(Verb.REOPEN, "alice")
    shown(State.OPEN, "reopen")
    press(Verb.ESCALATE, "alice")
    shown(State.ESCALATED, "escalate")
    called = page.locator("[data-messages]").get_by_text("@on-call").first
    expect(called).to_be_visible()
    press(Verb.CLOSE, "bob")
    form.locator("select").select_option(label=words.causes[Cause.MENDED])
    form.locator("textarea").fill("the password was changed")
    page.screenshot(path=str(tmp_path / "5-close-form.png"))
    page.click("[data-submit]")
    shown(State.CLOSED, "close")
    expect(message).to_contain_text(words.causes[Cause.MENDED])
    message.locator("button", has_text="repl").first.click()
    expect(page.locator("[data-thread-messages]")).to_contain_text(words.states[State.CLOSED])
    page.screenshot(path=str(tmp_path / "6-closed-and-thread.png"))

    answers = [delivery.seconds for delivery in stage.slack.deliveries]
    print(
        f"\n{stage.language}: from the click to the changed message: "
        + ", ".join(f"{name} {s:.2f} s" for name, s in took.items())
    )
    print(
        f"{stage.language}: the door answered within "
        + ", ".join(f"{s:.2f}" for s in answers)
        + " s (the first is a cold start)"
    )
    print(f"{stage.language}: screenshots in {tmp_path}")
    assert [delivery.status for delivery in stage.slack.deliveries] == [200] * len(answers)
    assert max(answers) < ANSWERED_WITHIN
    assert max(seconds for name, seconds in took.items() if "cold" not in name) < SHOWN_WITHIN

    (alert,) = [item for item in stage.alerts() if item.headline.account == ACCOUNT]
    told = [(act.verb, life.state) for act, life in book_of(stage).history(alert.id)]
    assert told == [
        (Verb.ACKNOWLEDGE, State.ACKNOWLEDGED),
        (Verb.EXPECT, State.EXPECTED),
        (Verb.REOPEN, State.OPEN),
        (Verb.ESCALATE, State.ESCALATED),
        (Verb.CLOSE, State.CLOSED),
    ]
    assert [entry["state"] for entry in audit_entries(stage, alert.id)] == [state for _, state in told]
