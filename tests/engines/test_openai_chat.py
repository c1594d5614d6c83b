"""An upstream that only chats: its ways to answer, and its ways to fail."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.engines.scripted_server import ScriptedServer, answer, chunked, scripted_server
from toolgate.core.chunk import Chunk
from toolgate.core.conversation import Conversation, Message, Options
from toolgate.core.prompt import Plain, Prompt
from toolgate.engines import answer_stream, openai_chat
from toolgate.engines.engine import GenerateRequest
from toolgate.engines.openai_chat import OpenAIChatEngine, only_chats
from toolgate.errors import (
    ConfigError,
    ContextOverflow,
    EngineProtocolError,
    EngineRefused,
    EngineUnavailable,
    UnsupportedFeature,
)

CHAT = "/v1/chat/completions"
ASK = GenerateRequest(
    prompt=Prompt((Plain("Hi"),)),
    options=Options(temperature=0.0),
    conversation=Conversation(messages=(Message(role="user", content="Hi"),)),
)
HI = b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\n'
STOP = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}\n\n'
DONE = b"data: [DONE]\n\n"
KEY = "sk-very-secret"


@asynccontextmanager
async def upstream(
    script: bytes, *, wait: bool = False, **settings: Any
) -> AsyncIterator[tuple[ScriptedServer, OpenAIChatEngine]]:
    async with scripted_server({CHAT: script, "/v1/models": script}, wait=wait) as server:
        engine = OpenAIChatEngine(server.url, **{"model": "kimi", "api_key": KEY, **settings})
        try:
            yield server, engine
        finally:
            await engine.close()


async def collect(engine: OpenAIChatEngine) -> list[Chunk]:
    return [chunk async for chunk in engine.generate(ASK)]


@pytest.mark.parametrize(
    "stream",
    [
        chunked(HI, STOP, USAGE, DONE),
        chunked(HI, STOP, USAGE),  # no [DONE]: the connection's end is the end
        # openrouter.ai/docs "Streaming": comments while a provider is looked for
        chunked(b": OPENROUTER PROCESSING\n\n", HI, b": OPENROUTER PROCESSING\n\n", STOP, USAGE),
        chunked(HI, STOP, USAGE, whole=False),
    ],
)
async def test_a_whole_answer(stream):
    async with upstream(stream) as (server, engine):
        *said, last = await collect(engine)
    assert said == [Chunk(text="Hi")]
    assert last.finish_reason == "stop" and last.usage is not None
    assert last.usage.prompt_tokens == 3
    ((path, headers, body),) = server.requests
    assert (path, headers["authorization"]) == (CHAT, f"Bearer {KEY}")
    assert json.loads(body)["messages"] == [{"role": "user", "content": "Hi"}]


async def test_an_upstream_that_does_not_say_why_it_stopped():
    """What it told may be half: nobody calls that finished."""
    async with upstream(chunked(HI, DONE)) as (_, engine):
        assert await collect(engine) == [Chunk(text="Hi"), Chunk(finish_reason=None)]


async def test_an_upstream_that_keeps_the_stream_open(monkeypatch):
    monkeypatch.setattr(answer_stream, "USAGE_SECONDS", 0.01)
    head = chunked(HI, STOP, whole=False)
    async with upstream(head, wait=True) as (server, engine):
        assert [chunk.finish_reason for chunk in await collect(engine)] == [None, "stop"]
        await server.hung_up.wait()


@pytest.mark.parametrize(
    ("script", "received", "kind", "message"),
    [
        (chunked(HI), 1, EngineProtocolError, "ended without a finish reason"),
        (chunked(HI, whole=False), 1, EngineProtocolError, "broke off in the middle"),
        (
            chunked(HI, b'data: {"error": {"message": "bad %b"}}\n\n' % KEY.encode()),
            1,
            EngineRefused,
            r"in the middle of its answer: bad \[the key\]",
        ),
        # platform.openai.com/docs/guides/error-codes; some vendors quote the key as it is
        (
            answer(b'{"error": {"message": "Incorrect key: %b"}}' % KEY.encode(), status=401),
            0,
            EngineRefused,
            r"answered 401 .*Incorrect key: \[the key\] Give toolgate the engine's API key",
        ),
        # Moonshot's answer to a name that it does not know
        (
            answer(b'{"error": {"message": "Not found the model kimi"}}', status=404),
            0,
            EngineRefused,
            "Not found the model kimi",
        ),
        (answer(b"<html>", kind="text/html"), 0, EngineProtocolError, "text/html and not"),
        # OpenRouter: some errors come with 200
        (answer(b'{"error": {"message": "No funds"}}'), 0, EngineProtocolError, "No funds"),
        (answer(b"{}", status=503), 0, EngineUnavailable, "answered 503"),
        (b"", 0, EngineUnavailable, "No inference server answers"),
    ],
)
async def test_a_failing_upstream(script, received, kind, message):
    chunks: list[Chunk] = []
    async with upstream(script) as (_, engine):
        with pytest.raises(kind, match=message) as caught:
            async for chunk in engine.generate(ASK):
                chunks.append(chunk)
    assert len(chunks) == received
    assert KEY not in str(caught.value)


async def test_a_wait_that_was_asked_for_is_passed_on():
    page = b'{"error": {"message": "Too fast"}}'
    head = b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: %d\r\n\r\n" % len(page)
    async with upstream(head + page) as (_, engine):
        with pytest.raises(EngineRefused, match="Too fast") as caught:
            await collect(engine)
    assert (caught.value.status_hint, caught.value.retry_after) == (429, "7")


@pytest.mark.parametrize(
    ("said", "prompt", "limit"),
    [
        # kimi-cli#2011
        (
            "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)",
            *(269030, 262144),
        ),
        # OpenAI; vLLM has the same with "However, your request has … input tokens"
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted "
            "in 9001 tokens. Please reduce the length of the messages.",
            *(9001, 8192),
        ),
        # OpenRouter
        (
            "This endpoint's maximum context length is 131072 tokens. However, you requested about "
            "140000 tokens (139000 of text input, 1000 in the output).",
            *(140000, 131072),
        ),
        # llama.cpp b11549, as it answered here
        (
            "request (18020 tokens) exceeds the available context size (4096 tokens), try "
            "increasing it",
            *(18020, 4096),
        ),
    ],
)
async def test_a_prompt_that_is_too_long(said, prompt, limit):
    page = json.dumps({"error": {"message": said}}).encode()
    async with upstream(answer(page, status=400)) as (_, engine):
        with pytest.raises(ContextOverflow) as caught:
            await collect(engine)
    assert (caught.value.prompt_tokens, caught.value.limit) == (prompt, limit)


MODELS = b'{"object": "list", "data": [{"id": "kimi"}, {"id": "other"}]}'


@pytest.mark.parametrize(
    ("models", "model", "described"),
    [(MODELS, "mine", "mine"), (MODELS.replace(b', {"id": "other"}', b""), None, "kimi")],
)
async def test_which_model_it_is(models, model, described):
    async with upstream(answer(models), model=model) as (_, engine):
        await engine.start()
        assert await engine.describe() == {"model": described, "context": None}


@pytest.mark.parametrize(
    ("models", "kind", "message"),
    [
        (MODELS, ConfigError, "several models; name one with --model: kimi, other$"),
        (b'{"data": []}', ConfigError, "none listed"),
        (b'{"data": [%b]}' % b",".join([b'{"id": "m"}'] * 9), ConfigError, "m, m, m, m, m …"),
        (b'{"models": []}', EngineProtocolError, "list of models"),
        (b"[]", EngineProtocolError, "list of models"),
    ],
)
async def test_a_model_that_has_to_be_named(models, kind, message):
    async with upstream(answer(models), model=None) as (_, engine):
        with pytest.raises(kind, match=message):
            await engine.start()


@pytest.mark.parametrize(
    ("script", "is_healthy"),
    [
        (answer(MODELS), True),
        (answer(b"{}", status=404), True),
        (answer(b"{}", status=500), False),
        (b"", False),
    ],
)
async def test_health(script, is_healthy):
    async with upstream(script) as (_, engine):
        assert await engine.healthy() is is_healthy


async def test_what_a_chat_cannot_do():
    async with upstream(b"") as (_, engine):
        assert engine.capabilities.prompts == "messages"
        assert not engine.capabilities.counts_exactly
        assert await engine.marker_ids(["<think>"]) == {}
        assert await engine.count_tokens(Prompt((Plain("abcde"),))) == 2
        with pytest.raises(UnsupportedFeature, match="only chats"):
            engine.forward("/v1/completions", b"", {})


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("{}", CHAT),
        ("{}/v1", CHAT),
        ("{}/v1/chat/completions", CHAT),
        ("{}/api/v1/", "/api/v1/chat/completions"),
        ("{}/api/paas/v4/chat/completions", "/api/paas/v4/chat/completions"),
    ],
)
async def test_every_spelling_of_its_address(url, path):
    async with scripted_server({path: chunked(HI, STOP)}) as server:
        engine = OpenAIChatEngine(url.format(server.url), model="kimi")
        await collect(engine)
        await engine.close()
    assert server.requests[0][0] == path


async def test_hanging_up_stops_the_upstream():
    async with upstream(chunked(HI, whole=False), wait=True) as (server, engine):
        chunks = engine.generate(ASK)
        assert await anext(chunks) == Chunk(text="Hi")
        await chunks.aclose()
        await server.hung_up.wait()


async def test_an_upstream_that_is_silent_is_not_healthy(monkeypatch):
    monkeypatch.setattr(openai_chat, "HEALTH_SECONDS", 0.01)
    async with upstream(b"", wait=True) as (_, engine):
        assert not await engine.healthy()


@pytest.mark.parametrize(
    ("url", "chats"),
    [
        ("https://api.moonshot.ai/v1", True),
        ("http://localhost:8000/v1/chat/completions", True),
        ("http://localhost:8080", False),
    ],
)
def test_addresses_that_only_chat(url, chats):
    assert only_chats(url) is chats


async def test_the_only_model_may_become_another():
    told = {"/v1/models": answer(b'{"data": [{"id": "kimi"}]}')}
    async with scripted_server(told) as server:
        engine = OpenAIChatEngine(server.url)
        await engine.start()
        assert not engine.doubtful
        assert not await engine.is_another()
        told["/v1/models"] = answer(b'{"data": [{"id": "qwen"}]}')
        with pytest.raises(EngineRefused):
            await said(engine)
        assert engine.doubtful
        assert await engine.is_another()
        assert not engine.doubtful
        await engine.retire()


async def test_a_model_that_was_named_is_the_upstreams_affair():
    async with upstream(answer(b"", status=404)) as (server, engine):
        await engine.start()
        with pytest.raises(EngineRefused):
            await said(engine)
        asked = len(server.requests)
        assert not engine.doubtful
        assert not await engine.is_another()
        assert len(server.requests) == asked


async def said(engine: OpenAIChatEngine) -> list[Chunk]:
    return [chunk async for chunk in engine.generate(ASK)]
