"""Events in, OpenAI Chat's server-sent events out.

The frames of one answer, added up as the openai SDK adds them up, give exactly what
`encode_response` gives for the same events. That takes some care with order: the role deltas of
all choices go first (the SDK appends choices as it meets them), a call's id and name stand in its
first delta and never again (the SDK would join them, Roo Code wants them there), the finish reason
and the usage have chunks of their own at the end.

A text delta costs a microsecond or two: everything around the text is encoded once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, assert_never

import msgspec

from toolgate.core.chunk import Usage
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
from toolgate.core.sent_arguments import SentArguments
from toolgate.errors import ToolgateError
from toolgate.wire.openai_chat.response import ResponseHead, logprobs_field, usage_field
from toolgate.wire.openai_error import encode_error
from toolgate.wire.sse import encode_frame

DONE: Final = b"data: [DONE]\n\n"

_encode: Final = msgspec.json.Encoder().encode


class StreamEncoder:
    """One streamed answer of `n` choices; both methods return ready bytes, perhaps none."""

    def __init__(self, head: ResponseHead, *, n: int = 1, include_usage: bool = False) -> None:
        opening = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,' % (
            _encode(head.id),
            head.created,
        )
        opening += b'"model":%b,"system_fingerprint":%b,' % (
            _encode(head.model),
            _encode(head.system_fingerprint),
        )
        # OpenAI promises `usage: null` in every chunk but the last when usage was asked for.
        closing = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        self._opening = opening
        self._include_usage = include_usage
        self._choices = [_Choice(index, opening=opening, closing=closing) for index in range(n)]
        self._begun = False

    def begin(self) -> bytes:
        """What can be sent before the model has said anything: the roles; once."""
        if self._begun:
            return b""
        self._begun = True
        return b"".join(choice.begin() for choice in self._choices)

    def feed(
        self,
        events: Sequence[Event],
        *,
        choice: int = 0,
        logprobs: Sequence[Mapping[str, Any]] = (),
    ) -> bytes:
        """Frames of what one choice said; the first call, even without events, tells the roles."""
        if not self._begun:
            return self.begin() + self._choices[choice].feed(events, logprobs)
        return self._choices[choice].feed(events, logprobs)

    def ping(self) -> bytes:
        """An empty delta: a mere comment does not reset the idle timers of Qwen Code and others."""
        return self._choices[0].ping()

    def finish(self, usage: Usage | None = None) -> bytes:
        """The end: the usage, if the client asked for it, and `[DONE]`."""
        last = self.begin()
        if self._include_usage:
            last += b'%b"choices":[],"usage":%b}\n\n' % (
                self._opening,
                _encode(usage_field(usage or Usage())),
            )
        return last + DONE

    def fail(self, error: ToolgateError, *, status: int | None = None) -> bytes:
        """The end of a stream that failed; SDKs raise it. Nothing may follow, no `[DONE]` either.

        A call that was open is spoiled first: a client that mends fragments must not run it.
        """
        spoiled = b"".join([choice.fail() for choice in self._choices])
        return spoiled + encode_frame(encode_error(error, status=status))


class _Choice:
    """The frames of one choice."""

    def __init__(self, index: int, *, opening: bytes, closing: bytes) -> None:
        self._opening = b'%b"choices":[{"index":%d,"delta":{' % (opening, index)
        self._closing = b"]" + closing
        self._text_opening = self._opening + b'"content":'
        self._delta_end = b'},"logprobs":null,"finish_reason":null}' + self._closing
        self._logprobs: list[Mapping[str, Any]] = []
        self._arguments = SentArguments()
        """Of the call in progress."""
        self._open: int | None = None
        """The index of the call in progress."""
        self._spoils: list[bytes] = []
        """What the last chunk adds to cut calls, so that nobody can run them."""
        self._silent = True
        """Whether there was neither text nor a call yet."""

    def begin(self) -> bytes:
        # null, which any later text replaces: the content of a mere call has to end up as null.
        return self._opening + b'"role":"assistant","content":null' + self._delta_end

    def ping(self) -> bytes:
        return self._opening + self._delta_end

    def fail(self) -> bytes:
        if self._open is None:
            return b""
        spoiled = _arguments(self._open, self._arguments.finish(complete=False))
        return self._delta(b'"tool_calls":[%b]' % spoiled)

    def feed(self, events: Sequence[Event], logprobs: Sequence[Mapping[str, Any]]) -> bytes:
        if logprobs:
            self._logprobs.extend(logprobs)
        if len(events) == 1:  # as nearly always
            return self._frame(events[0])
        return b"".join([self._frame(event) for event in events])

    def _frame(self, event: Event) -> bytes:
        if isinstance(event, TextDelta):  # nearly all, and a pattern takes three times as long
            return self._write(event.text)
        match event:
            case ReasoningDelta(text):
                encoded = _encode(text)
                delta = b'"reasoning_content":%b,"reasoning":%b' % (encoded, encoded)
            case ArgumentsDelta(index, text):
                return self._say(index, self._arguments.feed(text))
            case ToolCallStart():
                delta = self._start_call(event)
            case Finish(reason):
                return self._finish(reason)
            case ToolCallEnd(index, complete):
                return self._end_call(index, complete=complete)
            case Anomaly():
                return b""
            case _:
                assert_never(event)
        return self._delta(delta)

    def _write(self, text: str) -> bytes:
        self._silent = False
        if self._logprobs:
            return self._delta(b'"content":' + _encode(text))
        return self._text_opening + _encode(text) + self._delta_end

    def _say(self, index: int, arguments: str) -> bytes:
        if not arguments:
            return b""
        return self._delta(b'"tool_calls":[%b]' % _arguments(index, arguments))

    def _end_call(self, index: int, *, complete: bool) -> bytes:
        self._open = None
        rest = self._arguments.finish(complete=complete)
        if complete:
            return self._say(index, rest)
        self._spoils.append(_arguments(index, rest))
        return b""

    def _delta(self, delta: bytes) -> bytes:
        if self._logprobs:
            return self._opening + delta + self._end(None)
        return self._opening + delta + self._delta_end

    def _end(self, finish_reason: str | None) -> bytes:
        logprobs, self._logprobs = self._logprobs, []
        return b'},"logprobs":%b,"finish_reason":%b}%b' % (
            _encode(logprobs_field(logprobs)),
            _encode(finish_reason),
            self._closing,
        )

    def _start_call(self, call: ToolCallStart) -> bytes:
        self._arguments = SentArguments()
        self._open = call.index
        self._silent = False
        return (
            b'"tool_calls":[{"index":%d,"id":%b,"type":"function",'
            b'"function":{"name":%b,"arguments":""}}]'
        ) % (call.index, _encode(call.id), _encode(call.name))

    def _finish(self, reason: str) -> bytes:
        # What spoils a cut call comes with the finish reason, so that the openai SDK's stream
        # helper, which checks the reason first, raises its LengthFinishReasonError.
        delta = b'"tool_calls":[%b]' % b",".join(self._spoils) if self._spoils else b""
        if self._silent:
            delta = b'"content":""'
        return self._opening + delta + self._end(reason)


def _arguments(index: int, text: str) -> bytes:
    return b'{"index":%d,"function":{"arguments":%b}}' % (index, _encode(text))
