"""Every record is read once however a file is cut, and what is none is named and no error."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines.traces.recordings import make_recording
from toolgate.engines.logs import read
from toolgate.engines.logs.pieces import find_pieces
from toolgate.engines.logs.read import Entry, read_piece
from toolgate.engines.traces.store import TraceStore


def entries(*paths: Path, size: int = 1 << 20) -> list[Entry]:
    return [entry for piece in find_pieces(paths, size=size) for entry in read_piece(piece)]


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from([b"[1]", b'"a longer one"', b"", b"  ", b"broken", b"3"])),
    st.integers(1, 30),
    st.booleans(),
)
def test_every_line_is_read_once_however_it_is_cut(tmp_path_factory, lines, size, ended):
    file = tmp_path_factory.mktemp("logs") / "a.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n" * ended + b"7")
    whole = entries(file)
    assert entries(file, size=size) == whole
    assert sum(bool(one.fault) for one in whole) >= lines[:-1].count(b"broken")


def test_where_a_line_stands(tmp_path: Path):
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"a": 1}\n\nno\n[2]\n')
    first, broken, last = entries(file, size=3)
    assert (first.record, first.where) == ({"a": 1}, f"{file}, byte 0")
    assert (broken.where, last.where) == (f"{file}, byte 10", f"{file}, byte 13")
    assert broken.fault.startswith("no JSON") and broken.record is None


@pytest.mark.parametrize("data", [b'"\xff"', b"[" * 100_000])
def test_bytes_that_are_no_json(tmp_path: Path, data: bytes):
    (tmp_path / "a.jsonl").write_bytes(data)
    (entry,) = entries(tmp_path)
    assert entry.fault.startswith("no JSON")


def test_a_line_without_end_is_passed_over(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(read, "LONGEST", 8)
    (tmp_path / "a.jsonl").write_bytes(b"x" * 30 + b"\n[1]\n" + b"y" * 9)
    long, short, last = entries(tmp_path)
    assert "a line of more than" in long.fault and "a line of more than" in last.fault
    assert short.record == [1] and short.where.endswith("byte 31")


def test_compressed_lines(tmp_path: Path):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"[1]\n[2]\n" * 9))
    assert len(entries(tmp_path, size=5)) == 18


@pytest.mark.parametrize("cut", [5, 15, 20])
def test_a_compressed_file_that_is_broken(tmp_path: Path, cut: int):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"[1]\n" * 99)[:cut] + b"\0" * (cut == 15))
    assert "cannot be read" in entries(tmp_path)[-1].fault


def test_one_value_of_json(tmp_path: Path):
    file = tmp_path / "a.json"
    file.write_text('[{"a": 1},\n {"b": 2}]')
    assert [one.where for one in entries(file)] == [f"{file}, entry 1", f"{file}, entry 2"]
    file.write_text('{\n"a": 1}')
    assert [one.record for one in entries(file)] == [{"a": 1}]
    file.write_text('{"a": 1}\n{"b": 2}\n')
    assert [one.record for one in entries(file)] == [{"a": 1}, {"b": 2}]


def test_a_text(tmp_path: Path, monkeypatch):
    (tmp_path / "a.txt").write_bytes(b"<tool_call>\n\xff")
    assert [one.record for one in entries(tmp_path)] == ["<tool_call>\n�"]
    monkeypatch.setattr(read, "LONGEST", 8)
    assert "a text of more than" in entries(tmp_path)[0].fault


def test_recordings(tmp_path: Path):
    store = TraceStore(tmp_path / "t.db")
    store.add([make_recording("req_1"), make_recording("req_2")])
    store.close()
    first, second = entries(tmp_path)
    assert first.record == make_recording("req_1") and second.where.endswith("t.db, req_2")


def test_a_database_of_something_else_and_a_file_that_went(tmp_path: Path):
    (tmp_path / "t.db").write_bytes(b"SQLite format 3\0" + b"\0" * 100)
    (piece,) = find_pieces([tmp_path])
    (entry,) = read_piece(piece)
    assert "cannot be read" in entry.fault
    Path(piece.path).unlink()
    (tmp_path / "a.jsonl").write_text("1")
    (piece,) = find_pieces([tmp_path / "a.jsonl"])
    Path(piece.path).unlink()
    (gone,) = read_piece(piece)
    assert "cannot be read" in gone.fault
