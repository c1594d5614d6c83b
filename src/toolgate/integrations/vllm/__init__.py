"""A plug-in for vLLM: toolgate's parser for the people who run no gateway. docs/vllm-plugin.md

vLLM 0.32 makes a reasoning parser and right after it a tool parser for each answer, and hands the
text on from the first to the second where the reasoning ends. Where that is depends on the calls:
one that begins inside the reasoning ends it, unless it is only a draft. So here the two share one
reading of the answer, and what the first has read beyond the reasoning waits for the second.

vLLM says nothing of how an answer ended, so the stop token is asked for in the text. Where another
reasoning parser would show that token to the client, the ids of the streamed tokens must do.
"""

import os
import threading
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final
from uuid import uuid4

from msgspec import Struct

from toolgate.core.dialect import Dialect
from toolgate.errors import ConfigError
from toolgate.integrations.answer_reader import (
    Answer,
    AnswerReader,
    CallPiece,
    Piece,
    ReasoningMarks,
    read_whole,
    reasoning_marks,
)
from toolgate.integrations.choose_dialect import choose_dialect

try:
    from vllm.entrypoints.generate.base.protocol import (
        DeltaFunctionCall,
        DeltaMessage,
        DeltaToolCall,
        ExtractedToolCallInformation,
        FunctionCall,
        ToolCall,
    )
    from vllm.parser.abstract_parser import DelegatingParser
    from vllm.parser.utils import count_history_tool_calls
    from vllm.reasoning import ReasoningParser, ReasoningParserManager
    from vllm.tool_parsers import ToolParser, ToolParserManager
except ImportError as error:
    raise ImportError(
        f"toolgate.integrations.vllm is a plug-in for vLLM, which is not here ({error}). "
        "Install toolgate beside vLLM 0.32, and give vLLM this module as --tool-parser-plugin; "
        "docs/vllm-plugin.md says how."
    ) from error

NAME: Final = "toolgate"
SETTING: Final = "TOOLGATE_DIALECT"
_LONGEST_MARK: Final = 16
"""Tokens that a mark around the reasoning may have, with the blanks behind it."""
_latest: Final = threading.local()
"""`reading`: that of the reasoning parser made last, until its tool parser has taken it."""


class _Model(Struct, frozen=True):
    """What a tokenizer tells of its model."""

    dialect: Dialect
    marks: ReasoningMarks
    stops: frozenset[str]
    ids: dict[str, int]
    """Of the stop tokens and the marks."""

    def has(self, token_id: int | None, tokens: Iterable[str]) -> bool:
        return any(self.ids.get(token) == token_id is not None for token in tokens)


@cache
def _look_at(tokenizer: Any) -> _Model:
    vocabulary = tokenizer.get_vocab()
    template = getattr(tokenizer, "chat_template", None)
    dialect = choose_dialect(
        os.environ.get(SETTING),
        template=template if isinstance(template, str) else None,
        vocabulary=vocabulary.keys(),
        setting=SETTING,
    )
    marks, stops = reasoning_marks(dialect), {*dialect.stop, tokenizer.eos_token or dialect.stop[0]}
    tokens = stops.union(marks.begin, marks.end) & vocabulary.keys()
    return _Model(dialect, marks, frozenset(stops), {one: vocabulary[one] for one in tokens})


