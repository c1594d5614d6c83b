"""Schemas that are valid and that nobody can fit: no object, or only one that never ends.

A model that is held to such a schema could write nothing, or would have to write for ever. Follows
types, values, least and most, unions, `required`, `minItems` and local references; whatever else a
schema says is taken to leave something over, so that none is refused that an object could fit.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import Any, Final, TypeAlias

from toolgate.core.schema_limits import DATA
from toolgate.core.schema_types import json_type, resolve_reference

MAX_STEPS: Final = 50_000
"""Schemas looked at before the answer is left open; some 0.1 s."""
_Kinds: TypeAlias = frozenset[str]
_NONE: Final[_Kinds] = frozenset()
_ALL: Final[_Kinds] = frozenset(("array", "boolean", "null", "number", "object", "string"))
_ALONE: Final = ("draft-04", "draft-06", "draft-07")
"""Drafts in which nothing counts that stands beside a `$ref`."""
ENDLESS: Final = (
    "each value would need another one inside it, without end; take the name out of `required`, or "
    "let it be null as well"
)
NO_OBJECT: Final = (
    "no object fits it, and a call's arguments always are one; put what it says under a name, as "
    'in {"type": "object", "properties": {"value": …}}'
)
CONTRADICTION: Final = (
    "no value fits it; take out one of the keywords that rule each other out, or the name out of "
    "`required`"
)


_SPANS: Final = (
    ("string", ("minLength",), ("maxLength",)),
    ("array", ("minItems",), ("maxItems",)),
    ("object", ("minProperties",), ("maxProperties",)),
    ("number", ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")),
)
"""Of which type what is at least so much, and at most."""


class _Unsure(Exception):
    pass


def find_emptiness(schema: Mapping[str, Any]) -> tuple[tuple[str, ...], str] | None:
    """Where no value is left that ends, and what mends it; None where an object may fit."""
    try:
        finite = _Found(schema, _NONE)
        if "object" in finite.kinds(schema):
            return None
        path = finite.blame(schema)
        if "object" in _Found(schema, _ALL).kinds(schema):
            return path, ENDLESS
        is_crossed = path[1:] or "object" in _crossed(schema)
        return path, CONTRADICTION if is_crossed else NO_OBJECT
    except _Unsure:
        return None


class _Found:
    """Which types of values are left by one schema's parts.

    References begin with none, then all that end are found; or with all, then those too that never
    end.
    """

    def __init__(self, root: Mapping[str, Any], start: _Kinds) -> None:
        self._root = root
        self._steps = 0
        self._is_alone = any(draft in str(root.get("$schema", "")) for draft in _ALONE)
        self._held: dict[str, _Kinds] = dict.fromkeys(_references(root), start)
        while any([self._grow(reference) for reference in self._held]):
            pass

    def _grow(self, reference: str) -> bool:
        target = resolve_reference(reference, self._root)
        kinds = _ALL if target is None else self.kinds(target)
        has_grown, self._held[reference] = kinds != self._held[reference], kinds
        return has_grown

    def kinds(self, schema: Any) -> _Kinds:
        """Raises: _Unsure."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _Unsure
        if not isinstance(schema, Mapping):
            return _NONE if schema is False else _ALL
        found = self._held.get(str(schema["$ref"]), _ALL) if "$ref" in schema else _ALL
        if "$ref" in schema and self._is_alone:
            return found
        found &= _told(schema) - _crossed(schema)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                found &= _NONE.union(*self._each(schema[key]))
        for branch in self._each(schema.get("allOf", ())):
            found &= branch
        if "object" in found and not self._has_members(schema):
            found -= {"object"}
        if "array" in found and not self._has_items(schema):
            found -= {"array"}
        return found

    def _each(self, schemas: Iterable[Any]) -> Iterator[_Kinds]:
        return (self.kinds(one) for one in schemas)

    def _has_members(self, schema: Mapping[str, Any]) -> bool:
        return all(self._each((inner for _, inner in _required(schema))))

    def _has_items(self, schema: Mapping[str, Any]) -> bool:
        first = schema.get("prefixItems", ())
        items = [*first, *([] if first else [schema.get("items", True)])]
        return all(self._each(items[: int(schema.get("minItems", 0))]))

    def blame(self, schema: Any) -> tuple[str, ...]:
        """The way to the innermost schema that leaves nothing over."""
        if not isinstance(schema, Mapping) or "$ref" in schema:
            return ()
        if "object" in _told(schema):
            for name, inner in _required(schema):
                if not self.kinds(inner):
                    return ("properties", name, *self.blame(inner))
        return next(((key,) for key in ("anyOf", "oneOf", "allOf") if key in schema), ())


def _required(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The required members that are declared."""
    properties = schema.get("properties", {})
    return ((name, properties[name]) for name in schema.get("required", ()) if name in properties)


def _told(schema: Mapping[str, Any]) -> _Kinds:
    """The types that it names, of the seven all but `integer`, whose values are numbers."""
    kinds = schema.get("type", _ALL)
    told = frozenset((kinds,)) if isinstance(kinds, str) else frozenset(kinds)
    for values in ([schema["const"]] if "const" in schema else None, schema.get("enum")):
        if values is not None:
            told = _plain(told) & _plain(map(json_type, values))
    return _plain(told)


def _crossed(schema: Mapping[str, Any]) -> _Kinds:
    """The types of which it asks more than it allows."""
    return frozenset(
        kind
        for kind, least, most in _SPANS
        if max(_bounds(schema, least), default=-inf) > min(_bounds(schema, most), default=inf)
    )


def _bounds(schema: Mapping[str, Any], keywords: Iterable[str]) -> list[float]:
    """In draft 4 the exclusive ones are true or false."""
    told = (schema[key] for key in keywords if key in schema)
    return [bound for bound in told if not isinstance(bound, bool)]


def _plain(kinds: Iterable[str]) -> _Kinds:
    return frozenset("number" if kind == "integer" else kind for kind in kinds)


def _references(root: Mapping[str, Any]) -> Iterator[str]:
    waiting: list[Any] = [root]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            if "$id" in one and one is not root:
                raise _Unsure  # references below it are looked up elsewhere
            if isinstance(reference := one.get("$ref"), str):
                yield reference
            waiting += (inner for key, inner in one.items() if key not in DATA)
        elif isinstance(one, list):
            waiting += one
