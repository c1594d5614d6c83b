"""Recordings counted over time."""

from tests.engines.traces.recordings import make_recording
from toolgate.core.chunk import Usage
from toolgate.engines.traces.history import Times
from toolgate.engines.traces.store import TraceStore

NOW = 1_000_000.0


def test_spans_sum_up_what_began_in_them(tmp_path):
    store = TraceStore(tmp_path / "t.db")
    usage = Usage(prompt_tokens=9, completion_tokens=7, cached_tokens=4)
    empty = {"anomalies": ("empty_turn", "cut_call"), "traces": (), "status": 500}
    store.add(
        [
            make_recording("old", started=NOW - 1),
            make_recording("a", started=NOW, seconds=3.0, usage=usage, prompt_tokens=9),
            make_recording("b", started=NOW + 9, seconds=1.0, **empty),
            make_recording("c", started=NOW + 25),
        ]
    )
    first, last = store.history(NOW, 10.0)
    assert (first.start, first.requests, first.errors, first.empty_turns) == (NOW, 2, 1, 1)
    assert (first.calls, first.valid_calls) == (1, 1)
    assert (first.prompt_tokens, first.cached_tokens, first.completion_tokens) == (9, 4, 14)
    assert first.anomalies == {"cut_call": 2, "empty_turn": 1}
    assert (first.repairs, first.findings) == ({"null_content": 2}, {"call_loop": 2})
    assert (first.seconds, first.first_seconds) == (Times(1.0, 3.0), Times(1.0, 1.0))
    assert (last.start, last.requests) == (NOW + 20, 1)
    assert store.history(NOW + 26, 10.0) == []
    store.close()


def test_how_long_half_and_most_of_them_took(tmp_path):
    store = TraceStore(tmp_path / "t.db")
    answered = [make_recording(f"r{at}", started=NOW, seconds=float(at)) for at in range(1, 41)]
    store.add([*answered, make_recording("none", started=NOW + 10, seconds=0.0, traces=())])
    first, last = store.history(NOW, 10.0)
    assert first.seconds == Times(20.0, 38.0)
    assert (last.seconds, last.first_seconds) == (Times(0.0, 0.0), None)
    store.close()
