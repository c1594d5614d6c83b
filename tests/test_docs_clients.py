"""docs/clients.md names every client that can be connected, and the versions that are tested.

Its settings for each of them are those that toolgate writes; `make goldens` writes them anew.
"""

import re
from pathlib import Path

from tests.agents.programs import PROGRAMS
from tests.agents.test_sdks import OLDEST
from toolgate.apps.connect.clients import CLIENTS, Link, Places

FILE = Path(__file__).parent.parent / "docs" / "clients.md"
PAGE = FILE.read_text("utf-8")
README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
ROWS = re.findall(r"^\| [^|]+ \| `(\w+)` \| [^|]+ \|(?: `([^|`]+)`)? \|", PAGE, re.MULTILINE)

SETTINGS = "what the gateway tells.\n"
"""After this, the page is generated."""
LINK = Link(url="http://127.0.0.1:8800", key="toolgate", model="kimi-k2", context=131_072)


def settings(title: str, client: str) -> str:
    """What is written for a client, and where."""
    setup = CLIENTS[client](LINK, Places(Path("~"), {}))
    files = [f"\nIn `{file.path}`:\n\n```\n{file.text.rstrip()}\n```\n" for file in setup.files]
    hint = f"\n{setup.hint}\n" if setup.hint else ""
    return f"\n### {title}\n\n`toolgate connect {client} --write`\n" + "".join(files) + hint


def test_the_settings_are_generated(update_goldens: bool):
    before, _, _ = PAGE.partition(SETTINGS)
    titles = re.findall(r"^\| ([^|]+) \| `(\w+)` \| [A-Z]", before, re.MULTILINE)
    fresh = before + SETTINGS + "".join(settings(*one) for one in titles)
    if update_goldens:
        FILE.write_text(fresh, "utf-8")
    assert FILE.read_text("utf-8") == fresh
    assert fresh.count("In `~") >= len(CLIENTS)


def test_every_client_has_its_row_and_its_line():
    assert sorted(name for name, _ in ROWS) == sorted(CLIENTS)
    assert {*re.findall(r"^toolgate connect (\w+)", README, re.MULTILINE)} == {*CLIENTS}


def test_the_versions_are_those_that_are_tested():
    tested = {program.client: program.package for program in PROGRAMS.values()}
    assert {name: version for name, version in ROWS if version} == tested


def test_the_oldest_sdks_are_those_that_are_tested():
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| `([\d.]+)` \|", PAGE, re.MULTILINE)
    assert dict(rows) == OLDEST
