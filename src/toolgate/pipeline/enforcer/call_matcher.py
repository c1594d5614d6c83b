"""The matcher of a turn's calls, compiled once for the same tools, which an agent sends each time.

Found without compiling, so that whoever asks knows whether it will take time.
"""

from collections.abc import Hashable, Sequence
from typing import Final

from toolgate.core.grammar import Constraint, first_index
from toolgate.pipeline.enforcer.held_part import held_part
from toolgate.pipeline.enforcer.matcher import Matcher, compile_matcher
from toolgate.pipeline.enforcer.net import without_numbers
from toolgate.pipeline.enforcer.target import LLGUIDANCE, Target
from toolgate.pipeline.enforcer.written_lately import WrittenLately

KEPT: Final = 64
"""Tool sets of some 25 tools; a larger one takes the place of several."""
_SHARE: Final = 32_000
"""Characters of Lark; each takes some 50 bytes once it is compiled."""


def compile_call_matcher(
    constraint: Constraint, specials: Sequence[str], grammar: Target | None = None
) -> Matcher:
    """What follows an answer to this constraint; of one that an engine generates by a `grammar`,
    with any numbers.

    Raises: InvalidRequest when the tools' schemas are too much for it.
    """
    found = find_call_matcher(constraint, specials, grammar)
    if found is not None:
        return found
    held = held_part(constraint)
    matcher = compile_matcher(
        without_numbers(held) if grammar else held,
        specials,
        constraint.bounds,
        counts_as=grammar or LLGUIDANCE,
    )
    _lately.put(_key(constraint, specials, grammar), matcher, 1 + matcher.size // _SHARE)
    return matcher.twin()


def find_call_matcher(
    constraint: Constraint, specials: Sequence[str], grammar: Target | None = None
) -> Matcher | None:
    """The same where it was compiled lately; None where that would take its time."""
    matcher = _lately.get(_key(constraint, specials, grammar))
    return None if matcher is None else matcher.twin()


def _key(constraint: Constraint, specials: Sequence[str], grammar: Target | None) -> Hashable:
    number = first_index(constraint) if grammar is None else None
    return constraint.content, number, tuple(specials), grammar and grammar.name


_lately: Final[WrittenLately[Matcher]] = WrittenLately(KEPT)
