"""Any server with OpenAI's `/v1/completions`: raw text in, raw text out.

What distinguishes one engine from another is its `Flavour`, which is data. Knows no model family:
which tokens are special and which end a turn is in the request.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from toolgate.core.chunk import Chunk
from toolgate.core.conversation import Options
from toolgate.core.grammar import Constraint, special_tokens
from toolgate.core.prompt import Plain, Prompt
from toolgate.engines import grammar_probe
from toolgate.engines.answer_stream import stream_answer
from toolgate.engines.completions_stream import CompletionReader
from toolgate.engines.endpoint import Endpoint
from toolgate.engines.engine import Capabilities, GenerateRequest, RawResponse
from toolgate.engines.same_model import ABSENT, PROBE, SameModel, told
from toolgate.engines.tokenizers import Tokenizer
from toolgate.engines.tokenizers.prompt_tokens import PromptTokens
from toolgate.errors import EngineProtocolError, EngineRefused
from toolgate.pipeline.enforcer import (
    find_structural_tag,
    write_probe_tag,
    write_structural_tag,
)

PATH: Final = "/v1/completions"

SAMPLING: Final = (
    *("temperature", "top_p", "top_k", "min_p", "seed", "logit_bias"),
    *("presence_penalty", "frequency_penalty", "repetition_penalty"),
)
"""Ours and theirs alike; only what a client sets is sent."""

FALLBACK_MAX_TOKENS: Final = 4096
"""Where the context is unknown. These servers end an answer after 16 tokens if nothing is said."""
CHARACTERS_PER_TOKEN: Final = 4
"""Of English text; only where nobody counts, for usage that the engine does not tell."""


class Flavour(Struct, frozen=True, kw_only=True):
    """What one engine takes and tells, where it differs from others."""

    capabilities: Capabilities
    fields: Mapping[str, Any] = {}
    """Sent with every request."""
    tokenize: str | None = None
    """Where it turns `prompt` into `tokens`; without it, prompts are text."""
    tokenize_fields: Mapping[str, Any] = {}
    stop_ids: bool = True
    """Whether it takes `stop_token_ids`; without them, `stop` spells the tokens."""
    version: str | None = None
    """Where it tells its `version`."""
    health: str = "/v1/models"
    needs_limit: bool = True
    """Whether an answer without `max_tokens` ends after 16 tokens."""
    spare: int = 0
    """Tokens of its context that prompt and answer together may not use."""


class CompletionsEngine:
    """An `Engine` on a server that somebody else runs."""

    def __init__(
        self,
        url: str,
        flavour: Flavour,
        *,
        api_key: str | None = None,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        """`tokenizer` is the model's own, in this process; without it the server is asked."""
        self._endpoint = Endpoint(url, api_key=api_key)
        self._flavour = flavour
        self._tokens = PromptTokens(self._tokenize, local=tokenizer)
        self._is_local = tokenizer is not None
        self._model = ""
        self._context: int | None = None
        self._capabilities = flavour.capabilities
        self._holds: bool | None = None
        self._same = SameModel(self._endpoint, self._identity)

    @property
    def url(self) -> str:
        return self._endpoint.url

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def start(self) -> None:
        card = await self._card()
        self._model, self._context = card.id, card.max_model_len
        await self._same.note()
        version = await told(self._version())
        can_count = await self._can_tokenize()
        self._capabilities = replace(
            self._flavour.capabilities,
            version=version if isinstance(version, str) else "",
            prompts="tokens" if can_count else "text",
            counts_exactly=can_count,
            grammar=await self._grammar() if can_count else "none",
        )

    async def _grammar(self) -> Literal["structural_tag", "none"]:
        """What it was seen to be held to; a grammar's tokens are ids, which only some tell."""
        if self._flavour.capabilities.grammar != "structural_tag":
            return "none"
        if self._holds is None:
            self._holds = await self._holds_to_grammar()
        return "structural_tag" if self._holds else "none"

    async def close(self) -> None:
        await self._endpoint.close()

    async def marker_ids(self, markers: Sequence[str]) -> Mapping[int, str]:
        if not self._takes_tokens:
            return {}
        special = await self._tokens.special_ids(markers)
        return {token_id: spelling for spelling, token_id in special.items()}

    def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        asking = partial(self._ask, request)
        return stream_answer(self._endpoint, PATH, asking, request.tell, ended=self._hear)

    async def count_tokens(self, prompt: Prompt) -> int:
        if not self._takes_tokens:
            return len(str(prompt)) // CHARACTERS_PER_TOKEN + 1
        return len(await self._tokens.encode(prompt))

    def forward(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[RawResponse]:
        return self._endpoint.forward(path, body, headers)

    async def describe(self) -> Mapping[str, Any]:
        """Adds `missing_tokens`: special tokens this model does not have.

        `context` is None where nobody counts tokens: what cannot be counted is not refused.
        """
        card = await self._card()
        room = card.max_model_len - self._flavour.spare if card.max_model_len else None
        return {
            "model": card.id,
            "context": room if self._takes_tokens else None,
            "missing_tokens": self._tokens.missing,
        }

    async def healthy(self) -> bool:
        return await self._endpoint.answers(self._flavour.health)

    @property
    def doubtful(self) -> bool:
        return self._same.doubtful

    async def is_another(self) -> bool:
        return await self._same.is_another()

    async def retire(self) -> None:
        await self._endpoint.retire()

    async def _identity(self) -> Mapping[str, Any]:
        return {
            "card": await self._card(),
            "version": await told(self._version()),
            "vocabulary": await told(self._tokenize(PROBE, special=True)),
        }

    async def _card(self) -> "_Model":
        answer = await self._endpoint.get("/v1/models")
        try:
            return msgspec.convert(answer, _Models).data[0]
        except (msgspec.ValidationError, IndexError) as error:
            raise EngineProtocolError(
                f"{self.url}/v1/models names no model; is this an inference server?"
            ) from error

    @property
    def _takes_tokens(self) -> bool:
        return self._capabilities.prompts == "tokens"

    async def _version(self) -> str:
        if self._flavour.version is None:
            return ""
        answer = await self._endpoint.get(self._flavour.version)
        return str(answer.get("version", "")) if isinstance(answer, dict) else ""

    async def _can_tokenize(self) -> bool:
        """Older servers, and those that an operator has locked down, have no tokenizer to ask."""
        if self._is_local:
            return True
        try:
            await self._tokenize("a", special=False)
        except EngineRefused as refusal:
            if refusal.status_hint in ABSENT:
                return False
            raise
        return True

    async def _stop_ids(self, request: GenerateRequest) -> Mapping[str, int]:
        return await self._tokens.special_ids(request.stop) if self._takes_tokens else {}

    def _stop_strings(self, request: GenerateRequest) -> Sequence[str]:
        """The stop tokens' spellings, where text is all there is to know them by."""
        return () if self._takes_tokens and self._capabilities.tells_ids else request.stop

    async def _ask(self, request: GenerateRequest) -> tuple[Mapping[str, Any], CompletionReader]:
        stops = await self._stop_ids(request)
        reader = CompletionReader(
            stop_ids=frozenset(stops.values()),
            stop=(*request.options.stop, *self._stop_strings(request)),
            logprobs=request.options.logprobs,
        )
        return await self._body(request, list(stops.values())), reader

    def _hear(self, answer: CompletionReader) -> None:
        self._same.hear(answer.model)

    async def _body(self, request: GenerateRequest, stop_ids: Sequence[int]) -> Mapping[str, Any]:
        guarded = [*request.markers, *request.stop]
        prompt: str | list[int] = str(request.prompt)
        if self._takes_tokens:
            prompt = await self._tokens.encode(request.prompt, guarded=guarded)
        body: dict[str, Any] = {
            "model": self._model or (await self._card()).id,
            "prompt": prompt,
            "stream": True,
            "stream_options": {"include_usage": True},
            **self._flavour.fields,
            **sampling(request.options),
        }
        if self._flavour.stop_ids and self._takes_tokens:
            body["stop_token_ids"] = stop_ids
        else:
            body["stop"] = list(request.stop)
        if tag := await self._tag(request.constraint):
            body["response_format"] = tag
        limit = request.options.max_tokens
        if limit is None and self._flavour.needs_limit:
            limit = self._room(prompt)
        elif limit is not None and self._context is not None and not isinstance(prompt, str):
            # A steered answer's prompt grows; vLLM refuses to begin what cannot end in the context.
            limit = min(limit, self._room(prompt))
        return body if limit is None else {**body, "max_tokens": limit}

    async def _tag(self, constraint: Constraint | None) -> Mapping[str, Any] | None:
        """What holds the answer; a new tool set's schemas are not written on the loop's time."""
        if constraint is None or self._capabilities.grammar != "structural_tag":
            return None
        ids = await self._tokens.special_ids(special_tokens(constraint))
        if (written := find_structural_tag(constraint, ids)) is None:
            written = await asyncio.to_thread(write_structural_tag, constraint, ids)
        return written.tag if written else None

    async def _holds_to_grammar(self) -> bool:
        """With a token in the grammar, by its id: older ones know none."""

        async def ask() -> Any:
            token = (await self._tokens.encode(Prompt((Plain("a"),))))[0]
            probe = {
                "model": self._model,
                "prompt": grammar_probe.PROMPT,
                "max_tokens": grammar_probe.MOST_TOKENS,
                "temperature": grammar_probe.HOT,
                "response_format": write_probe_tag(grammar_probe.WORD, token),
            }
            return await self._endpoint.post(PATH, probe)

        return await grammar_probe.holds_to_grammar(
            self.url, ask, lambda answer: answer["choices"][0]["text"]
        )

    def _room(self, prompt: str | Sequence[int]) -> int:
        """How long an answer may be that nobody has limited."""
        if self._context is None or isinstance(prompt, str):
            return FALLBACK_MAX_TOKENS
        return max(self._context - self._flavour.spare - len(prompt), 1)

    async def _tokenize(self, text: str, special: bool) -> Sequence[int]:
        """`special` cannot be asked for: these always read special tokens; see `PromptTokens`."""
        if self._flavour.tokenize is None:
            raise EngineRefused(f"{self.url} has no tokenizer to ask.", status=HTTPStatus.NOT_FOUND)
        body = {"prompt": text, **self._flavour.tokenize_fields}
        answer = await self._endpoint.post(self._flavour.tokenize, body)
        try:
            return msgspec.convert(answer, _Tokens).tokens
        except msgspec.ValidationError as error:
            raise EngineProtocolError(
                f"{self.url}{self._flavour.tokenize} answered with something that is no list of "
                "ids."
            ) from error


def sampling(options: Options) -> dict[str, Any]:
    """How to generate; what is not set is left to the server."""
    given = {name: value for name in SAMPLING if (value := getattr(options, name)) is not None}
    if options.logprobs is not None:
        given["logprobs"] = max(options.logprobs, 1)  # for TensorRT-LLM, 0 means none at all
    return given


class _Tokens(Struct):
    tokens: list[int]


class _Model(Struct):
    id: str
    max_model_len: int | None = None
    root: str | None = None
    """Where its weights are: several models may go by one name, one after the other."""
    owned_by: str | None = None


class _Models(Struct):
    data: list[_Model]
