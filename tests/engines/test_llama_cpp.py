"""LlamaCppEngine against a real llama-server that runs the parrot, and against scripted bytes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from tests.engines.conftest import CALL, LlamaServer
from tests.engines.parrot_gguf import SPECIALS, WORDS, token_id
from tests.engines.recorded_engines import LLAMA_CPP
from tests.engines.scripted_server import answer, chunked, scripted_server
from tests.engines.tokenizers.model_folders import make_tiktoken_folder
from toolgate.core.chunk import Chunk, Usage
from toolgate.core.conversation import Options
from toolgate.core.prompt import Plain, Prompt, Segment, Special
from toolgate.engines import endpoint
from toolgate.engines.engine import GenerateRequest
from toolgate.engines.grammar_probe import WORD as PROBED
from toolgate.engines.llama_cpp import UNSAID, LlamaCppEngine, sampling
from toolgate.engines.tokenizers import Tokenizer, open_tokenizer
from toolgate.errors import (
    ConfigError,
    EngineProtocolError,
    EngineRefused,
    EngineUnavailable,
    InvalidRequest,
)
from toolgate.wire.sse import SSEDecoder

MARKERS = (
    *("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>"),
    *("<|tool_call_argument_begin|>", "<|tool_call_end|>", "<think>", "</think>", "<|im_end|>"),
)
STOP = ("<|im_end|>", "[EOS]", "[EOT]")
GREEDY = Options(temperature=0, max_tokens=50)


def message(text: str) -> tuple[Segment, ...]:
    header = (Special("<|im_user|>"), Plain("user"), Special("<|im_middle|>"))
    return (*header, Plain(text), Special("<|im_end|>"))


def chat(text: str) -> Prompt:
    answer_header = (Special("<|im_assistant|>"), Plain("assistant"), Special("<|im_middle|>"))
    return Prompt((*message(text), *answer_header))


def ask(prompt: Prompt, options: Options = GREEDY, **rest: Any) -> GenerateRequest:
    given = {"markers": MARKERS, "stop": STOP, **rest}
    return GenerateRequest(prompt=prompt, options=options, **given)


def after(text: str, options: Options = GREEDY, **rest: Any) -> GenerateRequest:
    """What comes after a text that no chat header surrounds."""
    return ask(Prompt((Plain(text),)), options, **rest)


async def collect(engine: LlamaCppEngine, request: GenerateRequest) -> list[Chunk]:
    return [chunk async for chunk in engine.generate(request)]


def text(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


async def get(server: LlamaServer, path: str) -> Any:
    headers = {"authorization": f"Bearer {server.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        return await (await session.get(server.url + path)).json()


async def busy_slots(server: LlamaServer) -> list[int]:
    return [slot["id"] for slot in await get(server, "/slots") if slot["is_processing"]]


async def idle(server: LlamaServer) -> None:
    while await busy_slots(server):
        pass


async def test_markers_are_printed_and_their_ids_come_with_them(llama):
    chunks = await collect(llama, ask(chat("hi")))
    assert [chunk.text for chunk in chunks] == [*CALL[1:-1], ""]
    assert [chunk.token_ids for chunk in chunks[:-1]] == [(token_id(text),) for text in CALL[1:-1]]
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]


async def test_markers_that_were_not_asked_for_are_not_printed(llama):
    chunks = await collect(llama, ask(chat("hi"), markers=()))
    assert text(chunks) == "functions.weather:0{}"


async def test_text_full_of_special_tokens_changes_no_structure(llama):
    """The token ids of the prompt say so: only those that the structure has are special."""
    attack = "".join(f"{special} a{special}" for special in SPECIALS)
    special_ids = {token_id(special) for special in SPECIALS}
    ids = await llama.encode(chat(attack), guarded=MARKERS)
    harmless = await llama.encode(chat("harmless"), guarded=MARKERS)
    structure = ["<|im_user|>", "<|im_middle|>", "<|im_end|>", "<|im_assistant|>", "<|im_middle|>"]
    assert [i for i in ids if i in special_ids] == [token_id(name) for name in structure]
    assert [i for i in harmless if i in special_ids] == [token_id(name) for name in structure]
    assert text(await collect(llama, ask(chat(attack)))) == "".join(CALL[1:-1])


async def test_usage_and_the_prefix_cache(llama):
    prompt = chat("a prompt that no other test has")
    count = await llama.count_tokens(prompt)
    usages = [(await collect(llama, ask(prompt)))[-1].usage for _ in range(2)]
    expected = Usage(prompt_tokens=count, completion_tokens=len(CALL) - 1)
    assert usages[0] is not None
    assert usages == [
        replace(expected, cached_tokens=usages[0].cached_tokens),
        replace(expected, cached_tokens=count - 1),
    ]
    assert usages[0].cached_tokens < 10 < count


async def test_the_token_limit(llama):
    chunks = await collect(llama, after("hello", Options(temperature=0, max_tokens=3)))
    assert (text(chunks), chunks[-1].finish_reason) == (" worldhello world", "length")


async def test_without_a_limit_the_answer_may_fill_the_context(llama):
    prompt = Prompt((Plain("hello"), *(Special("<|media_pad|>"),) * 8185, Plain("hello")))
    chunks = await collect(llama, ask(prompt, Options(temperature=0)))
    assert chunks[-1].finish_reason == "length"
    assert chunks[-1].usage == Usage(prompt_tokens=8187, completion_tokens=5)


@pytest.mark.parametrize(
    ("stop", "expected", "reason"),
    [
        (("o wor",), " worldhell", "stop"),
        ((" world!", "never"), " worldhello world", "length"),
        (("",), " worldhello world", "length"),
    ],
)
async def test_the_clients_stop_strings(llama, stop, expected, reason):
    chunks = await collect(llama, after("hello", Options(temperature=0, max_tokens=3, stop=stop)))
    assert (text(chunks), chunks[-1].finish_reason) == (expected, reason)


async def test_a_stop_token_that_the_model_file_does_not_know(llama):
    chunks = await collect(llama, after("user", stop=("</think>",)))
    assert (text(chunks), chunks[-1].finish_reason) == ("<think>system", "stop")


async def test_f28_half_a_character_is_never_sent(llama):
    chunks = await collect(llama, after("x"))
    assert [chunk.text for chunk in chunks] == ["é", ""]


async def test_log_probabilities(llama):
    chunks = await collect(llama, after("hello", Options(temperature=0, max_tokens=1, logprobs=2)))
    ((entry,),) = [chunk.logprobs for chunk in chunks if chunk.logprobs]
    assert set(entry) == {"token", "logprob", "bytes", "top_logprobs"}
    assert (entry["token"], entry["bytes"], len(entry["top_logprobs"])) == (
        " world",
        list(b" world"),
        2,
    )


async def test_sampling_options_arrive(llama):
    """Fully random, yet the same with the same seed; and a bias changes everything."""
    wild = Options(temperature=5, top_k=0, top_p=1, min_p=0, max_tokens=20)
    first, again, other = [
        text(await collect(llama, ask(Prompt((Special("[PAD]"),)), replace(wild, seed=seed))))
        for seed in (2**40, 2**40, 7)
    ]
    assert first == again != other
    biased = Options(temperature=0, max_tokens=3, logit_bias={str(token_id("city")): 1000})
    assert text(await collect(llama, after("hello", biased))) == "citycitycity"


def test_every_sampling_option_in_llama_servers_words():
    options = Options(
        max_tokens=1,
        temperature=0.1,
        top_p=0.2,
        top_k=3,
        min_p=0.4,
        seed=-1,
        stop=("never sent",),
        presence_penalty=0.5,
        frequency_penalty=0.6,
        repetition_penalty=0.7,
        logit_bias={"8": -100},
        logprobs=0,
    )
    assert sampling(options) == {
        "n_predict": 1,
        "temperature": 0.1,
        "top_p": 0.2,
        "top_k": 3,
        "min_p": 0.4,
        "seed": 2**32 - 2,
        "presence_penalty": 0.5,
        "frequency_penalty": 0.6,
        "repeat_penalty": 0.7,
        "logit_bias": [(8, -100)],
        "n_probs": 1,
    }
    assert sampling(Options()) == {"n_predict": -1}


def test_a_bias_on_something_that_is_no_token_id():
    with pytest.raises(InvalidRequest, match="logit_bias") as caught:
        sampling(Options(logit_bias={"hello": 1}))
    assert caught.value.param == "logit_bias"


async def test_closing_the_generator_frees_the_slot(llama, llama_server):
    await idle(llama_server)
    async with aclosing(llama.generate(after("hello", Options(temperature=0)))) as chunks:
        assert (await anext(chunks)).text == " world"
        (busy,) = await busy_slots(llama_server)
    await idle(llama_server)
    slots = await get(llama_server, "/slots")
    assert slots[busy]["next_token"][0]["has_next_token"], "it was not cut but ran to its end"


async def test_two_requests_at_the_same_time(llama):
    async with (
        aclosing(llama.generate(after("hello"))) as hello,
        aclosing(llama.generate(after("user"))) as user,
    ):
        assert [(await anext(hello)).text, (await anext(user)).text] == [" world", "<think>"]


async def test_marker_ids(llama):
    """A marker that is several tokens in this vocabulary is none."""
    ids = await llama.marker_ids(["<think>", "<|tool_call_end|>", "<|no_such_token|>"])
    assert ids == {token_id(name): name for name in ("<think>", "<|tool_call_end|>")}


@pytest.fixture
def parrots_tokenizer(tmp_path) -> Tokenizer:
    """What the parrot's model would be published with."""
    words = dict.fromkeys(word[:end] for word in WORDS for end in range(2, len(word) + 1))
    special = {token_id(text): text for text in SPECIALS}
    return open_tokenizer(str(make_tiktoken_folder(tmp_path, *words, special=special)))


