"""A schema of one type, made to fit a target: which of its keywords stay, and in which form."""

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from toolgate.pipeline.enforcer.formats import FORMATS
from toolgate.pipeline.enforcer.number_range import Span, decimals
from toolgate.pipeline.enforcer.regex import Pattern, Unsupported, read_pattern
from toolgate.pipeline.enforcer.regex_length import limit, loosen
from toolgate.pipeline.enforcer.regex_text import write_pattern
from toolgate.pipeline.enforcer.schema_merge import Impossible, Schema
from toolgate.pipeline.enforcer.target import Target

Fit: TypeAlias = Callable[[Any, str], Schema]
"""(inner schema, the step to it) → the same as the target can hold it; raises Impossible."""
Drop: TypeAlias = Callable[[str], None]

_NUMBER: Final = frozenset(
    ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
)
KEYWORDS: Final[Mapping[str, frozenset[str]]] = {
    "null": frozenset(),
    "boolean": frozenset(),
    "integer": _NUMBER,
    "number": _NUMBER,
    "string": frozenset(("minLength", "maxLength", "pattern", "format")),
    "array": frozenset(
        ("items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems")
    ),
    "object": frozenset(
        (
            *("properties", "required", "additionalProperties", "patternProperties"),
            *("propertyNames", "minProperties", "maxProperties"),
        )
    ),
}
TYPED: Final = frozenset().union(*KEYWORDS.values())
MOST_MULTIPLES: Final = 1000
LARGEST_BOUND: Final = 10**30
"""Of whole numbers: each digit of a bound nests its expression once more."""
"""Multiples that are listed one by one, as an enum."""


def fit_typed(kind: str, own: Schema, target: Target, fit: Fit, drop: Drop) -> Schema:
    """`own` has keywords of this type only.

    Raises: Impossible.
    """
    if kind not in _FITTERS:
        drop("type")
        return {}
    return _FITTERS[kind](own, target, fit, drop)


def _fit_plain(kind: str) -> "_Fitter":
    return lambda own, target, fit, drop: {"type": kind}


def _fit_integer(own: Schema, target: Target, fit: Fit, drop: Drop) -> Schema:
    own = _without_flags(own, drop)
    low, high = own.get("minimum"), own.get("maximum")
    lows = [math.ceil(low)] if low is not None else []
    highs = [math.floor(high)] if high is not None else []
    if "exclusiveMinimum" in own:
        lows.append(math.floor(own["exclusiveMinimum"]) + 1)
    if "exclusiveMaximum" in own:
        highs.append(math.ceil(own["exclusiveMaximum"]) - 1)
    if lows and highs and max(lows) > min(highs):
        raise Impossible
    fitted: Schema = {"type": "integer"}
    for keyword, bounds, nearest in (("minimum", lows, max), ("maximum", highs, min)):
        if bounds and abs(nearest(bounds)) > LARGEST_BOUND:
            drop(keyword)
        elif bounds:
            fitted[keyword] = nearest(bounds)
    return _fit_multiple(fitted, own["multipleOf"], target, drop) if "multipleOf" in own else fitted


def _fit_multiple(fitted: Schema, step: float, target: Target, drop: Drop) -> Schema:
    if step != int(step) or step <= 0:
        drop("multipleOf")
        return fitted
    step = int(step)
    low, high = fitted.get("minimum"), fitted.get("maximum")
    if low is not None and high is not None and (high - low) // step < MOST_MULTIPLES:
        values = list(range(math.ceil(low / step) * step, high + 1, step))
        if not values:
            raise Impossible
        return {"enum": values}
    if step <= target.largest_step and (target.steps_within_bounds or low is high is None):
        return {**fitted, "multipleOf": step}
    drop("multipleOf")
    return fitted


def _fit_number(own: Schema, target: Target, fit: Fit, drop: Drop) -> Schema:
    own = _without_flags(own, drop)
    fitted = {"type": "number", **{key: own[key] for key in _NUMBER - {"multipleOf"} if key in own}}
    try:
        decimals(span_of(fitted), digits=15)
    except Unsupported:
        drop("minimum")
        fitted = {"type": "number"}
    if "multipleOf" in own:
        drop("multipleOf")
    return fitted


def _without_flags(own: Schema, drop: Drop) -> Schema:
    """Draft 4 had `exclusiveMinimum` as a flag beside `minimum`."""
    flags = [key for key, value in own.items() if isinstance(value, bool)]
    for key in flags:
        drop(key)
    return {key: value for key, value in own.items() if key not in flags}


def span_of(schema: Schema) -> Span:
    """A fitted number's bounds; of two on one side the narrower."""
    low, without_low = _narrower(schema, "minimum", "exclusiveMinimum", max)
    high, without_high = _narrower(schema, "maximum", "exclusiveMaximum", min)
    return Span(low=low, high=high, without_low=without_low, without_high=without_high)


def _narrower(
    schema: Schema, closed: str, opened: str, choose: Callable[..., Decimal]
) -> tuple[Decimal | None, bool]:
    bounds = {
        key: Decimal(repr(schema[key])) for key in (opened, closed) if schema.get(key) is not None
    }
    if not bounds:
        return None, False
    bound = choose(bounds.values())
    return bound, bounds.get(opened) == bound


def _fit_string(own: Schema, target: Target, fit: Fit, drop: Drop) -> Schema:
    least, most = own.get("minLength", 0), own.get("maxLength")
    if most is not None and least > most:
        raise Impossible
    if "pattern" in own:
        if "format" in own:
            drop("format")
        if fitted := _fit_pattern(own["pattern"], least, most, target, drop):
            return fitted
    elif own.get("format") in target.formats:
        return _fit_format(own["format"], least, most, target, drop)
    elif "format" in own:
        drop("format")
    return _fit_length(least, most, target, drop)


