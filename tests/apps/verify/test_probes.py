"""What must be refused: toolgate refuses all of it, and who does not is told so."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from toolgate.apps.settings.config import Config
from toolgate.apps.verify.probes import PROBES, Probed, probe
from toolgate.apps.verify.targets import GatewayTarget
from toolgate.core.chunk import Chunk
from toolgate.engines.engine import RawResponse
from toolgate.engines.replay import ReplayEngine
from toolgate.errors import EngineUnavailable


async def test_toolgate_refuses_them_all():
    engine = ReplayEngine(lambda prompt: [Chunk(text="Hello!", finish_reason="stop")])
    target = GatewayTarget("mine", Config(dialect="kimi_k2", enforce="off"), engine)
    await target.start()
    try:
        told = await probe(target)
    finally:
        await target.close()
    assert [one.name for one in told if not one.is_refused] == []
    assert len(told) == len(PROBES) and engine.requests == []


class Answers:
    """Says the same to everything."""

    name = model = "x"

    def __init__(self, status: int) -> None:
        self.status = status

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def count(self, request: Mapping[str, Any]) -> int | None:
        return None

    @asynccontextmanager
    async def ask(self, body: bytes) -> AsyncGenerator[RawResponse, None]:
        if not self.status:
            raise EngineUnavailable("nobody is there")
        yield RawResponse(self.status, {}, self._body())

    async def _body(self) -> AsyncIterator[bytes]:
        yield b"{}"


@pytest.mark.parametrize(
    ("status", "refused"), [(200, False), (422, True), (500, False), (0, False)]
)
async def test_only_a_refusal_is_one(status: int, refused: bool):
    told = await probe(Answers(status))
    assert told[0] == Probed("no messages", status) and told[0].is_refused is refused
