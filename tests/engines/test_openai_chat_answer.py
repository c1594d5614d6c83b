"""Chat streams as vendors send them, frame by frame; the source of each shape beside it."""

import json
from typing import Any

import pytest

from toolgate.core.chunk import CallDelta, Chunk, Usage
from toolgate.engines.openai_chat_answer import ChatReader
from toolgate.errors import EngineProtocolError, EngineRefused


def frame(finish_reason: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return json.dumps({"object": "chat.completion.chunk", "choices": [choice]}).encode()


def call(arguments: Any, **fields: Any) -> dict[str, Any]:
    return {**fields, "type": "function", "function": {"name": "look", "arguments": arguments}}


@pytest.mark.parametrize(
    ("delta", "chunk"),
    [
        ({"content": "Hi"}, Chunk(text="Hi")),
        # llama.cpp b11549 begins with a null; Moonshot with an empty text
        ({"role": "assistant", "content": None}, None),
        ({"role": "assistant", "content": ""}, None),
        # Moonshot, DeepSeek, llama.cpp, LM Studio (its bug tracker, #378)
        ({"reasoning_content": "Hm"}, Chunk(reasoning="Hm")),
        # OpenRouter, Ollama, vLLM; where both come they are the same
        ({"reasoning": "Hm", "content": ""}, Chunk(reasoning="Hm")),
        ({"reasoning": "Hm", "reasoning_content": "Hm"}, Chunk(reasoning="Hm")),
        # Ollama: whole calls in one frame, with indexes since 0.4.7 (ollama#7881)
        (
            {"content": "", "tool_calls": [call("{}", id="a"), call("{}", id="b")]},
            Chunk(
                calls=(
                    CallDelta(id="a", name="look", arguments="{}"),
                    CallDelta(id="b", name="look", arguments="{}"),
                )
            ),
        ),
        # proxies before Ollama's own API (litellm#37792): arguments as an object
        (
            {"tool_calls": [call({"city": "北京"}, index=0)]},
            Chunk(calls=(CallDelta(index=0, name="look", arguments='{"city": "北京"}'),)),
        ),
        # OpenAI: only an index after the first piece
        (
            {"tool_calls": [{"index": 1, "function": {"arguments": '"}'}}]},
            Chunk(calls=(CallDelta(index=1, arguments='"}'),)),
        ),
        (
            {"tool_calls": [{"index": 1, "id": None, "function": {"name": None}}]},
            Chunk(calls=(CallDelta(index=1),)),
        ),
    ],
)
def test_what_a_frame_adds(delta, chunk):
    assert ChatReader().read(frame(**delta)) == chunk


def read(*frames: bytes) -> Chunk:
    reader = ChatReader()
    for one in frames:
        reader.read(one)
    chunk = reader.finish()
    assert chunk is not None and reader.finish() is None
    return chunk


def test_the_first_reason_counts_and_usage_may_follow():
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    details = {
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    after = json.dumps({"choices": [], "usage": usage | details}).encode()
    assert read(frame(""), frame("length"), frame("stop"), after) == Chunk(
        finish_reason="length",
        usage=Usage(prompt_tokens=9, completion_tokens=3, cached_tokens=4, reasoning_tokens=2),
    )


def test_moonshots_usage_stands_in_the_choice():
    # AstrBot#6614
    usage = {"prompt_tokens": 1336, "completion_tokens": 31, "cached_tokens": 1280}
    choice = {"index": 0, "delta": {}, "finish_reason": "stop", "usage": usage}
    assert read(json.dumps({"choices": [choice], "usage": None}).encode()).usage == Usage(
        prompt_tokens=1336, completion_tokens=31, cached_tokens=1280
    )


def test_log_probabilities_come_with_their_text():
    token = {"token": "Hi", "logprob": -0.1, "bytes": None, "top_logprobs": []}
    choice = {"delta": {"content": "Hi"}, "logprobs": {"content": [token]}}
    chunk = ChatReader().read(json.dumps({"choices": [choice]}).encode())
    assert chunk == Chunk(text="Hi", logprobs=(token,))
    choice["logprobs"] = {"content": None}
    assert ChatReader().read(json.dumps({"choices": [choice]}).encode()) == Chunk(text="Hi")


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        # openrouter.ai/docs "Errors and Debugging", in mid-stream
        (
            {
                "error": {"code": "server_error", "message": "Provider disconnected"},
                "choices": [{"delta": {"content": ""}, "finish_reason": "error"}],
            },
            502,
            "Provider disconnected",
        ),
        ({"error": {"code": 429, "message": "Rate limited"}}, 429, "Rate limited"),
        # LM Studio's `event: error`, llama.cpp's `error`
        ({"error": {"message": "Model unloaded."}}, 502, "Model unloaded."),
        ({"error": "overloaded"}, 502, "overloaded"),
        ({"error": {"code": 7, "message": "x"}}, 502, "x"),
        ({"choices": [{"delta": {}, "finish_reason": "error"}]}, 502, "error"),
    ],
)
def test_an_error_in_the_middle(data, status, message):
    with pytest.raises(EngineRefused, match=message) as caught:
        ChatReader().read(json.dumps(data).encode())
    assert caught.value.status_hint == status


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"choices": 1}', b"\xff"])
def test_something_else(data):
    with pytest.raises(EngineProtocolError, match="no chat chunk"):
        ChatReader().read(data)
