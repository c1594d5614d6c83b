"""All that a trace has to hold, word by word, of a request through an engine's real frames.

Each protocol, streamed; and what was exported is read again by today's parser without a difference.
"""

import asyncio
import json
from typing import Any

import pytest

from tests.apps.conftest import OpenGateway, open_gateway
from tests.contract.test_faults import NO_PROMPT, PROTOCOLS, SAID, frames
from tests.engines.recorded_engines import LLAMA_CPP, SPECIAL, VLLM, RecordedEngine
from tests.engines.scripted_server import answer as answer_json
from tests.engines.scripted_server import chunked, scripted_server
from toolgate.apps.trace.replay import replay
from toolgate.core.chunk import Chunk
from toolgate.core.events import Anomaly, Finish, ToolCallEnd, ToolCallStart
from toolgate.core.prompt import Special
from toolgate.engines.discover import Address, DiscoveredEngine
from toolgate.engines.engine import Capabilities
from toolgate.engines.grammar_probe import WORD
from toolgate.engines.replay import ReplayEngine, Step, pieces
from toolgate.engines.traces.store import TraceStore
from toolgate.pipeline.tier import Tier
from toolgate.pipeline.trace import Recording, decode_recording, encode_recording

__all__ = ["open_gateway"]  # a fixture that the tests here use too

UNDECLARED = ("<|tool_call_begin|>", "functions.nope:1", "<|tool_call_argument_begin|>", "{}")
SHOULD_NOT = (*SAID[:-1], *UNDECLARED, "<|tool_call_end|>", SAID[-1])


async def record(
    open_gateway: OpenGateway,
    recorded: RecordedEngine,
    path: str,
    body: dict[str, Any],
    folder: Any,
    **settings: Any,
) -> tuple[Recording, bytes, bytes]:
    """What was recorded, with what the client had sent and got."""

    def generate(asked: bytes) -> bytes:
        if WORD.encode() in asked:  # the question whether it holds to grammars
            return answer_json(json.dumps({"choices": [{"text": WORD}]}).encode())
        said = SHOULD_NOT if b'"stream"' in asked else None
        return chunked(*frames(recorded, said, *recorded.end("stop"))) if said else NO_PROMPT

    async with scripted_server({**recorded.paths, recorded.path: generate}) as server:
        settings |= {"trace_file": folder / "t.db", "trace_contents": "on"}
        gateway = await open_gateway(DiscoveredEngine(Address(url=server.url)), **settings)
        sent = json.dumps({"model": "any", "stream": True, **body}).encode()
        headers = {"content-type": "application/json", "x-request-id": "req_1"}
        answer = await gateway.post(path, content=sent, headers=headers)
        assert answer.status_code == 200
        return await find(folder), sent, answer.content


async def find(folder: Any) -> Recording:
    store = TraceStore(folder / "t.db")
    try:
        while (found := store.find("req_1")) is None:
            await asyncio.sleep(0.01)
        return found
    finally:
        store.close()


