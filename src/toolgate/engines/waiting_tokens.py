"""Tokens wait here for the text that they become, so that both leave in one chunk.

A server tells an id at once, but text only when it cannot be half a character; a marker's id must
come with its spelling. Knows no engine's frames.
"""

from collections.abc import Mapping, Sequence, Set
from itertools import takewhile
from typing import Any

from toolgate.core.chunk import Chunk, Usage


class WaitingTokens:
    """`add` what a frame tells of its tokens, `leave` with the text of which they are; or
    `pass_on` both at once.

    A token in `stop_ids` ends the answer, also where the model's file does not say so. It has no
    text and no log-probability, as at OpenAI.
    """

    def __init__(self, stop_ids: Set[int]) -> None:
        self._stop_ids = stop_ids
        self._ids: tuple[int, ...] | None = None
        self._logprobs: tuple[Mapping[str, Any], ...] = ()
        self.ended = False

    def add(self, ids: tuple[int, ...] | None, logprobs: Sequence[Mapping[str, Any]] = ()) -> None:
        """`ids` is None where the engine tells none; what follows a stop token is not kept."""
        if self.ended:
            return
        if ids is not None:
            if not self._stop_ids.isdisjoint(ids):
                self.ended = True
                ids = tuple(takewhile(lambda token_id: token_id not in self._stop_ids, ids))
                logprobs = logprobs[: len(ids)]
            self._ids = self._ids + ids if self._ids else ids
        if logprobs:
            self._logprobs += tuple(logprobs)

    def pass_on(
        self,
        text: str,
        ids: tuple[int, ...] | None,
        logprobs: Sequence[Mapping[str, Any]] = (),
        usage: Usage | None = None,
    ) -> Chunk | None:
        """Both; None where there is no text yet."""
        is_alone = not (self._ids or self._logprobs or logprobs or self.ended)
        if is_alone and text and ids and self._stop_ids.isdisjoint(ids):  # as nearly always
            self._ids = ()
            return Chunk(text=text, token_ids=ids, usage=usage)
        self.add(ids, logprobs)
        return self.leave(text, usage=usage) if text else None

    def leave(
        self, text: str, *, usage: Usage | None = None, finish_reason: str | None = None
    ) -> Chunk:
        """All that waited, with its text."""
        chunk = Chunk(
            text=text,
            token_ids=self._ids,
            finish_reason=finish_reason,
            usage=usage,
            logprobs=self._logprobs,
        )
        self._ids = None if self._ids is None else ()
        self._logprobs = ()
        return chunk
