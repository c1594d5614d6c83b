"""How long a call can be: never longer than is said, and no longer than it may be."""

from math import inf
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.pipeline.enforcer.json_grammars import grammar_of
from tests.pipeline.enforcer.tool_sets import LINK, TREE, random_parameters
from toolgate.core.grammar import Bounds
from toolgate.pipeline.enforcer.constrain import BOUNDED
from toolgate.pipeline.enforcer.schema_fit import fit_schema
from toolgate.pipeline.enforcer.schema_length import longest, shrink
from toolgate.pipeline.enforcer.target import GBNF, XGRAMMAR, Target

TIGHT = Bounds(string=20, items=3, depth=1)
ROOM = Bounds(string=1024, items=16, depth=2, total=4096)


def measured(schema: Any, bounds: Bounds, target: Target = GBNF) -> float:
    found = longest(schema, bounds, target)
    assert found is not None
    return found


def fitted(schema: Any, target: Target = GBNF) -> Any:
    return fit_schema(schema, target).schema


@settings(max_examples=60)
@given(st.integers(0, 1_000_000), st.sampled_from([TIGHT, replace(TIGHT, items=5, depth=0)]))
def test_no_text_of_the_grammar_is_longer(seed: int, bounds: Bounds):
    schema = random_parameters(Random(seed))
    assert grammar_of(schema, bounds).longest <= measured(fitted(schema), bounds)


def test_what_is_said_is_not_far_from_the_truth():
    """Twice as much on average, or calls would be kept shorter than they need be."""
    ratios = []
    for seed in range(40):
        schema = random_parameters(Random(seed))
        ratios.append(measured(fitted(schema), TIGHT) / grammar_of(schema, TIGHT).longest)
    assert sum(ratios) / len(ratios) < 2


@pytest.mark.parametrize("target", [GBNF, XGRAMMAR])
@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "string"}}},
        {"properties": {"a": {}}},
        {"additionalProperties": {"type": "array"}},
        {"properties": {"tree": {"$ref": "#/$defs/tree"}}, "$defs": {"tree": TREE}},
        {"properties": {"link": {"$ref": "#/$defs/link"}}, "$defs": {"link": LINK}},
        {"properties": {"a": {"type": "string", "pattern": "^(?:a*b)*c{2,}$"}}},
        {"type": "object", "propertyNames": {"pattern": "^x"}, "additionalProperties": True},
    ],
)
def test_bounds_shrink_until_there_is_room(schema: Any, target: Target):
    whole = fitted({"type": "object", **schema}, target)
    assert longest(whole, Bounds(), target) == inf
    narrow = shrink(whole, ROOM, target)
    assert measured(whole, narrow, target) <= 4096
    if target is GBNF:
        assert grammar_of({"type": "object", **schema}, ROOM).longest <= 4096


def test_what_has_room_keeps_its_bounds():
    schema = fitted({"type": "object", "properties": {"path": {"type": "string"}}})
    assert shrink(schema, BOUNDED.bounds, GBNF) == BOUNDED.bounds
    assert shrink(fitted({"type": "object"}), replace(ROOM, total=None), GBNF).string == 1024


def test_what_demands_more_by_itself_is_as_narrow_as_can_be():
    schema = fitted({"type": "object", "properties": {"a": {"type": "string", "minLength": 999}}})
    assert shrink(schema, ROOM, GBNF) == Bounds(string=8, items=1, depth=0, total=4096)
    assert shrink(schema, Bounds(total=5), GBNF) == Bounds(total=5)


@pytest.mark.parametrize(
    ("schema", "most"),
    [
        ({"type": "string", "maxLength": 9}, 2 + 9 * 12),
        ({"type": "string"}, 2 + 512 + 12),
        ({"type": "string", "minLength": 3}, 2 + 512 + 12 + 3 * 12),
        ({"type": "string", "pattern": "^ab?c*$"}, 2 + 6 + 6 + 512 + 6),
        ({"type": "string", "pattern": "^(?:a*b)*$"}, 2 + 300 * (16 + 6 + 6)),
    ],
)
def test_where_tokens_are_counted_these_are_told(schema: Any, most: int):
    bounds = Bounds(string=512, items=4, depth=1)
    outer = fitted({"type": "object", "properties": {"a": schema}}, XGRAMMAR)
    empty = fitted({"type": "object", "properties": {"a": {"type": "null"}}}, XGRAMMAR)
    null = len("false")
    assert measured(outer, bounds, XGRAMMAR) - measured(empty, bounds, XGRAMMAR) == most - null


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/e"},
        {"anyOf": [{"$ref": "#/$defs/e"}]},
        {"type": "array", "prefixItems": [{"$ref": "#/$defs/e"}], "items": {}, "minItems": 1},
    ],
)
def test_where_no_value_is_left_nothing_is_long(schema: Any):
    members = {"properties": {"x": schema}, "required": ["x"], "additionalProperties": False}
    inner = {"type": "object", **members, "properties": {"x": {"$ref": "#/$defs/e"}}}
    assert longest({"type": "object", **members, "$defs": {"e": inner}}, TIGHT, GBNF) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"$ref": "#/$defs/n"}, "b": {"$ref": "#/$defs/n"}}},
        {"properties": {"a": {"type": "string", "pattern": "^(?:a|bc){2,3}$"}}},
        {"properties": {"a": {"type": "array", "items": {"enum": ["é", [1, {"k": None}]]}}}},
        {"properties": {"a": {"$ref": "#/$defs/e"}, "b": {"type": "boolean"}}},
        {"additionalProperties": {"type": "null"}, "properties": {"<": {"type": "number"}}},
        {"additionalProperties": {"$ref": "#/$defs/e"}},
        {"properties": {"a": {"type": "array", "prefixItems": [{"$ref": "#/$defs/e"}, {}]}}},
    ],
)
def test_of_each_form(schema: Any):
    endless = {"type": "object", "properties": {"e": {"$ref": "#/$defs/f"}}, "required": ["e"]}
    inner = {"anyOf": [{"$ref": "#/$defs/e"}, {"type": "null"}]}
    definitions = {"n": {"type": "string"}, "e": endless, "f": inner}
    whole = {"type": "object", **schema, "$defs": definitions}
    bounds = replace(TIGHT, depth=0)
    assert grammar_of(whole, bounds).longest <= measured(fitted(whole), bounds)


def test_bounds_never_shrink_so_far_that_nothing_is_left():
    """The call would be held to any object then, and break its schema (`{"x": ""}`)."""
    other = {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/one"}]}
    definitions = {
        "one": object_of("two", {"$ref": "#/$defs/two"}),
        "two": object_of("one", other),
    }
    whole = fitted(object_of("a", {"$ref": "#/$defs/one"}) | {"$defs": definitions})
    assert longest(whole, replace(ROOM, depth=0), GBNF) is None
    assert measured(whole, shrink(whole, replace(ROOM, total=1), GBNF)) > 1


def object_of(key: str, schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {key: schema}, "required": [key]}
