"""Files are found and cut, and every byte is in one piece."""

import gzip
from pathlib import Path

import pytest

from toolgate.engines.logs.pieces import Kind, Piece, find_pieces
from toolgate.engines.traces.store import TraceStore
from toolgate.errors import ConfigError


def test_a_long_file_is_cut_and_nothing_is_left_out(tmp_path: Path):
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"x" * 25)
    pieces = find_pieces([file], size=10)
    assert [(one.start, one.end) for one in pieces] == [(0, 10), (10, 20), (20, 25)]
    assert {one.kind for one in pieces} == {Kind.LINES}
    assert sum(one.size for one in pieces) == 25


def test_a_folder_is_searched_and_each_file_read_in_its_way(tmp_path: Path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "b.jsonl.gz").write_bytes(gzip.compress(b"{}" * 20))
    TraceStore(tmp_path / "c.db").close()
    for name in ("a.json", "d.txt", "e.csv", "f.log"):
        (tmp_path / name).write_bytes(b"0123456789")
    (tmp_path / "empty.jsonl").touch()
    pieces = find_pieces([tmp_path], size=6)
    assert [(Path(one.path).name, one.kind, one.is_gzip) for one in pieces] == [
        ("a.json", Kind.WHOLE, False),
        ("b.jsonl.gz", Kind.LINES, True),
        ("c.db", Kind.STORE, False),
        ("d.txt", Kind.TEXT, False),
        ("f.log", Kind.LINES, False),
        ("f.log", Kind.LINES, False),
    ]
    assert find_pieces([tmp_path / "e.csv"])[0].kind is Kind.LINES  # named, so it is meant


def test_mistakes(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"there is no .*absent"):
        find_pieces([tmp_path / "absent"])
    with pytest.raises(ConfigError, match="nothing to read"):
        find_pieces([tmp_path])


def test_a_piece_is_plain_data():
    assert Piece("a", Kind.LINES, 2, 5).size == 3