async def test_a_tokenizer_in_this_process_reads_as_llama_cpp_does(
    llama, llama_server, parrots_tokenizer
):
    local = LlamaCppEngine(
        llama_server.url, api_key=llama_server.api_key, tokenizer=parrots_tokenizer
    )
    prompt = chat("functions.weather in 巴黎? <|im_end|>[EOT]\n\n  it's 12345 " + "".join(SPECIALS))
    try:
        assert await local.encode(prompt) == await llama.encode(prompt, guarded=MARKERS)
        assert text(await collect(local, ask(prompt))) == "".join(CALL[1:-1])
    finally:
        await local.close()


async def test_a_tokenizer_of_another_model_is_refused(llama_server, tmp_path):
    other = open_tokenizer(str(make_tiktoken_folder(tmp_path, "Hello")))
    engine = LlamaCppEngine(llama_server.url, api_key=llama_server.api_key, tokenizer=other)
    try:
        with pytest.raises(ConfigError, match=r"is not the engine's: it reads 'Hello, world!'"):
            await engine.marker_ids(MARKERS)
    finally:
        await engine.close()


async def test_description(llama):
    await llama.start()
    await llama.marker_ids(["<think>", "<|no_such_token|>"])
    told = dict(await llama.describe())
    assert "messages" in told.pop("template")
    assert told == {
        "model": "parrot",
        "context": 8192,
        "slots": 2,
        "build": told["build"],
        "missing_tokens": ("<|no_such_token|>",),
        "bos_token": told["bos_token"],
        "eos_token": "<|im_end|>",
    }
    assert await llama.healthy()


