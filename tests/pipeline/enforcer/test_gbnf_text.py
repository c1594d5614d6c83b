"""Text that cannot spell a special token, and text that is counted."""

import pytest

from tests.pipeline.enforcer.gbnf_machine import Gbnf
from toolgate.pipeline.enforcer.charset import ANY, chars
from toolgate.pipeline.enforcer.gbnf_rules import Rules
from toolgate.pipeline.enforcer.gbnf_text import counted_text, long_text, running_text
from toolgate.pipeline.enforcer.target import XGRAMMAR


def running(*avoid: str) -> Gbnf:
    rules = Rules()
    return Gbnf(rules.text(running_text(rules, ANY, avoid=avoid)))


@pytest.mark.parametrize(
    "text", ["", "a < b", "f <| x", "<||>", "<<|", "a<b|c", "< |im_end|>", "<|9"]
)
def test_text_with_angles_and_bars(text: str):
    assert running().takes(text)


@pytest.mark.parametrize("text", ["<|im_end|>", "a<<|x", "<|_"])
def test_no_text_spells_the_beginning_of_a_token(text: str):
    assert not running().begins(text)


def test_further_words_can_be_avoided():
    grammar = running("</think>", "<think>")
    assert grammar.takes("a </thin> <<think <think </think")
    assert not grammar.begins("a </think>") and not grammar.begins("<<think>")
    assert not grammar.begins("<|im_end")


def test_a_class_may_lack_the_letters_of_a_mark():
    rules = Rules()
    grammar = Gbnf(rules.text(running_text(rules, chars("abxy<"), escape='"!"')))
    assert grammar.takes("<x!y<<") and not grammar.takes("|")


@pytest.mark.parametrize(
    ("least", "most", "text", "fits"),
    [
        (0, 3, "", True),
        (0, 3, "abc", True),
        (0, 3, "abcd", False),
        (2, 3, "a", False),
        (2, 3, "a!", True),
        (2, 4, "<<|!", False),
        (2, 4, "|<<!", True),
        (1, 2, "<|", False),
        (2, 2, "||", True),
        (0, 0, "", True),
        (0, 0, "a", False),
    ],
)
def test_counted_text(least: int, most: int, text: str, fits: bool):
    rules = Rules()
    plain = chars("abcd|<")
    grammar = Gbnf(rules.text(counted_text(rules, plain, least, most, escape='"!"')))
    assert grammar.takes(text) == fits


@pytest.mark.parametrize(("text", "fits"), [("ab", True), ("a", False), ("a" * 40, True)])
def test_what_a_target_does_not_count_has_its_beginning_at_least(text: str, fits: bool):
    rules = Rules(XGRAMMAR)
    grammar = Gbnf(rules.text(counted_text(rules, chars("ab<|"), 2, 33, escape='"!"')))
    assert grammar.takes(text) is fits


def test_two_lengths_share_their_rules():
    rules = Rules()
    counted_text(rules, ANY, 0, 50)
    before = len(rules.bodies)
    counted_text(rules, ANY, 0, 40)
    assert len(rules.bodies) == before


@pytest.mark.parametrize(
    ("text", "fits"),
    [("ab", True), ("a", False), ("a<", True), ("a<b|c", True), ("!<<x", True), ("", False)],
)
def test_text_of_at_least_two(text: str, fits: bool):
    rules = Rules()
    assert Gbnf(rules.text(long_text(rules, ANY, 2, escape='"!"'))).takes(text) == fits


@pytest.mark.parametrize("text", ["a<|im_end|>", "ab<|t", "<|t", "a<<|t"])
def test_no_token_stands_where_the_count_ends(text: str):
    """vLLM wrote `"}<|tool_call_end|>`: of two characters the second was the `<`."""
    rules = Rules()
    assert not Gbnf(rules.text(long_text(rules, ANY, 2, escape='"!"'))).begins(text)
