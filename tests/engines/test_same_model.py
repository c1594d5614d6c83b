"""Whether a server still runs the model that it ran at the start."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import pytest

from tests.engines.recorded_engines import (
    LLAMA_CPP,
    RECORDED,
    SGLANG,
    VLLM,
    RecordedEngine,
    models,
    sse,
)
from tests.engines.scripted_server import NOT_FOUND, Script, answer, chunked, scripted_server
from toolgate.core.conversation import Options
from toolgate.core.prompt import Plain, Prompt
from toolgate.engines.discover import Address, open_engine
from toolgate.engines.endpoint import Endpoint
from toolgate.engines.engine import Engine, GenerateRequest
from toolgate.engines.same_model import SameModel, told
from toolgate.errors import (
    EngineBrokeOff,
    EngineError,
    EngineProtocolError,
    EngineRefused,
    EngineUnavailable,
)

ASK = GenerateRequest(prompt=Prompt((Plain("Hi"),)), options=Options())
KINDS = [recorded for recorded in RECORDED if recorded.kind != "ik_llama_cpp"]
PROPS = {"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1}


class Told:
    """What a server tells, or the error that it is asked in vain with."""

    def __init__(self, told: Any) -> None:
        self.told = told

    async def __call__(self) -> Mapping[str, Any]:
        if isinstance(self.told, Exception):
            raise self.told
        return {"model": self.told}


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint("http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("now", "is_another"),
    [
        ("kimi", False),
        ("qwen", True),
        (EngineRefused("no such path", status=404), True),
        (EngineProtocolError("a page"), True),
        (TimeoutError(), False),
    ],
)
async def test_what_it_says_is_compared(endpoint, now, is_another):
    tell = Told("kimi")
    same = SameModel(endpoint, tell)
    await same.note()
    endpoint.has_failed, tell.told = True, now
    assert same.doubtful
    assert await same.is_another() == is_another
    assert not same.doubtful


@pytest.mark.parametrize(
    "error",
    [
        EngineUnavailable("connection refused"),
        EngineRefused("wrong key", status=401),
        EngineRefused("busy", status=429),
        EngineRefused("out of memory", status=500),
        EngineBrokeOff("in the middle"),
    ],
)
async def test_where_it_cannot_be_asked_the_doubt_stays(endpoint, error):
    tell = Told("kimi")
    same = SameModel(endpoint, tell)
    await same.note()
    endpoint.has_failed, tell.told = True, error
    with pytest.raises(type(error)):
        await same.is_another()
    assert same.doubtful


async def test_one_that_was_never_started_is_no_other(endpoint):
    same = SameModel(endpoint, Told("kimi"))
    endpoint.has_failed = True
    assert not same.doubtful
    assert not await same.is_another()


async def test_what_is_known_stays_known(endpoint):
    tell = Told("kimi")
    same = SameModel(endpoint, tell)
    await same.note()
    tell.told = "qwen"
    await same.note()
    assert await same.is_another()


async def test_a_change_is_believed_when_it_is_told_twice(endpoint):
    said = iter(["kimi", "a weak moment", "kimi", "qwen", "glm", "glm"])

    async def tell() -> Mapping[str, Any]:
        return {"model": next(said)}

    same = SameModel(endpoint, tell)
    await same.note()
    assert not await same.is_another()
    assert await same.is_another()
    assert not list(said)


async def test_what_it_could_not_say_at_the_start_is_not_compared(endpoint):
    tell = Told(EngineRefused("busy", status=500))

    async def tell_some() -> Mapping[str, Any]:
        return {"card": "kimi", "version": await told(tell())}

    same = SameModel(endpoint, tell_some)
    await same.note()
    tell.told = "b1"
    assert not await same.is_another()


async def test_a_name_that_changes_from_answer_to_answer_raises_doubt(endpoint):
    same = SameModel(endpoint, Told("kimi"))
    await same.note()
    for name in ("a-proxys-name", "", "a-proxys-name"):
        same.hear(name)
    assert not same.doubtful
    same.hear("another")
    assert same.doubtful
    assert not await same.is_another()
    same.hear("another")
    assert not same.doubtful


def ids_from(number: int) -> Script:
    """A vocabulary in which all tokens have other ids."""

    def tokenize(body: bytes) -> bytes:
        asked = json.loads(body)
        text = asked.get("prompt") or asked["content"]
        return answer(json.dumps({"tokens": [number + ord(one) for one in text]}).encode())

    return tokenize


SWAPS: list[tuple[str, Mapping[str, Script]]] = [
    ("vllm", {"/v1/models": models("vllm", root="/models/other", max_model_len=4096)}),
    ("vllm", {"/v1/models": models("vllm", root="/models/nano", max_model_len=8192)}),
    ("vllm", {"/version": answer(b'{"version":"0.33.0"}')}),
    ("vllm", {"/tokenize": ids_from(1)}),
    ("sglang", {"/tokenize": ids_from(1)}),
    ("llama_cpp", {"/tokenize": ids_from(1)}),
    ("llama_cpp", {"/props": answer(json.dumps({**PROPS, "chat_template": "x"}).encode())}),
    ("llama_cpp", {"/props": answer(json.dumps({**PROPS, "build_info": "b2"}).encode())}),
    ("tensorrt_llm", {"/v1/models": answer(b'{"data": [{"id": "other"}]}')}),
    ("openai_completions", {"/v1/models": answer(b'{"data": [{"id": "other"}]}')}),
    ("vllm", {**dict.fromkeys(VLLM.paths, NOT_FOUND), "/v1/models": LLAMA_CPP.paths["/v1/models"]}),
    ("llama_cpp", {**dict.fromkeys(LLAMA_CPP.paths, NOT_FOUND), **SGLANG.paths}),
]


@pytest.mark.parametrize("found_out", [True, False])
@pytest.mark.parametrize(("kind", "swap"), SWAPS)
async def test_each_kind_of_server_is_seen_to_run_another_model(kind, swap, found_out):
    recorded = next(one for one in RECORDED if one.kind == kind)
    paths = {"/v1/completions": answer(b"", status=422), **recorded.paths}
    async with scripted_server(paths) as server:
        engine = open_engine(Address(url=server.url), None if found_out else kind)
        await engine.start()
        assert not await engine.is_another()
        paths.update(swap)
        assert await engine.is_another()
        await engine.close()


CUT = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"
WEAK = [CUT, *(answer(b'{"error": "busy"}', status=one) for one in (400, 403, 429, 500, 502))]


@pytest.mark.parametrize("weak", WEAK)
@pytest.mark.parametrize(
    ("recorded", "path", "is_vital"),
    [
        (VLLM, "/v1/models", True),
        (VLLM, "/version", False),
        (VLLM, "/tokenize", False),
        *((LLAMA_CPP, path, True) for path in ("/v1/models", "/props", "/tokenize")),
    ],
)
async def test_a_healthy_servers_weak_moment_is_no_other_model(recorded, path, is_vital, weak):
    paths = {"/v1/completions": answer(b"", status=422), **recorded.paths}
    async with scripted_server(paths) as server:
        engine = open_engine(Address(url=server.url), recorded.kind)
        await engine.start()
        paths[path] = weak
        with pytest.raises(EngineError) if is_vital else nullcontext():
            assert not await engine.is_another()
        paths[path] = recorded.paths[path]
        assert not await engine.is_another()
        await engine.close()


@pytest.mark.parametrize("recorded", KINDS, ids=str)
async def test_a_server_that_stays_the_same_is_not_asked_for_more_than_three_things(recorded):
    paths = {"/v1/completions": answer(b"", status=422), **recorded.paths}
    async with scripted_server(paths) as server:
        engine = open_engine(Address(url=server.url), recorded.kind)
        await engine.start()
        await engine.marker_ids(["<|im_end|>"])
        server.requests.clear()
        assert not await engine.is_another()
        assert not engine.doubtful
        assert len(server.requests) <= 3
        await engine.close()


def naming(recorded: RecordedEngine, name: str) -> bytes:
    """An answer that calls its model so."""
    frames = [recorded.piece("Hi", 500), *recorded.end("stop")]
    named = [{**one, "model": name} if isinstance(one, dict) else one for one in frames]
    return chunked(*map(sse, named))


@pytest.mark.parametrize("recorded", [VLLM, LLAMA_CPP], ids=str)
async def test_what_answers_call_their_model_is_heard(recorded):
    paths = {**recorded.paths, recorded.path: naming(recorded, "a-proxys-name")}
    async with scripted_server(paths) as server:
        engine = open_engine(Address(url=server.url), recorded.kind)
        await engine.start()
        await engine.is_another()
        for name, doubtful in (("a-proxys-name", False), ("another", True)):
            paths[recorded.path] = naming(recorded, name)
            assert [chunk.text async for chunk in engine.generate(ASK)]
            assert engine.doubtful == doubtful
        await engine.close()


async def test_a_fresh_engine_that_is_found_out_is_in_no_doubt():
    engine: Engine = open_engine(Address(url="http://127.0.0.1:1"))
    assert not engine.doubtful
    assert not await engine.is_another()
    await engine.retire()
