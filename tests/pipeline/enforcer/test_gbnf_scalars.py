"""Strings, numbers and constants in the spellings that models use, and in no other."""

import json
from random import Random
from typing import Any

import pytest

from tests.pipeline.enforcer.json_grammars import grammar_of, takes, value_grammar
from toolgate.core.grammar import Bounds
from toolgate.pipeline.enforcer.gbnf_rules import Rules
from toolgate.pipeline.enforcer.gbnf_scalars import LONGEST_KEY, write_other_key
from toolgate.pipeline.enforcer.target import XGRAMMAR

STRING = {"type": "string"}


@pytest.mark.parametrize(
    "text",
    [
        *('""', '"é\U0001f600"', r'"\u00e9\ud83d\ude00"', r'"\/\"\\\b\f\n\r\t"', '"a < b <| c"'),
        *('"\x7f"', '"//"', r'"\uD83D\uDE00"', r'"\u003c|im_end|>"'),
    ],
)
def test_strings(text: str):
    assert takes(STRING, text)


@pytest.mark.parametrize(
    "text",
    [
        '"',
        '"\n"',
        r'"\x"',
        r'"\u12"',
        r'"\ud83d"',
        r'"\ude00"',
        r'"\ud83d\u0041"',
        '"<|im_end|>"',
        "a",
    ],
)
def test_no_strings(text: str):
    assert not takes(STRING, text)


@pytest.mark.parametrize(
    ("schema", "bound", "text", "fits"),
    [
        ({"minLength": 2}, None, '"a"', False),
        ({"minLength": 2}, None, r'"a\n"', True),
        ({"minLength": 2}, None, f'"{"a" * 99}"', True),
        ({"maxLength": 2}, None, '"abc"', False),
        ({"maxLength": 2}, None, r'"\ud83d\ude00a"', True),
        ({}, 2, '"abc"', False),
        ({"maxLength": 9}, 2, '"abc"', False),
        ({"minLength": 3}, 2, '"abc"', True),
        ({"minLength": 3}, 2, '"abcd"', False),
    ],
)
def test_lengths(schema: Any, bound: int | None, text: str, fits: bool):
    assert takes({**STRING, **schema}, text, Bounds(string=bound)) == fits


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "number"}, "0 -1 1.5 1e5 -2.5E-10 123456789012345", "01 1. .5 1e555 +1 NaN"),
        ({"type": "integer"}, "0 -7 123456789012345", "1.0 1e5 1234567890123456 01"),
        ({"type": "integer", "minimum": -3, "maximum": 12}, "-3 0 12", "-4 13 1.0"),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, "0 0.5 0.999", "1 1.0 -0.1 1e-3"),
        ({"type": "integer", "multipleOf": 7}, "0 7 -14 700", "1 13 07"),
        ({"type": "integer", "multipleOf": 100}, "0 100 -1200", "10 50"),
    ],
)
def test_numbers(schema: Any, good: str, bad: str):
    assert [text for text in good.split() if not takes(schema, text)] == []
    assert [text for text in bad.split() if takes(schema, text)] == []


def test_multiples_by_chance():
    grammar = value_grammar({"type": "integer", "multipleOf": 13})
    assert all(json.loads(grammar.write(Random(seed)))["x"] % 13 == 0 for seed in range(50))


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("a/é", ['"a/é"', r'"a\/é"', r'"a/\u00e9"']),
        ('\U0001f600"\\\n\x01', [r'"\ud83d\ude00\"\\\n\u0001"']),
        ("<|im_end|>", [r'"\u003c|im_end|>"']),
        ("a < b", ['"a < b"']),
        (-2.5, ["-2.5"]),
        (None, ["null"]),
        (True, ["true"]),
        ([1, "x", []], ['[1,"x",[]]', '[ 1, "x", [ ] ]']),
        ({"k": {"l": 2}, "m": {}}, ['{"k":{"l":2},"m":{}}', '{"k": {"l": 2}, "m": {}}']),
    ],
)
def test_constants(value: Any, texts: list[str]):
    assert [text for text in texts if not takes({"const": value}, text)] == []
    assert not takes({"const": value}, '"<|im_end|>"')


def test_a_member_without_a_name_bears_none_of_the_named():
    schema = {
        "type": "object",
        "properties": {"ab": STRING, "abc": STRING, "ä": STRING, "": STRING, '"': STRING},
        "additionalProperties": {"type": "integer"},
    }
    grammar = grammar_of(schema)
    for key in ("a", "abd", "b", "abcd", "é"):
        assert grammar.takes(f'{{"{key}":1}}'), key
    for key in ("ab", "abc", "ä", "", r"\u0061b", r"\""):
        assert not grammar.takes(f'{{"{key}":1}}'), key


def test_of_another_key_as_many_tokens_as_letters():
    rules = Rules(XGRAMMAR)
    assert rules.text(write_other_key(rules, ["ab"])).count(f"[max_tokens={LONGEST_KEY}]") == 1
