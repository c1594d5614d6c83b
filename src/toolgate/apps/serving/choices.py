"""Several streams of one request, read as one."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TypeVar

T = TypeVar("T")


async def interleave(
    streams: Sequence[AsyncGenerator[T, None]],
) -> AsyncGenerator[T, None]:
    """The items of all streams as they come; no stream runs more than one item ahead.

    The first error of any stream is raised and ends them all; so does closing this generator.
    """
    waiting = {asyncio.ensure_future(anext(stream)): at for at, stream in enumerate(streams)}
    try:
        while waiting:
            for ready in (await asyncio.wait(waiting, return_when="FIRST_COMPLETED"))[0]:
                at = waiting.pop(ready)
                try:
                    item = ready.result()
                except StopAsyncIteration:
                    continue
                yield item
                waiting[asyncio.ensure_future(anext(streams[at]))] = at
    finally:
        for future in waiting:
            future.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for stream in streams:
            await stream.aclose()
