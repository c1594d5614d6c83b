"""How long the texts of an expression are; the same expression for texts of a given length, or
with counts that a grammar engine can bear.
"""

from collections.abc import Iterable, Sequence
from typing import assert_never

from toolgate.pipeline.enforcer.regex import Anchor, Cat, Chars, Or, Pattern, Repeat, Unsupported


def measure(tree: Pattern) -> tuple[int, int | None]:
    """The shortest and the longest text; None = there is no longest."""
    match tree:
        case Chars():
            return 1, 1
        case Anchor():
            return 0, 0
        case Cat(parts):
            lengths = [measure(part) for part in parts]
            return sum(least for least, _ in lengths), _sum(most for _, most in lengths)
        case Or(options):
            lengths = [measure(option) for option in options]
            longest = [most for _, most in lengths]
            most = None if None in longest else max(one or 0 for one in longest)
            return min(least for least, _ in lengths), most
        case Repeat(part, least, most):
            inner_least, inner_most = measure(part)
            endless = most is None or inner_most is None
            return inner_least * least, None if endless else (inner_most or 0) * (most or 0)
        case _ as never:
            assert_never(never)


def limit(tree: Pattern, least: int, most: int | None) -> Pattern:
    """Those of the texts that are this long.

    Only one repetition of single characters may be of a varying length, which is what patterns
    of names, codes and paths have.
    Raises: Unsupported where that is not so, or where no text is left.
    """
    shortest, longest = measure(tree)
    if least <= shortest and (most is None or (longest is not None and longest <= most)):
        return tree
    match tree:
        case Or():
            return Or(tuple(_options(tree, least, most)))
        case Cat(parts):
            return Cat(tuple(_parts(parts, least, most)))
        case Repeat(Chars()):
            return _limit_run(tree, least, most)
        case _:
            raise Unsupported("a length beside it")


def loosen(tree: Pattern, most_counted: int) -> Pattern:
    """The same and more texts: what may or must come more often may come without end.

    Counts inside one another multiply, as the places do that a grammar engine must keep in mind.
    """
    match tree:
        case Cat(parts):
            return Cat(tuple(loosen(part, most_counted) for part in parts))
        case Or(options):
            return Or(tuple(loosen(option, most_counted) for option in options))
        case Repeat(part, least, most):
            if max(least, most or 0) > most_counted:
                least, most = min(least, most_counted), None
            inner = loosen(part, most_counted // max(1, least, most or 0))
            return Repeat(inner, least, most)
        case _:
            return tree


def _parts(parts: Sequence[Pattern], least: int, most: int | None) -> list[Pattern]:
    varying = [index for index, part in enumerate(parts) if len(set(measure(part))) > 1]
    if len(varying) != 1:
        raise Unsupported("a length beside it")
    fixed = sum(measure(part)[0] for index, part in enumerate(parts) if index != varying[0])
    inner = limit(parts[varying[0]], least - fixed, None if most is None else most - fixed)
    return [*parts[: varying[0]], inner, *parts[varying[0] + 1 :]]


def _options(tree: Or, least: int, most: int | None) -> list[Pattern]:
    kept = []
    for option in tree.options:
        shortest, longest = measure(option)
        if (most is None or shortest <= most) and (longest is None or longest >= least):
            kept.append(limit(option, least, most))
    if not kept:
        raise Unsupported("a length that no text has")
    return kept


def _limit_run(run: Repeat, least: int, most: int | None) -> Pattern:
    low = max(run.least, least)
    high = most if run.most is None else run.most if most is None else min(run.most, most)
    if high is not None and low > high:
        raise Unsupported("a length that no text has")
    return Repeat(run.part, low, high)


def _sum(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total
