"""What the Enforcer costs: writing a grammar, each token on an engine, requests of steering.

python benchmarks/bench_enforcer.py
"""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent.parent))

from msgspec.structs import replace

from benchmarks.bench_quality import conversation, is_valid
from tests.pipeline.enforcer.tool_sets import random_parameters
from toolgate.core.chunk import Chunk
from toolgate.core.conversation import (
    Conversation,
    Message,
    Options,
    ToolCall,
    ToolChoice,
    ToolSpec,
)
from toolgate.core.grammar import Constraint
from toolgate.dialects import get_dialect
from toolgate.engines.driver import run
from toolgate.engines.embedded.engine import EmbeddedEngine
from toolgate.engines.engine import GenerateRequest
from toolgate.errors import ModelOutputError
from toolgate.pipeline.enforcer import AUTO, write_gbnf
from toolgate.pipeline.tier import Tier
from toolgate.pipeline.turn import Turn

KIMI = get_dialect("kimi_k2")
IDS = {text: number for number, text in KIMI.token_ids.items()}
TOOLS = (1, 10, 50, 200)
ANSWERS = 60
ERROR_RATES = (0, 0.01, 0.05, 0.2)
"""Of a call's tokens."""
QUESTIONS = 130
WRONG = ("}", '"', ",", " the", "1", "null", '", "', "\n", "]", "city", "{", ": ")
SECTION_BEGIN = "<|tool_calls_section_begin|>"


def tools_of(count: int, seed: int) -> tuple[ToolSpec, ...]:
    dice = Random(seed)
    return tuple(ToolSpec(f"tool_{i}", parameters=random_parameters(dice)) for i in range(count))


def constraint_of(tools: tuple[ToolSpec, ...], calls: int = 0) -> Constraint:
    """Of a conversation that has so many calls."""
    called = tuple(ToolCall(f"call_{n}", tools[0].name, "{}") for n in range(calls))
    before = (Message(role="assistant", tool_calls=called),) if calls else ()
    results = tuple(Message(role="tool", content="", tool_call_id=call.id) for call in called)
    said = (Message(role="user", content="Hi"), *before, *results)
    asked = Conversation(messages=said, tools=tools)
    held = Turn(asked, KIMI, enforcement=AUTO).constraint
    assert held is not None
    return held


def measure_writing(count: int) -> str:
    """CPU time, which a busy machine disturbs little: cold, known, known but for the numbers."""
    tools = tools_of(count, seed=count)
    constraints = [constraint_of(tools), constraint_of(tools), constraint_of(tools, calls=1)]
    times = []
    for constraint in constraints:
        began = time.process_time()
        written = write_gbnf(constraint, IDS)
        times.append(f"{(time.process_time() - began) * 1000:.2f}")
    size = len(written.grammar) / 1024
    return f"| {count} | {' | '.join(times)} | {size:.0f} |"


async def measure_tokens() -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["city"],
    }
    tool = ToolSpec("get_weather", parameters=schema)
    declared = {"type": "function", "function": {"name": tool.name, "parameters": schema}}
    asked = Conversation(
        messages=(Message(role="user", content="Weather in Oslo and in Paris?"),),
        tools=(ToolSpec(tool.name, "", schema, None, declared),),
        tool_choice=ToolChoice("auto"),
        options=Options(temperature=0, max_tokens=300),
    )
    engine = EmbeddedEngine(threads=1)
    await engine.start()
    try:
        ids = await engine.marker_ids(sorted(KIMI.special))
        for held in (None, AUTO, None, AUTO):  # each once to warm up
            began, tokens = time.perf_counter(), 0
            for _ in range(ANSWERS):
                turn = Turn(asked, KIMI, profile="nano", marker_ids=ids, enforcement=held)
                async for _ in run(turn, engine):
                    pass
                tokens += turn.token_count
            each = (time.perf_counter() - began) / tokens * 1000
            print(f"{'held' if held else 'free'}: {each:.3f} ms per token, {tokens} tokens")
    finally:
        await engine.close()


class ErringEngine(EmbeddedEngine):
    """Says in calls so often something else than its model; the alternatives that it tells are the
    model's."""

    def __init__(self, rate: float) -> None:
        super().__init__(threads=1)
        self._rate = rate
        self._dice = Random(5)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        is_call = SECTION_BEGIN in str(request.prompt).rpartition("<|im_assistant|>")[2]
        async with aclosing(super().generate(request)) as chunks:
            async for chunk in chunks:
                errs = is_call and chunk.text and self._dice.random() < self._rate
                yield self._err(chunk) if errs else chunk
                is_call = is_call or SECTION_BEGIN in chunk.text

    def _err(self, chunk: Chunk) -> Chunk:
        wrong = self._dice.choice(WRONG)
        told = tuple({**one, "token": wrong} for one in chunk.logprobs[:1])
        return replace(chunk, text=wrong, token_ids=chunk.token_ids and (0,), logprobs=told)


async def measure_steering(rate: float) -> str:
    """The same requests free and steered, to a model that errs."""
    engine = ErringEngine(rate)
    await engine.start()
    wrong = calls = requests = steers = refused = 0
    try:
        ids = await engine.marker_ids(sorted(KIMI.special))
        for tier in (None, Tier.STEERING):
            dice = Random(7)
            for number in range(QUESTIONS):
                asked = conversation(number, dice)
                turn = Turn(asked, KIMI, profile="nano", marker_ids=ids, enforcement=tier and AUTO)
                turn.tier = tier
                try:
                    async for _ in run(turn, engine):
                        pass
                except ModelOutputError:
                    refused += 1
                    continue
                if turn.steering is None:
                    wrong += not is_valid(turn)
                    continue
                assert is_valid(turn), turn.output
                calls += len(turn.message.tool_calls)
                requests += turn.steering.requests
                steers += turn.steering.steers
    finally:
        await engine.close()
    cells = (
        f"{rate:.0%}",
        wrong,
        calls,
        steers,
        requests,
        f"{requests / calls * 100:.0f}",
        refused,
    )
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    print("| tools | cold ms | known ms | next turn ms | grammar KiB |\n|---|---|---|---|---|")
    for size in TOOLS:
        print(measure_writing(size))
    asyncio.run(measure_tokens())
    print(
        "| wrong tokens in calls | wrong answers, free | calls, steered | corrections "
        "| extra requests | per 100 calls | given up |\n|---|---|---|---|---|---|---|"
    )
    for share in ERROR_RATES:
        print(asyncio.run(measure_steering(share)), flush=True)
