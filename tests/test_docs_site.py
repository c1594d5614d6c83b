"""docs/ as a site: all pages are in its contents, links lead somewhere, nothing comes from afar.

Zensical's own strict build is what tells of pages and headings that are not there.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
SETTINGS = tomllib.loads((DOCS / "zensical.toml").read_text("utf-8"))
LISTED = [
    name if isinstance(name, str) else next(iter(name.values()))
    for part in SETTINGS["project"]["nav"]
    for names in part.values()
    for name in names
]
CODE = re.compile(r"<td><code>(.*?)</code>")
LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?([^\s\">]+)"
    r"|<link\b(?=[^>]*rel=\"?(?:stylesheet|preconnect|preload|icon))[^>]*\bhref=\"?([^\s\">]+)"
    r"|(?:@import|url\()\s*[\"']?([^\s\"')]+)"
)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since the builder writes beside what it reads."""
    copy = tmp_path_factory.mktemp("site") / "docs"
    shutil.copytree(DOCS, copy, ignore=shutil.ignore_patterns("site", ".cache"))
    zensical = Path(sys.executable).with_name("zensical")
    built = subprocess.run(
        [zensical, "build", "--strict", "--config-file", copy / "zensical.toml"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return copy / "site"


def test_every_page_is_in_the_contents():
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert sorted(LISTED) == sorted(pages)


def test_it_builds_without_a_warning(site):
    places = {"index.html" if page == "index.md" else f"{page[:-3]}/index.html" for page in LISTED}
    assert places <= {path.relative_to(site).as_posix() for path in site.rglob("*.html")}


def test_pages_load_nothing_from_elsewhere(site):
    loaded = {
        address
        for path in [*site.rglob("*.html"), *site.rglob("*.css")]
        for match in LOADED.findall(path.read_text("utf-8"))
        for address in match
        if address
    }
    assert loaded
    assert [one for one in loaded if re.match(r"(https?:)?//", one)] == []


def test_no_backslash_is_shown(site):
    shown = [
        code for page in site.rglob("*.html") for code in CODE.findall(page.read_text("utf-8"))
    ]
    assert shown
    assert [one for one in shown if "\\|" in one] == []
