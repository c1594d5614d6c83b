"""One record and one line per request."""

import json
import logging
import pickle
import re

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from toolgate.apps.http.access_log import AccessLog, RequestRecord, record_of
from toolgate.apps.serving.tally import Tally
from toolgate.errors import EngineUnavailable
from toolgate.pipeline.call_report import CallReport, Verdict


async def join(scope: Scope, receive: Receive, send: Send) -> None:
    record_of(scope).resend = "joined"


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    record_of(scope).repairs = ["null_content", "null_content"]
    await send({"type": "http.response.start", "status": 201, "headers": []})


async def call_twice(scope: Scope, receive: Receive, send: Send) -> None:
    valid = CallReport(name="look", declared=True, verdict=Verdict.VALID)
    wrong = CallReport(name="fly", declared=False, verdict=Verdict.UNDECLARED)
    record = record_of(scope)
    record.model, record.error = "kimi", EngineUnavailable("gone")
    record.tally = Tally(
        model="kimi",
        calls=[valid, wrong],
        prevented=[("fly", "ask_again")],
        retries=["invalid_call"],
        prompt_tokens=9,
    )


async def leave(scope: Scope, receive: Receive, send: Send) -> None:
    raise ClientDisconnect


async def break_down(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("broken")


async def call(app: ASGIApp, *, path: str = "/", request_id: str = "") -> tuple[RequestRecord, str]:
    """The record, and the request id that the client was told."""
    records: list[RequestRecord] = []
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"x-request-id", request_id.encode())]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    try:
        await AccessLog(app, lambda record, seconds: records.append(record))(scope, receive, send)
    finally:
        (record,) = records
    return record, dict(sent[0]["headers"])[b"x-request-id"].decode() if sent else ""


async def test_one_line_with_counts_and_no_content(caplog):
    caplog.set_level(logging.INFO, logger="toolgate.access")
    record, told = await call(answer, path="/v1/chat/completions")
    assert (record.status, record.id) == (201, told)
    assert re.fullmatch(
        rf"POST '/v1/chat/completions' 201 \d+ms {told} repairs=2", caplog.messages[0]
    )


async def test_programs_get_the_same_as_values(caplog):
    caplog.set_level(logging.INFO, logger="toolgate.access")
    _, told = await call(answer, path="/v1/chat/completions")
    values = caplog.records[0].request
    assert values.pop("seconds") >= 0
    assert values == {
        "id": told,
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 201,
        "repairs": {"null_content": 2},
    }


async def test_programs_get_what_came_of_an_answer(caplog):
    caplog.set_level(logging.INFO, logger="toolgate.access")
    await call(call_twice)
    values = caplog.records[0].request
    assert values["calls"] == {"valid": 1, "undeclared": 1}
    assert (values["prevented"], values["retries"]) == ({"ask_again": 1}, {"invalid_call": 1})
    assert (values["model"], values["prompt_tokens"], values["cached_tokens"]) == ("kimi", 9, 0)
    assert values["error"] == "EngineUnavailable"
    assert "findings" not in values
    json.dumps(values)  # whatever is in there can be written, by any formatter
    assert pickle.loads(pickle.dumps(caplog.records[0])).request == values, "and put into a queue"


async def test_a_copy_of_a_request_is_named(caplog):
    caplog.set_level(logging.INFO, logger="toolgate.access")
    await call(join)
    assert caplog.messages[0].endswith(" resend=joined")


async def test_a_path_forges_no_line(caplog):
    caplog.set_level(logging.INFO, logger="toolgate.access")
    await call(answer, path="/\n2026-01-01 INFO GET '/' 200")
    assert "\n" not in caplog.messages[0]


async def test_the_clients_own_request_id_is_kept_if_harmless():
    assert (await call(answer, request_id="trace-1.2:3"))[1] == "trace-1.2:3"
    assert (await call(answer, request_id="é\r\nx: y"))[1].startswith("req_")


async def test_a_client_that_left_is_no_error():
    assert (await call(leave))[0].status == 499


async def test_a_bug_is_recorded_and_goes_on_up(caplog):
    caplog.set_level(logging.INFO, logger="toolgate.access")
    with pytest.raises(ValueError, match="broken"):
        await call(break_down)
    assert " 500 " in caplog.messages[0]


async def test_other_protocols_pass_through():
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None: ...

    await AccessLog(app, lambda record, seconds: None)({"type": "lifespan"}, receive, send)
    assert seen == [{"type": "lifespan"}]
