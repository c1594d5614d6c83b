"""Faults of behaviour, each before a real llama-server: proxies that hold back, or never let go."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.apps.doctor.conftest import codes, llama
from tests.apps.doctor.faulty_proxy import Faults
from tests.apps.doctor.test_patient import patient
from tests.engines.scripted_server import answer, scripted_server
from toolgate.apps.doctor.behaviour import check_context, check_grammar
from toolgate.apps.doctor.report import Finding
from toolgate.engines.endpoint import Endpoint
from toolgate.engines.engine import Capabilities
from toolgate.engines.grammar_probe import WORD
from toolgate.engines.model_folder import read_model_folder


def without_grammar(path: str, body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "grammar"}


def without_cache(path: str, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "cache_prompt": False} if path == "/completion" else body


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        (Faults(asked=without_grammar), "grammar_ignored"),
        (Faults(reads_on=True), "not_cancelled"),
        (Faults(asked=without_cache), "no_prefix_cache"),
    ],
)
async def test_a_fault_is_named(examined, faults: Faults, code: str):
    assert code in codes(await examined(faults))


async def test_a_context_that_is_cut(examined):
    with llama(context=1024) as url:
        assert codes(await examined(at=url)) == ["context_cut"]


@pytest.mark.parametrize(
    ("kind", "able", "found"),
    [
        ("vllm", Capabilities(kind="vLLM", grammar="structural_tag"), []),
        ("vllm", Capabilities(kind="vLLM"), ["grammar_ignored"]),
        ("sglang", Capabilities(kind="SGLang"), ["grammar_ignored"]),
        ("vllm", Capabilities(kind="vLLM", prompts="text"), []),  # nobody could name tokens to it
        ("openai_completions", Capabilities(kind="any"), []),  # it never took one
    ],
)
async def test_engines_that_take_grammars_must_hold_to_them(kind, able, found: list[str]):
    engine = SimpleNamespace(capabilities=able, marker_ids=no_markers)
    deployment = patient(kind=kind, engine=engine)
    assert [one.code async for one in check_grammar(deployment)] == found


async def no_markers(markers: list[str]) -> dict[int, str]:
    return {}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"choices": [{"text": WORD + "</think>"}]}, []),
        ({"choices": [{"text": "One, two"}]}, ["grammar_ignored"]),
        ({"choices": []}, ["grammar_ignored"]),
    ],
)
async def test_a_vllm_that_begins_a_grammar_behind_the_reasoning(answer, found: list[str]):
    asked: list[Mapping[str, Any]] = []

    async def marker_ids(markers: list[str]) -> dict[int, str]:
        return {7: markers[0]}

    async def post(path: str, body: Mapping[str, Any]) -> object:
        if path == "/tokenize":
            return {"tokens": [5]}
        asked.append(body)
        return answer

    engine = SimpleNamespace(capabilities=Capabilities(kind="vLLM"), marker_ids=marker_ids)
    told = {"model": "kimi"}
    deployment = patient(kind="vllm", engine=engine, endpoint=SimpleNamespace(post=post), told=told)
    assert [one.code async for one in check_grammar(deployment)] == found
    assert [body["prompt"] for body in asked] == [[7]]


async def test_a_context_that_is_cut_by_what_the_folder_says(tmp_path: Path):
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 131072}')
    folder = read_model_folder(str(tmp_path))
    async with scripted_server({"/v1/models": answer(b'{"data": [{"id": "m"}]}')}) as server:
        endpoint = Endpoint(server.url)
        deployment = patient(endpoint=endpoint, folder=folder, told={"context": 8192})
        (finding,) = [one async for one in check_context(deployment)]
        await endpoint.close()
    assert finding == Finding("context_cut", "8192 tokens of the model's 131072")
