"""What passes between one turn and its engine, with the time of each piece.

Times and token ids are kept of every turn, some 12 bytes a token, for the counters. The pieces
themselves are kept only where somebody records. Knows no store and no metrics.
"""

import time
from array import array
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final

from toolgate.core.chunk import Chunk
from toolgate.core.dialect import State
from toolgate.core.events import Event
from toolgate.pipeline.columns import Columns, Made, to_columns
from toolgate.pipeline.packed import PackedTrace, unpack_trace
from toolgate.pipeline.trace import Sent, Trace
from toolgate.pipeline.turn import Turn

MOST_CHUNKS: Final = 100_000
"""Kept of one turn; a model that says more is caught in a loop, and the beginning shows it."""
_NOTHING: Final = Chunk()


class Tape:
    """One turn's, which hears through it: `hear` each chunk, `finish` when they end."""

    def __init__(
        self,
        turn: Turn,
        *,
        keeps: bool = False,
        began: float | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`keeps` the pieces; `began` is when the client's request came, by the same clock."""
        self.turn = turn
        self.keeps = keeps
        self.times = array("d")
        """When each chunk came."""
        self.token_ids = array("l")
        """All that were told."""
        self._clock = clock
        self._began = clock() if began is None else began
        self._sent: list[tuple[float, str, Mapping[str, Any]]] = []
        self._chunks: list[Chunk] = []
        self._made: list[Made] = []
        """Of each chunk, and then of the end. No lists: a collector would look at each again."""
        self._state: State | None = None
        self._moves: list[tuple[int, str]] = []
        self._end = array("d")
        """When the turn was finished, once it is."""

    def send(self, path: str, body: Mapping[str, Any]) -> None:
        """A request goes to the engine."""
        self._sent.append((self._clock(), path, body))

    def hear(self, chunk: Chunk) -> list[Event]:
        """A chunk has come: what the turn makes of it."""
        events = self.turn.receive(chunk)
        self.times.append(self._clock())
        if chunk.token_ids:
            self.token_ids.extend(chunk.token_ids)
        if self.keeps and len(self._chunks) < MOST_CHUNKS:
            self._chunks.append(chunk)
            self._made.append(events[0] if len(events) == 1 else tuple(events))
            if (state := self.turn.state) is not self._state:
                self._move(state)
        return events

    def finish(self) -> list[Event]:
        """No chunk comes any more: what the turn ends with."""
        events = self.turn.finish()
        self._end.append(self._clock())
        self._chunks.append(_NOTHING)
        self._made.append(tuple(events))
        if self.turn.state is not self._state:
            self._move(self.turn.state)
        return events

    def _move(self, state: State) -> None:
        self._state = state
        self._moves.append((len(self._chunks) - 1, state.value))

    @property
    def first_seconds(self) -> float | None:
        """From the client's request to the engine's first chunk; None where there was none."""
        return self.times[0] - self._began if self.times else None

    @property
    def gaps(self) -> list[float]:
        """Seconds between neighbouring chunks."""
        return [after - before for before, after in pairwise(self.times)]

    def trace(self, *, choice: int = 0, grammar: str = "none") -> Trace:
        """The turn's trace so far."""
        return unpack_trace(self.packed(choice=choice, grammar=grammar))

    def packed(self, *, choice: int = 0, grammar: str = "none") -> PackedTrace:
        """The same, its chunks in columns."""
        kept = len(self._chunks) - len(self._end)
        trace = self.turn.trace(
            choice=choice,
            sent=[self._as_sent(*one) for one in self._sent],
            cut=self.keeps and len(self.times) > kept,
            grammar=grammar,
        )
        return PackedTrace(trace, self._columns(kept, trace.output))

    def _columns(self, kept: int, output: str) -> Columns:
        return to_columns(
            self._chunks,
            times=[at - self._began for at in (*self.times[:kept], *self._end)],
            states=self._moves,
            made=self._made,
            output=output,
        )

    def _as_sent(self, at: float, path: str, body: Mapping[str, Any]) -> Sent:
        prompt = body.get("prompt")
        if not isinstance(prompt, list):
            return Sent(at - self._began, path, body)
        rest = {name: value for name, value in body.items() if name != "prompt"}
        return Sent(at - self._began, path, rest, tuple(prompt))