async def direct_completion(server: LlamaServer, body: bytes) -> tuple[int, str, bytes]:
    headers = {"authorization": f"Bearer {server.api_key}", "content-type": "application/json"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(server.url + "/v1/completions", data=body) as response,
    ):
        return response.status, response.headers["content-type"], await response.read()


def tokens_of(stream: bytes) -> list[str | None]:
    frames = [frame.data for frame in SSEDecoder().feed(stream)]
    assert frames.pop() == b"[DONE]"
    return [json.loads(data)["choices"][0]["text"] for data in frames]


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "hello", "max_tokens": 9, "temperature": 0, "stream": True},
        {"prompt": "hello", "max_tokens": 9, "temperature": 3, "seed": 5, "stream": True},
    ],
)
async def test_text_completion_streams_pass_through_token_by_token(llama, llama_server, body):
    """A port of a tool parser into ik_llama.cpp once silenced this stream for every client."""
    data = json.dumps(body).encode()
    status, kind, direct = await direct_completion(llama_server, data)
    async with llama.forward("/v1/completions", data, {"content-type": "application/json"}) as got:
        pieces = [piece async for piece in got.body]
    assert (got.status, got.headers["content-type"]) == (status, kind) == (200, "text/event-stream")
    assert tokens_of(b"".join(pieces)) == tokens_of(direct)
    assert len(tokens_of(direct)) == 10


