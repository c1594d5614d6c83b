"""Recordings are written aside; what cannot be written is counted and said."""

import random
import threading
from collections import Counter

import pytest

from tests.engines.traces.recordings import make_packed
from toolgate.engines.traces.store import TraceStore
from toolgate.engines.traces.writer import TraceWriter
from toolgate.errors import ConfigError
from toolgate.pipeline.packed import Packed


class Counted(Counter[str]):
    def count(self, outcome: str, amount: int) -> None:
        self[outcome] += amount


def ids(file) -> list[str]:
    store = TraceStore(file)
    try:
        return [row.id for row in store.rows()]
    finally:
        store.close()


def test_all_that_was_put_is_there_after_closing(tmp_path):
    counted, makers = Counted(), set()
    writer = TraceWriter(tmp_path / "t.db", count=counted.count, max_days=1e9)

    def make(number: int) -> Packed:
        makers.add(threading.current_thread())
        return make_packed(f"r{number}")

    for number in range(120):
        writer.put(lambda number=number: make(number))  # type: ignore[misc]
    writer.close()
    assert ids(tmp_path / "t.db")[:2] == ["r119", "r118"]
    assert counted == {"stored": 120}
    assert threading.current_thread() not in makers
    writer.close()


def test_what_comes_too_fast_is_dropped(tmp_path, caplog):
    counted, gate = Counted(), threading.Event()
    writer = TraceWriter(tmp_path / "t.db", count=counted.count, max_days=1e9, most_waiting=2)

    def wait() -> Packed:
        begun.set()
        gate.wait()
        return make_packed("first")

    begun = threading.Event()
    writer.put(wait)
    begun.wait()
    for number in range(5):
        writer.put(lambda number=number: make_packed(f"r{number}"))  # type: ignore[misc]
    gate.set()
    writer.close()
    assert counted == {"stored": 3, "dropped": 3}
    assert ids(tmp_path / "t.db") == ["r1", "r0", "first"]
    assert [record.message for record in caplog.records] == [
        "More requests come than can be recorded; some recordings are dropped"
    ]


def test_a_full_disk_is_said_once_and_got_over(tmp_path, caplog, monkeypatch):
    counted = Counted()
    writer = TraceWriter(tmp_path / "t.db", count=counted.count, max_days=1e9)
    noise = random.Random(1).randbytes(100_000).hex()
    add, is_full = TraceStore.add_packed, [True, True, False]

    def add_or_fail(store: TraceStore, recordings: list[Packed]) -> None:
        if recordings and is_full.pop(0):
            (pages,) = store._base.execute("PRAGMA page_count").fetchone()
            store._base.execute(f"PRAGMA max_page_count = {pages}")
        else:
            store._base.execute("PRAGMA max_page_count = 1000000")
        add(store, recordings)

    monkeypatch.setattr(TraceStore, "add_packed", add_or_fail)
    for number in range(3):
        stored = sum(counted.values())
        writer.put(lambda number=number: make_packed(f"r{number}", request=noise))  # type: ignore[misc]
        while sum(counted.values()) == stored:
            threading.Event().wait(0.01)
    writer.close()
    assert counted == {"failed": 2, "stored": 1}
    assert ids(tmp_path / "t.db") == ["r2"]
    first, second = (record.message for record in caplog.records)
    assert "takes no recordings (database or disk is full); answers go on" in first
    assert second.endswith("takes recordings again")


def test_the_file_is_kept_small(tmp_path):
    writer = TraceWriter(tmp_path / "t.db", max_days=1.0)  # the recording is of 1970
    writer.put(make_packed)
    writer.close()
    assert ids(tmp_path / "t.db") == []


def test_a_file_that_cannot_be_is_told_at_the_start(tmp_path):
    (tmp_path / "t.db").mkdir()
    with pytest.raises(ConfigError):
        TraceWriter(tmp_path / "t.db")
