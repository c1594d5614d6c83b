"""Any llama-server (llama.cpp, ik_llama.cpp) over HTTP.

Prompts go as token ids to the raw `/completion`, which alone streams token ids back. Knows no
model family: which tokens are special and which end a turn is in the request.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from toolgate.core.chunk import Chunk
from toolgate.core.conversation import Options
from toolgate.core.grammar import Constraint, special_tokens
from toolgate.core.prompt import Prompt
from toolgate.engines import grammar_probe
from toolgate.engines.answer_stream import stream_answer
from toolgate.engines.endpoint import Endpoint
from toolgate.engines.engine import Capabilities, GenerateRequest, RawResponse
from toolgate.engines.llama_cpp_answer import LAST_FIELDS, AnswerReader
from toolgate.engines.same_model import PROBE, SameModel
from toolgate.engines.tokenizers import Tokenizer
from toolgate.engines.tokenizers.prompt_tokens import PromptTokens
from toolgate.errors import EngineProtocolError, InvalidRequest
from toolgate.pipeline.enforcer import find_gbnf, write_gbnf

SAMPLING = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "repetition_penalty": "repeat_penalty",
}
"""Our name → llama-server's (tools/server/README.md, POST /completion)."""

CAPABILITIES = Capabilities(kind="llama.cpp", grammar="gbnf")

IK_SERVER = "ik_llama.cpp"
IK_CAPABILITIES = Capabilities(kind=IK_SERVER, tells_ids=False, logprobs=False, grammar="gbnf")
"""Read in ik_llama.cpp of August 2026 (examples/server/server.cpp, server-context.cpp): its stream
holds text alone, probabilities come without logarithms, `/tokenize` knows no `parse_special`."""

UNSAID = (
    *("[BOS]", "[UNK]", "[PAD]", "[MASK]", "[gMASK]", "[sMASK]"),
    *("<s>", "<bos>", "<unk>", "<pad>", "<mask>", "<sop>", "<eop>"),
)
"""Special tokens that no answer holds, as vocabularies spell them. A grammar takes them in a string
for their text, of which the server prints nothing: `47[BOS]u` had seven characters too few."""

PATH = "/completion"
TOKEN_TRIGGER = 0
"""llama.cpp's COMMON_GRAMMAR_TRIGGER_TYPE_TOKEN. Words and patterns are searched for in all that
was written so far, at each token anew."""
RANDOM_SEED = 2**32 - 1
"""llama.cpp takes 32 bits, and this value means "any"."""


