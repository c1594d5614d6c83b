"""What is found before a deployment can be looked at, and what becomes of the rest."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.apps.doctor.conftest import codes, llama
from tests.apps.doctor.faulty_proxy import Faults
from tests.apps.doctor.test_tokens import reads_no_specials
from tests.engines.scripted_server import answer, scripted_server
from toolgate.apps.doctor import command
from toolgate.apps.doctor.command import examine
from toolgate.apps.doctor.patient import Patient
from toolgate.apps.doctor.report import Finding
from toolgate.apps.settings.config import Config
from toolgate.errors import ConfigError, EngineRefused


async def test_nobody_answers(examined):
    report = await examined(at="http://127.0.0.1:9")
    assert (codes(report), report.exit_status) == (["unreachable"], 2)


async def test_a_key_is_wanted(examined):
    with llama(api_keys=["right"]) as url:
        assert codes(await examined(at=url, engine_key="wrong")) == ["wrong_key"]
        assert codes(await examined(at=url, engine_key="right")) == []


async def test_something_else_answers(examined):
    page = answer(b"<h1>It works</h1>", kind="text/html")
    async with scripted_server({"/v1/models": page, "/health": page}) as server:
        report = await examined(at=server.url, engine_kind="vllm")
    assert codes(report) == ["no_server"]


async def test_a_server_that_only_chats(examined):
    report = await examined(engine_kind="openai_chat")
    assert codes(report) == ["chat_only"]


async def test_a_family_that_nobody_knows(examined):
    with llama(template="") as url:
        faults = Faults(asked=reads_no_specials)
        report = await examined(faults, at=url, dialect="auto", profile=None)
    assert codes(report) == ["unknown_family"]


async def test_an_old_version(examined):
    card = b'{"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 4096}]}'
    paths = {"/v1/models": answer(card), "/version": answer(b'{"version": "0.10.2"}')}
    async with scripted_server(paths) as server:
        report = await examined(at=server.url)
    assert "old_version" in codes(report)


async def test_a_server_must_be_named():
    with pytest.raises(ConfigError, match="--engine"):
        await examine(Config())


@pytest.mark.parametrize(
    ("path", "said", "found"),
    [
        ("/apply-template", {"error": "not here"}, ["broken_template"]),
        ("/v1/chat/completions", {"choices": []}, []),
        ("/v1/completions", {"choices": [None]}, []),
    ],
)
async def test_answers_of_another_shape_end_a_check_and_no_more(
    examined, caplog, path: str, said: dict[str, Any], found: list[str]
):
    report = await examined(Faults(answered=lambda at, body: said if at == path else body))
    assert codes(report) == found
    assert "the server's answer has another shape" in caplog.text


async def test_what_a_check_found_before_it_failed_is_told(monkeypatch, examined):
    async def check(patient: Patient) -> AsyncIterator[Finding]:
        yield Finding("bos_added", "seen")
        raise EngineRefused("No.", status=400)

    monkeypatch.setattr(command, "CHECKS", (check,))
    assert codes(await examined()) == ["bos_added"]
