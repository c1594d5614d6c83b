"""What the client sent beside what the model saw."""

import json
from typing import Any

import pytest

from tests.apps.viewer.turns import cut, hear, record
from toolgate.apps.viewer import difference
from toolgate.apps.viewer.difference import Compared, compare
from toolgate.core.conversation import Conversation, MediaPart, Message, ToolCall

CALL = {"id": "abc", "type": "function", "function": {"name": "look", "arguments": '{"at":\n1}'}}
MESSAGES: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "text", "text": "Where"}, {"type": "text", "text": "?"}]},
    {"role": "assistant", "content": None, "reasoning": "Hm.", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "abc", "content": "Here."},
]
SEEN = Conversation(
    messages=(
        Message(role="user", content="Where?"),
        Message(
            role="assistant",
            content="",
            reasoning_content="Hm.",
            tool_calls=(ToolCall("functions.look:0", "look", '{"at":\n1}'),),
        ),
        Message(role="tool", name="look", tool_call_id="functions.look:0", content="Here."),
    )
)


def compared(body: Any, seen: Conversation = SEEN, **fields: Any) -> Compared:
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    trace = hear(cut("Hm.", 9), asked=seen)
    return compare(record(trace, request=text, **fields), trace)


def test_each_change_is_a_line_on_its_side():
    lines = compared({"model": "kimi", "messages": MESSAGES}).lines
    assert [(line.side, line.text) for line in lines] == [
        ("both", "tools: none"),
        ("both", "[user]"),
        ("sent", "(part 1 of 2)"),
        ("sent", "Where"),
        ("sent", "(part 2 of 2)"),
        ("sent", "?"),
        ("seen", "Where?"),
        ("both", "[assistant]"),
        ("sent", "(reasoning)"),
        ("seen", "(reasoning_content)"),
        ("both", "Hm."),
        ("sent", "(content: null)"),
        ("sent", "(call look, id abc)"),
        ("seen", "(call look, id functions.look:0)"),
        ("both", '{"at":'),
        ("both", "1}"),
        ("sent", "[tool answers abc]"),
        ("seen", "[tool look answers functions.look:0]"),
        ("both", "Here."),
    ]


def test_what_was_not_changed_is_the_same():
    body = {"model": "kimi", "messages": [{"role": "user", "content": "Where?"}]}
    seen = Conversation(messages=(Message(role="user", content="Where?"),))
    told = compared(body, seen)
    assert {line.side for line in told.lines} == {"both"} and told.why == ""


def test_pictures_have_a_name():
    told = compared({"model": "k", "messages": MESSAGES[:1]}, _with_picture())
    assert ("seen", "[image]") in [(line.side, line.text) for line in told.lines]


def _with_picture() -> Conversation:
    return Conversation(messages=(Message(role="user", content=(MediaPart("image"),)),))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"model": "k", "max_tokens": 9, "messages": MESSAGES[:1]}),
        ("/v1/responses", {"model": "k", "input": "Where?"}),
    ],
)
def test_every_protocol_can_be_read(path, body):
    told = compared(body, path=path)
    assert told.why == "" and ("both", "[user]") in [(one.side, one.text) for one in told.lines]


@pytest.mark.parametrize(
    ("body", "path", "why"),
    [
        (None, "/v1/chat/completions", "--trace-contents on"),
        ("{}", "/v1/completions", "--trace-contents on"),
        ("{}", "/v1/chat/completions", "cannot be read alone"),
        ({"input": [], "previous_response_id": "resp_1"}, "/v1/responses", "cannot be read alone"),
    ],
)
def test_where_there_is_nothing_to_compare(body, path, why):
    told = compared(body, path=path)
    assert told.lines == () and why in told.why


def test_what_is_very_long_is_told_as_wholly_different(monkeypatch):
    monkeypatch.setattr(difference, "MOST_PAIRS", 9)
    sides = [line.side for line in compared({"model": "k", "messages": MESSAGES}).lines]
    assert sides[:2] == ["both"] * 2 and sides[-1] == "both"
    assert sides[2:-1] == ["sent"] * sides.count("sent") + ["seen"] * sides.count("seen")
