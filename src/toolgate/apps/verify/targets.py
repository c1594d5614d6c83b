"""Who is asked: any OpenAI-compatible endpoint, or an engine through a gateway in this process.

Both take the same bytes and answer with the same; nobody else needs to know which it was.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from secrets import token_hex
from typing import Any, Final, Protocol

from msgspec.structs import replace
from starlette.types import ASGIApp, Message

from toolgate.apps.http.gateway import create_gateway
from toolgate.apps.serving.models import Models
from toolgate.apps.serving.open_engine import open_engine
from toolgate.apps.serving.service import Service
from toolgate.apps.settings.config import Config
from toolgate.apps.verify.prompt_counter import count_prompt, open_counter
from toolgate.apps.verify.recorder import Recorder
from toolgate.engines.endpoint import Endpoint
from toolgate.engines.engine import Engine, RawResponse
from toolgate.errors import ConfigError, EngineProtocolError, EngineRefused

CHAT: Final = "/chat/completions"
_JSON: Final = {"content-type": "application/json"}
_VERSION: Final = re.compile(r"/v\d+$")


class Target(Protocol):
    """An endpoint of OpenAI's Chat Completions."""

    name: str
    """What the tables call it."""
    model: str

    async def start(self) -> None:
        """Makes it ready, and learns the model's name.

        Raises: ConfigError, EngineError.
        """

    def ask(self, body: bytes) -> AbstractAsyncContextManager[RawResponse]:
        """One request."""

    async def count(self, request: Mapping[str, Any]) -> int | None:
        """How many tokens its prompt has as toolgate writes it; None where nobody can count."""

    async def close(self) -> None:
        """Lets go of it."""


class EndpointTarget:
    """Somebody's server."""

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        key: str | None = None,
        config: Config | None = None,
    ) -> None:
        """`url` may end in `/v1`, another version, or the route itself; `config` opens its counter.

        Raises: ConfigError when it is no address.
        """
        root = url.rstrip("/").removesuffix(CHAT)
        version = _VERSION.search(root)
        self._prefix = version[0] if version else "/v1"
        self._endpoint = Endpoint(_VERSION.sub("", root), api_key=key)
        self.name = root
        self.model = model or ""
        self._config = config
        self._service: Service | None = None

    async def start(self) -> None:
        await self._learn_model()
        if self._config is not None:
            config = replace(self._config, engine=self.name)
            self._service = await open_counter(config, self.name)

    async def _learn_model(self) -> None:
        try:
            listed = await self._endpoint.get(f"{self._prefix}/models")
        except (EngineRefused, EngineProtocolError):
            if not self.model:
                raise
            return  # somebody is there; not everybody lists models
        if self.model:
            return
        names = [one.get("id") for one in listed.get("data") or ()]
        if len(names) != 1:
            raise ConfigError(f"{self.name} has several models, name one with --model: {names}")
        self.model = names[0]

    def ask(self, body: bytes) -> AbstractAsyncContextManager[RawResponse]:
        return self._endpoint.forward(f"{self._prefix}{CHAT}", body, _JSON)

    async def count(self, request: Mapping[str, Any]) -> int | None:
        return None if self._service is None else await count_prompt(self._service, request)

    async def close(self) -> None:
        await self._endpoint.close()
        if self._service is not None:
            await self._service.close()


class GatewayTarget:
    """toolgate in front of an engine, without a network between us and it."""

    def __init__(self, name: str, config: Config, engine: Engine | None = None) -> None:
        """Without `engine`, the one that the settings name.

        Raises: ConfigError.
        """
        self.name = name
        self.model = config.model or ""
        self._engine = Recorder(engine or open_engine(config))
        self._service = Service(config, self._engine)
        self._app = create_gateway(Models([self._service]))
        self._lifespan: AbstractAsyncContextManager[Any] | None = None

    async def start(self) -> None:
        self._lifespan = self._app.router.lifespan_context(self._app)
        await self._lifespan.__aenter__()
        self.model = self.model or (await self._engine.describe())["model"]

    def ask(self, body: bytes) -> AbstractAsyncContextManager[RawResponse]:
        return ask_app(self._app, "/v1" + CHAT, body)

    async def count(self, request: Mapping[str, Any]) -> int | None:
        return await count_prompt(self._service, request)

    async def close(self) -> None:
        if self._lifespan is not None:
            await self._lifespan.__aexit__(None, None, None)


@asynccontextmanager
async def ask_app(app: ASGIApp, path: str, body: bytes) -> AsyncGenerator[RawResponse, None]:
    """One POST to an ASGI app; leaving it early is a client that goes away."""
    said: asyncio.Queue[Message | None] = asyncio.Queue()
    asked, gone = [{"type": "http.request", "body": body, "more_body": False}], asyncio.Event()

    async def receive() -> Message:
        if asked:
            return asked.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def run() -> None:
        try:
            await app(_scope(path, len(body)), receive, said.put)
        finally:
            await said.put(None)

    task = asyncio.create_task(run())
    try:
        start = await said.get()
        if start is None:
            await task
            raise AssertionError("the app ended without an answer")
        headers = {name.decode(): value.decode() for name, value in start.get("headers", ())}
        yield RawResponse(status=start["status"], headers=headers, body=_pieces(said))
    finally:
        gone.set()
        await task


async def _pieces(said: "asyncio.Queue[Message | None]") -> AsyncIterator[bytes]:
    while (message := await said.get()) is not None:
        if piece := message.get("body"):
            yield piece


def _scope(path: str, length: int) -> dict[str, Any]:
    headers: Mapping[str, str] = {
        **_JSON,
        "host": "127.0.0.1",
        "user-agent": "toolgate-verify",
        "x-session-id": token_hex(8),  # no request is another's next turn
        "content-length": str(length),
    }
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
    }