class LlamaCppEngine:
    """An `Engine` on a llama-server that somebody else runs."""

    def __init__(
        self, url: str, *, api_key: str | None = None, tokenizer: Tokenizer | None = None
    ) -> None:
        """`tokenizer` is the model's own, in this process; without it the server is asked."""
        self._endpoint = Endpoint(url, api_key=api_key)
        self._tokens = PromptTokens(self._tokenize, local=tokenizer)
        self._capabilities = CAPABILITIES
        self._holds: bool | None = None
        self._same = SameModel(self._endpoint, self._identity)
        self._unsaid: Sequence[int] | None = None
        self._asking_unsaid = asyncio.Lock()

    @property
    def url(self) -> str:
        return self._endpoint.url

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def start(self) -> None:
        if await self._endpoint.server() == IK_SERVER:
            self._capabilities = IK_CAPABILITIES
        await self.describe()
        await self._same.note()
        if self._holds is None:
            self._holds = await self._holds_to_grammar()
        if self._holds:
            await self._unsaid_ids()  # now, so that no request waits for them
        else:
            self._capabilities = replace(self._capabilities, grammar="none")

    async def close(self) -> None:
        await self._endpoint.close()

    async def marker_ids(self, markers: Sequence[str]) -> Mapping[int, str]:
        special = await self._tokens.special_ids(markers)
        return {token_id: spelling for spelling, token_id in special.items()}

    def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        asking = partial(self._ask, request)
        return stream_answer(self._endpoint, PATH, asking, request.tell, ended=self._hear)

    async def count_tokens(self, prompt: Prompt) -> int:
        return len(await self.encode(prompt))

    async def encode(self, prompt: Prompt, *, guarded: Iterable[str] = ()) -> list[int]:
        """Token ids of a prompt; text in it never becomes a special token that stands in it.

        `guarded` are further special tokens that it must not become.
        """
        return await self._tokens.encode(prompt, guarded=guarded)

    def forward(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[RawResponse]:
        return self._endpoint.forward(path, body, headers)

    async def describe(self) -> Mapping[str, Any]:
        """Adds `slots`, the server's `build`, the model's chat `template`, `bos_token` and
        `eos_token` where the server tells them, and `missing_tokens`: special tokens this model
        does not have.

        Those were sent as ordinary text; then this model is not of the family that was set.
        """
        props = await self._endpoint.get("/props")
        models = await self._endpoint.get("/v1/models")
        try:
            return {
                "model": models["data"][0]["id"],
                "context": props["default_generation_settings"]["n_ctx"],
                "slots": props["total_slots"],
                "build": props.get("build_info"),
                "missing_tokens": self._tokens.missing,
                "template": props.get("chat_template_tool_use") or props.get("chat_template"),
                "bos_token": props.get("bos_token"),
                "eos_token": props.get("eos_token"),
            }
        except (KeyError, IndexError, TypeError) as error:
            raise EngineProtocolError(
                f"{self.url} answers, but not as a llama-server does."
            ) from error

    async def healthy(self) -> bool:
        return await self._endpoint.answers("/health")

    @property
    def doubtful(self) -> bool:
        return self._same.doubtful

    async def is_another(self) -> bool:
        return await self._same.is_another()

    async def retire(self) -> None:
        await self._endpoint.retire()

    async def _identity(self) -> Mapping[str, Any]:
        told = {**await self.describe(), "vocabulary": await self._tokenize(PROBE, special=True)}
        del told["missing_tokens"]  # of those that were asked for so far
        return told

    async def _ask(self, request: GenerateRequest) -> tuple[Mapping[str, Any], AnswerReader]:
        stops = await self._tokens.special_ids(request.stop)
        reader = AnswerReader(
            stop_ids=frozenset(stops.values()),
            stop=request.options.stop,
            logprobs=request.options.logprobs,
        )
        return await self._body(request), reader

    def _hear(self, answer: AnswerReader) -> None:
        self._same.hear(answer.model)

    async def _body(self, request: GenerateRequest) -> Mapping[str, Any]:
        ends = set(request.stop)
        printed = [marker for marker in request.markers if marker not in ends]
        how = sampling(request.options)
        if held := await self._grammar(request.constraint):
            banned = [(one, False) for one in await self._unsaid_ids()]
            how["logit_bias"] = [*how.get("logit_bias", ()), *banned]
        return {
            "prompt": await self.encode(request.prompt, guarded=[*request.markers, *ends]),
            "preserved_tokens": printed,
            "stream": True,
            "return_tokens": True,
            "cache_prompt": True,
            "response_fields": LAST_FIELDS,
            **held,
            **how,
        }

    async def _grammar(self, constraint: Constraint | None) -> Mapping[str, Any]:
        """How the answer is held, in llama-server's words; nothing where nothing is.

        Writing a new tool set's grammar takes its milliseconds: not on the loop's time.
        """
        if constraint is None:
            return {}
        ids = await self._tokens.special_ids(special_tokens(constraint))
        # ik_llama.cpp knows no tokens in a grammar: there they are their text.
        spelled = {} if self._capabilities.kind == IK_SERVER else ids
        if (written := find_gbnf(constraint, spelled)) is None:
            written = await asyncio.to_thread(write_gbnf, constraint, spelled)
        triggers = [
            {"type": TOKEN_TRIGGER, "value": text, "token": ids[text]}
            for text in written.triggers
            if text in ids
        ]
        if not constraint.required and not triggers:
            return {}  # in this vocabulary no call can begin with its marker
        lazy = {"grammar_lazy": True, "grammar_triggers": triggers} if triggers else {}
        return {"grammar": written.grammar, **lazy}

    async def _unsaid_ids(self) -> Sequence[int]:
        """Of those that this vocabulary has as special tokens: a question or two for each, once."""
        async with self._asking_unsaid:
            if self._unsaid is None:
                found = [await self._special_id(text) for text in UNSAID]
                self._unsaid = [one for one in found if one is not None]
            return self._unsaid

    async def _special_id(self, text: str) -> int | None:
        """None for what is no token, or an ordinary one."""
        ids = await self._tokenize(text, True)
        is_special = len(ids) == 1 and await self._tokenize(text, False) != ids
        return ids[0] if is_special else None

    async def _holds_to_grammar(self) -> bool:
        """With a token in the grammar, where it has an id: older builds refuse those."""

        async def ask() -> Any:
            grammar = f'root ::= "{grammar_probe.WORD}"'
            if self._capabilities.kind != IK_SERVER:
                grammar += f" <[{(await self._tokenize('a', False))[0]}]>"
            return await self._endpoint.post(
                "/completion",
                {
                    "prompt": grammar_probe.PROMPT,
                    "n_predict": grammar_probe.MOST_TOKENS,
                    "temperature": grammar_probe.HOT,
                    "grammar": grammar,
                },
            )

        return await grammar_probe.holds_to_grammar(self.url, ask, lambda said: said["content"])

    async def _tokenize(self, text: str, special: bool) -> Sequence[int]:
        answer = await self._endpoint.post(
            "/tokenize", {"content": text, "add_special": False, "parse_special": special}
        )
        try:
            return msgspec.convert(answer, _Tokens).tokens
        except msgspec.ValidationError as error:
            raise EngineProtocolError(
                f"{self.url}/tokenize answered with something that is no list of ids."
            ) from error


class _Tokens(msgspec.Struct):
    tokens: list[int]


def sampling(options: Options) -> dict[str, Any]:
    """How to generate, in llama-server's words; what is not set is left to the server."""
    body: dict[str, Any] = {
        theirs: value
        for ours, theirs in SAMPLING.items()
        if (value := getattr(options, ours)) is not None
    }
    body["n_predict"] = -1 if options.max_tokens is None else options.max_tokens
    if options.seed is not None:
        body["seed"] = options.seed % RANDOM_SEED
    if options.logit_bias:
        body["logit_bias"] = _bias(options.logit_bias)
    if options.logprobs is not None:
        body["n_probs"] = max(options.logprobs, 1)  # 0 would switch them off
    return body


def _bias(biases: Mapping[str, float]) -> list[tuple[int, float]]:
    try:
        return [(int(key), bias) for key, bias in biases.items()]
    except ValueError as error:
        raise InvalidRequest(
            'The keys of logit_bias are token ids, as in {"1234": -100}.', param="logit_bias"
        ) from error