def _fit_format(name: str, least: int, most: int | None, target: Target, drop: Drop) -> Schema:
    if not target.formats_as_patterns:
        if least or most is not None:
            drop("maxLength")
        return {"type": "string", "format": name}
    # Ours are narrower than the standards', so that a looser one is still right.
    tree = read_pattern(f"^(?:{FORMATS[name]})$")
    return _write_tree(tree, least, most, target, drop)


def _fit_pattern(
    pattern: str, least: int, most: int | None, target: Target, drop: Drop
) -> Schema | None:
    """As an expression of the whole text, in which the length stands too."""
    try:
        tree = read_pattern(pattern)
        write_pattern(tree)
    except Unsupported:
        drop("pattern")
        return None
    if _loosen(tree, target) != tree:
        drop("pattern")
    return _write_tree(tree, least, most, target, drop)


def _write_tree(tree: Pattern, least: int, most: int | None, target: Target, drop: Drop) -> Schema:
    if least or most is not None:
        try:
            tree = limit(tree, least, most)
            is_held = _loosen(tree, target) == tree
        except Unsupported:
            is_held = False
        if not is_held:
            drop("maxLength" if most is not None else "minLength")
    return {"type": "string", "pattern": write_pattern(_loosen(tree, target))}


def _loosen(tree: Pattern, target: Target) -> Pattern:
    return tree if target.most_counted is None else loosen(tree, target.most_counted)


def _fit_length(least: int, most: int | None, target: Target, drop: Drop) -> Schema:
    fitted: Schema = {"type": "string"}
    bounds = {"minLength": least or None, "maxLength": most}
    for key, bound in bounds.items():
        if bound is None:
            continue
        if bound <= target.longest:
            fitted[key] = bound
        else:
            drop(key)
    return fitted


def _fit_array(own: Schema, target: Target, fit: Fit, drop: Drop) -> Schema:
    if own.get("uniqueItems"):
        drop("uniqueItems")
    first, rest = own.get("prefixItems", []), own.get("items", True)
    if isinstance(rest, list):  # as drafts before 2020 wrote it
        first, rest = rest, own.get("additionalItems", True)
    least, most = own.get("minItems", 0), own.get("maxItems")
    if most is not None and least > most:
        raise Impossible
    fitted: Schema = {"type": "array"}
    if first:
        fitted["prefixItems"] = [
            fit(item, f"prefixItems/{index}") for index, item in enumerate(first)
        ]
    try:
        fitted["items"] = fit(rest, "items")
    except Impossible:
        if least > len(first):
            raise
        fitted["items"], most = {}, min(len(first), len(first) if most is None else most)
    if least:
        fitted["minItems"] = least
    if most is not None:
        fitted["maxItems"] = most
    return fitted


def _fit_object(own: Schema, target: Target, fit: Fit, drop: Drop) -> Schema:
    required = list(dict.fromkeys(own.get("required", ())))
    properties, others = own.get("properties", {}), own.get("additionalProperties")
    unlisted = True if others is None else others  # a name that is required is meant, listed or not
    if others is None:
        # What xgrammar and llama.cpp do as well: a tool that lists its parameters means these.
        others = not properties
    fitted: Schema = {}
    for name in (*properties, *(name for name in required if name not in properties)):
        try:
            fitted[name] = fit(properties.get(name, unlisted), f"properties/{name}")
        except Impossible:
            if name in required:
                raise
    kept = {"type": "object", "properties": fitted, "required": required}
    kept |= _fit_others(own, others, fit, drop)
    _drop_sizes(own, kept, drop)
    return kept


def _fit_others(own: Schema, others: Any, fit: Fit, drop: Drop) -> Schema:
    """What members that `properties` does not name must be (False = there are none), and how
    they may be called, where nothing else names any."""
    patterns, named = own.get("patternProperties", {}), bool(own.get("properties"))
    names = own.get("propertyNames")
    if len(patterns) == 1 and not named and names is None:
        (pattern, schema) = next(iter(patterns.items()))
        if "additionalProperties" not in own:
            others = schema
        elif others is False:
            others, names = schema, {"pattern": pattern}
        else:
            drop("patternProperties")
    elif patterns:
        drop("patternProperties")
    try:
        fitted = False if others is False else fit(others, "additionalProperties")
        if not isinstance(names, dict) or fitted is False:
            return {"additionalProperties": fitted}
        held = fit({"type": "string", **names}, "propertyNames")
    except Impossible:
        return {"additionalProperties": False}
    if named:
        drop("propertyNames")
        return {"additionalProperties": fitted}
    return {"additionalProperties": fitted, "propertyNames": held}


def _drop_sizes(own: Schema, kept: Schema, drop: Drop) -> None:
    """No target counts an object's members."""
    if own.get("minProperties", 0) > len(kept["required"]):
        drop("minProperties")
    if "maxProperties" in own:
        drop("maxProperties")


_Fitter: TypeAlias = Callable[[Schema, Target, Fit, Drop], Schema]
_FITTERS: Final[Mapping[str, _Fitter]] = {
    "null": _fit_plain("null"),
    "boolean": _fit_plain("boolean"),
    "integer": _fit_integer,
    "number": _fit_number,
    "string": _fit_string,
    "array": _fit_array,
    "object": _fit_object,
}
