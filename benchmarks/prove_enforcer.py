"""Holds a real engine to tool sets by chance, and counts what breaks a tool's schema.

    python benchmarks/prove_enforcer.py random 2000     # a model of random weights, temperature 1.5
    python benchmarks/prove_enforcer.py nano 2000       # toolgate-nano, temperature 1
    python benchmarks/prove_enforcer.py nano 2000 steering   # without the engine's grammar
    python benchmarks/prove_enforcer.py nano 2000 grammar http://127.0.0.1:8000   # a vLLM with it
    python benchmarks/prove_enforcer.py nano 500 grammar http://127.0.0.1:8000 1500   # the last 500

100 tool sets of 1 to 64 tools, `auto`, `required` and named in turn, with thinking and without.
"""

import asyncio
import struct
import sys
import tempfile
import time
from collections import Counter
from contextlib import aclosing
from pathlib import Path
from random import Random
from typing import Any

from msgspec.structs import replace

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.engines.parrot_gguf import UINT32, write_parrot  # noqa: E402
from tests.pipeline.enforcer.tool_sets import random_tools  # noqa: E402
from toolgate.core.conversation import (  # noqa: E402
    Conversation,
    Message,
    Options,
    ToolChoice,
    ToolSpec,
)
from toolgate.dialects import get_dialect  # noqa: E402
from toolgate.engines.discover import Address, DiscoveredEngine  # noqa: E402
from toolgate.engines.driver import run  # noqa: E402
from toolgate.engines.embedded.engine import EmbeddedEngine  # noqa: E402
from toolgate.engines.engine import Engine, GenerateRequest  # noqa: E402
from toolgate.engines.steered import generate_steered, open_steering  # noqa: E402
from toolgate.errors import EngineError, ModelOutputError  # noqa: E402
from toolgate.pipeline.enforcer import BOUNDED  # noqa: E402
from toolgate.pipeline.enforcer.steering_report import SteeringReport  # noqa: E402
from toolgate.pipeline.tier import Tier  # noqa: E402
from toolgate.pipeline.turn import Turn  # noqa: E402

