"""An object's members in tags of their own, in GBNF, as the XML-like families write them.

A string stands there as its bare text, any other value as JSON; the tag names the value's type.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from toolgate.core.grammar import Bounds, Lit, Node, Seq, Tok
from toolgate.core.grammar import Schema as AnySchema
from toolgate.pipeline.enforcer.charset import ANY
from toolgate.pipeline.enforcer.gbnf_json import OPEN_OBJECT, JsonRules
from toolgate.pipeline.enforcer.gbnf_regex import write_regex
from toolgate.pipeline.enforcer.gbnf_rules import Rules, either, literal, repeated
from toolgate.pipeline.enforcer.gbnf_text import counted_text, running_text
from toolgate.pipeline.enforcer.place import TOP, Place
from toolgate.pipeline.enforcer.recursion import find_recursive
from toolgate.pipeline.enforcer.regex import read_pattern
from toolgate.pipeline.enforcer.schema_fit import fit_schema
from toolgate.pipeline.enforcer.schema_length import shrink
from toolgate.pipeline.enforcer.schema_merge import Schema

Tags: TypeAlias = Callable[[str | None, str], tuple[Node, Node]]
Write: TypeAlias = Callable[[Node], str]
KINDS: Final = {"integer": "number"}
"""JSON Schema's name → the tag's, where they differ."""
_KIND_OF: Final[Mapping[type, str]] = {
    **{bool: "boolean", int: "number", float: "number"},
    **{dict: "object", list: "array", type(None): "null"},
}
_ANY: Final[Sequence[Schema]] = [{"type": kind} for kind in ("string", "number", "boolean", "null")]
_ANY_INNER: Final[Sequence[Schema]] = [OPEN_OBJECT, {"type": "array", "items": {}}]


def write_members(schema: AnySchema, tags: Tags, bounds: Bounds, rules: Rules, write: Write) -> str:
    """One atom: the members of an object that fits. Those of few come in any order, as in JSON."""
    fitted = fit_schema(schema, rules.target).schema
    bounds = shrink(fitted, bounds, rules.target)
    return _Writer(tags, bounds, rules, write, fitted).write(fitted)


class _Writer:
    def __init__(
        self, tags: Tags, bounds: Bounds, rules: Rules, write_node: Write, root: Schema
    ) -> None:
        self._tags = tags
        self._bounds = bounds
        self._rules = rules
        self._write = write_node
        self._root = root
        self._recursive = find_recursive(root.get("$defs", {}))
        self._json = JsonRules(rules, bounds, root)

    def write(self, schema: Schema) -> str:
        """The front end has written out what a whole object refers to: nothing contains it."""
        while "$ref" in schema:
            schema = self._root["$defs"][schema["$ref"].rpartition("/")[2]]
        if "anyOf" in schema:
            return self._rules.add(either(self.write(branch) for branch in schema["anyOf"]))
        if "enum" in schema:
            return self._rules.add(either(self._constants(value) for value in schema["enum"]))
        return self._rules.add(" ".join(self._parts(schema)) or '""')

    def _parts(self, schema: Schema) -> Iterator[str]:
        required = set(schema["required"])
        for key, inner in schema["properties"].items():
            if key in required:
                # Where the bounds leave no value, any may come, and is checked afterwards.
                yield self._member(key, inner) or self._member(key, {})
            elif member := self._member(key, inner):
                yield f"({member})?"
        others = schema["additionalProperties"]
        if others is not False and (member := self._member(None, others, TOP.within)):
            yield repeated(member, 0, self._bounds.items)

    def _resolve(self, schema: Schema, place: Place) -> tuple[Schema, Place] | None:
        """What a reference names; None where it is too deep inside of its like."""
        limit = self._bounds.depth
        while "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if limit is not None and name in self._recursive:
                if place.depth > limit:
                    return None
                place = place.deeper
            schema = self._root["$defs"][name]
        return schema, place

    def _constants(self, value: dict[str, object]) -> str:
        written = (self._member(key, {"enum": [one]}) for key, one in value.items())
        return " ".join(written) or '""'

    def _member(self, key: str | None, schema: Schema, place: Place = TOP) -> str:
        """Empty where the bounds leave it no value."""
        options = []
        avoid = _closers(self._tags(key, "string")[1])
        for kind, value in self._values(schema, place, avoid):
            begin, end = self._tags(key, kind)
            options.append(f"{self._write(begin)} {value} {self._write(end)}")
        return self._rules.add(either(options)) if options else ""

    def _values(
        self, schema: Schema, place: Place, avoid: Sequence[str]
    ) -> Iterator[tuple[str, str]]:
        """(the tag's type, what stands in it), one per type that the value can have."""
        if (found := self._resolve(schema, place)) is None:
            return
        schema, place = found
        if not schema:
            yield from self._any(place, avoid)
        elif "anyOf" in schema:
            for branch in schema["anyOf"]:
                yield from self._values(branch, place, avoid)
        elif "enum" in schema:
            for value in schema["enum"]:
                yield self._constant(value)
        elif schema["type"] == "string":
            yield "string", self._text(schema, place, avoid)
        elif (value := self._json.value(schema, place)) is not None:
            kind: str = schema["type"]
            yield KINDS.get(kind, kind), value

    def _any(self, place: Place, avoid: Sequence[str]) -> Iterator[tuple[str, str]]:
        limit = self._bounds.depth
        for one in _ANY:
            yield from self._values(one, place, avoid)
        for one in _ANY_INNER if limit is None or place.depth <= limit else ():
            yield from self._values(one, place.deeper, avoid)

    def _constant(self, value: object) -> tuple[str, str]:
        if isinstance(value, str):
            return "string", literal(value)
        kind = _KIND_OF[type(value)]
        if isinstance(value, dict | list):
            written = self._json.value({"enum": [value]})
            assert written is not None
            return kind, written
        return kind, literal(json.dumps(value))

    def _text(self, schema: Schema, place: Place, avoid: Sequence[str]) -> str:
        """A string without quotes and escapes, which where it has no bound ends with its tag."""
        bound, counted = place.narrowed(self._bounds.string), self._rules.target.most_counted
        if "pattern" in schema:
            tree = read_pattern(schema["pattern"])
            return write_regex(tree, rules=self._rules, longest=bound)
        least, most = schema.get("minLength", 0), schema.get("maxLength", bound)
        if most is not None and bound is not None:
            most = max(least, min(bound, most))
        if most is not None and (counted is None or most <= counted):
            return counted_text(self._rules, ANY, least, most)
        first = f"{counted_text(self._rules, ANY, least, least)} " if least else ""
        rest = running_text(self._rules, ANY, avoid=avoid)
        return first + (rest if most is None else self._rules.within(rest, most))


def _closers(end: Node) -> tuple[str, ...]:
    """What ends a text, unless all text avoids it in any case: `<|close|>`.

    Where a special token stands in the tag, it is that: `</` alone ends nothing.
    """
    parts = end.parts if isinstance(end, Seq) else (end,)
    tokens = [part.text for part in parts[:2] if isinstance(part, Tok)]
    first = tokens or [part.text.strip() for part in parts[:1] if isinstance(part, Lit)]
    closer = "".join(first[:1])
    return () if not closer or closer.startswith("<|") else (closer,)
