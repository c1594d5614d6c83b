"""Faults of the server's own chat route."""

from typing import Any

from tests.apps.doctor.conftest import codes, llama
from tests.apps.doctor.faulty_proxy import Faults

RAW = "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0"


def leaks(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A server with another family's parser."""
    if path == "/v1/chat/completions":
        body["choices"][0]["message"]["content"] = RAW
    return body


class Drops:
    """A proxy or a parser that loses calls, so many times."""

    def __init__(self, times: int = 1000) -> None:
        self.left = times
        self.faults = Faults(answered=self._answered)

    def _answered(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/v1/chat/completions" and self.left:
            self.left -= body["choices"][0]["message"].pop("tool_calls", None) is not None
        return body


async def test_calls_that_are_lost(examined):
    report = await examined(Drops().faults)
    assert codes(report) == ["calls_lost"]
    assert "<|tool_call_begin|>functions.get_weather:0" in report.findings[0].evidence


async def test_a_call_that_is_lost_once_is_no_proof(examined):
    assert codes(await examined(Drops(times=1).faults)) == []


async def test_markers_that_leak(examined):
    assert codes(await examined(Faults(answered=leaks))) == ["markers_leak"]


async def test_a_server_without_a_parser(examined):
    with llama(jinja=False, template="") as url:
        assert "parser_missing" in codes(await examined(at=url))
