"""Where two prompts part, as tokens: the first that differs, and what stands before it.

Knows no server: whoever asks brings the ids, and a way to spell them.
"""

from collections.abc import Awaitable, Callable, Sequence
from itertools import takewhile
from typing import Final, TypeAlias

from msgspec import Struct

Spell: TypeAlias = Callable[[Sequence[int]], Awaitable[str]]
"""Token ids → the text that they stand for."""

BEFORE: Final = 8
"""Tokens of context: enough to find the place in a prompt by eye."""


class Token(Struct, frozen=True):
    """One token, and what it spells."""

    id: int
    text: str

    def __str__(self) -> str:
        return f"{self.id} {self.text!r}"


class Difference(Struct, frozen=True, kw_only=True):
    """The first place where theirs is not ours; a prompt that ends there has no token."""

    at: int
    """Tokens that the two begin with alike."""
    ours: Token | None
    theirs: Token | None
    before: Sequence[Token]
    lengths: tuple[int, int]
    """How many tokens each has, ours first."""

    def __str__(self) -> str:
        said = "".join(token.text for token in self.before)
        return (
            f"the tokens part after {self.at}, which end in {said!r}: "
            f"{_show(self.ours)} in the family's prompt, {_show(self.theirs)} in this one "
            f"({self.lengths[0]} and {self.lengths[1]} tokens)"
        )


async def find_difference(
    ours: Sequence[int], theirs: Sequence[int], spell: Spell
) -> Difference | None:
    """None where they are the same. Only the tokens that are shown are spelled."""
    if ours == theirs:
        return None
    both = zip(ours, theirs, strict=False)
    at = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], both))

    async def token(ids: Sequence[int], place: int) -> Token | None:
        if place >= len(ids):
            return None
        return Token(ids[place], await spell([ids[place]]))

    before = [await token(ours, place) for place in range(max(at - BEFORE, 0), at)]
    return Difference(
        at=at,
        ours=await token(ours, at),
        theirs=await token(theirs, at),
        before=[one for one in before if one is not None],
        lengths=(len(ours), len(theirs)),
    )


def _show(token: Token | None) -> str:
    return str(token) if token else "the end"
