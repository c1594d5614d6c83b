"""Records as Anthropic's API and its clients write them, beside the same of Chat Completions."""

from typing import Any

from tests.pipeline.diagnose.exchanges import SCHEMA, Piece
from toolgate.pipeline.diagnose.anthropic_messages import (
    is_answer,
    is_event,
    join,
    to_chat_request,
    to_chat_response,
)
from toolgate.pipeline.diagnose.exchange import read_calls

REQUEST = {
    "model": "claude",
    "max_tokens": 1024,
    "system": [{"type": "text", "text": "Be brief."}],
    "messages": [
        {"role": "user", "content": "Is it warm in Rome?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "I look.", "signature": "s"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "21 °C"},
                {"type": "text", "text": "And in Oslo?"},
            ],
        },
    ],
    "tools": [{"name": "get_weather", "description": "Weather", "input_schema": SCHEMA}],
}
ANSWER: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [
        {"type": "thinking", "thinking": "Oslo.", "signature": "s"},
        {"type": "text", "text": "I look there, too."},
        {"type": "tool_use", "id": "toolu_2", "name": "get_weather", "input": {"city": "Oslo"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 400, "output_tokens": 31},
}
EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {**ANSWER, "content": [], "stop_reason": None, "usage": {"output_tokens": 1}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "Oslo."},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "signature_delta", "signature": "s"},
    },
    {"type": "content_block_stop", "index": 0},
    {"type": "ping"},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "text_delta", "text": "I look there, too."},
    },
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "toolu_2", "name": "get_weather", "input": {}},
    },
    *(
        {
            "type": "content_block_delta",
            "index": 2,
            "delta": {"type": "input_json_delta", "partial_json": text},
        }
        for text in ('{"city"', ': "Oslo"}')
    ),
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 31},
    },
    {"type": "message_stop"},
]


def test_a_request():
    told = to_chat_request(REQUEST)
    system, asked, called, result, more = told["messages"]
    assert (system["role"], asked) == ("system", REQUEST["messages"][0])  # type: ignore[index]
    assert read_calls(called) == [("toolu_1", "get_weather", '{"city": 1}')]
    assert (called["content"], called["reasoning_content"]) == ("I look.", "I look.")
    assert result == {"role": "tool", "tool_call_id": "toolu_1", "content": "21 °C"}
    assert more == {"role": "user", "content": [{"type": "text", "text": "And in Oslo?"}]}
    assert told["tools"] == [
        {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
    ]


def test_results_alone_leave_no_empty_words():
    results = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}
    (told,) = to_chat_request({"messages": [results]})["messages"]
    assert told == {"role": "tool", "tool_call_id": "a", "content": None}


def test_an_answer():
    (choice,) = to_chat_response(ANSWER)["choices"]
    message = choice["message"]
    assert is_answer(ANSWER) and choice["finish_reason"] == "tool_calls"
    assert read_calls(message) == [("toolu_2", "get_weather", '{"city": "Oslo"}')]
    assert (message["content"], message["reasoning_content"]) == ("I look there, too.", "Oslo.")
    assert to_chat_response(ANSWER)["usage"] == {"completion_tokens": 31}


def test_why_it_ended():
    reasons = {"end_turn": "stop", "max_tokens": "length", "refusal": "refusal", None: None}
    for told, meant in reasons.items():
        (choice,) = to_chat_response({**ANSWER, "stop_reason": told})["choices"]
        assert choice["finish_reason"] == meant


def test_what_a_server_looked_up_itself_is_no_call_and_not_nothing():
    content = [{"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}]
    (choice,) = to_chat_response({**ANSWER, "content": content})["choices"]
    assert read_calls(choice["message"]) == [] and choice["message"]["content"] == content


def test_a_stream_is_the_whole_answer():
    whole, told = to_chat_response(ANSWER), to_chat_response(join(EVENTS))
    calls = [read_calls(one["choices"][0]["message"]) for one in (whole, told)]
    assert calls[0] == calls[1] and all(is_event(one) for one in EVENTS if one["type"] != "ping")
    for one in (whole, told):
        one["choices"][0]["message"].pop("tool_calls")
    assert told == whole


def test_a_stream_that_broke_off():
    (choice,) = to_chat_response(join(EVENTS[:-3]))["choices"]
    assert choice["finish_reason"] is None
    assert read_calls(choice["message"])[0].arguments == '{"city"'
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert to_chat_response(join([*EVENTS[:3], error]))["error"]["message"] == "Overloaded"
    assert join([{"type": "error"}])["error"] == "an error without words"


def test_no_piece_copies_what_came_before():
    begun = {"type": "content_block_start", "index": 0, "content_block": {"text": "It "}}
    deltas = [{"type": "text_delta", "text": Piece(one)} for one in ("rains", ".")]
    told = join([begun, *({"type": "content_block_delta", "index": 0, "delta": d} for d in deltas)])
    assert told["content"] == [{"text": "It rains."}]


def test_a_call_without_arguments_and_a_block_that_never_began():
    call = [EVENTS[0], EVENTS[8], {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}]
    told = to_chat_response(join(call))
    assert read_calls(told["choices"][0]["message"]) == [("toolu_2", "get_weather", "{}")]
    assert told["usage"] == {"completion_tokens": 1}, "of the start, where the end tells none"
    assert join([EVENTS[2]])["content"] == [{"thinking": "Oslo."}]
