"""Schemas that nobody can fit, and what mends them."""

from typing import Any

import pytest

from toolgate.core import schema_values
from toolgate.core.schema_values import CONTRADICTION, ENDLESS, NO_OBJECT, find_emptiness

TEXT = {"type": "string"}


def required(name: str, schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {name: schema}, "required": [name], **more}


LIST = {"$defs": {"list": required("next", {"$ref": "#/$defs/list"})}}
NEXT = required("list", {"$ref": "#/$defs/list"})


@pytest.mark.parametrize(
    ("schema", "path", "advice"),
    [
        ({"anyOf": [TEXT, {"type": "number"}]}, "anyOf", NO_OBJECT),
        ({"oneOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": TEXT}}, "oneOf", NO_OBJECT),
        ({"allOf": [{"type": ["object", "null"]}, {"enum": [1]}]}, "allOf", NO_OBJECT),
        ({"$ref": "#/$defs/a", "$defs": {"a": TEXT}}, "", NO_OBJECT),
        ({"type": "object", "const": 1}, "", NO_OBJECT),
        (required("a", {"type": "integer", "enum": ["x"]}), "properties.a", CONTRADICTION),
        (required("a", required("b", False)), "properties.a.properties.b", CONTRADICTION),
        (
            {"properties": {"a": TEXT, "b": False}, "required": ["a", "b"], "type": "object"},
            "properties.b",
            CONTRADICTION,
        ),
        (required("a", {"anyOf": [False]}), "properties.a.anyOf", CONTRADICTION),
        (required("a", {**TEXT, "minLength": 5, "maxLength": 4}), "properties.a", CONTRADICTION),
        (
            required("a", {"type": "array", "minItems": 5, "maxItems": 4}),
            "properties.a",
            CONTRADICTION,
        ),
        (
            required("a", {"type": "integer", "minimum": 1, "exclusiveMaximum": 0}),
            "properties.a",
            CONTRADICTION,
        ),
        ({"type": "object", "minProperties": 2, "maxProperties": 1}, "", CONTRADICTION),
        (required("self", {"$ref": "#"}), "properties.self", ENDLESS),
        (NEXT | LIST, "properties.list", ENDLESS),
        (
            required("a", {"type": "array", "items": {"$ref": "#"}, "minItems": 1}),
            "properties.a",
            ENDLESS,
        ),
        (
            required("a", {"type": "array", "prefixItems": [{"$ref": "#"}], "minItems": 1}),
            "properties.a",
            ENDLESS,
        ),
        ({"anyOf": [{"$ref": "#"}, required("a", {"$ref": "#"})]}, "anyOf", ENDLESS),
    ],
)
def test_what_nothing_fits(schema: Any, path: str, advice: str):
    assert find_emptiness(schema) == (tuple(filter(None, path.split("."))), advice)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        required("a", {**TEXT, "minLength": 5, "maxLength": 5}),
        required("a", {"minLength": 5, "maxLength": 4}),
        required("a", {"type": "number", "exclusiveMinimum": True, "maximum": 0}),
        required("a", {"type": "number", "minimum": -1, "exclusiveMinimum": True, "maximum": 0}),
        {"type": ["object", "null"], "required": ["a"]},
        {"anyOf": [TEXT, {}]},
        {"properties": {"never": False}},
        {"enum": [{"a": 1}, 5]},
        {"properties": {"next": {"$ref": "#"}}},
        required("next", {"anyOf": [{"$ref": "#"}, {"type": "null"}]}),
        required("children", {"type": "array", "items": {"$ref": "#"}}),
        required("a", {"prefixItems": [{"$ref": "#"}]}),
        required("a", {"type": "array", "items": [False], "minItems": 1}),
        required("a", {"type": "integer", "const": 1}),
        required("a", {"$ref": "#elsewhere"}),
        # Before 2019 nothing counts beside a reference.
        required(
            "a",
            {"$ref": "#/definitions/b", "type": "string"},
            definitions={"b": {"type": "null"}},
            **{"$schema": "http://json-schema.org/draft-07/schema#"},
        ),
        # References below an `$id` are looked up there.
        {**NEXT, "$defs": {"list": LIST["$defs"]["list"] | {"$id": "https://example.com/list"}}},
        # Constants are no schemas.
        {"default": {"$ref": "#/nowhere"}},
    ],
)
def test_what_something_fits(schema: Any):
    assert find_emptiness(schema) is None


def test_of_what_is_too_large_nothing_is_said(monkeypatch: pytest.MonkeyPatch):
    assert find_emptiness({"allOf": [TEXT] * 9}) is not None
    monkeypatch.setattr(schema_values, "MAX_STEPS", 9)
    assert find_emptiness({"allOf": [TEXT] * 9}) is None
