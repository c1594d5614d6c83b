"""Logs of many shapes are read, and nothing that a log may hold ends the reading."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from tests.pipeline.diagnose.exchanges import ASKED, TOOLS, call, calling
from toolgate.errors import InvalidRequest
from toolgate.pipeline.diagnose import diagnose
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
KEYS = st.sampled_from([*ASKING, *TELLING, "error", "output", "id", "tool_call_id", "text"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
WORDS = st.sampled_from(["assistant", "tool", "user", "{", '{"name": "a"}', "<tool_call>", "stop"])
JSON = st.recursive(
    LEAVES | WORDS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner)
)


@given(st.dictionaries(KEYS, JSON))
def test_whatever_a_log_holds_is_read_or_refused(record: dict[str, Any]):
    try:
        diagnose(record)
    except InvalidRequest as error:
        assert str(error)
