"""How a stream came: by the engine's own clock, with proxies before a real llama-server."""

from collections.abc import Sequence
from math import inf
from typing import Any

import pytest

from tests.apps.doctor.conftest import codes
from tests.apps.doctor.faulty_proxy import Faults
from toolgate.apps.doctor import stream
from toolgate.apps.doctor.patient import Patient
from toolgate.apps.doctor.stream import HELD, STREAMED, Piece, Stream, check_stream


def came(pieces: Sequence[tuple[float, int]], engine: float | None = None) -> Stream:
    """A stream of pieces (seconds, frames), of which the engine says that it took so long."""
    found = Stream(sum(frames for _, frames in pieces))
    found.pieces = [Piece(at, frames) for at, frames in pieces]
    found.engine_seconds = engine
    return found


STEADY = [(0.02 * n, 1) for n in range(1, 301)]
WHOLE = [(6.0, 200), (6.001, 100)]
PROXY = [(0.32 * n, 16) for n in range(1, 20)]
"""As nginx does: 4 KB at a time."""
BUSY = [(0.05 * n, 10) for n in range(1, 31)]
"""Another process had the processor half of the time."""
QUEUED = [(10.0, 200), (10.1, 100)]
"""It waited for others, and was then generated in no time."""


@pytest.mark.parametrize(
    ("pieces", "engine", "is_held"),
    [
        (STEADY, 6.0, False),
        (STEADY, None, False),
        (WHOLE, 5.9, True),
        (WHOLE, None, True),
        (PROXY, 6.0, True),
        (BUSY, 1.5, False),
        (QUEUED, 0.15, False),
        ([], None, False),
    ],
)
def test_what_is_held_back(pieces, engine: float | None, is_held: bool):
    assert (came(pieces, engine).held >= HELD) is is_held


def test_a_burst_is_what_came_faster_than_it_was_made():
    assert came([(1.0, 2), (1.001, 2), (2.0, 1)], 5.0).bursts == [4, 1]
    assert came([(1.0, 2), (1.001, 2), (2.0, 1)], 5.0).usual_burst == 4


@pytest.mark.parametrize(("held", "found"), [(2, []), (3, ["buffered_stream"])])
async def test_a_stream_is_looked_at_again_before_it_is_called_buffered(monkeypatch, held, found):
    """What holds streams back does so each time."""

    async def watch(patient: Patient, tokens: int) -> Stream:
        nonlocal held
        held -= 1
        return came(WHOLE if held >= 0 else STEADY, 6.0)

    monkeypatch.setattr(stream, "watch", watch)
    patient: Any = None  # nobody is asked
    assert [one.code async for one in check_stream(patient)] == found


async def test_a_fast_engine_is_asked_for_more(monkeypatch):
    asked = []

    async def watch(patient: Patient, tokens: int) -> Stream:
        asked.append(tokens)
        return came([(0.1, STREAMED)], 0.1)

    monkeypatch.setattr(stream, "watch", watch)
    for context in (100_000, 4096, 2000, 500):
        deployment: Any = type("Deployment", (), {"told": {"context": context}})
        assert [one async for one in check_stream(deployment)] == []
    assert asked[1::2] == [3000, 3000, 1700, STREAMED]


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        (Faults(buffers=inf), "buffered_stream"),
        (Faults(buffers=200_000), "buffered_stream"),
        (Faults(headers={"content-encoding": "gzip"}), "compressed_stream"),
    ],
)
async def test_a_fault_is_named(examined, faults: Faults, code: str):
    assert codes(await examined(faults)) == [code]
