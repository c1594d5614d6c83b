"""Asking: every request once, again where that may help, and a restart goes on."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from toolgate.apps.verify import runner
from toolgate.apps.verify.runner import Run, Settings, files_of, run_all
from toolgate.apps.verify.samples import Sample
from toolgate.engines.engine import RawResponse
from toolgate.errors import EngineUnavailable

SAMPLES = [
    Sample(index, {"messages": [{"role": "user", "content": f"{index}"}]}) for index in (1, 2, 3)
]
WHOLE = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}
CHUNK = {"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}


class Scripted:
    """Answers with these statuses, then with 200; notes what it is asked."""

    name = "scripted"
    model = "k2"

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.asked: list[dict[str, Any]] = []
        self.counted_after: list[int] = []

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def count(self, request: Mapping[str, Any]) -> int | None:
        self.counted_after.append(len(self.asked))
        return len(request["messages"])

    @asynccontextmanager
    async def ask(self, body: bytes) -> AsyncGenerator[RawResponse, None]:
        request = json.loads(body)
        self.asked.append(request)
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 0:
            raise EngineUnavailable("nobody is there")
        kind = "text/event-stream" if request["stream"] and status == 200 else "application/json"
        headers = {"Content-Type": kind, "X-Toolgate-Tier": "grammar"}
        yield RawResponse(status, headers, self._pieces(status, stream=request["stream"]))

    async def _pieces(self, status: int, *, stream: bool) -> AsyncIterator[bytes]:
        if status != 200:
            yield json.dumps({"error": {"message": f"no: {status}"}}).encode()
        elif stream:
            yield f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n".encode()
        else:
            yield json.dumps(WHOLE).encode()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0)


async def ask(
    target: Scripted,
    folder: Path,
    samples: Sequence[Sample] = SAMPLES,
    *,
    stream: bool = True,
    **settings: Any,
) -> Run:
    advanced: list[None] = []
    run = await run_all(
        target,
        samples,
        Settings(**settings),
        files_of(folder, stream=stream),
        stream=stream,
        advance=lambda: advanced.append(None),
    )
    assert len(advanced) == len(samples)
    return run


@pytest.mark.parametrize("stream", [True, False])
async def test_every_request_is_asked_once(tmp_path: Path, stream: bool):
    target = Scripted()
    run = await ask(target, tmp_path, stream=stream, changes={"temperature": 0.5})
    assert [one.data_index for one in run.results] == [1, 2, 3]
    assert all(one.message["content"] == "Hi" for one in run.results)
    assert all(one["temperature"] == 0.5 and one["model"] == "k2" for one in target.asked)
    assert ("stream_options" in target.asked[0]) is stream
    assert run.observed[1].headers == {"x-toolgate-tier": "grammar"}
    assert (run.observed[1].first_ms is not None) is stream
    assert run.observed[1].own_prompt_tokens == 1 and run.observed[1].status == 0


async def test_prompts_are_counted_when_nothing_is_timed_any_more(tmp_path: Path):
    """It may ask the measured server; what an ended run did not count, the next one does."""
    target = Scripted()
    await ask(target, tmp_path, concurrency=1)
    assert target.counted_after == [3, 3, 3]
    path = files_of(tmp_path, stream=True)[1]
    seen = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one["own_prompt_tokens"] for one in seen] == [1, 1, 1]
    path.write_text("".join(f"{json.dumps(one | {'own_prompt_tokens': None})}\n" for one in seen))
    again = Scripted()
    run = await ask(again, tmp_path)
    assert (again.asked, len(again.counted_after)) == ([], 3)
    assert run.observed[3].own_prompt_tokens == 1
    await ask(again, tmp_path)
    assert len(again.counted_after) == 3


async def test_a_restart_asks_what_has_no_good_answer(tmp_path: Path):
    await ask(Scripted(), tmp_path, SAMPLES[:1])
    target = Scripted(400)
    await ask(target, tmp_path)
    assert len(target.asked) == 2
    again = Scripted()
    run = await ask(again, tmp_path)
    assert len(again.asked) == 1
    assert [one.status for one in run.results] == ["success"] * 3


async def test_another_request_is_not_the_one_that_was_answered(tmp_path: Path):
    await ask(Scripted(), tmp_path)
    target = Scripted()
    await ask(target, tmp_path, changes={"temperature": 1})
    assert len(target.asked) == 3


@pytest.mark.parametrize("statuses", [(503, 429), (0, 500)])
async def test_what_may_pass_is_tried_again(tmp_path: Path, statuses: tuple[int, ...]):
    target = Scripted(*statuses)
    run = await ask(target, tmp_path, SAMPLES[:1])
    assert len(target.asked) == 3 and run.results[0].status == "success"


async def test_not_for_ever(tmp_path: Path):
    target = Scripted(*[503] * 9)
    run = await ask(target, tmp_path, SAMPLES[:1], retries=2)
    assert len(target.asked) == 3
    assert run.results[0].status == "failed"
    assert run.results[0].response == {"error": "503: no: 503"}


async def test_a_refusal_is_final(tmp_path: Path):
    target = Scripted(400)
    run = await ask(target, tmp_path, SAMPLES[:1])
    assert len(target.asked) == 1 and run.results[0].status == "failed"
    assert run.observed[1].status == 400


def test_what_else_is_asked_has_files_of_its_own(tmp_path: Path):
    names = [path.name for path in files_of(tmp_path, stream=False, part="schemas")]
    assert names == ["results.schemas.whole.jsonl", "observed.schemas.whole.jsonl"]
