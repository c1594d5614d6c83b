"""A browser walks the viewer: list, filter, turn, tokens, and an answer under way."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.apps.viewer.browser import check_hash, open_browser
from tests.apps.viewer.watched_gateway import (
    ERROR,
    SLOWLY,
    WatchedGateway,
    tell_stories,
    watched_gateway,
)
from tests.engines.traces.recordings import make_recording
from toolgate.engines.traces.store import TraceStore

PAGES = ["", "turn.html?id=roo-1", "turn.html?id=ann-1", "turn.html?id=broken", "deployment.html"]
KEY = "tg-right"
UNNAMED = """() => [...document.querySelectorAll("input, select, button, a, [role=img]")]
    .filter((one) => !one.labels?.length && !one.ariaLabel && !one.textContent.trim())
    .map((one) => one.outerHTML)"""
PALE = """() => {
    const read = (text) => {
        const numbers = text.match(/[\\d.]+/g).map(Number);
        const scale = text.startsWith("color(") ? 255 : 1;
        return [...numbers.slice(0, 3).map((one) => one * scale), numbers[3] ?? 1];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((one, at) => one * a + below[at] * (1 - a));
    const behind = (one) => {
        if (!one) return [255, 255, 255];
        const color = read(getComputedStyle(one).backgroundColor);
        return color[3] === 1 ? color.slice(0, 3) : over(color, behind(one.parentElement));
    };
    const light = (rgb) => {
        const [r, g, b] = rgb.map((one) => one / 255)
            .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const pale = [];
    for (const one of document.body.querySelectorAll("*:not(script, style, noscript, option)")) {
        const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || !one.checkVisibility()) continue;
        const ground = behind(one);
        const pair = [light(over(read(getComputedStyle(one).color), ground)), light(ground)];
        const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        if (ratio < 4.5) pale.push(`${one.className || one.tagName}: ${ratio.toFixed(2)}`);
    }
    return [...new Set(pale)];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.mark.parametrize(("required", "ends"), [("1", "Failed"), ("", "Skipped")])
def test_without_a_browser_ci_fails_and_others_skip(monkeypatch, required, ends):
    monkeypatch.setattr("tests.apps.viewer.browser.sync_playwright", nullcontext)
    monkeypatch.setattr("tests.apps.viewer.browser._find", lambda _: None)
    monkeypatch.setenv("TOOLGATE_BROWSER_REQUIRED", required)
    with pytest.raises(BaseException, match="no browser") as ended, open_browser():
        pass
    assert ended.typename == ends


@pytest.fixture(scope="module")
def gateway(browser, tmp_path_factory) -> Iterator[WatchedGateway]:
    with watched_gateway(tmp_path_factory.mktemp("watched") / "traces.db") as opened:
        tell_stories(opened)
        yield opened


@pytest.fixture
def page(browser, gateway) -> Iterator[Page]:
    """A page of which nothing went wrong, and that asked nobody but the gateway."""
    context = browser.new_context(base_url=f"{gateway.url}/_toolgate/", locale="en-GB")
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    opened.on(
        "request",
        lambda asked: None if asked.url.startswith(gateway.url) else wrong.append(asked.url),
    )
    yield opened
    context.close()
    assert wrong == []


def row(page: Page, text: str):
    return page.locator("a.row", has_text=text)


def test_the_list_is_filtered_and_walked_by_keyboard(page):
    page.goto("")
    expect(page.locator("a.row")).to_have_count(3)
    page.get_by_label("finding").select_option("call_missing")
    expect(page.locator("a.row")).to_have_count(1)
    assert "finding=call_missing" in page.url
    page.reload()
    expect(page.locator("a.row")).to_have_count(1)
    page.get_by_label("finding").select_option("")
    expect(page.locator("a.row")).to_have_count(3)
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("ann")
    expect(page.locator("a.row")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("id=ann-1"))
    expect(page.locator(".strip a")).to_have_count(2)
    page.keyboard.press("[")
    expect(page.locator(".headline")).to_contain_text("its result came back")
    assert "id=ann-0" in page.url
    page.keyboard.press("u")
    expect(page.locator("a.row")).to_have_count(3)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("next conversation")


def test_the_missing_step_of_the_loop_is_seen_in_one_look(page):
    page.goto("turn.html?id=roo-0")
    headline = page.locator(".headline")
    expect(headline).to_contain_text("read_file was called, and its result never came back.")
    steps = page.locator(".step")
    assert [one.get_attribute("data-mark") for one in steps.all()] == [
        "yes",
        "yes",
        "unknown",
        "no",
    ]
    expect(steps.nth(3)).to_contain_text("neither the call nor a result")
    for part in (headline, steps.nth(3)):
        box = part.bounding_box()
        assert box is not None and box["y"] + box["height"] < 720  # without scrolling
    expect(page.locator(".strip a")).to_have_count(3)


def test_text_becomes_tokens_with_one_press_and_the_parser_lights_up(page):
    page.goto("turn.html?id=roo-1")
    stream = page.locator(".stream")
    expect(stream).to_contain_text("Let me first read the NavigationIcons.jsx file")
    page.keyboard.press("t")
    expect(stream.locator(".piece", has_text="163607")).to_contain_text("</think>")
    expect(stream.locator(".piece", has_text="47572")).to_contain_text("␣Navigation")
    stream.locator(".piece", has_text="163597").click()
    expect(page.locator(".detail")).to_contain_text("parser: header")
    expect(page.locator(".state.now")).to_have_attribute("data-state", "header")
    expect(page.locator(".state li.now")).to_contain_text("<|tool_call_begin|>")
    expect(page.locator(".ribbon li.now")).to_contain_text("header")
    stream.press("ArrowRight")
    expect(page.locator(".detail")).to_contain_text("41937")
    page.keyboard.press("t")
    expect(stream.locator(".id")).to_have_count(0)
    expect(page.locator(".prompt-text .special").first).to_have_text("<|im_system|>")
    expect(page.locator(".prompt-text .shared", has_text="blurry")).to_have_count(1)
    expect(page.locator(".prompt-text .shared", has_text=ERROR)).to_have_count(0)


def test_what_was_said_is_text_whatever_it_spells(page):
    page.goto("turn.html?id=ann-1")
    expect(page.locator("#conversation")).to_contain_text("<script>window.caught = true</script>")
    expect(page.locator("#prompt")).to_contain_text("<img src=x onerror=")
    expect(page.locator("#difference")).to_contain_text("functions.look:0")
    assert page.evaluate("window.caught") is None
    page.goto("turn.html?id=ann-0")
    page.get_by_text("What the model wrote, and what the client got").click()
    expect(page.locator("#calls")).to_contain_text("<script>window.caught = true</script>")
    assert page.evaluate("window.caught") is None


def test_a_request_that_is_not_there(browser, gateway):
    page = browser.new_page()
    page.goto(f"{gateway.url}/_toolgate/turn.html?id=%3Cimg%20src=x%20onerror=caught%3E")
    expect(page.locator(".headline")).to_contain_text("<img src=x onerror=caught>' is recorded")
    page.close()


def test_what_was_mended_stands_out(page):
    page.goto("turn.html?id=broken")
    expect(page.locator(".call .chip")).to_have_text("healed")
    expect(page.locator(".call mark")).to_have_text("}")
    expect(page.locator("#oddities")).to_contain_text("healed arguments")


def test_an_answer_under_way_is_seen_to_grow(page, gateway):
    page.goto("")
    expect(page.locator("a.row").first).to_be_visible()
    asked = [{"role": "user", "content": SLOWLY}]
    ask = partial(gateway.ask, asked, "Cline/3", "slow", stream=True)
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    under_way = row(page, SLOWLY)
    expect(under_way.locator(".outcome")).to_have_text("running")
    under_way.click()
    expect(page.locator(".headline")).to_contain_text("being answered")
    expect(page.locator(".stream")).to_have_text("One after the other ")
    page.evaluate("document.querySelector('.crumbs').dataset.looked = 'at'")
    gateway.go_on()
    expect(page.locator(".stream")).to_have_text("One after the other they come, one after")
    expect(page.locator(".crumbs[data-looked]")).to_have_count(
        1
    )  # what did not change was left alone
    expect(page.locator(".headline")).to_contain_text("being answered")
    gateway.go_on()
    expect(page.locator(".stream")).to_contain_text("they are seen.")
    expect(page.locator(".headline")).to_contain_text("in words", timeout=10_000)
    asking.join(30)
    page.goto("")
    expect(row(page, SLOWLY).locator(".outcome")).to_have_text("stop")
    gateway.ask([{"role": "user", "content": "Is it live?"}], "Cline/3", "new")
    expect(row(page, "Is it live?")).to_have_count(1)  # and nobody has reloaded the page


def test_the_deployment_is_drawn(page):
    page.goto("deployment.html?hours=1")
    expect(page.locator("dl.tiles")).to_contain_text("Schema accuracy")
    expect(page.locator(".plot canvas")).to_have_count(6)
    page.get_by_role("button", name="week").click()
    expect(page).to_have_url(re.compile("hours=168"))
    page.get_by_role("link", name="call missing").click()
    expect(page.locator("a.row")).to_have_count(1)


FAKE_LINE = """window.EventSource = class extends EventTarget {
    constructor() { super(); window.line = this; }
    close() {}
    tell(newest) {
        const data = JSON.stringify({ newest, running: [] });
        this.dispatchEvent(new MessageEvent("message", { data }));
    }
}"""


def test_what_is_typed_is_kept_while_much_is_new(page):
    page.add_init_script(FAKE_LINE)
    page.clock.install()
    page.goto("")
    expect(page.locator("a.row").first).to_be_visible()
    page.wait_for_function("window.line")
    page.evaluate("line.tell(1)")
    page.get_by_role("searchbox").fill("ann")
    page.evaluate("line.tell(2)")
    page.clock.run_for(300)
    expect(page).to_have_url(re.compile("text=ann"))


def test_the_deployment_is_looked_at_however_much_is_new(page):
    page.add_init_script(FAKE_LINE)
    page.clock.install()
    page.goto("deployment.html?hours=1")
    expect(page.locator("dl.tiles")).to_be_visible()
    page.wait_for_function("window.line")
    page.evaluate("window.looks = 0")
    page.evaluate("window.asked = fetch; window.fetch = (...all) => (looks++, asked(...all)); 0")
    for newest in range(1, 5):
        page.evaluate(f"line.tell({newest})")
        page.clock.run_for(1500)
    assert page.evaluate("looks") >= 1


def test_older_conversations_stay_when_something_is_new(browser, tmp_path):
    store = TraceStore(tmp_path / "t.db", max_days=1e6)
    now = time.time()
    store.add([make_recording(f"r{at}", conversation=f"c{at}", started=now) for at in range(60)])
    store.close()
    with watched_gateway(tmp_path / "t.db") as gateway:
        page = browser.new_page()
        page.goto(f"{gateway.url}/_toolgate/")
        expect(page.locator("#live")).to_have_text("live")
        expect(page.locator("a.row")).to_have_count(50)
        page.get_by_role("button", name="Older").click()
        expect(page.locator("a.row")).to_have_count(60)
        gateway.ask([{"role": "user", "content": "Is it live?"}], "Cline/3", "new")
        expect(row(page, "Is it live?").locator(".outcome")).to_have_text("tool calls")
        expect(page.locator("a.row")).to_have_count(61)
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_every_page_fits_and_can_be_read(page, width, scheme):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for path in PAGES:
        page.goto(path)
        expect(page.locator("main h1")).to_be_visible()
        expect(page.locator("#live")).to_have_text("live")
        page.evaluate("document.querySelector('#mode-tokens')?.click()")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert page.evaluate(PALE) == []
        assert page.evaluate(UNNAMED) == []
        assert page.evaluate("document.querySelectorAll('main, header nav, h1').length") == 3


def test_the_way_past_the_bar(page):
    page.goto("")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_a_gateway_with_keys_asks_for_one(browser, tmp_path):
    with watched_gateway(tmp_path / "t.db", viewer_keys=(KEY,)) as guarded:
        address = f"{guarded.url}/_toolgate/"
        context = browser.new_context(http_credentials={"username": "me", "password": KEY})
        page = context.new_page()
        page.goto(address)
        expect(page.locator("#live")).to_have_text("live")
        expect(page.locator(".nothing")).to_contain_text("Nothing is recorded yet")
        context.close()
        context = browser.new_context()
        assert context.request.get(address).status == 401
        context.close()


def test_a_gateway_that_stops_lets_go_of_its_watchers(browser, tmp_path):
    with watched_gateway(tmp_path / "t.db") as gateway:
        page = browser.new_page()
        page.goto(f"{gateway.url}/_toolgate/")
        expect(page.locator("#live")).to_have_text("live")
        began = time.monotonic()
    assert time.monotonic() - began < 25
    expect(page.locator("#live")).to_have_text("not connected")
    page.close()


def test_a_browser_that_npm_gives_is_run_only_if_it_is_the_one_that_was_looked_at():
    with pytest.raises(ValueError, match=r"should be sha512-.*: it is not run"):
        check_hash(b"something else")
