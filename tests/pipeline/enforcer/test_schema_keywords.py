"""Keywords of one type: what stays for which target, and in which form."""

from typing import Any

import pytest

from tests.pipeline.enforcer.test_schema_fit import ANY_OBJECT, a, dropped, fit
from toolgate.pipeline.enforcer.target import GBNF, LLGUIDANCE, XGRAMMAR

NAME, AGE, NUM = {"type": "string"}, {"type": "integer"}, {"type": "number"}


@pytest.mark.parametrize(
    ("schema", "fitted"),
    [
        ({**AGE, "minimum": 0.5, "maximum": 9.5}, {**AGE, "minimum": 1, "maximum": 9}),
        (
            {**AGE, "exclusiveMinimum": 1, "exclusiveMaximum": 4.5},
            {**AGE, "minimum": 2, "maximum": 4},
        ),
        ({**AGE, "minimum": 3, "exclusiveMinimum": 1}, {**AGE, "minimum": 3}),
        ({**AGE, "minimum": 5, "maximum": 4}, None),
        ({**AGE, "multipleOf": 5}, {**AGE, "multipleOf": 5}),
        ({**AGE, "multipleOf": 5, "minimum": 1, "maximum": 11}, {"enum": [5, 10]}),
        ({**AGE, "multipleOf": 5, "minimum": 1, "maximum": 4}, None),
        (
            {**NUM, "minimum": 1, "exclusiveMinimum": 1},
            {**NUM, "minimum": 1, "exclusiveMinimum": 1},
        ),
        ({**NAME, "minLength": 0}, NAME),
        ({**NAME, "minLength": 3, "maxLength": 2}, None),
        ({**NAME, "pattern": "^a+$", "maxLength": 3}, {**NAME, "pattern": "^(?:a{1,3})$"}),
        ({**NAME, "format": "uuid", "maxLength": 36}, fit({**NAME, "format": "uuid"})),
        ({"type": "array"}, {"type": "array", "items": {}}),
        (
            {"type": "array", "items": False, "maxItems": 3},
            {"type": "array", "items": {}, "maxItems": 0},
        ),
        ({"type": "array", "items": False, "minItems": 1}, None),
        ({"type": "array", "minItems": 2, "maxItems": 1}, None),
        (
            {"type": "array", "items": [NAME], "additionalItems": AGE, "minItems": 1},
            {"type": "array", "prefixItems": [NAME], "items": AGE, "minItems": 1},
        ),
        (
            {"type": "array", "prefixItems": [NAME], "items": False},
            {"type": "array", "prefixItems": [NAME], "items": {}, "maxItems": 1},
        ),
        ({"type": "object"}, ANY_OBJECT),
        ({"type": "object", "properties": {"a": NAME}}, a(a=NAME)),
        ({"type": "object", "properties": {"a": False}}, a()),
        ({"type": "object", "properties": {"a": False}, "required": ["a"]}, None),
        (
            {"type": "object", "required": ["a"]},
            {**ANY_OBJECT, "properties": {"a": {}}, "required": ["a"]},
        ),
        (
            {"type": "object", "required": ["a"], "properties": {"b": NAME}},
            {
                **{"type": "object", "properties": {"b": NAME, "a": {}}, "required": ["a"]},
                "additionalProperties": False,
            },
        ),
        (
            {"type": "object", "additionalProperties": NAME},
            {**ANY_OBJECT, "additionalProperties": NAME},
        ),
        ({"type": "object", "additionalProperties": {"enum": []}}, a()),
        (
            {"type": "object", "minProperties": 1, "required": ["a"]},
            {**ANY_OBJECT, "properties": {"a": {}}, "required": ["a"]},
        ),
        (
            {"type": "object", "patternProperties": {"^x": AGE}},
            {**ANY_OBJECT, "additionalProperties": AGE},
        ),
        (
            {"type": "object", "patternProperties": {"^x$": AGE}, "additionalProperties": False},
            {
                **ANY_OBJECT,
                "additionalProperties": AGE,
                "propertyNames": {**NAME, "pattern": "^(?:x)$"},
            },
        ),
        (
            {"type": "object", "propertyNames": {"enum": ["k", 1]}},
            {**ANY_OBJECT, "propertyNames": {"enum": ["k"]}},
        ),
        ({"type": "object", "propertyNames": {"enum": []}}, a()),
        ({"type": "object", "propertyNames": True}, ANY_OBJECT),
    ],
)
def test_what_stays_for_gbnf(schema: Any, fitted: Any):
    assert fit(schema) == fitted
    assert dropped(schema) == []


