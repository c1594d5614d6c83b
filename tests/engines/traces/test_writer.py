"""Recordings are written aside; what cannot be written is counted and said."""

import os
import random
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.engines.traces.recordings import make_packed
from toolgate.engines.traces.row import Wanted
from toolgate.engines.traces.store import TraceStore
from toolgate.engines.traces.writer import TraceWriter
from toolgate.errors import ConfigError
from toolgate.pipeline.packed import Packed, unpack


class Counted(Counter[str]):
    def count(self, outcome: str, amount: int) -> None:
        self[outcome] += amount


def ids(file, limit: int = 50) -> list[str]:
    store = TraceStore(file)
    try:
        return [row.id for row in store.rows(Wanted(limit=limit))]
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


PROCESS = """
import itertools, resource, sys, threading
from collections import Counter
from pathlib import Path
from tests.engines.traces.recordings import make_packed
from toolgate.engines.traces.writer import TraceWriter

counted = Counter()
file, name, text = Path(sys.argv[1]), sys.argv[2], "".join(map(chr, range(256, 20256)))

def count(outcome, amount):
    counted[outcome] += amount
    told.set()

def put(number):
    told.clear()
    writer.put(lambda: make_packed(f"{name}_{number}", started=1e12, request=text))
    assert told.wait(60)

told = threading.Event()
writer = TraceWriter(file, count=count)
"""


def start(code: str, file: Path, name: str = "r") -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PROCESS + textwrap.dedent(code), str(file), name]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(os.name == "nt", reason="no limits there")
def test_a_disk_that_is_full_for_a_while(tmp_path):
    code = """
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    put(1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 2000, unlimited[1]))
    put(2); put(3)
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    put(4)
    writer.close()
    print(dict(counted))
    """
    with start(code, tmp_path / "t.db") as process:
        told, log = process.communicate(timeout=60)
    assert told == "{'stored': 2, 'failed': 2}\n"
    assert log.count("takes no recordings") == 1 and log.count("takes recordings again") == 1
    assert ids(tmp_path / "t.db") == ["r_4", "r_1"]


def test_several_processes_write_into_one_file(tmp_path):
    code = """
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(25):
        put(number)
    writer.close()
    print(dict(counted))
    """
    with ExitStack() as running:
        processes = [running.enter_context(start(code, tmp_path / "t.db", name)) for name in "abc"]
        assert [process.stdout.readline() for process in processes if process.stdout]
        told = [process.communicate("go\n", timeout=60) for process in processes]
    assert told == [("{'stored': 25}\n", "")] * 3
    assert sorted(ids(tmp_path / "t.db", limit=99)) == sorted(
        f"{name}_{number}" for name in "abc" for number in range(25)
    )


def test_a_process_that_is_killed_leaves_a_file_that_can_be_read(tmp_path):
    code = """
    for number in itertools.count():
        put(number)
        print(number, flush=True)
    """
    with start(code, tmp_path / "t.db") as process:
        assert process.stdout is not None
        for _ in range(20):
            number = int(process.stdout.readline())
        process.kill()
    found = ids(tmp_path / "t.db", limit=9999)
    assert f"r_{number}" in found
    store = TraceStore(tmp_path / "t.db")
    assert store._base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert [one.id for one in store.each(Wanted())] == found[::-1]
    assert [row.id for row in store.rows(Wanted(text="r_0"))] == ["r_0"]
    store.add([unpack(make_packed("later"))])
    store.close()


def test_a_file_that_cannot_be_opened_for_a_while(tmp_path, caplog):
    counted, folder = Counted(), tmp_path / "folder"
    folder.mkdir()
    writer = TraceWriter(folder / "t.db", count=counted.count, max_days=1e9)
    folder.rename(tmp_path / "away")
    put_and_wait(writer, counted, "lost")
    folder.mkdir()
    put_and_wait(writer, counted, "kept")
    writer.close()
    assert counted == {"failed": 1, "stored": 1}
    assert ids(folder / "t.db") == ["kept"]
    assert "takes no recordings" in caplog.text


def put_and_wait(writer: TraceWriter, counted: Counted, name: str) -> None:
    before = sum(counted.values())
    writer.put(lambda: make_packed(name))
    while sum(counted.values()) == before:
        threading.Event().wait(0.01)


def test_the_file_is_kept_small(tmp_path):
    writer = TraceWriter(tmp_path / "t.db", max_days=1.0)  # the recording is of 1970
    writer.put(make_packed)
    writer.close()
    assert ids(tmp_path / "t.db") == []


def test_a_file_that_cannot_be_is_told_at_the_start(tmp_path):
    (tmp_path / "t.db").mkdir()
    with pytest.raises(ConfigError):
        TraceWriter(tmp_path / "t.db")


def test_room_that_cannot_be_made_loses_nothing(tmp_path, caplog, monkeypatch):
    def fail(store: TraceStore, now: float) -> int:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(TraceStore, "make_room", fail)
    counted = Counted()
    writer = TraceWriter(tmp_path / "t.db", count=counted.count)
    writer.put(make_packed)
    writer.close()
    assert counted == {"stored": 1} and ids(tmp_path / "t.db") == ["req_1"]
    assert "could not be deleted (database is locked)" in caplog.text


def test_a_recording_that_cannot_be_written_down_takes_no_other_along(tmp_path, caplog):
    def half_a_character() -> Packed:
        raise UnicodeEncodeError("utf-8", "\ud83d", 0, 1, "surrogates not allowed")

    counted = Counted()
    writer = TraceWriter(tmp_path / "t.db", count=counted.count, max_days=1e9)
    for make in (lambda: make_packed("r1"), half_a_character, lambda: make_packed("r2")):
        writer.put(make)
    writer.close()
    assert ids(tmp_path / "t.db") == ["r2", "r1"]
    assert counted == {"stored": 2, "failed": 1} and "surrogates" in caplog.text
