"""An expression's tree as text again, anchored, for targets and for the fitted schema."""

from typing import Final

from toolgate.pipeline.enforcer.charset import Charset, chars, charset
from toolgate.pipeline.enforcer.regex import Cat, Chars, Or, Pattern, Repeat, Unsupported

ESCAPED: Final = charset([*chars('"\\'), (0, 0x1F)])
"""Characters that stand in a JSON string only behind a backslash."""
_SYNTAX: Final = frozenset("^$\\.*+?()[]{}|/-")
_SHOWN: Final = (0x20, 0x7E)
_FOUR_DIGITS: Final = 0xFFFF


def write_pattern(tree: Pattern) -> str:
    """`^(?:…)$`, of the whole text.

    Raises: Unsupported for an anchor in the middle.
    """
    return f"^(?:{_write(tree)})$"


def _write(tree: Pattern) -> str:
    match tree:
        case Chars(ranges):
            return _write_chars(ranges)
        case Cat(parts):
            return "".join(_write_part(part) for part in parts)
        case Or(options):
            return "|".join(_write(option) for option in options)
        case Repeat(part, least, most):
            return f"{_write_atom(part)}{{{least},{'' if most is None else most}}}"
        case _:
            raise Unsupported("an anchor in the middle")


def _write_part(part: Pattern) -> str:
    text = _write(part)
    return f"(?:{text})" if isinstance(part, Or) else text


def _write_atom(part: Pattern) -> str:
    text = _write(part)
    return text if isinstance(part, Chars) else f"(?:{text})"


def _write_chars(kept: Charset) -> str:
    if len(kept) == 1 and kept[0][0] == kept[0][1]:
        return _write_char(kept[0][0])
    inner = (
        _write_char(low) if low == high else f"{_write_char(low)}-{_write_char(high)}"
        for low, high in kept
    )
    return f"[{''.join(inner)}]"


def _write_char(code: int) -> str:
    char = chr(code)
    if char in _SYNTAX:
        return f"\\{char}"
    if _SHOWN[0] <= code <= _SHOWN[1]:
        return char
    return f"\\u{{{code:x}}}" if code > _FOUR_DIGITS else f"\\u{code:04x}"
