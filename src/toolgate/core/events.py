"""What a model says, piece by piece: the only vocabulary between a parser and a client protocol.

A stream is any number of deltas and calls, then exactly one `Finish`. A call is one
`ToolCallStart`, its `ArgumentsDelta`s and one `ToolCallEnd`, never interleaved with another call.
Nothing is ever taken back: the events of a prefix are a prefix of the events of the whole.
"""

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct


class AnomalyKind(StrEnum):
    """In what way a model left its dialect; docs/anomalies.md explains each with its evidence."""

    STRAY_MARKER = "stray_marker"
    CALL_IN_REASONING = "call_in_reasoning"
    DRAFT_CALL = "draft_call"
    CALL_WITHOUT_SECTION = "call_without_section"
    MISSING_CALL_BEGIN = "missing_call_begin"
    MISSING_ARGUMENTS = "missing_arguments"
    MISSING_TAG = "missing_tag"
    MISSING_CALL_END = "missing_call_end"
    MISSING_SECTION_END = "missing_section_end"
    UNCLOSED_REASONING = "unclosed_reasoning"
    PLACEHOLDER_CONTENT = "placeholder_content"
    TEXT_BETWEEN_CALLS = "text_between_calls"
    TEXT_AFTER_END = "text_after_end"
    PARTIAL_MARKER = "partial_marker"
    MARKERS_STRIPPED = "markers_stripped"
    DEVIANT_ID = "deviant_id"
    UNDECLARED_TOOL = "undeclared_tool"
    UNRESOLVED_CALL = "unresolved_call"
    HEALED_ARGUMENTS = "healed_arguments"
    INVALID_ARGUMENTS = "invalid_arguments"
    SCHEMA_VIOLATION = "schema_violation"
    CUT_CALL = "cut_call"
    COMPLETED_CALL = "completed_call"
    CALL_REFUSED = "call_refused"
    CALL_TOLD_TWICE = "call_told_twice"
    EMPTY_TURN = "empty_turn"


class TextDelta(Struct, frozen=True, gc=False, tag="text"):
    """More of the answer's text."""

    text: str


class ReasoningDelta(Struct, frozen=True, gc=False, tag="reasoning"):
    """More of the model's reasoning."""

    text: str


class ToolCallStart(Struct, frozen=True, gc=False, tag="call_start"):
    """A call begins: its name is known, its arguments follow."""

    index: int
    """Dense and 0-based within the message, whatever counter the model wrote."""
    id: str
    """Opaque, for the client: `^[A-Za-z0-9_-]{1,40}$`."""
    name: str
    native_id: str
    """What the model wrote, for instance `functions.get_weather:0`."""


class ArgumentsDelta(Struct, frozen=True, gc=False, tag="arguments"):
    """More of a call's arguments, as JSON text."""

    index: int
    text: str


class ToolCallEnd(Struct, frozen=True, gc=False, tag="call_end"):
    """A call is over. `complete` is False when it was cut: then no client may run it."""

    index: int
    complete: bool = True


class Anomaly(Struct, frozen=True, gc=False, tag="anomaly"):
    """One deviation of the model from its dialect; `raw` is the text that was left out, if any."""

    kind: AnomalyKind
    raw: str = ""
    detail: str = ""


class Finish(Struct, frozen=True, gc=False, tag="finish"):
    """The message is over: `stop`, `tool_calls`, `length`, or what else the engine said."""

    reason: str
    stop_string: str | None = None
    """Which of the client's stop strings ended it, where one did."""


Event: TypeAlias = (
    TextDelta | ReasoningDelta | ToolCallStart | ArgumentsDelta | ToolCallEnd | Anomaly | Finish
)
