"""What is recorded of a request, through the gateway, and what is not."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from toolgate.apps.http.access_log import RequestRecord
from toolgate.apps.serving.recorder import Recorder, open_recorder
from toolgate.apps.settings.config import Config
from toolgate.core.chunk import Chunk, Usage
from toolgate.engines.engine import GenerateRequest
from toolgate.engines.replay import Pause, ReplayEngine, Step
from toolgate.engines.traces.row import summarize
from toolgate.engines.traces.store import TraceStore
from toolgate.errors import ConfigError, EngineUnavailable
from toolgate.pipeline.call_report import Verdict
from toolgate.pipeline.trace import Recording

CHAT = "/v1/chat/completions"
TOOLS = [{"type": "function", "function": {"name": "look"}}]
ASKED: dict[str, Any] = {
    "model": "kimi",
    "messages": [{"role": "user", "content": "Where is Ann?"}],
    "tools": TOOLS,
}
SAID = (
    "I look.<|tool_calls_section_begin|><|tool_call_begin|>functions.look:0"
    '<|tool_call_argument_begin|>{"at": "Ann"}<|tool_call_end|>'
)
USAGE = Usage(prompt_tokens=9, completion_tokens=2)
STEPS: list[Step] = [
    *(Chunk(text=SAID[at : at + 9]) for at in range(0, len(SAID), 9)),
    Chunk(finish_reason="stop", usage=USAGE),
]


@pytest.fixture
async def ask(open_gateway, tmp_path):
    """Asks a gateway that records, and gives what it recorded."""

    async def ask_one(body: Any, steps: list[Step] = STEPS, **settings: Any) -> Recording:
        engine = ReplayEngine(lambda prompt: steps)
        kept = {"trace_file": tmp_path / "t.db", "trace_contents": "on"} | settings
        gateway = await open_gateway(engine, model="kimi", **kept)
        headers = {"x-request-id": "req_1", "content-type": "application/json", "user-agent": "Roo"}
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        answer = await gateway.post(CHAT, content=content, headers=headers)
        recording = await find(tmp_path)
        assert recording.status == answer.status_code
        if recording.contents == "on" and not recording.error:
            assert recording.answer == answer.text
        return recording

    return ask_one


async def find(folder) -> Recording:
    store = TraceStore(folder / "t.db")
    try:
        while (found := store.find("req_1")) is None:
            await asyncio.sleep(0.01)
        return found
    finally:
        store.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_with_all_that_came_of_it(ask, stream):
    asked = ASKED | {"stream": stream, "strange": 1}
    told = await ask(asked)
    assert (told.path, told.client, told.stream, told.engine) == (CHAT, "Roo", stream, "replay")
    assert (told.model, told.asked_model, told.unknown_fields) == ("kimi", "kimi", ("strange",))
    assert told.request is not None and "Where is Ann?" in told.request
    assert told.usage == USAGE and told.conversation and told.seconds > 0 and not told.running
    (trace,) = told.traces
    assert trace.output == SAID and trace.message.content == "I look."
    assert "".join(one.text for one in trace.heard) == SAID
    assert [one.verdict for one in trace.calls] == [Verdict.VALID]
    assert str(trace.prompt).endswith("<|im_assistant|>assistant<|im_middle|><think></think>")
    assert told.anomalies == ("missing_section_end",)


async def test_off_keeps_no_word(ask):
    told = await ask(ASKED | {"model": "Ann's model"}, trace_contents="off")
    assert "Ann" not in repr(told) and "look." not in repr(told)
    assert (told.request, told.answer) == (None, None)
    assert told.request_bytes > 100 and told.answer_bytes > 100
    assert [call.name for call in told.traces[0].calls] == ["look"]


async def test_every_choice_has_its_trace(ask):
    told = await ask(ASKED | {"n": 2})
    assert [trace.choice for trace in told.traces] == [0, 1]


async def test_a_request_that_is_refused(ask):
    told = await ask(b'{"messages": "Ann"}')
    assert told.status == 400 and told.error.startswith("InvalidRequest: ")
    assert told.traces == ()


async def test_an_error_says_nothing_of_the_request_unless_all_is_kept(ask):
    told = await ask(b'{"messages": "Ann"}', trace_contents="redacted")
    assert told.error == "InvalidRequest"


async def test_an_answer_that_fails_in_its_middle(ask):
    steps = [*STEPS[:2], EngineUnavailable("It died.")]
    told = await ask(ASKED | {"stream": True}, steps)
    assert (told.status, told.error) == (200, "EngineUnavailable: It died.")
    assert told.traces[0].output == SAID[:18]
    assert told.traces[0].message.finish_reason is None


class Halting(ReplayEngine):
    """Says the first chunk, and the rest when it may."""

    def __init__(self) -> None:
        super().__init__(lambda prompt: STEPS)
        self.go_on = asyncio.Event()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        async with aclosing(super().generate(request)) as chunks:
            async for chunk in chunks:
                yield chunk
                await self.go_on.wait()


async def test_a_request_under_way_can_be_seen(open_gateway, tmp_path):
    engine = Halting()
    gateway = await open_gateway(engine, trace_file=tmp_path / "t.db", trace_contents="redacted")
    recorder = engines_recorder(gateway)
    request = asyncio.create_task(
        gateway.post(CHAT, json=ASKED | {"stream": True}, headers={"x-request-id": "req_1"})
    )
    while not (rows := recorder.running()) or rows[0].first_seconds is None:
        await asyncio.sleep(0.01)
    assert (rows[0].outcome, rows[0].title) == ("running", "Xxxxx xx Xxx?".lower())
    snapshot = recorder.snapshot("req_1")
    assert snapshot is not None and snapshot.running
    assert snapshot.traces[0].output == "x look.<|"  # a declared tool's name
    assert recorder.snapshot("req_2") is None
    first = rows[0].first_seconds
    told = replace(summarize(snapshot), seconds=rows[0].seconds, first_seconds=first)
    assert rows == [replace(told, status=rows[0].status)]
    engine.go_on.set()
    assert (await request).status_code == 200
    assert recorder.running() == [] and not (await find(tmp_path)).running


def engines_recorder(gateway: Any) -> Recorder:
    """The recorder of the gateway behind this client."""
    app = gateway._transport.app
    route = next(route for route in app.routes if route.path == CHAT)
    recorder = route.app._shared.recorder
    assert isinstance(recorder, Recorder)
    return recorder


async def test_a_client_that_leaves(open_gateway, tmp_path):
    engine = ReplayEngine(lambda prompt: [*STEPS[:1], Pause(), *STEPS[1:]])
    gateway = await open_gateway(engine, trace_file=tmp_path / "t.db")
    app = gateway._transport.app
    sent: list[str] = []
    left = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not sent:
            sent.append("body")
            return {"type": "http.request", "body": b'{"messages": [{"role": "user"}]}'}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None: ...

    headers = [(b"x-request-id", b"req_1"), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": CHAT,
        "headers": headers,
        "query_string": b"",
    }
    request = asyncio.create_task(app(scope, receive, send))
    while not engine.running:
        await asyncio.sleep(0.01)
    left.set()
    await asyncio.gather(request, return_exceptions=True)
    assert (await find(tmp_path)).status == 499


def test_an_id_that_comes_again_while_it_is_answered(tmp_path):
    async def send(message: Any) -> None: ...

    recorder = open_recorder(Config(trace_file=tmp_path / "t.db"), lambda outcome, amount: None)
    takes = [recorder.begin(RequestRecord("same", "POST", CHAT), b"", send) for _ in "abc"]
    assert len(recorder.running()) == 3
    recorder.end(takes[2])
    left = recorder.snapshot("same")
    assert left is not None and left.started == takes[1].row().started
    recorder.end(takes[0])
    recorder.end(takes[1])
    assert recorder.running() == [] and recorder.snapshot("same") is None
    recorder.close()
    store = TraceStore(tmp_path / "t.db")
    assert [row.id for row in store.rows()] == ["same", "same~2", "same~1"]
    store.close()


async def test_nothing_is_recorded_unless_it_is_wanted(open_gateway, tmp_path):
    gateway = await open_gateway(ReplayEngine(lambda prompt: STEPS))
    assert (await gateway.post(CHAT, json=ASKED)).status_code == 200
    recorder = engines_recorder(gateway)
    assert not recorder.on and recorder.running() == [] and list(tmp_path.iterdir()) == []
    recorder.close()


async def test_recordings_are_counted(open_gateway, tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    gateway = await open_gateway(ReplayEngine(lambda prompt: STEPS), trace_file=tmp_path / "t.db")
    await gateway.post(CHAT, json=ASKED)
    while "toolgate_traces_total" not in (page := (await gateway.get("/metrics")).text) or (
        'outcome="stored"' not in page
    ):
        await asyncio.sleep(0.01)
    assert 'toolgate_traces_total{outcome="stored"} 1.0' in page


@pytest.mark.parametrize("stream", [False, True])
async def test_a_full_disk_stops_no_answer(open_gateway, tmp_path, monkeypatch, caplog, stream):
    def refuse(store: TraceStore, recordings: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(TraceStore, "add_packed", refuse)
    gateway = await open_gateway(ReplayEngine(lambda prompt: STEPS), trace_file=tmp_path / "t.db")
    for _ in range(3):
        answer = await gateway.post(CHAT, json=ASKED | {"stream": stream})
        assert answer.status_code == 200 and "I look." in answer.text.replace('"}', "")
    line = 'toolgate_traces_total{outcome="failed"} 3.0'
    while line not in (await gateway.get("/metrics")).text:
        await asyncio.sleep(0.01)
    (said,) = [one.message for one in caplog.records if one.levelno == logging.ERROR]
    assert "takes no recordings (database or disk is full); answers go on" in said


def test_a_file_that_cannot_be(tmp_path):
    with pytest.raises(ConfigError):
        open_recorder(Config(trace_file=tmp_path), lambda outcome, amount: None)
