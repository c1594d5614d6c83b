"""A schema's grammar writes only values that fit the schema, and takes those that do."""

import json
from random import Random
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.pipeline.enforcer.json_grammars import OPEN, grammar_of, takes, value_grammar
from tests.pipeline.enforcer.tool_sets import LINK, TREE, random_parameters
from toolgate.core.grammar import Bounds
from toolgate.pipeline.enforcer.constrain import BOUNDED
from toolgate.pipeline.enforcer.gbnf_json import write_json
from toolgate.pipeline.enforcer.schema_fit import Dropped

INTEGER = {"type": "integer"}


@settings(max_examples=40)
@given(st.integers(0, 1_000_000), st.sampled_from([OPEN, BOUNDED.bounds]))
def test_what_it_writes_fits(seed: int, bounds: Bounds):
    schema = random_parameters(Random(seed))
    assert write_json(schema, bounds).dropped == ()
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    grammar = grammar_of(schema, bounds)
    for chance in range(3):
        text = grammar.write(Random(chance))
        assert validator.is_valid(json.loads(text)), text
    assert grammar.takes(text)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "null"}, ["null"], ["0"]),
        ({"type": "boolean"}, ["true", "false"], ["null"]),
        ({"anyOf": [INTEGER, {"type": "null"}]}, ["1", "null"], ['"1"']),
        ({}, ['[{"a": [1, "x", null, {}]}]', "[]", "1.5"], ["[", "{1}"]),
        ({"type": "array", "items": INTEGER}, ["[]", "[1]", "[1, 2,3]"], ["[1,]", "[a]", "[1 2]"]),
        ({"type": "array", "items": INTEGER, "minItems": 2}, ["[1,2]", "[1,2,3]"], ["[]", "[1]"]),
        ({"type": "array", "items": INTEGER, "maxItems": 1}, ["[]", "[1]"], ["[1,2]"]),
        ({"type": "array", "items": INTEGER, "maxItems": 0}, ["[]", "[ ]"], ["[1]"]),
        (
            {"type": "array", "items": INTEGER, "minItems": 1, "maxItems": 1},
            ["[1]"],
            ["[]", "[1,1]"],
        ),
        (
            {"type": "array", "prefixItems": [INTEGER, {"type": "null"}], "items": False},
            ["[]", "[1]", "[1,null]"],
            ["[null]", "[1,null,1]"],
        ),
        (
            {
                "type": "array",
                "prefixItems": [INTEGER, {"type": "null"}],
                "minItems": 1,
                "maxItems": 3,
            },
            ["[1]", "[1,null]", '[1,null,"x"]'],
            ["[]", "[1,null,1,1]"],
        ),
        ({"type": "array", "prefixItems": [INTEGER] * 3, "maxItems": 2}, ["[1,1]"], ["[1,1,1]"]),
        (
            {"type": "object", "propertyNames": {"pattern": "^x"}},
            ['{"xa": 1}'],
            ['{"a": 1}'],
        ),
        ({"$ref": "#/$defs/link", "$defs": {"link": LINK}}, ['{"value":1,"next":null}'], ["1"]),
    ],
)
def test_what_it_takes(schema: Any, good: list[str], bad: list[str]):
    assert [text for text in good if not takes(schema, text)] == []
    assert [text for text in bad if takes(schema, text)] == []


def test_lists_are_bounded_where_that_is_asked_for_and_inner_ones_more():
    lists = {"type": "array", "items": {"type": "array", "items": INTEGER}}
    bounds = Bounds(items=4)
    assert takes(lists, "[[1],[1],[1],[1]]", bounds)
    assert not takes(lists, "[[1],[1],[1],[1],[1]]", bounds)
    assert not takes(lists, "[[1,1]]", bounds)
    assert takes({"type": "array", "items": INTEGER, "minItems": 6}, "[1,1,1,1,1,1]", bounds)
    assert not takes({"type": "array", "items": INTEGER, "maxItems": 2}, "[1,1,1]", bounds)


