"""What was heard in a turn, in columns: lists of numbers and letters, and no object for a chunk.

Nearly every chunk is some text that becomes one event with the same text, a token, and a moment
after the one before. Written so, a chunk takes a few bytes and a tenth of the time. The texts are
not in here: one after the other they are the turn's `output`.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, pairwise
from operator import add, attrgetter, sub
from typing import Final, TypeAlias

from msgspec import Struct

from toolgate.core.chunk import CallDelta, Chunk
from toolgate.core.events import ArgumentsDelta, Event, ReasoningDelta, TextDelta, ToolCallStart
from toolgate.pipeline.trace import Heard

Moves: TypeAlias = Sequence[tuple[int, str]]
Events: TypeAlias = tuple[Event, ...]
Made: TypeAlias = Event | Events
"""What a chunk made certain: several events, none, or, as nearly always, this one."""

NOTHING: Final = "."
OTHER: Final = "x"
_DELTAS: Final = (TextDelta, ReasoningDelta, ArgumentsDelta)
_SAME: Final[dict[type, str]] = {TextDelta: "t", ReasoningDelta: "r", ArgumentsDelta: "a"}
"""Letters of a chunk that became this one event, with its whole text."""
_UNTOLD: Final = -1
MICRO: Final = 1e6
"""Microseconds in a second."""
_TEXT, _REASONING, _TOKEN_IDS = map(attrgetter, ("text", "reasoning", "token_ids"))
_FINISH, _CALLS = map(attrgetter, ("finish_reason", "calls"))


class Columns(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The chunks of one turn; a list has one value for each of them, where nothing else is said."""

    gaps: list[int] = []
    """Microseconds since the chunk before; the first one's since the client's request."""
    lengths: list[int] = []
    """Of the text."""
    reasoning_lengths: list[int] = []
    """Of the reasoning before it; none at all where no chunk had any."""
    token_ids: list[int] = []
    """Of all chunks, one after the other."""
    token_counts: list[int] = []
    """How many of them are a chunk's, -1 where it told none; none at all where no chunk did."""
    letters: str = ""
    """What a chunk became: `t`, `r`, `a` for its text as that one event, `.` for nothing, and `x`
    for the next of `events`."""
    events: list[Events] = []
    states: list[tuple[int, str]] = []
    """From this chunk on the parser stood there."""
    finish_reasons: dict[int, str] = {}
    """Of chunks by their number; the same with `calls`."""
    calls: dict[int, tuple[CallDelta, ...]] = {}
    text: str | None = None
    """All chunks' texts, where they are not how the turn's output begins."""


def to_columns(
    chunks: Sequence[Chunk | Heard],
    *,
    times: Sequence[float],
    states: Moves,
    made: Sequence[Made],
    output: str,
) -> Columns:
    """Of each chunk when it came, in seconds since the client's request, and what it made certain.

    `states` are the parser's moves: (a chunk's number, where it stood from then on). By C's loops
    and not Python's, where there is a choice: an answer has thousands of chunks.
    """
    texts = list(map(_TEXT, chunks))
    lengths = list(map(len, texts))
    reasoning = list(map(_REASONING, chunks))
    has_reasoning = any(reasoning)
    if has_reasoning:
        texts = list(map(add, reasoning, texts))
    text = "".join(texts)
    ids = list(map(_TOKEN_IDS, chunks))
    letters, others = _to_letters(texts, made)
    micros = [round(time * MICRO) for time in times]
    return Columns(
        gaps=list(map(sub, micros, (0, *micros))),
        lengths=lengths,
        reasoning_lengths=list(map(len, reasoning)) if has_reasoning else [],
        token_ids=list(chain.from_iterable(filter(None, ids))),
        token_counts=[_UNTOLD if one is None else len(one) for one in ids]
        if ids.count(None) < len(ids)
        else [],
        letters=letters,
        events=others,
        states=list(states),
        finish_reasons={at: reason for at, reason in enumerate(map(_FINISH, chunks)) if reason},
        calls={at: calls for at, calls in enumerate(map(_CALLS, chunks)) if calls},
        text=None if output.startswith(text) else text,
    )


def heard_to_columns(heard: Sequence[Heard], output: str) -> Columns:
    """Of chunks that are objects."""
    return to_columns(
        heard,
        times=[one.at for one in heard],
        states=_moves(heard),
        made=[one.events[0] if len(one.events) == 1 else one.events for one in heard],
        output=output,
    )


def columns_to_heard(columns: Columns, output: str) -> Iterator[Heard]:
    """The chunks again, as objects."""
    texts = list(_cut(columns, output if columns.text is None else columns.text))
    states, state = dict(columns.states), ""
    times = accumulate(columns.gaps)
    rows = zip(times, texts, _ids(columns), _from_letters(columns, texts), strict=True)
    for number, (micros, (reasoning, text), token_ids, events) in enumerate(rows):
        state = states.get(number, state)
        yield Heard(
            micros / MICRO,
            text=text,
            reasoning=reasoning,
            calls=columns.calls.get(number, ()),
            token_ids=token_ids,
            finish_reason=columns.finish_reasons.get(number),
            state=state,
            events=events,
        )


def _moves(heard: Sequence[Heard]) -> Moves:
    states = ["", *(one.state for one in heard)]
    return [(at, after) for at, (before, after) in enumerate(pairwise(states)) if after != before]


def _to_letters(texts: Sequence[str], made: Sequence[Made]) -> tuple[str, list[Events]]:
    letters: list[str] = []
    others: list[Events] = []
    call = 0
    for text, one in zip(texts, made, strict=True):
        if (
            isinstance(one, _DELTAS)
            and one.text == text
            and (not isinstance(one, ArgumentsDelta) or one.index == call)
        ):
            letters.append(_SAME[type(one)])
            continue
        if one:
            events = one if isinstance(one, tuple) else (one,)
            others.append(events)
            call = _newest_call(events, call)
        letters.append(OTHER if one else NOTHING)
    return "".join(letters), others


def _newest_call(events: Events, call: int) -> int:
    """The call whose arguments come now."""
    return next((one.index for one in reversed(events) if isinstance(one, ToolCallStart)), call)


def _from_letters(columns: Columns, texts: Sequence[tuple[str, str]]) -> Iterator[Events]:
    others, call = iter(columns.events), 0
    for letter, (reasoning, text) in zip(columns.letters, texts, strict=True):
        match letter:
            case "t":
                yield (TextDelta(reasoning + text),)
            case "r":
                yield (ReasoningDelta(reasoning + text),)
            case "a":
                yield (ArgumentsDelta(call, reasoning + text),)
            case "x":
                made = next(others)
                call = _newest_call(made, call)
                yield made
            case _:
                yield ()


def _cut(columns: Columns, text: str) -> Iterator[tuple[str, str]]:
    """Reasoning and text of each chunk."""
    begin = 0
    before = columns.reasoning_lengths or [0] * len(columns.lengths)
    for reasoning, length in zip(before, columns.lengths, strict=True):
        middle = begin + reasoning
        end = middle + length
        yield text[begin:middle], text[middle:end]
        begin = end


def _ids(columns: Columns) -> Iterator[tuple[int, ...] | None]:
    begin = 0
    for count in columns.token_counts or [_UNTOLD] * len(columns.lengths):
        end = begin + max(0, count)
        yield None if count == _UNTOLD else tuple(columns.token_ids[begin:end])
        begin = end
