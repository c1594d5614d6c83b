"""The server's own chat route beside the prompt of ours, each before a real llama-server."""

from typing import Any

import pytest

from tests.apps.doctor.conftest import codes
from tests.apps.doctor.faulty_proxy import Faults
from tests.engines.scripted_server import answer, scripted_server


def told_otherwise(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A server whose chat route has a flag that adds words."""
    if path == "/apply-template":
        body["messages"][0]["content"] += " Be brief."
    return body


def adds_a_bos(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A server that puts a token of its own before a chat's prompt."""
    if path == "/tokenize" and body.get("add_special"):
        body["content"] = "[BOS]" + body["content"]
    return body


def says_more(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A proxy that adds a system prompt of its own to chats, and to nothing else."""
    if path == "/v1/chat/completions":
        body["messages"][0]["content"] += " You are served by Example Corporation."
    return body


async def test_the_first_token_that_differs_is_shown(examined):
    report = await examined(Faults(asked=told_otherwise))
    assert codes(report) == ["chat_prompt_differs"]
    told = report.as_json()["findings"][0]["first_difference"]
    assert told["ours"]["text"] == "<|im_end|>"
    assert told["theirs"]["text"].startswith(" ")
    assert "".join(token["text"] for token in told["before"]).endswith("assistant.")
    assert told["lengths"][0] < told["lengths"][1]
    assert f"the tokens part after {told['at']}, which" in "".join(report.lines())


async def test_the_same_text_in_other_tokens(examined):
    report = await examined(Faults(asked=adds_a_bos))
    assert codes(report) == ["chat_prompt_differs"]
    difference = report.findings[0].details["first_difference"]
    assert (difference.at, difference.before) == (0, [])
    assert difference.ours.text == "<|im_system|>"


@pytest.mark.parametrize("kind", ["llama_cpp", "openai_completions"])
async def test_a_chat_route_that_reads_more_than_it_tells(examined, kind: str):
    """Also where nobody tells a chat's tokens: then their number is all there is."""
    report = await examined(Faults(asked=says_more), engine_kind=kind)
    (finding,) = [one for one in report.findings if one.code == "chat_prompt_differs"]
    assert "its chat route reads" in finding.evidence


CARD = b'{"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 4096}]}'
DONE = b'data: {"choices": [{"index": 0, "text": "a", "finish_reason": "length"}]}\n\n'
VLLM: dict[str, Any] = {
    "/v1/models": answer(CARD),
    "/version": answer(b'{"version": "0.32.0"}'),
    "/v1/completions": answer(DONE + b"data: [DONE]\n\n", kind="text/event-stream"),
}


async def test_a_server_whose_chat_route_has_no_template(examined):
    refusal = b'{"error": {"message": "... so you must provide a chat template if ..."}}'

    def tokenize(body: bytes) -> bytes:
        return answer(refusal, status=400) if b"messages" in body else answer(b'{"tokens": [1]}')

    async with scripted_server({**VLLM, "/tokenize": tokenize}) as server:
        assert "no_template" in codes(await examined(at=server.url, engine_kind="vllm"))


async def test_a_server_that_tells_no_tokens_is_not_blamed_for_its_template(examined):
    async with scripted_server(VLLM) as server:
        found = codes(await examined(at=server.url, engine_kind="vllm"))
    assert "text_prompts" in found
    assert "broken_template" not in found
