"""Numbers between bounds: every text of the grammar is one, and every usual one is a text."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.pipeline.enforcer.json_grammars import text_grammar
from toolgate.pipeline.enforcer.number_range import Span, decimals, integers
from toolgate.pipeline.enforcer.regex import Unsupported

WHOLE = st.integers(-3000, 3000)
PARTS = st.integers(-300_000, 300_000).map(lambda number: Decimal(number) / 1000)


@given(st.none() | WHOLE, st.none() | WHOLE, st.lists(WHOLE, min_size=3), st.randoms())
def test_integers(low, high, numbers, dice):
    if low is not None and high is not None and low > high:
        low, high = high, low
    grammar = text_grammar(integers(low, high, digits=6))
    for number in [*numbers, *(bound for bound in (low, high) if bound is not None)]:
        fits = (low is None or number >= low) and (high is None or number <= high)
        assert grammar.takes(str(number)) == fits
    written = int(grammar.write(dice))
    assert (low is None or written >= low) and (high is None or written <= high)


@settings(max_examples=60)
@example(None, None, False, False, Decimal("-0.001"), Random(1))
@example(Decimal("-0.5"), Decimal(0), True, True, Decimal("-0.001"), Random(1))
@example(Decimal("-0.5"), Decimal("-0.01"), True, True, Decimal("-0.001"), Random(1))
@example(Decimal("0.001"), Decimal("0.002"), True, True, Decimal("0.0015"), Random(1))
@example(Decimal("-0.002"), Decimal("-0.001"), True, True, Decimal("-0.0015"), Random(1))
@example(Decimal("0.5"), None, True, False, Decimal("0.5001"), Random(1))
@given(st.none() | PARTS, st.none() | PARTS, st.booleans(), st.booleans(), PARTS, st.randoms())
def test_decimals(low, high, without_low, without_high, number, dice):
    if low is not None and high is not None and low >= high:
        low, high = high, low + 1
    span = Span(low=low, high=high, without_low=without_low, without_high=without_high)
    grammar = text_grammar(decimals(span, digits=6))

    def fits(value: Decimal) -> bool:
        above = low is None or (value > low if without_low else value >= low)
        return above and (high is None or (value < high if without_high else value <= high))

    assert fits(Decimal(grammar.write(dice)))
    for value in filter(None, (number, low, high)):
        assert grammar.takes(f"{value:f}") == fits(value)
        assert grammar.takes(f"{value:.5f}") == fits(value) or value in (low, high)


def test_a_whole_number_may_have_a_point():
    grammar = text_grammar(decimals(Span(low=Decimal(0), high=Decimal(1)), digits=15))
    for text in ("0", "1", "0.0", "1.0", "0.123456789012345"):
        assert grammar.takes(text)
    for text in ("01", "1.1", "-0.1", "2", ".5", "1."):
        assert not grammar.takes(text)


@pytest.mark.parametrize(
    "span",
    [
        Span(low=Decimal("1e-20")),
        Span(low=Decimal(2), high=Decimal(1)),
        Span(low=Decimal(1), high=Decimal(1), without_low=True),
    ],
)
def test_bounds_that_no_number_fits(span: Span):
    with pytest.raises(Unsupported):
        decimals(span, digits=15)


def test_integers_that_do_not_exist():
    with pytest.raises(Unsupported):
        integers(2, 1, digits=15)


def test_with_as_many_places_as_there_are_digits_none_follows():
    span = Span(low=Decimal("0.5"), high=Decimal("0.75"))
    grammar = text_grammar(decimals(span, digits=2))
    assert grammar.takes("0.66") and not grammar.takes("0.666")


def test_a_bound_of_hundreds_of_digits_is_left_out():
    """`"maximum": 1e308` nested the expression so deep that a request ended in a 500."""
    huge = int(Decimal("1e308"))
    with pytest.raises(Unsupported, match="so many digits"):
        integers(1, huge, digits=6)
    with pytest.raises(Unsupported, match="so many digits"):
        decimals(Span(low=Decimal(-huge)), digits=6)


@pytest.mark.parametrize(
    ("span", "number", "fits"),
    [
        (Span(low=Decimal(-1000), without_low=True), "-999.99999999999", True),
        (Span(low=Decimal(-1000), without_low=True), "-999.9999999999999999", False),
        (Span(low=Decimal(-1000)), "-999.9999999999999", True),
        (Span(high=Decimal("12.85"), without_high=True), "12.8499999999999", True),
        (Span(high=Decimal("12.85"), without_high=True), "12.84999999999999999", False),
    ],
)
def test_beside_an_excluded_bound_stands_only_what_a_double_keeps_apart(
    span: Span, number: str, fits: bool
):
    """A double of -999.9999999999999999 is -1000: a live vLLM wrote it."""
    assert text_grammar(decimals(span, digits=15)).takes(number) is fits