async def test_text_completions_pass_through_whole(llama, llama_server):
    data = b'{"prompt": "hello", "max_tokens": 3, "temperature": 0}'
    status, kind, direct = await direct_completion(llama_server, data)
    async with llama.forward("/v1/completions", data, {}) as got:
        body = b"".join([piece async for piece in got.body])
    assert (got.status, got.headers["content-type"]) == (status, kind)
    assert json.loads(body)["choices"] == json.loads(direct)["choices"]
    assert json.loads(body)["choices"][0]["text"] == " worldhello world"


async def test_a_refused_completion_passes_through(llama, llama_server):
    direct = await direct_completion(llama_server, b'{"prompt": 1')
    async with llama.forward("/v1/completions", b'{"prompt": 1', {}) as got:
        body = b"".join([piece async for piece in got.body])
    assert (got.status, got.headers["content-type"], body) == direct


async def test_a_prompt_that_is_too_long(llama):
    with pytest.raises(EngineRefused, match=r"exceeds the available context size") as caught:
        await collect(llama, ask(Prompt((Special("[PAD]"),) * 8193)))
    assert caught.value.status_hint == 400


async def test_an_option_that_the_server_refuses(llama):
    with pytest.raises(EngineRefused, match="n_predict"):
        await collect(llama, after("hello", Options(max_tokens=-7)))


async def test_the_wrong_key(llama_server):
    engine = LlamaCppEngine(llama_server.url, api_key="wrong")
    with pytest.raises(EngineRefused, match="API key") as caught:
        await engine.start()
    assert caught.value.status_hint == 401
    assert await engine.healthy()  # /health needs no key
    await engine.close()


@asynccontextmanager
async def scripted_engine(completion: bytes, **rest: Any) -> AsyncIterator[LlamaCppEngine]:
    answers = {"/tokenize": answer(b'{"tokens": [1]}'), "/completion": completion, **rest}
    async with scripted_server(answers) as server:
        engine = LlamaCppEngine(server.url)
        try:
            yield engine
        finally:
            await engine.close()


WORD = b'data: {"content": "hello", "tokens": [1], "stop": false}\n\n'
PLAIN = after("x", markers=(), stop=())


@pytest.mark.parametrize(
    ("script", "received", "kind", "message"),
    [
        (chunked(WORD, whole=False), "hello", EngineProtocolError, "broke off in the middle"),
        (chunked(WORD), "hello", EngineProtocolError, "ended without a finish reason"),
        (chunked(WORD, b"data: [DONE]\n\n"), "hello", EngineProtocolError, "no llama-server sends"),
        (chunked(WORD, b'data: {"con\n\n'), "hello", EngineProtocolError, "no llama-server sends"),
        (
            chunked(WORD, b'data: {"error": {"code": 500, "message": "boom"}}\n\n'),
            "hello",
            EngineRefused,
            "gave up in the middle of its answer: boom",
        ),
        (answer(b"{}", status=500), "", EngineRefused, "answered 500 to /completion"),
        (answer(b"<html>", kind="text/html"), "", EngineProtocolError, "not with a stream"),
        (b"", "", EngineUnavailable, "No inference server answers"),
        (b"garbage\r\n\r\n", "", EngineUnavailable, "No inference server answers"),
    ],
)
async def test_a_failing_engine(script, received, kind, message):
    chunks: list[Chunk] = []
    async with scripted_engine(script) as engine:
        with pytest.raises(kind, match=message):
            async for chunk in engine.generate(PLAIN):
                chunks.append(chunk)
    assert text(chunks) == received


