"""How servers tell the tokens of a text, what a token spells, and the prompt of a chat.

llama.cpp makes a chat's prompt in one route and its tokens in another; vLLM does both at once.
Others tell none of it: of them only `usage.prompt_tokens` is to be had.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from toolgate.apps.doctor.first_difference import find_difference
from toolgate.apps.doctor.patient import Patient
from toolgate.apps.doctor.report import Finding
from toolgate.core.conversation import Options
from toolgate.core.prompt import Prompt
from toolgate.engines.engine import GenerateRequest


class ChatPrompt(Struct, frozen=True):
    """What a server's chat route lets its model read."""

    text: str
    ids: Sequence[int]


class Sent(Struct, frozen=True):
    """What a prompt of ours was when it left: its ids, and how many the server says it read."""

    ids: Sequence[int]
    """Empty where prompts go out as text."""
    read: int | None


class Tokens(Struct, frozen=True, kw_only=True):
    """One kind of server, asked for tokens. Each raises EngineError, KeyError or TypeError."""

    chat: Callable[[Patient, Mapping[str, Any]], Awaitable[ChatPrompt]]
    """Of a Chat Completions request."""
    read: Callable[[Patient, str], Awaitable[Sequence[int]]]
    """Of a text, with the special tokens that it spells."""
    spell: Callable[[Patient, Sequence[int]], Awaitable[str]]


def tokens_of(patient: Patient) -> Tokens | None:
    """How to ask this server, where it tells tokens: some operators lock `/tokenize`."""
    tells = patient.engine.capabilities.prompts == "tokens"
    return TOKENS.get(patient.kind) if tells else None


async def send(patient: Patient, prompt: Prompt) -> Sent:
    """Lets the model read a prompt of ours, past any chat route, and write one token."""
    bodies: list[Mapping[str, Any]] = []
    request = GenerateRequest(
        prompt=prompt,
        options=Options(max_tokens=1, temperature=0.0),
        tell=lambda path, body: bodies.append(body),
    )
    usages = [chunk.usage async for chunk in patient.engine.generate(request) if chunk.usage]
    sent = bodies[0]["prompt"]
    read = usages[-1].prompt_tokens if usages else None
    return Sent([] if isinstance(sent, str) else list(sent), read)


async def count_chat(patient: Patient, body: Mapping[str, Any]) -> int | None:
    """How many tokens the chat route itself says that it read, whatever its other routes tell."""
    asked = {"model": patient.model, "max_tokens": 1, "temperature": 0, **body}
    answer = await patient.endpoint.post("/v1/chat/completions", asked)
    usage = answer.get("usage") or {}
    return usage.get("prompt_tokens")


async def with_difference(
    patient: Patient, finding: Finding, ours: Sequence[int], theirs: Sequence[int]
) -> Finding:
    """The same finding, and the first token at which two prompts part."""

    async def spell(ids: Sequence[int]) -> str:
        return await TOKENS[patient.kind].spell(patient, ids)

    if (difference := await find_difference(ours, theirs, spell)) is None:
        return finding
    return Finding(
        finding.code,
        f"{finding.evidence}; {difference}",
        {**finding.details, "first_difference": difference},
    )


async def _llama_chat(patient: Patient, body: Mapping[str, Any]) -> ChatPrompt:
    text = str((await patient.endpoint.post("/apply-template", body))["prompt"])
    # as its chat route reads the text: with a BOS, where the vocabulary wants one
    asked = {"content": text, "add_special": True, "parse_special": True}
    return ChatPrompt(text, (await patient.endpoint.post("/tokenize", asked))["tokens"])


async def _llama_read(patient: Patient, text: str) -> Sequence[int]:
    asked = {"content": text, "add_special": False, "parse_special": True}
    return list((await patient.endpoint.post("/tokenize", asked))["tokens"])


async def _llama_spell(patient: Patient, ids: Sequence[int]) -> str:
    return str((await patient.endpoint.post("/detokenize", {"tokens": ids}))["content"])


async def _vllm_chat(patient: Patient, body: Mapping[str, Any]) -> ChatPrompt:
    asked = {"model": patient.model, "add_generation_prompt": True, **body}
    ids = (await patient.endpoint.post("/tokenize", asked))["tokens"]
    return ChatPrompt(await _vllm_spell(patient, ids), ids)


async def _vllm_read(patient: Patient, text: str) -> Sequence[int]:
    asked = {"model": patient.model, "prompt": text, "add_special_tokens": False}
    return list((await patient.endpoint.post("/tokenize", asked))["tokens"])


async def _vllm_spell(patient: Patient, ids: Sequence[int]) -> str:
    asked = {"model": patient.model, "tokens": ids}
    return str((await patient.endpoint.post("/detokenize", asked))["prompt"])


TOKENS: Final[Mapping[str, Tokens]] = {
    "llama_cpp": Tokens(chat=_llama_chat, read=_llama_read, spell=_llama_spell),
    "vllm": Tokens(chat=_vllm_chat, read=_vllm_read, spell=_vllm_spell),
}
"""By the kind of server, as `discover.ENGINES` names it."""
