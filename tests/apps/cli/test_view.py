"""`toolgate view`, as a person types it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from toolgate.apps.cli import app
from toolgate.apps.viewer import command
from toolgate.errors import ConfigError


@pytest.fixture
def shown(monkeypatch):
    """What was shown, and what a browser was sent to."""
    seen: list[object] = []

    def show(file: Path, port: int, announce: Callable[[str], None]) -> None:
        seen.append((file.name, port))
        announce("http://x")

    monkeypatch.setattr(command, "view", show)
    monkeypatch.setattr("webbrowser.open", seen.append)
    return seen


def test_a_file_at_a_port(shown):
    done = CliRunner().invoke(app, ["view", "t.db"])
    assert (done.stdout, shown) == ("http://x\n", [("t.db", 8801)])


def test_the_gateways_own_file_in_a_browser(shown, monkeypatch):
    monkeypatch.setenv("TOOLGATE_TRACE_FILE", "mine.db")
    CliRunner().invoke(app, ["view", "--open", "--port", "0"])
    assert shown == [("mine.db", 0), "http://x"]


def test_no_file_is_named(monkeypatch):
    monkeypatch.delenv("TOOLGATE_TRACE_FILE", raising=False)
    assert isinstance(CliRunner().invoke(app, ["view"]).exception, ConfigError)
