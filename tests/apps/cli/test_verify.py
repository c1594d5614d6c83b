"""`toolgate verify`: one command on the model that ships, and what a person mistypes."""

import json
from pathlib import Path

import pytest

from tests.apps.cli.run_toolgate import complain, toolgate


def test_one_command_on_the_model_that_ships(tmp_path: Path):
    told = toolgate("verify", "--count", "8", "--out", str(tmp_path))
    assert "8 of 8" in told and "schema accuracy" in told and "  must call" in told
    summary = json.loads((tmp_path / "toolgate" / "summary.json").read_text())
    assert summary["success_count"] == 8
    page = tmp_path / "report.html"
    again = toolgate("verify", "--html", str(page), str(tmp_path / "toolgate" / "results.jsonl"))
    assert "8 of 8" in again
    assert "What the model read" in page.read_text("utf-8"), "some of eight are always wrong"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["nowhere"], "is no target"),
        (["--ways", "twice"], "both, stream, whole"),
        (["--only", "images"], "requests, schemas, refusals"),
        (["--samples", "none.jsonl"], "none.jsonl"),
        (["--reference", "none.jsonl"], "none.jsonl"),
    ],
)
def test_what_cannot_be_done(arguments: list[str], hint: str):
    assert hint in complain("verify", *arguments)
