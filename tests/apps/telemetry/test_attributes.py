"""A span's names and values are the conventions'; what was said is in none, unless asked for."""

import json
from typing import Any

import pytest

from toolgate.core.chunk import Chunk
from toolgate.engines.replay import Step
from toolgate.errors import EngineUnavailable

LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Looks for Ann",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    },
}
ASKED: dict[str, Any] = {
    "model": "claude-any",
    "messages": [
        {"role": "system", "content": "You know Ann."},
        {"role": "user", "content": [{"type": "text", "text": "Where is Ann?"}]},
    ],
    "tools": [LOOK],
    "temperature": 0.5,
    "max_tokens": 70,
    "seed": 3,
}
HISTORY = {
    **ASKED,
    "messages": [
        *ASKED["messages"],
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "Ann?",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "Nowhere"},
    ],
}


async def test_a_span_is_named_and_told_by_the_conventions(asking):
    told = await asking(ASKED)
    assert told.span.name == "chat kimi"
    assert told.span.kind.name == "CLIENT"
    assert dict(told.span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "replay",
        "gen_ai.request.model": "kimi",
        "gen_ai.response.model": "kimi",
        "gen_ai.request.max_tokens": 70,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.seed": 3,
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "toolgate.request.id": "req_1",
        "toolgate.asked_model": "claude-any",
        "toolgate.path": "/v1/chat/completions",
        "toolgate.repairs": ("content_list",),
        "toolgate.calls": ("valid",),
        "toolgate.attempts": 1,
        "toolgate.tier": told.span.attributes["toolgate.tier"],
    }


async def test_a_stream_tells_its_first_word_and_several_choices_their_number(asking):
    told = await asking({**ASKED, "stream": True, "n": 2})
    attributes = told.span.attributes
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["gen_ai.request.choice.count"] == 2
    assert attributes["gen_ai.response.time_to_first_chunk"] >= 0
    assert attributes["gen_ai.response.finish_reasons"] == ("tool_calls", "tool_calls")


async def test_nothing_that_was_said_is_told(asking):
    told = await asking(HISTORY)
    text = json.dumps(dict(told.span.attributes))
    assert not any(word in text for word in ("Ann", "Nowhere", "look"))


async def test_contents_are_told_where_they_are_asked_for(asking):
    told = await asking(HISTORY, contents=True)
    asked = json.loads(told.span.attributes["gen_ai.input.messages"])
    assert [message["role"] for message in asked] == ["system", "user", "assistant", "tool"]
    assert asked[1]["parts"] == [{"type": "text", "content": "Where is Ann?"}]
    reasoning, call = asked[2]["parts"]
    assert reasoning == {"type": "reasoning", "content": "Ann?"}
    assert (call["type"], call["name"], call["arguments"]) == ("tool_call", "look", "{}")
    (result,) = asked[3]["parts"]
    assert (result["type"], result["response"]) == ("tool_call_response", "Nowhere")
    (said,) = json.loads(told.span.attributes["gen_ai.output.messages"])
    assert said["finish_reason"] == "tool_calls"
    assert [part["type"] for part in said["parts"]] == ["text", "tool_call"]
    assert said["parts"][1]["arguments"] == '{"at": "Ann"}'
    (tool,) = json.loads(told.span.attributes["gen_ai.tool.definitions"])
    assert (tool["name"], tool["description"]) == ("look", "Looks for Ann")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_failed_request_is_told_by_the_class_of_its_error(asking, stream):
    steps: list[Step] = [Chunk(text="I"), EngineUnavailable("gone: Ann")]
    told = await asking({**ASKED, "stream": stream}, steps)
    assert told.span.attributes["error.type"] == "EngineUnavailable"
    assert told.span.status.status_code.name == "ERROR"
    assert "Ann" not in json.dumps(dict(told.span.attributes)) + str(told.span.status.description)


async def test_a_request_that_cannot_be_read_has_a_span_without_a_model(asking):
    told = await asking(b"{", contents=True)
    assert told.span.name == "chat"
    assert told.span.attributes["error.type"] == "InvalidRequest"
    assert "gen_ai.request.model" not in told.span.attributes
