"""The end of a gateway, in order."""

import asyncio
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from toolgate.apps.http.disconnect import STOPPED
from toolgate.apps.process.drain import STOPPING, Drain


class Gateway:
    """One that answers when it is let."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.cancelled_with: tuple[Any, ...] = ()
        routes = [
            Route("/v1/messages", self.work, methods=["POST"]),
            Route("/health", self.tell),
            Route("/metrics", self.tell),
        ]
        self.drain = Drain(Starlette(routes=routes))
        transport = httpx2.ASGITransport(self.drain)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://gateway")

    async def work(self, request: Request) -> Response:
        self.asked.set()
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError as error:
            self.cancelled_with = error.args
        return PlainTextResponse("worked")

    async def tell(self, request: Request) -> Response:
        return PlainTextResponse("well")


async def test_before_it_begins_it_is_not_there():
    gateway = Gateway()
    gateway.may_answer.set()
    assert (await gateway.client.get("/health")).text == "well"
    assert (await gateway.client.post("/v1/messages")).text == "worked"
    assert not await gateway.drain.empty(within=0)


async def test_with_nothing_under_way_it_is_empty_at_once():
    drain = Gateway().drain
    drain.begin()
    assert await drain.empty(within=0)


async def test_nothing_new_is_begun_and_what_was_begun_ends():
    gateway = Gateway()
    working = asyncio.create_task(gateway.client.post("/v1/messages"))
    await gateway.asked.wait()
    gateway.drain.begin()
    health = await gateway.client.get("/health")
    assert (health.status_code, health.json()) == (503, {"status": "stopping"})
    assert (await gateway.client.get("/metrics")).text == "well"
    refused = await gateway.client.post("/v1/messages")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["error"]["type"] == "overloaded_error"
    assert not await gateway.drain.empty(within=0)
    gateway.may_answer.set()
    assert await gateway.drain.empty(within=60)
    assert (await working).text == "worked"
    await gateway.drain.end()


async def test_what_takes_too_long_is_told_to_end():
    gateway = Gateway()
    working = asyncio.create_task(gateway.client.post("/v1/messages"))
    await gateway.asked.wait()
    gateway.drain.begin()
    await gateway.drain.end()
    assert gateway.cancelled_with == (STOPPED,)
    assert (await working).text == "worked"


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_other_protocols_pass_through(kind):
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    drain = Drain(app)
    drain.begin()
    await drain({"type": kind}, None, None)  # type: ignore[arg-type]
    assert seen == [kind]


async def test_what_would_go_on_for_ever_can_ask_whether_to_stop():
    asked = []

    async def watch(request: Request) -> Response:
        asked.append(request.scope[STOPPING])
        return PlainTextResponse("seen")

    drain = Drain(Starlette(routes=[Route("/live", watch)]))
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(drain), base_url="http://gateway")
    await client.get("/live")
    assert asked[0]() is False
    drain.begin()
    assert asked[0]() is True
