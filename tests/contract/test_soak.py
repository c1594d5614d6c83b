"""Thousands of requests, one in twenty of them failed by the engine: nothing is lost or leaked,
and each of them is recorded.

A thousand in the default run, ten thousand by `make soak`, which prints its figures.
"""

import asyncio
import gc
import json
import os
import random
import resource
import time
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest

from tests.contract.test_faults import NO_PROMPT, cut, error_in_the_middle, frames, gone, refused
from tests.contract.test_openai_embedded import serving
from tests.engines.recorded_engines import VLLM
from tests.engines.scripted_server import chunked, scripted_server
from toolgate.engines.discover import Address, DiscoveredEngine
from toolgate.engines.traces.row import Wanted
from toolgate.engines.traces.store import TraceStore
from toolgate.wire.sse import SSEDecoder

FAULTY = 0.05
AT_ONCE = 32
WARM = 500
FAULTS = (cut, error_in_the_middle, refused, gone)


def said(number: int) -> Sequence[str]:
    """What the engine answers to a request: words that tell it from all others."""
    chosen = random.Random(number)
    return [f"{number}:", *(f" {chosen.randrange(10**6)}" for _ in range(chosen.randrange(1, 30)))]


def is_faulty(number: int) -> bool:
    return random.Random(-number).random() < FAULTY


def script(body: bytes) -> bytes:
    """The engine: it reads the request's number in its prompt."""
    if b'"stream"' not in body:
        return NO_PROMPT
    prompt = "".join(map(chr, json.loads(body)["prompt"]))
    number = int(prompt.partition("number ")[2].partition(".")[0])
    if is_faulty(number):
        return random.Random(number).choice(FAULTS)(VLLM)
    return chunked(*frames(VLLM, said(number), *VLLM.end("stop")))


async def ask(session: aiohttp.ClientSession, url: str, number: int) -> bool:
    """Sends one request and checks all that comes back; returns whether it failed."""
    stream = bool(number % 2)
    body: dict[str, Any] = {"model": "any", "stream": stream}
    body["messages"] = [{"role": "user", "content": f"number {number}."}]
    async with session.post(f"{url}/v1/chat/completions", json=body) as response:
        answer = await response.read()
    failed = response.status != 200
    if stream and not failed:
        told = [frame.data for frame in SSEDecoder().feed(answer)]
        failed = told[-1] != b"[DONE]"
        parts = [json.loads(data) for data in told if data != b"[DONE]"]
        assert failed == ("error" in parts[-1])
        choices = [one["choices"][0] for one in parts if one.get("choices")]
        text = "".join(one["delta"].get("content") or "" for one in choices)
        assert any(one["finish_reason"] for one in choices) != failed
    else:
        text = "" if failed else json.loads(answer)["choices"][0]["message"]["content"]
    assert failed == is_faulty(number), answer
    assert failed or text == "".join(said(number))
    return failed


class Footprint:
    """What this process holds on to."""

    def __init__(self) -> None:
        gc.collect()
        self.tasks = len(asyncio.all_tasks())
        self.files = len(os.listdir("/proc/self/fd"))
        self.objects = len(gc.get_objects())


async def run(session: aiohttp.ClientSession, url: str, numbers: range) -> int:
    """All of them, some at once; returns how many failed."""
    waiting = iter(numbers)

    async def work() -> int:
        return sum([await ask(session, url, number) for number in waiting])

    return sum(await asyncio.gather(*(work() for _ in range(AT_ONCE))))


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="open files are counted there")
@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_nothing_is_lost_and_nothing_leaks(count, caplog, tmp_path):
    caplog.set_level("CRITICAL")
    async with scripted_server({**VLLM.paths, VLLM.path: script}) as server:
        engine = DiscoveredEngine(Address(url=server.url))
        connector = aiohttp.TCPConnector(force_close=True)
        recorded = serving(engine, trace_file=tmp_path / "t.db", trace_contents="redacted")
        async with recorded as url, aiohttp.ClientSession(connector=connector) as session:
            await run(session, url, range(WARM))  # whatever is made once has been made
            server.requests.clear()
            before, began = Footprint(), time.monotonic()
            failed = await run(session, url, range(count))
            server.requests.clear()
            after, seconds = Footprint(), time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{count} requests, {failed} of them failed, in {seconds:.0f} s. Before and after: "
        f"{before.tasks} and {after.tasks} tasks, {before.files} and {after.files} open files, "
        f"{before.objects} and {after.objects} objects; {peak} MiB at most"
    )
    assert failed == sum(map(is_faulty, range(count)))
    assert after.tasks <= before.tasks + 2
    assert after.files <= before.files + 4
    # Of each new text its token ids are kept for the next turn, up to a limit: some three objects.
    # The tasks and streams of one request that leaks are some hundred.
    assert after.objects - before.objects < 10 * count
    store = TraceStore(tmp_path / "t.db")
    assert len(store.rows(Wanted(limit=2 * count))) == WARM + count
    assert len(store.rows(Wanted(outcome="error", after=WARM, limit=count))) == failed
    store.close()
