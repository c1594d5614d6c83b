"""Characters that JSON wants written otherwise than a model wrote them: what it meant.

A line break in a string, a backslash that begins no escape. And two of JSON's own spellings, which
llguidance does not take: `\\/`, and `\\u00e9` for what needs no escape.
"""

import json
import re
from typing import Final

_PAIR: Final = r"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_PIECES: Final = re.compile(
    rf"\\(?:{_PAIR}|u[0-9a-fA-F]{{4}}|.)?|[\x00-\x1f]|[^\\\x00-\x1f]+", re.DOTALL
)
_HALF: Final = re.compile(
    r"\\(?:u(?:[0-9a-fA-F]{0,3}|[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?)?)?\Z"
)
_ODD: Final = re.compile(r"[\\\x00-\x1f]")


def is_odd(piece: str) -> bool:
    """Whether it may be spelled in another way."""
    return _ODD.match(piece) is not None


def split(text: str, *, is_whole: bool) -> tuple[list[str], str]:
    """Its runs and its odd characters, and the beginning of an escape at its end, which waits for
    more. Where the text `is_whole`, nothing follows."""
    pieces: list[str] = []
    for found in _PIECES.finditer(text):
        if not is_whole and _HALF.match(text, found.start()):
            return pieces, text[found.start() :]
        pieces.append(found[0])
    return pieces, ""


def respell(piece: str) -> str:
    """What an odd piece means, as JSON writes it; "" for half a character."""
    try:
        meant = json.loads(f'"{piece}"', strict=False)
    except json.JSONDecodeError:
        return f"\\{piece}"
    return "" if "\ud800" <= meant <= "\udfff" else json.dumps(meant, ensure_ascii=False)[1:-1]
