"""What fits both schemas, as one schema."""

from typing import Any

import pytest

from toolgate.pipeline.enforcer.schema_merge import Impossible, merge_schemas

A, B = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize(
    ("left", "right", "merged"),
    [
        (True, A, A),
        (A, True, A),
        (A, {"title": "T", "minLength": 2}, {"type": "string", "title": "T", "minLength": 2}),
        ({"type": ["string", "null"]}, A, A),
        ({"type": "number"}, B, B),
        ({"type": ["number", "null"]}, {"type": ["null", "number"]}, {"type": ["null", "number"]}),
        ({"minimum": 1, "maximum": 9}, {"minimum": 3, "maximum": 5}, {"minimum": 3, "maximum": 5}),
        ({"required": ["a"]}, {"required": ["b", "a"]}, {"required": ["a", "b"]}),
        ({"enum": [1, True, "x"]}, {"enum": ["x", 1]}, {"enum": [1, "x"]}),
        ({"items": A}, {"items": B}, {"items": False}),
        ({"items": A}, {"items": {"minLength": 1}}, {"items": {**A, "minLength": 1}}),
        (
            {"properties": {"a": A, "b": {}}},
            {"properties": {"b": B, "a": B}},
            {"properties": {"a": False, "b": B}},
        ),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"properties": {"b": A, "a": A}},
            {"properties": {"a": A, "b": False}, "additionalProperties": False},
        ),
        (
            {"properties": {"a": {}, "b": {}}},
            {"properties": {"b": A}, "additionalProperties": B},
            {"properties": {"a": B, "b": A}, "additionalProperties": B},
        ),
        (
            {"properties": {"a": A}},
            {"additionalProperties": B},
            {"properties": {"a": False}, "additionalProperties": B},
        ),
        ({"uniqueItems": False}, {"uniqueItems": True}, {"uniqueItems": True}),
        ({"$defs": {"x": A}}, {"$defs": {"x": B, "y": B}}, {"$defs": {"x": A, "y": B}}),
        ({"definitions": {}}, {"definitions": {"y": B}}, {"definitions": {"y": B}}),
        ({"allOf": [A]}, {"allOf": [{}]}, {"allOf": [A, {}]}),
        (
            {"anyOf": [{"minimum": 1}]},
            {"anyOf": [A, B]},
            {"anyOf": [{"allOf": [{"minimum": 1}, A]}, {"allOf": [{"minimum": 1}, B]}]},
        ),
    ],
)
def test_both_hold(left: Any, right: Any, merged: Any):
    assert merge_schemas(left, right, []) == merged


@pytest.mark.parametrize(
    ("left", "right"),
    [(A, B), (A, False), (False, A), ({"const": 1}, {"const": 2}), ({"enum": [1]}, {"enum": [2]})],
)
def test_what_nothing_fits_is_said(left: Any, right: Any):
    with pytest.raises(Impossible):
        merge_schemas(left, right, [])


@pytest.mark.parametrize(
    ("keyword", "left", "right"),
    [("pattern", "a", "b"), ("not", {}, {"type": "null"}), ("anyOf", [A] * 9, [B] * 9)],
)
def test_what_cannot_be_said_at_once_is_named(keyword: str, left: Any, right: Any):
    dropped: list[str] = []
    assert merge_schemas({keyword: left}, {keyword: right}, dropped) == {keyword: left}
    assert dropped == [keyword]


def test_what_a_pattern_may_let_in_is_not_taken_out():
    closed = {"patternProperties": {"^x": {}}, "additionalProperties": False}
    dropped: list[str] = []
    merged = merge_schemas(closed, {"properties": {"a": A}}, dropped)
    assert merged == {**closed, "properties": {"a": A}}
    assert dropped == ["additionalProperties"]
