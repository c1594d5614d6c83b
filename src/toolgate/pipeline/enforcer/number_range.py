"""Numbers between two bounds, written as decimals: the expression of their digits.

Exact for any bounds that a schema can name; exponents are left out where there are bounds.
"""

from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec import Struct

from toolgate.pipeline.enforcer.charset import chars, charset
from toolgate.pipeline.enforcer.regex import Cat, Chars, Or, Pattern, Repeat, Unsupported

_DIGIT = Chars(charset([(0x30, 0x39)]))
_MOST_PLACES = 15
"""Decimal places that a bound may have; doubles have no more."""
_MOST_DIGITS = 40
"""Of a bound such as 1e308, each digit of which would nest the expression once more."""


def integers(low: int | None, high: int | None, *, digits: int) -> Pattern:
    """Whole numbers in [low, high]; where a side is open, those of so many digits.

    Raises: Unsupported when there is none.
    """
    return _scaled(low, high, places=0, digits=digits)


class Span(Struct, frozen=True, kw_only=True):
    """Bounds of a number; None where a side is open."""

    low: Decimal | None = None
    high: Decimal | None = None
    without_low: bool = False
    """Whether the bound itself is left out."""
    without_high: bool = False


def decimals(span: Span, *, digits: int) -> Pattern:
    """Numbers within the span, with up to `digits` decimal places.

    Beside an excluded bound of so few that a double keeps them apart from it: it reads
    -999.9999999999999999 as -1000.

    Raises: Unsupported when there is none, or for a bound with too many places.
    """
    places = max(1, _places(span.low), _places(span.high))
    if places > _MOST_PLACES:
        raise Unsupported("a bound with so many digits")
    if span.without_low or span.without_high:
        digits = max(places, min(digits, _MOST_PLACES - _whole_digits(span)))
    options = [
        option
        for count in range(places + 1)
        for option in _try(*_scale(span, count), places=count, digits=digits)
    ]
    if digits > places:
        more = Repeat(_DIGIT, 1, digits - places)
        options += [Cat((option, more)) for option in _with_more_places(span, places, digits)]
        if span.low is None or span.high is None or span.low < span.high:
            options += _next_to_bounds(span, places, digits)
    if not options:
        raise Unsupported("bounds that no number fits")
    return Or(tuple(options))


def _with_more_places(span: Span, places: int, digits: int) -> list[Pattern]:
    """Numbers after which any digits may follow: those lead away from zero, by less than one."""
    low, high = _scale(span, places)
    top = None if high is None else high if span.without_high else high - 1
    bottom = None if low is None else low if span.without_low else low + 1
    positive = _try(max(low or 0, 0), top, places=places, digits=digits)
    negative_top = -1 if high is None else min(high, -1)
    return [*positive, *_try(bottom, negative_top, places=places, digits=digits)]


def _next_to_bounds(span: Span, places: int, digits: int) -> Iterator[Pattern]:
    """Numbers nearer to an excluded bound, or to zero from below, than any with so few places."""
    some = digits - places - 1
    zeros, others = Repeat(Chars(chars("0")), 0, some), Repeat(_DIGIT, 0, some)
    tiny = (zeros, Chars(chars("123456789")), others)
    minus = Chars(chars("-"))

    def at(bound: Decimal) -> Pattern:
        number = abs(int(bound.scaleb(places)))
        return _scaled(number, number, places=places, digits=digits)

    if span.low is not None and span.low >= 0 and span.without_low:
        yield Cat((at(span.low), *tiny))
    if span.high is not None and span.high < 0 and span.without_high:
        yield Cat((minus, at(span.high), *tiny))
    if (span.low is None or span.low < 0) and (span.high is None or span.high >= 0):
        yield Cat((minus, at(Decimal(0)), *tiny))


def _try(low: int | None, high: int | None, *, places: int, digits: int) -> list[Pattern]:
    if low is not None and high is not None and low > high:
        return []
    return [_scaled(low, high, places=places, digits=digits)]


def _whole_digits(span: Span) -> int:
    """Before the point, of the larger bound."""
    bounds = (bound for bound in (span.low, span.high) if bound is not None)
    return max((len(str(abs(int(bound)))) for bound in bounds), default=0)


def _places(bound: Decimal | None) -> int:
    if bound is None:
        return 0
    exponent = bound.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _scale(span: Span, places: int) -> tuple[int | None, int | None]:
    """The first and the last number within the span, in units of the last place."""
    low = high = None
    if span.low is not None:
        scaled = span.low.scaleb(places)
        low = int(scaled.to_integral_value(ROUND_CEILING))
        low += span.without_low and low == scaled
    if span.high is not None:
        scaled = span.high.scaleb(places)
        high = int(scaled.to_integral_value(ROUND_FLOOR))
        high -= span.without_high and high == scaled
    return low, high


def _scaled(low: int | None, high: int | None, *, places: int, digits: int) -> Pattern:
    """Integers, with a point before their last `places` digits."""
    if max(_size(low), _size(high)) > _MOST_DIGITS:
        raise Unsupported("a bound with so many digits")
    longest = max(digits + places, _size(low), _size(high))
    options: list[Pattern] = []
    if high is None or high >= 0:
        options += _positive(max(low or 0, 0), high, places, longest)
    if low is None or low < 0:
        nearest = 1 if high is None or high >= 0 else -high
        options += [
            Cat((Chars(chars("-")), option))
            for option in _positive(nearest, None if low is None else -low, places, longest)
        ]
    if not options:
        raise Unsupported("bounds that no number fits")
    return Or(tuple(options))


def _size(bound: int | None) -> int:
    return 0 if bound is None else len(str(abs(bound)))


def _positive(low: int, high: int | None, places: int, longest: int) -> Iterator[Pattern]:
    """One option per number of digits."""
    for size in range(places + 1, longest + 1):
        first = 0 if size == places + 1 else 10 ** (size - 1)
        least = max(low, first)
        most = 10**size - 1 if high is None else min(high, 10**size - 1)
        if least <= most:
            yield _between(str(least).zfill(size), str(most).zfill(size), places)


def _between(low: str, high: str, places: int) -> Pattern:
    """Digits from `low` to `high`, which are of one length."""
    if not low:
        return Cat(())
    point = (Chars(chars(".")),) if len(low) == places else ()
    rest_low, rest_high = "0" * (len(low) - 1), "9" * (len(low) - 1)
    if low[0] == high[0]:
        return Cat((*point, Chars(chars(low[0])), _between(low[1:], high[1:], places)))
    options = []
    first, last = int(low[0]), int(high[0])
    if low[1:] != rest_low:
        options.append(Cat((Chars(chars(low[0])), _between(low[1:], rest_high, places))))
        first += 1
    if high[1:] != rest_high:
        last -= 1
    if first <= last:
        head = Chars(charset([(0x30 + first, 0x30 + last)]))
        options.append(Cat((head, _any(len(low) - 1, places))))
    if high[1:] != rest_high:
        options.append(Cat((Chars(chars(high[0])), _between(rest_low, high[1:], places))))
    return Cat((*point, Or(tuple(options))))


def _any(size: int, places: int) -> Pattern:
    """So many digits, with the point where it belongs."""
    if 0 < places <= size:
        point = Chars(chars("."))
        return Cat((_any_run(size - places), point, _any_run(places)))
    return _any_run(size)


def _any_run(size: int) -> Pattern:
    return Repeat(_DIGIT, size, size) if size else Cat(())
