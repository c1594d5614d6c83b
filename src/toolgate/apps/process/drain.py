"""The end of a gateway, in order: nothing new is begun, and what has begun may end in time.

From the moment it is told to stop, it says that it is not ready, and refuses requests. Answers
under way go on for a while; those that are not done by then end with their protocol's error.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from toolgate.apps.http.disconnect import STOPPED
from toolgate.apps.http.failure import answer_toolgate_error
from toolgate.errors import Overloaded

STOPPING: Final = "toolgate.stopping"
"""In each request's scope: `() -> bool`, for those that would go on as long as the gateway does."""
_HEALTH: Final = "/health"
_UNAVAILABLE: Final = 503


class Drain:
    """ASGI middleware; `begin` it once, wait until it is `empty`, and `end` what is left."""

    def __init__(self, app: ASGIApp) -> None:
        self.begun = False
        self._app = app
        self._running: set[asyncio.Task[Any]] = set()
        self._emptied = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.begun and scope["type"] == "http" and _is_work(scope):
            await (await _refuse(Request(scope)))(scope, receive, send)
            return
        with self._counted(scope):
            scope[STOPPING] = self._is_begun
            await self._app(scope, receive, send)

    def begin(self) -> None:
        """From now on nothing new is begun."""
        self.begun = True
        self._tell()

    async def empty(self, *, within: float) -> bool:
        """Whether all answers have ended, or do within so many seconds."""
        try:
            async with asyncio.timeout(within):
                await self._emptied.wait()
        except TimeoutError:
            return False
        return True

    async def end(self) -> None:
        """Ends what is under way, each with the error of its protocol."""
        for task in self._running:
            task.cancel(STOPPED)
        if self._running:
            await asyncio.wait(self._running, timeout=1.0)  # a client may not read its error

    def _is_begun(self) -> bool:
        return self.begun

    @contextmanager
    def _counted(self, scope: Scope) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        is_work = scope["type"] == "http" and scope["method"] == "POST"
        if is_work:
            self._running.add(task)
        try:
            yield
        finally:
            self._running.discard(task)
            self._tell()

    def _tell(self) -> None:
        if self.begun and not self._running:
            self._emptied.set()


def _is_work(scope: Scope) -> bool:
    return bool(scope["method"] == "POST" or scope["path"] == _HEALTH)


async def _refuse(request: Request) -> Response:
    if request.url.path == _HEALTH:
        body = msgspec.json.encode({"status": "stopping"})
        return Response(body, status_code=_UNAVAILABLE, media_type="application/json")
    return await answer_toolgate_error(request, Overloaded(f"{STOPPED}; send the request again."))
