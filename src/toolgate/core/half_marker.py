"""Whether an output's end is the beginning of a marker, which is not shown. Keeps no state."""

from typing import Final

from toolgate.core.dialect import Dialect, State

_LEAST: Final = 4
_LEAST_OF_CUT: Final = 2


def is_half_marker(dialect: Dialect, state: State, held: str, *, cut: bool) -> bool:
    """Whether to hide it: `5 <` is an answer, `<|tool_ca` is not, least of all when cut."""
    if len(held) < (_LEAST_OF_CUT if cut else _LEAST):
        return False
    halves = (marker for marker in dialect.markers if marker.startswith(held))
    return any(dialect.find_step(state, marker)[0] for marker in halves)
