"""Strings, numbers and constants of JSON in GBNF, in every spelling that models use.

Characters outside ASCII may come raw or escaped, `/` behind a backslash, `1e5` as a number.
"""

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from toolgate.pipeline.enforcer.charset import ANY, chars, contains, without
from toolgate.pipeline.enforcer.gbnf_object import WS
from toolgate.pipeline.enforcer.gbnf_regex import write_regex
from toolgate.pipeline.enforcer.gbnf_rules import Rules, char_class, literal, name_of
from toolgate.pipeline.enforcer.gbnf_text import counted_text, long_text
from toolgate.pipeline.enforcer.number_range import decimals, integers
from toolgate.pipeline.enforcer.regex import read_pattern
from toolgate.pipeline.enforcer.regex_text import ESCAPED
from toolgate.pipeline.enforcer.schema_keywords import span_of
from toolgate.pipeline.enforcer.schema_merge import Schema

IN_STRINGS: Final = without(ANY, ESCAPED)
MULTIPLE_DIGITS: Final = 9
"""Of a multiple: there is a rule for each of them and each remainder."""
ESCAPE: Final = "esc"
"""The rule of an escape in a string."""
_HEX: Final = "[0-9a-fA-F]"
_ESCAPES: Final = (
    f'"\\\\" (["\\\\/bfnrt] | "u" ([0-9a-cefA-CEF] {_HEX}{{3}} | [dD] [0-7] {_HEX}{{2}}'
    f' | [dD] [89abAB] {_HEX}{{2}} "\\\\u" [dD] [c-fC-F] {_HEX}{{2}}))'
)
"""A surrogate only with its other half: alone it is no character."""
_SHORT: Final[Mapping[str, str]] = {
    **{'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f"},
    **{"\n": "\\n", "\r": "\\r", "\t": "\\t"},
}


def write_string(rules: Rules, schema: Schema, bound: int | None) -> str:
    """A rule's name; `bound` is the most characters, where the schema demands no more."""
    rules.define(ESCAPE, _ESCAPES)
    if "pattern" in schema:
        tree = read_pattern(schema["pattern"])
        text = write_regex(tree, rules=rules, in_json=True, longest=bound)
        return rules.add(f'"\\"" {text} "\\""')
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if bound is not None:
        most = max(least, bound if most is None else min(bound, most))
    if most is None:
        text = long_text(rules, IN_STRINGS, least, escape=ESCAPE)
    else:
        text = counted_text(rules, IN_STRINGS, least, most, escape=ESCAPE)
    return rules.add(f'"\\"" {text} "\\""')


def write_number(rules: Rules, schema: Schema, digits: int) -> str:
    """A rule's name; `digits` bounds the whole part and the fraction."""
    span = span_of(schema)
    if "multipleOf" in schema:
        return rules.add(_multiples(rules, schema["multipleOf"]))
    is_integer, is_open = schema.get("type") == "integer", span.low is span.high is None
    if is_open:
        whole = f'"-"? ("0" | [1-9] [0-9]{{0,{digits - 1}}})'
        rest = f' ("." [0-9]{{1,{digits}}})? ([eE] [-+]? [0-9] [0-9]?)?'
        return rules.add(whole if is_integer else whole + rest)
    if not is_integer:
        return rules.add(write_regex(decimals(span, digits=digits)))
    low, high = (None if one is None else int(one) for one in (span.low, span.high))
    return rules.add(write_regex(integers(low, high, digits=digits)))


def _multiples(rules: Rules, step: int) -> str:
    """By the remainder of the digits so far, and how many may still come."""
    key = name_of(f"multiple {step}")
    alive = {0}
    rules.define(f"{key}n0m0", '""')
    for left in range(1, MULTIPLE_DIGITS):
        before, alive = alive, set()
        for rest in range(step):
            options = _digits(rest * 10, step, range(10), f"{key}n{left - 1}", before)
            if rest == 0 or options:
                end = ['""'] if rest == 0 else []
                rules.define(f"{key}n{left}m{rest}", " | ".join(end + options))
                alive.add(rest)
    start = _digits(0, step, range(1, 10), f"{key}n{MULTIPLE_DIGITS - 1}", alive)
    return f'"0" | "-"? ({" | ".join(start)})'


def write_constant(value: Any) -> str:
    """One value and no other: a sequence, with whitespace where JSON may have it."""
    if isinstance(value, str):
        return write_text(value)
    if isinstance(value, list):
        return _joined('"["', map(write_constant, value), '"]"')
    if isinstance(value, dict):
        members = (
            f'{write_text(key)} {WS} ":" {WS} {write_constant(one)}' for key, one in value.items()
        )
        return _joined('"{"', members, '"}"')
    return literal(json.dumps(value))


def write_text(text: str) -> str:
    """One string and no other."""
    return " ".join((literal('"'), *map(_spellings, _runs(text)), literal('"')))


LONGEST_KEY: Final = 64
_IN_KEYS: Final = without(IN_STRINGS, chars("<"))


def write_other_key(rules: Rules, keys: Sequence[str]) -> str:
    """A rule's name: a key that is none of these, by their letters; without escapes, which could
    spell one."""
    written = [json.dumps(key, ensure_ascii=False)[1:-1] for key in keys]
    plain = char_class(_IN_KEYS)
    if rules.target.most_counted is None:
        rest = f"{plain}{{0,{LONGEST_KEY}}}"
    else:
        rest = rules.within(f"{plain}*", LONGEST_KEY)
    return rules.add(f'"\\"" {_differs(written, rest)} "\\""')


def _joined(begin: str, parts: Iterable[str], end: str) -> str:
    inner = f' {WS} "," {WS} '.join(parts)
    return " ".join(filter(None, (begin, WS, inner, WS if inner else "", end)))


def _digits(
    so_far: int, step: int, digits: Iterable[int], key: str, alive: Container[int]
) -> list[str]:
    """A further digit each, where from the remainder after it a multiple can be reached."""
    after = {digit: (so_far + digit) % step for digit in digits}
    return [f'"{digit}" {key}m{rest}' for digit, rest in after.items() if rest in alive]


def _runs(text: str) -> Iterator[str]:
    """Stretches of plain ASCII, and every other character on its own."""
    run = ""
    for index, char in enumerate(text):
        # `<|` could begin a special token, which llama.cpp would take for this text.
        if (
            char.isascii()
            and char.isprintable()
            and char not in '"\\/'
            and text[index : index + 2] != "<|"
        ):
            run += char
            continue
        if run:
            yield run
        run = ""
        yield char
    if run:
        yield run


def _spellings(run: str) -> str:
    """The ways in which JSON may write it: raw, and behind a backslash."""
    if run == "/":
        return '("/" | "\\\\/")'
    if run in _SHORT:
        return literal(_SHORT[run])
    if run.isascii() and run.isprintable() and run != "<":
        return literal(run)
    units = run.encode("utf-16-be")
    code = "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
    return literal(code) if run.isascii() else f"({literal(run)} | {literal(code)})"


def _differs(endings: Sequence[str], after: str) -> str:
    firsts = dict.fromkeys(ending[0] for ending in endings if ending)
    options = [f"{char_class(without(_IN_KEYS, chars(''.join(firsts))))} {after}"]
    for first in firsts:
        if not contains(_IN_KEYS, first):
            continue
        rest = [ending[1:] for ending in endings if ending.startswith(first)]
        options.append(f"{literal(first)} {_differs(rest, after)}")
    if "" not in endings:
        options.append('""')
    return f"({' | '.join(options)})"
