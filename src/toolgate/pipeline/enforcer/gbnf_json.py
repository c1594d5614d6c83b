"""JSON values that fit a schema, in GBNF: a tool's schema → rules, cached by content.

Members come in the schema's order; of an object with few, in any order. Whitespace is what models
write: none, one space, or a line break and an indent. Knows no calls.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from toolgate.core.grammar import Bounds
from toolgate.core.grammar import Schema as AnySchema
from toolgate.pipeline.enforcer.gbnf_object import WS, Member, Members
from toolgate.pipeline.enforcer.gbnf_rules import Rules, either, name_of, repeated
from toolgate.pipeline.enforcer.gbnf_scalars import (
    write_constant,
    write_number,
    write_other_key,
    write_string,
    write_text,
)
from toolgate.pipeline.enforcer.place import TOP, Place
from toolgate.pipeline.enforcer.recursion import find_recursive
from toolgate.pipeline.enforcer.schema_fit import Dropped, fit_schema
from toolgate.pipeline.enforcer.schema_length import shrink
from toolgate.pipeline.enforcer.schema_merge import Schema
from toolgate.pipeline.enforcer.target import GBNF, Target

CACHED: Final = 1024


class Fragment(Struct, frozen=True):
    """A schema's rules."""

    root: str
    """The rule of a whole value."""
    bodies: Mapping[str, str]
    dropped: tuple[Dropped, ...]


def write_json(schema: AnySchema, bounds: Bounds, target: Target = GBNF) -> Fragment:
    """The values that fit the schema, each of them an object, as far as the target holds them."""
    return _write_encoded(msgspec.json.encode(schema), bounds, target)


@lru_cache(CACHED)
def _write_encoded(schema: bytes, bounds: Bounds, target: Target) -> Fragment:
    fitted = fit_schema(msgspec.json.decode(schema), target)
    bounds = shrink(fitted.schema, bounds, target)
    rules = Rules(target)
    root = JsonRules(rules, bounds, fitted.schema).value(fitted.schema)
    dropped = fitted.dropped
    if root is None:  # it needs more depth than the bounds leave it
        bounds = shrink(OPEN_OBJECT, bounds, target)
        root = JsonRules(rules, bounds, {}).value(OPEN_OBJECT) or "jsonobject"
        dropped = (*dropped, Dropped("#", "depth"))
    return Fragment(root, rules.bodies, dropped)


OPEN_OBJECT: Final[Schema] = {
    **{"type": "object", "properties": {}, "required": []},
    "additionalProperties": {},
}


