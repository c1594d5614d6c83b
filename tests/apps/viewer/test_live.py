"""What is new, as it comes."""

import json
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tests.engines.traces.recordings import make_recording
from toolgate.apps.viewer import live
from toolgate.apps.viewer.live import BEAT, changes
from toolgate.apps.viewer.shelf import Shelf
from toolgate.engines.traces.row import Row, summarize
from toolgate.engines.traces.store import TraceStore
from toolgate.pipeline.trace import Recording


class Running:
    """Requests under way, whose clocks go on with every look."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.looks = 0

    def running(self) -> list[Row]:
        self.looks += 1
        rows = [summarize(make_recording(one, running=True)) for one in self.ids]
        return [replace(row, seconds=float(self.looks)) for row in rows]

    def snapshot(self, recording_id: str) -> Recording | None:
        return None


def listen(file: Path, running: Running, looks: int = 10**9) -> AsyncIterator[bytes]:
    TraceStore(file).close()
    shelf = Shelf(file, running)
    return changes(shelf, lambda: running.looks >= looks, look_seconds=0.001)


async def hear(frames: AsyncIterator[bytes]) -> Any:
    frame = await anext(frames)
    assert frame.startswith(b"data: ") and frame.endswith(b"\n\n")
    return json.loads(frame[6:])


async def test_each_change_is_told_once(tmp_path):
    running, file = Running(), tmp_path / "t.db"
    frames = listen(file, running)
    assert await hear(frames) == {"newest": 0, "running": []}
    running.ids = ["req_1"]
    told = await hear(frames)
    assert [row["id"] for row in told["running"]] == ["req_1"] and told["newest"] == 0
    looks = running.looks
    running.ids = []
    with closing(TraceStore(file)) as store:
        store.add([make_recording()])
    while (told := await hear(frames))["running"]:
        pass
    assert running.looks > looks
    assert told["newest"] == 1 or (await hear(frames))["newest"] == 1


async def test_time_that_passes_is_nothing_new(tmp_path):
    running = Running()
    running.ids = ["req_1"]
    assert len([frame async for frame in listen(tmp_path / "t.db", running, looks=9)]) == 1


async def test_it_ends_with_the_server(tmp_path):
    told = [frame async for frame in listen(tmp_path / "t.db", Running(), looks=3)]
    assert len(told) == 1


async def test_silence_is_broken_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.002)
    told = [frame async for frame in listen(tmp_path / "t.db", Running(), looks=9)]
    assert BEAT in told[1:] and len(told) < 9
