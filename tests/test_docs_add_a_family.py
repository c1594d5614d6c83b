"""The walk through docs/add-a-family.md, carried out: a family from another package."""

import json
import os
import re
import subprocess
import sys
from importlib import invalidate_caches
from pathlib import Path

import pytest

import toolgate
from toolgate import dialects
from toolgate.errors import ConfigError

PAGE = (Path(__file__).parent.parent / "docs" / "add-a-family.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"```(toml|python)\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture
def package(tmp_path, monkeypatch):
    """What `pip install` would put on the path."""
    entries = BLOCKS["toml"].partition("\n")[2].replace('"', "")
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "__init__.py").touch()
    (tmp_path / "my_package" / "my_family.py").write_text(BLOCKS["python"], "utf-8")
    about = tmp_path / "my_package-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1\n")
    others = entries.replace("my_family =", "misnamed =")
    (about / "entry_points.txt").write_text(
        f"[toolgate.dialects]\n{entries}{others}".replace('"', "")
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    forget()
    yield
    for name in ("my_package", "my_package.my_family"):
        sys.modules.pop(name, None)
    monkeypatch.undo()
    forget()


def forget() -> None:
    invalidate_caches()
    dialects.get_dialect.cache_clear()
    dialects._installed.cache_clear()


@pytest.mark.usefixtures("package")
def test_an_installed_family_is_found_and_works():
    assert "my_family" in dialects.list_dialects()
    asked = {"messages": [{"role": "user", "content": "Hi"}]}
    assert str(toolgate.render(asked, dialect="my_family")) == "user: Hi<<end>>assistant: "
    tools = [{"type": "function", "function": {"name": "look"}}]
    raw = '1 >> 0 <<call look>>{"at": ">>"}<</call>><<end>>'
    told = toolgate.parse(raw, dialect="my_family", tools=tools)
    assert told.content == "1 >> 0 "
    assert [(call.name, call.arguments) for call in told.tool_calls] == [("look", '{"at": ">>"}')]


@pytest.mark.usefixtures("package")
def test_a_command_takes_its_name(tmp_path):
    """In a process of its own, as somebody would try it."""
    output = tmp_path / "output.txt"
    output.write_text('<<call look>>{"at": 1}<</call>><<end>>', "utf-8")
    command = [sys.executable, "-m", "toolgate", "parse", "--dialect", "my_family", str(output)]
    paths = os.environ | {"PYTHONPATH": str(tmp_path)}
    told = subprocess.check_output(command, env=paths, text=True)
    assert json.loads(told)["tool_calls"][0]["arguments"] == '{"at": 1}'


@pytest.mark.usefixtures("package")
def test_an_entry_point_that_leads_elsewhere_is_refused():
    with pytest.raises(ConfigError, match="misnamed"):
        dialects.get_dialect("misnamed")
