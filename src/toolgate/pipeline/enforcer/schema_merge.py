"""The conjunction of two JSON Schemas as one, for `allOf`, and for what stands beside a union.

Approximates where one schema cannot say it, and names what it left out: the arguments are checked
by the whole schema in any case. Resolves no references.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]

ANNOTATIONS: Final = frozenset(
    (
        *("title", "description", "default", "examples", "$comment", "deprecated", "readOnly"),
        *("writeOnly", "$schema", "$id", "contentEncoding", "contentMediaType", "nullable"),
        *("$anchor", "$dynamicAnchor", "$vocabulary", "x-guidance", "strict"),
    )
)
"""They say nothing of which values fit. (`x-guidance` would be a setting of llguidance.)"""
ALL_TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")
_LARGER: Final = frozenset(
    ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
)
_SMALLER: Final = frozenset(
    ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
)
MOST_PAIRS: Final = 64
"""Branches of two unions, each with each."""


class Impossible(Exception):
    """No value fits."""


def merge(left: Schema, right: Schema, dropped: list[str]) -> Schema:
    """A schema that what fits both fits; keywords that it lacks for that are added to `dropped`.

    Raises: Impossible where nothing can.
    """
    left, right = _closed_by(left, right, dropped), _closed_by(right, left, dropped)
    merged = dict(left)
    for key, value in right.items():
        if key in ANNOTATIONS or key not in merged or merged[key] == value:
            merged.setdefault(key, value)
        elif key in _MERGERS:
            merged[key] = _MERGERS[key](merged[key], value, dropped)
        else:
            dropped.append(key)
    return merged


def _closed_by(schema: Schema, other: Schema, dropped: list[str]) -> Schema:
    """The schema, of whose properties those that the other does not list fit what it says of such:
    where it has no others, none."""
    listed = other.get("properties", {})
    strange = [name for name in schema.get("properties", {}) if name not in listed]
    others = other.get("additionalProperties", True)
    if not strange or others is True:
        return schema
    if "patternProperties" in other:  # then some of them may be others, and some not
        dropped.append("additionalProperties")
        return schema
    fitting = {name: _merge_inner(schema["properties"][name], others, dropped) for name in strange}
    return schema | {"properties": schema["properties"] | fitting}


def types_of(schema: Schema) -> list[str]:
    """The JSON types that `type` lets in; "number" stands for "integer" too."""
    kinds = schema.get("type", ALL_TYPES)
    return [kinds] if isinstance(kinds, str) else list(kinds)


def merge_schemas(left: Any, right: Any, dropped: list[str]) -> Any:
    """As `merge`, of schemas that may be booleans.

    Raises: Impossible.
    """
    if left is False or right is False:
        raise Impossible
    if left is True:
        return right
    return left if right is True else merge(left, right, dropped)


def _merge_types(left: Any, right: Any, dropped: list[str]) -> Any:
    ours, theirs = (set(types_of({"type": kinds})) for kinds in (left, right))
    for kinds in (ours, theirs):
        if "number" in kinds:
            kinds.add("integer")
    both = [kind for kind in ALL_TYPES if kind in ours & theirs]
    if "number" in both:
        both.remove("integer")
    if not both:
        raise Impossible
    return both[0] if len(both) == 1 else both


def _merge_enums(left: Iterable[Any], right: Iterable[Any], dropped: list[str]) -> Any:
    both = [value for value in left if any(_is_same(value, other) for other in right)]
    if not both:
        raise Impossible
    return both


def _is_same(left: Any, right: Any) -> bool:
    """As JSON has it: `true` is not `1`."""
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _refuse(left: Any, right: Any, dropped: list[str]) -> Any:
    raise Impossible


def _merge_properties(
    left: Mapping[str, Any], right: Mapping[str, Any], dropped: list[str]
) -> Schema:
    merged = dict(left)
    for name, schema in right.items():
        try:
            merged[name] = merge_schemas(merged.get(name, True), schema, dropped)
        except Impossible:
            merged[name] = False  # the object may still do without it
    return merged


def _merge_required(left: Iterable[str], right: Iterable[str], dropped: list[str]) -> list[str]:
    return list(dict.fromkeys((*left, *right)))


def _merge_unions(left: Any, right: Any, dropped: list[str]) -> Any:
    if len(left) * len(right) > MOST_PAIRS:
        dropped.append("anyOf")
        return left
    return [{"allOf": [one, other]} for one in left for other in right]


def _merge_inner(left: Any, right: Any, dropped: list[str]) -> Any:
    try:
        return merge_schemas(left, right, dropped)
    except Impossible:
        return False


_Merger: TypeAlias = Callable[[Any, Any, list[str]], Any]
_MERGERS: Final[Mapping[str, _Merger]] = {
    "type": _merge_types,
    "enum": _merge_enums,
    "const": _refuse,
    "properties": _merge_properties,
    "patternProperties": _merge_properties,
    "$defs": lambda left, right, dropped: {**right, **left},
    "definitions": lambda left, right, dropped: {**right, **left},
    "required": _merge_required,
    "allOf": lambda left, right, dropped: [*left, *right],
    **dict.fromkeys(("anyOf", "oneOf"), _merge_unions),
    "uniqueItems": lambda left, right, dropped: left or right,
    **dict.fromkeys(("items", "additionalProperties", "propertyNames"), _merge_inner),
    **dict.fromkeys(_LARGER, lambda left, right, dropped: max(left, right)),
    **dict.fromkeys(_SMALLER, lambda left, right, dropped: min(left, right)),
}