class _Reading:
    """One answer as it is read; the two parsers of an answer share it."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.model = _look_at(tokenizer)
        self.tools: list[dict[str, Any]] = []
        self.prefill: str | None = None
        """The mark that the prompt ended with; None while nobody has told."""
        self.keeps_reasoning = True
        self.whole: Answer | None = None
        self.waiting: list[Piece] = []
        """What was read with the reasoning and is none, for the tool parser."""
        self._reader: AnswerReader | None = None
        self._last: int | None = None
        self._is_over = False

    def feed(self, text: str, token_ids: Sequence[int]) -> Piece:
        if self._reader is None:
            self._reader = self._open(self.prefill or "")
        self._last = token_ids[-1] if token_ids else self._last
        return self._reader.feed(text)

    def finish(self) -> Piece:
        if self._reader is None or self._is_over:
            return Piece()
        self._is_over = True
        return self._reader.finish(finished=self.model.has(self._last, self.model.stops))

    def read(self, text: str, request: Any) -> Answer:
        finished = False if request.include_stop_str_in_output else None
        prefill = "" if self.keeps_reasoning else self.prefill
        return read_whole(self._open, text, prefill=prefill, finished=finished)

    def _open(self, prefill: str) -> AnswerReader:
        return AnswerReader(
            self.model.dialect,
            self.tools,
            prefill=prefill,
            stops=self.model.stops,
            keeps_reasoning=self.keeps_reasoning,
        )


class ToolgateReasoningParser(ReasoningParser):  # type: ignore[misc]  # vLLM is not here to be seen
    """Takes the reasoning out of an answer, and leaves the rest to `ToolgateToolParser`."""

    engine_based_streaming = True
    """vLLM then hands over each text once, and calls `finish_streaming`."""

    def __init__(self, tokenizer: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(tokenizer, *args, **kwargs)
        self._reading = _latest.reading = _Reading(tokenizer)
        self._reading.keeps_reasoning = False
        self._has_begun = False

    def adjust_request(self, request: Any) -> Any:
        """Raises: ConfigError beside another tool parser, which could not read what is left."""
        if getattr(_latest, "reading", None) is self._reading:
            raise ConfigError(
                f"--reasoning-parser {NAME} goes with --enable-auto-tool-choice "
                f"--tool-call-parser {NAME}, and with no other tool parser"
            )
        return request

    def is_reasoning_end(self, input_ids: Sequence[int]) -> bool:
        """Whether there is no reasoning behind this prompt."""
        marks = self._reading.model.marks
        if input_ids:
            prompt = self._decode(input_ids).rstrip()
            begun = (mark for mark in marks.begin if prompt.endswith(mark))
            self._reading.prefill = next(begun, "")
            self._has_begun = bool(self._reading.prefill)
            return not marks.begin or prompt.endswith(marks.end)
        return not marks.begin

    def is_reasoning_end_streaming(
        self, input_ids: Sequence[int], delta_ids: Iterable[int]
    ) -> bool:
        """Whether a grammar that the client asked for holds from here on."""
        marks = self._reading.model.marks
        text = self._decode(input_ids, len(list(delta_ids)))
        begin, end = (max(map(text.rfind, of), default=-1) for of in (marks.begin, marks.end))
        self._has_begun = self._has_begun or begin >= 0
        return not self._has_begun or end > begin

    def _decode(self, token_ids: Sequence[int], new: int = 0) -> str:
        text: str = self.model_tokenizer.decode(list(token_ids[-_LONGEST_MARK - new :]))
        return text

    def extract_content_ids(self, input_ids: list[int]) -> list[int]:
        """The tokens of the text that waits; nobody counts them."""
        return input_ids

    def count_reasoning_tokens(self, token_ids: Sequence[int]) -> int:
        """Those between the marks."""
        model, count = self._reading.model, 0
        is_inside = self._has_begun
        for token_id in token_ids:
            if model.has(token_id, model.marks.begin):
                is_inside = True
            elif model.has(token_id, model.marks.end):
                is_inside = False
            else:
                count += is_inside
        return count

    def extract_reasoning(self, model_output: str, request: Any) -> tuple[str | None, str | None]:
        """The reasoning; and the whole text, of which the tool parser knows what it became."""
        answer = self._reading.whole = self._reading.read(model_output, request)
        return answer.reasoning or None, model_output

    def extract_reasoning_streaming(
        self,
        previous_text: str,
        current_text: str,
        delta_text: str,
        previous_token_ids: Sequence[int],
        current_token_ids: Sequence[int],
        delta_token_ids: Sequence[int],
    ) -> Any:
        """What of this text is reasoning."""
        return self._keep(self._reading.feed(delta_text, delta_token_ids))

    def has_engine_confirmed_reasoning_end(self) -> bool:
        """Whether anything but reasoning has come."""
        return bool(self._reading.waiting)

    def finish_streaming(self) -> Any:
        """Called where the reasoning ends, and at the answer's end where it does not end before."""
        return None if self._reading.waiting else self._keep(self._reading.finish())

    def _keep(self, piece: Piece) -> Any:
        if piece.content or piece.calls:
            self._reading.waiting.append(Piece("", piece.content, piece.calls))
        return DeltaMessage(reasoning=piece.reasoning) if piece.reasoning else None


