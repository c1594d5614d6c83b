"""One answer's stream: what comes, when it is over, and what is lost when it breaks."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from tests.engines.scripted_server import ScriptedServer, chunked, scripted_server
from toolgate.core.chunk import Chunk, Usage
from toolgate.engines import answer_stream
from toolgate.engines.answer_stream import Reader, stream_answer
from toolgate.engines.completions_stream import CompletionReader
from toolgate.engines.endpoint import Endpoint
from toolgate.errors import EngineProtocolError

TEXT = b'data: {"choices": [{"text": "Hi"}]}\n\n'
END = b'data: {"choices": [{"text": "", "finish_reason": "stop"}]}\n\n'
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}\n\n'
SAID, ENDED = Chunk(text="Hi"), Chunk(finish_reason="stop")
COUNTED = Chunk(finish_reason="stop", usage=Usage(prompt_tokens=3, completion_tokens=1))


async def asking() -> tuple[Mapping[str, Any], Reader]:
    return {"prompt": "x"}, CompletionReader()


@asynccontextmanager
async def streamed(
    script: bytes, *, wait: bool = False
) -> AsyncGenerator[tuple[ScriptedServer, AsyncGenerator[Chunk, None]], None]:
    async with scripted_server({"/x": script}, wait=wait) as server:
        endpoint = Endpoint(server.url)
        try:
            async with aclosing(stream_answer(endpoint, "/x", asking)) as chunks:
                yield server, chunks
        finally:
            await endpoint.close()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (chunked(TEXT, END, USAGE, b"data: [DONE]\n\n"), [SAID, COUNTED]),
        (chunked(TEXT + END + USAGE), [SAID, COUNTED]),
        (chunked(TEXT[:9], TEXT[9:] + END[:5], END[5:]), [SAID, ENDED]),
        (chunked(TEXT, END[:-1]), [SAID, ENDED]),  # the last blank line is missing
        (chunked(TEXT, END + USAGE[:-1]), [SAID, COUNTED]),
        (chunked(TEXT, END, whole=False), [SAID, ENDED]),
        (chunked(TEXT, END, b"data: <html>\n\n"), [SAID, ENDED]),
    ],
)
async def test_a_whole_answer(script, told):
    async with streamed(script) as (_, chunks):
        assert [chunk async for chunk in chunks] == told


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (chunked(TEXT), "without a finish reason"),
        (chunked(TEXT, whole=False), "broke off in the middle"),
        (chunked(TEXT, b"data: <html>\n\n"), "no completion"),
    ],
)
async def test_half_an_answer(script, message):
    async with streamed(script) as (_, chunks):
        assert await anext(chunks) == SAID
        with pytest.raises(EngineProtocolError, match=message):
            await anext(chunks)


async def test_nobody_waits_long_for_the_usage(monkeypatch):
    monkeypatch.setattr(answer_stream, "USAGE_SECONDS", 0.01)
    async with streamed(chunked(TEXT, END, whole=False), wait=True) as (server, chunks):
        assert [chunk async for chunk in chunks] == [SAID, ENDED]
        await server.hung_up.wait()


async def test_a_stream_that_stays_open_raises_no_doubt_of_the_server(monkeypatch):
    monkeypatch.setattr(answer_stream, "USAGE_SECONDS", 0.01)
    async with scripted_server({"/x": chunked(TEXT, END, whole=False)}, wait=True) as server:
        endpoint = Endpoint(server.url)
        answer = stream_answer(endpoint, "/x", asking)
        assert [chunk async for chunk in answer] == [SAID, ENDED]
        assert not endpoint.has_failed
        await endpoint.close()


async def test_closing_it_closes_the_socket_at_once():
    async with streamed(chunked(TEXT, whole=False), wait=True) as (server, chunks):
        assert await anext(chunks) == SAID
        await chunks.aclose()
        await server.hung_up.wait()


async def test_what_is_sent_is_told():
    told: list[object] = []
    async with scripted_server({"/x": chunked(TEXT, END)}) as server:
        endpoint = Endpoint(server.url)
        answer = stream_answer(endpoint, "/x", asking, lambda *sent: told.append(sent))
        assert [chunk async for chunk in answer] == [SAID, ENDED]
        await endpoint.close()
    assert told == [("/x", {"prompt": "x"})]
