"""Logs of many shapes are read, and nothing that a log may hold ends the reading."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from tests.pipeline.diagnose import test_anthropic_messages as messages
from tests.pipeline.diagnose import test_openai_responses as responses
from tests.pipeline.diagnose.exchanges import ASKED, TOOLS, call, calling
from toolgate.errors import InvalidRequest
from toolgate.pipeline.diagnose import diagnose
from toolgate.pipeline.diagnose.anthropic_messages import to_chat_request
from toolgate.pipeline.diagnose.exchange import Exchange, read_calls, read_exchanges

REQUEST = {"model": "asked", "messages": [ASKED], "tools": TOOLS}
ANSWER = calling(call())
RESPONSE = {
    "model": "m",
    "choices": [{"message": ANSWER, "finish_reason": "tool_calls"}],
    "usage": {"completion_tokens": 7},
}
WHOLE = Exchange(
    model="m",
    messages=[ASKED],
    tools=TOOLS,
    answer=ANSWER,
    finish_reason="tool_calls",
    tokens=7,
)
PAIRS = {
    "a proxy's pair": {"request": REQUEST, "response": RESPONSE},
    "K2-Vendor-Verifier": {
        "data_index": 1,
        "request": REQUEST,
        "response": RESPONSE,
        "status": "success",
        "finish_reason": "stop",
        "error": None,
    },
    "bodies as text": {"request": json.dumps(REQUEST), "response": json.dumps(RESPONSE)},
    "bodies in envelopes": {
        "request": {"method": "POST", "body": REQUEST},
        "response": {"status_code": 200, "body": json.dumps(RESPONSE)},
    },
    "LiteLLM's callback": {"kwargs": REQUEST, "response": RESPONSE},
    "LiteLLM's standard log": {
        "model": "asked",
        "messages": [ASKED],
        "model_parameters": {"tools": TOOLS},
        "response": RESPONSE,
        "status": "success",
        "error_str": None,
    },
    "Langfuse": {"input": REQUEST, "output": RESPONSE},
}


@pytest.mark.parametrize("shape", PAIRS)
def test_the_same_exchange_in_many_shapes(shape: str):
    assert read_exchanges(PAIRS[shape]) == [WHOLE]


ITEM = {"index": 0, **call()}
CHUNKS = [
    {
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [{"delta": {"tool_calls": [ITEM]}}],
    },
    {"object": "chat.completion.chunk", "choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
    {"object": "chat.completion.chunk", "choices": [], "usage": {"completion_tokens": 7}},
]
SSE = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in CHUNKS) + "data: [DONE]\n\n"
STREAMED = {
    "chunks in place of the response": {"request": REQUEST, "response": CHUNKS},
    "chunks beside the request": {"request": REQUEST, "chunks": CHUNKS},
    "events of a proxy": {"request": REQUEST, "events": [{"data": one} for one in CHUNKS]},
    "the stream's own text": {"request": json.dumps(REQUEST), "response": SSE},
    "in envelopes": {"request": {"body": REQUEST}, "response": {"status": 200, "body": SSE}},
    "a list as text": {"request": REQUEST, "response": json.dumps(CHUNKS)},
    "Langfuse": {"input": REQUEST, "output": CHUNKS},
    "LiteLLM's callback": {"kwargs": REQUEST, "response": CHUNKS},
    "LiteLLM's standard log": {**REQUEST, "optional_params": {"tools": TOOLS}, "response": CHUNKS},
}


@pytest.mark.parametrize("shape", STREAMED)
def test_the_same_exchange_streamed(shape: str):
    assert read_exchanges(STREAMED[shape]) == [WHOLE]


def test_a_stream_alone():
    for record in (CHUNKS, SSE, {"response": SSE}, {"response": CHUNKS}):
        assert (one(record).answer, one(record).tools) == (ANSWER, None)
    with pytest.raises(InvalidRequest, match="one chunk of a stream"):
        diagnose(CHUNKS[0])


FOREIGN: dict[str, tuple[Any, Any, Any]] = {
    "Anthropic": (messages.REQUEST, messages.ANSWER, messages.EVENTS),
    "Responses": (responses.REQUEST, responses.ANSWER, responses.events()),
}


@pytest.mark.parametrize("protocol", FOREIGN)
def test_other_protocols_whole_and_streamed(protocol: str):
    request, answer, stream = FOREIGN[protocol]
    text = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in stream)
    told = [
        one({"request": asked, "response": came})
        for asked in (request, json.dumps(request))
        for came in (answer, json.dumps(answer), stream, text, json.dumps(stream), {"body": text})
    ]
    assert {(each.model, each.finish_reason, each.tokens) for each in told} == {
        (request["model"], "tool_calls", answer["usage"]["output_tokens"])
    }
    assert len({tuple(read_calls(each.answer)) for each in told}) == 1
    assert all(each.messages == told[0].messages and len(each.messages) == 5 for each in told)
    (found,) = diagnose({"request": request, "response": answer})
    assert (found.called, found.failures) == (("get_weather",), ())
    assert one(answer).answer == told[0].answer, "alone"


def test_a_conversation_of_blocks():
    history = to_chat_request(messages.REQUEST)["messages"]
    found = one({"input": messages.REQUEST["messages"], "output": "It rains."})
    assert found.messages == history[1:], "there is no system's turn in a list"
    flat = {**messages.REQUEST, "response": messages.ANSWER}
    assert one(flat).messages == history and one(flat).tools == to_chat_request(flat)["tools"]


def one(record: Any) -> Exchange:
    (found,) = read_exchanges(record)
    return found


def test_an_answer_without_its_choices():
    for output in (ANSWER, json.dumps(ANSWER), [ASKED, ANSWER]):
        found = one({"model": "m", "input": [ASKED], "output": output})
        assert (found.model, found.answer, found.tools) == ("m", ANSWER, None)
        assert found.finish_reason is UNSET
    assert one({"input": [ASKED], "output": "It rains."}).answer["content"] == "It rains."
    assert one({"input": [ASKED], "output": '{"rain": 1}'}).answer["content"] == '{"rain": 1}'
    assert one({"input": [ASKED], "output": "[broken"}).answer["content"] == "[broken"
    assert one({"request": REQUEST, "response": ANSWER, "finish_reason": "x"}).finish_reason == "x"
    assert read_exchanges({"input": [ASKED], "output": [7]}) == []
    assert read_exchanges({"input": [ASKED], "output": {"rain": 1}}) == []


def test_a_conversation_that_ends_in_an_answer():
    found = one({"messages": [ASKED, ANSWER], "tools": TOOLS})
    assert (found.messages, found.answer, found.tools) == ([ASKED], ANSWER, TOOLS)
    assert one({"messages": [ASKED, ANSWER]}).tools is None
    assert read_exchanges({"messages": [ASKED]}) == []


def test_a_request_without_tools_declares_none():
    assert one({"request": {"messages": [ASKED]}, "response": RESPONSE}).tools == ()
    assert one({"messages": [ASKED], "response": RESPONSE}).tools is None
    old = {"messages": [ASKED], "functions": [{"name": "look"}]}
    assert one({"request": old, "response": RESPONSE}).tools == [
        {"type": "function", "function": {"name": "look"}}
    ]


def test_a_lone_response_and_a_batch():
    assert one(RESPONSE).answer == ANSWER and one(RESPONSE).tools is None
    line = {"custom_id": "a", "response": {"status_code": 200, "body": RESPONSE}, "error": None}
    assert one(line).finish_reason == "tool_calls"
    failed = {"custom_id": "a", "response": None, "error": {"code": "x", "message": "too busy"}}
    assert one(failed).error == "too busy"


def test_each_choice_is_an_answer():
    choices = [{"message": {"content": "a"}}, {"message": {"content": "b"}}]
    found = read_exchanges({"request": REQUEST, "response": {"choices": choices}})
    assert [each.answer["content"] for each in found] == ["a", "b"]
    assert found[0].finish_reason is None


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ({"response": None}, "no answer"),
        ({"response": {}}, "an answer that is none"),
        ({"response": {"error": {"message": "busy"}}}, "busy"),
        ({"response": {"error": "busy"}}, "busy"),
        ({"response": {"x": 1}, "status": "failed"}, "no answer"),
        ({"response": {"x": 1}, "error": ["busy"]}, "['busy']"),
    ],
)
def test_errors(record: dict[str, Any], error: str):
    assert one({"request": REQUEST, **record}).error == error


def test_raw_outputs():
    assert one("<tool_call>").output == "<tool_call>"
    assert one({"generated_text": "x", "tools": TOOLS}).tools == TOOLS
    assert one({"output": "x"}).finish_reason == "stop"
    assert one({"output": "x", "finish_reason": "length"}).finish_reason == "length"
    completion = {"choices": [{"text": "x", "finish_reason": "stop"}]}
    assert one({"request": REQUEST, "response": completion}).output == "x"


@pytest.mark.parametrize("record", [None, 3, [], {}, {"request": 3, "response": 4}, {"text": 1}])
def test_what_is_no_record(record: Any):
    assert read_exchanges(record) == []


def test_calls_in_old_and_broken_forms():
    assert read_calls({"function_call": {"name": "look", "arguments": "{}"}})[0].name == "look"
    assert read_calls({"tool_calls": ["x", {"id": 3}, {"function": {"name": 4}}]}) == [
        (3, "", "{}"),
        (None, "", "{}"),
    ]
    assert read_calls({"tool_calls": "x", "function_call": None}) == []


ASKING = ["request", "messages", "tools", "function", "name", "parameters", "input", "body", "role"]
TELLING = ["response", "choices", "message", "content", "tool_calls", "arguments", "finish_reason"]
STREAMING = [
    "delta",
    "chunks",
    "events",
    "type",
    "index",
    "content_block",
    "item",
    "data",
    "status",
]
NAMES = [
    "error",
    "output",
    "id",
    "tool_call_id",
    "text",
    "model",
    "object",
    "stop_reason",
    "call_id",
]
KEYS = st.sampled_from([*ASKING, *TELLING, *STREAMING, *NAMES])
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
KINDS = ["message_start", "content_block_start", "content_block_delta", "message_delta", "message"]
ITEMS = [
    "response.completed",
    "response.output_item.done",
    "function_call",
    "tool_use",
    "tool_result",
]
PLAIN = [
    "assistant",
    "tool",
    "user",
    "{",
    '{"name": "a"}',
    "<tool_call>",
    "stop",
    "response",
    "data:",
]
WORDS = st.sampled_from([*KINDS, *ITEMS, *PLAIN])
JSON = st.recursive(
    LEAVES | WORDS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner)
)


@given(st.dictionaries(KEYS, JSON))
def test_whatever_a_log_holds_is_read_or_refused(record: dict[str, Any]):
    try:
        diagnose(record)
    except InvalidRequest as error:
        assert str(error)
