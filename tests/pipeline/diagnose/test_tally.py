"""Counts are right however they are added up, and stay small whatever a log holds."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from toolgate.pipeline.diagnose import Diagnosis, tally
from toolgate.pipeline.diagnose.failure import Failure, FailureKind
from toolgate.pipeline.diagnose.tally import OTHERS, Tally

LOST, EMPTY = FailureKind.LOST_CALL, FailureKind.EMPTY_TURN
FAILURES = st.builds(
    Failure, st.sampled_from([LOST, EMPTY]), st.just("d"), st.sampled_from(["", "look", "find"])
)
DIAGNOSES = st.lists(
    st.builds(
        Diagnosis,
        st.sampled_from(["", "a", "b"]),
        st.lists(st.sampled_from(["look", "find"]), max_size=2).map(tuple),
        st.lists(FAILURES, max_size=3).map(tuple),
    )
)


def count(found: list[Diagnosis], start: int = 0) -> Tally:
    made = Tally()
    for at, one in enumerate(found, start):
        made.add(one, f"line {at}")
    return made


@given(DIAGNOSES, DIAGNOSES)
def test_the_sum_of_two_parts_is_that_of_the_whole(first: list[Diagnosis], rest: list[Diagnosis]):
    whole, parts = count(first + rest), count(first)
    parts.merge(count(rest, len(first)))
    assert parts == whole
    assert whole.total == len(first) + len(rest)
    assert whole.of_kind(LOST) == sum(
        any(one.kind is LOST for one in each.failures) for each in first + rest
    )


def test_two_tallies_share_nothing():
    count([Diagnosis("a", (), ())])
    assert Tally().total == 0


def test_one_record_gives_one_example_of_a_kind():
    twice = Diagnosis("a", (), (Failure(LOST, "x"), Failure(LOST, "y")))
    made = count([twice] * 9)
    assert [(one.where, one.detail) for one in made.examples[LOST]] == [
        (f"line {at}", "x") for at in range(3)
    ]
    assert made.of_kind(LOST) == 9
    silent = Tally(examples_wanted=0)
    silent.add(twice, "line 1")
    assert silent.examples == {LOST: []}


def test_what_could_not_be_read_is_counted_and_named():
    made = Tally()
    for at in range(30):
        made.add_unread(f"line {at}", "no JSON")
    made.merge(made)
    assert made.unread == 60 and len(made.unread_examples) == 20
    assert made.unread_examples[0] == "line 0: no JSON"


def test_names_that_models_made_up_have_a_bound(monkeypatch):
    monkeypatch.setattr(tally, "MOST_NAMES", 2)

    def invented(start: int) -> Tally:
        return count(
            [
                Diagnosis(f"m{at}", (f"t{at}" * 190,), (Failure(LOST, about=f"t{at}"),))
                for at in range(start, start + 5)
            ]
        )

    made = invented(0)
    made.merge(invented(3))
    assert made.total == made.failing.total() == made.calls.total() == 10
    assert made.of_kind(LOST) == made.about.total() == 10
    assert set(made.answers) == set(made.failing) == {"m0", "m1", OTHERS}
    assert max(map(len, made.calls)) == 200
    assert json.encode(made.answers)
