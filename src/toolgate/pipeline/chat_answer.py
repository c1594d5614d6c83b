"""The answer of an upstream that only chats, as events: its text, its reasoning, its calls.

Such an upstream has read the model's output already, well or badly: what it left in the text is
read here as a model's raw output is. What it tells as reasoning stands between the markers that
the model wrote around it, so one parser reads both and no marker gets through.
"""

from collections.abc import Sequence

from toolgate.core.chunk import Chunk
from toolgate.core.conversation import ToolChoice, ToolSpec
from toolgate.core.dialect import Dialect, State
from toolgate.core.events import Event, Finish, ReasoningDelta
from toolgate.core.refused_calls import CallRefuser
from toolgate.core.stream_parser import StreamParser
from toolgate.core.tool_ids import client_id
from toolgate.pipeline.call_merge import CallMerge
from toolgate.pipeline.told_calls import ToldCalls

_WRITTEN, _TOLD = range(2)
_FINISHED = frozenset({"stop", "tool_calls", "function_call"})


class ChatAnswer:
    """`feed` chunks, `finish` with the upstream's reason; one per answer."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        tools: Sequence[ToolSpec],
        tool_choice: ToolChoice,
        turn_id: str = "",
    ) -> None:
        def new_id(index: int, native_id: str) -> str:
            return client_id(turn_id, index, native_id)

        # A chat tells no token ids, so every marker counts that is spelled as one.
        self._parser = StreamParser(
            dialect, tools=tools, tool_choice=tool_choice, turn_id=turn_id, marker_ids={}
        )
        self._told = ToldCalls(tools, new_id)
        self._merge = CallMerge(new_id)
        self._refuser = CallRefuser() if tool_choice.mode == "none" else None
        self._reasons = self._marked = False
        self._into_reasoning = _find_marker(dialect, State.TEXT, State.REASONING)
        self._out_of_reasoning = _find_marker(dialect, State.REASONING, State.TEXT)

    @property
    def state(self) -> State:
        """Where in the message the model is, as its text says."""
        return self._parser.state

    def feed(self, chunk: Chunk) -> list[Event]:
        """The events that this chunk makes certain."""
        events: list[Event] = []
        if chunk.reasoning or chunk.text:
            events += self._merge.feed(self._refuse(self._told.settle()), _TOLD)
        if chunk.reasoning and not self._into_reasoning:
            events += self._merge.feed([ReasoningDelta(chunk.reasoning)], _WRITTEN)
        elif chunk.reasoning:
            events += self._begin_reasoning() + self._read(chunk.reasoning)
        if chunk.text:
            events += self._end_reasoning() + self._read(chunk.text)
        if chunk.calls:
            events += self._end_reasoning()
            events += self._merge.feed(self._refuse(self._told.feed(chunk.calls)), _TOLD)
        return events

    def finish(self, reason: str | None) -> list[Event]:
        """The last events, the very last of them a `Finish`."""
        events = self._end_reasoning()
        told = self._told.finish(cut=reason not in _FINISHED)
        *written, end = self._parser.finish(reason)
        assert isinstance(end, Finish)
        events += self._merge.feed(written, _WRITTEN)
        events += self._merge.feed(self._refuse(told), _TOLD)
        events += self._merge.finish()
        return [*events, self._end(end)]

    def _read(self, text: str) -> list[Event]:
        return self._merge.feed(self._parser.feed(text), _WRITTEN)

    def _refuse(self, events: list[Event]) -> list[Event]:
        return events if self._refuser is None else self._refuser.feed(events)

    def _begin_reasoning(self) -> list[Event]:
        """Where told reasoning begins, not where its chunks do: the model may close it itself."""
        began, self._reasons = self._reasons, True
        if began or self.state is not State.TEXT:
            return []
        self._marked = True
        return self._read(self._into_reasoning)

    def _end_reasoning(self) -> list[Event]:
        """Only of reasoning that was told: of one that the model wrote it is the model's affair."""
        was_marked, self._marked, self._reasons = self._marked, False, False
        if not was_marked or self.state is not State.REASONING:
            return []
        return self._read(self._out_of_reasoning)

    def _end(self, end: Finish) -> Finish:
        if end.reason not in _FINISHED or self._refuser is not None:
            return end
        if self._merge.is_cut:
            return Finish("length")
        return Finish("tool_calls") if self._merge.count else end


def _find_marker(dialect: Dialect, source: State, target: State) -> str:
    """Empty in a family that marks no reasoning."""
    found = (
        marker
        for marker, role in dialect.markers.items()
        if dialect.transitions.get((source, role)) is target
    )
    return next(found, "")
