"""What there is to show."""

import sqlite3
from contextlib import closing

import pytest

from tests.engines.traces.recordings import make_recording
from toolgate.apps.viewer.shelf import Shelf
from toolgate.engines.traces.row import Row, summarize
from toolgate.engines.traces.store import TraceStore
from toolgate.errors import Overloaded
from toolgate.pipeline.trace import Recording


class Running:
    """One request under way."""

    def running(self) -> list[Row]:
        return [summarize(make_recording("now", running=True))]

    def snapshot(self, recording_id: str) -> Recording | None:
        return make_recording("now", running=True) if recording_id == "now" else None


async def test_nothing_is_kept_and_nothing_is_under_way():
    shelf = Shelf(None)
    assert await shelf.ask(lambda store: store.newest) is None
    assert (shelf.running(), shelf.snapshot("now")) == ((), None)


async def test_a_file_and_what_is_under_way(tmp_path):
    with closing(TraceStore(tmp_path / "t.db")) as store:
        store.add([make_recording()])
    shelf = Shelf(tmp_path / "t.db", Running())
    assert await shelf.ask(lambda store: store.newest) == 1
    assert [row.id for row in shelf.running()] == ["now"]
    snapshot = shelf.snapshot("now")
    assert snapshot is not None and snapshot.running and shelf.snapshot("other") is None


async def test_a_file_that_cannot_be_read_now_is_told_as_that(tmp_path):
    def fail(store: TraceStore) -> None:
        raise sqlite3.OperationalError("database is locked")

    with pytest.raises(Overloaded, match="unable to open"):
        await Shelf(tmp_path / "t.db").ask(fail)
    TraceStore(tmp_path / "t.db").close()
    with pytest.raises(Overloaded, match="database is locked"):
        await Shelf(tmp_path / "t.db").ask(fail)
