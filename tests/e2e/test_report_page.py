"""The monthly report of a generated month, opened in a real browser and printed, in both languages."""

import re

import pytest

from audit.report.building import report_of
from audit.report.example import HOSTILE_AGENT, example_facts
from audit.report.month import Month
from audit.report.page import html_of
from audit.report.words import LANGUAGES
from tests.e2e.browser import chromium

REPORT = report_of(example_facts(Month.parse("2026-10", "Asia/Tokyo"), version="1.2.3"))

# Every text that can be seen, with its contrast against the ground that is behind it (WCAG 2.2, 1.4.3).
CONTRASTS = """() => {
  const parse = text => (text.match(/[0-9.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [], seen = new Set();
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest('title, desc, style, details:not([open]) > :not(summary)')) continue;
    const svg = element.closest('svg') !== null;
    const name = at => at ? at.tagName + '.' + (at.getAttribute('class') || '') : '';
    // Alike to look at: one of each is enough of thousands of cells.
    const above = element.parentElement;
    const around = [above, above.parentElement, svg ? element.previousElementSibling : null];
    const kind = [element, ...around].map(name).join(' ');
    if (seen.has(kind)) continue;
    seen.add(kind);
    let behind = ground(element);
    if (svg && element.previousElementSibling && /heat-[1-5]$/.test(name(element.previousElementSibling)))
      behind = parse(getComputedStyle(element.previousElementSibling).fill);
    const colour = parse(svg ? getComputedStyle(element).fill : getComputedStyle(element).color);
    const [high, low] = [light(colour), light(behind)].sort((a, b) => b - a);
    found.push([(high + 0.05) / (low + 0.05), element.textContent.trim().slice(0, 60), kind]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module", params=LANGUAGES)
def page(request, browser, tmp_path_factory):
    """The page, opened from its file; keeps what it asked the network for and what went wrong in it."""
    folder = tmp_path_factory.mktemp(f"report-{request.param}")
    file = folder / "report.html"
    file.write_text(html_of(REPORT, request.param), encoding="utf-8")
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.asked, opened.wrong = [], []
    opened.on("request", lambda asked: opened.asked.append(asked.url))
    opened.on("console", lambda message: opened.wrong.append(message.text))
    opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
    opened.on("dialog", lambda dialog: (opened.wrong.append("dialog"), dialog.dismiss()))
    opened.goto(file.as_uri())
    opened.folder = folder
    yield opened
    opened.close()


def test_it_asks_the_network_for_nothing_and_runs_nothing(page):
    assert page.asked == [(page.folder / "report.html").as_uri()]
    assert page.wrong == []
    assert page.evaluate("document.scripts.length") == 0


def test_a_hostile_user_agent_is_text_in_the_page(page):
    assert HOSTILE_AGENT in page.locator("#table-sessions").inner_text()
    assert page.locator("img, script, iframe").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_that_can_be_seen_keeps_wcag_aa(page, scheme):
    page.emulate_media(color_scheme=scheme, media="screen")
    found = page.evaluate(CONTRASTS)
    page.screenshot(path=str(page.folder / f"{scheme}.png"))
    assert len(found) > 40  # of each kind of text one
    assert any("heat-" in kind for *_, kind in found)
    assert [item for item in found if item[0] < 4.5] == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(17, 22, 29)")


def test_the_page_does_not_scroll_sideways_on_a_telephone(page):
    page.emulate_media(color_scheme="light", media="screen")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=str(page.folder / "telephone.png"))
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_number_leads_to_the_query_that_gives_it_again(page):
    page.emulate_media(color_scheme="light", media="screen")
    page.locator("#alerts .number").first.click()
    target = page.evaluate("document.querySelector(':target').innerText")
    assert "rootwatch audit run report_alerts --from 2026-09-30T15:00:00Z --to 2026-10-31T15:00:00Z" in target
    assert "FROM findings" in target


def test_plots_are_told_to_those_who_do_not_see_them(page):
    tree = page.locator("#alerts").aria_snapshot()
    assert len(re.findall(r"\bimg \"", tree)) == 3
    page.locator("#alerts details").first.locator("summary").click()
    assert page.locator("#alerts details").first.locator("tbody tr").count() == 31


def test_it_prints_on_pages_with_a_head_and_a_foot_and_cuts_no_table_off(page):
    page.emulate_media(color_scheme="dark", media="print")  # paper stays white
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    pdf = page.folder / "report.pdf"
    page.pdf(path=str(pdf), prefer_css_page_size=True)
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF")
    boxes = re.findall(rb"/MediaBox\s*\[0 0 ([0-9.]+) ([0-9.]+)\]", content)
    assert all(float(wide) > float(high) for wide, high in boxes)
    assert 8 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 60
    # What is printed of 273 mm, at 96 dots per inch.
    page.set_viewport_size({"width": 1032, "height": 700})
    too_wide = page.evaluate(
        "[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth + 1)"
        ".map(e => [e.ariaLabel, e.scrollWidth])"
    )
    page.set_viewport_size({"width": 1280, "height": 900})
    assert too_wide == []
