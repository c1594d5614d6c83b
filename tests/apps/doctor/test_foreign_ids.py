"""The same history with the family's ids and with others', each before a real llama-server."""

from typing import Any

import pytest

from tests.apps.doctor.conftest import HEALTHY, TEMPLATE, codes, llama
from tests.apps.doctor.faulty_proxy import Faults
from tests.apps.doctor.test_patient import patient
from toolgate import render
from toolgate.apps.doctor.command import examine
from toolgate.apps.doctor.foreign_ids import _request, check_ids
from toolgate.apps.serving.family import Family
from toolgate.apps.settings.config import Config
from toolgate.dialects import get_dialect

CHAT = "/v1/chat/completions"
READS_NO_OTHERS = {
    "takes the name from the id": (
        "<|tool_call_begin|>{{ call.id }}",
        "<|tool_call_begin|>functions.{{ call.id.split('.')[1] }}",
    ),
    "leaves out what it cannot read": (
        "{%- for call in message.tool_calls -%}",
        "{%- for call in message.tool_calls if call.id.startswith('functions.') -%}",
    ),
}


def has_foreign_ids(body: dict[str, Any]) -> bool:
    ids = [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"]
    return not all(one.startswith("functions.") for one in ids)


class FallsSilent:
    """A model that ends its turn after ids of another vendor (kimi-code#3429), so many times."""

    def __init__(self, times: int = 1000) -> None:
        self._left = times
        self._is_silent = False
        self.faults = Faults(asked=self._asked, answered=self._answered)

    def _asked(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self._is_silent = path == CHAT and has_foreign_ids(body)
        return body

    def _answered(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == CHAT and self._is_silent and self._left:
            self._left -= 1
            ended = {"message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}
            body["choices"] = [ended]
        return body


async def test_what_foreign_ids_do_is_told(examined):
    """The vendor's template shows ids as they come; this model minds only how they count."""
    report = await examined()
    assert codes(report) == []
    told = report.as_json()["measured"]["ids"]
    native, (call, toolu, cleaned) = told["native"], told["foreign"]
    assert (native["written"], native["called"]) == ("functions.get_weather:0", "get_weather")
    assert (native["next_id"], native["index"]) == ("functions.get_weather:1", 1)
    assert all(turn["written"] == turn["id"] for turn in (call, toolu, cleaned))
    assert call["prompt_tokens"] > native["prompt_tokens"]
    assert (cleaned["id"], cleaned["index"]) == ("functions_get_weather_0", 0)
    assert report.seen["ids"].startswith("3 of 3 foreign ids reach the prompt, the next call comes")


async def test_a_model_that_falls_silent(examined):
    report = await examined(FallsSilent().faults)
    assert codes(report) == ["foreign_ids"]
    (finding,) = report.findings
    assert "with functions.get_weather:0, functions.get_weather:1 came; with call_" in (
        finding.evidence
    )
    assert "no call of get_weather came (stop)" in finding.evidence
    assert "the prompt shows call_" in finding.evidence


async def test_once_is_no_proof(examined):
    report = await examined(FallsSilent(times=2).faults)
    assert codes(report) == []


@pytest.mark.parametrize("fault", READS_NO_OTHERS)
async def test_a_template_that_reads_no_others(fault: str):
    before, after = READS_NO_OTHERS[fault]
    assert TEMPLATE.count(before) == 1
    with llama(template=TEMPLATE.replace(before, after)) as url:
        report = await examine(Config(engine=url, **HEALTHY))
    assert codes(report) == ["foreign_ids"]
    assert "the prompt differs by more than the id" in report.findings[0].evidence


async def test_a_server_that_refuses_them(examined):
    def refuses(path: str, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "messages": 0} if path == CHAT and has_foreign_ids(body) else body

    report = await examined(Faults(asked=refuses))
    assert codes(report) == ["foreign_ids"]
    assert f"answered 400 to {CHAT}" in report.findings[0].evidence


async def test_no_id_is_to_blame_where_no_call_comes(examined):
    def without_tools(path: str, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "tools": [], "max_tokens": 1} if path == CHAT and "tools" in body else body

    report = await examined(Faults(asked=without_tools))
    assert "foreign_ids" not in codes(report)
    assert report.seen["ids"].startswith("not compared: with functions.get_weather:0")


async def test_families_whose_prompts_show_no_ids():
    deployment = patient(family=Family(get_dialect("qwen3"), None, ""))
    assert [told async for told in check_ids(deployment)] == []


@pytest.mark.parametrize("other", ["call_59adf5614cfe4f4b8a71be54", "functions_get_weather_0"])
def test_through_toolgate_it_is_one_prompt(other: str):
    prompts = [
        render({"model": "any", **_request(one)}, "kimi_k2", "k2-thinking")
        for one in ("functions.get_weather:0", other)
    ]
    assert prompts[0] == prompts[1]