KIMI = get_dialect("kimi_k2")
MODELS = ROOT / "src" / "toolgate" / "models"
SETS = 100
TEMPERATURES = {"random": 1.5, "nano": 1.0}
# llama.cpp's grammars count bytes that are no UTF-8 as characters; the server prints several U+FFFD
# for each. Of a model of random weights half of all such bytes are wrong, of others none.
HALF_CHARACTERS = {str(byte): -100.0 for byte in range(0xC0, 0x100)}
SECTION_BEGIN = "<|tool_calls_section_begin|>"
ROOM, CONTEXT = 120_000, 131_072
"""Tokens of an answer, and of our own engine's context: room in which every call can end."""
NARROW_ROOM = 3000
NARROWER = replace(BOUNDED, bounds=replace(BOUNDED.bounds, total=NARROW_ROOM * 2 // 3))
"""Somebody else's server has a model whose context has 4,096."""
AT_ONCE = 6
"""Requests that a server of somebody else's is sent at the same time."""


class Proof:
    """One run; `tally` is what came of it."""

    def __init__(self, engine: Engine, model: str, ids: dict[int, str], tier: Tier) -> None:
        self._tier = tier
        self.tally: Counter[str] = Counter()
        self._engine = engine
        self._model = model
        self._ids = ids
        self._is_ours = isinstance(engine, EmbeddedEngine)
        self._begin = next(str(one) for one, text in ids.items() if text == SECTION_BEGIN)

    async def ask(self, number: int, tools: tuple[ToolSpec, ...]) -> None:
        mode: Any = ("auto", "required", "named")[number % 3]
        chosen = tools[number % len(tools)].name if mode == "named" else None
        asked = Conversation(
            messages=(Message(role="user", content="Please do it."),),
            tools=tools,
            tool_choice=ToolChoice(mode, chosen),
            options=self._options(number, mode),
        )
        turn = Turn(
            asked,
            KIMI,
            profile="nano",
            marker_ids=self._ids,
            enforcement=BOUNDED if self._is_ours else NARROWER,
            turn_id="x",
        )
        try:
            await (self._steer(turn) if self._tier is Tier.STEERING else self._hold(turn))
        except (EngineError, ModelOutputError) as error:
            self._note("no answer", str(error))
            return
        self._count(turn, mode)

    async def _hold(self, turn: Turn) -> None:
        async with aclosing(run(turn, self._engine)) as answer:
            async for _ in answer:
                if self._only_talks(turn):
                    break
        self.tally["answers under a net"] += turn.steering is not None
        if turn.steering is not None:
            self._count_steering(turn.steering)

    async def _steer(self, turn: Turn) -> None:
        """What the driver does; corrections are counted."""
        request = GenerateRequest(
            prompt=turn.prompt,
            options=turn.options,
            conversation=turn.conversation,
            constraint=turn.constraint,
            markers=sorted(turn.dialect.special),
            stop=turn.dialect.stop,
        )
        steering = await open_steering(turn, self._engine)
        async with aclosing(generate_steered(self._engine, request, steering)) as chunks:
            async for chunk in chunks:
                turn.receive(chunk)
                if self._only_talks(turn):
                    break
        turn.finish()
        self._count_steering(steering.report)

    def _count_steering(self, report: SteeringReport) -> None:
        self.tally["corrections"] += report.steers
        self.tally["answers corrected"] += report.steers > 0
        self.tally["answers completed for the model"] += report.completed > 0
        self.tally["extra requests"] += report.requests
        self.tally["tokens thrown away"] += report.thrown_away

    def _only_talks(self, turn: Turn) -> bool:
        """Calls are bounded, text and reasoning are not."""
        goes_on = turn.token_count > NARROW_ROOM and SECTION_BEGIN not in turn.output
        self.tally[f"no call within {NARROW_ROOM} tokens"] += goes_on
        return goes_on

    def _options(self, number: int, mode: str) -> Options:
        bias = dict(HALF_CHARACTERS) if self._model == "random" and self._is_ours else {}
        if mode == "auto":
            bias[self._begin] = 4.0  # a model of random weights would hardly ever call
        return Options(
            max_tokens=ROOM if self._is_ours else NARROW_ROOM,
            temperature=TEMPERATURES[self._model],
            # vLLM's build for processors ends at a seed: "CPU Generator does not use offset".
            seed=number if self._is_ours else None,
            template={"thinking": number % 2 == 0},
            logit_bias=bias or None,
        )

    def _count(self, turn: Turn, mode: str) -> None:
        message = turn.message
        self.tally[f"{mode}: {message.finish_reason}"] += 1
        self.tally["calls"] += len(message.tool_calls)
        self.tally["tokens"] += turn.token_count
        longest = "tokens of the longest answer"
        self.tally[longest] = max(self.tally[longest], turn.token_count)
        if message.finish_reason == "length" and SECTION_BEGIN in turn.output:
            self._count_cut(turn)
        for anomaly in message.anomalies:
            self.tally[anomaly.kind.value] += 1
            if anomaly.kind.value.startswith(("undeclared", "schema", "invalid", "healed")):
                self._note(anomaly.kind.value, anomaly.detail)

    def _count_cut(self, turn: Turn) -> None:
        """Wrong only where the call could have been as long as its bounds let it be; how many
        tokens it had, by its share of the text."""
        calls = turn.output.partition(SECTION_BEGIN)[2]
        tokens = turn.token_count * len(calls) // len(turn.output)
        bound = (BOUNDED if self._is_ours else NARROWER).bounds.total or 0
        if tokens < bound:
            self.tally["calls begun too late to end, behind text or reasoning"] += 1
        else:
            self._note("call without end", turn.output[-200:])

    def _note(self, what: str, example: str) -> None:
        self.tally[f"WRONG {what}"] += 1
        print(f"{what}: {example[:300]!r}", flush=True)


async def main(
    model: str, numbers: range, tier: Tier = Tier.GRAMMAR, url: str | None = None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine: Engine = EmbeddedEngine(
            write_model(model, Path(folder)), context=CONTEXT, slots=1, threads=1
        )
        if url is not None:
            engine = DiscoveredEngine(Address(url=url))
        await engine.start()
        try:
            ids = dict(await engine.marker_ids(sorted(KIMI.special)))
            await prove(Proof(engine, model, ids, tier), numbers, at_once=AT_ONCE if url else 1)
        finally:
            await engine.close()


def write_model(model: str, folder: Path) -> Path:
    """The model of this name, which says of itself that it was trained on so long a context:
    llama.cpp gives none more."""
    gguf = folder / f"{model}.gguf"
    if model == "random":
        return write_parrot(gguf, {}, context=CONTEXT)
    key = b".context_length" + struct.pack("<I", UINT32)
    before, _, behind = (MODELS / "toolgate-nano.gguf").read_bytes().partition(key)
    gguf.write_bytes(before + key + struct.pack("<I", CONTEXT) + behind[4:])
    return gguf


async def prove(proof: Proof, numbers: range, *, at_once: int) -> None:
    """Asks the questions of these numbers, and tells how it goes after each round of tool sets."""
    dice = Random(2026)
    sets = [random_tools(dice) for _ in range(SETS)]
    began, waiting = time.perf_counter(), iter(numbers)

    def tell(many: str) -> None:
        print(f"{many} requests, {time.perf_counter() - began:.0f} s")
        for what, times in sorted(proof.tally.items()):
            print(f"  {times:>8} {what}", flush=True)

    async def work() -> None:
        for number in waiting:
            await proof.ask(number, sets[number % SETS])
            if (number + 1) % SETS == 0:
                tell(f"about {number + 1}")

    await asyncio.gather(*(work() for _ in range(at_once)))
    tell(f"{len(numbers)}")


def read_arguments(
    model: str, count: str, tier: str = "grammar", url: str | None = None, first: str = "0"
) -> Any:
    return main(model, range(int(first), int(first) + int(count)), Tier(tier), url)


if __name__ == "__main__":
    asyncio.run(read_arguments(*sys.argv[1:]))
