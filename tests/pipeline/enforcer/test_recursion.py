"""Definitions that contain themselves, on whatever way."""

from typing import Any

from toolgate.pipeline.enforcer.recursion import find_recursive


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def test_what_contains_itself():
    definitions: dict[str, dict[str, Any]] = {
        "list": {"type": "array", "items": {"anyOf": [{"type": "null"}, ref("list")]}},
        "a": {"type": "object", "properties": {"b": ref("b"), "c": ref("b")}},
        "b": {"type": "array", "items": ref("a")},
        "uses": {"type": "object", "properties": {"x": ref("list"), "y": ref("plain")}},
        "plain": {"enum": [ref("plain")]},
    }
    assert find_recursive(definitions) == {"list", "a", "b"}