class JsonRules:
    """Walks one fitted schema. A method returns the name of a rule, or an expression that is one
    atom, and None where no value is left within the bounds."""

    def __init__(self, rules: Rules, bounds: Bounds, root: Schema) -> None:
        self._rules = rules
        self._bounds = bounds
        self._definitions: Mapping[str, Schema] = root.get("$defs", {})
        self._recursive = find_recursive(self._definitions)
        self._salt = name_of(f"{msgspec.json.encode(root)!r} {bounds}")
        self._references: dict[tuple[str, Place], str | None] = {}
        rules.define(WS, '"" | " " | "\\n" [ \\t]{0,24}')

    def value(self, schema: Schema, place: Place = TOP) -> str | None:
        if not schema:
            return self._any(place)
        if "$ref" in schema:
            return self._reference(schema["$ref"].rpartition("/")[2], place)
        if "anyOf" in schema:
            found = [self.value(branch, place) for branch in schema["anyOf"]]
            kept = [name for name in found if name is not None]
            return self._rules.add(either(kept)) if kept else None
        if "enum" in schema:
            constants = [*map(write_constant, schema["enum"])]
            return self._rules.add(either(constants)) if constants else None
        return self._typed(schema, place)

    def _typed(self, schema: Schema, place: Place) -> str | None:
        match schema["type"]:
            case "null":
                return '"null"'
            case "boolean":
                return '("true" | "false")'
            case "integer" | "number":
                return write_number(self._rules, schema, self._bounds.digits)
            case "string":
                return self._string(schema, place)
            case "array":
                return self._array(schema, place)
            case _:
                return self._object(schema, place)

    def _reference(self, name: str, place: Place) -> str | None:
        if self._bounds.depth is None:
            place = TOP
        elif name in self._recursive:
            if place.depth > self._bounds.depth:
                return None
            place = place.deeper
        key = name, place
        if key not in self._references:
            rule = f"{self._salt}d{name}x{place.depth}x{place.inside}"
            self._references[key] = rule
            body = self.value(self._definitions[name], place)
            if body is None:
                self._references[key] = None
            else:
                self._rules.define(rule, body)
        return self._references[key]

    def _any(self, place: Place) -> str:
        """Any value; with a bound on depth, of so many levels."""
        limit = self._bounds.depth
        place = TOP if limit is None else place
        name = f"any{place.depth}x{place.inside}"
        if name not in self._rules.bodies:
            self._rules.define(name, "")  # it names itself
            options = [self._string({}, place), write_number(self._rules, {}, self._bounds.digits)]
            if limit is None or place.depth <= limit:
                options.append(self._array({"items": {}}, place.deeper) or "")
                options.append(self._object(OPEN_OBJECT, place.deeper) or "")
            self._rules.define(name, either([*options, '"true"', '"false"', '"null"']))
        return name

    def _string(self, schema: Schema, place: Place) -> str:
        return write_string(self._rules, schema, place.narrowed(self._bounds.string))

    def _array(self, schema: Schema, place: Place) -> str | None:
        first = [self.value(item, place) for item in schema.get("prefixItems", ())]
        least, most = schema.get("minItems", 0), self._items(schema, place)
        rest = self.value(schema["items"], place.within)
        if None in first:  # then nothing can stand behind it
            first, rest = first[: first.index(None)], None
        if rest is None or (most is not None and most < len(first)):
            most = min(len(first), len(first) if most is None else most)
            first = first[:most]
        if least > len(first) and rest is None:
            return None
        more = None if most is None else most - len(first)
        body = self._rest_of_array(len(first), rest, max(0, least - len(first)), more)
        for index in range(len(first) - 1, -1, -1):
            comma = f'{WS} "," {WS} ' if index else ""
            body = f"{comma}{first[index]} {body}".strip()
            body = body if index < least else f"({body})?"
        return self._rules.add(f'"[" {WS} {body} {WS} "]"' if body else f'"[" {WS} "]"')

    def _items(self, schema: Schema, place: Place) -> int | None:
        most: int | None = schema.get("maxItems")
        bound = place.narrowed(self._bounds.items)
        if bound is None:
            return most
        least: int = schema.get("minItems", 0)
        return max(least, bound if most is None else min(most, bound))

    def _rest_of_array(self, before: int, item: str | None, least: int, most: int | None) -> str:
        if item is None or most == 0:
            return ""
        next_one = self._rules.add(f'{WS} "," {WS} {item}')
        if before:
            return repeated(next_one, least, most)
        others = repeated(next_one, max(least - 1, 0), None if most is None else most - 1)
        some = f"{item} {others}" if most != 1 else item
        return some if least else f"({some})?"

    def _object(self, schema: Schema, place: Place) -> str | None:
        required = set(schema["required"])
        members = []
        for key, inner in schema["properties"].items():
            value = self.value(inner, place)
            if value is not None:
                pair = self._rules.add(f'{write_text(key)} {WS} ":" {WS} {value}')
                members.append(Member(pair, key in required))
            elif key in required:
                return None
        other = self._other(schema, place.within)
        bound = place.narrowed(self._bounds.items)
        body = Members(self._rules, members, other, bound).write()
        return self._rules.add(f'"{{" {WS} {body}"}}"')

    def _other(self, schema: Schema, place: Place) -> str | None:
        """A member that `properties` does not name."""
        held = schema["additionalProperties"]
        value = None if held is False else self.value(held, place)
        if value is None:
            return None
        if "propertyNames" in schema:
            key = self.value(schema["propertyNames"], place)
        elif schema["properties"]:
            key = write_other_key(self._rules, [*schema["properties"]])
        else:
            key = self._string({}, place)
        return self._rules.add(f'{key} {WS} ":" {WS} {value}')
