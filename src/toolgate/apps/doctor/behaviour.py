"""How the server behaves: grammars, streams, clients that leave, prompts that come again."""

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

import aiohttp

from toolgate.apps.doctor.patient import Patient
from toolgate.apps.doctor.report import Finding
from toolgate.core.chunk import Usage
from toolgate.core.conversation import Options
from toolgate.core.prompt import Plain, Prompt
from toolgate.engines.engine import GenerateRequest
from toolgate.errors import EngineError

STREAMED: Final = 300
"""Tokens of the stream that is watched: enough that a server's own pauses do not look like one."""
FEW: Final = 3
"""So many reads of a whole stream look like one piece; a server that streams is read from in tens.
"""
MORE_LOOKS: Final = 2
"""A busy machine joins pieces now and then, a proxy that holds streams back each time."""
SMALL_CONTEXT: Final = 32_768
"""Agents' first prompts alone have ten to thirty thousand tokens."""
_WORDS: Final = 400
_RUNNING: Final = re.compile(r"^vllm:num_requests_running(?:\{.*\})? (\S+)", re.MULTILINE)


async def check_grammar(patient: Patient) -> AsyncIterator[Finding]:
    """It was asked at its start; engines that take no grammar are not blamed for it."""
    if patient.kind == "llama_cpp" and patient.engine.capabilities.grammar == "none":
        yield Finding("grammar_ignored", "a grammar of one word did not make the model say it")


async def check_stream(patient: Patient) -> AsyncIterator[Finding]:
    """In how many pieces does a stream come, and as what?"""
    watched = await _watch(patient, STREAMED)
    if watched.encoding:
        yield Finding("compressed_stream", f"content-encoding: {watched.encoding}")
    for _ in range(MORE_LOOKS):
        if watched.is_joined:
            watched = await _watch(patient, STREAMED)
    if watched.is_joined:
        yield Finding(
            "buffered_stream",
            f"{watched.frames} frames came in {len(watched.at)} pieces, the first after "
            f"{watched.at[0]:.2f} s of {watched.at[-1]:.2f} s",
        )


async def check_cancel(patient: Patient) -> AsyncIterator[Finding]:
    """Is the server free again soon after a client has gone?"""
    busy = _BUSY.get(patient.kind)
    room = (patient.told.get("context") or SMALL_CONTEXT) - 2 * STREAMED
    if busy is None or room < STREAMED:
        return
    watched = await _watch(patient, STREAMED)
    needs = watched.at[-1] / max(watched.frames, 1) * room
    try:
        await _watch(patient, room, leave_after=8)
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


class _Watched:
    """A stream as it came."""

    def __init__(self) -> None:
        self.encoding = ""
        self.frames = 0
        self.at: list[float] = []
        """Seconds from the start to each piece that was read."""

    @property
    def is_joined(self) -> bool:
        """Whether a whole stream came as hardly more than one piece."""
        return self.frames >= STREAMED // 2 and len(self.at) <= FEW


async def _watch(patient: Patient, tokens: int, *, leave_after: int | None = None) -> _Watched:
    """Reads a stream as a client of `/v1/completions` does; may leave after so many frames."""
    watched, began = _Watched(), time.monotonic()
    ends = await patient.engine.marker_ids(patient.family.dialect.stop)
    body = {
        "model": patient.model,
        "prompt": "Count: one two three",
        "max_tokens": tokens,
        "stream": True,
        "logit_bias": {str(token_id): -100 for token_id in ends},
        "ignore_eos": True,
    }
    headers = patient.endpoint.authorization | {"accept-encoding": "gzip"}
    url = patient.endpoint.url + "/v1/completions"
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.post(url, json=body, headers=headers) as response,
    ):
        watched.encoding = response.headers.get("content-encoding", "")
        while piece := await response.content.readany():
            watched.at.append(time.monotonic() - began)
            watched.frames += piece.count(b"data:")
            if leave_after is not None and watched.frames >= leave_after:
                response.close()
                break
    return watched


async def _usage(patient: Patient, prompt: Prompt) -> Usage | None:
    request = GenerateRequest(prompt=prompt, options=Options(max_tokens=1, temperature=0.0))
    told = [chunk.usage async for chunk in patient.engine.generate(request) if chunk.usage]
    return told[-1] if told else None


async def _llama_is_busy(patient: Patient) -> bool:
    return any(slot["is_processing"] for slot in await patient.endpoint.get("/slots"))


async def _vllm_is_busy(patient: Patient) -> bool:
    async with (
        aiohttp.ClientSession(headers=patient.endpoint.authorization) as session,
        session.get(patient.endpoint.url + "/metrics") as response,
    ):
        running = _RUNNING.search(await response.text())
    return running is not None and float(running[1]) > 0


_BUSY: Final[Mapping[str, Callable[[Patient], Awaitable[bool]]]] = {
    "llama_cpp": _llama_is_busy,
    "vllm": _vllm_is_busy,
}
"""How a server tells that it is at work."""


async def _trained_context(patient: Patient) -> int | None:
    cards = (await patient.endpoint.get("/v1/models")).get("data") or [{}]
    meta = cards[0].get("meta") or {}
    return meta.get("n_ctx_train")
