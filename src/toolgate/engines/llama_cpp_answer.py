"""llama.cpp's `/completion` stream, read as chunks: what each of its frames means.

Knows no network. Written against llama.cpp b11549 (tools/server/server-task.cpp), and for what
ik_llama.cpp leaves out (it tells no token ids and has its own flags for why it stopped).
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from toolgate.core.chunk import Chunk, Usage
from toolgate.engines.stop_strings import StopStrings
from toolgate.engines.waiting_tokens import WaitingTokens
from toolgate.errors import EngineProtocolError, EngineRefused


class _Timings(Struct, frozen=True, gc=False):
    cache_n: int = 0


class _Frame(Struct, frozen=True, gc=False):
    content: str = ""
    tokens: tuple[int, ...] | None = None
    stop: bool = False
    stop_type: str | None = None
    stopped_eos: bool = False
    stopped_word: bool = False
    tokens_evaluated: int = 0
    tokens_predicted: int = 0
    timings: _Timings = _Timings()
    completion_probabilities: list[dict[str, Any]] = []
    error: Mapping[str, Any] | None = None
    model: str = ""


_decode: Final = msgspec.json.Decoder(_Frame).decode

LAST_FIELDS = ("stop", "stop_type", "tokens_evaluated", "tokens_predicted", "timings", "model")
"""What is needed of the last frame, which otherwise repeats the whole prompt."""

FINISH_REASONS = {"eos": "stop", "word": "stop", "limit": "length"}


class AnswerReader:
    """Frames in, chunks out, until `done`.

    The ids of half characters never come. Stop strings are found here: when `max_tokens` ends a
    stream, llama-server (b11549) swallows the text that it held back because it might have become
    one.
    """

    def __init__(
        self,
        *,
        stop_ids: Set[int] = frozenset(),
        stop: Iterable[str] = (),
        logprobs: int | None = None,
    ) -> None:
        self._stop_ids = stop_ids
        self._stop = StopStrings(stops := tuple(stop))
        self._has_stops = bool(stops)
        self._alternatives = logprobs
        self._tokens = WaitingTokens(stop_ids)
        self.done = self.whole = False
        """Both at once: the last frame tells how the answer ended."""
        self.model = ""
        """What the answer calls its model; empty until it is done."""

    def read(self, data: bytes) -> Chunk | None:
        """Returns what this frame adds, if anything.

        Raises: EngineRefused when it is an error, EngineProtocolError when it is no frame.
        """
        try:
            frame = _decode(data)
        except msgspec.DecodeError as error:  # covers ValidationError
            raise EngineProtocolError(
                f"The engine's stream holds something that no llama-server sends: {data[:200]!r}"
            ) from error
        if frame.error is not None:
            raise _refusal(frame.error, data)
        if frame.stop or self._tokens.ended:
            reason = "stop" if self._tokens.ended else _finish_reason(frame)
            return self._last(frame, self._stop.finish(), reason)
        most = self._alternatives
        logprobs = () if most is None else self._logprobs(frame, most)
        text = self._stop.feed(frame.content) if self._has_stops else frame.content
        if self._stop.found:
            self._tokens.add(frame.tokens, logprobs)
            return self._last(frame, text, "stop")
        return self._tokens.pass_on(text, frame.tokens, logprobs, _usage(frame))

    def finish(self) -> Chunk | None:
        """None: the last frame tells the last chunk.

        Raises: EngineProtocolError when there was none.
        """
        if self.done:
            return None
        raise EngineProtocolError(
            "The engine's stream ended without a finish reason. Its own log should say why."
        )

    def _logprobs(self, frame: _Frame, alternatives: int) -> Sequence[Mapping[str, Any]]:
        return [
            _logprob(entry, alternatives)
            for entry in frame.completion_probabilities
            if "logprob" in entry and entry.get("id") not in self._stop_ids
        ]

    def _last(self, frame: _Frame, text: str, finish_reason: str) -> Chunk:
        self.done = self.whole = True
        self.model = frame.model
        last = self._tokens.leave(text, usage=_usage(frame), finish_reason=finish_reason)
        return replace(last, stop_string=self._stop.found)


def _refusal(error: Mapping[str, Any], data: bytes) -> EngineRefused:
    message = error.get("message", data.decode(errors="replace"))
    status = error.get("code")
    return EngineRefused(
        f"The inference server gave up in the middle of its answer: {message}",
        status=status if isinstance(status, int) else EngineRefused.status_hint,
    )


def _usage(frame: _Frame) -> Usage:
    return Usage(
        prompt_tokens=frame.tokens_evaluated,
        completion_tokens=frame.tokens_predicted,
        cached_tokens=frame.timings.cache_n,
    )


def _finish_reason(frame: _Frame) -> str:
    if frame.stop_type is None:  # ik_llama.cpp, and llama.cpp of 2024
        return "stop" if frame.stopped_eos or frame.stopped_word else "length"
    return FINISH_REASONS.get(frame.stop_type, frame.stop_type)


def _logprob(entry: Mapping[str, Any], alternatives: int) -> Mapping[str, Any]:
    """OpenAI Chat's shape of one token's log-probability."""
    top = [_as_openai(choice) for choice in entry.get("top_logprobs", ())[:alternatives]]
    return {**_as_openai(entry), "top_logprobs": top}


def _as_openai(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {key: choice.get(key) for key in ("token", "logprob", "bytes")}
