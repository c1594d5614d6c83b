"""An engine that notes what its model reads and writes, for whoever asked."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from contextvars import ContextVar
from typing import Any, Final

from msgspec import Struct

from toolgate.core.chunk import Chunk
from toolgate.core.prompt import Prompt
from toolgate.engines.engine import Capabilities, Engine, GenerateRequest, RawResponse


class Record(Struct):
    """What passed between the gateway and the model for one request, its last attempt."""

    prompt: str = ""
    output: str = ""


_record: Final[ContextVar[Record | None]] = ContextVar("record", default=None)


@contextmanager
def recording() -> Iterator[Record]:
    """Within it, what this task and those that it starts generate is noted."""
    record = Record()
    token = _record.set(record)
    try:
        yield record
    finally:
        _record.reset(token)


class Recorder:
    """An `Engine` around another."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def capabilities(self) -> Capabilities:
        return self._engine.capabilities

    async def start(self) -> None:
        await self._engine.start()

    async def close(self) -> None:
        await self._engine.close()

    async def marker_ids(self, markers: Sequence[str]) -> Mapping[int, str]:
        return await self._engine.marker_ids(markers)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        record = _record.get() or Record()
        record.prompt, record.output = str(request.prompt), ""
        async with aclosing(self._engine.generate(request)) as chunks:
            async for chunk in chunks:
                record.output += chunk.reasoning + chunk.text
                yield chunk

    async def count_tokens(self, prompt: Prompt) -> int:
        return await self._engine.count_tokens(prompt)

    def forward(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[RawResponse]:
        return self._engine.forward(path, body, headers)

    async def describe(self) -> Mapping[str, Any]:
        return await self._engine.describe()

    async def healthy(self) -> bool:
        return await self._engine.healthy()

    @property
    def doubtful(self) -> bool:
        return self._engine.doubtful

    async def is_another(self) -> bool:
        return await self._engine.is_another()

    async def retire(self) -> None:
        await self._engine.retire()
