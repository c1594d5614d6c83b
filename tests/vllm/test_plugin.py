"""toolgate's parser inside vLLM: vLLM's own plumbing over what all families write, and a server."""

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI

from tests.apps.doctor.conftest import TEMPLATE
from tests.dialects.parse_cases import Case
from tests.integrations.test_answer_reader import CASES, is_told
from tests.vllm.conftest import ENVIRONMENT, Weights, serving_vllm
from tests.vllm.conversations import conversations
from tests.vllm.install import ROOT, install
from tests.vllm.test_doctor import folder_with
from toolgate.core.assemble import AssembledMessage
from toolgate.core.finish_reason import FINISHED
from toolgate.dialects import get_dialect
from toolgate.integrations.answer_reader import reasoning_marks
from toolgate.pipeline.parse import parse
from toolgate.pipeline.render import render

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1200)]

MODULE = "toolgate.integrations.vllm"
FILE = ("toolgate", "integrations", "vllm", "__init__.py")
READ_IN_VLLM = Path(__file__).with_name("read_in_vllm.py")
OPTIONS = (
    *("--enable-auto-tool-choice", "--tool-call-parser", "toolgate"),
    *("--reasoning-parser", "toolgate", "--tool-parser-plugin", MODULE),
    *("--reasoning-parser-plugin", MODULE, "--no-enable-prefix-caching"),
)
AS_THE_GATEWAY = "{%- if prompt -%}{{ prompt }}{%- else -%}" + TEMPLATE + "{%- endif -%}"
"""The model's template, or the prompt that it was trained on, where a request brings one."""
ID = re.compile(r"functions\.\w+:\d+")
SPOILT = r"\uzzzz"
"""What stands at the end of a cut call's arguments."""
EVERY = 7
"""Of the conversations: some of every kind."""


@pytest.fixture(scope="session")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """toolgate, installed as docs/vllm-plugin.md says, but into a folder of its own."""
    folder = tmp_path_factory.mktemp("beside")
    pip = [str(install()), "-m", "pip", "-q", "--disable-pip-version-check", "install", "--no-deps"]
    subprocess.run([*pip, "--target", str(folder), str(ROOT), "jsonschema-rs"], check=True)
    return folder


