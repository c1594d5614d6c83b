"""The parser's way through its family's table, as far as a recording tells it.

A recording has the state after each chunk. Which markers led there is found by walking the table
over the chunk's text; where that does not end in the recorded state, the way is told without them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from toolgate.apps.viewer.pieces import Piece
from toolgate.core.dialect import Dialect, State

_LONGEST_DOUBT: Final = 4096
"""Characters for which a parser may wait before it knows whether a marker is one."""
_IN_CALL: Final = frozenset(
    {State.HEADER, State.ARGUMENTS, State.CALL, State.KEY, State.AFTER_KEY, State.VALUE}
)
_IN_CALL_NAMES: Final = frozenset(state.value for state in _IN_CALL)


class Step(Struct, frozen=True):
    """One line of the table."""

    start: str
    role: str
    marker: str
    """How that role is spelled, usually."""
    to: str
    odd: str = ""
    """The anomaly that it is recorded as, where the family does not write so."""


class Move(Struct, frozen=True, kw_only=True):
    """One change of state."""

    piece: int
    """Which piece made it certain."""
    begin: int
    """Where in the whole output its marker stands."""
    end: int
    marker: str
    """"" where nobody can tell what made it."""
    role: str
    start: str
    to: str
    odd: str = ""


def table(dialect: Dialect) -> list[Step]:
    """The family's steps, and then what its models do beside them."""
    spelled: dict[str, str] = {}
    for marker, role in dialect.markers.items():
        spelled.setdefault(role, marker)
    steps = [
        Step(state.value, role, spelled.get(role, role), to.value)
        for (state, role), to in dialect.transitions.items()
    ]
    return steps + [
        Step(state.value, role, spelled.get(role, role), to.value, kind.value)
        for (state, role), (to, kind) in dialect.deviations.items()
    ]


def start_of(dialect: Dialect | None, prefill: str) -> str:
    """Where the parser stands once it has read what the prompt ends with."""
    walk = _Walk(dialect)
    walk.enter(prefill)
    return walk.state


def follow(pieces: Sequence[Piece], dialect: Dialect | None, prefill: str) -> list[Move]:
    """The moves, in the order in which they came; without a dialect only from state to state."""
    walk = _Walk(dialect)
    walk.enter(prefill)
    return list(walk.over(pieces))


def call_places(moves: Sequence[Move]) -> list[tuple[int, int]]:
    """Where in the whole output each call stands, markers and all; one without end is left out.

    Nothing at all where a marker is unknown: then nobody can tell where one begins.
    """
    if not all(move.marker for move in moves):
        return []
    places, begun = [], None
    for move in moves:
        is_inside = move.to in _IN_CALL_NAMES
        was_inside = move.start in _IN_CALL_NAMES
        if begun is not None and (not is_inside or (was_inside and move.to == State.HEADER.value)):
            places.append((begun, move.end if not is_inside else move.begin))
            begun = None
        if begun is None and is_inside:
            begun = move.begin
    return places


class _Walk:
    def __init__(self, dialect: Dialect | None) -> None:
        self._dialect = dialect
        spellings: Mapping[str, str] = dialect.markers if dialect else {}
        ordered = sorted(spellings, key=len, reverse=True)
        self._markers = re.compile("|".join(map(re.escape, ordered)) or "(?!)")
        self.state, self._in_section = State.TEXT.value, False

    def enter(self, prefill: str) -> None:
        """What the prompt ends with moves the parser too, and is none of the answer's moves."""
        self._take(self._try(prefill, 0, 0))

    def over(self, pieces: Sequence[Piece]) -> Iterator[Move]:
        held, place = "", 0  # text that is not yet accounted for, and where it begins
        for number, piece in enumerate(pieces):
            held += piece.text
            if not piece.state:
                continue
            moves = self._try(held, place, number)
            done = len(held) - self._unfinished(held)
            if self._ends_in(moves, piece.state):
                yield from self._take(moves)
                done = max(done, moves[-1].end - place) if moves else done
            elif piece.state == self.state and len(held) < _LONGEST_DOUBT:
                continue  # in doubt about a marker
            else:
                yield from self._jump(piece.state, number, place + len(held))
            place, held = place + done, held[done:]

    def _try(self, text: str, place: int, number: int) -> list[Move]:
        """The moves that the markers in this text make from here."""
        moves: list[Move] = []
        state, in_section = self.state, self._in_section
        for found in self._markers.finditer(text) if self._dialect else ():
            assert self._dialect is not None
            step, kind = self._dialect.find_step(State(state), found[0])
            if step is None:
                continue
            if step is State.OUTER:
                step = State.SECTION if in_section else State.TEXT
            elif step in (State.SECTION, State.TEXT):
                in_section = step is State.SECTION
            move = Move(
                piece=number,
                begin=place + found.start(),
                end=place + found.end(),
                marker=found[0],
                role=self._dialect.markers[found[0]],
                start=state,
                to=step.value,
                odd=kind.value if kind else "",
            )
            moves.append(move)
            state = move.to
        return moves

    def _ends_in(self, moves: Sequence[Move], state: str) -> bool:
        return (moves[-1].to if moves else self.state) == state

    def _take(self, moves: Sequence[Move]) -> Sequence[Move]:
        for move in moves:
            self.state = move.to
            if move.to == State.SECTION.value:
                self._in_section = True
            elif move.to in (State.TEXT.value, State.END.value):
                self._in_section = False
        return moves

    def _jump(self, state: str, number: int, place: int) -> Sequence[Move]:
        if state == self.state:
            return ()
        move = Move(
            piece=number, begin=place, end=place, marker="", role="", start=self.state, to=state
        )
        return self._take([move])

    def _unfinished(self, text: str) -> int:
        """How much of the end may be the beginning of a marker."""
        if self._dialect is None:
            return 0
        longest = max(map(len, self._dialect.markers), default=1)
        for size in range(min(longest - 1, len(text)), 0, -1):
            tail = text[-size:]
            if any(one.startswith(tail) and one != tail for one in self._dialect.markers):
                return size
        return 0
