"""One request, worked out for its page: what a person wants to see, in the order of looking."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from toolgate.apps.viewer.difference import Compared, compare
from toolgate.apps.viewer.headline import Headline, say
from toolgate.apps.viewer.path import Move, Step, call_places, follow, start_of, table
from toolgate.apps.viewer.pieces import Piece, read_pieces
from toolgate.apps.viewer.steps import CallSteps, follow_calls
from toolgate.core.dialect import Dialect
from toolgate.core.prompt import Special
from toolgate.dialects import get_dialect
from toolgate.engines.traces.row import Row, Wanted, summarize
from toolgate.engines.traces.store import TraceStore
from toolgate.errors import ToolgateError
from toolgate.pipeline.trace import Recording, Trace

NEIGHBOURS: Final = 24
"""Of the conversation's requests that are listed, before and after."""
LOOKED_INTO: Final = 4
"""Of those after it, for results of its calls; clients send a request again now and then."""


class TurnView(Struct, frozen=True, kw_only=True):
    """One turn."""

    trace: Mapping[str, Any]
    """The trace, but for what stands below in another form."""
    calls: Sequence[CallSteps]
    segments: Sequence[tuple[bool, str]]
    """The prompt: (whether it is a special token, its text)."""
    shared: int
    """How many characters of it are the same as in the request before."""
    pieces: Sequence[Piece]
    markers: Sequence[str]
    """How special tokens and markers are spelled."""
    table: Sequence[Step]
    start: str
    """Where the parser started."""
    moves: Sequence[Move]
    difference: Compared


class Page(Struct, frozen=True, kw_only=True):
    """The whole."""

    row: Row
    headline: Headline
    recording: Mapping[str, Any]
    """The recording, but for its traces and bodies."""
    has_previous: bool
    neighbours: Sequence[Row]
    """The conversation's requests around it and with it, the oldest first."""
    turns: Sequence[TurnView]


_TOLD_APART: Final = ("prompt", "heard", "sent", "marker_ids")


def open_page(store: TraceStore, recording_id: str, running: Recording | None) -> Page | None:
    """The page of a stored request, or of one under way; None where there is none of that id."""
    recording = running or store.find(recording_id)
    if recording is None:
        return None
    row = summarize(recording)
    before: list[Row] = []
    after: list[Row] = []
    if recording.conversation:
        stored = store.find_row(recording_id)
        row = row if running else stored or row
        before, after = _neighbours(store, recording.conversation, row.number)
    previous = _first_with_turn(store, before)
    later = [one for one in (store.find(row.id) for row in after[:LOOKED_INTO]) if one]
    turns = [_view(recording, at, previous, later) for at in range(len(recording.traces))]
    last = turns[-1].calls if turns else ()
    return Page(
        row=row,
        headline=say(recording, last),
        recording=_without(recording, ("traces", "request", "answer")),
        has_previous=previous is not None,
        neighbours=[*reversed(before), row, *after],
        turns=turns,
    )


def _neighbours(store: TraceStore, conversation: str, number: int) -> tuple[list[Row], list[Row]]:
    """(those before, the newest first; those after, the oldest first)."""
    around = {"conversation": conversation, "limit": NEIGHBOURS}
    before = store.rows(Wanted(**around, before=number))  # type: ignore[arg-type]
    after = store.rows(Wanted(**around, after=number)) if number else []  # type: ignore[arg-type]
    return before, after


def _first_with_turn(store: TraceStore, rows: Sequence[Row]) -> Recording | None:
    for row in rows[:LOOKED_INTO]:
        if (found := store.find(row.id)) and found.traces:
            return found
    return None


def _view(
    recording: Recording, at: int, previous: Recording | None, later: Sequence[Recording]
) -> TurnView:
    trace = recording.traces[at]
    dialect = _find_dialect(trace.dialect)
    ids = trace.marker_ids or (dialect.token_ids if dialect else {})
    pieces = read_pieces(trace, ids)
    moves = follow(pieces, dialect, trace.prompt.prefill)
    said = "".join(piece.text for piece in pieces)
    is_last = not any(one.choice == trace.choice for one in recording.traces[at + 1 :])
    return TurnView(
        trace=_without(trace, _TOLD_APART) | {"sent": _sent(trace)},
        calls=follow_calls(
            trace,
            later,
            raws=[said[begin:end] for begin, end in call_places(moves)],
            withheld=not is_last,
            error=recording.error,
        ),
        segments=[(isinstance(one, Special), one.text) for one in trace.prompt.segments],
        shared=_shared(trace, recording.traces[at - 1] if at else _last(previous)),
        pieces=pieces,
        markers=sorted({*ids.values(), *(dialect.markers if dialect else ())}),
        table=table(dialect) if dialect else (),
        start=start_of(dialect, trace.prompt.prefill),
        moves=moves,
        difference=compare(recording, trace),
    )


def _sent(trace: Trace) -> list[dict[str, Any]]:
    return [
        {"at": one.at, "path": one.path, "body": one.body, "tokens": len(one.prompt_ids or ())}
        for one in trace.sent
    ]


def _last(recording: Recording | None) -> Trace | None:
    return recording.traces[-1] if recording else None


def _shared(trace: Trace, before: Trace | None) -> int:
    """A special token is shared as a whole or not at all."""
    if before is None:
        return 0
    same, at = _common_start(str(trace.prompt), str(before.prompt)), 0
    for segment in trace.prompt.segments:
        end = at + len(segment.text)
        if end > same:
            return at if isinstance(segment, Special) else same
        at = end
    return same


def _common_start(ours: str, theirs: str) -> int:
    """By halving: slices are compared at memory's speed, characters are not."""
    low, high = 0, min(len(ours), len(theirs))
    while low < high:
        middle = (low + high + 1) // 2
        if ours[low:middle] == theirs[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _find_dialect(name: str) -> Dialect | None:
    """None for a family of a package that is not installed here."""
    try:
        return get_dialect(name)
    except ToolgateError:
        return None


def _without(struct: Struct, names: Sequence[str]) -> dict[str, Any]:
    """Its fields as plain data, without these."""
    told = {name: getattr(struct, name) for name in struct.__struct_fields__ if name not in names}
    plain = msgspec.to_builtins(told)
    assert isinstance(plain, dict)
    return plain
