"""An expression's tree in GBNF, as plain text or inside a JSON string."""

from collections.abc import Mapping
from typing import Final

from toolgate.pipeline.enforcer.charset import Charset, chars, contains, without
from toolgate.pipeline.enforcer.gbnf_rules import char_class, either, literal, repeated
from toolgate.pipeline.enforcer.regex import Cat, Chars, Or, Pattern, Repeat, Unsupported
from toolgate.pipeline.enforcer.regex_text import ESCAPED

_SHORT: Final[Mapping[str, str]] = {
    **{'"': '\\"', "\\": "\\\\", "/": "\\/"},
    **{"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"},
}
_NESTED: Final = 16
"""Where a text is bounded, of a repetition inside another."""


def write_regex(tree: Pattern, *, in_json: bool = False, longest: int | None = None) -> str:
    """One atom. `in_json`: characters that JSON escapes are escaped; `longest` is how often
    something may come that the expression lets come without end."""
    writer = _Writer(in_json=in_json, longest=longest)
    return f"({writer.write(tree, 0)})"


class _Writer:
    def __init__(self, *, in_json: bool, longest: int | None) -> None:
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
                if most is None and self._longest is not None:
                    most = max(least, _NESTED if nested else min(self._longest, 300))
                inner = self.write(part, nested + 1)
                atom = inner if isinstance(part, Chars) else f"({inner})"
                return repeated(atom, least, most)
            case _:
                raise Unsupported("an anchor in the middle")

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
