"""What bounds make of the plain forms: every value ends, and the narrower ones still fit."""

import json
from random import Random
from typing import Any

import pytest
from llguidance import LLMatcher
from msgspec.structs import replace

from tests.pipeline.enforcer.lark_machine import TOKENIZER
from tests.pipeline.enforcer.tool_sets import random_parameters
from toolgate.core.grammar import Bounds
from toolgate.pipeline.enforcer.constrain import BOUNDED
from toolgate.pipeline.enforcer.lark import HEAD, encode_schema
from toolgate.pipeline.enforcer.schema_bounds import bound_schema
from toolgate.pipeline.enforcer.schema_fit import fit_schema
from toolgate.pipeline.enforcer.schema_length import shrink
from toolgate.pipeline.enforcer.target import LLGUIDANCE

BOUNDS = Bounds(digits=3, string=16, items=4, depth=1)
OBJECT = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def takes(schema: Any, value: Any) -> bool:
    bounded = bound_schema(schema, BOUNDS)
    if bounded is None:
        return False
    grammar = f"{HEAD}start : %json {encode_schema(bounded)}"
    matcher = LLMatcher(TOKENIZER, grammar, log_level=0)
    assert not matcher.is_error()
    text = list(json.dumps(value).encode())
    return matcher.try_consume_tokens(text) == len(text) and matcher.is_accepting()


def a(**properties: Any) -> dict[str, Any]:
    """An object that must have all of these."""
    return OBJECT | {"properties": properties, "required": list(properties)}


TREE = a(children={"type": "array", "items": {"$ref": "#/$defs/tree"}})
LINK = {"anyOf": [{"type": "null"}, a(next={"$ref": "#/$defs/link"})]}
ENDLESS = a(inner={"$ref": "#/$defs/endless"})
NODE = {"anyOf": [{"$ref": "#/$defs/leaf"}, {"type": "array", "items": {"$ref": "#/$defs/leaf"}}]}
DEFINITIONS = {
    "tree": TREE,
    "link": LINK,
    "endless": ENDLESS,
    "leaf": {"type": "null"},
    "node": NODE,
}


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}", "$defs": DEFINITIONS}


@pytest.mark.parametrize(
    ("schema", "fits", "wrong"),
    [
        ({"type": "string"}, ["x" * 16], ["x" * 17]),
        ({"type": "string", "maxLength": 20}, ["x" * 20], []),
        ({"type": "integer"}, [999, -999], [1000]),
        ({"type": "number"}, [999, 0.123456789, -1.5], [1000, 0.1234567891]),
        ({"type": "number", "minimum": -5000, "multipleOf": 0.5}, [-5000, 2.5], [2.25]),
        ({"type": "boolean"}, [True], [1]),
        ({"enum": ["x" * 30]}, ["x" * 30], ["x"]),
        ({"type": "array", "items": {"type": "string"}}, [["xxxx"] * 4], [["x"] * 5, ["x" * 5]]),
        ({"type": "array", "items": {"type": "null"}, "minItems": 6}, [[None] * 6], [[None] * 7]),
        ({"type": "array", "items": {"type": "null"}, "maxItems": 1}, [[None], []], [[None] * 2]),
        (
            {"type": "array", "prefixItems": [{"type": "null"}], "items": {"enum": [1]}},
            [[None, 1, 1, 1]],
            [[1], [None, 1, 1, 1, 1]],
        ),
        (a(x={"type": "string"}), [{"x": "x" * 16}], [{"x": "x" * 17}, {"x": "", "y": 1}]),
        (a(x={}) | {"additionalProperties": {}}, [{"x": 1}], [{"x": 1, "y": 1}]),
        (
            OBJECT | {"additionalProperties": {"enum": [1]}},
            [{}, {"abcd": 1}, {letter: 1 for letter in "abcd"}],
            [{"abcde": 1}, {letter: 1 for letter in "abcde"}, {"a": 2}],
        ),
        ({}, ["x", 1.5, None, [[]], {"a": {}}, [1, 2, 3, 4]], [[[[]]], ["x" * 5], [1, 2, 3, 4, 5]]),
        (ref("tree"), [{"children": []}, {"children": [{"children": []}]}], []),
        (ref("tree"), [], [{"children": [{"children": [{"children": []}]}]}]),
        (ref("link"), [None, {"next": None}], [{"next": {"next": None}}]),
        (ref("endless"), [], [{"inner": {}}, {}]),
        (ref("node"), [None, [None]], [1]),
        ({"anyOf": [ref("leaf"), ref("leaf")], "$defs": DEFINITIONS}, [None], [1]),
        (a(x=ref("endless")) | {"required": [], "$defs": DEFINITIONS}, [{}], [{"x": {}}]),
        (
            {"type": "array", "prefixItems": [ref("leaf"), ref("endless")], "items": {}}
            | {"$defs": DEFINITIONS},
            [[], [None]],
            [[None, {}], [None, 1]],
        ),
        (
            {"type": "array", "items": ref("endless"), "minItems": 1, "$defs": DEFINITIONS},
            [],
            [[], [{}]],
        ),
        ({"anyOf": [ref("endless")], "$defs": DEFINITIONS}, [], [{}]),
    ],
)
def test_what_is_left(schema: Any, fits: list[Any], wrong: list[Any]):
    assert [takes(schema, value) for value in fits] == [True] * len(fits)
    assert [takes(schema, value) for value in wrong] == [False] * len(wrong)


@pytest.mark.parametrize("seed", range(60))
def test_however_narrow_the_bounds_are_a_value_is_left(seed: int):
    plain = fit_schema(random_parameters(Random(seed)), LLGUIDANCE).schema
    bounds = shrink(plain, replace(BOUNDED.bounds, total=500), LLGUIDANCE)
    bounded = bound_schema(plain, bounds)
    grammar = f"{HEAD}start : %json {encode_schema(bounded or {'enum': []})}"
    assert LLMatcher.validate_grammar(grammar, None) == ""
