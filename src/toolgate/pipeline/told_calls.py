"""Calls that an upstream tells in pieces of its own, beside the text, as events.

Upstreams number calls in many ways: by index, by none, all of them 0, with a name in each piece
or in the first. One call is passed on as it is written; what comes of later ones meanwhile waits,
so that calls never interleave. Knows no text and no markers.
"""

from collections.abc import Callable, Sequence
from itertools import chain

from toolgate.core.chunk import CallDelta
from toolgate.core.conversation import ToolSpec
from toolgate.core.dialect import Header
from toolgate.core.events import Anomaly, AnomalyKind, Event
from toolgate.core.json_scanner import WHITESPACE, Status
from toolgate.core.open_call import OpenCall
from toolgate.core.tool_ids import read_native_id


class ToldCalls:
    """`feed` pieces of calls, `finish` when the upstream has; both give the events of calls."""

    def __init__(self, tools: Sequence[ToolSpec], new_id: Callable[[int, str], str]) -> None:
        self._tools = tools
        self._new_id = new_id
        self._told: list[_ToldCall] = []
        self._ended = 0
        self._shown = 0
        self._late: list[str] = []
        self._latest = 0
        """The call that the latest piece was of."""

    def feed(self, deltas: Sequence[CallDelta]) -> list[Event]:
        """The events that these pieces make certain."""
        return [event for delta in deltas for event in self._take(delta)]

    def settle(self) -> list[Event]:
        """Something else follows: the last call ends, if it is whole. Else it may go on later."""
        is_last = self._ended == len(self._told) - 1
        return self._end(cut=False) if is_last and self._told[-1].is_whole else []

    def finish(self, *, cut: bool) -> list[Event]:
        """The last events; `cut` where the model had not finished: then half a call stays half."""
        events: list[Event] = []
        while self._ended < len(self._told):
            one, is_last = self._told[self._ended], self._ended == len(self._told) - 1
            events += self._show()
            is_cut = is_last or not one.is_whole if cut else one.in_string
            events += self._end(cut=is_cut)
        if late := "".join(self._late).strip(WHITESPACE):
            events.append(Anomaly(AnomalyKind.INVALID_ARGUMENTS, raw=late))
        return events

    def _take(self, delta: CallDelta) -> list[Event]:
        events: list[Event] = []
        place = self._find(delta)
        if place is None:
            events = self.settle()
            place = len(self._told)
            self._told.append(_ToldCall(delta.index))
        self._latest = place
        if place < self._ended:
            self._late.append(delta.arguments)
            return []
        self._told[place].add(delta)
        if place == self._ended and self._told[place].has_arguments:
            events += self._show()
        return events

    def _find(self, delta: CallDelta) -> int | None:
        """The call that a piece belongs to; None for a new one.

        A piece that says nothing of itself is of the same call as the piece before it.
        """
        if self._told and delta.index is None and not (delta.id or delta.name):
            return self._latest
        places = range(len(self._told) - 1, -1, -1)
        named = (place for place in places if self._told[place].is_named_by(delta))
        likely = (place for place in places if self._told[place].may_continue_with(delta))
        return next(chain(named, likely), None)

    def _show(self) -> list[Event]:
        return self._told[self._ended].show(self._tools, self._shown, self._new_id)

    def _end(self, *, cut: bool) -> list[Event]:
        events, was_shown = self._told[self._ended].finish(cut=cut)
        self._ended += 1
        self._shown += was_shown
        return events


class _ToldCall:
    """One call, as far as it was told."""

    def __init__(self, index: int | None) -> None:
        self.has_arguments = False
        self._index = index
        self._id = ""
        self._name = ""
        self._waiting: list[str] = []
        self._call: OpenCall | None = None

    def is_named_by(self, delta: CallDelta) -> bool:
        """Whether a piece has this call's own id, and its index."""
        return bool(delta.id) and delta.id == self._id and delta.index == self._index

    def may_continue_with(self, delta: CallDelta) -> bool:
        """Whether a piece is of this call: Ollama once gave calls no index, and then 0 to all of
        them (ollama#7881, ollama#15457).
        """
        if delta.index != self._index:
            return False
        if self._index is None:
            return not delta.id and not (delta.name and self.has_arguments)
        return not (delta.name and delta.id and self._id)

    def add(self, delta: CallDelta) -> None:
        self._id = self._id or delta.id
        if delta.name != self._name and not self.has_arguments:  # some repeat it in every piece
            self._name += delta.name
        if delta.arguments:
            self.has_arguments = True
            self._waiting.append(delta.arguments)

    @property
    def is_whole(self) -> bool:
        """Whether the arguments are a closed JSON value, so that nothing more belongs to it."""
        return self._call is not None and self._call.fork_scanner().status is Status.COMPLETE

    @property
    def in_string(self) -> bool:
        return self._call is not None and self._call.in_string

    def show(
        self, tools: Sequence[ToolSpec], index: int, new_id: Callable[[int, str], str]
    ) -> list[Event]:
        """What can be said of it now."""
        events: list[Event] = []
        if self._call is None and (self._name or self._id or self.has_arguments):
            self._call = OpenCall(
                self._id or self._name,
                _read_name(self._name, self._id, tools),
                index=index,
                tools=tools,
                new_id=new_id,
            )
            events += self._call.start()
        if self._call is not None:
            for text in self._waiting:
                events += self._call.feed(text)
            self._waiting.clear()
        return events

    def finish(self, *, cut: bool) -> tuple[list[Event], bool]:
        """The last events, and whether the call was shown at all."""
        if self._call is None:
            return [], False
        events = self._call.finish(cut=cut)
        return events, self._call.started


def _read_name(name: str, native_id: str, tools: Sequence[ToolSpec]) -> Header:
    """Which tool is meant: upstreams that lose the name may have kept `functions.NAME:0` as id."""
    if any(tool.name == name for tool in tools):
        return Header(name)
    found = read_native_id(name or native_id, tools).name
    return Header(found, canonical=found == name)
