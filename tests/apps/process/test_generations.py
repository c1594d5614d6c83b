"""New settings without a pause."""

import asyncio
from typing import Any

import httpx2
import pytest

from toolgate.apps.process.generations import Generations
from toolgate.apps.serving.renewals import Renewals
from toolgate.apps.settings.config import Config
from toolgate.core.chunk import Chunk
from toolgate.engines.replay import ReplayEngine
from toolgate.errors import ConfigError, EngineUnavailable

ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}


class Engine(ReplayEngine):
    """Says which server it is, when it is let."""

    def __init__(self, config: Config) -> None:
        (upstream,) = config.upstreams
        self.url = upstream.url
        steps = [Chunk(text=f"I am {self.url}."), Chunk(finish_reason="stop")]
        super().__init__(lambda prompt: steps)
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = asyncio.Event()
        self.closed = 0

    async def start(self) -> None:
        if "dead" in self.url:
            raise EngineUnavailable(f"{self.url} is down.")

    async def generate(self, request: Any) -> Any:
        self.asked.set()
        await self.may_answer.wait()
        async for chunk in super().generate(request):
            yield chunk

    async def close(self) -> None:
        self.closed += 1


class Gateway:
    def __init__(self, *configs: Config) -> None:
        self.engines: list[Engine] = []
        self.generations = Generations(configs, self.open)
        transport = httpx2.ASGITransport(self.generations)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://gateway")

    def open(self, config: Config) -> Engine:
        self.engines.append(Engine(config))
        return self.engines[-1]

    async def ask(self, model: str = "") -> str:
        answer = await self.client.post("/v1/chat/completions", json=ASKED | {"model": model})
        return answer.text

    @property
    def closed(self) -> list[int]:
        return [engine.closed for engine in self.engines]


def at(url: str, **settings: Any) -> Config:
    return Config(engine=f"http://{url}", model="kimi", **{"dialect": "kimi_k2"} | settings)


async def test_what_was_begun_goes_on_and_what_is_new_is_served_anew():
    gateway = Gateway(at("old"))
    await gateway.generations.start()
    old = gateway.engines[0]
    old.may_answer.clear()
    asking = asyncio.create_task(gateway.ask())
    await old.asked.wait()
    await gateway.generations.change([at("new")])
    assert "http://new" in await gateway.ask()
    assert gateway.closed == [0, 0]
    old.may_answer.set()
    assert "http://old" in await asking
    while gateway.closed != [1, 0]:
        await asyncio.sleep(0)
    await gateway.generations.close()
    await gateway.generations.close()
    assert gateway.closed == [1, 1]


async def test_an_engine_whose_settings_stay_is_kept():
    gateway = Gateway(at("a"))
    await gateway.generations.start()
    await gateway.generations.change([at("a", max_messages=1), at("b")])
    assert [engine.url for engine in gateway.engines] == ["http://a", "http://b"]
    await gateway.generations.change([at("b")])
    assert gateway.closed == [1, 0]
    assert "http://b" in await gateway.ask()
    await gateway.generations.close()
    assert gateway.closed == [1, 1]


async def test_counters_and_memory_outlive_the_change():
    gateway = Gateway(at("a"))
    await gateway.generations.start()
    await gateway.ask()
    await gateway.generations.change([at("a", heartbeat=1.0)])
    await gateway.ask()
    told = (await gateway.client.get("/metrics")).text
    assert 'requests_total{path="/v1/chat/completions",status="200"} 2.0' in told
    assert gateway.generations.config.heartbeat == 1.0
    await gateway.generations.close()


@pytest.mark.parametrize(
    ("wrong", "error"),
    [(at("dead"), EngineUnavailable), (at("b", aliases=("x=y",)), ConfigError)],
)
async def test_settings_that_do_not_work_change_nothing(wrong, error):
    gateway = Gateway(at("a"))
    await gateway.generations.start()
    with pytest.raises(error):
        await gateway.generations.change([wrong])
    assert gateway.closed == [0, 1]
    assert "http://a" in await gateway.ask()
    await gateway.generations.close()


async def test_the_end_closes_what_is_still_in_use():
    gateway = Gateway(at("old"))
    await gateway.generations.start()
    old = gateway.engines[0]
    old.may_answer.clear()
    asking = asyncio.create_task(gateway.ask())
    await old.asked.wait()
    await gateway.generations.change([at("new")])
    await gateway.generations.close()
    assert gateway.closed == [1, 1]
    old.may_answer.set()
    await asking
    assert gateway.closed == [1, 1]


async def test_the_models_of_now_are_watched(monkeypatch):
    watched: list[Renewals] = []

    async def watch(renewals: Renewals) -> None:
        watched.append(renewals)
        try:
            await asyncio.Event().wait()
        finally:
            watched.remove(renewals)

    monkeypatch.setattr(Renewals, "watch", watch)
    gateway = Gateway(at("a"))
    await gateway.generations.start()
    await asyncio.sleep(0)
    (before,) = watched
    await gateway.generations.change([at("a", max_messages=1)])
    await asyncio.sleep(0)
    (after,) = watched
    assert after is not before
    await gateway.generations.close()
    assert watched == []


async def test_an_engine_is_opened_anew_as_it_was_opened():
    gateway = Gateway(at("a"))
    await gateway.generations.start()
    (service,) = gateway.generations._now.models
    assert service.reopen is not None
    assert service.reopen() is gateway.engines[1]
    assert gateway.engines[1].url == "http://a"
    await gateway.generations.close()


async def replaced_under(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> asyncio.Task[None]:
    """A look that found another model, and waits for the engine that it opened for that."""
    starting = asyncio.Event()

    async def start(engine: Engine) -> None:
        if engine is gateway.engines[1]:
            starting.set()
            await asyncio.Event().wait()

    async def is_another() -> bool:
        return True

    monkeypatch.setattr(Engine, "start", start)
    monkeypatch.setattr(gateway.engines[0], "is_another", is_another)
    models = gateway.generations._now.models
    looking = asyncio.create_task(models.renewals.look(models.first))
    await starting.wait()
    return looking


async def test_new_settings_while_a_model_is_replaced(monkeypatch):
    gateway = Gateway(at("a"))
    await gateway.generations.start()
    before = gateway.generations._now.models
    looking = await replaced_under(gateway, monkeypatch)
    await gateway.generations.change([at("a", max_messages=1)])
    await looking
    assert gateway.closed == [1, 1, 0]
    assert gateway.generations._now.models.first.engine is gateway.engines[2]
    await before.renewals.look(before.first)  # by an answer that is still under way
    assert len(gateway.engines) == 3
    await gateway.generations.close()


async def test_settings_that_do_not_work_while_a_model_is_replaced(monkeypatch):
    gateway = Gateway(at("a"))
    await gateway.generations.start()
    looking = await replaced_under(gateway, monkeypatch)
    with pytest.raises(ConfigError):
        await gateway.generations.change([at("b", aliases=("x=y",))])
    await looking
    assert "http://a" in await gateway.ask()
    assert [len(engine.requests) for engine in gateway.engines] == [0, 0, 0, 1]
    assert gateway.closed == [1, 1, 1, 0]
    await gateway.generations.close()


async def test_a_change_that_is_given_up_changes_nothing(monkeypatch):
    gateway = Gateway(at("a"))
    await gateway.generations.start()
    looking = await replaced_under(gateway, monkeypatch)
    changing = asyncio.create_task(gateway.generations.change([at("a"), at("b")]))
    await looking
    changing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await changing
    assert "http://a" in await gateway.ask()
    assert len(gateway.engines[-1].requests) == 1
    await gateway.generations.close()
