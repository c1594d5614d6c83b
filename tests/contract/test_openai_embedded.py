"""The official OpenAI SDK against a real gateway on a real port with the real, shipped model."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import product
from typing import Any

import aiohttp
import msgspec
import uvicorn
from openai import AsyncOpenAI

from toolgate.apps.http.gateway import create_app
from toolgate.apps.settings.config import Config
from toolgate.core.chunk import Chunk
from toolgate.engines.embedded.engine import EmbeddedEngine
from toolgate.engines.engine import Engine, RawResponse
from toolgate.engines.replay import Pause, ReplayEngine
from toolgate.wire.sse import SSEDecoder

CITIES = ("Oslo", "San Francisco", "Köln", "北京", "'s-Hertogenbosch", "Praha 7", "Rome", "Lima")
QUESTIONS = (
    "What's the weather like in {} today?",
    "weather {}",
    "Compare the weather in {} with that in Paris.",
    "Who was the first mayor of {}?",
    'Send the note "rain in {}" to Kim.',
)
VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"max_tokens": 12},
    {"extra_body": {"chat_template_kwargs": {"thinking": True}}},
    {"tool_choice": "none"},
    {"parallel_tool_calls": False, "seed": 7},
)


def tool(name: str, description: str, **properties: str) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in properties.items()},
        "required": list(properties),
    }
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": schema},
    }


TOOLS = [
    tool("get_weather", "Get the weather in a city.", city="string"),
    tool("send_note", "Send a short note to somebody.", text="string", to="string"),
]


def questions() -> Iterator[dict[str, Any]]:
    """200 requests: each question for each city in each variant."""
    for question, city, variant in product(QUESTIONS, CITIES, VARIANTS):
        user = {"role": "user", "content": question.format(city)}
        yield {
            "model": "toolgate-nano",
            "messages": [user],
            "tools": TOOLS,
            "temperature": 0,
            "max_tokens": 64,
            **variant,
        }


@asynccontextmanager
async def serving(engine: Engine, **settings: Any) -> AsyncIterator[str]:
    """A gateway on a free port; gives its address."""
    app = create_app(Config(**settings), engine)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    running = asyncio.ensure_future(server.serve())
    try:
        while not server.started and not running.done():
            await asyncio.sleep(0)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


def shape(completion: Any) -> dict[str, Any]:
    """The answer without what differs from run to run (ids, times, what was found in the cache)."""
    (choice,) = completion.to_dict()["choices"]
    message = {key: value for key, value in choice["message"].items() if value is not None}
    for call in message.get("tool_calls", ()):
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
        assert call.pop("id").startswith("call_")
    return {"message": message, "finish_reason": choice["finish_reason"]}


async def test_the_stream_helper_accumulates_the_whole_answer_for_200_prompts():
    asked = list(questions())
    assert len(asked) == 200
    async with (
        serving(EmbeddedEngine(threads=1)) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        kinds = set()
        for request in asked:
            # llama.cpp rounds otherwise while it reads a prompt than when it finds it in its cache,
            # and a small model has near ties: let both answers find it there.
            await client.chat.completions.create(**request | {"max_tokens": 1})
            whole = await client.chat.completions.create(**request)
            options = {"stream_options": {"include_usage": True}}
            async with client.chat.completions.stream(**request | options) as stream:
                await stream.until_done()
            streamed = stream.current_completion_snapshot
            assert shape(streamed) == shape(whole), request
            assert tokens(streamed) == tokens(whole)
            kinds.add(whole.choices[0].finish_reason)
    assert kinds == {"stop", "length", "tool_calls"}


def tokens(completion: Any) -> tuple[int, int]:
    return completion.usage.prompt_tokens, completion.usage.completion_tokens


async def test_leaving_a_stream_stops_the_engine_at_once():
    engine = ReplayEngine(lambda prompt: [Chunk(text="Hm"), Pause()])
    async with (
        serving(engine) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        asked: dict[str, Any] = next(questions())
        async with client.chat.completions.stream(**asked) as stream:
            await anext(aiter(stream))
            assert engine.running == 1
        while engine.running:
            await asyncio.sleep(0)


async def test_giving_up_on_a_whole_answer_stops_the_engine_at_once():
    engine = ReplayEngine(lambda prompt: [Chunk(text="Hm"), Pause()])
    async with (
        serving(engine) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        asked: dict[str, Any] = next(questions())
        asking = asyncio.ensure_future(client.chat.completions.create(**asked))
        while not engine.running:
            await asyncio.sleep(0)
        asking.cancel()
        while engine.running:
            await asyncio.sleep(0)


class Listening(EmbeddedEngine):
    """Keeps what llama.cpp itself sent."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[bytes] = []

    @asynccontextmanager
    async def forward(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AsyncGenerator[RawResponse, None]:
        async with super().forward(path, body, headers) as answer:
            yield RawResponse(answer.status, answer.headers, self._listen(answer.body))

    async def _listen(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in body:
            self.heard.append(piece)
            yield piece


async def test_text_completions_stream_through_byte_for_byte():
    """A port of llama.cpp's chat parser once silenced this stream in ik_llama.cpp."""
    engine = Listening()
    asked = {"prompt": "<|im_user|>user<|im_middle|>Hi", "stream": True, "max_tokens": 24}
    async with (
        serving(engine) as url,
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/completions", json=asked | {"temperature": 0}) as answer,
    ):
        first = await answer.content.readany()
        heard_by_then = len(engine.heard)
        rest = await answer.content.read()
    assert first + rest == b"".join(engine.heard)
    assert heard_by_then < len(engine.heard)  # the gateway did not wait for the end
    assert answer.headers["content-type"] == "text/event-stream"
    assert rest.endswith(b"data: [DONE]\n\n")
    texts = [
        msgspec.json.decode(frame.data)["choices"][0]["text"]
        for frame in SSEDecoder().feed(first + rest)[:-1]
    ]
    assert sum(map(bool, texts)) > 10
