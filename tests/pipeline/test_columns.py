"""Chunks in columns are the same chunks."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.core.chunk import CallDelta
from toolgate.core.events import (
    Anomaly,
    AnomalyKind,
    ArgumentsDelta,
    Event,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolCallEnd,
    ToolCallStart,
)
from toolgate.pipeline.columns import Columns, columns_to_heard, heard_to_columns
from toolgate.pipeline.trace import Heard

START = ToolCallStart(1, "a", "look", "functions.look:1")
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(TextDelta, st.text(max_size=2)),
    st.builds(ReasoningDelta, st.text(max_size=2)),
    st.builds(ArgumentsDelta, st.integers(0, 2), st.text(max_size=2)),
    st.builds(ToolCallStart, st.integers(0, 2), st.just("a"), st.just("f"), st.just("f:0")),
    st.just(ToolCallEnd(0)),
    st.just(Anomaly(AnomalyKind.EMPTY_TURN)),
    st.just(Finish("stop")),
)


@st.composite
def a_chunk(draw: Any) -> Heard:
    text = draw(st.text(max_size=2))
    same: Any = st.sampled_from([(TextDelta(text),), (ReasoningDelta(text),), ()])
    return Heard(
        draw(st.integers(0, 10**10)) / 1e6,
        text=text,
        reasoning=draw(st.sampled_from(["", "hm"])),
        calls=draw(st.sampled_from([(), (CallDelta(index=0, name="f"),)])),
        token_ids=draw(st.none() | st.lists(st.integers(0, 9), max_size=3).map(tuple)),
        finish_reason=draw(st.sampled_from([None, "stop"])),
        state=draw(st.sampled_from(["", "text", "arguments"])),
        events=draw(same | st.lists(EVENTS, max_size=3).map(tuple)),
    )


@given(st.lists(a_chunk(), max_size=8), st.booleans())
def test_they_come_back_as_they_were(heard, is_output):
    output = "".join(one.reasoning + one.text for one in heard) if is_output else "other"
    columns = heard_to_columns(heard, output)
    line = msgspec.json.encode(columns)
    assert msgspec.json.decode(line, type=Columns) == columns
    assert list(columns_to_heard(columns, output)) == heard


CHUNKS = [
    Heard(0.5, text="Hm", state="text", events=(TextDelta("Hm"),), token_ids=(7,)),
    Heard(0.75, reasoning="So", state="reasoning", events=(ReasoningDelta("So"),)),
    Heard(1.0, text="<|b|>", state="arguments", events=(START,), token_ids=(8, 9)),
    Heard(1.0, text="{}", state="arguments", events=(ArgumentsDelta(1, "{}"),)),
    Heard(1.5, finish_reason="stop", state="arguments"),
]


def test_what_most_chunks_are_takes_a_letter():
    columns = heard_to_columns(CHUNKS, "HmSo<|b|>{} and more")
    assert columns.letters == "trxa."
    assert columns.gaps == [500_000, 250_000, 250_000, 0, 500_000]
    assert columns.states == [(0, "text"), (1, "reasoning"), (2, "arguments")]
    assert columns.events == [(START,)] and columns.text is None
    assert (columns.token_ids, columns.token_counts) == ([7, 8, 9], [1, -1, 2, -1, -1])
    assert list(columns_to_heard(columns, "HmSo<|b|>{} and more")) == CHUNKS


@pytest.mark.parametrize(
    "event",
    [
        TextDelta("other"),
        ArgumentsDelta(2, "{}"),  # not of the call that came last
        Finish("stop"),
    ],
)
def test_what_is_not_the_chunks_own_text_is_kept_as_it_is(event):
    heard = [Heard(0.0, text="{}", events=(event,))]
    columns = heard_to_columns(heard, "{}")
    assert (columns.letters, columns.events) == ("x", [(event,)])
    assert list(columns_to_heard(columns, "{}")) == heard


def test_texts_that_are_not_the_output_are_kept_beside():
    columns = heard_to_columns(CHUNKS, "Hm.")
    assert columns.text == "HmSo<|b|>{}"
    assert list(columns_to_heard(columns, "Hm.")) == CHUNKS


def test_nothing_heard_takes_no_room():
    assert msgspec.json.encode(heard_to_columns([], "")) == b"{}"
    assert list(columns_to_heard(Columns(), "")) == []
