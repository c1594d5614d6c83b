"""A file of an earlier toolgate is brought up to date; one of something else is refused."""

import sqlite3
import zlib
from pathlib import Path

import pytest

from tests.engines.traces.recordings import make_recording
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
    with pytest.raises(ConfigError, match="a later toolgate wrote it"):
        TraceStore(tmp_path / "t.db")


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
