"""Log-probabilities: which alternatives belong to a place, and how many a client gets."""

from typing import Any

import pytest

from toolgate.pipeline.enforcer.alternatives import alternatives_at, shorten


def entry(token: str, *others: str) -> dict[str, Any]:
    told = [{"token": other, "logprob": -float(len(other))} for other in others]
    return {"token": token, "logprob": 0.0, "top_logprobs": told}


TOLD = [entry("ab"), entry("cd", "xyz", "", "x"), entry("ef", "y")]


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        (2, "abcdef", ["x", "xyz"]),
        (4, "abcdef", ["y"]),
        (3, "abcdef", None),
        (0, "abcdef", None),
        (6, "abcdef", None),
        (4, "abxdef", None),
    ],
    ids=["likeliest first", "the last", "inside a token", "told none", "behind all", "other text"],
)
def test_alternatives_are_those_of_a_token_that_begins_there(
    place: int, text: str, expected: list[str] | None
):
    assert alternatives_at(place, text, TOLD) == expected


def test_a_client_gets_no_more_than_it_wanted():
    (told,) = shorten([entry("a", "b", "c")], 1)
    assert told == entry("a", "b")
