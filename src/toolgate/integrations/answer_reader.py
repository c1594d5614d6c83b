"""One answer, read for a server that takes parsers as plug-ins: text in, pieces of the answer out.

Such servers want to know of each text what of it is reasoning, content and calls, and do not tell
whether the model had finished. So that is read off the text, which has to come with its stop token;
where it cannot, a call is whole if it closes itself. What goes out of a call that was cut cannot be
mended into one.

Knows no server. Where one has no place for reasoning, it stays in the content between its marks, as
such servers leave it without a reasoning parser.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, assert_never

from msgspec import Struct

from toolgate.core.assemble import Assembler
from toolgate.core.conversation import ToolCall
from toolgate.core.dialect import Dialect, State
from toolgate.core.events import (
    Anomaly,
    AnomalyKind,
    ArgumentsDelta,
    Event,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolCallEnd,
    ToolCallStart,
)
from toolgate.core.sent_arguments import SentArguments
from toolgate.pipeline.parse import StreamParser

_LONGEST_STOP: Final = 64
"""Characters; DeepSeek's is the longest, with 19."""


class CallPiece(Struct, frozen=True):
    """More of a call; the first piece of each has its name, and nothing else."""

    index: int
    name: str | None = None
    arguments: str = ""


class Piece(Struct, frozen=True):
    """What some text added to the answer."""

    reasoning: str = ""
    content: str = ""
    calls: tuple[CallPiece, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.reasoning or self.content or self.calls)


class Answer(Struct, frozen=True):
    """A whole answer; a call that was cut is not among its calls."""

    reasoning: str
    content: str
    calls: tuple[ToolCall, ...]


class ReasoningMarks(Struct, frozen=True):
    """What a family writes around its reasoning; nothing where it never reasons aloud."""

    begin: tuple[str, ...]
    end: tuple[str, ...]


def reasoning_marks(dialect: Dialect) -> ReasoningMarks:
    """As its table has them."""
    steps, roles = dialect.transitions, dialect.markers.items()
    return ReasoningMarks(
        tuple(mark for mark, role in roles if steps.get((State.TEXT, role)) is State.REASONING),
        tuple(mark for mark, role in roles if steps.get((State.REASONING, role)) is State.TEXT),
    )


class AnswerReader:
    """`feed` the text as it comes, then `finish`; one per answer."""

    def __init__(
        self,
        dialect: Dialect,
        tools: Sequence[Mapping[str, Any]],
        *,
        prefill: str = "",
        stops: Iterable[str] = (),
        keeps_reasoning: bool = False,
    ) -> None:
        """`tools` are as an OpenAI Chat request has them, `prefill` is what the prompt ended with.

        `stops` may end the text beside the family's own stop tokens. `keeps_reasoning`: in the
        content.
        """
        self._parser = StreamParser(dialect.name, tools=tools, prefill=prefill)
        self._assembler = Assembler()
        self.marks = reasoning_marks(dialect)
        self._keeps_reasoning, self._is_inside = keeps_reasoning, False
        self._stops = (*dialect.stop, *stops)
        self._unknown = [one for one in self._stops if one not in dialect.markers]
        self._held = self._tail = ""
        self._sent = SentArguments()

    @property
    def has_ended(self) -> bool:
        """Whether the model has said that its turn is over."""
        return self._parser.state is State.END or self._tail.endswith(self._stops)

    @property
    def began_inside(self) -> bool:
        """Whether its reasoning ended and never began: then the prompt began it."""
        message = self._assembler.message
        strays = {one.raw for one in message.anomalies if one.kind is AnomalyKind.STRAY_MARKER}
        return not (message.reasoning or strays.isdisjoint(self.marks.end))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """As far as they have come."""
        return self._assembler.message.tool_calls

    def feed(self, text: str) -> Piece:
        """What this text makes certain."""
        self._tail = (self._tail + text)[-_LONGEST_STOP:]
        text = self._held + text
        self._held = next((one for one in self._unknown if text.endswith(one)), "")
        return self._tell(self._parser.feed(text.removesuffix(self._held)))

    def finish(self, *, finished: bool = False) -> Piece:
        """The rest. `finished`: the model had, although its stop token did not come as text."""
        is_over = finished or self.has_ended
        return self._tell(self._parser.finish("stop" if is_over else "length"))

    def _tell(self, events: Iterable[Event]) -> Piece:
        reasoning: list[str] = []
        content: list[str] = []
        calls: list[CallPiece] = []
        for event in events:
            self._assembler.add(event)
            match event:
                case ReasoningDelta(text) if self._keeps_reasoning:
                    content += (self._enter(), text)
                case ReasoningDelta(text):
                    reasoning.append(text)
                case TextDelta(text):
                    content += (self._leave(), text)
                case ToolCallStart(index, _, name):
                    content.append(self._leave())
                    self._sent = SentArguments()
                    calls.append(CallPiece(index, name))
                case ArgumentsDelta(index, text):
                    calls += _more(index, self._sent.feed(text))
                case ToolCallEnd(index, complete):
                    calls += _more(index, self._sent.finish(complete=complete))
                case Anomaly(AnomalyKind.STRAY_MARKER, raw) if self._keeps_reasoning:
                    content += (mark for mark in self.marks.end if mark == raw)
                case Anomaly() | Finish():
                    pass
                case _:
                    assert_never(event)
        return Piece("".join(reasoning), "".join(content), tuple(calls))

    def _enter(self) -> str:
        is_new, self._is_inside = not self._is_inside, True
        return self.marks.begin[0] if is_new else ""

    def _leave(self) -> str:
        was_inside, self._is_inside = self._is_inside, False
        return self.marks.end[0] if was_inside else ""


def _more(index: int, arguments: str) -> Sequence[CallPiece]:
    return [CallPiece(index, arguments=arguments)] if arguments else ()


def read_whole(
    open_reader: Callable[[str], AnswerReader],
    text: str,
    *,
    prefill: str | None,
    finished: bool | None,
) -> Answer:
    """The answer that this text is; `open_reader` makes a reader for a prefill.

    `prefill` is None where nobody knows it: then the text must tell. `finished` is None where
    nobody knows whether the model had: then a call is whole that closes itself.
    """
    reader = open_reader(prefill or "")
    answer = _read(reader, text, finished=bool(finished))
    if prefill is None and reader.began_inside:
        return read_whole(open_reader, text, prefill=reader.marks.begin[0], finished=finished)
    if finished is None and not reader.has_ended and _closes_itself(reader.calls):
        return _read(open_reader(prefill or ""), text, finished=True)
    return answer


def _read(reader: AnswerReader, text: str, *, finished: bool) -> Answer:
    first, last = reader.feed(text), reader.finish(finished=finished)
    return Answer(
        reasoning=first.reasoning + last.reasoning,
        content=first.content + last.content,
        calls=tuple(call for call in reader.calls if call.complete),
    )


def _closes_itself(calls: Sequence[ToolCall]) -> bool:
    """Whether the last call was cut behind its arguments only."""
    if not calls or calls[-1].complete:
        return False
    try:
        return isinstance(json.loads(calls[-1].arguments), dict)
    except (ValueError, RecursionError):
        return False
