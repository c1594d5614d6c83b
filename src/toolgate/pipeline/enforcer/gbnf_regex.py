"""An expression's tree in GBNF, as plain text or inside a JSON string."""

from collections.abc import Mapping
from typing import Final

from toolgate.pipeline.enforcer.charset import Charset, chars, contains, without
from toolgate.pipeline.enforcer.gbnf_rules import Rules, char_class, either, literal, repeated
from toolgate.pipeline.enforcer.regex import Cat, Chars, Or, Pattern, Repeat, Unsupported
from toolgate.pipeline.enforcer.regex_length import measure
from toolgate.pipeline.enforcer.regex_text import ESCAPED

_SHORT: Final[Mapping[str, str]] = {
    **{'"': '\\"', "\\": "\\\\", "/": "\\/"},
    **{"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"},
}
NESTED: Final = 16
"""Where a text is bounded, of a repetition inside another."""
LONGEST_RUN: Final = 300
"""The same of one that is not: more are too many for llama.cpp."""


def write_regex(
    tree: Pattern, *, rules: Rules | None = None, in_json: bool = False, longest: int | None = None
) -> str:
    """One atom. `in_json`: characters that JSON escapes are escaped; `longest` is how often
    something may come that the expression lets come without end, or for how many tokens, where the
    target of the `rules` counts those."""
    counts_tokens = rules is not None and rules.target.most_counted is not None
    writer = _Writer(rules if counts_tokens else None, in_json=in_json, longest=longest)
    return f"({writer.write(tree, 0)})"


def is_simple(tree: Pattern) -> bool:
    """Whether nothing in it may come without end."""
    return measure(tree)[1] is not None


class _Writer:
    def __init__(self, rules: Rules | None, *, in_json: bool, longest: int | None) -> None:
        self._rules = rules
        self._in_json = in_json
        self._longest = longest

    def write(self, tree: Pattern, nested: int) -> str:
        match tree:
            case Chars(ranges):
                return self._chars(ranges)
            case Cat(parts):
                return " ".join(self.write(part, nested) for part in parts) or '""'
            case Or(options):
                return either(self.write(option, nested) for option in options)
            case Repeat(part, least, most):
                inner = self.write(part, nested + 1)
                atom = inner if isinstance(part, Chars) else f"({inner})"
                if most is None and self._longest is not None:
                    return self._bounded(part, atom, least, NESTED if nested else self._longest)
                return repeated(atom, least, most)
            case _:
                raise Unsupported("an anchor in the middle")

    def _bounded(self, part: Pattern, atom: str, least: int, most: int) -> str:
        """What may come without end, until it has come often enough."""
        if self._rules is None or not is_simple(part):
            return repeated(atom, least, max(least, min(most, LONGEST_RUN)))
        rest = self._rules.within(f"{atom}*", most)
        return f"{repeated(atom, least, least)} {rest}" if least else rest

    def _chars(self, ranges: Charset) -> str:
        if not self._in_json:
            return char_class(ranges)
        raw = without(ranges, ESCAPED)
        options = []
        if contains(raw, "<") and contains(raw, "|"):
            # Together they could spell a special token, which is never text.
            raw = without(raw, chars("<"))
            options.append('"\\\\u003" [cC]')
        options += [literal(short) for char, short in _SHORT.items() if contains(ranges, char)]
        return either([*([char_class(raw)] if raw else []), *options])
