"""How long a value of a schema can become within its bounds: so that a call's end can be promised.

Counts what a grammar lets stand, the longest spelling of each character and all whitespace; where
a target counts tokens, those of a text that has so many. Never too little, for want of room
sometimes too much. Works on the plain forms that `schema_fit` gives.
"""

import json
from collections.abc import Mapping
from math import inf
from typing import Any, Final

from msgspec.structs import replace

from toolgate.core.grammar import Bounds
from toolgate.pipeline.enforcer.gbnf_regex import LONGEST_RUN, NESTED, is_simple
from toolgate.pipeline.enforcer.gbnf_scalars import LONGEST_KEY
from toolgate.pipeline.enforcer.place import TOP, Place
from toolgate.pipeline.enforcer.recursion import find_recursive
from toolgate.pipeline.enforcer.regex import Cat, Chars, Or, Pattern, Repeat, read_pattern
from toolgate.pipeline.enforcer.schema_bounds import shortest_text
from toolgate.pipeline.enforcer.schema_merge import Schema
from toolgate.pipeline.enforcer.target import Target

ESCAPED: Final = 12
r"""Characters in which JSON can write one: `\ud83d\ude00`."""
IN_PATTERN: Final = 6
"""The same where a pattern says which it is: `\\u003c`."""
GAP: Final = 25
"""Whitespace between two parts: a line break and an indent."""
BESIDE: Final = 2 * GAP + 1
"""A comma or a colon, and what may stand around it."""


def shrink(schema: Schema, bounds: Bounds, target: Target) -> Bounds:
    """The widest bounds with which no value is longer than their `total`; of a schema that demands
    more than that by itself, the narrowest with which it has a value at all."""
    narrow = bounds
    for step in _STEPS if bounds.total is not None else ():
        tried = _narrow(bounds, *step)
        length = longest(schema, tried, target)
        if length is None:
            break
        narrow = tried
        if length <= (bounds.total or 0):
            break
    return narrow


_STEPS: Final = (
    *((0, 0, 0), (1, 0, 0), (2, 1, 0), (2, 2, 1), (3, 2, 1)),
    *((4, 3, 2), (5, 3, 2), (6, 4, 2), (7, 4, 2)),
)
"""How often the bounds of strings and of lists are halved, and how much less deep something may
contain itself: long strings are worth more than many items."""


def _narrow(bounds: Bounds, strings: int, lists: int, levels: int) -> Bounds:
    string, items, depth = bounds.string, bounds.items, bounds.depth
    return replace(
        bounds,
        string=None if string is None else max(1, string >> strings),
        items=None if items is None else max(1, items >> lists),
        depth=None if depth is None else max(0, depth - levels),
    )


def longest(schema: Schema, bounds: Bounds, target: Target) -> float | None:
    """Characters of the longest value, or tokens; infinite where it need not end, None where the
    bounds leave no value."""
    definitions = schema.get("$defs", {})
    return _Measure(definitions, bounds, target).value(
        {key: schema[key] for key in schema if key != "$defs"}, TOP
    )


