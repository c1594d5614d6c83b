"""llama.cpp in a child process of our own, spoken to like any other llama-server.

Starts it, starts it again when it died, and ends it. Knows nothing of HTTP: that is `llama_cpp`'s
affair.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager, contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from toolgate.core.chunk import Chunk
from toolgate.core.prompt import Prompt
from toolgate.engines.embedded import server as embedded_server
from toolgate.engines.embedded.child_process import ChildProcess
from toolgate.engines.embedded.gguf_header import read_gguf_header
from toolgate.engines.engine import Capabilities, GenerateRequest, RawResponse
from toolgate.engines.llama_cpp import CAPABILITIES, LlamaCppEngine
from toolgate.errors import ConfigError, EngineError, EngineRefused, EngineUnavailable

MODEL = "toolgate-nano.gguf"
SLOTS = 2
LARGEST_DEFAULT_CONTEXT = 16384
"""Of a user's model, per slot: an 8B model's two slots then take some 5 GB beside its weights."""
UNKNOWN_CONTEXT = 4096
LIVES = 3
"""How often it may die without an answer in between: a crash that repeats goes on repeating."""


class EmbeddedEngine:
    """An `Engine` that needs no server: it runs `gguf`, or the small model that toolgate ships.

    `context` is tokens per slot, `slots` the number of requests answered at the same time.
    """

    def __init__(
        self,
        gguf: Path | None = None,
        *,
        context: int | None = None,
        slots: int = SLOTS,
        threads: int | None = None,
    ) -> None:
        self._gguf = gguf
        self._context = context
        self._slots = slots
        self._threads = threads or (1 if gguf is None else _usable_cores())
        self._files = ExitStack()
        self._settings: _Settings | None = None
        self._server: _Server | None = None
        self._deaths = 0
        self._starting = asyncio.Lock()

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @property
    def address(self) -> tuple[str, str]:
        """Its URL and its key once it has started; both stay when it is started again."""
        assert self._server is not None and self._settings is not None
        return self._server.engine.url, self._settings.api_key

    async def start(self) -> None:
        """Raises: ConfigError when there is no such model, EngineUnavailable when it cannot run."""
        await self._running()

    async def close(self) -> None:
        async with self._starting:
            server, self._server = self._server, None
            if server is not None:
                await server.close()
        self._files.close()

    async def marker_ids(self, markers: Sequence[str]) -> Mapping[int, str]:
        async with self._using() as engine:
            return await engine.marker_ids(markers)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        async with self._using() as engine, aclosing(engine.generate(request)) as chunks:
            async for chunk in chunks:
                yield chunk
        self._deaths = 0

    async def count_tokens(self, prompt: Prompt) -> int:
        async with self._using() as engine:
            return await engine.count_tokens(prompt)

    @asynccontextmanager
    async def forward(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AsyncGenerator[RawResponse, None]:
        async with self._using() as engine, engine.forward(path, body, headers) as response:
            yield response

    async def describe(self) -> Mapping[str, Any]:
        async with self._using() as engine:
            return await engine.describe()

    async def healthy(self) -> bool:
        """Starts it again if it died: who watches this may send nothing until it is healthy."""
        try:
            server = await self._running()
            if not await server.engine.healthy() and await server.process.has_ended():
                server = await self._running()
        except EngineError:
            return False
        return await server.engine.healthy()

    @property
    def doubtful(self) -> bool:
        return False

    async def is_another(self) -> bool:
        """Never: nobody else starts it."""
        return False

    async def retire(self) -> None:
        await self.close()

    @asynccontextmanager
    async def _using(self) -> AsyncGenerator[LlamaCppEngine, None]:
        """When the process dies meanwhile, that is said, and not what the network says of it."""
        server = await self._running()
        try:
            yield server.engine
        except EngineRefused:
            raise
        except EngineError as error:
            if not await server.process.has_ended():
                raise
            raise EngineUnavailable(
                f"{server.process.obituary()} The next request starts it again."
            ) from error

    async def _running(self) -> "_Server":
        async with self._starting:
            if self._server is not None and not self._server.process.alive:
                await self._bury(self._server)
            if self._server is None:
                self._settings = self._settings or self._find_settings()
                self._server = await _Server.start(self._settings)
                port = int(self._server.engine.url.rpartition(":")[2])
                self._settings = replace(self._settings, port=port)
            return self._server

    async def _bury(self, server: "_Server") -> None:
        if self._deaths + 1 == LIVES:
            raise EngineUnavailable(
                f"llama.cpp died {LIVES} times in a row and is not started again. "
                + server.process.obituary()
            )
        self._deaths += 1
        self._server = None
        await server.close()

    def _find_settings(self) -> "_Settings":
        path = self._gguf or self._files.enter_context(_packaged_model())
        trained = read_gguf_header(path).context or UNKNOWN_CONTEXT
        return _Settings(
            gguf=str(path.resolve()),
            name=path.stem,
            context=self._context or min(trained, LARGEST_DEFAULT_CONTEXT),
            slots=self._slots,
            threads=self._threads,
            api_key=secrets.token_urlsafe(),
        )


class _Settings(Struct, frozen=True, kw_only=True):
    """What the child is told to serve."""

    gguf: str
    name: str
    context: int
    slots: int
    threads: int
    api_key: str
    """Other users of this machine can reach the port too."""
    port: int = 0
    """0 takes any; once it has one it keeps it, as several processes may use it there."""


class _Server(Struct, frozen=True):
    process: ChildProcess
    engine: LlamaCppEngine

    @classmethod
    async def start(cls, settings: _Settings) -> "_Server":
        # As a file, not as a module of toolgate, and without its folder among the imports (-P):
        # it loads llama.cpp and nothing else.
        command = [sys.executable, "-P", embedded_server.__file__]
        order = msgspec.json.encode(settings) + b"\n"
        process, answer = await ChildProcess.start("llama.cpp", command, order)
        url = msgspec.json.decode(answer)["url"]
        return cls(process, LlamaCppEngine(url, api_key=settings.api_key))

    async def close(self) -> None:
        await self.engine.close()
        await self.process.close()


@contextmanager
def _packaged_model() -> Iterator[Path]:
    model = resources.files("toolgate") / "models" / MODEL
    if not model.is_file():
        raise ConfigError(f"This installation lacks its model {MODEL}; name one with --gguf FILE.")
    with resources.as_file(model) as path:
        yield path


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
