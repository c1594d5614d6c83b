"""Each way in which a deployment may treat a schema, and the suite on toolgate itself."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.apps.verify.answers import call
from toolgate.apps.settings.config import Config
from toolgate.apps.verify.runner import Settings
from toolgate.apps.verify.schema_cases import schema_cases
from toolgate.apps.verify.schema_suite import (
    SchemaJudged,
    SchemaVerdict,
    ask_schemas,
    judge_schemas,
    read_schemas,
)
from toolgate.apps.verify.targets import GatewayTarget, Target
from toolgate.core.chunk import Chunk
from toolgate.engines.engine import RawResponse
from toolgate.engines.replay import ReplayEngine

GOOD = "one string"
BAD = "a type that does not exist"


class Scripted:
    """Says the same to everything; answers with `failing` to its first requests, and refuses what
    requires a call, if it is to."""

    name = model = "x"

    def __init__(
        self,
        status: int,
        body: Mapping[str, Any],
        *,
        requires: bool = True,
        failing: Sequence[int] = (),
    ) -> None:
        self.status, self.body, self.requires = status, body, requires
        self.failing = list(failing)
        self.choices: list[str] = []

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def count(self, request: Mapping[str, Any]) -> int | None:
        return None

    @asynccontextmanager
    async def ask(self, body: bytes) -> AsyncGenerator[RawResponse, None]:
        choice = json.loads(body)["tool_choice"]
        self.choices.append(choice)
        is_taken = self.requires or choice == "auto"
        status = self.failing.pop(0) if self.failing else self.status
        yield RawResponse(status if is_taken else 400, {}, self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield json.dumps(self.body).encode()


async def ask(target: Target, folder: Path) -> dict[str, SchemaJudged]:
    settings = Settings(retries=0)
    run = await ask_schemas(target, settings, folder, stream=False, advance=lambda: None)
    assert read_schemas(folder).results == run.results
    return {one.case.name: one for one in judge_schemas(run)}


def answer(*calls: Any, finish: str = "tool_calls", text: str = "") -> dict[str, Any]:
    message = {"content": text, "tool_calls": list(calls) or None}
    return {"choices": [{"message": message, "finish_reason": finish}]}


ROME = call('{"city": "Rome"}', name="take")


@pytest.mark.parametrize(
    ("status", "body", "good", "bad"),
    [
        (200, answer(ROME), SchemaVerdict.FITS, SchemaVerdict.TAKEN),
        (200, answer(call("{}", name="take")), SchemaVerdict.MISFIT, SchemaVerdict.TAKEN),
        (200, answer(text="No.", finish="stop"), SchemaVerdict.NO_CALL, SchemaVerdict.TAKEN),
        (200, answer(ROME, finish="length"), SchemaVerdict.TRUNCATED, SchemaVerdict.TAKEN),
        (400, {"error": "no"}, SchemaVerdict.REFUSED, SchemaVerdict.UNCLEARLY_REFUSED),
        (422, {"error": "in 'take'"}, SchemaVerdict.REFUSED, SchemaVerdict.RIGHTLY_REFUSED),
        (422, {"error": "objekt?"}, SchemaVerdict.REFUSED, SchemaVerdict.RIGHTLY_REFUSED),
        (501, {"error": "objekt?"}, SchemaVerdict.FAILED, SchemaVerdict.FAILED),
        (429, {"error": "in 'take'"}, SchemaVerdict.FAILED, SchemaVerdict.FAILED),
    ],
)
async def test_how_a_schema_is_treated(
    status: int, body: Any, good: SchemaVerdict, bad: SchemaVerdict, tmp_path: Path
):
    judged = await ask(Scripted(status, body), tmp_path)
    assert len(judged) == len(schema_cases())
    assert (judged[GOOD].verdict, judged[BAD].verdict) == (good, bad)
    if status >= 400:
        assert body["error"] in judged[GOOD].detail


async def test_where_no_tool_may_be_required_it_may_be_called(tmp_path: Path):
    target = Scripted(200, answer(ROME), requires=False)
    judged = await ask(target, tmp_path)
    assert target.choices == ["required", *["auto"] * len(schema_cases())]
    assert judged[GOOD].is_right


@pytest.mark.parametrize("status", [503, 429])
async def test_a_first_request_that_fails_does_not_make_calling_a_choice(
    tmp_path: Path, status: int
):
    target = Scripted(200, answer(ROME), failing=[status])
    judged = await ask(target, tmp_path)
    assert target.choices == ["required"] * (1 + len(schema_cases()))
    assert judged[GOOD].is_right


async def test_answers_to_another_suite_are_not_judged(tmp_path: Path):
    settings = Settings()
    target = Scripted(200, answer(ROME))
    run = await ask_schemas(target, settings, tmp_path, stream=False, advance=lambda: None)
    run.results[0].request["tools"] = []
    assert len(list(judge_schemas(run))) == len(schema_cases()) - 1
    assert list(judge_schemas(read_schemas(tmp_path / "nowhere"))) == []


async def test_toolgate_takes_them_all_and_says_why_it_refuses_the_others(tmp_path: Path):
    engine = ReplayEngine(lambda prompt: [Chunk(text="No.", finish_reason="stop")])
    config = Config(dialect="kimi_k2", enforce="off", resend="off")
    target = GatewayTarget("mine", config, engine)
    await target.start()
    try:
        judged = await ask(target, tmp_path)
    finally:
        await target.close()
    assert {one.verdict for one in judged.values()} == {
        SchemaVerdict.NO_CALL,
        SchemaVerdict.RIGHTLY_REFUSED,
    }
