"""A model that is swapped behind its engine's address."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from toolgate.apps.http.gateway import create_gateway
from toolgate.apps.serving.models import Models
from toolgate.apps.serving.service import Service
from toolgate.apps.settings.config import Config
from toolgate.core.chunk import Chunk
from toolgate.engines.engine import GenerateRequest
from toolgate.engines.replay import ReplayEngine
from toolgate.errors import ConfigError, EngineError, EngineRefused, EngineUnavailable

CHAT = "/v1/chat/completions"
ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}
DOWN = EngineUnavailable("connection refused")
UNFIT = ConfigError("It is of no family that toolgate knows.")


class Address:
    """Where a model runs; engines are opened here, and each knows what ran when it started."""

    def __init__(self) -> None:
        self.runs: str | EngineError | ConfigError = "kimi"
        self.refuses_old = False
        self.engines: list[Engine] = []
        self.starts = 0
        self.closed_to_us = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def open(self) -> "Engine":
        if self.closed_to_us:
            raise ConfigError("There is no such folder.")
        self.engines.append(Engine(self))
        return self.engines[-1]


class Engine(ReplayEngine):
    def __init__(self, address: Address) -> None:
        super().__init__(lambda prompt: [])
        self.address, self.known = address, ""
        self.in_doubt = self.retired = False

    async def start(self) -> None:
        self.address.starts += 1
        self.known = self.known or self._runs()

    async def describe(self) -> Mapping[str, Any]:
        return {"model": self._runs(), "context": None}

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        try:
            runs = self._runs()
            if self.address.refuses_old and runs != self.known:
                raise EngineRefused(f"There is no model {self.known}.", status=404)
        except EngineError:
            self.in_doubt = True
            raise
        yield Chunk(text=f"I am {runs}")
        await self.address.may_answer.wait()
        yield Chunk(text=", all of it.")
        yield Chunk(finish_reason="stop")

    @property
    def doubtful(self) -> bool:
        return self.in_doubt

    async def is_another(self) -> bool:
        try:
            is_another = self.known != self._runs()
        except ConfigError:
            is_another = True
        self.in_doubt = False
        return is_another

    async def retire(self) -> None:
        self.retired = True

    def _runs(self) -> str:
        if isinstance(self.address.runs, Exception):
            raise self.address.runs
        return self.address.runs


class Gateway:
    def __init__(self, address: Address, models: Models, client: httpx2.AsyncClient) -> None:
        self.address, self.models, self.client = address, models, client

    async def ask(self, **more: Any) -> httpx2.Response:
        return await self.client.post(CHAT, json=ASKED | more)

    async def said(self) -> str:
        answer = await self.ask()
        assert answer.status_code == 200, answer.text
        return str(answer.json()["choices"][0]["message"]["content"]).partition(",")[0]

    async def look(self) -> None:
        await self.models.renewals.look(self.models.first)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with gateway_to(Address()) as one:
        yield one


@asynccontextmanager
async def gateway_to(address: Address) -> AsyncIterator[Gateway]:
    models = Models([Service(Config(), address.open(), reopen=address.open)])
    app = create_gateway(models)
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client,
    ):
        yield Gateway(address, models, client)


async def test_an_engine_that_is_in_no_doubt_is_not_asked(gateway):
    assert await gateway.said() == "I am kimi"
    gateway.address.runs = "qwen"
    assert await gateway.said() == "I am qwen"  # nobody has looked, and nothing has failed
    assert gateway.models.first.model == "kimi"
    assert gateway.address.starts == 1


async def test_a_look_finds_another_model(gateway, caplog):
    await gateway.look()
    assert gateway.address.starts == 1
    gateway.address.runs = "qwen"
    await gateway.look()
    assert gateway.models.first.model == "qwen"
    assert [engine.retired for engine in gateway.address.engines] == [True, False]
    assert "The engine of kimi runs another model now" in caplog.text
    assert "qwen is served now, as kimi_k2" in caplog.text
    told = (await gateway.client.get("/metrics")).text
    assert 'toolgate_model_changes_total{model="kimi"} 1.0' in told


async def test_many_looks_at_once_are_one(gateway):
    gateway.address.runs = "qwen"
    first = gateway.models.first
    await asyncio.gather(*(gateway.models.renewals.look(first) for _ in range(5)))
    await gateway.models.renewals.look(first)  # somebody who still holds the old one
    assert gateway.address.starts == 2


async def test_after_a_failure_it_is_asked_before_it_is_used(gateway):
    gateway.address.runs = DOWN
    for _ in range(2):
        assert (await gateway.ask()).status_code == 503
    gateway.address.runs = "qwen"
    assert await gateway.said() == "I am qwen"
    assert [len(engine.requests) for engine in gateway.address.engines] == [1, 1]


async def test_it_was_down_and_is_the_same(gateway):
    gateway.address.runs = DOWN
    assert (await gateway.ask()).status_code == 503
    gateway.address.runs = "kimi"
    assert await gateway.said() == "I am kimi"
    assert len(gateway.address.engines) == 1


async def test_a_request_that_the_new_model_refuses_is_asked_anew(gateway):
    gateway.address.runs, gateway.address.refuses_old = "qwen", True
    assert await gateway.said() == "I am qwen"
    assert [len(engine.requests) for engine in gateway.address.engines] == [1, 1]


async def test_a_refusal_that_no_other_model_explains_goes_to_the_client(gateway):
    gateway.address.engines[0].known = "asked in vain"
    gateway.address.refuses_old = True

    async def never() -> bool:
        return False

    gateway.address.engines[0].is_another = never
    assert (await gateway.ask()).status_code == 502
    assert len(gateway.address.engines) == 1


async def test_answers_under_way_end_as_they_began(gateway):
    gateway.address.may_answer.clear()
    asking = asyncio.create_task(gateway.said())
    old = gateway.address.engines[0]
    while not old.requests:
        await asyncio.sleep(0)
    gateway.address.runs = "qwen"
    await gateway.look()
    gateway.address.may_answer.set()
    assert await asking == "I am kimi"
    assert await gateway.said() == "I am qwen"


async def test_a_model_that_cannot_be_served_is_refused_and_tried_again(gateway, caplog):
    gateway.address.runs = UNFIT
    await gateway.look()
    starts = gateway.address.starts
    for path, body in [(CHAT, ASKED), ("/v1/messages", ASKED | {"max_tokens": 1})]:
        answer = await gateway.client.post(path, json=body)
        assert answer.status_code == 503
        assert str(UNFIT) in answer.text
    assert (await gateway.client.post("/v1/completions", json={})).status_code == 503
    assert gateway.address.starts == starts
    health = await gateway.client.get("/health")
    assert (health.status_code, health.json()["model"]) == (503, "kimi")
    for _ in range(3):
        await gateway.look()
    assert caplog.text.count(str(UNFIT)) == 1
    gateway.address.runs = "qwen"
    await gateway.look()
    assert await gateway.said() == "I am qwen"
    assert (await gateway.client.get("/health")).status_code == 200


async def test_requests_wait_while_another_model_takes_the_place(gateway, monkeypatch):
    starting, may_start = asyncio.Event(), asyncio.Event()

    async def describe(engine: Engine) -> Mapping[str, Any]:
        starting.set()
        await may_start.wait()
        return {"model": "qwen", "context": None}

    monkeypatch.setattr(Engine, "describe", describe)
    gateway.address.runs = "qwen"
    looking = asyncio.create_task(gateway.look())
    await starting.wait()
    asking = [asyncio.create_task(gateway.said()) for _ in range(3)]
    for _ in range(100):
        await asyncio.sleep(0)
    assert not any(one.done() for one in asking)
    may_start.set()
    await looking
    assert [await one for one in asking] == ["I am qwen"] * 3
    assert [len(engine.requests) for engine in gateway.address.engines] == [0, 3]


async def test_a_request_does_not_reach_another_model_when_looks_are_over(gateway):
    gateway.models.first.is_outdated = True
    await gateway.models.renewals.close()
    answer = await gateway.ask()
    assert (answer.status_code, "another model" in answer.text) == (503, True)
    gateway.models.renewals.resume()
    assert await gateway.said() == "I am kimi"
    assert [len(engine.requests) for engine in gateway.address.engines] == [0, 1]


async def test_what_cannot_be_opened_anew_is_said(gateway):
    gateway.address.runs, gateway.address.closed_to_us = "qwen", True
    await gateway.look()
    assert "There is no such folder." in (await gateway.ask()).text
    gateway.address.closed_to_us = False
    await gateway.look()
    assert await gateway.said() == "I am qwen"


async def test_an_engine_that_goes_while_it_is_looked_at_is_started_by_the_next_request(gateway):
    engine = gateway.address.engines[0]

    async def gone_again() -> bool:
        gateway.address.runs = DOWN
        return True

    engine.is_another = gone_again
    await gateway.look()
    assert (await gateway.ask()).status_code == 503
    gateway.address.runs = UNFIT
    assert str(UNFIT) in (await gateway.ask()).text
    assert "which cannot be served" in (await gateway.ask()).text
    gateway.address.runs = "qwen"
    await gateway.look()
    assert await gateway.said() == "I am qwen"


async def test_an_engine_that_nobody_can_open_anew_is_left_as_it_is():
    address = Address()
    models = Models([Service(Config(), address.open())])
    await models.start()
    address.runs = "qwen"
    await models.renewals.look(models.first)
    assert models.first.model == "kimi"
    await models.close()


async def test_the_watch_looks_again_and_again(gateway, caplog):
    watching = asyncio.create_task(gateway.models.renewals.watch(seconds=0.0))

    def broken() -> Engine:
        raise ZeroDivisionError

    gateway.address.runs = DOWN
    for _ in range(100):
        await asyncio.sleep(0)
    gateway.models.first.reopen = broken
    gateway.address.runs = "qwen"
    while "A look at a model failed" not in caplog.text:
        await asyncio.sleep(0)
    gateway.models.first.reopen = gateway.address.open
    while gateway.models.first.model != "qwen":
        await asyncio.sleep(0)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_the_end_ends_the_looks():
    async with gateway_to(Address()) as gateway:
        never = asyncio.Event()

        async def wait() -> bool:
            await never.wait()
            return False

        gateway.address.engines[0].is_another = wait  # type: ignore[method-assign]
        looking = asyncio.create_task(gateway.look())
        await asyncio.sleep(0)
    await looking
