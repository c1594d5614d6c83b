"""Patterns inside JSON strings: what must be escaped is escaped."""

import json
from random import Random

import pytest

from tests.pipeline.enforcer.gbnf_machine import Gbnf
from tests.pipeline.enforcer.json_grammars import takes, value_grammar
from toolgate.core.grammar import Bounds
from toolgate.pipeline.enforcer.gbnf_regex import write_regex
from toolgate.pipeline.enforcer.gbnf_rules import Rules
from toolgate.pipeline.enforcer.regex import Anchor, Cat, Unsupported, read_pattern
from toolgate.pipeline.enforcer.target import XGRAMMAR


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r'^"\w+"$', [r'"\"ab\""']),
        (r"^C:\\[a-z]+$", [r'"C:\\abc"']),
        ("^a/b$", ['"a/b"', r'"a\/b"']),
        (r"^\n\t$", [r'"\n\t"']),
        ("^<.>$", ['"<x>"']),
        (r"^[^a]$", [r'"\\"', '"b"', r'"\u003c"', '"|"', r'"\n"']),
    ],
)
def test_the_texts_of_a_pattern(pattern: str, texts: list[str]):
    for text in texts:
        assert takes({"type": "string", "pattern": pattern}, text)


def test_a_class_with_both_marks_of_a_token_has_one_of_them_escaped():
    assert not value_grammar({"type": "string", "pattern": "^.*$"}).begins('{"x":"<')
    assert takes({"type": "string", "pattern": "^[<>]*$"}, '"<>"')


def test_without_end_is_bounded_where_that_is_asked_for():
    schema = {"type": "string", "pattern": "^(?:a*b)*$"}
    for seed in range(20):
        text = value_grammar(schema, Bounds(string=4)).write(Random(seed), length=10_000)
        assert len(json.loads(text)["x"]) <= 4 * (16 + 1)
    assert not takes({"type": "string", "pattern": "^a*$"}, f'"{"a" * 5}"', Bounds(string=4))
    assert takes({"type": "string", "pattern": "^a{6,}$"}, f'"{"a" * 6}"', Bounds(string=4))


@pytest.mark.parametrize(
    ("pattern", "budgets"), [("^a*$", [4]), ("^a{2,}b+$", [4, 4]), ("^(?:a*b)*$", [16])]
)
def test_a_target_that_counts_tokens_counts_what_comes_without_end(
    pattern: str, budgets: list[int]
):
    """Of a repetition inside another only the inner one: xgrammar would forget it."""
    rules = Rules(XGRAMMAR)
    root = write_regex(read_pattern(pattern), rules=rules, longest=4)
    assert [int(head.split("=")[1][:-1]) for head in rules.bodies] == budgets
    assert Gbnf(rules.text(root))


def test_nothing_is_the_empty_text():
    assert write_regex(Cat(())) == '("")'
    with pytest.raises(Unsupported):
        write_regex(Anchor(at_end=True))
