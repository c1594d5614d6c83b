"""A gateway in a thread, with a scripted engine, that a browser can look at while it answers."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from tests.apps.viewer.turns import CALL, KIMI, SECTION, cut, roo_stream
from toolgate.apps.http.gateway import create_app
from toolgate.apps.process.drain import Drain
from toolgate.apps.process.server import address_of, listen
from toolgate.apps.settings.config import Config
from toolgate.core.chunk import Chunk, Usage
from toolgate.engines.engine import GenerateRequest
from toolgate.engines.replay import ReplayEngine

CHAT = "/v1/chat/completions"
THINK = Chunk(text="<think>", token_ids=(163606,))
END = Chunk(finish_reason="stop", usage=Usage(prompt_tokens=900, completion_tokens=50))
SLOWLY = "Say it slowly"
BROKEN = "Break it"
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
ERROR = "[ERROR] You did not use a tool in your previous response!"
MARKUP = "<script>window.caught = true</script><img src=x onerror='window.caught = true'>Found it."


def play(prompt: str) -> list[Chunk]:
    """What the model says."""
    if "NavigationIcons" in prompt or "icons are blurry" in prompt:
        return [THINK, *roo_stream(0)[0][:-1], END]
    if SLOWLY in prompt:
        return [*cut("One after the other they come, one after the other they are seen.", 4), END]
    if BROKEN in prompt:
        return [*cut(SECTION + CALL.replace('"Ann"}', '"Ann"'), 6), END]
    if "Found it." in prompt:
        return [*cut("There she is.", 4), END]
    return [*cut("I look." + SECTION + CALL, 6), END]


class SlowEngine(ReplayEngine):
    """Stops twice in the middle of what it says slowly, until it may go on."""

    def __init__(self) -> None:
        super().__init__(play, token_ids=KIMI.token_ids)
        self.go_on = asyncio.Semaphore(0)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        async with aclosing(super().generate(request)) as chunks:
            number = 0
            async for chunk in chunks:
                yield chunk
                number += 1
                if number in (5, 10) and SLOWLY in str(request.prompt):
                    await self.go_on.acquire()


class WatchedGateway:
    """Its address, clients for it, and the engine's `go_on`."""

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop, engine: SlowEngine) -> None:
        self.url = url
        self._loop = loop
        self._engine = engine

    def go_on(self) -> None:
        self._loop.call_soon_threadsafe(self._engine.go_on.release)

    def ask(self, messages: list[Any], client: str, request_id: str, **more: Any) -> Any:
        body = {"model": "kimi", "messages": messages, "tools": TOOLS} | more
        headers = {"user-agent": client, "x-request-id": request_id}
        with httpx2.Client(base_url=self.url, timeout=60) as http:
            answer = http.post(CHAT, json=body, headers=headers)
        return answer.text if body.get("stream") else answer.json()


@contextmanager
def watched_gateway(file: Path, **settings: Any) -> Iterator[WatchedGateway]:
    config = Config(
        host="127.0.0.1",
        model="kimi-k2-thinking",
        dialect="kimi_k2",
        profile="k2-thinking",
        enforce="off",
        trace_file=file,
        trace_contents="on",
        **settings,
    )
    engine = SlowEngine()
    app = create_app(config, engine)
    drain = Drain(app)
    server = uvicorn.Server(uvicorn.Config(drain, log_config=None, lifespan="off"))
    loop = asyncio.new_event_loop()
    with listen("127.0.0.1", 0) as listener:

        async def serve() -> None:
            async with app.router.lifespan_context(app):
                await server.serve([listener])

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
        thread.start()
        try:
            yield WatchedGateway(address_of(listener), loop, engine)
        finally:
            drain.begin()
            server.should_exit = True
            thread.join(30)
            loop.close()


def tell_stories(gateway: WatchedGateway) -> None:
    """Three conversations: a loop, one with a result, one whose call was mended."""
    icons = [{"role": "user", "content": "The navigation icons are blurry on phones."}]
    tools = roo_stream(0)[1]
    for number in range(3):
        asked = icons + [{"role": "user", "content": ERROR}] * number
        gateway.ask(asked, "Roo-Code/3.52.1", f"roo-{number}", tools=tools)
    asked = [{"role": "user", "content": "Where is Ann?"}]
    answer = gateway.ask(asked, "opencode/1.18", "ann-0")["choices"][0]["message"]
    call = answer["tool_calls"][0]
    result = {"role": "tool", "tool_call_id": call["id"], "content": MARKUP}
    said = {"role": "assistant", "content": "I look.", "tool_calls": [call]}
    gateway.ask([*asked, said, result], "opencode/1.18", "ann-1")
    gateway.ask([{"role": "user", "content": BROKEN}], "curl/8", "broken")
