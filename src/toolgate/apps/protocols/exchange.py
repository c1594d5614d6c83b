"""One request in one client protocol: what it asks, and how its answer is written.

Each protocol's route makes an `Exchange` of a body; `answering` does the rest, the same for all.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from toolgate.core.chunk import Usage
from toolgate.core.conversation import Conversation
from toolgate.core.events import Event
from toolgate.errors import ToolgateError


class Given(Struct, frozen=True, kw_only=True):
    """What the gateway knows of an answer before the model has said anything."""

    id: str
    """Random, and unique: the protocol puts its own prefix before it."""
    created: int
    """Seconds since 1970."""
    model: str
    """The model's name as the client wrote it."""
    prompt_tokens: int


class Said(Struct, frozen=True):
    """What one choice said, whole."""

    events: Sequence[Event]
    logprobs: Sequence[Mapping[str, Any]] = ()


class Encoder(Protocol):
    """Writes one streamed answer; every method returns ready bytes, perhaps none."""

    def begin(self) -> bytes:
        """What can be sent before the model has said anything."""

    def feed(
        self, events: Sequence[Event], *, choice: int, logprobs: Sequence[Mapping[str, Any]]
    ) -> bytes:
        """What one choice said."""

    def ping(self) -> bytes:
        """An event that says nothing, and keeps the client waiting."""

    def finish(self, usage: Usage) -> bytes:
        """The end."""

    def fail(self, error: ToolgateError, *, status: int) -> bytes:
        """The end of an answer that failed in the middle."""


class Exchange(Protocol):
    """A decoded request, and how to answer it."""

    @property
    def conversation(self) -> Conversation:
        """What the prompt is rendered from."""

    @property
    def model(self) -> str:
        """The model's name; "" when the request names none."""

    @property
    def stream(self) -> bool:
        """Whether the answer is streamed."""

    @property
    def n(self) -> int:
        """How many choices the answer has."""

    @property
    def unknown(self) -> Sequence[str]:
        """Fields that nobody reads."""

    def open_encoder(self, given: Given) -> Encoder:
        """For a streamed answer."""

    def encode_whole(self, given: Given, said: Sequence[Said], usage: Usage) -> bytes:
        """For a whole one."""