class ToolgateToolParser(ToolParser):  # type: ignore[misc]
    """Reads an answer's text and calls; without a reasoning parser the reasoning is text too."""

    supports_required_and_named = False
    """A call that is demanded is written as any other, in the family's own way."""
    engine_based_streaming = True
    skip_reasoning_parsing = False
    """vLLM sets it where there is no reasoning parser."""

    def __init__(self, tokenizer: Any, tools: Any = None) -> None:
        super().__init__(tokenizer, tools)
        shared: _Reading | None = getattr(_latest, "reading", None)
        self._is_shared = shared is not None and shared.tokenizer is tokenizer
        self._reading = shared if shared and self._is_shared else _Reading(tokenizer)
        _latest.reading = None
        self._reading.tools = [_declaration(tool) for tool in self.tools]
        self._earlier: int | None = None
        """Calls of the conversation before this answer."""
        self._may_call = bool(self.tools)

    def adjust_request(self, request: Any) -> Any:
        """Asks for special tokens in the text: those that mark calls, and the stop token."""
        request.skip_special_tokens = False
        if not (request.stop or getattr(request, "stop_token_ids", None)) and (
            self._is_shared or self.skip_reasoning_parsing
        ):
            request.include_stop_str_in_output = True
        return request

    def extract_tool_calls(self, model_output: str, request: Any) -> Any:
        """A whole answer."""
        answer = self._reading.whole or self._reading.read(model_output, request)
        self._look_at(request)
        calls = [
            ToolCall(
                id=self._new_id(index, call.name),
                function=FunctionCall(name=call.name, arguments=call.arguments),
            )
            for index, call in enumerate(answer.calls)
        ]
        return ExtractedToolCallInformation(
            tools_called=bool(calls), tool_calls=calls, content=answer.content or None
        )

    def extract_tool_calls_streaming(
        self,
        previous_text: str,
        current_text: str,
        delta_text: str,
        previous_token_ids: Sequence[int],
        current_token_ids: Sequence[int],
        delta_token_ids: Sequence[int],
        request: Any,
    ) -> Any:
        """What this text adds to the answer."""
        self._look_at(request)
        return self._tell([*self._take_waiting(), self._reading.feed(delta_text, delta_token_ids)])

    def finish_streaming(self) -> Any:
        """What only the end makes certain."""
        return self._tell([*self._take_waiting(), self._reading.finish()])

    def _take_waiting(self) -> list[Piece]:
        waiting, self._reading.waiting = self._reading.waiting, []
        return waiting

    def _look_at(self, request: Any) -> None:
        if self._earlier is None:
            self._earlier = count_history_tool_calls(request)
            self._may_call = request.tool_choice != "none"

    def _new_id(self, index: int, name: str) -> str:
        """As the model's prompts show it, where they do: nobody rewrites the history here."""
        write_id = self._reading.model.dialect.write_id
        if write_id is None or self._earlier is None:
            return f"call_{uuid4().hex[:24]}"
        return write_id(name, self._earlier + index)

    def _tell(self, pieces: Iterable[Piece]) -> Any:
        told = [piece for piece in pieces if piece]
        fields: dict[str, Any] = {}
        if reasoning := "".join(piece.reasoning for piece in told):
            fields["reasoning"] = reasoning
        if content := "".join(piece.content for piece in told):
            fields["content"] = content
        calls = [self._delta(call) for piece in told for call in piece.calls]
        if calls and self._may_call:
            fields["tool_calls"] = calls
        return DeltaMessage(**fields) if fields else None

    def _delta(self, call: CallPiece) -> Any:
        if call.name is None:
            more = DeltaFunctionCall(arguments=call.arguments)
            return DeltaToolCall(index=call.index, function=more)
        return DeltaToolCall(
            index=call.index,
            id=self._new_id(call.index, call.name),
            type="function",
            function=DeltaFunctionCall(name=call.name, arguments=""),
        )


def _declaration(tool: Any) -> dict[str, Any]:
    """As OpenAI Chat has it; Responses has the function's fields beside the type."""
    fields: dict[str, Any] = tool.model_dump(exclude_none=True)
    return fields if "function" in fields else {"type": "function", "function": fields}


def _tell_prompt(parser: Any, prompt_token_ids: Sequence[int]) -> None:
    if isinstance(parser.reasoning_parser, ToolgateReasoningParser):
        parser.reasoning_parser.is_reasoning_end(prompt_token_ids)


# vLLM 0.32 tells this to every parser of a whole answer, but the one that holds ours keeps it. With
# `n` above 1 or `include_reasoning: false` nobody else says whether the prompt began the reasoning.
DelegatingParser.set_prompt_token_ids = _tell_prompt
ToolParserManager.register_module(NAME, module=ToolgateToolParser)
ReasoningParserManager.register_module(NAME, module=ToolgateReasoningParser)
