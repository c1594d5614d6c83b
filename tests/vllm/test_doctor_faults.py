"""Faults before a live vLLM, one at a time: each is named, by itself.

One server serves them all. It takes a template with each request, so that its own renderer runs the
broken ones; what else can be wrong stands in a proxy before it, or in the folder that doctor reads.
"""

import asyncio
import json
import shutil
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any

import pytest

from tests.apps.doctor.conftest import HEALTHY, TEMPLATE, codes
from tests.apps.doctor.faulty_proxy import Change, Faults, faulty_proxy
from tests.apps.doctor.test_chat_prompts import says_more
from tests.apps.doctor.test_chat_route import leaks
from tests.apps.doctor.test_foreign_ids import READS_NO_OTHERS, FallsSilent
from tests.apps.doctor.test_template import BROKEN
from tests.vllm.conftest import Weights, serving_vllm
from tests.vllm.test_doctor import PARSER, folder_with
from toolgate.apps.doctor import command
from toolgate.apps.doctor.behaviour import check_cancel, check_prefix
from toolgate.apps.doctor.report import Report
from toolgate.apps.doctor.stream import check_stream
from toolgate.apps.settings.config import Config

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]
SLOW = (check_stream, check_cancel, check_prefix)
"""They generate thousands of tokens, and are left out where the fault is none of their affair."""
OPTIONS = (*PARSER, "kimi_k2", "--reasoning-parser", "kimi_k2", "--trust-request-chat-template")
CHAT = ("/tokenize", "/v1/chat/completions")
HIDDEN_BY_VLLM = {"list_content", "null_reasoning", "empty_content"}
"""vLLM sees whether a template reads lists, and joins the parts for one that does not; it hands no
reasoning to it that is null; and what this one writes for an empty content does not show in what
`/tokenize` makes of it. With the folder at hand all three are found."""
SEEN_FROM_OUTSIDE = {
    "template_differs": ["chat_prompt_differs"],  # of the template itself nobody knows anything
    "tools_missing": ["tools_missing", "chat_prompt_differs"],
}


@pytest.fixture(scope="module")
def folder(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_with(TEMPLATE, weights, tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving_vllm(folder, tmp_path_factory.mktemp("log") / "log", *OPTIONS) as url:
        yield url


def diagnose(url: str, faults: Faults, **settings: Any) -> Report:
    async def run() -> Report:
        async with faulty_proxy(url, faults) as proxy:
            return await command.examine(Config(engine=proxy, **{**HEALTHY, **settings}))

    return asyncio.run(run())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [check for check in command.CHECKS if check not in SLOW]
    monkeypatch.setattr(command, "CHECKS", checks)


def rendering(template: str) -> Change:
    """The server's own renderer, with this template."""

    def asked(path: str, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "chat_template": template} if path in CHAT and "messages" in body else body

    return asked


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("code", [code for code in BROKEN if code not in HIDDEN_BY_VLLM])
def test_a_template_that_only_the_server_has(url: str, code: str):
    faults = Faults(asked=rendering(TEMPLATE.replace(*BROKEN[code])))
    report = diagnose(url, faults)
    assert codes(report) == SEEN_FROM_OUTSIDE.get(code, [code])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("code", BROKEN)
def test_a_template_in_the_folder(url: str, folder: Path, tmp_path: Path, code: str):
    shutil.copytree(folder, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    template = TEMPLATE.replace(*BROKEN[code])
    (tmp_path / "model" / "chat_template.jinja").write_text(template, "utf-8")
    faults = Faults(asked=rendering(template))
    assert codes(diagnose(url, faults, model_dir=str(tmp_path / "model"))) == [code]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fault", READS_NO_OTHERS)
def test_a_template_that_reads_no_other_ids(url: str, fault: str):
    template = TEMPLATE.replace(*READS_NO_OTHERS[fault])
    assert codes(diagnose(url, Faults(asked=rendering(template)))) == ["foreign_ids"]


def without(field: str) -> Change:
    """A proxy that knows only some of the fields."""
    return lambda path, body: {key: value for key, value in body.items() if key != field}


def adds_a_token(path: str, body: dict[str, Any]) -> dict[str, Any]:
    if path == "/v1/completions" and isinstance(body.get("prompt"), list):
        return {**body, "prompt": [1, *body["prompt"]]}
    return body


def adds_a_bos(path: str, body: dict[str, Any]) -> dict[str, Any]:
    if path == "/v1/completions" and isinstance(body.get("prompt"), str):
        return {**body, "prompt": "[BOS]" + body["prompt"]}
    return body


def knows_no_end(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A generation_config.json without the turn's end."""
    if path == "/v1/completions" and not body.get("stream") and body.get("max_tokens") == 3:
        return {**body, "ignore_eos": True}
    return body


def told_otherwise(path: str, body: dict[str, Any]) -> dict[str, Any]:
    if path == "/tokenize" and "messages" in body:
        body["messages"][0]["content"] += " Be brief."
    return body


def is_old(path: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"version": "0.10.2"} if path == "/version" else body


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("faults", "code"),
    [
        (Faults(asked=adds_a_token), "prompt_changed"),
        (Faults(asked=adds_a_bos), "bos_added"),
        (Faults(asked=knows_no_end), "end_unknown"),
        (Faults(asked=without("response_format")), "grammar_ignored"),
        (Faults(asked=told_otherwise), "chat_prompt_differs"),
        (Faults(asked=says_more), "chat_prompt_differs"),
        (Faults(answered=leaks), "markers_leak"),
        (Faults(answered=is_old), "old_version"),
        (FallsSilent().faults, "foreign_ids"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_on_the_way(url: str, faults: Faults, code: str):
    assert codes(diagnose(url, faults)) == [code]


@pytest.mark.usefixtures("quick")
def test_a_server_without_a_tokenizer(url: str):
    assert "text_prompts" in codes(diagnose(url, Faults(absent=("/tokenize",))))


@pytest.mark.usefixtures("quick")
def test_a_context_that_is_cut(url: str, folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    config = tmp_path / "model" / "config.json"
    told = json.loads(config.read_text("utf-8")) | {"max_position_embeddings": 131_072}
    config.write_text(json.dumps(told), "utf-8")
    assert codes(diagnose(url, Faults(), model_dir=str(tmp_path / "model"))) == ["context_cut"]


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        (Faults(buffers=inf), "buffered_stream"),
        (Faults(headers={"content-encoding": "gzip"}), "compressed_stream"),
        (Faults(reads_on=True), "not_cancelled"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_of_behaviour(url: str, faults: Faults, code: str):
    assert code in codes(diagnose(url, faults))  # a busy machine's stream may look held back too


def test_nothing_is_found_behind_a_proxy_that_does_nothing(url: str, folder: Path):
    report = diagnose(url, Faults(), model_dir=str(folder))
    assert codes(report) == []
    assert report.seen["ids"].startswith("3 of 3 foreign ids reach the prompt")