@pytest.fixture(scope="session")
def model(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_with(AS_THE_GATEWAY, weights, tmp_path_factory.mktemp("plugin"))


# -- vLLM's plumbing, without a model --------------------------------------------------------------


def is_served(case: Case) -> bool:
    """Whether vLLM would read it with a plug-in: without tools it lets no calls through, gpt-oss it
    reads itself, and only the gateway's prompts begin a call."""
    marks = reasoning_marks(get_dialect(case.format)).begin
    is_plugged = bool(case.tools) and case.format != "gpt_oss" and case.prefill in ("", *marks)
    return is_told(case) and is_plugged


def raw_text(case: Case) -> str:
    """As vLLM gives it: with the stop token, where the model came to an end."""
    ended = case.engine_finish_reason in FINISHED
    return case.raw + (get_dialect(case.format).stop[0] if ended else "")


def read_by_vllm(cases: list[Case], plugin: str, beside: Path, folder: Path, *, reasons: bool):
    asked = (
        json.dumps(
            {
                "raw": raw_text(case),
                "prefill": case.prefill,
                "tools": case.tools,
                "dialect": case.format,
                "reasons": reasons,
            }
        )
        for case in cases
    )
    done = subprocess.run(
        [install(), READ_IN_VLLM, plugin, str(folder)],
        input="\n".join(asked),
        env=os.environ | ENVIRONMENT | {"PYTHONPATH": str(beside)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"special"')]


@pytest.mark.parametrize("form", ["module", "file"])
@pytest.mark.parametrize("reasons", [True, False], ids=["reasoning parser", "no reasoning parser"])
def test_vllm_reads_what_every_family_writes(form, reasons, beside: Path, model: Path):
    plugin = MODULE if form == "module" else str(beside.joinpath(*FILE))
    # Without a reasoning parser nobody tells the plug-in how the prompt ended.
    cases = [case for case in CASES if is_served(case) and (reasons or not case.prefill)]
    told = read_by_vllm(cases, plugin, beside, model, reasons=reasons)
    print(f"{len(cases)} answers of {len({case.format for case in cases})} families")
    assert len(told) == len(cases)
    for case, one in zip(cases, told, strict=True):
        assert one["special"] == [False, True]
        message = parse(
            raw_text(case),
            dialect=case.format,
            tools=case.tools or (),
            prefill=case.prefill,
            finish_reason=case.engine_finish_reason,
        )
        check(one["whole"], message, one["streamed"], case, reasons=reasons)


def check(whole: Any, message: AssembledMessage, streams: Any, case: Case, *, reasons: bool):
    reasoning, content, calls = whole
    complete = [[call.name, call.arguments] for call in message.tool_calls if call.complete]
    assert calls == complete, case
    if reasons:
        assert (reasoning.strip(), content.strip()) == (
            message.reasoning.strip(),
            message.content.strip(),
        ), case
    else:
        assert reasoning == ""
        said = (*message.reasoning.split(), *message.content.split())
        assert [word for word in said if word not in content] == [], case
    for streamed in streams:
        assert streamed[0] == reasoning, case
        assert streamed[1].strip() == content.strip(), case
        assert [call for call in streamed[2] if call in complete or is_json(call[1])] == complete, (
            case
        )
        assert [name for name, _ in streamed[2]] == [call.name for call in message.tool_calls], case


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


# -- a server -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def plugged_url(model: Path, beside: Path, tmp_path_factory: pytest.TempPathFactory):
    log = tmp_path_factory.mktemp("plugged") / "log.txt"
    with serving_vllm(model, log, *OPTIONS, PYTHONPATH=str(beside)) as url:
        yield url


@pytest.fixture
async def plugged(plugged_url: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{plugged_url}/v1", api_key="none", max_retries=0) as client:
        yield client


async def test_a_server_with_the_plugin(plugged: AsyncOpenAI, plugged_url: str):
    seen = Counter[str]()
    for body in islice(conversations(), 0, None, EVERY):
        request = requested(body)
        (choice,) = (await plugged.chat.completions.create(**request)).to_dict()["choices"]
        said = await read_here(plugged_url, choice, body)
        assert whole(choice["message"]) == shown(said), body
        stream = await plugged.chat.completions.create(**request, stream=True)
        chunks = [chunk.to_dict()["choices"][0] async for chunk in stream]
        assert streamed(chunks) == shown(said, cut=True), body
        seen.update(kinds(said))
    print(dict(seen))
    assert set(seen) == {"content", "reasoning", "call", "cut call"}


def requested(body: Mapping[str, Any]) -> dict[str, Any]:
    kwargs = {"prompt": str(render(body, profile="nano"))}
    request = {key: value for key, value in body.items() if key != "chat_template_kwargs"}
    return request | {"extra_body": {"chat_template_kwargs": kwargs, "return_token_ids": True}}


async def read_here(url: str, choice: Mapping[str, Any], body: Mapping[str, Any]):
    """What the same tokens are to `toolgate.parse`."""
    tokens = {"model": "nano", "tokens": choice["token_ids"]}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/detokenize", json=tokens) as response,
    ):
        raw = (await response.json())["prompt"]
    return parse(
        raw,
        tools=body["tools"],
        prefill="<think>" if "chat_template_kwargs" in body else "",
        finish_reason="stop" if raw.endswith("<|im_end|>") else "length",
        tool_choice="none" if body.get("tool_choice") == "none" else None,
    )


def shown(said: AssembledMessage, *, cut: bool = False) -> Any:
    """Reasoning, content and calls, the cut one only by its name."""
    calls = [
        (call.name, call.arguments if call.complete else "")
        for call in said.tool_calls
        if call.complete or cut
    ]
    return said.reasoning, said.content, calls


def whole(message: Mapping[str, Any]) -> Any:
    calls = message.get("tool_calls") or ()
    assert all(ID.fullmatch(call["id"]) for call in calls)
    told = [(call["function"]["name"], call["function"]["arguments"]) for call in calls]
    return message.get("reasoning") or "", message.get("content") or "", told


def streamed(chunks: Sequence[Mapping[str, Any]]) -> Any:
    said = {"reasoning": "", "content": ""}
    calls: list[tuple[str, str]] = []
    for delta in (chunk["delta"] for chunk in chunks):
        for key in said:
            said[key] += delta.get(key) or ""
        for call in delta.get("tool_calls") or ():
            if name := call["function"].get("name"):
                assert ID.fullmatch(call["id"])
                calls.append((name, ""))
            name, arguments = calls[call["index"]]
            calls[call["index"]] = name, arguments + (call["function"].get("arguments") or "")
    told = [(name, "" if SPOILT in arguments else arguments) for name, arguments in calls]
    return said["reasoning"], said["content"], told


def kinds(said: AssembledMessage) -> list[str]:
    calls = ["call" if call.complete else "cut call" for call in said.tool_calls]
    return [*calls, *(kind for kind in ("content", "reasoning") if getattr(said, kind))]
