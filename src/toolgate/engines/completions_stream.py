"""OpenAI's text completion stream, read as chunks: what all servers that speak it have in common.

Knows no network and no engine. Written against vLLM 0.32 (entrypoints/openai/completion), SGLang
0.5 (srt/entrypoints/openai/serving_completions.py), TensorRT-LLM 1.2
(serve/postprocess_handlers.py) and llama-server b11549, whose `/v1/completions` differs from
theirs in how it writes log-probabilities.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from http import HTTPStatus
from itertools import islice, zip_longest
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from toolgate.core.chunk import Chunk, Usage
from toolgate.engines.endpoint import find_error_message
from toolgate.engines.stop_strings import StopStrings
from toolgate.engines.waiting_tokens import WaitingTokens
from toolgate.errors import EngineProtocolError, EngineRefused

DONE: Final = b"[DONE]"

ENDINGS: Final[Mapping[str, str]] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
"""How an answer may end. All else (`abort`, `error`, `cancelled`, `timeout`) means that the engine
gave up: what has come is half an answer, and must not be taken for a whole one."""


class _PromptDetails(Struct, frozen=True, gc=False):
    cached_tokens: int | None = None


class _Usage(Struct, frozen=True, gc=False):
    prompt_tokens: int = 0
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Logprobs(Struct, frozen=True):
    tokens: list[str] = []
    token_logprobs: list[float | None] = []
    top_logprobs: list[dict[str, float | None] | None] | None = None
    content: list[dict[str, Any]] = []
    """llama-server writes them as for a chat."""


class _Choice(Struct, frozen=True, gc=False):
    text: str | None = None
    token_ids: tuple[int, ...] | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Frame(Struct, frozen=True, gc=False):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None
    object: str = ""
    code: Any = None
    model: str | None = None


class CompletionReader:
    """Frames in, chunks out, until `done`; `finish` when the stream ends.

    The reason to stop comes before the usage, so it waits for that, or for the end: once it is
    known, the answer is whole, and a stream that breaks afterwards has lost nothing.

    Stop strings are found here, as engines differ in what they do with the text around them.
    """

    def __init__(
        self,
        *,
        stop_ids: Set[int] = frozenset(),
        stop: Iterable[str] = (),
        logprobs: int | None = None,
    ) -> None:
        self._stop = StopStrings(stop)
        self._alternatives = logprobs
        self._tokens = WaitingTokens(stop_ids)
        self._reason: str | None = None
        self._usage: Usage | None = None
        self.done = False
        self.model = ""
        """What the answer calls its model."""

    @property
    def whole(self) -> bool:
        """Whether the engine has said how its answer ended."""
        return self._reason is not None

    def read(self, data: bytes) -> Chunk | None:
        """Returns what this frame adds, if anything.

        Raises: EngineRefused when it is an error, EngineProtocolError when it is no frame, or says
        that the engine gave up.
        """
        if data == DONE:
            return self.finish()
        frame = _decode(data)
        self.model = frame.model or self.model
        if frame.usage is not None:
            self._usage = _usage(frame.usage)
        chunk = None
        for choice in frame.choices[:1]:  # one is asked for
            chunk = self._read_choice(choice)
        return self.finish() if self.whole and self._usage and not chunk else chunk

    def finish(self) -> Chunk | None:
        """The last chunk, unless it has been told.

        Raises: EngineProtocolError when the engine has not said how its answer ended.
        """
        if self.done:
            return None
        if self._reason is None:
            raise EngineProtocolError(
                "The engine's stream ended without a finish reason. Its own log should say why."
            )
        return self._last("")

    def _read_choice(self, choice: _Choice) -> Chunk | None:
        if self.whole:  # said twice; what counts is what came first
            return None
        if choice.finish_reason is not None:
            self._reason = _ending(choice.finish_reason)
        logprobs: Sequence[Mapping[str, Any]] = ()
        if self._alternatives is not None and choice.logprobs is not None:
            logprobs = list(_logprobs(choice.logprobs, self._alternatives))
        self._tokens.add(choice.token_ids, logprobs)
        text = self._stop.feed(choice.text or "")
        if self._stop.found:
            self._reason = "stop"
            return self._last(text)
        if self._tokens.ended:
            self._reason = "stop"
        if self.whole:
            text += self._stop.finish()
        return self._tokens.leave(text) if text else None

    def _last(self, text: str) -> Chunk:
        self.done = True
        last = self._tokens.leave(text, usage=self._usage, finish_reason=self._reason)
        return replace(last, stop_string=self._stop.found)


def _logprobs(told: _Logprobs, alternatives: int) -> Iterator[Mapping[str, Any]]:
    """One for each token, in OpenAI Chat's shape."""
    for entry in told.content:
        yield {**_named(entry), "top_logprobs": [*map(_named, entry.get("top_logprobs", ()))]}
    for token, logprob, others in zip_longest(
        told.tokens, told.token_logprobs, told.top_logprobs or ()
    ):
        best = islice((others or {}).items(), alternatives)
        yield {**_told(token, logprob), "top_logprobs": [_told(*other) for other in best]}


def _decode(data: bytes) -> _Frame:
    try:
        frame = msgspec.json.decode(data, type=_Frame)
    except msgspec.DecodeError as error:  # covers ValidationError
        raise EngineProtocolError(
            f"The engine's stream holds something that is no completion: {data[:200]!r}"
        ) from error
    if frame.error is not None or frame.object == "error":
        code = frame.error.get("code") if isinstance(frame.error, dict) else frame.code
        raise EngineRefused(
            f"The inference server gave up on its answer: {find_error_message(data)}",
            status=_status(code),
        )
    return frame


def _status(code: Any) -> int:
    is_error = isinstance(code, int) and code >= HTTPStatus.BAD_REQUEST
    return int(code) if is_error else EngineRefused.status_hint


def _ending(reason: str) -> str:
    if reason not in ENDINGS:
        raise EngineProtocolError(
            f"The engine gave up in the middle of its answer (finish_reason {reason!r}). "
            "Its own log should say why."
        )
    return ENDINGS[reason]


def _usage(usage: _Usage) -> Usage:
    details = usage.prompt_tokens_details or _PromptDetails()
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens or 0,
        cached_tokens=details.cached_tokens or 0,
    )


def _told(token: str, logprob: float | None) -> dict[str, Any]:
    """One token in OpenAI Chat's shape; half a character's bytes are unknown."""
    known = "\ufffd" not in token
    return {
        "token": token,
        "logprob": logprob,
        "bytes": list(token.encode()) if known else None,
    }


def _named(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry.get(key) for key in ("token", "logprob", "bytes")}
