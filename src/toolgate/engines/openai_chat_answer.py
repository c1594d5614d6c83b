"""A Chat Completions stream, read as chunks, from whichever vendor it comes.

Vendors differ in what they leave out, in where they put reasoning and usage, and in how they fail
in the middle. Knows no network and no model family.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from toolgate.core.chunk import CallDelta, Chunk, Usage
from toolgate.engines.endpoint import find_error_message
from toolgate.errors import EngineProtocolError, EngineRefused

DONE: Final = b"[DONE]"
_ERROR_STATUS: Final = range(400, 600)


class _Function(Struct, frozen=True):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Call(Struct, frozen=True):
    index: int | None = None
    id: str | None = None
    function: _Function = _Function()


class _Delta(Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Logprobs(Struct, frozen=True):
    content: list[dict[str, Any]] | None = None


class _PromptDetails(Struct, frozen=True):
    cached_tokens: int | None = None


class _CompletionDetails(Struct, frozen=True):
    reasoning_tokens: int | None = None


class _Usage(Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Choice(Struct, frozen=True):
    delta: _Delta | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None
    usage: _Usage | None = None
    """Moonshot's place for it (AstrBot#6614)."""


class _Frame(Struct, frozen=True):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


class ChatReader:
    """Frames in, chunks out, until `done`; `finish` when the stream ends.

    The last chunk comes at the end of the stream: usage may follow the finish reason.
    """

    def __init__(self) -> None:
        self._reason: str | None = None
        self._usage: Usage | None = None
        self.done = False

    @property
    def whole(self) -> bool:
        """Whether the upstream has said why it stopped; only usage may follow."""
        return self.done or self._reason is not None

    def read(self, data: bytes) -> Chunk | None:
        """Returns what this frame adds, if anything.

        Raises: EngineRefused when it is an error, EngineProtocolError when it is no frame.
        """
        if data == DONE:
            return self._last()
        frame = _decode(data)
        choice = frame.choices[0] if frame.choices else _Choice()
        if usage := frame.usage or choice.usage:
            self._usage = _usage(usage)
        self._reason = self._reason or choice.finish_reason or None  # some send "" until the end
        delta = choice.delta or _Delta()
        chunk = Chunk(
            text=delta.content or "",
            reasoning=delta.reasoning_content or delta.reasoning or "",
            calls=tuple(map(_call, delta.tool_calls or ())),
            logprobs=tuple(choice.logprobs.content or ()) if choice.logprobs else (),
        )
        return chunk if chunk.text or chunk.reasoning or chunk.calls else None

    def finish(self) -> Chunk | None:
        """The last chunk, unless it has been told.

        Raises: EngineProtocolError when the upstream has not said that it had finished.
        """
        if self.done:
            return None
        if not self.whole:
            raise EngineProtocolError(
                "The upstream's stream ended without a finish reason. Its own log should say why."
            )
        return self._last()

    def _last(self) -> Chunk:
        """Why it stopped, None where it did not say; and the usage, if it told any."""
        self.done = True
        return Chunk(finish_reason=self._reason, usage=self._usage)


def _decode(data: bytes) -> _Frame:
    try:
        frame = msgspec.json.decode(data, type=_Frame)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise EngineProtocolError(
            f"The upstream's stream holds something that is no chat chunk: {data[:200]!r}"
        ) from error
    failed = any(choice.finish_reason == "error" for choice in frame.choices)
    if frame.error is None and not failed:
        return frame
    status = _status(frame.error)
    said = find_error_message(data)
    raise EngineRefused(f"The upstream failed in the middle of its answer: {said}", status=status)


def _status(error: object) -> int:
    code = error.get("code") if isinstance(error, Mapping) else None
    known = isinstance(code, int) and code in _ERROR_STATUS
    return code if known and isinstance(code, int) else EngineRefused.status_hint


def _call(told: _Call) -> CallDelta:
    arguments = told.function.arguments or ""
    if isinstance(arguments, dict):  # as Ollama's own API has them, and proxies before it
        arguments = json.dumps(arguments, ensure_ascii=False)
    return CallDelta(
        index=told.index,
        id=told.id or "",
        name=told.function.name or "",
        arguments=arguments,
    )


def _usage(told: _Usage) -> Usage:
    prompt = told.prompt_tokens_details or _PromptDetails()
    completion = told.completion_tokens_details or _CompletionDetails()
    return Usage(
        prompt_tokens=told.prompt_tokens,
        completion_tokens=told.completion_tokens,
        cached_tokens=prompt.cached_tokens or told.cached_tokens or 0,
        reasoning_tokens=completion.reasoning_tokens or 0,
    )
