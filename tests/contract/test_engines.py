"""The contract of an `Engine`, kept by every kind: against servers that answer as recorded."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from msgspec.structs import replace

from tests.engines.recorded_engines import (
    END,
    MARKER,
    MODEL,
    RECORDED,
    SPECIAL,
    RecordedEngine,
    sse,
)
from tests.engines.scripted_server import ScriptedServer, answer, chunked, scripted_server
from toolgate.core.chunk import Chunk, Usage
from toolgate.core.conversation import Options
from toolgate.core.grammar import Constraint, Lit, Seq, Tok
from toolgate.core.prompt import Plain, Prompt, Special
from toolgate.engines import answer_stream
from toolgate.engines.discover import Address, DiscoveredEngine
from toolgate.engines.engine import Engine, GenerateRequest
from toolgate.engines.grammar_probe import WORD
from toolgate.errors import EngineProtocolError, EngineRefused, EngineUnavailable

every_engine = pytest.mark.parametrize("recorded", RECORDED, ids=str)


NO_PROMPT = answer(b'{"detail": "prompt is missing"}', status=422)


def obey(body: bytes) -> bytes:
    """What answers the questions of a start: there is a prompt missing, or a grammar to follow."""
    asked = json.loads(body)
    if "grammar" in asked:
        return answer(json.dumps({"content": WORD}).encode())
    if "response_format" in asked:
        return answer(json.dumps({"choices": [{"text": WORD}]}).encode())
    return NO_PROMPT


def ask(options: Options | None = None) -> GenerateRequest:
    return GenerateRequest(
        prompt=Prompt((Plain("Hi"), Special(END))),
        options=options or Options(),
        markers=(MARKER, END),
        stop=(END,),
    )


def whole(recorded: RecordedEngine, reason: str = "stop") -> list[bytes]:
    """The frames of an answer of two tokens, the first of them special."""
    pieces = [recorded.piece(MARKER, SPECIAL[MARKER]), recorded.piece("hello", 500)]
    return [sse(frame) for frame in (*pieces, *recorded.end(reason))]


@asynccontextmanager
async def running(
    recorded: RecordedEngine, script: bytes, *, wait: bool = False
) -> AsyncIterator[tuple[Engine, ScriptedServer]]:
    """The engine, found out and started, with a server that answers each generation so."""

    def generate(body: bytes) -> bytes:
        return script if b'"stream"' in body else obey(body)

    paths = {**recorded.paths, recorded.path: generate}
    async with scripted_server(paths, wait=wait) as server:
        engine = DiscoveredEngine(Address(url=server.url))
        await engine.start()
        try:
            yield engine, server
        finally:
            await engine.close()


async def collect(engine: Engine, options: Options | None = None) -> list[Chunk]:
    return [chunk async for chunk in engine.generate(ask(options))]


def text(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def ids(chunks: list[Chunk]) -> list[int] | None:
    if any(chunk.token_ids is None for chunk in chunks):
        assert all(chunk.token_ids is None for chunk in chunks)
        return None
    return [token_id for chunk in chunks for token_id in chunk.token_ids or ()]


@every_engine
@pytest.mark.parametrize("reason", ["stop", "length"])
async def test_an_answer(recorded, reason):
    async with running(recorded, chunked(*whole(recorded, reason))) as (engine, _):
        chunks = await collect(engine)
    assert text(chunks) == MARKER + "hello"
    assert ids(chunks) == ([SPECIAL[MARKER], 500] if recorded.tells_ids else None)
    assert [chunk.finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].finish_reason == reason
    assert chunks[-1].usage == Usage(
        prompt_tokens=3, completion_tokens=2, cached_tokens=recorded.cached
    )


@every_engine
async def test_the_bytes_may_come_one_by_one(recorded):
    stream = b"".join(whole(recorded))
    script = chunked(*(stream[at : at + 1] for at in range(len(stream))))
    async with running(recorded, chunked(*whole(recorded))) as (engine, _):
        expected = await collect(engine)
    async with running(recorded, script) as (engine, _):
        assert await collect(engine) == expected


@every_engine
async def test_the_request(recorded):
    """Exactly what was recorded, but for what every request of that engine has."""
    async with running(recorded, chunked(*whole(recorded))) as (engine, server):
        await collect(engine)
    body = json.loads(server.requests[-1][2])
    assert body.pop("stream") is True
    body.pop("model", None)
    body.pop("stream_options", None)
    assert body == recorded.request


@every_engine
async def test_a_constraint_goes_along(recorded):
    """As a structural tag with token ids, or as a grammar; where neither is, the driver steers."""
    calls = Seq((Tok(MARKER), Lit("f:0"), Tok(END)))
    constraint = Constraint(calls=calls, triggers=(MARKER,), required=True)
    async with running(recorded, chunked(*whole(recorded))) as (engine, server):
        grammar = engine.capabilities.grammar
        request = replace(ask(), constraint=constraint if grammar != "none" else None)
        async for _ in engine.generate(request):
            pass
    body = json.loads(server.requests[-1][2])
    assert (grammar != "none") == ("response_format" in body or "grammar" in body)
    if grammar == "structural_tag":
        spelled = f'Token({SPECIAL[MARKER]}) "f:0" Token({SPECIAL[END]})'
        assert body["response_format"] == {
            "type": "structural_tag",
            "format": {"type": "grammar", "grammar": f"root ::= {spelled}\n"},
        }


@every_engine
async def test_how_to_generate_is_passed_on(recorded):
    options = Options(temperature=0.5, top_p=0.9, seed=7, max_tokens=20, logit_bias={"5": -1.0})
    async with running(recorded, chunked(*whole(recorded))) as (engine, server):
        await collect(engine, options)
    body = json.loads(server.requests[-1][2])
    assert (body["temperature"], body["top_p"], body["seed"]) == (0.5, 0.9, 7)
    assert body.get("max_tokens", body.get("n_predict")) == 20
    assert body["logit_bias"] in ({"5": -1.0}, [[5, -1.0]])


@every_engine
async def test_the_clients_stop_string_ends_the_answer(recorded):
    async with running(recorded, chunked(*whole(recorded))) as (engine, _):
        chunks = await collect(engine, Options(stop=("lo",)))
    assert (text(chunks), chunks[-1].finish_reason) == (MARKER + "hel", "stop")


@every_engine
async def test_what_it_says_of_itself(recorded):
    async with running(recorded, b"") as (engine, _):
        described = await engine.describe()
        capabilities = engine.capabilities
        assert await engine.healthy()
        assert await engine.marker_ids([MARKER, "<|none|>"]) == (
            {SPECIAL[MARKER]: MARKER} if recorded.takes_tokens else {}
        )
        count = await engine.count_tokens(Prompt((Plain("Hello"), Special(END))))
    assert described["model"] == MODEL
    assert capabilities.tells_ids == recorded.tells_ids
    assert capabilities.counts_exactly == recorded.takes_tokens
    assert capabilities.prompts == ("tokens" if recorded.takes_tokens else "text")
    assert count == (6 if recorded.takes_tokens else 4)  # characters, or a quarter of them
    assert described["context"] == recorded.context


@every_engine
async def test_closing_the_generator_hangs_up_at_once(recorded):
    script = chunked(whole(recorded)[0], whole(recorded)[1], whole=False)
    async with (
        running(recorded, script, wait=True) as (engine, server),
        aclosing(engine.generate(ask())) as chunks,
    ):
        await anext(chunks)
        await chunks.aclose()
        async with asyncio.timeout(0.1):
            await server.hung_up.wait()


@every_engine
async def test_a_stream_that_is_never_closed_after_its_end(recorded, monkeypatch):
    monkeypatch.setattr(answer_stream, "USAGE_SECONDS", 0.01)
    script = chunked(*whole(recorded)[:3], whole=False)
    async with running(recorded, script, wait=True) as (engine, _):
        chunks = await collect(engine)
    assert (text(chunks), chunks[-1].finish_reason) == (MARKER + "hello", "stop")


def cuts(recorded: RecordedEngine) -> list[bytes]:
    """Scripts that end before the answer does."""
    said = whole(recorded)[:2]
    return [
        chunked(*said, whole=False),
        chunked(*said),
        chunked(*said, sse(b"[DONE]")),
        chunked(*said, whole(recorded)[2][:-9]),
        chunked(*said, b"data: <html>\n\n"),
        *([chunked(*said, *map(sse, recorded.abort))] if recorded.abort else []),
    ]


@every_engine
async def test_half_an_answer_is_never_called_whole(recorded):
    for script in cuts(recorded):
        chunks: list[Chunk] = []
        async with running(recorded, script) as (engine, _):
            with pytest.raises(EngineProtocolError):
                async for chunk in engine.generate(ask()):
                    chunks.append(chunk)
        assert text(chunks) == MARKER + "hello"
        assert [chunk.finish_reason for chunk in chunks] == [None] * len(chunks)


@every_engine
async def test_an_error_in_the_middle(recorded):
    script = chunked(whole(recorded)[0], sse(recorded.error), sse(b"[DONE]"))
    chunks: list[Chunk] = []
    async with running(recorded, script) as (engine, _):
        with pytest.raises(EngineRefused, match="boom") as caught:
            async for chunk in engine.generate(ask()):
                chunks.append(chunk)
    assert text(chunks) == MARKER
    assert caught.value.status_hint in (500, 502)


@every_engine
@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (answer(b'{"error": {"message": "boom"}}', status=500), EngineRefused),
        (answer(b'{"error": {"message": "no"}}', status=400), EngineRefused),
        (answer(b"busy", status=503), EngineUnavailable),
        (answer(b"<html>", kind="text/html"), EngineProtocolError),
        (b"", EngineUnavailable),
        (b"garbage\r\n\r\n", EngineUnavailable),
    ],
)
async def test_no_answer(recorded, script, kind):
    async with running(recorded, script) as (engine, _):
        with pytest.raises(kind):
            await collect(engine)


@every_engine
async def test_what_comes_after_the_end_changes_nothing(recorded):
    """A duplicate finish, and a connection that breaks once all has been said."""
    frames = whole(recorded)
    again = [*frames[:3], *whole(recorded, "length")[2:]]
    for script in (chunked(*again), chunked(*frames[:3], whole=False)):
        async with running(recorded, script) as (engine, _):
            chunks = await collect(engine)
        assert (text(chunks), chunks[-1].finish_reason) == (MARKER + "hello", "stop")
        assert [chunk.finish_reason for chunk in chunks].count("stop") == 1


@every_engine
async def test_an_engine_that_goes_and_comes_back(recorded):
    """The same engine object serves on, without being started again."""
    script = chunked(*whole(recorded))
    async with running(recorded, script) as (engine, server):
        await collect(engine)
        assert server.listening is not None
        server.listening.close()
        await server.listening.wait_closed()
        assert not await engine.healthy()
        with pytest.raises(EngineUnavailable, match="Is it running"):
            await collect(engine)
        port = int(server.url.rpartition(":")[2])
        async with scripted_server({**recorded.paths, recorded.path: script}, port=port):
            assert await engine.healthy()
            assert text(await collect(engine)) == MARKER + "hello"
