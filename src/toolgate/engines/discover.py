"""Finds out what kind of engine answers at an address, and opens it: the table of all engines.

Asks what every kind answers without harm: who owns its models, and which paths it has. Knows no
kind's requests; those are in its own file.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeAlias

from msgspec import Struct

from toolgate.core.chunk import Chunk
from toolgate.core.prompt import Prompt
from toolgate.engines.completions_engine import CompletionsEngine, Flavour
from toolgate.engines.endpoint import Endpoint
from toolgate.engines.engine import Capabilities, Engine, GenerateRequest, RawResponse
from toolgate.engines.llama_cpp import LlamaCppEngine
from toolgate.engines.openai_chat import OpenAIChatEngine, only_chats
from toolgate.engines.openai_completions import OPENAI_COMPLETIONS
from toolgate.engines.sglang import SGLANG
from toolgate.engines.tensorrt_llm import TENSORRT_LLM
from toolgate.engines.tokenizers import Tokenizer
from toolgate.engines.vllm import VLLM
from toolgate.errors import ConfigError, EngineError, EngineProtocolError, EngineRefused


class Address(Struct, frozen=True, kw_only=True):
    """Where an engine is, and what it wants to hear before it answers."""

    url: str
    api_key: str | None = None
    tokenizer: Tokenizer | None = None
    """Its model's own, in this process; without it the engine is asked."""
    model: str | None = None
    """The engine's name of its model, where it has several."""


Opening: TypeAlias = Callable[[Address], Engine]


def _completions(flavour: Flavour) -> Opening:
    return lambda at: CompletionsEngine(at.url, flavour, api_key=at.api_key, tokenizer=at.tokenizer)


def _chat(at: Address) -> Engine:
    if at.tokenizer is not None:
        check_tokenizer_use(CHAT)
    return OpenAIChatEngine(at.url, model=at.model, api_key=at.api_key)


CHAT: Final = "openai_chat"

ENGINES: Final[Mapping[str, Opening]] = {
    "llama_cpp": lambda at: LlamaCppEngine(at.url, api_key=at.api_key, tokenizer=at.tokenizer),
    "vllm": _completions(VLLM),
    "sglang": _completions(SGLANG),
    "tensorrt_llm": _completions(TENSORRT_LLM),
    "openai_completions": _completions(OPENAI_COMPLETIONS),
    CHAT: _chat,
}
"""What `--engine-kind` may say."""

OWNERS: Final[Mapping[str, str]] = {
    "vllm": "vllm",
    "sglang": "sglang",
    "llamacpp": "llama_cpp",
    "tensorrt_llm": "tensorrt_llm",
    "library": CHAT,  # Ollama, whose /v1/completions wraps the prompt in a template of its own
    "organization_owner": CHAT,  # LM Studio
    "moonshot": CHAT,
}
"""`owned_by` in `/v1/models` → the kind that says so."""


class Sign(NamedTuple):
    """A path that only one kind answers with this field."""

    path: str
    field: str
    kind: str


SIGNS: Final = (
    Sign("/props", "default_generation_settings", "llama_cpp"),
    Sign("/server_info", "internal_states", "sglang"),
    Sign("/get_server_info", "internal_states", "sglang"),
)
"""For servers whose models are called after somebody else, as behind a proxy."""

_ABSENT: Final = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
)


async def find_kind(endpoint: Endpoint) -> str:
    """The kind of engine that answers there: a key of `ENGINES`.

    Raises: EngineUnavailable when nobody answers, EngineRefused when it wants another API key.
    """
    for card in await _models(endpoint):
        if kind := OWNERS.get(card.get("owned_by", "")):
            return kind
    for sign in SIGNS:
        if sign.field in await _ask(endpoint, sign.path):
            return sign.kind
    return "openai_completions" if await _takes_prompts(endpoint) else CHAT


def open_engine(at: Address, kind: str | None = None) -> Engine:
    """An engine of this kind, not yet started; without one, it is found out at the start.

    Raises: ConfigError when there is none.
    """
    if kind is None:
        return DiscoveredEngine(at)
    if kind in ENGINES:
        return ENGINES[kind](at)
    raise ConfigError(f"engine_kind is {kind!r}; it can be {', '.join(ENGINES)}.")


def guess_kind(url: str) -> str | None:
    """The kind that an address alone tells, as a vendor's does."""
    return CHAT if only_chats(url) else None


def check_tokenizer_use(kind: str | None) -> None:
    """Raises: ConfigError for a kind that has no use for a tokenizer."""
    if kind == CHAT:
        raise ConfigError("tokenizer is for prompts, and an upstream that only chats has none")


class DiscoveredEngine:
    """An `Engine` that is found out when it starts; before that, it has no capabilities."""

    def __init__(self, at: Address) -> None:
        self._at = at
        self._endpoint = Endpoint(at.url, api_key=at.api_key)
        self._engine: Engine | None = None

    @property
    def capabilities(self) -> Capabilities:
        return self._found.capabilities

    async def start(self) -> None:
        if self._engine is None:
            self._engine = open_engine(self._at, await find_kind(self._endpoint))
        await self._engine.start()

    async def close(self) -> None:
        await self._endpoint.close()
        if self._engine is not None:
            await self._engine.close()

    async def marker_ids(self, markers: Sequence[str]) -> Mapping[int, str]:
        return await self._found.marker_ids(markers)

    def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        return self._found.generate(request)

    async def count_tokens(self, prompt: Prompt) -> int:
        return await self._found.count_tokens(prompt)

    @asynccontextmanager
    async def forward(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AsyncGenerator[RawResponse, None]:
        async with self._found.forward(path, body, headers) as response:
            yield response

    async def describe(self) -> Mapping[str, Any]:
        return await self._found.describe()

    async def healthy(self) -> bool:
        """Also finds it, when it was not there at the start."""
        try:
            if self._engine is None:
                await self.start()
        except EngineError:
            return False
        return await self._found.healthy()

    @property
    def doubtful(self) -> bool:
        return self._engine is not None and self._engine.doubtful

    async def is_another(self) -> bool:
        return self._engine is not None and await self._engine.is_another()

    async def retire(self) -> None:
        await self._endpoint.retire()
        if self._engine is not None:
            await self._engine.retire()

    @property
    def _found(self) -> Engine:
        assert self._engine is not None, "an engine is started before it is used"
        return self._engine


async def _models(endpoint: Endpoint) -> Sequence[Mapping[str, Any]]:
    cards = (await _ask(endpoint, "/v1/models", refusals=_ABSENT)).get("data", [])
    return [card for card in cards if isinstance(card, dict)] if isinstance(cards, list) else []


async def _ask(
    endpoint: Endpoint, path: str, refusals: frozenset[int] | None = None
) -> Mapping[str, Any]:
    """The object that a path answers; empty when it answers none, or refuses in these ways."""
    try:
        answer = await endpoint.get(path)
    except EngineProtocolError:
        return {}
    except EngineRefused as refusal:
        if refusals is not None and refusal.status_hint not in refusals:
            raise
        return {}
    return answer if isinstance(answer, dict) else {}


async def _takes_prompts(endpoint: Endpoint) -> bool:
    """Whether it has `/v1/completions`: then a request without a prompt is refused for that."""
    try:
        await endpoint.post("/v1/completions", {})
    except EngineRefused as refusal:
        return refusal.status_hint not in _ABSENT
    except EngineProtocolError:
        pass
    return True