@pytest.mark.parametrize("recorded", [VLLM, LLAMA_CPP], ids=str)
@pytest.mark.parametrize("path", PROTOCOLS)
async def test_everything_is_there(open_gateway, tmp_path, recorded, path):
    told, sent, got = await record(open_gateway, recorded, path, PROTOCOLS[path], tmp_path)
    # the client's request, and the answer as the client got it
    assert told.request == sent.decode() and told.answer == got.decode()
    (trace,) = told.traces
    # the exact prompt with its special tokens, and its ids
    specials = [one.text for one in trace.prompt.segments if isinstance(one, Special)]
    assert specials.count("<|im_user|>") == 1
    (asked,) = trace.sent
    assert asked.path == recorded.path and asked.body["stream"] is True
    if recorded.takes_tokens:
        spelled = {token_id: text for text, token_id in SPECIAL.items()}
        read = [spelled.get(one) or chr(one) for one in asked.prompt_ids or ()]
        assert "".join(read) == str(trace.prompt)
    # the raw chunks with times and token ids
    assert "".join(one.text for one in trace.heard) == "".join(SHOULD_NOT) == trace.output
    times = [asked.at, *(one.at for one in trace.heard), told.seconds]
    assert times == sorted(times) and times[0] > 0
    ids = [token_id for one in trace.heard for token_id in one.token_ids or ()]
    assert ids == [SPECIAL.get(text, 500) for text in SHOULD_NOT]
    # events, anomalies
    events = [event for one in trace.heard for event in one.events]
    assert isinstance(events[-1], Finish)
    names = [one.name for one in events if isinstance(one, ToolCallStart)]
    assert names == ["get_weather", "nope"] == [call.name for call in trace.calls]
    assert sum(isinstance(one, ToolCallEnd) for one in events) == 2
    assert [one.kind for one in events if isinstance(one, Anomaly)] == ["undeclared_tool"]
    assert told.anomalies == tuple(one.kind.value for one in trace.message.anomalies)
    # what was exported is read again
    line = encode_recording(told)
    assert decode_recording(line) == told
    (outcome,) = replay(decode_recording(line))
    assert outcome.differences == ()


async def test_every_repair_with_its_place(open_gateway, tmp_path):
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [{**CALL, "id": "call_9"}]},
        {"role": "tool", "content": "Rain", "tool_call_id": "call_9"},
    ]
    body = PROTOCOLS["/v1/chat/completions"] | {"messages": messages}
    told, *_ = await record(open_gateway, VLLM, "/v1/chat/completions", body, tmp_path)
    repairs = told.traces[0].repairs
    assert repairs and [one.kind.value for one in repairs] == list(told.repairs)
    assert all(one.where.startswith("messages[") for one in repairs)


CALL = {"type": "function", "function": {"name": "get_weather", "arguments": "{}"}}


async def test_the_constraint_in_our_words_and_in_the_engines(open_gateway, tmp_path):
    path = "/v1/chat/completions"
    body = PROTOCOLS[path] | {"tool_choice": "required"}
    told, *_ = await record(open_gateway, VLLM, path, body, tmp_path, enforce="auto")
    (trace,) = told.traces
    assert trace.tier is Tier.GRAMMAR
    assert trace.held is not None and trace.held.required and trace.held.triggers
    assert "get_weather" in json.dumps(trace.sent[0].body["response_format"])


GOOD = ("".join(SAID[3:6]), "".join(SAID[6:]))


@pytest.mark.parametrize(
    ("contents", "prevented"),
    [("on", "wea"), ("redacted", "xxx"), ("off", "···")],
)
async def test_what_steering_prevented(open_gateway, tmp_path, contents, prevented):
    """An engine that takes no grammar, and whose model would call a tool that is not there."""

    def script(prompt: str) -> list[Step]:
        said = prompt.rpartition("<|im_middle|>")[2].removeprefix("<think></think>")
        text = "".join(GOOD).removeprefix(said)
        wrong = "".join(GOOD).replace("get_weather:0", "weather:7")
        return [*pieces(text if said else wrong, 4), Chunk(finish_reason="stop")]

    engine = ReplayEngine(
        script, capabilities=Capabilities(kind="plain", grammar="none", logprobs=False)
    )
    settings = {"trace_file": tmp_path / "t.db", "trace_contents": contents, "enforce": "auto"}
    gateway = await open_gateway(engine, **settings)
    path = "/v1/chat/completions"
    answer = await gateway.post(path, json=PROTOCOLS[path], headers={"x-request-id": "req_1"})
    assert answer.json()["choices"][0]["finish_reason"] == "tool_calls"
    (trace,) = (await find(tmp_path)).traces
    assert trace.tier is Tier.STEERING and trace.held is not None
    assert [call.name for call in trace.calls] == ["get_weather"]
    assert trace.steering is not None and trace.steering.steers == 1
    assert trace.steering.prevented == [prevented]  # it was stopped there