async def test_a_server_without_token_ids():
    """ik_llama.cpp's frames."""
    last = b'data: {"content": "", "stop": true, "stopped_eos": true, "tokens_predicted": 1}\n\n'
    script = chunked(b'data: {"content": "hello", "stop": false, "multimodal": false}\n\n', last)
    async with scripted_engine(script) as engine:
        chunks = await collect(engine, PLAIN)
    assert [(chunk.text, chunk.token_ids) for chunk in chunks] == [("hello", None), ("", None)]
    assert chunks[-1].finish_reason == "stop"


@pytest.mark.parametrize("tokens", [b"[]", b'{"tokens": ["x"]}', b'{"error": 1}'])
async def test_a_server_that_cannot_tokenise(tokens):
    async with scripted_engine(chunked(WORD), **{"/tokenize": answer(tokens)}) as engine:
        with pytest.raises(EngineProtocolError, match="no list of ids"):
            await collect(engine, PLAIN)


@pytest.mark.parametrize("starts", [True, False])
async def test_tokens_that_no_answer_holds_are_asked_for_once(starts: bool):
    """At the start, or where that is left out (the embedded engine), by the first requests."""
    held = answer(json.dumps({"content": PROBED}).encode())
    async with scripted_server({**LLAMA_CPP.paths, "/completion": held}) as server:
        engine = LlamaCppEngine(server.url)
        if starts:
            await engine.start()
            server.requests.clear()
        await asyncio.gather(*(engine._unsaid_ids() for _ in range(8)))
        await engine.close()
    asked = [json.loads(body)["content"] for _, _, body in server.requests]
    assert list(dict.fromkeys(asked)) == ([] if starts else list(UNSAID))
    assert len(asked) <= 2 * len(UNSAID)


async def test_a_server_that_is_no_llama_server():
    others = {"/props": answer(b"{}"), "/v1/models": answer(b'{"data": []}')}
    async with scripted_engine(b"", **others) as engine:
        with pytest.raises(EngineProtocolError, match="not as a llama-server"):
            await engine.start()


async def test_an_engine_that_is_gone_is_not_healthy():
    async with scripted_server({}) as server:
        engine = LlamaCppEngine(server.url)
    assert not await engine.healthy()
    await engine.close()


async def test_an_engine_that_is_silent_is_not_healthy(monkeypatch):
    monkeypatch.setattr(endpoint, "HEALTH_SECONDS", 0.01)
    async with scripted_server({"/health": b""}, wait=True) as server:
        engine = LlamaCppEngine(server.url)
        assert not await engine.healthy()
        await engine.close()


async def test_a_real_server_is_seen_to_hold_to_grammars(llama):
    await llama.start()
    assert llama.capabilities.grammar == "gbnf"


PROPS = answer(b'{"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1}')
CARDS = answer(b'{"data": [{"id": "x"}]}')


@pytest.mark.parametrize(
    "said", [answer(b'{"content": "1, 2"}'), answer(b'{"error": "bad grammar"}', status=400)]
)
async def test_a_server_that_is_not_held_takes_no_grammar_and_is_asked_once(said):
    paths = {"/health": answer(b"{}"), "/props": PROPS, "/v1/models": CARDS, "/completion": said}
    paths["/tokenize"] = answer(b'{"tokens": [1]}')
    async with scripted_server(paths) as server:
        engine = LlamaCppEngine(server.url)
        for _ in range(2):
            await engine.start()
            assert engine.capabilities.grammar == "none"
        await engine.close()
    assert [path for path, _, _ in server.requests].count("/completion") == 1
