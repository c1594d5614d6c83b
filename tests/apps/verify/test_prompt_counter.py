"""A prompt is counted by the model's folder, or by the server that runs it, or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tokenizers import Tokenizer, models, pre_tokenizers

from tests.apps.doctor.conftest import TEMPLATE, llama
from toolgate.apps.serving.service import Service
from toolgate.apps.settings.config import Config
from toolgate.apps.verify.prompt_counter import count_prompt, open_counter
from toolgate.apps.verify.targets import EndpointTarget
from toolgate.engines.discover import CHAT
from toolgate.engines.engine import Capabilities
from toolgate.engines.replay import ReplayEngine

REQUEST: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "system", "content": "Hi"}, {"role": "user", "content": "Hi there"}],
}
PROMPT = (
    "<|im_system|>system<|im_middle|>Hi<|im_end|><|im_user|>user<|im_middle|>Hi there<|im_end|>"
    "<|im_assistant|>assistant<|im_middle|>"
)
NOBODY = "http://127.0.0.1:9"


async def test_by_a_service_that_runs():
    engine = ReplayEngine(lambda prompt: ())
    service = Service(Config(dialect="kimi_k2"), engine)
    await service.start()
    try:
        assert await count_prompt(service, REQUEST) == len(PROMPT), "a script counts characters"
        assert await count_prompt(service, {"messages": []}) is None
        engine.capabilities = Capabilities(kind="x", counts_exactly=False)
        assert await count_prompt(service, REQUEST) is None
    finally:
        await service.close()


async def test_by_the_models_folder_whoever_serves_it(tmp_path: Path):
    markers = ["system", "user", "assistant", "middle", "end"]
    words = [*(f"<|im_{name}|>" for name in markers), "Hi", "there"]
    tokenizer = Tokenizer(models.WordLevel(dict(zip([*words, "?"], range(8), strict=True)), "?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(words[:5])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    config = Config(engine=NOBODY, dialect="kimi_k2", model_dir=str(tmp_path))
    service = await open_counter(config, "x")
    assert service is not None
    try:
        assert await count_prompt(service, REQUEST) == 14, "eight special tokens, six words"
    finally:
        await service.close()


async def test_by_nobody(caplog: pytest.LogCaptureFixture):
    assert await open_counter(Config(engine=NOBODY), "x") is None
    assert "tokens are not compared" in caplog.text


async def test_not_of_a_server_that_only_chats(caplog: pytest.LogCaptureFixture):
    async def models_(request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "k2"}]})

    app = web.Application()
    app.router.add_get("/v1/models", models_)
    async with TestServer(app) as server:
        config = Config(engine=str(server.make_url("")), engine_kind=CHAT)
        assert await open_counter(config, "x") is None
    assert "--model-dir" in caplog.text


FUNCTION = {"name": "look", "description": "Look", "parameters": {"type": "object"}}
TOOL = {"type": "function", "function": FUNCTION}
"""llama-server gives a tool without a description an empty one, which the model then reads."""


@pytest.mark.parametrize(
    ("template", "call_id", "is_exact"),
    [
        (TEMPLATE, "functions.look:0", True),
        (TEMPLATE.replace("## Return of", "Return of"), "functions.look:0", False),
        (TEMPLATE, "call_59adf5614cfe4f4b", False),
    ],
    ids=["a healthy deployment", "a stale template", "a foreign id that is printed"],
)
async def test_a_real_servers_own_count(template: str, call_id: str, is_exact: bool):
    function = {"name": "look", "arguments": "{}"}
    call = {"id": call_id, "type": "function", "function": function}
    request = {
        "model": "nano",
        "messages": [
            *REQUEST["messages"],
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call_id, "name": "look", "content": "rain"},
        ],
        "tools": [TOOL],
        "max_tokens": 1,
    }
    with llama(template=template) as url:
        target = EndpointTarget(url, config=Config(dialect="kimi_k2", profile="k2-thinking"))
        await target.start()
        try:
            async with target.ask(json.dumps(request).encode()) as answer:
                told = json.loads(b"".join([piece async for piece in answer.body]))
            ours = await target.count(request)
        finally:
            await target.close()
    assert (told["usage"]["prompt_tokens"] == ours) is is_exact
