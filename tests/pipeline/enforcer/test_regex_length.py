"""A pattern and a length together."""

import pytest

from toolgate.pipeline.enforcer.regex import Anchor, Unsupported, read_pattern
from toolgate.pipeline.enforcer.regex_length import limit, loosen, measure


@pytest.mark.parametrize(
    ("pattern", "length"),
    [
        ("^abc$", (3, 3)),
        ("^a{2,5}$", (2, 5)),
        ("^(ab|c){2}$", (2, 4)),
        ("^a*b$", (1, None)),
        ("a", (1, None)),
        ("^(a*|b)c$", (1, None)),
        ("^(a*){3}$", (0, None)),
    ],
)
def test_the_shortest_and_the_longest_text(pattern: str, length: tuple[int, int | None]):
    assert measure(read_pattern(pattern)) == length


def test_an_anchor_is_nothing():
    assert measure(Anchor(at_end=True)) == (0, 0)


@pytest.mark.parametrize(
    ("pattern", "least", "most", "length"),
    [
        ("^[a-z]+$", 0, 5, (1, 5)),
        ("^[a-z]*$", 2, None, (2, None)),
        ("^/[a-z]*$", 3, 10, (3, 10)),
        ("^[a-z]{2,40}_id$", 0, 10, (5, 10)),
        ("^abc$", 1, 3, (3, 3)),
        ("^(?:ab|c+|dddd)$", 1, 3, (1, 3)),
    ],
)
def test_one_part_of_varying_length_takes_the_limit(
    pattern: str, least: int, most: int | None, length: tuple[int, int | None]
):
    assert measure(limit(read_pattern(pattern), least, most)) == length


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [
        ("^a*b*$", 0, 5),
        ("^(ab)*$", 0, 5),
        ("^abc$", 0, 2),
        ("^a{3,4}$", 5, None),
        ("^(?:abc|abcd)$", 9, None),
        ("a", 0, 9),
    ],
)
def test_other_shapes_are_left_to_the_check(pattern: str, least: int, most: int | None):
    with pytest.raises(Unsupported):
        limit(read_pattern(pattern), least, most)


@pytest.mark.parametrize(
    ("pattern", "loose"),
    [
        ("^a{8}$", "^a{8}$"),
        ("^a{9}$", "^a{8,}$"),
        ("^a{2,9}$", "^a{2,}$"),
        ("^(?:a{0,4}b){2}|c{9}$", "^(?:a{0,4}b){2}|c{8,}$"),
        ("^(?:a{0,5}b){2}$", "^(?:a*b){2}$"),
        ("^(?:a{0,8}b)*$", "^(?:a{0,8}b)*$"),
        ("^(?:(?:a{0,2}b){2}c){2,}$", "^(?:(?:a{0,2}b){2}c){2,}$"),
        ("^(?:(?:a{0,3}b){2}c){2,}$", "^(?:(?:a*b){2}c){2,}$"),
    ],
)
def test_counts_that_are_too_much_together_are_let_go(pattern: str, loose: str):
    assert loosen(read_pattern(pattern), 8) == read_pattern(loose)
