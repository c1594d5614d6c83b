"""What the Enforcer changes: the same requests to toolgate-nano, free and held, at temperature 0.

    python benchmarks/bench_quality.py              # held by llama.cpp's grammar
    python benchmarks/bench_quality.py steering     # held from outside

Counts right answers of both, and where a right free answer is not the held one says at which byte
the two part. Right is what is valid and has no member that its tool does not list. The free model
is asked twice, and the second answer counts: with the prompt in its cache the engine may round
otherwise. Tools and questions are those that the model was trained for, in 520 combinations.
"""

import asyncio
import sys
from collections import Counter
from json import loads
from random import Random
from typing import Any

from toolgate.core.conversation import Conversation, Message, Options, ToolSpec
from toolgate.core.events import AnomalyKind
from toolgate.dialects import get_dialect
from toolgate.engines.driver import run
from toolgate.engines.embedded.engine import EmbeddedEngine
from toolgate.pipeline.enforcer import AUTO
from toolgate.pipeline.tier import Tier
from toolgate.pipeline.turn import Turn

KIMI = get_dialect("kimi_k2")
REQUESTS = 520
TEXT, WHOLE, NUMBER = ({"type": kind} for kind in ("string", "integer", "number"))
TOOLS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "get_weather": ({"city": TEXT, "unit": {"enum": ["celsius", "fahrenheit"]}}, ("city",)),
    "search": ({"query": TEXT, "limit": WHOLE}, ("query",)),
    "send_email": ({"to": TEXT, "subject": TEXT, "body": TEXT}, ("to", "subject", "body")),
    "read_file": ({"path": TEXT}, ("path",)),
    "add": ({"a": NUMBER, "b": NUMBER}, ("a", "b")),
    "set_timer": ({"minutes": WHOLE, "label": TEXT}, ("minutes",)),
    "translate": ({"text": TEXT, "language": TEXT}, ("text", "language")),
    "book_flight": (
        {"origin": TEXT, "destination": TEXT, "date": TEXT, "passengers": WHOLE},
        ("origin", "destination"),
    ),
    "convert_currency": ({"amount": NUMBER, "from": TEXT, "to": TEXT}, ("amount", "from", "to")),
    "list_files": ({"directory": TEXT, "recursive": {"type": "boolean"}}, ("directory",)),
}
QUESTIONS = (
    ("get_weather", "What's the weather in {city}?"),
    ("get_weather", "Weather in {city} and in {other}, in celsius please"),
    ("search", "Search for hotels in {city}"),
    ("send_email", "Send an email to anna@example.com, subject Hello, saying we meet in {city}"),
    ("read_file", "Read the file /home/{city}.txt"),
    ("add", "What is {few} plus {more}?"),
    ("set_timer", "Set a timer for {few} minutes"),
    ("translate", "Translate 'good morning {city}' to French"),
    ("book_flight", "Book a flight from {city} to {other}"),
    ("convert_currency", "Convert {few} dollars to euros"),
    ("list_files", "List the files in /home/{city}"),
    (None, "Hello, how are you?"),
    (None, "Tell me a joke about {city}."),
)
CITIES = [
    "Oslo",
    "Paris",
    "Berlin",
    "Tokyo",
    "Lima",
    "Cairo",
    "Rome",
    "Madrid",
    "München",
    "Zürich",
    "Shanghai",
]
WRONG = frozenset(
    (
        *(AnomalyKind.SCHEMA_VIOLATION, AnomalyKind.UNDECLARED_TOOL, AnomalyKind.UNRESOLVED_CALL),
        *(AnomalyKind.INVALID_ARGUMENTS, AnomalyKind.HEALED_ARGUMENTS, AnomalyKind.CUT_CALL),
    )
)


def conversation(number: int, dice: Random) -> Conversation:
    """One question, and among one to four tools the one that it needs, if it needs any."""
    name, question = QUESTIONS[number % len(QUESTIONS)]
    blanks = {"city": dice.choice(CITIES), "other": dice.choice(CITIES)}
    numbers = {"few": dice.randint(1, 99), "more": dice.randint(1, 99)}
    names = dict.fromkeys([*dice.sample(sorted(TOOLS), dice.randint(1, 3)), name or "search"])
    return Conversation(
        messages=(Message(role="user", content=question.format(**blanks, **numbers)),),
        tools=tuple(map(tool, names)),
        options=Options(temperature=0, max_tokens=400, template={"thinking": number % 2 == 0}),
    )


def tool(name: str) -> ToolSpec:
    properties, required = TOOLS[name]
    schema = {"type": "object", "properties": properties, "required": list(required)}
    told = {"name": name, "description": name.replace("_", " "), "parameters": schema}
    return ToolSpec(name, told["description"], schema, None, {"type": "function", "function": told})


def is_valid(turn: Turn) -> bool:
    """Whether the answer came to its end, and each call in it is one."""
    kinds = {anomaly.kind for anomaly in turn.message.anomalies}
    return not kinds & WRONG and turn.message.finish_reason != "length"


def is_right(turn: Turn) -> bool:
    """Whether it is valid, and calls with nothing that the tool does not list."""
    calls = turn.message.tool_calls
    return is_valid(turn) and all(
        loads(one.arguments).keys() <= TOOLS[one.name][0].keys() for one in calls
    )


async def main(tier: Tier = Tier.GRAMMAR) -> None:
    """Prints the tally, and each pair of answers that differs."""
    dice = Random(7)
    engine = EmbeddedEngine(threads=1)
    await engine.start()
    tally: Counter[str] = Counter()
    try:
        ids = await engine.marker_ids(sorted(KIMI.special))
        for number in range(REQUESTS):
            asked = conversation(number, dice)
            turns = []
            for enforcement in (None, None, AUTO):
                turn = Turn(asked, KIMI, profile="nano", marker_ids=ids, enforcement=enforcement)
                turn.tier = tier if enforcement else None
                async for _ in run(turn, engine):
                    pass
                turns.append(turn)
            first, free, held = turns
            tally["free, not what it was at first"] += first.output != free.output
            tally["valid, free"] += is_valid(free)
            tally["right, free"] += is_right(free)
            tally["right, held"] += is_right(held)
            tally["answers corrected"] += bool(held.steering and held.steering.steers)
            tally["extra requests"] += held.steering.requests if held.steering else 0
            if is_right(free):
                tally["right, and the same"] += free.output == held.output
                if free.output != held.output:
                    show(number, free.output, held.output)
    finally:
        await engine.close()
    print(f"{REQUESTS} requests: {dict(tally)}")


def show(number: int, free: str, held: str) -> None:
    """Where two answers part."""
    pairs = enumerate(zip(free, held, strict=False))
    at = next((n for n, (one, other) in pairs if one != other), min(len(free), len(held)))
    before = free[max(0, at - 60) : at]
    print(f"{number}: behind {before!r} free {free[at : at + 60]!r}, held {held[at : at + 60]!r}")


if __name__ == "__main__":
    asyncio.run(main(*map(Tier, sys.argv[1:])))
