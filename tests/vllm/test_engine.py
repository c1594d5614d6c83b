"""The engine against a live vLLM: it is as recorded, and calls that are held are valid."""

import asyncio
import json
import re
from contextlib import aclosing

import aiohttp
import pytest

from tests.engines.recorded_engines import VLLM
from toolgate.core.conversation import Conversation, Message, Options, ToolChoice, ToolSpec
from toolgate.core.prompt import Plain, Prompt
from toolgate.dialects import get_dialect
from toolgate.engines.driver import run
from toolgate.engines.endpoint import Endpoint
from toolgate.engines.engine import Engine, GenerateRequest
from toolgate.errors import EngineRefused
from toolgate.pipeline.enforcer import AUTO
from toolgate.pipeline.turn import Turn
from toolgate.wire.sse import SSEDecoder

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]

KIMI = get_dialect("kimi_k2")
CITIES = ["Qx7", "Zz-9"]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": CITIES}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
"""What the model never says of itself: it copies the city that the user names."""


async def test_what_it_can_do(vllm: Engine):
    can = vllm.capabilities
    assert (can.kind, can.version, can.prompts) == ("vLLM", "0.32.0", "tokens")
    assert can.tells_ids and can.grammar == "structural_tag"
    assert (await vllm.describe())["context"] == 4096


async def test_its_frames_are_as_recorded(vllm_url: str):
    endpoint = Endpoint(vllm_url)
    fields = {**VLLM.request, "model": "nano", "prompt": [65, 66], "max_tokens": 3, "stream": True}
    fields["stream_options"] = {"include_usage": True}
    stream = b""
    async with endpoint.listen("/v1/completions", fields) as receive:
        while piece := await receive():
            stream += piece
    await endpoint.close()
    frames = [frame.data for frame in SSEDecoder().feed(stream)]
    usage, done = VLLM.end("length")[1:]
    assert frames.pop() == done
    assert json.loads(frames.pop()).keys() == usage.keys()
    for data in frames:
        recorded = VLLM.piece("a", 1)
        assert json.loads(data).keys() == recorded.keys()
        assert json.loads(data)["choices"][0].keys() == recorded["choices"][0].keys()


async def test_closing_the_generator_stops_it(vllm: Engine, vllm_url: str):
    request = GenerateRequest(
        prompt=Prompt((Plain("hello"),)),
        options=Options(max_tokens=4000, logit_bias={"1259": -100}),
    )
    async with aclosing(vllm.generate(request)) as chunks:
        await anext(chunks)
        assert await running(vllm_url) == 1
    async with asyncio.timeout(2):
        while await running(vllm_url):
            pass


async def running(url: str) -> float:
    """Requests that the engine works on, as it tells itself."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
        text = await response.text()
    return sum(map(float, re.findall(r"^vllm:num_requests_running\{.*\} ([\d.]+)", text, re.M)))


async def test_a_request_that_it_refuses(vllm: Engine):
    request = GenerateRequest(prompt=Prompt((Plain("hi"),)), options=Options(temperature=-1))
    with pytest.raises(EngineRefused, match="temperature") as caught:
        await anext(vllm.generate(request))
    assert caught.value.status_hint == 400


@pytest.mark.parametrize("mode", ["auto", "required"])
async def test_held_calls_are_valid(vllm: Engine, mode):
    """Free, the model is lost in a schema that it was not trained for; held, its call is valid."""
    for city in ("Oslo", "Lima", "Rome"):
        free = await said(vllm, city, mode, held=False)
        held = await said(vllm, city, mode, held=True)
        print(f"free: {free.output}\nheld: {held.output}")
        assert not any(name in free.output for name in CITIES)
        (call,) = held.message.tool_calls
        arguments = json.loads(call.arguments)
        assert arguments["city"] in CITIES
        assert isinstance(arguments["days"], int)


DAYS = {"type": "integer", "minimum": 0, "maximum": 1_000_000, "multipleOf": 250}
STEPS = {**SCHEMA, "properties": {"days": DAYS}, "required": ["days"]}
"""No tag counts in such steps, but toolgate's own matcher does."""


@pytest.mark.parametrize("mode", ["auto", "required"])
async def test_what_a_tag_drops_is_held_by_the_net_under_it(vllm: Engine, mode):
    held = await said(vllm, "Oslo", mode, held=True, schema=STEPS)
    (call,) = held.message.tool_calls
    assert json.loads(call.arguments)["days"] % 250 == 0
    assert held.steering is not None and held.message.anomalies == ()


async def said(engine: Engine, city: str, mode, *, held: bool, schema=SCHEMA) -> Turn:
    """What the model answers."""
    conversation = Conversation(
        messages=(Message(role="user", content=f"What's the weather like in {city} today?"),),
        tools=(ToolSpec("get_weather", "Get the weather in a city.", parameters=schema),),
        tool_choice=ToolChoice(mode),
        options=Options(temperature=0, max_tokens=200, parallel_tool_calls=False),
    )
    turn = Turn(
        conversation,
        KIMI,
        profile="nano",
        marker_ids=await engine.marker_ids(sorted(KIMI.special)),
        enforcement=AUTO if held else None,
    )
    async for _ in run(turn, engine):
        pass
    return turn
