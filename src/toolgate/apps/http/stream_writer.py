"""Sends a stream's frames, and something to keep the client waiting while there are none.

Clients give up on a silent stream after two to five minutes, and a long prompt on a slow engine
takes longer. So a stream begins at once, but for a moment's grace in which an engine that refuses
can still be answered with an HTTP status; and no ten seconds pass without an event.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

from starlette.types import Send

from toolgate.apps.protocols.exchange import Encoder

GRACE_SECONDS: Final = 0.25
"""A refusal comes within milliseconds; nobody minds a first byte a quarter of a second later."""


class StreamWriter:
    """One stream: `write` frames inside `beating()`; `open` it where there may be none."""

    def __init__(
        self, send: Send, encoder: Encoder, headers: Mapping[bytes, bytes], *, heartbeat: float
    ) -> None:
        self.begun = False
        """Whether the client has been told that there will be an answer."""
        self._send = send
        self._encoder = encoder
        # Made now and sent later: the Responses encoder numbers its frames in the order of making.
        self._opening = encoder.begin()
        self._headers = headers
        self._heartbeat = heartbeat
        self._opening_lock = asyncio.Lock()
        self._is_open = False
        """Whether the stream's beginning has been sent."""
        self._clock = asyncio.get_running_loop().time
        self._last = 0.0

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """While it is open, the client hears something every `heartbeat` seconds."""
        heart = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart

    def write(self, frames: bytes) -> Awaitable[None]:
        """Sends these frames, after the stream's beginning if need be.

        Once for each chunk: no coroutine of its own.
        """
        if not self._is_open:
            return self._open_and_write(frames)
        self._last = self._clock()
        return self._send({"type": "http.response.body", "body": frames, "more_body": True})

    async def open(self) -> None:
        """Sends the stream's beginning, once."""
        async with self._opening_lock:
            if not self._is_open:
                await self._begin()

    async def _beat(self) -> None:
        await asyncio.sleep(min(GRACE_SECONDS, self._heartbeat))
        await self.open()
        while True:
            await asyncio.sleep(max(0.0, self._last + self._heartbeat - self._clock()))
            if self._clock() >= self._last + self._heartbeat:
                await self.write(self._encoder.ping())

    async def _open_and_write(self, frames: bytes) -> None:
        await self.open()
        await self.write(frames)

    async def _begin(self) -> None:
        self.begun = True
        await self._send(
            {"type": "http.response.start", "status": 200, "headers": list(self._headers.items())}
        )
        self._is_open = True
        await self.write(self._opening)
