"""Markers of any family in what a client shows or runs: nobody there can read them."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from toolgate.core.dialect import Dialect, State
from toolgate.dialects import get_dialect, list_dialects

_UNLIKELY: Final = 6
"""Characters from which on prose has no such marker by accident."""
_MARKER_LIKE: Final = re.compile(r"<[|｜][^<>\s]{1,60}[|｜]>|functions\.[\w.-]{1,64}:\d")
_TELLING: Final = frozenset({"[TOOL_CALLS]"})
_OPENS_MORE: Final = frozenset({"<|channel|>"})
"""Words as well as calls."""
_CODE: Final = frozenset({"function<"})
_SIGN: Final = re.compile(r"[<\[]|functions\.")
"""Of all of them; most texts have none, and then nothing more is looked for."""
_CALLING: Final = (State.SECTION, State.HEADER, State.ARGUMENTS, State.CALL)


def find_marker(text: str) -> str | None:
    """One that stands in the text, of whatever family."""
    if not _SIGN.search(text):
        return None
    if found := _MARKER_LIKE.search(text):
        return found[0]
    return next((marker for marker in _markers() if marker in text), None)


def find_call_marker(text: str) -> str | None:
    """One that begins a call, and not just any."""
    if not _SIGN.search(text):
        return None
    return next((marker for marker in _call_markers() if marker in text), None)


def call_markers(dialect: Dialect) -> Iterator[str]:
    """Those that lead from text towards a call, as the family writes them or models do."""
    for marker, role in dialect.markers.items():
        pair = State.TEXT, role
        deviation, _ = dialect.deviations.get(pair, (None, None))
        if dialect.transitions.get(pair, deviation) in _CALLING:
            yield marker


@cache
def _call_markers() -> tuple[str, ...]:
    found = {one for name in list_dialects() for one in call_markers(get_dialect(name))}
    return tuple(sorted(filter(_is_telling, found - _OPENS_MORE)))


@cache
def _markers() -> tuple[str, ...]:
    found = {marker for name in list_dialects() for marker in get_dialect(name).markers}
    return tuple(sorted(filter(_is_telling, found)))


def _is_telling(marker: str) -> bool:
    """A fence of code, `>` or `[ARGS]` may stand in any text."""
    is_odd = len(marker) >= _UNLIKELY and "<" in marker and marker not in _CODE
    return is_odd or marker in _TELLING
