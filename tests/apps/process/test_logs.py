"""Lines for people, or JSON for programs: each message is one line."""

import json
import logging
import sys
from datetime import datetime
from typing import Any

import pytest

from toolgate.apps.process.logs import JsonLines, set_up_log


def record(message: str, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("toolgate.access", logging.INFO, "", 0, "%s", (message,), None)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_a_request_is_one_object():
    line = JsonLines().format(record("GET '/'", request={"status": 200, "id": "req_1"}))
    told = json.loads(line)
    assert datetime.fromisoformat(told.pop("time")).tzinfo is not None
    assert told == {
        "level": "info",
        "logger": "toolgate.access",
        "message": "GET '/'",
        "status": 200,
        "id": "req_1",
    }


def test_nothing_breaks_the_line():
    line = JsonLines().format(record("a\nb", request={"path": "/\n\ud83d"}))
    assert "\n" not in line
    assert json.loads(line)["path"] == "/\n\ud83d"


def test_what_broke_is_told():
    try:
        raise ValueError("broken")
    except ValueError:
        line = JsonLines().format(record("bug", exc_info=sys.exc_info()))
    assert "ValueError: broken" in json.loads(line)["exception"]
    assert "\n" not in line


@pytest.mark.parametrize(("form", "formatter"), [("text", logging.Formatter), ("json", JsonLines)])
def test_the_setting_chooses(form, formatter, monkeypatch):
    root = logging.Logger("root")
    monkeypatch.setattr(logging, "root", root)
    set_up_log(form)
    assert [type(handler.formatter) for handler in root.handlers] == [formatter]
    assert root.level == logging.INFO
