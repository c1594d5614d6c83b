"""Several streams as one."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import cast

import pytest

from toolgate.apps.serving.choices import interleave


class Streams:
    """Streams that count how many of them are open."""

    def __init__(self) -> None:
        self.open = 0

    async def of(self, items: Iterable[object]) -> AsyncGenerator[object, None]:
        self.open += 1
        try:
            for item in items:
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, asyncio.Event):
                    await item.wait()
                yield item
        finally:
            self.open -= 1


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_each_stream_keeps_its_order(count):
    streams = Streams()
    said: list[list[object]] = [[] for _ in range(count)]
    numbered = [[(at, item) for item in range(at + 3)] for at in range(count)]
    async for pair in interleave([streams.of(items) for items in numbered]):
        at, item = cast("tuple[int, object]", pair)
        said[at].append(item)
    assert said == [list(range(at + 3)) for at in range(count)]
    assert streams.open == 0


async def test_a_stream_that_waits_holds_nobody_up():
    streams = Streams()
    never = asyncio.Event()
    async with aclosing(interleave([streams.of([never]), streams.of("abc")])) as merged:
        assert [await anext(merged) for _ in range(3)] == ["a", "b", "c"]
    assert streams.open == 0


@pytest.mark.parametrize("count", [1, 2])
async def test_an_error_ends_all_streams(count):
    streams = Streams()
    sources = [streams.of([ValueError("broken")]), streams.of([asyncio.Event()])][:count]
    with pytest.raises(ValueError, match="broken"):
        async for _ in interleave(sources):
            pass
    assert streams.open == 0


@pytest.mark.parametrize("count", [1, 3])
async def test_cancelling_ends_all_streams(count):
    streams = Streams()

    async def read() -> None:
        async for _ in interleave([streams.of(["a", asyncio.Event()]) for _ in range(count)]):
            pass

    task = asyncio.create_task(read())
    while streams.open < count:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert streams.open == 0