@pytest.mark.parametrize(
    ("schema", "keyword", "target"),
    [
        ({**AGE, "multipleOf": 0.5}, "multipleOf", GBNF),
        ({**AGE, "multipleOf": 101}, "multipleOf", GBNF),
        ({**AGE, "multipleOf": 5, "minimum": 1}, "multipleOf", GBNF),
        ({**NUM, "multipleOf": 0.1}, "multipleOf", GBNF),
        ({**NUM, "minimum": 1e-20}, "minimum", GBNF),
        ({**NUM, "minimum": 3, "maximum": 2}, "minimum", GBNF),
        ({**NAME, "pattern": r"\b"}, "pattern", GBNF),
        ({**NAME, "pattern": "^a*b*$", "maxLength": 3}, "maxLength", GBNF),
        ({**NAME, "pattern": "^a*b*$", "minLength": 3}, "minLength", GBNF),
        ({**NAME, "pattern": "a", "format": "date"}, "format", GBNF),
        ({**NAME, "format": "regex"}, "format", GBNF),
        ({**NAME, "maxLength": 5000}, "maxLength", GBNF),
        ({**NAME, "maxLength": 33}, "maxLength", XGRAMMAR),
        ({**NAME, "minLength": 33}, "minLength", XGRAMMAR),
        ({**NAME, "format": "uri", "minLength": 5}, "minLength", XGRAMMAR),
        ({**NAME, "pattern": "^[a-z]*$", "maxLength": 33}, "maxLength", XGRAMMAR),
        ({**NAME, "pattern": "^a{33}$"}, "pattern", XGRAMMAR),
        ({**NAME, "pattern": "^(a{0,6}b){6}$"}, "pattern", XGRAMMAR),
        ({"type": "array", "uniqueItems": True}, "uniqueItems", GBNF),
        ({"type": "object", "minProperties": 1}, "minProperties", GBNF),
        ({"type": "object", "maxProperties": 2}, "maxProperties", GBNF),
        ({**NAME, "format": "date", "maxLength": 5}, "maxLength", LLGUIDANCE),
        ({"type": "object", "patternProperties": {"a": {}, "b": {}}}, "patternProperties", GBNF),
        (
            {"type": "object", "patternProperties": {"a": {}}, "additionalProperties": NAME},
            "patternProperties",
            GBNF,
        ),
        (
            {
                "type": "object",
                "properties": {"a": {}},
                "propertyNames": {"maxLength": 3},
                "additionalProperties": True,
            },
            "propertyNames",
            GBNF,
        ),
    ],
)
def test_what_does_not_is_named(schema: Any, keyword: str, target: Any):
    assert dropped(schema, target) == [keyword]


@pytest.mark.parametrize("bound", ["exclusiveMinimum", "exclusiveMaximum"])
def test_a_flag_of_draft_4_is_named(bound: str):
    assert fit({**NUM, bound: True}) == NUM
    assert dropped({**NUM, bound: True}) == [bound]
    assert fit({**AGE, bound: True}) == AGE


@pytest.mark.parametrize(
    "schema", [{"maxLength": 32}, {"pattern": "^a{32}b*$"}, {"pattern": "a"}, {"format": "uri"}]
)
def test_what_xgrammar_can_count_it_holds(schema: Any):
    """A looser format is still the standard's: ours are narrower."""
    assert dropped(NAME | schema, XGRAMMAR) == []


@pytest.mark.parametrize("bound", ["minimum", "maximum"])
def test_a_whole_number_of_hundreds_of_digits_bounds_nothing(bound):
    """Each of its digits nested the grammar: `"maximum": 1e308` was a 500."""
    assert dropped({**AGE, bound: 1e308}) == [bound]
    assert fit({**AGE, "minimum": 1, "maximum": 1e308}) == {**AGE, "minimum": 1}
