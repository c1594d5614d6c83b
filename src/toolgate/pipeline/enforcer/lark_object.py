"""A tool's object whose few members come in any order, in Lark: a rule for each set that came.

llguidance itself holds members to one order, and all orders of five would be 120 schemas. Knows
of values only which schema each has.
"""

import json
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, Final

from toolgate.pipeline.enforcer.gbnf_object import ANY_ORDER
from toolgate.pipeline.enforcer.schema_merge import ANNOTATIONS

FREE_ORDER: Final = 3
"""Properties of an object that are written as schemas in each order."""
_DEFINED: Final = ("$defs", "definitions")
_PLAIN: Final = frozenset(("type", "properties", "required", "additionalProperties", *_DEFINED))


def may_come_in_any_order(schema: Mapping[str, Any]) -> bool:
    """Whether it says no more than which members there are, and these are too many for
    `FREE_ORDER`, and few enough for this."""
    is_plain = not schema.keys() - _PLAIN - ANNOTATIONS
    is_closed = schema.get("additionalProperties") is False
    return is_plain and is_closed and FREE_ORDER < len(schema.get("properties", {})) <= ANY_ORDER


def split_object(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Each member's own schema, with the options and the definitions of all."""
    shared = {key: schema[key] for key in ("x-guidance", *_DEFINED) if key in schema}
    told: dict[bool, dict[str, Any]] = {True: {}, False: {"enum": []}}
    return {
        name: (told[inner] if isinstance(inner, bool) else inner) | shared
        for name, inner in schema["properties"].items()
    }


def write_object(
    values: Mapping[str, str],
    required: Collection[str],
    blanks: str,
    add: Callable[[str, str], str],
) -> str:
    """The object's rule. `values`: key → the rule of its value, `blanks` may stand between any two
    tokens, and `add` gives the rule with (a kind, a body) its name."""
    pairs = {key: f'{_quote(key)} {blanks} ":" {blanks} {values[key]} {blanks}' for key in values}

    @cache
    def write_rest(done: frozenset[str]) -> str:
        """What may follow once these members have come."""
        comma = f'"," {blanks} ' if done else ""
        coming = [key for key in pairs if key not in done]
        options = [f"{comma}{pairs[key]} {write_rest(done | {key})}" for key in coming]
        if done.issuperset(required):
            options.append('""')
        return add("members", " | ".join(options))

    return add("object", f'"{{" {blanks} {write_rest(frozenset())} "}}"')


def _quote(key: str) -> str:
    """The key as JSON writes it, as a text of Lark."""
    return json.dumps(json.dumps(key, ensure_ascii=False))
