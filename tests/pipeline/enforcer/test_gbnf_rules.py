"""Literals, classes and repetitions, in llama.cpp's spelling."""

import pytest

from toolgate.pipeline.enforcer.charset import chars, charset
from toolgate.pipeline.enforcer.gbnf_rules import Rules, char_class, either, literal, repeated
from toolgate.pipeline.enforcer.target import XGRAMMAR


def test_a_rule_is_named_by_what_it_says():
    rules = Rules()
    assert rules.add('"a"') == rules.add('"a"') != rules.add('"b"')
    assert rules.text("x").startswith("root ::= x\n")
    assert len(rules.text("x").splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", '"plain"'),
        ('"\\', r'"\"\\"'),
        ("\n\r\t", r'"\n\r\t"'),
        ("\0é\u2028\U0001f600", '"\\x00é\\u2028\U0001f600"'),
        ("\U000e0001", r'"\U000E0001"'),
    ],
)
def test_a_literal(text: str, written: str):
    assert literal(text) == written


def test_a_class():
    assert char_class(chars("ab-]^")) == r"[\x2D\x5D-\x5Ea-b]"
    assert char_class(charset([(0x1F600, 0x1F610)])) == r"[\U0001F600-\U0001F610]"


def test_options_are_there_once():
    assert either(["a", "b", "a"]) == "(a | b)"
    assert either(["a", "a"]) == "a"


@pytest.mark.parametrize(
    ("least", "most", "written"),
    [
        (1, 1, "x"),
        (0, None, "x*"),
        (1, None, "x+"),
        (2, None, "x{2,}"),
        (0, 1, "x?"),
        (2, 3, "x{2,3}"),
        (0, 0, '""'),
    ],
)
def test_repetition(least: int, most: int | None, written: str):
    assert repeated("x", least, most) == written


def test_a_rule_may_have_so_many_tokens():
    rules = Rules(XGRAMMAR)
    name = rules.within("[a-z]*", 8)
    assert rules.within("[a-z]*", 9) != name
    assert rules.text(name).splitlines()[1] == f"{name}[max_tokens=8] ::= [a-z]*"
