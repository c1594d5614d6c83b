"""Moonshot's schema suite through a real gateway: each schema is the one tool of a model that says
whatever comes, and is asked of it streamed and whole, `auto` and `required` or named.

A valid schema is honoured. An invalid one is refused with what mends it; where Moonshot alone
refuses it and some object fits it, it is honoured too.
"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.contract.test_openai_embedded import serving
from tests.engines.parrot_gguf import CONTEXT, token_id, write_parrot
from tests.properties.walle import invalid_members, invalid_texts, valid_tools
from toolgate.core.conversation import ToolSpec
from toolgate.core.schema import find_violation
from toolgate.engines.embedded.engine import EmbeddedEngine
from toolgate.wire.sse import SSEDecoder

NAME = "walle.tool-1"
SCHEMA = "the schema stands here"
HALVES = {str(byte): -100 for byte in range(0xC0, 0x100)}
"""Bytes that only half a character has: llama.cpp counts one, and prints several U+FFFD."""
LIKELY = HALVES | {str(token_id('"')): 4}
"""A closing quote, so that strings have tens of characters and not hundreds."""
CALL = {str(token_id("<|tool_calls_section_begin|>")): 100}  # by chance it would hardly ever come
NAMED = {"type": "function", "function": {"name": NAME}}
AUTO: dict[str, Any] = {"tool_choice": "auto", "logit_bias": LIKELY | CALL}
MUST: tuple[dict[str, Any], ...] = ({"tool_choice": "required"}, {"tool_choice": NAMED})
REFUSALS = Path(__file__).parent / "walle_refusals.txt"
IMPOSSIBLE = '"minLength":999999999999'
"""Moonshot takes it; a string of so many characters is a terabyte."""


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator["Client"]:
    """A gateway in front of llama.cpp with random weights; every call ends."""
    gguf = write_parrot(folder / "random.gguf", {})
    engine = EmbeddedEngine(gguf, context=CONTEXT, slots=1, threads=1)
    async with (
        serving(engine, dialect="kimi_k2", enforce="bounded") as url,
        aiohttp.ClientSession() as session,
    ):
        yield Client(session, f"{url}/v1/chat/completions")


class Client:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def ask(self, schema: str, **how: Any) -> tuple[int, bytes]:
        """The schema is sent as it is written, also where it is no JSON."""
        function = {"name": NAME, "parameters": SCHEMA}
        request = {
            "model": "random",
            "messages": [{"role": "user", "content": "Do it."}],
            "tools": [{"type": "function", "function": function}],
            "temperature": 1.5,
            "logit_bias": LIKELY,
            **how,
        }
        body = json.dumps(request).replace(json.dumps(SCHEMA), schema)
        headers = {"content-type": "application/json"}
        async with self._session.post(self._url, data=body, headers=headers) as answer:
            return answer.status, await answer.read()

    async def assert_honoured(self, schema: str, number: int) -> None:
        """Streamed and whole; the one `auto`, the other `required` or named."""
        must = MUST[number // 2 % 2]
        for turn, choice in enumerate((AUTO, must), number):
            stream = turn % 2 == 0
            status, body = await self.ask(schema, stream=stream, seed=turn, **choice)
            assert status == 200, (schema, body)
            calls, finish = read_stream(body) if stream else read_whole(body)
            assert finish == "tool_calls", (schema, calls)
            for name, arguments in calls:
                assert name == NAME
                assert_fits(schema, arguments)


def read_whole(body: bytes) -> tuple[list[tuple[str, str]], str]:
    """(name, arguments) of each call, and why the answer ended."""
    (choice,) = json.loads(body)["choices"]
    calls = [call["function"] for call in choice["message"].get("tool_calls", ())]
    return [(call["name"], call["arguments"]) for call in calls], choice["finish_reason"]


def read_stream(body: bytes) -> tuple[list[tuple[str, str]], str]:
    names: dict[int, str] = {}
    pieces: dict[int, list[str]] = {}
    finish = ""
    for choice in _choices(body):
        finish = choice["finish_reason"] or finish
        for call in choice["delta"].get("tool_calls", ()):
            function = call["function"]
            names.setdefault(call["index"], function.get("name", ""))
            pieces.setdefault(call["index"], []).append(function.get("arguments", ""))
    return [(name, "".join(pieces[index])) for index, name in names.items()], finish


def _choices(body: bytes) -> Iterator[Any]:
    *frames, done = SSEDecoder().feed(body)
    assert done.data == b"[DONE]"
    for frame in frames:
        yield from json.loads(frame.data).get("choices", ())


def assert_fits(schema: str, arguments: str) -> None:
    violation = find_violation(ToolSpec(NAME, parameters=json.loads(schema)), arguments)
    assert violation is None or IMPOSSIBLE in schema.replace(" ", ""), (
        violation,
        schema,
        arguments,
    )


async def test_every_valid_schema_is_honoured(tmp_path: Path):
    async with served(tmp_path) as client:
        for number, tool in enumerate(valid_tools()):
            await client.assert_honoured(json.dumps(tool.parameters), number)


async def test_every_invalid_schema_is_refused_or_honoured(tmp_path: Path, update_goldens: bool):
    """What they are told stands in a golden file, beside what Moonshot's own API says of them."""
    refusals = []
    async with served(tmp_path) as client:
        for number, (schema, complaint) in enumerate([*invalid_texts(), *invalid_members()]):
            status, body = await client.ask(schema, max_tokens=1)
            if status == 200:
                await client.assert_honoured(schema, number)
                continue
            told = json.loads(body)["error"]
            assert status == 400
            assert told["param"] is None or told["param"].startswith("tools[0].function.parameters")
            refusals.append(f"{number}. {complaint}\n   {told['message']}\n")
    if update_goldens:
        REFUSALS.write_text("".join(refusals), "utf-8")
    assert "".join(refusals) == REFUSALS.read_text("utf-8")
    assert len(refusals) == 189  # that many in the properties, and one with `Infinity`
