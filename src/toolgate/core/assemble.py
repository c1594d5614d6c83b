"""Puts events together again: the whole message, or the same events with neighbours joined."""

from collections.abc import Iterable
from itertools import groupby
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from toolgate.core.conversation import ToolCall
from toolgate.core.events import (
    Anomaly,
    ArgumentsDelta,
    Event,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolCallEnd,
    ToolCallStart,
)


class AssembledMessage(Struct, frozen=True):
    """What a model said, whole."""

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    """None while the message is not finished."""
    anomalies: tuple[Anomaly, ...] = ()


def assemble(events: Iterable[Event]) -> AssembledMessage:
    """The message that these events tell, in the order in which they came."""
    assembler = Assembler()
    assembler.feed(events)
    return assembler.message


class Assembler:
    """Collects events as they come; `message` is what they tell so far."""

    def __init__(self) -> None:
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[ToolCall] = []
        self._arguments: list[list[str]] = []
        self._anomalies: list[Anomaly] = []
        self._finish_reason: str | None = None

    def feed(self, events: Iterable[Event]) -> None:
        """Takes in more events."""
        for event in events:
            self.add(event)

    @property
    def message(self) -> AssembledMessage:
        """The message so far; a call without its end counts as incomplete."""
        return AssembledMessage(
            content="".join(self._content),
            reasoning="".join(self._reasoning),
            tool_calls=tuple(self.call(index) for index in range(len(self._calls))),
            finish_reason=self._finish_reason,
            anomalies=tuple(self._anomalies),
        )

    @property
    def has_answer(self) -> bool:
        """Whether there is anything but reasoning and blanks (Kimi-K2#128)."""
        return bool(self._calls) or any(not text.isspace() for text in self._content)

    def call(self, index: int) -> ToolCall:
        """One call so far."""
        return replace(self._calls[index], arguments="".join(self._arguments[index]))

    def add(self, event: Event) -> None:
        """Takes in one more event."""
        if isinstance(event, TextDelta):  # nearly all, and a pattern takes three times as long
            self._content.append(event.text)
            return
        match event:
            case ReasoningDelta(text):
                self._reasoning.append(text)
            case ToolCallStart(_, call_id, name, native_id):
                self._calls.append(ToolCall(call_id, name, "", native_id, complete=False))
                self._arguments.append([])
            case ArgumentsDelta(index, text):
                self._arguments[index].append(text)
            case ToolCallEnd(index, complete):
                self._calls[index] = replace(self._calls[index], complete=complete)
            case Anomaly():
                self._anomalies.append(event)
            case Finish(reason):
                self._finish_reason = reason
            case _:
                assert_never(event)


def coalesce(events: Iterable[Event]) -> list[Event]:
    """The same events with neighbouring deltas of one kind joined."""
    return [_join(list(group)) for _, group in groupby(events, _Kinship())]


class _Kinship:
    """A key that neighbouring deltas of one kind share, and nothing else does."""

    def __init__(self) -> None:
        self._loner = 0

    def __call__(self, event: Event) -> tuple[str, int]:
        match event:
            case TextDelta() | ReasoningDelta():
                return type(event).__name__, 0
            case ArgumentsDelta(index):
                return "ArgumentsDelta", index
            case _:
                self._loner += 1
                return "", self._loner


def _join(group: list[Event]) -> Event:
    match group[0]:
        case TextDelta() | ReasoningDelta() | ArgumentsDelta() as first if len(group) > 1:
            return replace(first, text="".join(getattr(event, "text", "") for event in group))
        case event:
            return event
