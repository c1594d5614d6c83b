import json
from typing import Any

import pytest

from tests.pipeline.diagnose.test_anthropic_messages import EVENTS
from tests.pipeline.diagnose.test_openai_responses import ANSWER, events
from toolgate.pipeline.diagnose.streams import is_chunk, is_event, join_stream

CHUNKS: list[dict[str, Any]] = [
    {
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [{"delta": {"content": "A\u2028"}}],
    },
    {"object": "chat.completion.chunk", "choices": [{"delta": {}, "finish_reason": "stop"}]},
    {"object": "chat.completion.chunk", "choices": [], "usage": {"completion_tokens": 2}},
]


def sse(told: list[Any], end: str = "\n") -> str:
    frames = [f"data: {json.dumps(one, ensure_ascii=False)}{end}{end}" for one in told]
    return f": hello{end}{end}{''.join(frames)}data: [DONE]{end}{end}"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_stream_in_all_ways_to_record_it(end: str):
    whole: Any = join_stream(CHUNKS)
    assert whole["choices"][0]["message"]["content"] == "A\u2028", "which ends no line"
    assert (whole["choices"][0]["finish_reason"], whole["usage"]) == (
        "stop",
        {"completion_tokens": 2},
    )
    text = sse(CHUNKS, end)
    ways: list[Any] = [
        text,
        text.split(end),
        [f"{frame}{end}{end}" for frame in text.split(end + end)],
        [json.dumps(one) for one in CHUNKS],
        [{"event": "message", "data": json.dumps(one)} for one in CHUNKS],
        [{"data": one} for one in CHUNKS],
        f'{text}data: {{"choices": [{{',
    ]
    assert [join_stream(way) for way in ways] == [whole] * len(ways)


def test_streams_of_other_protocols():
    told: Any = join_stream("\n".join(f"event: x\ndata: {json.dumps(one)}\n" for one in EVENTS))
    assert (told["stop_reason"], len(told["content"])) == ("tool_use", 3)
    assert join_stream(events()) == ANSWER


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"choices": []},
        "It rains.",
        "data: it rains",
        [],
        [3],
        [{"role": "user", "content": "Hi"}],
        ["It rains."],
    ],
)
def test_what_is_no_stream(value: Any):
    assert join_stream(value) is value


def test_one_event():
    assert is_chunk(CHUNKS[0]) and is_chunk({"choices": [{"delta": {}}]})
    assert not is_chunk({"choices": [{"message": {}}]})
    assert is_event(CHUNKS[2]) and is_event(EVENTS[0]) and not is_event({"type": "message"})
