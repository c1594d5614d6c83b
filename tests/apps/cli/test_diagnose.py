"""`toolgate diagnose`, as a person types it."""

import json
from pathlib import Path

import pytest

from tests.apps.cli.run_toolgate import complain, toolgate

GOOD = {"request": {"messages": []}, "response": {"model": "m", "content": "It rains."}}
EMPTY = {"request": {"messages": []}, "response": {"model": "m", "content": ""}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, (GOOD, EMPTY))) + "\nbroken\n")
    return tmp_path / "a.jsonl"


def test_what_failed_is_told(file: Path):
    told = toolgate("diagnose", str(file), status=1, printed=True)
    assert told.startswith("2 answers in 1 files, 1 with a failure (50.00 %); 1 records could")
    assert "50.00 %" in told and "a.jsonl, byte 155: no JSON" in told
    found = json.loads(toolgate("diagnose", str(file), "--json", status=1, printed=True))
    assert found["failures"][0]["failure"] == "empty_turn" and found["unread"]["count"] == 1


def test_nothing_failed(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text(json.dumps(GOOD))
    assert (
        toolgate("diagnose", str(tmp_path)) == "1 answers in 1 files, 0 with a failure (0.00 %).\n"
    )


def test_mistakes(tmp_path: Path, file: Path):
    assert "there is no" in complain("diagnose", str(tmp_path / "absent"))
    assert "there are" in complain("diagnose", str(file), "--dialect", "x")
    file.write_text("broken")
    assert "docs/diagnose.md" in toolgate("diagnose", str(file), status=2)
