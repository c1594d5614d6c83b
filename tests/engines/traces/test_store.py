"""Recordings come back whole, are found by what they are, and make room for one another."""

import random
import sqlite3
from collections.abc import Iterator

import pytest

from tests.engines.traces.recordings import make_recording
from toolgate.engines.traces.row import Wanted, summarize
from toolgate.engines.traces.store import DAY, TraceStore
from toolgate.engines.traces.tables import Transaction

NOW = 1_000_000.0


@pytest.fixture
def store(tmp_path) -> Iterator[TraceStore]:
    opened = TraceStore(tmp_path / "traces.db", max_days=2.0)
    yield opened
    opened.close()


def ids(store: TraceStore, **wanted: object) -> list[str]:
    return [row.id for row in store.rows(Wanted(**wanted))]  # type: ignore[arg-type]


def test_a_recording_comes_back_as_it_was(store):
    store.add([make_recording()])
    assert store.find("req_1") == make_recording()
    assert store.find("req_2") is None
    assert store.newest == 1


def test_a_recording_that_is_stored_again_replaces_itself(store):
    store.add([make_recording(), make_recording(model="other")])
    assert [(row.id, row.model) for row in store.rows()] == [("req_1", "other")]


def test_an_id_that_comes_again_erases_nothing(store):
    recordings = [make_recording(started=NOW + at, model=f"m{at}") for at in range(3)]
    for one in recordings:
        store.add([one])
    told = [(row.id, row.model) for row in store.rows()]
    assert told == [("req_1", "m2"), ("req_1~2", "m1"), ("req_1~1", "m0")]
    assert [store.find(name) for name, _ in told] == recordings[::-1]
    assert ids(store, text="REQ_1") == ids(store, tool="look") == [name for name, _ in told]
    store.add(recordings)
    assert [row.model for row in store.rows()] == ["m2", "m1", "m0"]
    assert list(store.each(Wanted())) == recordings and ids(store)[0] == "req_1"
    store.make_room(NOW + 9 * DAY)
    assert ids(store) == ids(store, text="req_1") == []


@pytest.mark.parametrize(
    "wanted",
    [
        *({"model": "b"}, {"client": "cline"}, {"outcome": "gone"}, {"conversation": "c2"}),
        *({"anomaly": "empty_turn"}, {"repair": "ids_rewritten"}, {"finding": ""}),
        *({"text": "EQ_2"}, {"text": "CLI"}, {"text": "look", "model": "b"}),
        *({"after": 1}, {"tool": "look", "before": 3, "after": 1}),
    ],
)
def test_filters(store, wanted):
    store.add([make_recording("req_1", model="a")])
    differing = {"model": "b", "client": "cline", "conversation": "c2", "status": 499}
    kinds = {"anomalies": ("empty_turn",), "repairs": ("ids_rewritten",)}
    store.add([make_recording("req_2", **differing, **kinds)])
    if wanted == {"finding": ""}:
        assert ids(store, finding="call_loop") == ["req_2", "req_1"]
        return
    assert ids(store, **wanted) == ["req_2"]


def test_pages_go_back_and_what_is_new_comes_in_order(store):
    store.add([make_recording(f"req_{number}") for number in range(1, 6)])
    assert ids(store, limit=2) == ["req_5", "req_4"]
    assert ids(store, limit=2, before=4) == ["req_3", "req_2"]
    assert ids(store, limit=2, after=2) == ["req_3", "req_4"]
    assert [one.id for one in store.each(Wanted(after=3))] == ["req_4", "req_5"]


def test_conversations_stand_by_their_newest_request(store):
    for number, conversation in enumerate(("a", "b", "a", "c")):
        store.add([make_recording(f"r{number}", conversation=conversation, started=NOW + number)])
    told = store.conversations(Wanted(limit=2))
    assert [(one.conversation, one.requests, one.newest.id) for one in told] == [
        ("c", 1, "r3"),
        ("a", 2, "r2"),
    ]
    assert told[1].first_started == NOW


def test_what_was_refused_unread_belongs_to_no_conversation(store):
    for number, conversation in enumerate(("", "a", "", "a")):
        store.add([make_recording(f"r{number}", conversation=conversation, started=NOW + number)])
    told = store.conversations()
    assert [(one.requests, one.newest.id, one.first_started) for one in told] == [
        (2, "r3", NOW + 1),
        (1, "r2", NOW + 2),
        (1, "r0", NOW),
    ]


@pytest.mark.parametrize("wanted", [{}, {"text": "look"}, {"tool": "look"}, {"client": "Roo"}])
def test_each_conversation_is_on_one_page(store, wanted):
    store.add([make_recording("oldest", conversation="oldest")])
    store.add([make_recording(f"lone{number}", conversation="") for number in range(2)])
    for number in range(9):
        store.add([make_recording(f"r{number}", conversation="abc"[number % 3])])
    pages, before = [], 0
    while page := store.conversations(Wanted(limit=2, before=before, **wanted)):
        pages.append([(one.newest.id, one.requests) for one in page])
        before = page[-1].newest.number
    assert pages == [
        [("r8", 3), ("r7", 3)],
        [("r6", 3), ("lone1", 1)],
        [("lone0", 1), ("oldest", 1)],
    ]


def test_a_page_is_of_the_newest_that_is_wanted(store):
    store.add([make_recording("r1", conversation="a", model="wanted")])
    store.add([make_recording("r2", conversation="b", model="wanted")])
    store.add([make_recording("r3", conversation="a", model="other")])
    told = store.conversations(Wanted(model="wanted", before=2))
    assert [(one.newest.id, one.requests) for one in told] == [("r1", 1)]


def test_what_there_is_to_choose_from(store):
    store.add([make_recording(), make_recording("req_2", model="a", client="")])
    assert store.choices() == {
        "model": ["a", "kimi"],
        "client": ["Roo"],
        "outcome": ["tool_calls"],
        "tool": ["look"],
        "anomaly": ["cut_call"],
        "repair": ["null_content"],
        "finding": ["call_loop"],
    }


def test_what_is_too_old_goes(store):
    store.add([make_recording("old", started=NOW - 3 * DAY), make_recording("new", started=NOW)])
    assert store.make_room(NOW) == 1
    assert ids(store) == ["new"]
    assert ids(store, tool="look") == ["new"] and store.find("old") is None


def test_the_oldest_make_room(tmp_path):
    store = TraceStore(tmp_path / "small.db", max_bytes=400_000)
    chance = random.Random(1)
    for at in range(100):
        noise = chance.randbytes(4000).hex()
        store.add([make_recording(f"r{at}", started=NOW, request=noise)])
        store.make_room(NOW)
        assert store.size <= 450_000
    kept = ids(store, limit=1000)
    assert 5 < len(kept) < 100 and kept == [f"r{at}" for at in range(99, 99 - len(kept), -1)]
    store.close()


def test_nothing_is_stored_by_halves(store):
    with pytest.raises(sqlite3.Error), Transaction(store._base):
        store._add(summarize(make_recording()), (b"", None, None))
        store._base.execute("nonsense")
    assert store.rows() == [] and store.newest == 0
    store.add([make_recording()])
    assert ids(store) == ["req_1"]


def test_readers_see_what_another_writes(store, tmp_path):
    reader = TraceStore(tmp_path / "traces.db")
    store.add([make_recording()])
    assert ids(reader) == ["req_1"]
    reader.close()
