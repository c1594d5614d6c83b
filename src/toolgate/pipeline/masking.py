"""Takes what was said out of a recording, and leaves how it was said.

`redacted` makes every letter an x and every digit a 1, and leaves what holds a text together:
blanks, punctuation, JSON's escapes and words, the model's markers, names of declared tools. A
broken call is still broken in the same place. `off` makes every character a dot, and drops schemas
and whatever else has no length to tell. Both keep lengths, so that what is masked still adds up.
"""

import re
from collections.abc import Iterable, Mapping, Set
from typing import Any, Final, Literal, TypeAlias

from msgspec.structs import replace

from toolgate.core.assemble import AssembledMessage
from toolgate.core.chunk import CallDelta
from toolgate.core.conversation import (
    Content,
    Conversation,
    MediaPart,
    Message,
    Options,
    TextPart,
    ToolCall,
    ToolSpec,
)
from toolgate.core.events import (
    Anomaly,
    ArgumentsDelta,
    Event,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolCallStart,
)
from toolgate.core.prompt import Plain, Prompt
from toolgate.pipeline.call_report import CallReport
from toolgate.pipeline.columns import Columns
from toolgate.pipeline.enforcer.steering_report import SteeringReport
from toolgate.pipeline.finding import Finding, FindingKind
from toolgate.pipeline.packed import PackedTrace
from toolgate.pipeline.trace import Sent, Trace

Contents: TypeAlias = Literal["off", "redacted", "on"]

DOT: Final = "·"
HIDDEN: Final = -1
"""Stands for the id of a token of text."""
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "_input"})
_WORDS: Final = ("functions", "true", "false", "null")
_STRUCTURAL: Final = frozenset({"type", "$ref", "format"})
_VALUES: Final = frozenset({"enum", "const", "default", "examples"})
_ESCAPE: Final = r'\\u[0-9a-fA-F]{4}|\\["\\/bfnrt]'
_NUMBER: Final = r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_LETTERS: Final = r"[^\W\d_]+"
_ONES: Final = str.maketrans("0123456789", "1" * 10)
_KEPT_VALUES: Final = (bool, int, float, type(None))


def mask_trace(
    packed: PackedTrace, contents: Contents, *, special: Set[str], marker_ids: Mapping[int, str]
) -> PackedTrace:
    """The trace as it may be kept. `special` and `marker_ids` are the special tokens' spellings and
    ids, which are no secrets."""
    if contents == "on":
        return packed
    masker = _Masker(packed.trace, contents, special, marker_ids)
    return PackedTrace(masker.trace(packed.trace), masker.heard(packed.heard))


def mask_findings(findings: Iterable[Finding], contents: Contents) -> tuple[Finding, ...]:
    """They tell names, places and sizes; but why a server failed may quote what it was sent."""
    return tuple(
        replace(one, evidence=())
        if contents != "on" and one.kind is FindingKind.FALLBACK_MODEL
        else one
        for one in findings
    )


class _Masks(dict[str, str]):
    """Word or number → what stands for it; most of a text's words come again."""

    def __init__(self, kept: Iterable[str]) -> None:
        super().__init__((one, one) for one in kept)

    def __missing__(self, token: str) -> str:
        self[token] = mask = self._mask(token)
        return mask

    @staticmethod
    def _mask(token: str) -> str:
        if token[0] == "\\":
            return token if len(token) == 2 else "\\u0078"  # noqa: PLR2004  else by its number
        if not token[0].isdecimal():
            return "x" * len(token)
        return token.translate(_ONES) if token.isascii() else re.sub(r"\d", "1", token)


def _any_of(words: Iterable[str]) -> str:
    """A pattern, the longest first."""
    return "|".join(map(re.escape, sorted(filter(None, words), key=len, reverse=True)))


