"""A file of an earlier toolgate is brought up to date; one of something else is refused."""

import os
import sqlite3
import tempfile
import zlib
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.engines.traces.recordings import make_recording
from toolgate.engines.traces.row import Wanted
from toolgate.engines.traces.store import TraceStore
from toolgate.engines.traces.tables import Transaction, open_base
from toolgate.errors import ConfigError
from toolgate.pipeline.trace import encode_recording


@pytest.mark.parametrize("shape", [1, 2])
def test_a_file_of_an_earlier_shape_is_brought_up_to_date(tmp_path, shape):
    file = tmp_path / "t.db"
    make_earlier(file, shape)
    store = TraceStore(file)
    store.add([make_recording("req_2")])
    calls = 0 if shape == 1 else 1
    assert [(row.id, row.calls) for row in store.rows()] == [("req_2", 1), ("req_1", calls)]
    assert store.find("req_1") == make_recording()
    assert store.find("req_2") == make_recording("req_2")
    store.close()
    again = TraceStore(file)
    assert len(again.rows()) == 2
    again.close()


@pytest.mark.parametrize("shape", [1, 2])
def test_looking_at_a_file_of_an_earlier_shape_leaves_it(tmp_path, shape):
    file = tmp_path / "t.db"
    make_earlier(file, shape)
    before = file.read_bytes()
    store = TraceStore(file, read_only=True)
    assert [(row.id, row.calls) for row in store.rows()] == [("req_1", 0 if shape == 1 else 1)]
    assert store.find("req_1") == make_recording() and len(store.rows(Wanted(text="req"))) == 1
    assert len(store.conversations()) == len(list(store.each(Wanted(tool="look")))) == 1
    assert store.newest == 1 and store.choices()["model"] == ["kimi"]
    assert sum(span.requests for span in store.history(0, 1e9)) == 1
    with pytest.raises(sqlite3.OperationalError, match="view"):
        store.add([make_recording("req_2")])
    store.close()
    assert file.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="no such rights there")
@pytest.mark.parametrize("is_written", [False, True])
def test_whoever_may_read_the_file_needs_no_more(is_written):
    with tempfile.TemporaryDirectory() as folder, ExitStack() as done:
        file = Path(folder) / "a t.db"
        writer = TraceStore(file)
        writer.add([make_recording()])
        if not is_written:
            writer.close()
        there = sorted(Path(folder).iterdir())
        for one in there:
            one.chmod(0o444)
        Path(folder).chmod(0o555)
        done.callback(Path(folder).chmod, 0o755)
        if os.geteuid() == 0:
            os.seteuid(65534)
            done.callback(os.seteuid, 0)
        store = TraceStore(file, read_only=True)
        assert store.find("req_1") == make_recording()
        store.close()
        assert sorted(Path(folder).iterdir()) == there
        done.close()
        writer.close()


def make_earlier(file: Path, shape: int) -> None:
    """What an earlier toolgate would have left of one recording."""
    store = TraceStore(file)
    store.add([make_recording()])
    store.close()
    base = sqlite3.connect(file)
    for name in ("request", "answer"):
        base.execute(f"ALTER TABLE bodies DROP COLUMN {name}")
    base.execute("UPDATE bodies SET body = ?", (zlib.compress(encode_recording(make_recording())),))
    for name in ("calls", "valid_calls", "cached_tokens") if shape == 1 else ():
        base.execute(f"ALTER TABLE rows DROP COLUMN {name}")
    base.execute(f"PRAGMA user_version = {shape}")
    base.commit()
    base.close()


def test_what_cannot_be_committed_is_rolled_back(tmp_path):
    base = open_base(tmp_path / "t.db")
    base.executescript(
        "PRAGMA foreign_keys = 1; CREATE TABLE parents (id PRIMARY KEY);"
        "CREATE TABLE children (of REFERENCES parents DEFERRABLE INITIALLY DEFERRED);"
    )
    with pytest.raises(sqlite3.IntegrityError), Transaction(base):
        base.execute("INSERT INTO children VALUES (1)")
    with Transaction(base):  # the next one is not inside of it
        base.execute("INSERT INTO parents VALUES (1)")
    assert base.execute("SELECT count(*) FROM children").fetchone() == (0,)
    base.close()


def test_a_file_of_a_later_shape_is_refused(tmp_path):
    open_base(tmp_path / "t.db").execute("PRAGMA user_version = 99").connection.close()
    for read_only in (False, True):
        with pytest.raises(ConfigError, match="a later toolgate wrote it"):
            TraceStore(tmp_path / "t.db", read_only=read_only)


@pytest.mark.parametrize("content", ["text", "database", "folder"])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    file: Path = tmp_path / "other"
    if content == "text":
        file.write_text("Not a database at all. " * 99)
    elif content == "database":
        other = sqlite3.connect(file)
        other.execute("CREATE TABLE mine (x)")
        other.close()
    else:
        file.mkdir()
    with pytest.raises(ConfigError, match="other cannot keep traces"):
        TraceStore(file)
    with pytest.raises(ConfigError, match="other cannot be read"):
        TraceStore(file, read_only=True)
