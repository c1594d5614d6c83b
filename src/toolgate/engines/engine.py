"""What an inference server must offer to the driver, and what it is asked for."""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct

from toolgate.core.chunk import Chunk
from toolgate.core.conversation import Conversation, Options
from toolgate.core.grammar import Constraint, special_tokens
from toolgate.core.prompt import Prompt

Tell: TypeAlias = Callable[[str, Mapping[str, Any]], None]


class Capabilities(Struct, frozen=True, kw_only=True):
    """What an engine can do; what it cannot is somebody else's work, or refused at the start."""

    kind: str
    """Its name for people: llama.cpp, vLLM …"""
    version: str = ""
    prompts: Literal["tokens", "text", "messages"] = "tokens"
    """What it takes: token ids, text (special tokens by their spelling), or only a chat."""
    tells_ids: bool = True
    """Whether it tells the token ids of what it generates."""
    counts_exactly: bool = True
    """Whether `count_tokens` counts; an estimate refuses nobody and is named as one."""
    logprobs: bool = True
    grammar: Literal["gbnf", "structural_tag", "lark", "none"] = "none"
    """How it takes a grammar; "none" as well where it was seen to ignore one."""

    def holds(self, constraint: Constraint, spellings: Collection[str]) -> bool:
        """Whether it keeps an answer to this by itself; `spellings` are the special tokens it has.

        A structural tag names tokens by their ids: without one of them there is none to send.
        """
        if self.grammar == "structural_tag":
            return set(special_tokens(constraint)) <= set(spellings)
        return self.grammar != "none"


class GenerateRequest(Struct, frozen=True, kw_only=True):
    """One generation: a prompt goes out, chunks come back."""

    prompt: Prompt
    options: Options
    conversation: Conversation | None = None
    """What the prompt was rendered from, for engines that take only messages."""
    constraint: Constraint | None = None
    """What the answer's calls must look like; only for engines that take a grammar."""
    markers: Sequence[str] = ()
    """Special tokens that must come back as text."""
    stop: Sequence[str] = ()
    """Special tokens that end the turn, beside the client's own stop strings in `options`."""
    tell: Tell | None = None
    """Wants to know what is sent to the server: the path, and the body."""


class RawResponse(Struct):
    """An answer handed through untouched."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


class Engine(Protocol):
    """An inference server, reached over the network or started by us."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, known once it has started."""

    async def start(self) -> None:
        """Connects, and reads what the server says of itself.

        Raises: EngineUnavailable when it cannot be reached.
        """

    async def close(self) -> None:
        """Lets go of every connection and process."""

    async def marker_ids(self, markers: Sequence[str]) -> Mapping[int, str]:
        """Token id → spelling, for those markers that are one token in this engine's vocabulary."""

    def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """Chunks of one answer, the last with a finish reason. Closing the generator cancels.

        Raises: EngineUnavailable, EngineRefused, EngineProtocolError.
        """

    async def count_tokens(self, prompt: Prompt) -> int:
        """How many tokens the prompt has in this engine's vocabulary."""

    def forward(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[RawResponse]:
        """Sends a request as it came and hands the answer back as it comes (`/v1/completions`)."""

    async def describe(self) -> Mapping[str, Any]:
        """What the server says of itself: at least `model` (str) and `context` (tokens or None)."""

    async def healthy(self) -> bool:
        """Whether it answers right now."""

    @property
    def doubtful(self) -> bool:
        """Whether it should be asked `is_another` before it is given more: it has failed, or
        called its model by another name. Asks nobody."""

    async def is_another(self) -> bool:
        """Whether it runs another model than when it was started; asks it, and ends all doubt.

        All that was learnt of it is then wrong, and it is to be opened anew.

        Raises: EngineError where it cannot be asked.
        """

    async def retire(self) -> None:
        """Lets go of everything as soon as the answers under way have ended."""
