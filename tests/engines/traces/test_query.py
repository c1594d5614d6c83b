"""What is wanted is found by an index, whatever it is."""

import re
from collections.abc import Iterator

import pytest

from tests.engines.traces.recordings import make_recording
from toolgate.engines.traces import tables
from toolgate.engines.traces.row import Wanted
from toolgate.engines.traces.store import TraceStore

FILTERS = {
    "model": "kimi",
    "client": "Roo",
    "outcome": "stop",
    "conversation": "c1",
    "tool": "look",
    "anomaly": "cut_call",
    "repair": "null_content",
    "finding": "call_loop",
    "text": "req_1",
    "before": 5,
    "after": 1,
}
WANTED = [Wanted(**{name: value}) for name, value in FILTERS.items()]  # type: ignore[arg-type]
WANTED += [
    Wanted(text="look", anomaly="cut_call", model="kimi"),
    Wanted(tool="look", anomaly="cut_call", before=9),
    Wanted(client="Roo", after=3),
]


@pytest.fixture
def store(tmp_path) -> Iterator[TraceStore]:
    opened = TraceStore(tmp_path / "t.db")
    yield opened
    opened.close()


@pytest.fixture
def plan(store):
    """What SQLite does for whatever the store asks it."""

    def explain(ask) -> list[str]:
        asked: list[str] = []
        store._base.set_trace_callback(asked.append)
        ask()
        store._base.set_trace_callback(None)
        statements = [one for one in asked if not one.startswith("--")]
        steps = [store._base.execute(f"EXPLAIN QUERY PLAN {one}") for one in statements]
        return [text for step in steps for *_, text in step]

    return explain


@pytest.mark.parametrize("wanted", WANTED, ids=repr)
def test_a_list_reads_no_more_than_it_shows(store, plan, wanted):
    steps = plan(lambda: store.rows(wanted))
    assert any(re.match(r"SEARCH rows USING (INTEGER PRIMARY KEY|INDEX)", one) for one in steps)
    assert_in_order(steps)
    steps = plan(lambda: list(store.each(wanted)))
    assert_in_order(steps)


def assert_in_order(steps: list[str]) -> None:
    """No row is read that is not wanted, and nothing has to be sorted."""
    assert not [one for one in steps if "TEMP B-TREE" in one or one.startswith("SCAN rows")]


def test_the_newest_are_read_from_the_end(store, plan):
    assert plan(store.rows) == ["SCAN rows"]  # in the order of their numbers, until there are 50
    store.add([make_recording()])
    steps = plan(store.conversations)
    assert steps[0] == "SCAN rows" and "rows_conversation" in steps[1]


def test_what_there_is_to_choose_from_is_leapt_through(store, plan):
    steps = [one for one in plan(store.choices) if "rows" in one or "marks" in one]
    assert steps and all(re.match("SEARCH .*(INDEX|PRIMARY KEY)", one) for one in steps)


@pytest.fixture(params=[True, False], ids=["index", "no index"])
def any_store(request, tmp_path, monkeypatch) -> Iterator[TraceStore]:
    """With an index of texts, and as in a Python whose SQLite has no FTS5."""
    if not request.param:
        monkeypatch.setattr(tables, "_can_index", lambda base: False)
    opened = TraceStore(tmp_path / "t.db")
    opened.add([make_recording("req_1"), make_recording("req_2", client='ÉMILE\'s "client"')])
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("REQ_2", ["req_2"]),
        ("émile", ["req_2"]),
        ('"CLI', ["req_2"]),
        ("ere is a", ["req_2", "req_1"]),
        ("lo", ["req_2", "req_1"]),  # of `look`, a tool; too short for the index
        ("req_1\nwhere", []),  # no text spans two columns
        ("* OR req", []),
        ("nowhere", []),
    ],
)
def test_a_text_is_found_wherever_it_stands(any_store, text, found):
    assert [row.id for row in any_store.rows(Wanted(text=text))] == found
    told = any_store.conversations(Wanted(text=text, anomaly="cut_call"))
    assert [(one.newest.id, one.requests) for one in told] == [
        (one, len(found)) for one in found[:1]
    ]


def test_what_is_gone_is_not_found(store):
    store.add([make_recording("req_1", client="first")])
    store.add([make_recording("req_1", client="second")])  # the same id again
    assert store.rows(Wanted(text="first")) == []
    assert len(store.rows(Wanted(text="second"))) == 1


def test_a_sqlite_without_the_index_writes_and_the_next_one_with_it_finds(tmp_path, monkeypatch):
    store_one(tmp_path, "req_1")
    with monkeypatch.context() as without:
        without.setattr(tables, "_can_index", lambda base: False)
        store_one(tmp_path, "req_2")
    store = TraceStore(tmp_path / "t.db")
    assert store._has_words
    assert [row.id for row in store.rows(Wanted(text="req_"))] == ["req_2", "req_1"]
    store.close()


def store_one(folder, recording_id: str) -> None:
    store = TraceStore(folder / "t.db")
    store.add([make_recording(recording_id)])
    store.close()
