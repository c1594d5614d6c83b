"""Calls as vendors tell them in their streams: one shape per test, its source beside it."""

import pytest

from toolgate.core.assemble import assemble
from toolgate.core.chunk import CallDelta
from toolgate.core.conversation import ToolCall, ToolSpec
from toolgate.core.events import AnomalyKind, ArgumentsDelta, Event, ToolCallEnd, ToolCallStart
from toolgate.pipeline.told_calls import ToldCalls

TOOLS = (
    ToolSpec("look", "", {"type": "object", "properties": {"city": {"type": "string"}}}),
    ToolSpec("now"),
)


def told(*deltas: CallDelta, cut: bool = False) -> list[Event]:
    calls = ToldCalls(TOOLS, lambda index, native: f"our-{index}-{native}")
    return [event for delta in deltas for event in calls.feed([delta])] + calls.finish(cut=cut)


def calls_of(events: list[Event]) -> list[tuple[str, str, bool]]:
    return [(call.name, call.arguments, call.complete) for call in assemble(events).tool_calls]


def kinds_of(events: list[Event]) -> list[AnomalyKind]:
    return [anomaly.kind for anomaly in assemble(events).anomalies]


def test_pieces_go_on_as_they_come():
    # OpenAI's API reference, "The chat completion chunk object"
    calls = ToldCalls(TOOLS, lambda index, native: f"our-{index}-{native}")
    assert calls.feed([CallDelta(index=0, id="call_a", name="look")]) == []
    assert calls.feed([CallDelta(index=0, arguments='{"city": "O')]) == [
        ToolCallStart(0, "our-0-call_a", "look", "call_a"),
        ArgumentsDelta(0, '{"city": "O'),
    ]
    assert calls.feed([CallDelta(index=0, arguments='slo"}')]) == [ArgumentsDelta(0, 'slo"}')]
    assert calls.finish(cut=False) == [ToolCallEnd(0)]


@pytest.mark.parametrize(
    "deltas",
    [
        # Ollama before 0.4.7 (ollama#7881), Gemini (openai-python#3246)
        [(None, "a", "look", '{"city": "A"}'), (None, "b", "now", "{}")],
        [(None, "", "look", '{"city": "A"}'), (None, "", "now", "{}")],
        # Ollama until its #15457
        [(0, "a", "look", '{"city": "A"}'), (0, "b", "now", "{}")],
        # a name and an id in every piece
        [
            (0, "a", "look", '{"city"'),
            (0, "a", "look", ': "A"}'),
            (1, "b", "now", "{"),
            (1, "b", "now", "}"),
        ],
        # a name in pieces, an id with the second
        [(0, "", "lo", ""), (0, "a", "ok", '{"city": "A"}'), (1, "b", "now", "")],
        # indexes in some pieces only: one that says nothing is of the same call as the one before
        [
            (0, "a", "look", '{"city"'),
            (1, "b", "now", ""),
            (0, "", "", ": "),
            (None, "", "", '"A"}'),
        ],
        [
            (None, "a", "look", '{"city"'),
            (None, "b", "now", ""),
            (None, "a", "", ": "),
            (None, "", "", '"A"}'),
        ],
        # only indexes after the first piece, out of turn
        [
            (0, "a", "look", '{"city": '),
            (1, "b", "now", "{"),
            (0, "", "", '"A"}'),
            (1, "", "", "}"),
        ],
        # only ids
        [(None, "a", "look", '{"city": '), (None, "a", "", '"A"}'), (None, "b", "now", "{}")],
        [(None, "a", "look", '{"city": '), (None, "", "", '"A"}'), (None, "b", "now", "{}")],
    ],
)
def test_every_way_to_number_calls(deltas):
    pieces = [CallDelta(index=i, id=id, name=name, arguments=a) for i, id, name, a in deltas]
    events = told(*pieces)
    assert calls_of(events) == [("look", '{"city": "A"}', True), ("now", "{}", True)]
    assert kinds_of(events) == []


def test_calls_never_interleave():
    events = told(
        CallDelta(index=0, id="a", name="look", arguments='{"city": '),
        CallDelta(index=1, id="b", name="now", arguments="{}"),
        CallDelta(index=0, arguments='"A"}'),
    )
    ends = [at for at, event in enumerate(events) if isinstance(event, ToolCallEnd)]
    starts = [at for at, event in enumerate(events) if isinstance(event, ToolCallStart)]
    assert starts[0] < ends[0] < starts[1] < ends[1]


@pytest.mark.parametrize(
    ("name", "native_id", "expected", "kinds"),
    [
        ("look", "functions.look:0", "look", []),
        ("functions.look", "x", "look", [AnomalyKind.DEVIANT_ID]),
        ("", "functions.look:3", "look", [AnomalyKind.DEVIANT_ID]),
        ("erase", "x", "erase", [AnomalyKind.UNDECLARED_TOOL]),
        ("", "call_123", "look", [AnomalyKind.DEVIANT_ID]),  # by its arguments
    ],
)
def test_the_name_is_found(name, native_id, expected, kinds):
    events = told(CallDelta(index=0, id=native_id, name=name, arguments='{"city": "A"}'))
    assert calls_of(events) == [(expected, '{"city": "A"}', True)]
    assert kinds_of(events) == kinds


def test_a_call_that_names_nothing_is_reported():
    events = told(CallDelta(index=0, arguments='{"x": 1}'), CallDelta(index=1, name="now"))
    assert kinds_of(events) == [AnomalyKind.UNRESOLVED_CALL]
    assert assemble(events).tool_calls[0] == ToolCall("our-0-now", "now", "{}", "now")


def test_nothing_told_is_nothing():
    assert told(CallDelta(index=0), CallDelta(index=1)) == []


def test_a_finished_models_slip_is_mended():
    events = told(CallDelta(index=0, name="look", arguments='{"city": "A"'))
    assert calls_of(events) == [("look", '{"city": "A"}', True)]
    assert kinds_of(events) == [AnomalyKind.HEALED_ARGUMENTS]


def test_a_string_that_never_ended_was_cut():
    events = told(CallDelta(index=0, name="look", arguments='{"city": "A'))
    assert calls_of(events) == [("look", '{"city": "A', False)]


def test_of_a_cut_answer_only_whole_calls_before_the_last_may_run():
    events = told(
        CallDelta(index=0, name="look", arguments='{"city": "A"}'),
        CallDelta(index=1, name="now", arguments="{"),
        CallDelta(index=2, name="now", arguments="{}"),
        cut=True,
    )
    assert [complete for _, _, complete in calls_of(events)] == [True, False, False]


def test_what_comes_for_a_call_that_is_over_is_not_lost():
    events = told(
        CallDelta(index=0, name="now", arguments="{}"),
        CallDelta(index=1, name="now", arguments="{}"),
        CallDelta(index=0, arguments=" or"),
        CallDelta(index=0, arguments=" not"),
    )
    (anomaly,) = assemble(events).anomalies
    assert (anomaly.kind, anomaly.raw) == (AnomalyKind.INVALID_ARGUMENTS, "or not")


def test_a_whole_call_ends_where_something_else_begins():
    calls = ToldCalls(TOOLS, lambda index, native: "")
    assert calls.settle() == []
    calls.feed([CallDelta(index=0, name="now", arguments="{")])
    assert calls.settle() == []
    calls.feed([CallDelta(index=0, arguments="}")])
    assert calls.settle() == [ToolCallEnd(0)]
    assert calls.settle() == []
    assert calls.feed([CallDelta(index=0, arguments=" \n")]) == []
    assert calls.finish(cut=False) == []
