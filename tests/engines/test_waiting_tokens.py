"""Ids and log-probabilities leave with their text."""

from toolgate.core.chunk import Chunk, Usage
from toolgate.engines.waiting_tokens import WaitingTokens

A, B = {"token": "a"}, {"token": "b"}


def test_what_waited_leaves_once():
    tokens = WaitingTokens({9})
    tokens.add((1,), [A])
    tokens.add((2,), [B])
    assert tokens.leave("ab") == Chunk(text="ab", token_ids=(1, 2), logprobs=(A, B))
    assert tokens.leave("") == Chunk(token_ids=())


def test_without_ids():
    tokens = WaitingTokens({9})
    tokens.add(None, [A])
    assert tokens.leave("a", usage=Usage()) == Chunk(text="a", usage=Usage(), logprobs=(A,))


def test_a_stop_token_and_what_follows_it_are_not_the_answers():
    tokens = WaitingTokens({9})
    tokens.add((1, 9, 2), [A, B, B])
    assert tokens.ended
    tokens.add((3,), [B])
    assert tokens.leave("a", finish_reason="stop") == Chunk(
        text="a", token_ids=(1,), logprobs=(A,), finish_reason="stop"
    )


def test_what_comes_with_its_text_is_passed_on():
    tokens = WaitingTokens({9})
    assert tokens.pass_on("a", (1,), (), Usage()) == Chunk(text="a", token_ids=(1,), usage=Usage())
    assert tokens.pass_on("", (2,)) is None
    assert tokens.pass_on("b", (3,)) == Chunk(text="b", token_ids=(2, 3))
    assert tokens.pass_on("c", (4,), [A]) == Chunk(text="c", token_ids=(4,), logprobs=(A,))
    assert tokens.pass_on("d", (5, 9)) == Chunk(text="d", token_ids=(5,))
    assert tokens.pass_on("e", (6,)) == Chunk(text="e", token_ids=())


def test_without_ids_text_is_passed_on_alone():
    assert WaitingTokens({9}).pass_on("a", None) == Chunk(text="a")
