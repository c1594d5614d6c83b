"""What a list tells of a recording."""

import pytest
from msgspec.structs import replace

from tests.engines.traces.recordings import ASKED, make_recording, make_trace
from toolgate.core.conversation import MediaPart, Message, TextPart
from toolgate.engines.traces.row import TITLE_CHARACTERS, summarize
from toolgate.pipeline.trace import Trace


def test_a_row_sums_up_its_recording():
    row = summarize(make_recording())
    assert (row.number, row.id, row.outcome, row.tier) == (0, "req_1", "tool_calls", "grammar")
    assert (row.title, row.tools, row.repairs) == ("Where is Ann?", ("look",), ("null_content",))
    assert (row.findings, row.first_seconds) == (("call_loop",), 1.0)
    assert (row.prompt_tokens, row.completion_tokens, row.cached_tokens) == (0, 7, 0)
    assert (row.calls, row.valid_calls) == (1, 1)


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, "tool_calls"),
        ({"status": 499}, "gone"),
        ({"status": 503, "traces": ()}, "error"),
        ({"error": "It died."}, "error"),
        ({"traces": ()}, "unfinished"),
    ],
)
def test_how_a_request_ended(fields, outcome):
    assert summarize(make_recording(**fields)).outcome == outcome


def test_one_under_way_and_without_anything():
    row = summarize(make_recording(running=True, traces=(), usage=None))
    assert (row.outcome, row.title, row.tier, row.first_seconds) == ("running", "", "", None)


def test_a_title_is_short_and_of_the_last_user():
    parts = (TextPart("a  b"), MediaPart("image"), TextPart("c" * 999))
    assert summarize(make_recording(traces=(with_messages(parts),))).title.startswith("a b ccc")
    long = summarize(make_recording(traces=(with_messages("d" * 999),))).title
    assert long == "d" * TITLE_CHARACTERS
    assert summarize(make_recording(traces=(with_messages(None),))).title == ""


def with_messages(content: "tuple[TextPart | MediaPart, ...] | str | None") -> Trace:
    messages = (Message(role="user", content="First"), Message(role="user", content=content))
    return replace(make_trace(), conversation=replace(ASKED, messages=messages))
