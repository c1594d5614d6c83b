"""Any upstream that only chats: Moonshot's own API, OpenRouter, Ollama, LM Studio and the like.

Messages go out, and what comes back has been read by the upstream's own parser. The model's raw
output is lost, and with it token ids, grammars, exact counts and the say over the prompt.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from toolgate.core.chunk import Chunk
from toolgate.core.prompt import Prompt
from toolgate.engines.answer_stream import stream_answer
from toolgate.engines.endpoint import Endpoint
from toolgate.engines.engine import Capabilities, GenerateRequest, RawResponse
from toolgate.engines.openai_chat_answer import ChatReader
from toolgate.engines.openai_chat_body import ANY, build_body, find_flavour
from toolgate.errors import (
    ConfigError,
    ContextOverflow,
    EngineError,
    EngineProtocolError,
    EngineRefused,
    UnsupportedFeature,
)

HEALTH_SECONDS: Final = 5
BYTES_PER_TOKEN: Final = 4
"""For an estimate: English and code have some four letters a token, and a Chinese character is
three bytes and seldom a whole token."""
SERVER_ERRORS: Final = 500

_ROUTE: Final = "/chat/completions"
_NAMED: Final = 5
_OVERFLOWS: Final = tuple(
    map(
        re.compile,
        (
            # OpenAI, vLLM, OpenRouter
            r"maximum context length is (?P<limit>\d+) tokens.*?"
            r"(?:resulted in|requested|request has)\D*?(?P<prompt>\d+)",
            # Moonshot (kimi-cli#2011)
            r"token limit: ?(?P<limit>\d+) ?\(\D*(?P<prompt>\d+)",
            # llama.cpp b11549
            r"request \((?P<prompt>\d+) tokens\) exceeds .*?\((?P<limit>\d+) tokens\)",
        ),
    )
)


class OpenAIChatEngine:
    """An `Engine` on somebody's `/v1/chat/completions`.

    `url` is the server's root, or the whole address of the route where that is not below `/v1`.
    `model` is the upstream's name of the model; it may be left out where there is only one.
    """

    def __init__(self, url: str, *, model: str | None = None, api_key: str | None = None) -> None:
        root = url.rstrip("/").removesuffix(_ROUTE)
        is_elsewhere = root != url.rstrip("/") and not root.endswith("/v1")
        self._endpoint = Endpoint(root, api_key=api_key)
        self._prefix = "" if is_elsewhere else "/v1"
        self._model = model
        self._is_only = False
        self._flavour = find_flavour(url)

    @property
    def url(self) -> str:
        return self._endpoint.url

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            kind=self._flavour.kind, prompts="messages", tells_ids=False, counts_exactly=False
        )

    async def start(self) -> None:
        """Raises: ConfigError where the upstream has several models and none was named."""
        if self._model is None:
            self._model = _only(await self._models(), self.url)
            self._is_only = True

    async def close(self) -> None:
        await self._endpoint.close()

    async def marker_ids(self, markers: Sequence[str]) -> Mapping[int, str]:
        """None: a chat tells no token ids."""
        return {}

    def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        async def asking() -> tuple[Mapping[str, Any], ChatReader]:
            assert request.conversation is not None and self._model is not None
            body = build_body(self._model, request.conversation, request.options, self._flavour)
            return body, ChatReader()

        path = self._prefix + _ROUTE
        return stream_answer(self._endpoint, path, asking, request.tell, explain=self._explain)

    async def count_tokens(self, prompt: Prompt) -> int:
        """An estimate, by the length of the prompt as we would have written it."""
        return -(-len(str(prompt).encode(errors="replace")) // BYTES_PER_TOKEN)

    def forward(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[RawResponse]:
        """Raises: UnsupportedFeature, always."""
        raise UnsupportedFeature(
            f"There is no {path} here: {self.url} only chats. "
            "Use /v1/chat/completions, /v1/responses or /v1/messages.",
            details={"unsupported": [path]},
        )

    async def describe(self) -> Mapping[str, Any]:
        """No `context`: what it says of it could only be compared with an estimate."""
        return {"model": self._model or _only(await self._models(), self.url), "context": None}

    async def healthy(self) -> bool:
        """Whether anything answers: some have no list of models, and a key may lack the right."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                await self._models()
        except EngineRefused as error:
            return error.status_hint < SERVER_ERRORS
        except (EngineError, TimeoutError):
            return False
        return True

    @property
    def doubtful(self) -> bool:
        return self._is_only and self._endpoint.has_failed

    async def is_another(self) -> bool:
        """Where its name was found out: one that was set is the upstream's to keep."""
        if not self._is_only:
            return False
        is_another = await self._models() != [self._model]
        self._endpoint.has_failed = False
        return is_another

    async def retire(self) -> None:
        await self._endpoint.retire()

    def _explain(self, error: EngineRefused) -> EngineRefused | ContextOverflow:
        """The same without the key; a prompt that is too long in words that clients know."""
        said = self._endpoint.without_key(str(error))
        for pattern in _OVERFLOWS:
            if found := pattern.search(said):
                return ContextOverflow(
                    prompt_tokens=int(found["prompt"]), limit=int(found["limit"])
                )
        return EngineRefused(said, status=error.status_hint, retry_after=error.retry_after)

    async def _models(self) -> list[str]:
        answer = await self._endpoint.get(self._prefix + "/models")
        try:
            return [one["id"] for one in answer["data"]]
        except (KeyError, TypeError) as error:
            raise EngineProtocolError(
                f"{self.url} answers, but its list of models is none of OpenAI's kind."
            ) from error


def only_chats(url: str) -> bool:
    """Whether nothing but a chat is known to be at an address."""
    return url.rstrip("/").endswith(_ROUTE) or find_flavour(url) is not ANY


def _only(models: Sequence[str], url: str) -> str:
    if len(models) == 1:
        return models[0]
    some = ", ".join(models[:_NAMED]) + (" …" if len(models) > _NAMED else "")
    raise ConfigError(f"{url} has several models; name one with --model: {some or '(none listed)'}")
