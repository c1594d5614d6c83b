"""Counts are the same whoever counted them."""

import json
from pathlib import Path

import pytest

from toolgate.apps.diagnose.command import count_cores, diagnose_pieces
from toolgate.engines.logs.pieces import Piece, find_pieces
from toolgate.errors import UnknownModel
from toolgate.pipeline.diagnose.failure import FailureKind
from toolgate.pipeline.diagnose.tally import Tally


def line(number: int) -> str:
    text = "" if number % 3 == 0 else "Hi"
    response = {"model": f"m{number % 2}", "choices": [{"message": {"content": text}}]}
    return json.dumps({"request": {"messages": []}, "response": response})


def count(pieces: list[Piece], jobs: int) -> tuple[Tally, list[int]]:
    steps: list[int] = []
    tally = diagnose_pieces(pieces, dialect=None, examples=2, jobs=jobs, advance=steps.append)
    return tally, steps


@pytest.fixture
def file(tmp_path: Path) -> Path:
    lines = [line(number) for number in range(60)]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines[:30], "broken", '{"a": 1}', *lines[30:]]))
    return tmp_path / "a.jsonl"


def test_all_cores_count_what_one_counts(file: Path):
    pieces = find_pieces([file], size=500)
    alone, steps = count(pieces, 1)
    assert len(pieces) > 8 and sum(steps) == file.stat().st_size
    assert count(pieces, 2)[0] == alone == count(find_pieces([file]), 1)[0]
    assert (alone.total, alone.of_kind(FailureKind.EMPTY_TURN)) == (60, 20)
    assert [len(shown) for shown in alone.examples.values()] == [2, 2]
    broken, unknown = alone.unread_examples
    assert alone.unread == 2 and "no JSON" in broken and "it has a" in unknown


def test_a_dialect_that_there_is_not(file: Path):
    with pytest.raises(UnknownModel, match="there are"):
        diagnose_pieces([], dialect="x", examples=0, jobs=1, advance=lambda _: None)


def test_cores_are_counted():
    assert count_cores() >= 1
