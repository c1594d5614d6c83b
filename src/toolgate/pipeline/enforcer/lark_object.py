"""A tool's object whose few members come in any order, in Lark: a rule for each of them.

llguidance itself holds members to one order, and all orders of five would be 120 schemas; a rule
for each set of members that came took five times its memory. Knows of values only which schema
each has.
"""

import json
from collections.abc import Collection, Mapping
from functools import reduce
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
    name: str, values: Mapping[str, str], required: Collection[str], blanks: str
) -> list[str]:
    """The rules of an object, of which the first has this name. `values`: key → the rule of its
    value; `blanks` may stand between any two tokens.

    Which members have come is a number that the rules pass on, with a bit for each of them.
    """
    members = [f"{name}_{n}" for n in range(len(values))]
    rest = f"{name}_rest"
    first = [f"{member} {rest}::{1 << n}" for n, member in enumerate(members)]
    others = [
        f'"," {blanks} {member} {rest}::set_bit({n}) %if bit_clear({n})'
        for n, member in enumerate(members)
    ]
    has_come = [f"bit_set({n})" for n, key in enumerate(values) if key in required]
    end = f'"" %if {reduce(_both, has_come)}' if has_come else '""'
    choice = " | ".join(first if has_come else [*first, '""'])
    return [
        f'{name} : "{{" {blanks} ({choice}) "}}"',
        f"{rest}::_ : {' | '.join([end, *others])}",
        *(
            f'{member} : {_quote(key)} {blanks} ":" {blanks} {value} {blanks}'
            for member, (key, value) in zip(members, values.items(), strict=True)
        ),
    ]


def _both(one: str, other: str) -> str:
    return f"and({one}, {other})"


def _quote(key: str) -> str:
    """The key as JSON writes it, as a text of Lark."""
    return json.dumps(json.dumps(key, ensure_ascii=False))
