"""Asks one target all requests: so many at once, again where that may help, each only once.

Every answer is appended to the results at once, so that a run that was ended goes on there.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from toolgate.apps.verify.answer import StreamReader, read_whole
from toolgate.apps.verify.faults import are_valid
from toolgate.apps.verify.recorder import recording
from toolgate.apps.verify.results import (
    SUCCESS,
    Observed,
    Result,
    append,
    read_observed,
    read_results,
    write_observed,
)
from toolgate.apps.verify.samples import Sample, fingerprint, prepare
from toolgate.apps.verify.targets import Target
from toolgate.engines.endpoint import find_error_message
from toolgate.engines.engine import RawResponse
from toolgate.errors import EngineError, EngineProtocolError, EngineRefused

PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE: Final = 60.0
WORTH_ANOTHER_TRY: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Statuses that tell of the server's state, not of the request."""
_REFUSED: Final = 400


class Settings(Struct, frozen=True, kw_only=True):
    """How a target is asked."""

    concurrency: int = 4
    retries: int = 3
    """Of one request; after that it has failed."""
    timeout: float = 600.0
    """Seconds for one answer."""
    changes: Mapping[str, Any] = {}
    """What every request has instead of its own: temperature, max_tokens …"""


class Run(Struct, frozen=True):
    """What a target answered to all of them, one way."""

    results: Sequence[Result]
    observed: Mapping[int, Observed]


async def run_all(
    target: Target,
    samples: Sequence[Sample],
    settings: Settings,
    files: tuple[Path, Path],
    *,
    stream: bool,
    advance: Callable[[], None],
) -> Run:
    """Asks what has no good answer in `files` yet; `advance` is called once for each request."""
    done = {one.data_index: one for one in read_run(*files).results if one.status == SUCCESS}
    gate = asyncio.Semaphore(settings.concurrency)

    async def ask_one(sample: Sample) -> None:
        body = prepare(sample, model=target.model, stream=stream, changes=settings.changes)
        before = done.get(sample.data_index)
        if before is None or before.hash != fingerprint(body):
            async with gate:
                result, observed = await _ask(target, sample.data_index, body, settings)
            append(files[0], result)
            append(files[1], observed)
        advance()

    async with asyncio.TaskGroup() as group:
        for sample in samples:
            group.create_task(ask_one(sample))
    run = read_run(*files)
    await _count_prompts(target, run, files[1])
    return run


def files_of(folder: Path, *, stream: bool, part: str = "") -> tuple[Path, Path]:
    """Where the results are kept, and what was seen beside them; `part` is what else is asked."""
    middle = "".join(f".{name}" for name in (part, "" if stream else "whole") if name)
    return folder / f"results{middle}.jsonl", folder / f"observed{middle}.jsonl"


def read_run(results: Path, observed: Path) -> Run:
    return Run(read_results(results) if results.exists() else [], read_observed(observed))


async def _count_prompts(target: Target, run: Run, file: Path) -> None:
    """After the last answer: counting may ask the very server whose answers were timed."""
    seen = [(run.observed.get(one.data_index), one) for one in run.results]
    left = [
        (observed, one.request)
        for observed, one in seen
        if observed and one.status == SUCCESS and observed.own_prompt_tokens is None
    ]
    for observed, request in left:
        observed.own_prompt_tokens = await target.count(request)
    if left:
        write_observed(file, run.observed.values())


async def _ask(
    target: Target, index: int, body: dict[str, Any], settings: Settings
) -> tuple[Result, Observed]:
    for attempt in range(settings.retries + 1):
        observed = Observed(data_index=index)
        result = Result(data_index=index, request=body, hash=fingerprint(body))
        began = time.perf_counter()
        try:
            with recording() as record:
                try:
                    async with asyncio.timeout(settings.timeout):
                        result.response = await _answer(target, body, observed)
                finally:
                    observed.prompt, observed.output = record.prompt, record.output
            _settle(result, began)
            return result, observed
        except (EngineError, TimeoutError) as error:
            observed.status = error.status_hint if isinstance(error, EngineRefused) else 0
            result.status, result.response = "failed", {"error": str(error) or "timed out"}
            _settle(result, began)
            if attempt == settings.retries or not _is_worth_another_try(error):
                break
        await asyncio.sleep(min(PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE))
    return result, observed


def _settle(result: Result, began: float) -> None:
    choices = (result.response or {}).get("choices") or [{}]
    result.finish_reason = choices[0].get("finish_reason")
    result.tool_calls_valid = are_valid(result)
    result.duration_ms = round((time.perf_counter() - began) * 1000)
    result.last_run_at = datetime.now().isoformat()


def _is_worth_another_try(error: Exception) -> bool:
    if isinstance(error, EngineRefused):
        return error.status_hint in WORTH_ANOTHER_TRY
    return True


async def _answer(target: Target, body: dict[str, Any], observed: Observed) -> dict[str, Any]:
    began = time.perf_counter()
    asked = {**body, "stream_options": {"include_usage": True}} if body["stream"] else body
    async with target.ask(msgspec.json.encode(asked)) as response:
        if response.status >= _REFUSED:
            raise EngineRefused(await _explain(response), status=response.status)
        headers = {name.lower(): value for name, value in response.headers.items()}
        observed.headers = {
            name: value for name, value in headers.items() if name.startswith("x-toolgate-")
        }
        if not body["stream"]:
            return read_whole(b"".join([piece async for piece in response.body]))
        if "event-stream" not in headers.get("content-type", ""):
            raise EngineProtocolError(f"It was asked for a stream: {await _explain(response)}")
        reader = StreamReader()
        async for piece in response.body:
            reader.feed(piece)
            if observed.first_ms is None and reader.has_begun:
                observed.first_ms = round((time.perf_counter() - began) * 1000, 1)
        return reader.finish()


async def _explain(response: RawResponse) -> str:
    page = b"".join([piece async for piece in response.body])
    return f"{response.status}: {find_error_message(page)}"
