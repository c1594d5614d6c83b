"""One answer's event stream, read as chunks: what all engines do alike.

Knows no engine's frames: a `Reader` does. This is the only generator between a socket and whoever
asked an engine, for each further one that a chunk has to pass costs as much as reading its JSON
(CPython 3.11: some 5,000 instructions each). A pool has one more, and so has steering.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from toolgate.core.chunk import Chunk
from toolgate.engines.endpoint import Endpoint, Receive
from toolgate.engines.engine import Tell
from toolgate.errors import EngineProtocolError, EngineRefused
from toolgate.wire.sse import SSEDecoder

USAGE_SECONDS: Final = 5
"""How long the usage may come after the end of an answer; some servers never close the stream."""


class Reader(Protocol):
    """Reads one engine's frames: `read` each of them, `finish` when the stream is over."""

    @property
    def whole(self) -> bool:
        """Whether the engine has said how its answer ended; only usage may follow."""

    @property
    def done(self) -> bool:
        """Whether the last chunk has been told."""

    def read(self, data: bytes) -> Chunk | None:
        """Returns what this frame adds, if anything.

        Raises: EngineRefused when it is an error, EngineProtocolError when it is no frame.
        """

    def finish(self) -> Chunk | None:
        """The last chunk, unless it has been told.

        Raises: EngineProtocolError when the engine has not said how its answer ended.
        """


R = TypeVar("R", bound=Reader)
Explain: TypeAlias = Callable[[EngineRefused], Exception]


def _nobody(reader: Reader) -> None:
    """Is told of nothing."""


def _as_it_is(error: EngineRefused) -> Exception:
    return error


async def stream_answer(
    endpoint: Endpoint,
    path: str,
    asking: Callable[[], Awaitable[tuple[Mapping[str, Any], R]]],
    tell: Tell | None = None,
    *,
    ended: Callable[[R], None] = _nobody,
    explain: Explain = _as_it_is,
) -> AsyncGenerator[Chunk, None]:
    """Chunks of one answer; closing the generator closes the socket at once.

    `asking` makes the request's body and what reads its answer, which `ended` gets in the end.

    Raises: EngineUnavailable, EngineRefused or what `explain` makes of it, EngineProtocolError.
    """
    body, reader = await asking()
    if tell is not None:
        tell(path, body)
    decoder = SSEDecoder()
    try:
        async with _listen(endpoint, path, body, explain) as receive:
            while not reader.whole and (piece := await receive()):
                for frame in decoder.feed(piece):
                    if (chunk := reader.read(frame.data)) is not None:
                        yield chunk
                    if reader.done:
                        break
            for chunk in await _read_rest(receive, decoder, reader):
                yield chunk
    except EngineProtocolError:
        if not reader.whole:
            raise  # else nothing is lost: all that could still come is the usage
    ended(reader)
    if not reader.done and (chunk := reader.finish()) is not None:
        yield chunk


@asynccontextmanager
async def _listen(
    endpoint: Endpoint, path: str, body: Mapping[str, Any], explain: Explain
) -> AsyncGenerator[Receive, None]:
    try:
        async with endpoint.listen(path, body) as receive:
            yield receive
    except EngineRefused as error:
        raise explain(error) from None


async def _read_rest(receive: Receive, decoder: SSEDecoder, reader: Reader) -> list[Chunk]:
    """What comes behind the end of an answer, for which nobody waits long, or behind the last
    blank line of a stream. That it does not come is no fault of the server's."""
    chunks = []
    with suppress(TimeoutError):
        async with asyncio.timeout(USAGE_SECONDS):
            while not reader.done:
                piece = await receive()
                for frame in decoder.feed(piece) if piece else decoder.finish():
                    if not reader.done and (chunk := reader.read(frame.data)) is not None:
                        chunks.append(chunk)
                if not piece:
                    break
    return chunks
