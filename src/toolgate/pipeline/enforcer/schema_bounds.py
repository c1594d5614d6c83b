"""Makes every value of a schema end: lengths, items, digits, and how often it contains itself.

Works on the plain forms that `schema_fit` gives, and gives JSON Schema again, for a target that
holds lengths and has no bounds of its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from msgspec import Struct

from toolgate.core.grammar import Bounds
from toolgate.pipeline.enforcer.regex import read_pattern
from toolgate.pipeline.enforcer.regex_length import measure

Schema: TypeAlias = dict[str, Any]
SMALLEST: Final = 1e-9
"""A number's last digit: llguidance bounds a fraction's digits in no other way."""
ROOM_FOR_FORMAT: Final = 64
"""Characters: a UUID has 36."""
_SCALARS: Final = ("string", "number", "boolean", "null")
_ANY_ARRAY: Final = {"type": "array", "items": {}}
_ANY_OBJECT: Final = {"type": "object", "properties": {}, "additionalProperties": {}}


def shortest_text(schema: Schema) -> int:
    """Characters that a string must have room for, however narrow its bounds are."""
    if "format" in schema:
        return ROOM_FOR_FORMAT
    least: int = schema.get("minLength", 0)
    return max(least, measure(read_pattern(schema["pattern"]))[0]) if "pattern" in schema else least


def is_bounded(bounds: Bounds) -> bool:
    """Whether they bound everything that could go on for ever."""
    return None not in (bounds.string, bounds.items, bounds.depth)


class _Place(Struct, frozen=True):
    """Where in a value: in so many schemas that contain themselves, and in so many arrays."""

    depth: int = 0
    inside: int = 0

    @property
    def deeper(self) -> "_Place":
        return _Place(self.depth + 1, self.inside)

    @property
    def within(self) -> "_Place":
        return _Place(self.depth, self.inside + 1)

    def narrow(self, bound: int) -> int:
        """A quarter with each array around it, so that the whole is bounded, not only each part."""
        return max(1, bound >> 2 * self.inside)


def bound_schema(schema: Schema, bounds: Bounds) -> Schema | None:
    """The schema with these bounds, of which none is None; None where nothing is left of it."""
    bounder = _Bounder(schema.get("$defs", {}), bounds)
    bounded = bounder.bound({key: schema[key] for key in schema if key != "$defs"}, _Place())
    return None if bounded is None else {"$defs": bounder.made, **bounded}


class _Bounder:
    """Methods give None where no value is left."""

    def __init__(self, definitions: Mapping[str, Schema], bounds: Bounds) -> None:
        self.made: Schema = {}
        self._known: dict[str, Schema | None] = {}
        self._definitions = definitions
        self._recursive = {name for name in definitions if name in self._inside(name)}
        self._string, self._items = bounds.string or 0, bounds.items or 0
        self._depth, self._most = bounds.depth or 0, 10**bounds.digits - 1

    def bound(self, schema: Schema, place: _Place) -> Schema | None:
        if "$ref" in schema:
            return self._refer(schema["$ref"].rpartition("/")[2], place)
        if "anyOf" in schema:
            return self._union(schema["anyOf"], place)
        if "enum" in schema:
            return schema
        return self._typed(schema, place) if schema else self._any(place)

    def _typed(self, schema: Schema, place: _Place) -> Schema | None:
        bounded: Schema | None
        match schema["type"]:
            case "string":
                most = max(place.narrow(self._string), shortest_text(schema))
                bounded = {"maxLength": most} | schema
            case "integer":
                bounded = {"minimum": -self._most, "maximum": self._most} | schema
            case "number":
                least = {"minimum": -self._most, "multipleOf": SMALLEST}
                bounded = {"maximum": self._most} | least | schema
            case "array":
                bounded = self._array(schema, place)
            case "object":
                bounded = self._object(schema, place)
            case _:
                bounded = schema
        return bounded

    def _inside(self, name: str) -> set[str]:
        """The definitions that a value of this one may contain."""
        found: set[str] = set()
        waiting = list(_references(self._definitions[name]))
        while waiting:
            inner = waiting.pop()
            if inner not in found:
                found.add(inner)
                waiting += _references(self._definitions[inner])
        return found

    def _refer(self, name: str, place: _Place) -> Schema | None:
        """Each depth has definitions of its own."""
        if name in self._recursive:
            if place.depth > self._depth:
                return None
            place = place.deeper
        key = f"{name}-{place.depth}-{place.inside}"
        if key not in self._known:
            self._known[key] = self.bound(self._definitions[name], place)
        found = self._known[key]
        if found is None:
            return None
        self.made[key] = found
        return {"$ref": f"#/$defs/{key}"}

    def _union(self, branches: Iterable[Schema], place: _Place) -> Schema | None:
        bounded = (self.bound(branch, place) for branch in branches)
        left = [branch for branch in bounded if branch is not None]
        return {"anyOf": left} if left else None

    def _any(self, place: _Place) -> Schema:
        """Any value, of so many levels; it stands in many places, and is written down once."""
        key = f"any-{place.depth}-{place.inside}"
        if key not in self.made:
            kinds: list[Schema] = [{"type": kind} for kind in _SCALARS]
            if place.depth <= self._depth:
                kinds += [_ANY_ARRAY, _ANY_OBJECT]
            bounded = [self.bound(kind, place.deeper) for kind in kinds]
            self.made[key] = {"anyOf": bounded}
        return {"$ref": f"#/$defs/{key}"}

    def _array(self, schema: Schema, place: _Place) -> Schema | None:
        first = [self.bound(item, place.within) for item in schema.get("prefixItems", ())]
        rest = self.bound(schema.get("items", {}), place.within)
        least = schema.get("minItems", 0)
        most = max(place.narrow(self._items), least)
        most = min(most, schema.get("maxItems", most))
        if None in first:
            first = first[: first.index(None)]
            rest = None
        if rest is None:
            most = min(most, len(first))
        if most < least:
            return None
        bounded = schema | {"items": rest or False, "maxItems": most}
        return bounded | {"prefixItems": first} if first else bounded

    def _object(self, schema: Schema, place: _Place) -> Schema | None:
        bounded = {key: self.bound(inner, place) for key, inner in schema["properties"].items()}
        left = {key: inner for key, inner in bounded.items() if inner is not None}
        if not left.keys() >= set(schema.get("required", ())):
            return None
        return schema | {"properties": left} | self._others(schema, place, is_map=not left)

    def _others(self, schema: Schema, place: _Place, *, is_map: bool) -> Schema:
        """Members that no name is known of: a map has some, an object with names none. llguidance
        counts members only where it knows no names, and of keys it bounds no length."""
        others = schema.get("additionalProperties", {})
        inner = self.bound(others, place.within) if is_map and others is not False else None
        if inner is None:
            return {"additionalProperties": False}
        key = {f"^.{{1,{place.within.narrow(self._string)}}}$": inner}
        most = place.narrow(self._items)
        return {"patternProperties": key, "additionalProperties": False, "maxProperties": most}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(name := value.get("$ref"), str):
            yield name.rpartition("/")[2]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
