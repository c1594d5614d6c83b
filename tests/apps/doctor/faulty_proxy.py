"""A proxy in front of a real server that spoils one thing, as proxies and old servers do."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import aiohttp
from aiohttp import web

Change: TypeAlias = Callable[[str, dict[str, Any]], Any]
"""(path, JSON) → other JSON."""


class Faults:
    """What the proxy does to what passes; nothing, unless it is set."""

    def __init__(
        self,
        *,
        asked: Change | None = None,
        answered: Change | None = None,
        absent: tuple[str, ...] = (),
        buffers: float = 0,
        headers: Mapping[str, str] | None = None,
        reads_on: bool = False,
    ) -> None:
        """`absent` paths are 404; `buffers` are bytes of a stream that are held back at a time;
        `reads_on` when the client has gone."""
        self.asked = asked
        self.answered = answered
        self.absent = absent
        self.buffers = buffers
        self.headers = dict(headers or {})
        self.reads_on = reads_on


class _Proxy:
    def __init__(self, upstream: str, faults: Faults, session: aiohttp.ClientSession) -> None:
        self._upstream = upstream
        self._faults = faults
        self._session = session

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path in self._faults.absent:
            return web.json_response({"error": "not found"}, status=404)
        headers = {"content-type": "application/json"}
        if key := request.headers.get("authorization"):
            headers["authorization"] = key
        async with self._session.request(
            request.method,
            self._upstream + request.path_qs,
            data=self._spoil(self._faults.asked, request.path, await request.read()),
            headers=headers,
        ) as answer:
            if answer.content_type == "text/event-stream":
                return await self._stream(request, answer)
            body = self._spoil(self._faults.answered, request.path, await answer.read())
            return web.Response(body=body, status=answer.status, content_type=answer.content_type)

    def _spoil(self, change: Change | None, path: str, body: bytes) -> bytes:
        if change is None or not body.startswith(b"{"):
            return body
        return json.dumps(change(path, json.loads(body))).encode()

    async def _stream(
        self, request: web.Request, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        response.headers.update(self._faults.headers)
        await response.prepare(request)
        held = bytearray()
        async for piece in answer.content.iter_any():
            held += piece
            if len(held) >= self._faults.buffers:
                with suppress(ConnectionError):
                    await response.write(bytes(held))
                held.clear()
        if held:
            await response.write(bytes(held))
        return response


@asynccontextmanager
async def faulty_proxy(upstream: str, faults: Faults) -> AsyncIterator[str]:
    """Its address."""
    # llama-server closes connections that idle; one that is just being used again would fail
    connector = aiohttp.TCPConnector(force_close=True)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", _Proxy(upstream, faults, session).handle)
        runner = web.AppRunner(app, handler_cancellation=not faults.reads_on)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
