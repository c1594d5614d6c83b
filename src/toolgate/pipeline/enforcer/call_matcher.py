"""The matcher of a turn's calls, compiled once for the same tools, which an agent sends each time.

Found without compiling, so that whoever asks knows whether it will take time.
"""

from collections.abc import Hashable, Sequence
from typing import Final

from toolgate.core.grammar import Constraint, first_index
from toolgate.errors import InvalidRequest
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
    key, held = _key(constraint, specials, grammar), held_part(constraint)
    node, target = (without_numbers(held), grammar) if grammar else (held, LLGUIDANCE)
    try:
        matcher = compile_matcher(node, specials, constraint.bounds, counts_as=target)
    except InvalidRequest as error:
        _lately.put(key, str(error))
        raise
    _lately.put(key, matcher, 1 + matcher.size // _SHARE)
    return matcher.twin()


def find_call_matcher(
    constraint: Constraint, specials: Sequence[str], grammar: Target | None = None
) -> Matcher | None:
    """The same where it was compiled lately; None where that would take its time.

    Raises: InvalidRequest where it was refused lately, which takes the longest.
    """
    found = _lately.get(_key(constraint, specials, grammar))
    if isinstance(found, str):
        raise InvalidRequest(found, param="tools")
    return None if found is None else found.twin()


def _key(constraint: Constraint, specials: Sequence[str], grammar: Target | None) -> Hashable:
    number = first_index(constraint) if grammar is None else None
    return constraint.content, number, tuple(specials), grammar and grammar.name


_lately: Final[WrittenLately[Matcher | str]] = WrittenLately(KEPT)
"""What was compiled, or why it was not."""
