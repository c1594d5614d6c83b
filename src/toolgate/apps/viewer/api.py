"""What the pages ask for, as JSON. Only reads.

| route | answer |
|---|---|
| `about` | version, what is recorded, where |
| `conversations` | those with a recording that is wanted (`Wanted`), the newest first |
| `choices` | what there is to filter by |
| `recordings/{id}` | one request, worked out for its page |
| `recordings/{id}/raw` | the same as it is stored, as `toolgate trace export` prints it |
| `history?hours=24` | the deployment over time |
| `live` | what is new, as it comes |
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from toolgate.apps.http.failure import answer_toolgate_error
from toolgate.apps.process.drain import STOPPING
from toolgate.apps.serving.service import VERSION
from toolgate.apps.viewer.live import changes
from toolgate.apps.viewer.shelf import Shelf
from toolgate.apps.viewer.turn_page import open_page
from toolgate.engines.traces.row import Wanted
from toolgate.engines.traces.store import TraceStore
from toolgate.errors import InvalidRequest
from toolgate.pipeline.trace import encode_recording

SPANS: Final = 48
"""Into which the deployment's time is divided."""
HOUR: Final = 3600.0
_EVER: Final = 1e9
"""A span of time that holds everything."""
MOST_HOURS: Final = 24.0 * 366
Answer = Callable[[Request], Awaitable[Response]]


class Api:
    """The routes."""

    def __init__(self, shelf: Shelf, contents: str) -> None:
        """`contents` is how much of what was said is recorded; "" where nobody records."""
        self._shelf = shelf
        self._contents = contents

    @property
    def routes(self) -> list[Route]:
        """Relative to where the API is mounted."""
        return [
            Route("/about", self._about),
            Route("/conversations", self._conversations),
            Route("/choices", self._choices),
            Route("/recordings/{id}", self._page),
            Route("/recordings/{id}/raw", self._raw),
            Route("/history", self._history),
            Route("/live", self._live),
        ]

    async def _about(self, request: Request) -> Response:
        file = self._shelf.file
        return _json(
            {
                "version": VERSION,
                "file": file.name if file else None,
                "contents": self._contents,
            }
        )

    async def _conversations(self, request: Request) -> Response:
        wanted = _wanted(request)
        found = await self._shelf.ask(lambda store: store.conversations(wanted))
        return _json(found or [])

    async def _choices(self, request: Request) -> Response:
        return _json(await self._shelf.ask(TraceStore.choices) or {})

    async def _page(self, request: Request) -> Response:
        wanted = request.path_params["id"]
        running = self._shelf.snapshot(wanted)
        found = await self._shelf.ask(lambda store: open_page(store, wanted, running))
        return await _missing(request, wanted) if found is None else _json(found)

    async def _raw(self, request: Request) -> Response:
        wanted = request.path_params["id"]
        found = self._shelf.snapshot(wanted) or await self._shelf.ask(
            lambda store: store.find(wanted)
        )
        if found is None:
            return await _missing(request, wanted)
        return Response(encode_recording(found), media_type="application/json")

    async def _history(self, request: Request) -> Response:
        hours = _number(request, "hours", default=24.0, most=MOST_HOURS)
        since, width = time.time() - hours * HOUR, hours * HOUR / SPANS
        spans = await self._shelf.ask(lambda store: store.history(since, width))
        whole = await self._shelf.ask(lambda store: store.history(since, _EVER))
        return _json(
            {
                "since": since,
                "width": width,
                "spans": spans or [],
                "whole": whole[0] if whole else None,
            }
        )

    async def _live(self, request: Request) -> Response:
        is_stopping = request.scope.get(STOPPING, lambda: False)
        frames = changes(self._shelf, is_stopping)
        return StreamingResponse(frames, media_type="text/event-stream")


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


async def _missing(request: Request, recording_id: str) -> Response:
    error = InvalidRequest(
        f"No request {recording_id!r} is recorded here; it may have made room for newer ones."
    )
    response = await answer_toolgate_error(request, error)
    response.status_code = 404
    return response


def _wanted(request: Request) -> Wanted:
    """Raises: InvalidRequest for what is no filter."""
    if any("\0" in text for text in request.query_params.values()):
        raise InvalidRequest("This is no filter: a NUL is in no text that is kept.")
    try:
        return msgspec.convert(dict(request.query_params), Wanted, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"This is no filter: {error}") from None


def _number(request: Request, name: str, *, default: float, most: float) -> float:
    given = request.query_params.get(name, "")
    try:
        number = float(given) if given else default
    except ValueError:
        raise InvalidRequest(f"{name} is a number, not {given!r}", param=name) from None
    if not 0 < number <= most:
        raise InvalidRequest(f"{name} is above 0, and {most:g} at most", param=name)
    return number
