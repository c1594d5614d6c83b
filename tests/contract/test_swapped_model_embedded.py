"""Another model behind the same address, with real llama.cpp servers on one port."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.engines.conftest import API_KEY, CALL
from tests.engines.parrot_gguf import SPECIALS, chain, write_parrot
from toolgate.apps.http.gateway import create_gateway
from toolgate.apps.serving.models import Models
from toolgate.apps.serving.open_engine import open_engine
from toolgate.apps.serving.service import Service
from toolgate.apps.settings.config import Config, Upstream
from toolgate.engines.embedded import server as embedded_server

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
ASKED: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Weather in Paris?"}],
    "tools": [WEATHER],
    "max_tokens": 60,
    "temperature": 0,
}


class Port:
    """One address, behind which one model runs after the other."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.number = free.getsockname()[1]
        nano = resources.files("toolgate") / "models" / "toolgate-nano.gguf"
        others = [f"<of no family {number}>" for number in range(len(SPECIALS))]
        self.models = {
            "nano": str(nano),
            "renamed": str(nano),
            "parrot": str(write_parrot(folder / "parrot.gguf", chain(CALL), context=2048)),
            "stranger": str(write_parrot(folder / "stranger.gguf", {}, specials=others)),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.number}"

    @contextmanager
    def runs(self, model: str) -> Iterator[None]:
        settings = {"gguf": self.models[model], "name": model, "context": 2048, "slots": 1}
        process = subprocess.Popen(
            [sys.executable, "-P", embedded_server.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None and process.stdout is not None
        with process:
            order = {**settings, "threads": 1, "port": self.number, "api_key": API_KEY}
            print(json.dumps(order), file=process.stdin, flush=True)
            assert json.loads(process.stdout.readline())["url"] == self.url
            yield
            process.stdin.close()
            assert process.wait(10) == 0


class Gateway:
    def __init__(self, models: Models, client: httpx2.AsyncClient) -> None:
        self.models, self._client = models, client

    async def name(self) -> str:
        told = (await self._client.get("/v1/models")).json()
        return str(told["data"][0]["id"])

    async def get(self, path: str) -> httpx2.Response:
        return await self._client.get(path)

    async def ask(self, **more: Any) -> httpx2.Response:
        return await self._client.post("/v1/chat/completions", json=ASKED | more)

    async def calls(self, choice: str = "auto") -> list[str]:
        """The names of the tools that the model calls."""
        answer = (await self.ask(tool_choice=choice)).json()
        calls = answer["choices"][0]["message"].get("tool_calls") or ()
        return [call["function"]["name"] for call in calls]


@pytest.fixture
def port(tmp_path: Path) -> Port:
    return Port(tmp_path)


@asynccontextmanager
async def gateway_at(port: Port, **settings: Any) -> AsyncIterator[Gateway]:
    config = Config(engines=(Upstream(url=port.url, key=API_KEY),), **settings)
    service = Service(config, open_engine(config), reopen=lambda: open_engine(config))
    models = Models([service])
    app = create_gateway(models)
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client,
    ):
        yield Gateway(models, client)


@asynccontextmanager
async def started_before_nano(port: Port, **settings: Any) -> AsyncIterator[Gateway]:
    """A gateway that has served nano from this port; nothing is there now."""
    async with AsyncExitStack() as stack:
        with port.runs("nano"):
            gateway = await stack.enter_async_context(gateway_at(port, **settings))
            assert await gateway.calls("required") == ["weather"]
            assert await gateway.name() == "nano"
        yield gateway


async def test_a_server_that_was_seen_to_be_down_is_looked_at_before_it_is_asked(port):
    async with started_before_nano(port) as gateway:
        assert (await gateway.ask()).status_code == 503
        with port.runs("parrot"):
            assert await gateway.calls() == ["weather"]  # in ids that nano has for other tokens
            assert await gateway.name() == "parrot"
            counted = (await gateway.get("/metrics")).text
        assert 'toolgate_model_changes_total{model="nano"} 1.0' in counted


async def test_a_server_that_refuses_the_old_models_tokens_is_asked_in_its_own(port):
    async with started_before_nano(port) as gateway:
        with port.runs("parrot"):  # its vocabulary is smaller
            assert await gateway.calls() == ["weather"]
            assert await gateway.name() == "parrot"


async def test_a_server_that_was_gone_unseen_names_itself_in_its_answer(port):
    async with started_before_nano(port) as gateway:
        with port.runs("renamed"):
            assert (await gateway.ask()).status_code == 200
            assert await gateway.name() == "nano"
            assert (await gateway.ask()).status_code == 200
            assert await gateway.name() == "renamed"


async def test_a_server_that_nobody_asks_is_looked_at(port):
    async with started_before_nano(port) as gateway:
        with port.runs("parrot"):
            async with watched(gateway):
                while await gateway.name() != "parrot":
                    await asyncio.sleep(0)
            assert await gateway.calls() == ["weather"]


async def test_a_model_that_cannot_be_served_is_refused_until_it_is_right_again(port, caplog):
    async with started_before_nano(port) as gateway:
        assert (await gateway.ask()).status_code == 503
        with port.runs("stranger"):
            refused = await gateway.ask()
            assert refused.status_code == 503
            assert "The engine runs stranger now, which cannot be served" in refused.text
            assert "Nothing tells the model's family" in refused.text
            health = await gateway.get("/health")
            assert health.status_code == 503
            assert health.json()["status"] == "the engine runs a model that cannot be served"
        assert caplog.text.count("stranger cannot be served") == 1
        with port.runs("nano"):
            async with watched(gateway):
                while (await gateway.ask(max_tokens=1)).status_code != 200:
                    await asyncio.sleep(0)
            assert await gateway.calls("required") == ["weather"]
            assert (await gateway.get("/health")).status_code == 200


async def test_a_pool_whose_servers_all_run_another_model_serves_that(port):
    async with started_before_nano(port, max_in_flight=4) as gateway:
        assert (await gateway.ask()).status_code == 503
        with port.runs("parrot"):
            assert await gateway.calls() == ["weather"]
            assert await gateway.name() == "parrot"


@asynccontextmanager
async def watched(gateway: Gateway) -> AsyncIterator[None]:
    """Meanwhile the models are looked at without a pause."""
    watching = asyncio.create_task(gateway.models.renewals.watch(seconds=0.0))
    yield
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
