"""The pages' files: all there, nothing from elsewhere, and no way from text to markup."""

import hashlib
import re
from urllib.parse import urlsplit

import pytest

from toolgate.apps.viewer.pages import STATIC
from toolgate.engines.replay import ReplayEngine

VENDOR = STATIC / "vendor"
FILES = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*.*")}
OWN = {name: path.read_text("utf-8") for name, path in FILES.items() if "vendor" not in name}
SCRIPTS = {name: text for name, text in OWN.items() if name.endswith(".js")}
PAGES = {name: text for name, text in OWN.items() if name.endswith(".html")}
VENDORED = {  # npm's uplot 1.6.32, dist/uPlot.iife.min.js and dist/uPlot.min.css as they are; MIT
    "uplot-1.6.32.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot-1.6.32.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function"


@pytest.mark.parametrize("name", OWN)
def test_nothing_is_loaded_from_elsewhere(name):
    addresses = re.findall(r"https?://[^\s\"')]+", OWN[name])
    assert {urlsplit(one).hostname for one in addresses} <= {"www.w3.org"}  # SVG's name, no address
    assert not re.search(r"url\(|@import", OWN[name])


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_make_no_markup_of_text(name):
    assert not re.search(MARKUP, SCRIPTS[name])


@pytest.mark.parametrize("name", PAGES)
def test_pages_hold_no_code_or_style_of_their_own(name):
    assert not re.search(r"<style|style=|\son\w+=|<script>|javascript:", PAGES[name])
    for link in re.findall(r"(?:src|href)=\"([\w./-]+)\"", PAGES[name]):
        assert link == "./" or link in FILES


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_script_imports_is_there_and_has_the_name(name):
    for names, source in re.findall(r"import {([^}]+)} from \"\./([\w.]+)\"", SCRIPTS[name]):
        given = re.findall(r"export (?:async )?(?:function|const|class) (\w+)", SCRIPTS[source])
        assert set(re.findall(r"\w+", names)) <= set(given)


@pytest.mark.parametrize("name", VENDORED)
def test_what_others_wrote_is_as_they_wrote_it(name):
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == VENDORED[name]
    assert "MIT" in (VENDOR / "uplot-LICENSE").read_text("utf-8")


def test_scripts_are_as_small_as_modules():
    assert {name: text.count("\n") for name, text in OWN.items() if text.count("\n") > 400} == {}


async def test_what_is_sent_is_sealed(open_gateway):
    gateway = await open_gateway(ReplayEngine(lambda prompt: []))
    local = {"host": "localhost"}
    answers = [await gateway.get(f"/_toolgate/{name}", headers=local) for name in FILES]
    answers.append(await gateway.get("/_toolgate/api/about", headers=local))
    answers.append(await gateway.get("/_toolgate/nowhere", headers=local))
    assert [answer.status_code for answer in answers] == [200] * (len(FILES) + 1) + [404]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["..%2fapi.py", "%2e%2e/api.py", "vendor/../../api.py"])
async def test_no_other_file_is_given_out(open_gateway, path):
    gateway = await open_gateway(ReplayEngine(lambda prompt: []))
    answer = await gateway.get(f"/_toolgate/{path}", headers={"host": "localhost"})
    assert answer.status_code == 404
