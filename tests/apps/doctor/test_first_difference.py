"""Where two prompts part, as tokens."""

from collections.abc import Sequence

import pytest

from toolgate.apps.doctor.first_difference import BEFORE, Token, find_difference

WORDS = {n: f"w{n} " for n in range(100)}


async def spell(ids: Sequence[int]) -> str:
    return "".join(WORDS[one] for one in ids)


async def test_the_same_tokens():
    assert await find_difference([1, 2], [1, 2], spell) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "at", "tokens"),
    [
        ([1, 2, 3], [1, 9, 3], 1, (Token(2, "w2 "), Token(9, "w9 "))),
        ([1, 2], [1], 1, (Token(2, "w2 "), None)),
        ([], [7], 0, (None, Token(7, "w7 "))),
    ],
)
async def test_the_first_that_differs(ours, theirs, at, tokens):
    found = await find_difference(ours, theirs, spell)
    assert found is not None
    assert (found.at, (found.ours, found.theirs)) == (at, tokens)
    assert found.lengths == (len(ours), len(theirs))


async def test_what_stands_before_it_is_shown_and_no_more():
    found = await find_difference([*range(20), 50], [*range(20), 60], spell)
    assert found is not None
    assert [token.id for token in found.before] == list(range(20 - BEFORE, 20))
    assert str(found) == (
        "the tokens part after 20, which end in "
        "'w12 w13 w14 w15 w16 w17 w18 w19 ': 50 'w50 ' in the family's prompt, 60 'w60 ' in this "
        "one (21 and 21 tokens)"
    )


async def test_a_prompt_that_ends_first_is_said_to_end():
    assert "2 'w2 ' in the family's prompt, the end in this one" in str(
        await find_difference([1, 2], [1], spell)
    )
