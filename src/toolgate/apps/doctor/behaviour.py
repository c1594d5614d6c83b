"""How the server behaves: grammars, clients that leave, prompts that come again, the context."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

from toolgate.apps.doctor.metrics import read_metric
from toolgate.apps.doctor.patient import Patient
from toolgate.apps.doctor.report import Finding
from toolgate.apps.doctor.stream import STREAMED, watch
from toolgate.core.chunk import Usage
from toolgate.core.conversation import Options
from toolgate.core.prompt import Plain, Prompt
from toolgate.engines import grammar_probe
from toolgate.engines.engine import GenerateRequest
from toolgate.errors import EngineError
from toolgate.pipeline.enforcer import write_probe_tag

SMALL_CONTEXT: Final = 32_768
"""Agents' first prompts alone have ten to thirty thousand tokens."""
_REASONING_END: Final = "</think>"
_WORDS: Final = 400
_TAKE_GRAMMARS: Final = frozenset({"llama_cpp", "vllm", "sglang", "tensorrt_llm"})


async def check_grammar(patient: Patient) -> AsyncIterator[Finding]:
    """It was asked at its start; engines that take no grammar are not blamed for it."""
    able = patient.engine.capabilities
    if patient.kind not in _TAKE_GRAMMARS or able.prompts != "tokens" or able.grammar != "none":
        return
    if patient.kind != "vllm" or not await _holds_behind_reasoning(patient):
        yield Finding("grammar_ignored", "a grammar of one word did not make the model say it")


async def _holds_behind_reasoning(patient: Patient) -> bool:
    """With `--reasoning-parser`, which its chat needs, a vLLM begins a grammar only there (0.32,
    v1/structured_output): that is as it should be, though toolgate has to steer it."""
    ends = list(await patient.engine.marker_ids([_REASONING_END]))
    if not ends:
        return False
    model = {"model": patient.model}
    try:
        asked = model | {"prompt": "a", "add_special_tokens": False}
        letter = (await patient.endpoint.post("/tokenize", asked))["tokens"][0]
        probe = model | {
            "prompt": ends,
            "max_tokens": grammar_probe.MOST_TOKENS,
            "temperature": grammar_probe.HOT,
            "response_format": write_probe_tag(grammar_probe.WORD, letter),
        }
        answer = await patient.endpoint.post("/v1/completions", probe)
        return str(answer["choices"][0]["text"]).startswith(grammar_probe.WORD)
    except (EngineError, KeyError, IndexError, TypeError):
        return False


async def check_cancel(patient: Patient) -> AsyncIterator[Finding]:
    """Is the server free again soon after a client has gone?"""
    busy = _BUSY.get(patient.kind)
    room = (patient.told.get("context") or SMALL_CONTEXT) - 2 * STREAMED
    if busy is None or room < STREAMED:
        return
    stream = await watch(patient, STREAMED)
    needs = stream.pieces[-1].at / max(stream.frames, 1) * room
    try:
        await watch(patient, room, leave_after=8)
        left = time.monotonic()
        while await busy(patient):
            if time.monotonic() - left > needs / 2:
                seconds = time.monotonic() - left
                yield Finding("not_cancelled", f"{seconds:.1f} s later it was still at work")
                return
            await asyncio.sleep(min(needs / 20, 0.5))
    except (EngineError, KeyError, TypeError):
        return  # it does not tell


async def check_prefix(patient: Patient) -> AsyncIterator[Finding]:
    """Is a prompt that was just read read again?"""
    words = " ".join(secrets.token_hex(2) for _ in range(_WORDS))
    room = (patient.told.get("context") or SMALL_CONTEXT) - STREAMED
    prompt = Prompt((Plain(words[: room // 2]),))
    usages = [await _usage(patient, prompt) for _ in range(2)]
    last = usages[-1]
    if last is not None and last.cached_tokens < last.prompt_tokens // 2:
        yield Finding(
            "no_prefix_cache",
            f"of {last.prompt_tokens} tokens sent twice, {last.cached_tokens} were reused",
        )


async def check_context(patient: Patient) -> AsyncIterator[Finding]:
    """Has a request much less room than the model has?"""
    trained = await _trained_context(patient)
    given = patient.told.get("context")
    if given and trained and given < SMALL_CONTEXT and given < trained // 2:
        yield Finding("context_cut", f"{given} tokens of the model's {trained}")


async def _usage(patient: Patient, prompt: Prompt) -> Usage | None:
    request = GenerateRequest(prompt=prompt, options=Options(max_tokens=1, temperature=0.0))
    told = [chunk.usage async for chunk in patient.engine.generate(request) if chunk.usage]
    return told[-1] if told else None


async def _llama_is_busy(patient: Patient) -> bool:
    return any(slot["is_processing"] for slot in await patient.endpoint.get("/slots"))


async def _vllm_is_busy(patient: Patient) -> bool:
    return bool(await read_metric(patient, "num_requests_running"))


_BUSY: Final[Mapping[str, Callable[[Patient], Awaitable[bool]]]] = {
    "llama_cpp": _llama_is_busy,
    "vllm": _vllm_is_busy,
}
"""How a server tells that it is at work."""


async def _trained_context(patient: Patient) -> int | None:
    """llama.cpp tells it; of others, the model's folder does."""
    cards = (await patient.endpoint.get("/v1/models")).get("data") or [{}]
    told = (cards[0].get("meta") or {}).get("n_ctx_train")
    if told is not None or patient.folder is None:
        return told
    return patient.folder.trained_context
