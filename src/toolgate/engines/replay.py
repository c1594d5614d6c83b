"""An engine that plays a script: exact raw text, and every way in which an engine can fail.

    engine = ReplayEngine(lambda prompt: [*pieces("Hello!", 3), Chunk(finish_reason="stop")])

For tests, and for playing a trace again. Knows no tokens but those that the script names.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, assert_never

from msgspec import Struct

from toolgate.core.chunk import Chunk
from toolgate.core.prompt import Prompt
from toolgate.engines.engine import Capabilities, GenerateRequest, RawResponse
from toolgate.errors import EngineError, EngineRefused


class Pause(Struct, frozen=True):
    """Waits; without `seconds` until the request is cancelled."""

    seconds: float | None = None


Step: TypeAlias = Chunk | Pause | EngineError
"""A chunk is sent, an error is raised: `EngineRefused` at once, `EngineProtocolError` for a cut."""


class ReplayEngine:
    """Plays what `script` gives for a prompt's text, to the last step, whatever stands in it.

    `requests` are those it was asked, `running` counts those that are under way.
    """

    def __init__(
        self,
        script: Callable[[str], Iterable[Step]],
        *,
        token_ids: Mapping[int, str] | None = None,
        raw: Sequence[bytes] = (),
        capabilities: Capabilities | None = None,
    ) -> None:
        """`token_ids` is the vocabulary, `raw` the pieces of what `forward` answers."""
        self.capabilities = capabilities or Capabilities(kind="replay")
        self.requests: list[GenerateRequest] = []
        self.running = 0
        self._script = script
        self._token_ids = token_ids or {}
        self._raw = raw

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def marker_ids(self, markers: Sequence[str]) -> Mapping[int, str]:
        return {number: text for number, text in self._token_ids.items() if text in markers}

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        self.running += 1
        try:
            for step in self._script(str(request.prompt)):
                match step:
                    case Chunk():
                        yield step
                    case Pause():
                        await _pause(step.seconds)
                    case EngineError():
                        raise step
                    case _:
                        assert_never(step)
        finally:
            self.running -= 1

    async def count_tokens(self, prompt: Prompt) -> int:
        """One per character: a script has no tokenizer."""
        return len(str(prompt))

    @asynccontextmanager
    async def forward(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AsyncGenerator[RawResponse, None]:
        if not self._raw:
            raise EngineRefused(f"This script has no answer to {path}.", status=404)
        yield RawResponse(
            status=200, headers={"content-type": "text/event-stream"}, body=_each(self._raw)
        )

    async def describe(self) -> Mapping[str, Any]:
        return {"model": "replay", "context": None}

    async def healthy(self) -> bool:
        return True

    @property
    def doubtful(self) -> bool:
        return False

    async def is_another(self) -> bool:
        return False

    async def retire(self) -> None:
        await self.close()


def pieces(text: str, size: int) -> list[Chunk]:
    """The text in chunks of `size` characters, without token ids."""
    return [Chunk(text=text[start : start + size]) for start in range(0, len(text), size)]


async def _pause(seconds: float | None) -> None:
    if seconds is None:
        await asyncio.get_running_loop().create_future()
    else:
        await asyncio.sleep(seconds)


async def _each(raw: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in raw:
        yield piece
