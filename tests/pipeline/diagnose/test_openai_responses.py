"""Records as OpenAI's Responses API and its clients write them."""

from typing import Any

import pytest

from tests.pipeline.diagnose.exchanges import SCHEMA
from toolgate.pipeline.diagnose.exchange import read_calls
from toolgate.pipeline.diagnose.openai_responses import (
    is_answer,
    is_event,
    is_request,
    join,
    to_chat_request,
    to_chat_response,
)

CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": '{"city":"Rome"}',
    "status": "completed",
}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "21 °C"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
SAID = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
}
REQUEST: dict[str, Any] = {
    "model": "gpt",
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Is it warm in Rome?"}]},
        THOUGHT,
        CALL,
        RESULT,
        {"role": "user", "content": "And in Oslo?"},
    ],
    "tools": [{"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": True}],
}
ANSWER: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "model": "gpt",
    "output": [THOUGHT, SAID, {**CALL, "call_id": "call_2"}],
    "usage": {"input_tokens": 40, "output_tokens": 12},
}


def answered(**changes: Any) -> Any:
    (choice,) = to_chat_response({**ANSWER, **changes})["choices"]
    return choice


def test_a_request():
    system, asked, called, result, more = to_chat_request(REQUEST)["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert (asked, more) == (REQUEST["input"][0], REQUEST["input"][4])
    assert read_calls(called) == [("call_1", "get_weather", '{"city":"Rome"}')]
    assert called["reasoning_content"] == "Hm."
    assert result == {"role": "tool", "tool_call_id": "call_1", "content": "21 °C"}
    assert to_chat_request(REQUEST)["tools"] == REQUEST["tools"]


def test_a_request_in_one_text_and_one_that_ends_in_the_assistants_words():
    (asked,) = to_chat_request({"model": "gpt", "input": "Hi"})["messages"]
    assert asked == {"role": "user", "content": "Hi"}
    said = {"role": "assistant", "content": "I look."}
    (told,) = to_chat_request({"model": "gpt", "input": [said, CALL]})["messages"]
    assert (told["content"], len(told["tool_calls"])) == ("I look.", 1)


@pytest.mark.parametrize("kept", [{"previous_response_id": "resp_0"}, {"conversation": "conv_0"}])
def test_calls_that_only_the_server_knows(kept: dict[str, str]):
    own = {"model": "gpt", "input": [CALL, RESULT, {**RESULT, "call_id": "call_0"}], **kept}
    assert [one["role"] for one in to_chat_request(own)["messages"]] == ["assistant", "tool"]


def test_what_is_a_request():
    assert is_request(REQUEST) and is_request({"model": "gpt", "input": "Hi"})
    for other in ({"input": "Hi"}, {"model": "gpt"}, {"model": "g", "input": "", "messages": []}):
        assert not is_request(other)


def test_an_answer():
    choice, usage = answered(), to_chat_response(ANSWER)["usage"]
    message = choice["message"]
    assert is_answer(ANSWER) and (choice["finish_reason"], usage) == (
        "tool_calls",
        {"completion_tokens": 12},
    )
    assert (message["content"], message["reasoning_content"]) == ("I look.", "Hm.")
    assert read_calls(message) == [("call_2", "get_weather", '{"city":"Rome"}')]


def test_how_it_ended():
    assert answered(output=[SAID])["finish_reason"] == "stop"
    cut = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert answered(**cut)["finish_reason"] == "length"
    assert answered(status="incomplete")["finish_reason"] == "incomplete"
    filtered = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
    assert answered(**filtered)["finish_reason"] == "content_filter"
    assert answered(status="in_progress")["finish_reason"] is None
    error = {"code": "server_error", "message": "It broke."}
    assert to_chat_response({**ANSWER, "status": "failed", "error": error})["error"] == error


def test_other_items():
    custom = {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "*** Begin"}
    assert read_calls(answered(output=[custom])["message"]) == [
        ("c", "patch", '{"input": "*** Begin"}')
    ]
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    assert answered(output=[search])["message"]["content"] == [search]
    refusal = {**SAID, "content": [{"type": "refusal", "refusal": "I will not."}]}
    assert answered(output=[refusal])["message"]["content"] == "I will not."


def events(*done: Any, end: str = "completed") -> list[dict[str, Any]]:
    begun = {**ANSWER, "status": "in_progress", "output": [], "usage": None}
    items = [{"type": "response.output_item.done", "item": one} for one in done]
    return [
        {"type": "response.created", "response": begun},
        {"type": "response.output_text.delta", "delta": "I "},
        *items,
        {"type": f"response.{end}", "response": {**ANSWER, "status": end}},
    ]


def test_a_stream_is_its_last_event():
    told = events(*ANSWER["output"])
    assert join(told) == ANSWER and all(map(is_event, told))
    assert join(events(end="incomplete"))["status"] == "incomplete"


def test_a_stream_whose_end_tells_no_items_or_that_broke_off():
    (*begun, end) = events(SAID, CALL)
    ended = join([*begun, {**end, "response": {**ANSWER, "output": []}}])
    assert (ended["output"], ended["status"]) == ([SAID, CALL], "completed")
    broken = join(begun)
    assert (broken["output"], broken["status"]) == ([SAID, CALL], "in_progress")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ({"message": "busy"}, "busy"),
        ({"error": {"code": 3}}, {"code": 3}),
        ({}, "an error without words"),
    ],
)
def test_an_error_in_a_stream(error: dict[str, Any], told: Any):
    assert join([*events()[:1], {"type": "error", **error}])["error"] == told