class _Measure:
    """Walks one schema as its grammar is written; None where no value is left."""

    def __init__(self, definitions: Mapping[str, Schema], bounds: Bounds, target: Target) -> None:
        self._definitions = definitions
        self._recursive = find_recursive(definitions)
        self._bounds = bounds
        self._counted = target.most_counted
        self._known: dict[tuple[str, Place], float | None] = {}

    def value(self, schema: Schema, place: Place) -> float | None:
        if not schema:
            return self._any(place)
        if "$ref" in schema:
            return self._reference(schema["$ref"].rpartition("/")[2], place)
        if "anyOf" in schema:
            found = [self.value(branch, place) for branch in schema["anyOf"]]
            return max((one for one in found if one is not None), default=None)
        if "enum" in schema:
            return max(map(_constant, schema["enum"]), default=None)
        return self._typed(schema, place)

    def _typed(self, schema: Schema, place: Place) -> float | None:
        match schema["type"]:
            case "null" | "boolean":
                return len("false")
            case "integer" | "number":
                return NUMBER
            case "string":
                return self._string(schema, place)
            case "array":
                return self._array(schema, place)
            case _:
                return self._object(schema, place)

    def _reference(self, name: str, place: Place) -> float | None:
        if self._bounds.depth is None:
            place = TOP
        elif name in self._recursive:
            if place.depth > self._bounds.depth:
                return None
            place = place.deeper
        key = name, place
        if key not in self._known:
            self._known[key] = inf  # until it is known: it may stand in itself
            self._known[key] = self.value(self._definitions[name], place)
        return self._known[key]

    def _any(self, place: Place) -> float:
        limit = self._bounds.depth
        if limit is None:
            return inf
        key = "", place
        if key not in self._known:
            found = [self._string({}, place), NUMBER]
            if place.depth <= limit:
                found += [self._array(_ANY_ARRAY, place.deeper) or 0]
                found += [self._object(_ANY_OBJECT, place.deeper) or 0]
            self._known[key] = max(found)
        return self._known[key] or 0

    def _string(self, schema: Schema, place: Place) -> float:
        bound = place.narrowed(self._bounds.string)
        if "pattern" in schema:
            return QUOTES + self._pattern(read_pattern(schema["pattern"]), bound, 0)
        least: float = shortest_text(schema)
        most: float = schema.get("maxLength", inf)
        if bound is not None:
            most = max(least, min(bound, most))
        if self._counted is None or most <= self._counted:
            return QUOTES + ESCAPED * most
        return QUOTES + ESCAPED * least + self._tokens(most)

    def _tokens(self, tokens: float, last: float = ESCAPED) -> float:
        """Of what ends where it can once it has so many: behind what it is in the middle of."""
        return tokens + last

    def _pattern(self, tree: Pattern, bound: int | None, nested: int) -> float:
        match tree:
            case Chars():
                return IN_PATTERN
            case Cat(parts):
                return sum(self._pattern(part, bound, nested) for part in parts)
            case Or(options):
                return max(self._pattern(option, bound, nested) for option in options)
            case _:
                assert isinstance(tree, Repeat)  # no grammar is written of an anchor
                return self._repeated(tree, bound, nested)

    def _repeated(self, tree: Repeat, bound: int | None, nested: int) -> float:
        inner = self._pattern(tree.part, bound, nested + 1)
        if tree.most is not None or bound is None:
            return inner * (inf if tree.most is None else tree.most)
        bound = NESTED if nested else bound
        if self._counted is not None and is_simple(tree.part):
            return inner * tree.least + self._tokens(bound, inner)
        return inner * max(tree.least, min(bound, LONGEST_RUN))

    def _array(self, schema: Schema, place: Place) -> float | None:
        first = [self.value(item, place) for item in schema.get("prefixItems", ())]
        known = first[: first.index(None)] if None in first else first
        rest = self.value(schema["items"], place.within) if known == first else None
        least = schema.get("minItems", 0)
        if rest is None and least > len(known):
            return None
        begin = sum(one + BESIDE for one in known if one is not None)
        return 2 + BESIDE + begin + _several(rest, self._items(schema, place))

    def _items(self, schema: Schema, place: Place) -> float:
        most: float = schema.get("maxItems", inf)
        bound = place.narrowed(self._bounds.items)
        return most if bound is None else max(schema.get("minItems", 0), min(most, bound))

    def _object(self, schema: Schema, place: Place) -> float | None:
        total: float = 2 + BESIDE
        for key, inner in schema["properties"].items():
            value = self.value(inner, place)
            if value is None and key in schema["required"]:
                return None
            if value is not None:
                total += _constant(key) + BESIDE + value + BESIDE
        most = inf if (bound := place.narrowed(self._bounds.items)) is None else bound + 1
        return total + _several(self._other(schema, place.within), most)

    def _other(self, schema: Schema, place: Place) -> float | None:
        held = schema["additionalProperties"]
        value = None if held is False else self.value(held, place)
        if value is None:
            return None
        if "propertyNames" in schema:
            key = self.value(schema["propertyNames"], place) or 0
        elif schema["properties"]:
            key = max(map(_constant, schema["properties"])) + self._tokens(LONGEST_KEY)
        else:
            key = self._string({}, place)
        return key + BESIDE + value


QUOTES: Final = 2
NUMBER: Final = 80
"""Of a number within bounds, which may have 40 digits before its point; others have 36."""
_ANY_ARRAY: Final[Schema] = {"type": "array", "items": {}}
_ANY_OBJECT: Final[Schema] = {
    "type": "object",
    "properties": {},
    "required": [],
    "additionalProperties": {},
}


def _several(one: float | None, most: float) -> float:
    """One thing after another, each with what stands beside it."""
    return (one + BESIDE) * most if one is not None and most else 0


def _constant(value: Any) -> float:
    if isinstance(value, str):
        return QUOTES + ESCAPED * len(value)
    if isinstance(value, list):
        return 2 + BESIDE + sum(_constant(one) + BESIDE for one in value)
    if isinstance(value, dict):
        return 2 + BESIDE + sum(_constant([key, one]) for key, one in value.items())
    return len(json.dumps(value))
