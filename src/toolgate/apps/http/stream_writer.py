"""Sends a stream's frames, and something to keep the client waiting while there are none.

Clients give up on a silent stream after two to five minutes, and a long prompt on a slow engine
takes longer. So a stream begins at once, but for a moment's grace in which an engine that refuses
can still be answered with an HTTP status; and no ten seconds pass without an event.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

from starlette.types import Message, Send

from toolgate.apps.protocols.exchange import Encoder

GRACE_SECONDS: Final = 0.25
"""A refusal comes within milliseconds; nobody minds a first byte a quarter of a second later."""


class StreamWriter:
    """One stream: `write` frames inside `beating()`."""

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

    async def write(self, frames: bytes) -> None:
        """Sends these frames, after the stream's beginning if need be."""
        if not self._is_open:
            async with self._opening_lock:
                await self._begin()
        if frames:
            self._last = self._clock()
            await self._send(_body(frames))

    async def _beat(self) -> None:
        await asyncio.sleep(min(GRACE_SECONDS, self._heartbeat))
        await self.write(b"")
        while True:
            await asyncio.sleep(max(0.0, self._last + self._heartbeat - self._clock()))
            if self._clock() >= self._last + self._heartbeat:
                await self.write(self._encoder.ping())

    async def _begin(self) -> None:
        if self.begun:
            return
        self.begun = True
        await self._send(
            {"type": "http.response.start", "status": 200, "headers": list(self._headers.items())}
        )
        self._last = self._clock()
        await self._send(_body(self._opening))
        self._is_open = True


def _body(frames: bytes) -> Message:
    return {"type": "http.response.body", "body": frames, "more_body": True}
