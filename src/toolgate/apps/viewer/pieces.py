"""What came from the model, piece by piece, each with what the parser made of it."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from toolgate.core.events import Anomaly, Event, Finish, ToolCallEnd, ToolCallStart
from toolgate.pipeline.trace import Heard, Trace

ORDINARY: Final = ""
SPECIAL: Final = "special"
SPELLED: Final = "spelled"
"""Its text spells a special token, and its id is not that token's: it is text."""


class Piece(Struct, frozen=True, array_like=True):
    """One chunk; as JSON a list, since there are thousands."""

    at: float
    """Seconds since the client's request came."""
    text: str
    """Also of a special token that the engine tells by its id alone."""
    ids: tuple[int, ...] | None
    state: str
    """Where in a message the parser stood after it."""
    kind: str
    """`special`, `spelled`, or nothing."""
    notes: tuple[str, ...]
    """What it made certain beside text: calls that begin and end, anomalies, the end."""


def read_pieces(trace: Trace, marker_ids: Mapping[int, str]) -> list[Piece]:
    """All that was heard, and at last what the end of it made certain."""
    spellings = frozenset(marker_ids.values())
    return [_read(one, marker_ids, spellings) for one in trace.heard]


def _read(heard: Heard, marker_ids: Mapping[int, str], spellings: frozenset[str]) -> Piece:
    ids = heard.token_ids
    told = "".join(marker_ids.get(one, "") for one in ids or ())
    text = heard.reasoning + heard.text
    return Piece(
        heard.at,
        text or told,
        ids,
        heard.state,
        _kind(text, told, ids, spellings),
        tuple(filter(None, map(_note, heard.events))),
    )


def _kind(text: str, told: str, ids: Sequence[int] | None, spellings: frozenset[str]) -> str:
    if told or (ids is None and text in spellings):
        return SPECIAL
    return SPELLED if text and text in spellings else ORDINARY


def _note(event: Event) -> str:
    match event:
        case ToolCallStart(_, _, name):
            return f"call of {name} begins"
        case ToolCallEnd(_, complete):
            return "call ends" if complete else "call is cut"
        case Anomaly(kind):
            return f"anomaly: {kind.value}"
        case Finish(reason):
            return f"finish: {reason}"
        case _:
            return ""
