"""Turns a model's raw output into events, driven by a dialect's table.

Theory of operation. The lexer cuts the output into text and markers. Text means what the current
`State` says: answer, reasoning, a call's header, its arguments. A marker moves the state along
the dialect's `transitions`, or along its `deviations`, which are recorded; a pair in neither is a
stray marker, recorded too. Leaving a state does what has to be done: a header becomes a call, the
end of arguments ends it. Nothing is decided on a chunk, so any chunking gives the same events.

Doubt. Without token ids, a marker inside a string or a bare value may be data (a file that quotes
it) or what it spells, and so may a tag of ordinary text in an answer. `marker_doubt` weighs what
follows, while the lexemes wait; if the marker was one, they are read again from there.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import assert_never

from toolgate.core.answer_text import AnswerText
from toolgate.core.bare_calls import BareCall, BegunCall, Found
from toolgate.core.call_reader import CallReader
from toolgate.core.conversation import ToolChoice, ToolSpec
from toolgate.core.dialect import Dialect, State
from toolgate.core.edge_breaks import EdgeBreaks
from toolgate.core.events import (
    Anomaly,
    AnomalyKind,
    ArgumentsDelta,
    Event,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolCallStart,
)
from toolgate.core.finish_reason import FINISHED, finish_reason
from toolgate.core.half_marker import is_half_marker
from toolgate.core.json_scanner import WHITESPACE
from toolgate.core.kept_text import KeptText
from toolgate.core.marker_doubt import Doubt, OpeningDoubt, Verdict, doubt_in_call, doubt_in_text
from toolgate.core.marker_lexer import Lexeme, MarkerLexer
from toolgate.core.refused_calls import CallRefuser

_KEYED = frozenset({State.CALL, State.KEY, State.AFTER_KEY, State.VALUE})
_IN_CALL = _KEYED | {State.HEADER, State.ARGUMENTS}
_OPENING = frozenset({State.ARGUMENTS, State.CALL, State.KEY, State.AFTER_KEY})
_DATA = frozenset({State.ARGUMENTS, State.VALUE})
_SPOKEN = frozenset({State.TEXT, State.REASONING})
_CALLING = frozenset({State.SECTION, State.HEADER, State.ARGUMENTS})
_NOISE = {
    State.SECTION: AnomalyKind.TEXT_BETWEEN_CALLS,
    State.END: AnomalyKind.TEXT_AFTER_END,
}
_UNENDED = {
    State.REASONING: AnomalyKind.UNCLOSED_REASONING,
    State.SECTION: AnomalyKind.MISSING_SECTION_END,
    State.HEADER: AnomalyKind.MISSING_ARGUMENTS,
}
_OVER = "This parser has finished; each message needs a parser of its own."
# No id or name is longer; a model that writes on is lost in repetition.
_LONGEST_HEADER = 4096


class StreamParser:
    """`feed` chunks, `finish` with the engine's reason; one per message, never reset."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        tools: Sequence[ToolSpec] | None = None,
        prefill: str = "",
        tool_choice: ToolChoice | None = None,
        turn_id: str = "",
        marker_ids: Mapping[int, str] | None = None,
    ) -> None:
        self._dialect = dialect
        self._tools = tools
        self._calls = CallReader(dialect, tools, turn_id)
        forbidden = tool_choice is not None and tool_choice.mode == "none"
        self._refuser = CallRefuser() if forbidden else None
        self._lexer = MarkerLexer(
            dialect.markers,
            # What an engine's vocabulary lacks, it can only spell.
            special=dialect.special.intersection((marker_ids or dialect.token_ids).values()),
            token_ids=dialect.token_ids if marker_ids is None else marker_ids,
        )
        self._breaks = EdgeBreaks() if dialect.pads_text else None
        self._is_direct = self._breaks is None and self._refuser is None
        """Whether text is passed on as it is."""
        self.state = State.TEXT
        """Where in the message the model is."""
        self._in_section = False
        self._kept = KeptText(_LONGEST_HEADER)
        self._is_over = self._is_past_drafts = False
        self._queue: deque[Lexeme] = deque()
        self._doubt: Doubt | None = None
        self._waiting: list[Lexeme] = []
        self._events: list[Event] = []
        self._enter_prefill(prefill)

    def feed(self, text: str, token_ids: Sequence[int] | None = None) -> list[Event]:
        """The events that this chunk makes certain.

        `token_ids` are the ids of exactly this text, where the engine tells them.
        """
        if self._is_over:
            raise RuntimeError(_OVER)
        if self._doubt is not None or not self._lexer.is_plain(text, token_ids):
            self._read(self._lexer.feed(text, token_ids))
        elif self._is_direct and self.state is State.TEXT and not self._events:
            found = self._answer.feed(text)
            if found == [text]:  # as nearly always
                return [TextDelta(text)]
            self._find(found)
        else:
            self._text(text)
        return self._take()

    def finish(self, reason: str | None = "stop") -> list[Event]:
        """The last events. `reason` is what the engine said; None: its stream just ended."""
        if self._is_over:
            raise RuntimeError(_OVER)
        self._is_over = True
        cut = reason not in FINISHED
        half = self._finish_lexer(cut=cut)
        doubtful = self._settle_doubt(cut=cut)
        self._finish_state(cut=cut)
        if doubtful:
            self._anomaly(AnomalyKind.CUT_CALL, raw=doubtful)
        if half:
            self._anomaly(AnomalyKind.PARTIAL_MARKER, raw=half)
        self._events.append(Finish(finish_reason(reason, None if self._refuser else self._calls)))
        return self._take()

    def _take(self) -> list[Event]:
        events, self._events = self._events, []
        return events if self._refuser is None else self._refuser.feed(events)

    def _enter_prefill(self, prefill: str) -> None:
        """Follows what a prompt ends with. A call that it began is this message's, text is not."""
        find, tools = self._dialect.find_calls, self._tools
        finder = find(tools) if find and tools else None
        self._answer = AnswerText((), finder)
        lexer = MarkerLexer(self._dialect.markers, special=self._dialect.special)
        self._read((*lexer.feed(prefill), *lexer.finish()))
        self._answer = AnswerText(self._dialect.placeholders, finder)
        begun = (ToolCallStart, ArgumentsDelta)
        self._events = [event for event in self._events if isinstance(event, begun)]

    # -- lexemes ------------------------------------------------------------------------------

    def _read(self, lexemes: Sequence[Lexeme]) -> None:
        self._queue.extend(lexemes)
        while self._queue:
            lexeme = self._queue.popleft()
            if self._doubt is not None:
                self._try(lexeme)
            elif lexeme.is_marker:
                self._marker(lexeme)
            else:
                self._text(lexeme.text)

    def _marker(self, lexeme: Lexeme) -> None:
        step, kind = self._dialect.find_step(self.state, lexeme.text)
        is_data = self.state in _DATA and self._calls.in_string
        is_part = step is self.state is State.HEADER and kind is None
        if is_part or (step is None and (is_data or self._is_text(lexeme.text))):
            return self._text(lexeme.text)
        # A file that quotes a tag is written with the tag's own token (vllm GLM parser, #639).
        is_sure = lexeme.proven and not (is_data and lexeme.text in self._dialect.tags)
        if step is not None and not is_sure:
            self._doubt = self._begin_doubt(lexeme.text, step)
            if self._doubt is not None:
                self._try(lexeme)
                return
        self._move(lexeme.text, step, kind)

    def _is_text(self, marker: str) -> bool:
        """Whether a tag that leads nowhere is text; right after a call it is a surplus closer."""
        # A doubled tag is no part of a name or a key (vllm PR#54971).
        is_token = self.state in _IN_CALL and marker in self._dialect.special
        is_after_call = self._breaks is not None and self._breaks.is_blank and self._calls.count
        is_surplus = self.state is State.END or (self.state is State.TEXT and is_after_call)
        return marker in self._dialect.tags and not (is_token or is_surplus)

    def _move(self, marker: str, step: State | None, kind: AnomalyKind | None) -> None:
        if step is None:
            if self.state in _NOISE:
                self._drop(self._kept.take(), _NOISE[self.state])
            self._anomaly(AnomalyKind.STRAY_MARKER, raw=marker)
            return
        if self.state is State.TEXT and step is not State.TEXT:
            self._find(self._answer.finish(is_call=step in _CALLING, cut=False))
        if kind is not None:
            self._anomaly(kind, detail=marker)
        self._leave(step)
        if self._breaks is not None:
            self._breaks.end()
        if step is State.OUTER:
            step = self._outer
        elif step in (State.SECTION, State.TEXT):
            self._in_section = step is State.SECTION
        self.state = step

    @property
    def _outer(self) -> State:
        return State.SECTION if self._in_section else State.TEXT

    def _text(self, text: str) -> None:
        if self._breaks is not None and self.state in _SPOKEN:
            text = self._breaks.feed(text)
            if not text:
                return
        match self.state:
            case State.TEXT:
                self._find(self._answer.feed(text))
            case State.REASONING:
                self._events.append(ReasoningDelta(text))
            case State.ARGUMENTS | State.VALUE:
                self._events += self._calls.feed(text)
                if self._calls.open is None:
                    self.state = State.TEXT
                    self._text(self._calls.take_after())
            case State.AFTER_KEY:
                self._begin_untagged_value(text)
            case State.CALL | State.HEADER if (begin := self._find_json(text)) >= 0:
                self._keep(text[:begin])
                self._leave(State.ARGUMENTS)
                self.state = State.ARGUMENTS
                self._text(text[begin:])
            case _:
                self._keep(text)

    def _find_json(self, text: str) -> int:
        """Where one JSON text begins in place of keys, of a name or right after a name; else -1."""
        place, is_odd = self._calls.find_json(text, is_first=self._kept.is_blank)
        if is_odd:
            self._anomaly(AnomalyKind.MISSING_TAG)
        return place

    def _begin_untagged_value(self, text: str) -> None:
        """Blanks wait for the tag that begins the value; anything else is the value itself."""
        if value := text.lstrip(WHITESPACE):
            self._anomaly(AnomalyKind.MISSING_TAG)
            self.state = State.VALUE
            self._text(value)

    def _keep(self, text: str) -> None:
        """Headers, keys and noise wait for the marker that ends them, up to a limit."""
        for piece in self._kept.feed(text):
            self._drop(piece, _NOISE.get(self.state, AnomalyKind.UNRESOLVED_CALL))

    def _drop(self, text: str, kind: AnomalyKind) -> None:
        if text.strip(WHITESPACE):
            self._anomaly(kind, raw=text)

    def _anomaly(self, kind: AnomalyKind, *, raw: str = "", detail: str = "") -> None:
        self._events.append(Anomaly(kind, raw=raw, detail=detail))

    # -- states -------------------------------------------------------------------------------

    def _leave(self, target: State) -> None:
        """Does what leaving the current state means, on the way to `target`."""
        match self.state:
            case State.HEADER if target not in _OPENING:
                self._events += self._calls.take_header(self._kept.take())
            case State.SECTION | State.HEADER if target in _OPENING:
                self._events += self._calls.begin_before(target, self._kept.take())
            case State.SECTION | State.END:
                self._drop(self._kept.take(), _NOISE[self.state])
            case State.KEY | State.CALL if self.state is State.KEY or target is State.AFTER_KEY:
                self._events += self._calls.begin_value(self._kept.take())
            case State.VALUE | State.AFTER_KEY if target is not State.VALUE:
                self._events += self._calls.call.end()
            case State.CALL:
                self._drop(self._kept.take(), AnomalyKind.TEXT_BETWEEN_CALLS)
                if target is State.ARGUMENTS:
                    self._calls.call.read_json()
        self._end_call_before(target)
        if target in _OPENING and self._calls.open is None:
            self._events += self._calls.begin_before(target, "")

    def _end_call_before(self, target: State) -> None:
        """Ends an open call where the target is none of its states, or begins another."""
        is_next = target is State.ARGUMENTS and self.state is State.ARGUMENTS
        is_over = target not in _IN_CALL or target is State.HEADER or is_next
        if is_over and (call := self._calls.open) is not None:
            # Inside a string, only the call's own end shows that the model had finished it.
            self._events += self._calls.end(cut=call.in_string and target is not State.OUTER)

    def _find(self, pieces: Sequence[Found]) -> None:
        """Takes what stands in the answer: text, calls without markers, anomalies."""
        for piece in pieces:
            match piece:
                case str():
                    self._events.append(TextDelta(piece))
                case Anomaly():
                    self._events.append(piece)
                case BareCall():
                    self._events += self._calls.take_found(piece)
                case BegunCall(begun):
                    self._events += self._calls.begin_bare(piece.anomaly)
                    self.state = State.ARGUMENTS
                    self._text(begun)
                case _:
                    assert_never(piece)

    # -- doubt --------------------------------------------------------------------------------

    def _begin_doubt(self, marker: str, step: State) -> Doubt | None:
        """What shows whether this marker is one; None where nothing speaks against it."""
        dialect = self._dialect
        if self.state in _DATA and self._calls.in_string:
            step = self._outer if step is State.OUTER else step
            return doubt_in_call(dialect, marker, self._calls.call, step)
        if self.state not in _SPOKEN:
            return None
        is_draftable = self.state is State.REASONING and not self._is_past_drafts
        return doubt_in_text(dialect, marker, is_draftable=is_draftable)

    def _try(self, lexeme: Lexeme) -> None:
        assert self._doubt is not None
        self._waiting.append(lexeme)
        match self._doubt.weigh(lexeme):
            case Verdict.DATA:
                again = [self._waiting.pop()] if lexeme.is_marker else []
                if self._is_draft:
                    self._anomaly(AnomalyKind.DRAFT_CALL)
                self._text("".join(waiting.text for waiting in self._end_doubt()))
                self._queue.extendleft(again)
            case Verdict.MARKER:
                self._doubt_was_marker()

    @property
    def _is_draft(self) -> bool:
        return isinstance(self._doubt, OpeningDoubt) and self._doubt.is_draft

    def _end_doubt(self) -> list[Lexeme]:
        waiting, self._waiting, self._doubt = self._waiting, [], None
        return waiting

    def _doubt_was_marker(self) -> None:
        self._is_past_drafts = self._is_past_drafts or self._is_draft
        marker, *rest = self._end_doubt()
        self._move(marker.text, *self._dialect.find_step(self.state, marker.text))
        self._queue.extendleft(reversed(rest))

    def _settle_doubt(self, *, cut: bool) -> str:
        """At the end: a finished model meant the marker; of a cut one nobody knows."""
        if cut:
            return "".join(waiting.text for waiting in self._end_doubt())
        while self._doubt is not None:
            self._doubt_was_marker()
            self._read(())
        return ""

    # -- the end ------------------------------------------------------------------------------

    def _finish_lexer(self, *, cut: bool) -> str:
        """Reads what the lexer held back, unless it is half a marker: that is returned."""
        held = self._lexer.held
        if held and self._doubt is not None:
            if self._doubt.is_settled_by_half(held, cut=cut):
                self._doubt_was_marker()
                self._read(())
            elif cut:
                return held  # of which nobody knows what it would have become
        if held and is_half_marker(self._dialect, self.state, held, cut=cut):
            return held
        self._read(self._lexer.finish())
        return ""

    def _finish_state(self, *, cut: bool) -> None:
        if not cut and (kind := _UNENDED.get(self.state)):
            self._anomaly(kind)
        match self.state:
            case State.TEXT:
                if self._breaks is not None and (held := self._breaks.finish()):
                    self._find(self._answer.feed(held))
                self._find(self._answer.finish(is_call=False, cut=cut))
            case State.HEADER if cut:
                self._drop(self._kept.take(), AnomalyKind.CUT_CALL)
            case State.HEADER:
                self._events += self._calls.take_header(self._kept.take())
            case State.SECTION | State.END:
                self._drop(self._kept.take(), _NOISE[self.state])
            case state if state in _IN_CALL:
                self._finish_call(cut=cut)

    def _finish_call(self, *, cut: bool) -> None:
        """A model that stopped without ending its call had finished it, unless inside a string."""
        is_half = self.state is State.KEY or self._calls.in_string
        is_usual = self._dialect.find_step(self.state, self._dialect.stop[0]) == (State.END, None)
        self._drop(self._kept.take(), AnomalyKind.CUT_CALL)
        if not (cut or is_half or is_usual):
            self._anomaly(AnomalyKind.MISSING_CALL_END)
        self._events += self._calls.end(cut=cut or is_half)