class _Masker:
    """One trace's: it knows which names are declared in it."""

    def __init__(
        self, trace: Trace, contents: Contents, special: Set[str], marker_ids: Mapping[int, str]
    ) -> None:
        self._is_off = contents == "off"
        self._marker_ids = marker_ids
        self._names = {tool.name for tool in trace.conversation.callable_tools}
        self._ids: dict[str, str] = {}
        self._masked: dict[str, str] = {}
        markers = _any_of(special)
        self._markers = re.compile(f"({markers})" if markers else "()(?!)")
        words = {*self._names, *_WORDS}
        known = "|".join(part for part in (markers, rf"(?<!\w)(?:{_any_of(words)})(?!\w)") if part)
        self._tokens_of = re.compile(f"({known}|{_ESCAPE}|{_NUMBER}|{_LETTERS})")
        self._masks = _Masks({*special, *words})

    def text(self, text: str) -> str:
        """As long as it was. Most texts come again: in the prompt, or as the message's content."""
        masked = self._masked.get(text)
        if masked is None:
            masked = self._masked[text] = self._mask(text)
        return masked

    def _mask(self, text: str) -> str:
        pieces = (self._markers if self._is_off else self._tokens_of).split(text)
        if self._is_off:  # every other piece is a marker
            pieces[::2] = [DOT * len(piece) for piece in pieces[::2]]
        else:
            pieces[1::2] = [self._masks[piece] for piece in pieces[1::2]]
        return "".join(pieces)

    # -- a turn -------------------------------------------------------------------------------

    def trace(self, trace: Trace) -> Trace:
        return replace(
            trace,
            conversation=self._conversation(trace.conversation),
            repairs=tuple(
                replace(repair, detail=self.text(repair.detail)) for repair in trace.repairs
            ),
            findings=mask_findings(trace.findings, "off"),
            prompt=self._prompt(trace.prompt),
            sent=tuple(self._sent(one) for one in trace.sent),
            output=self.text(trace.output),
            message=self._said(trace.message),
            calls=tuple(self._report(call) for call in trace.calls),
            steering=trace.steering and self._steering(trace.steering),
        )

    def _steering(self, report: SteeringReport) -> SteeringReport:
        return replace(report, prevented=[self.text(one) for one in report.prevented])

    def _prompt(self, prompt: Prompt) -> Prompt:
        segments = tuple(
            Plain(self.text(one.text)) if isinstance(one, Plain) else one for one in prompt.segments
        )
        return Prompt(segments, prefill=self.text(prompt.prefill))

    def _sent(self, sent: Sent) -> Sent:
        ids = sent.prompt_ids
        body = {name: value for name, value in sent.body.items() if isinstance(value, _KEPT_VALUES)}
        return replace(
            sent, body=body, prompt_ids=None if ids is None else tuple(self._tokens(ids))
        )

    def _tokens(self, ids: Iterable[int]) -> list[int]:
        return [one if one in self._marker_ids else HIDDEN for one in ids]

    def heard(self, heard: Columns) -> Columns:
        """The texts are cut out of the masked output: a name may lie in several chunks."""
        return replace(
            heard,
            token_ids=self._tokens(heard.token_ids),
            events=[tuple(map(self._event, events)) for events in heard.events],
            calls={at: tuple(map(self._delta, calls)) for at, calls in heard.calls.items()},
            text=None if heard.text is None else self.text(heard.text),
        )

    def _delta(self, call: CallDelta) -> CallDelta:
        return replace(call, name=self._name(call.name), arguments=self.text(call.arguments))

    def _event(self, event: Event) -> Event:
        match event:
            case TextDelta(text):
                return TextDelta(self.text(text))
            case ReasoningDelta(text) | ArgumentsDelta(_, text):
                return replace(event, text=self.text(text))
            case ToolCallStart(_, _, name, native_id):
                return replace(event, name=self._name(name), native_id=self.text(native_id))
            case Anomaly():
                return self._anomaly(event)
            case Finish(_, str(stop)):
                return replace(event, stop_string=self.text(stop))
            case _:
                return event

    def _anomaly(self, anomaly: Anomaly) -> Anomaly:
        return replace(anomaly, raw=self.text(anomaly.raw), detail=self.text(anomaly.detail))

    def _said(self, message: AssembledMessage) -> AssembledMessage:
        return AssembledMessage(
            content=self.text(message.content),
            reasoning=self.text(message.reasoning),
            tool_calls=tuple(replace(self._call(call), id=call.id) for call in message.tool_calls),
            finish_reason=message.finish_reason,
            anomalies=tuple(self._anomaly(one) for one in message.anomalies),
        )

    def _report(self, call: CallReport) -> CallReport:
        dropped = tuple(replace(one, path=self.text(one.path)) for one in call.dropped)
        return replace(call, name=self._name(call.name), dropped=dropped)

    # -- a request ----------------------------------------------------------------------------

    def _conversation(self, conversation: Conversation) -> Conversation:
        choice = conversation.tool_choice
        return Conversation(
            messages=tuple(self._message(one) for one in conversation.messages),
            tools=tuple(self._tool(one) for one in conversation.tools),
            tool_choice=replace(choice, name=choice.name and self._name(choice.name)),
            options=self._options(conversation.options),
        )

    def _message(self, message: Message) -> Message:
        return replace(
            message,
            role=message.role if message.role in _ROLES else self.text(message.role),
            content=self._content(message.content),
            name=message.name and self._name(message.name),
            tool_calls=tuple(self._call(call) for call in message.tool_calls),
            tool_call_id=self._id(message.tool_call_id),
            reasoning_content=self._maybe(message.reasoning_content),
            reasoning=self._maybe(message.reasoning),
            tools=tuple(self._tool(one) for one in message.tools),
        )

    def _content(self, content: Content) -> Content:
        if isinstance(content, str):
            return self.text(content)
        return content and tuple(
            TextPart(self.text(part.text)) if isinstance(part, TextPart) else MediaPart(part.kind)
            for part in content
        )

    def _maybe(self, text: Any) -> Any:
        return self.text(text) if isinstance(text, str) else text

    def _call(self, call: ToolCall) -> ToolCall:
        return replace(
            call,
            id=self._id(call.id),
            name=self._name(call.name),
            arguments=self.text(call.arguments),
            native_id=self.text(call.native_id),
        )

    def _id(self, given: str | None) -> str | None:
        """A client may put anything into an id; which result belongs to which call stays."""
        return given and self._ids.setdefault(given, f"call{len(self._ids)}")

    def _name(self, name: str) -> str:
        return name if name in self._names else self.text(name)

    def _tool(self, tool: ToolSpec) -> ToolSpec:
        if self._is_off:
            return ToolSpec(tool.name, strict=tool.strict)
        parameters = self._schema(tool.parameters)
        return ToolSpec(tool.name, self.text(tool.description), parameters, tool.strict)

    def _schema(self, schema: Any, key: str = "") -> Any:
        """Keywords and names of properties stay; what they say of values does not."""
        match schema:
            case str():
                return schema if key in _STRUCTURAL else self.text(schema)
            case int() | float() if key in _VALUES and not isinstance(schema, bool):
                return 1
            case Mapping():
                inside = key if key in _VALUES else ""
                return {name: self._schema(value, inside or name) for name, value in schema.items()}
            case [*items]:
                return [self._schema(item, key) for item in items]
            case _:
                return schema

    def _options(self, options: Options) -> Options:
        return replace(
            options,
            stop=tuple(self.text(one) for one in options.stop),
            logit_bias=None,
            response_format=None,
            template={},
        )