def test_recursion_is_bounded_where_that_is_asked_for():
    schema = {"$ref": "#/$defs/tree", "$defs": {"tree": TREE}}
    leaf = '{"name": "x"}'
    for _ in range(3):
        deeper = f'{{"name": "x", "children": [{leaf}]}}'
        assert takes(schema, deeper)
        leaf = deeper
    assert takes(schema, '{"name": "x", "children": [{"name": "x"}]}', Bounds(depth=1))
    assert not takes(schema, leaf, Bounds(depth=1))
    assert not value_grammar(schema, Bounds(depth=0)).begins('{"x":{"name":"x","children":[{')


def test_a_chain_of_definitions_is_not_recursion():
    definitions = {
        "a": {"properties": {"b": {"$ref": "#/$defs/b"}, "c": {"$ref": "#/$defs/c"}}},
        "b": {"properties": {"c": {"$ref": "#/$defs/c"}}},
        "c": INTEGER,
    }
    schema = {"$ref": "#/$defs/a", "$defs": definitions}
    assert takes(schema, '{"b":{"c":1},"c":2}', Bounds(depth=0))


def test_what_could_never_end_cannot_begin():
    endless = {"properties": {"e": {"$ref": "#/$defs/e"}}, "required": ["e"]}
    schema = {"properties": {"x": {"$ref": "#/$defs/e"}}, "$defs": {"e": endless}}
    assert grammar_of(schema).takes("{}") and not grammar_of(schema).begins('{"x"')


def test_any_value_is_bounded_in_depth_as_well():
    assert takes({}, "[[[[1]]]]") and not takes({}, "[[[[1]]]]", Bounds(depth=1))
    assert takes({}, '[{"a":1}]', Bounds(depth=1))


def test_what_needs_more_depth_than_there_is_becomes_any_object():
    outer = {"properties": {"q": {"$ref": "#/$defs/inner"}}, "required": ["q"]}
    schema = {
        "properties": {"x": {"$ref": "#/$defs/outer"}},
        "required": ["x"],
        "$defs": {"outer": outer, "inner": {"properties": {"p": {"$ref": "#/$defs/outer"}}}},
    }
    assert write_json(schema, Bounds(depth=0)).dropped == (Dropped("#", "depth"),)
    assert grammar_of(schema, Bounds(depth=0)).takes("{}")
    assert grammar_of(schema, Bounds(depth=1)).takes('{"x":{"q":{}}}')
    bounds = replace(BOUNDED.bounds, depth=0)
    assert grammar_of(schema, bounds).longest <= (bounds.total or 0)


def test_parts_that_need_more_depth_are_left_out():
    definitions = {
        "e": {"type": "object", "properties": {"x": {"$ref": "#/$defs/e"}}, "required": ["x"]}
    }
    endless = {"$ref": "#/$defs/e"}
    bounds = Bounds(depth=1)
    possible: list[tuple[dict[str, Any], str]] = [
        ({"anyOf": [endless, INTEGER]}, "1"),
        ({"type": "array", "items": endless}, "[]"),
        ({"type": "array", "prefixItems": [INTEGER, endless]}, "[1]"),
        ({"type": "object", "additionalProperties": endless}, "{}"),
        ({"type": "object", "properties": {"e": endless}}, "{}"),
    ]
    for schema, text in possible:
        grammar = value_grammar({**schema, "$defs": definitions}, bounds)
        assert grammar.takes(f'{{"x":{text}}}'), schema
        assert not grammar.begins('{"x":{"x"') and not grammar.begins('{"x":{"e"')
    impossible: list[dict[str, Any]] = [
        {"type": "array", "items": endless, "minItems": 1},
        {"anyOf": [endless]},
        {"type": "array", "prefixItems": [endless], "minItems": 1, "items": False},
    ]
    for schema in impossible:
        grammar = value_grammar({**schema, "$defs": definitions}, bounds)
        assert grammar.takes("{}"), "a tool that cannot be called as declared may be called at all"
