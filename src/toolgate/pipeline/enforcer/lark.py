"""The grammar of a turn's calls as llguidance reads it: Lark, with special tokens by their number.

Special tokens are an alphabet of their own there, so no ordinary text can spell one, and free text
ends exactly where a real one begins. Schemas go in as they are; only one that llguidance refuses
passes the front end first. Knows no engine.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import permutations
from typing import Any, Final, TypeGuard, assert_never

from llguidance import LLMatcher

from toolgate.core.grammar import (
    Alt,
    Bounds,
    FreeText,
    Index,
    Json,
    Lit,
    Members,
    Node,
    Opt,
    Plus,
    Regex,
    Schema,
    Seq,
    Tok,
)
from toolgate.core.schema_limits import DATA
from toolgate.pipeline.enforcer.constrain import ANY_OBJECT
from toolgate.pipeline.enforcer.lark_object import (
    FREE_ORDER,
    may_come_in_any_order,
    split_object,
    write_object,
)
from toolgate.pipeline.enforcer.member_forms import Form, Member, read_members
from toolgate.pipeline.enforcer.schema_bounds import bound_schema, is_bounded
from toolgate.pipeline.enforcer.schema_fit import fit_schema
from toolgate.pipeline.enforcer.schema_length import shrink
from toolgate.pipeline.enforcer.target import LLGUIDANCE, Target

OPEN: Final = Bounds()
HEAD: Final = "%llguidance {}\n"
OPTIONS: Final = "x-guidance"
"""The key of llguidance's own options in a schema; one of the client's making means nothing."""
WHITESPACE: Final = {"whitespace_pattern": r"[\x20\x0A\x0D\x09]{1,40}"}
"""Of one gap: a line break and nine levels of four spaces. Without a bound models write it for
ever (vllm#38696)."""
MOST: Final = 512
"""Rounds of a `Plus` that says nothing of them."""
COUNTER: Final = "[0:10]"
"""Its bits in a parametric rule's number."""
CACHED: Final = 1024
"""Schemas; agents send some 25 tools, the same ones in every request."""
STEP: Final = Decimal("1e-9")
_EXCLUSIVE: Final[Mapping[str, tuple[str, Callable[[float, float], float], Decimal]]] = {
    "exclusiveMinimum": ("minimum", max, STEP),
    "exclusiveMaximum": ("maximum", min, -STEP),
}
_NAMED: Final = frozenset(("properties", "patternProperties", "$defs", "definitions"))
"""What maps names to schemas."""
_DEFINED: Final = ("$defs", "definitions")
_SAYS_OF_OTHERS: Final = frozenset(
    ("additionalProperties", "patternProperties", "unevaluatedProperties")
)
_MERGED: Final = frozenset(("$ref", "allOf"))
_MIXED_IN: Final = frozenset(("anyOf", "oneOf", "not", "if", "dependentSchemas"))
"""Beside `properties` they may name further ones."""
_SLASH: Final = re.compile(r"\\.|/", re.DOTALL)


def write_lark(
    node: Node,
    specials: Mapping[str, int],
    bounds: Bounds = OPEN,
    *,
    counts_as: Target = LLGUIDANCE,
) -> str:
    """The grammar whose language is this node's; `specials` numbers the special tokens, and the
    bounds are made as narrow as they are for `counts_as`."""
    writer = _Writer(specials, bounds, counts_as)
    start = writer.write(node).replace("::_", "::0")
    return "\n".join([f"{HEAD}start : {start}", *writer.rules, ""])


class _Writer:
    """Terminals are written where they stand; what is made of others becomes a rule, once.

    Inside a `Plus` that counts, the rules on the way to an `Index` pass its counter on: `rule::_`.
    """

    def __init__(self, specials: Mapping[str, int], bounds: Bounds, counts_as: Target) -> None:
        self.rules: list[str] = []
        self._bounds, self._counts_as = bounds, counts_as
        self._specials = specials
        self._names: dict[int, str] = {}
        self._texts: dict[str, str] = {}
        self._rounds = 1

    def write(self, node: Node) -> str:
        """The node as it stands in a rule's body."""
        match node:
            case Tok(text):
                written = f"<[{self._specials[text]}]>"
            case Lit(text):
                written = json.dumps(text)
            case Regex(pattern):
                written = f"/{_SLASH.sub(_escape, pattern)}/"
            case FreeText():
                written = "/(?s:.*)/"
            case Index(first):
                written = self._rule("index", _number(first, self._rounds), counts=True)
            case Json(schema):
                written = self._json(fit_json(encode_schema(schema), self._bounds, self._counts_as))
            case Seq() | Alt() | Opt() | Plus():
                written = self._compose(node)
            case Members():
                written = self._members(read_members(node, LLGUIDANCE).members)
            case _:
                assert_never(node)
        return written

    def _json(self, text: str) -> str:
        fitted = json.loads(text)
        if not may_come_in_any_order(fitted):
            return self._rule("json", f"%json {text}")
        if text not in self._texts:
            blanks = self._rule("blanks", f"(/{WHITESPACE['whitespace_pattern']}/)?")
            members = _split(text).items()
            values = {name: self._rule("json", f"%json {schema}") for name, schema in members}
            self._texts[text] = name = f"object_{len(self._texts)}"
            self.rules += write_object(name, values, fitted.get("required", ()), blanks)
        return self._texts[text]

    def _members(self, members: Sequence[Member]) -> str:
        named = [self._member(member) for member in members if not member.repeats]
        others = [self._member(member) for member in members if member.repeats]
        orders = permutations(named) if len(named) <= FREE_ORDER else (named,)
        bodies = dict.fromkeys(" ".join((*order, *others)) or '""' for order in orders)
        return self._rule("members", " | ".join(bodies))

    def _member(self, member: Member) -> str:
        written = " | ".join(map(self._form, member.forms))
        if member.repeats:
            most = self._bounds.items
            return f"({written}){{0,{'' if most is None else most}}}"
        return f"({written})" if member.is_required else f"({written})?"

    def _form(self, form: Form) -> str:
        begin, end = self.write(form.begin), self.write(form.end)
        if form.schema is not None:
            fitted = fit_value(json.dumps(form.schema), self._bounds, self._counts_as)
            value = self._rule("json", f"%json {fitted}")
        elif form.text is not None:
            value = json.dumps(form.text)
        else:
            most = "*" if self._bounds.string is None else f"{{0,{self._bounds.string}}}"
            if form.closer is not None:
                return f"{begin} {self._text_until(form.closer, f'/(?s:.{most})/')}"
            # A text reads on to the next special token, so what stands before that is its own.
            before, rest = form.ending
            tail = re.escape(before).replace("/", "\\/")
            value, end = f"/(?s:.{most}){tail}/", self.write(rest)
        return f"{begin} {value} {end}"

    def _text_until(self, closer: str, text: str) -> str:
        """Text of which the first `closer` is the end."""
        return self._rule("text", text, options=f"[suffix={json.dumps(closer)}]")

    def _compose(self, node: Seq | Alt | Opt | Plus) -> str:
        if id(node) not in self._names:
            body = self._body(node)
            self._names[id(node)] = self._rule("rule", body, counts=counts(node))
        return self._names[id(node)]

    def _body(self, node: Seq | Alt | Opt | Plus) -> str:
        match node:
            case Seq(parts):
                return " ".join(map(self.write, parts)) or '""'
            case Alt(options):
                held = [option for option in options if not isinstance(option, Members)]
                return " | ".join(map(self.write, held))
            case Opt(part):
                return f"({self.write(part)})?"
            case Plus(part) if counts(part):
                return self._count(node)
            case Plus(part, least, most):
                return f"({self.write(part)}){{{least},{'' if most is None else most}}}"
            case _:
                assert_never(node)

    def _count(self, node: Plus) -> str:
        """Rounds of which each knows its number, from 0."""
        self._rounds = node.most or MOST
        part = self.write(node.part)
        name = f"rounds_{len(self.rules)}"
        last = f" %if ge({COUNTER}, {node.least - 1})" if node.least > 1 else ""
        more = f"{name}::incr({COUNTER}) %if lt({COUNTER}, {self._rounds - 1})"
        self.rules.append(f"{name}::_ : {part}{last} | {part} {more}")
        return f"{name}::0"

    def _rule(self, kind: str, body: str, *, counts: bool = False, options: str = "") -> str:
        """The name of the rule with this body."""
        key = f"{options}{body}"
        if key not in self._texts:
            self._texts[key] = name = f"{kind}_{len(self._texts)}{'::_' if counts else ''}"
            self.rules.append(f"{name}{options} : {body}")
        return self._texts[key]


def counts(node: Node) -> bool:
    """Whether an `Index` stands in it that is counted outside."""
    match node:
        case Index():
            return True
        case Seq(parts) | Alt(parts):
            return any(map(counts, parts))
        case Opt(part):
            return counts(part)
        case _:
            return False


def _without_exclusive(value: Any) -> Any:
    """The same with bounds that belong to it: llguidance 1.9 takes 3 as more than 3, and refuses
    0.5 as more than 0."""
    if isinstance(value, list):
        return [_without_exclusive(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    inside = {
        key: inner if key in DATA else _without_exclusive(inner) for key, inner in value.items()
    }
    for key, (inclusive, stricter, step) in _EXCLUSIVE.items():
        bound, other = inside.get(key), inside.get(inclusive)
        if _is_number(bound):
            del inside[key]
            bound = float(Decimal(str(bound)) + step)
            inside[inclusive] = stricter(bound, other) if _is_number(other) else bound
    return inside


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _escape(found: re.Match[str]) -> str:
    return r"\/" if found[0] == "/" else found[0]


def _number(first: int, rounds: int) -> str:
    return " | ".join(f'"{first + n}" %if eq({COUNTER}, {n})' for n in range(rounds))


def encode_schema(schema: Schema) -> str:
    """Its JSON text, with our options and not those that a client may have put in."""
    told = {} if schema is True else {"enum": []} if schema is False else dict(schema)
    return json.dumps(_without_exclusive(told) | {OPTIONS: WHITESPACE})


@lru_cache(CACHED)
def fit_json(schema: str, bounds: Bounds = OPEN, counts_as: Target = LLGUIDANCE) -> str:
    """The schema's JSON text as llguidance takes it, within the bounds."""
    forms = _forms(json.loads(schema), bounds, counts_as)
    return next(filter(_is_taken, map(encode_schema, forms)))


@lru_cache(CACHED)
def fit_value(schema: str, bounds: Bounds = OPEN, counts_as: Target = LLGUIDANCE) -> str:
    """The JSON text of a schema in the plain forms, of a value of any type, within the bounds."""
    plain = json.loads(schema)
    bounded = _bounded(plain, bounds, counts_as)
    forms = ({},) if bounded is None else (bounded, {})
    return next(filter(_is_taken, map(encode_schema, forms)))


def _forms(schema: dict[str, Any], bounds: Bounds, counts_as: Target) -> Iterator[Schema]:
    """The best first, the last one possible in any case."""
    schema.pop(OPTIONS, None)
    if not is_bounded(bounds) and not _mixes(schema):
        closed = _close(schema)
        yield from (_in_any_order(closed), closed)
    yield from _fitted(schema, bounds, counts_as)
    yield from _fitted(ANY_OBJECT, bounds, counts_as)


def _mixes(value: Any) -> bool:
    """Whether an object's members are named in several places, which the front end merges, or it
    may contain itself without an end, which it prunes."""
    if isinstance(value, list):
        return any(map(_mixes, value))
    if not isinstance(value, dict):
        return False
    is_open = "properties" in value and not value.keys() & _SAYS_OF_OTHERS
    if value.keys() & _MERGED or (is_open and value.keys() & _MIXED_IN):
        return True
    return any(_mixes(inner) for key, inner in value.items() if key not in DATA)


def _close(value: Any) -> Any:
    """The same, where an object that lists members and says nothing of others has no others: as
    Moonshot's own grammar and every engine's take it. A misspelled key would be one of them."""
    if isinstance(value, list):
        return [_close(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    closed = {
        key: {name: _close(schema) for name, schema in inner.items()}
        if key in _NAMED and isinstance(inner, dict)
        else inner
        if key in DATA or ("properties" in value and key in _MIXED_IN)
        else _close(inner)
        for key, inner in value.items()
    }
    has_others = "properties" not in value or value.keys() & _SAYS_OF_OTHERS
    return closed if has_others else closed | {"additionalProperties": False}


def _fitted(schema: Schema, bounds: Bounds, counts_as: Target) -> tuple[Schema, ...]:
    plain = fit_schema(schema, LLGUIDANCE).schema
    bounded = _bounded(plain, bounds, counts_as)
    return () if bounded is None else (_in_any_order(bounded), bounded)


def _bounded(plain: dict[str, Any], bounds: Bounds, counts_as: Target) -> dict[str, Any] | None:
    if not is_bounded(bounds):
        return plain
    return bound_schema(plain, shrink(plain, bounds, counts_as))


@lru_cache(CACHED)
def _split(schema: str) -> Mapping[str, str]:
    """The members' own schemas. One that nothing fits is none: as a rule it would be an error."""
    members = split_object(json.loads(schema)).items()
    return {name: text for name, inner in members if _is_taken(text := json.dumps(inner))}


def _is_taken(schema: str) -> bool:
    return not LLMatcher.validate_grammar(f"{HEAD}start : %json {schema}", None)


def _in_any_order(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema with the properties of each object in each order, if there are few: llguidance
    holds to the one that it reads. What is in a property is written once."""
    own = {key: schema[key] for key in _DEFINED if isinstance(schema.get(key), dict)}
    reader = _AnyOrder()
    ordered = reader.order({key: schema[key] for key in schema.keys() - own.keys() - {OPTIONS}})
    own = {key: reader.order_each(inner) for key, inner in own.items()}
    if not reader.values:
        return schema
    definitions = own.get("$defs", {}) | reader.values
    return {**own, **ordered, "$defs": definitions}


class _AnyOrder:
    """Walks one schema; `values` are those of the properties, as definitions."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def order(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.order(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        inside = {
            key: self.order_each(inner)
            if key in _NAMED and isinstance(inner, dict)
            else inner
            if key in DATA
            else self.order(inner)
            for key, inner in value.items()
        }
        properties = inside.get("properties")
        is_free = isinstance(properties, dict) and 1 < len(properties) <= FREE_ORDER
        return self._permute(inside) if is_free and not inside.keys() & _MIXED_IN else inside

    def order_each(self, named: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.order(schema) for name, schema in named.items()}

    def _permute(self, schema: dict[str, Any]) -> dict[str, Any]:
        named = {}
        for name, inner in schema["properties"].items():
            definition = f"value{len(self.values)}"
            self.values[definition] = inner
            named[name] = {"$ref": f"#/$defs/{definition}"}
        orders = permutations(named.items())
        return {"anyOf": [schema | {"properties": dict(order)} for order in orders]}
