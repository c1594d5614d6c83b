"""What recording costs per streamed chunk, and how quickly 100,000 requests are found.

usage: python benchmarks/bench_traces.py [--write] [--requests N]

Cost: CPU time of the whole process (its writer thread too), answering streamed requests in process,
from a scripted engine, with nothing recorded and with each kind of contents; the best of several
rounds, in turn. On a busy machine that little is lost in what sockets cost, so what it is a share
of is measured apart: what a chunk takes of a gateway with 32 clients and an engine at its sockets,
as in bench_gateways, the least of some rounds.

Store: N recordings of one small call, then the median of several runs of a query.
"""

import argparse
import asyncio
import gc
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from bench_gateways import LONG, Case, measure_streaming
from gateways.peers import TOOLGATE
from msgspec.structs import replace

from toolgate.apps.http.gateway import create_app
from toolgate.apps.settings.config import Config
from toolgate.core.chunk import Chunk, Usage
from toolgate.core.conversation import Conversation, Message, ToolSpec
from toolgate.dialects import get_dialect
from toolgate.engines.replay import ReplayEngine
from toolgate.engines.traces.row import Wanted
from toolgate.engines.traces.store import TraceStore
from toolgate.pipeline.trace import Recording
from toolgate.pipeline.turn import Turn

RESULTS = Path(__file__).parent / "results" / "traces.md"
CHUNKS = 500
REQUESTS = 200
ROUNDS = 5
STREAMS = 32
SOCKET_ROUNDS = 5
MOST_JOINED = 1.1
"""Chunks per read; a gateway that is late gets several at once, which cost less."""
BATCH = 1000
TEXT = (
    "The gateway writes the prompt itself and reads the raw tokens back. What reaches the client "
    "is a call to a declared tool, whose arguments fit its schema; 4 of 5 engines promise nothing."
)
WORDS = [
    Chunk(text=f"{word} ", token_ids=(number,))
    for number, word in zip(range(CHUNKS), cycle(TEXT.split()))
]
SAID = [*WORDS, Chunk(finish_reason="stop", usage=Usage(completion_tokens=CHUNKS))]
BODY = b'{"model": "m", "stream": true, "messages": [{"role": "user", "content": "Tell me."}]}'
SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/v1/chat/completions",
    "query_string": b"",
    "headers": [(b"content-type", b"application/json"), (b"host", b"localhost")],
}


async def answer(app: Any) -> None:
    """One streamed request, thrown away."""
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": BODY}

    async def send(message: Any) -> None: ...

    await app({**SCOPE}, receive, send)


async def cpu_per_chunk(contents: str | None, folder: Path) -> float:
    """Microseconds, until everything is written."""
    settings = {} if contents is None else {"trace_contents": contents}
    file = None if contents is None else folder / f"{contents}.db"
    config = Config(enforce="off", trace_file=file, **settings)  # type: ignore[arg-type]
    app = create_app(config, ReplayEngine(lambda prompt: SAID))
    async with app.router.lifespan_context(app):
        await answer(app)
        gc.collect()
        began = time.process_time()
        for _ in range(REQUESTS):
            await answer(app)
        # the lifespan's end writes what waits
    return (time.process_time() - began) / REQUESTS / CHUNKS * 1e6


def whole_chunk(folder: Path) -> float:
    """Microseconds of CPU that a gateway takes for a chunk when it records nothing."""
    streams = Case(STREAMS, 1, LONG)
    rounds = [measure_streaming(TOOLGATE, streams, folder) for _ in range(SOCKET_ROUNDS)]
    return min(one.chunk for one in rounds if one.joined < MOST_JOINED) * 1e6


def measure_cost(folder: Path) -> list[str]:
    """Lines of a table."""
    whole = whole_chunk(folder)
    kinds: list[str | None] = [None, "off", "redacted", "on"]
    best = dict.fromkeys(kinds, float("inf"))
    for _ in range(ROUNDS):
        for kind in kinds:
            best[kind] = min(best[kind], asyncio.run(cpu_per_chunk(kind, folder)))
    more = {kind: best[kind] - best[None] for kind in kinds if kind}
    return [
        f"| {kind} | {micros:.1f} | {micros / whole:.0%} of {whole:.0f} |"
        for kind, micros in more.items()
    ]


def one_recording() -> Recording:
    """A small call."""
    asked = Conversation(
        messages=(Message(role="user", content="What is the weather like in Rome?"),),
        tools=(ToolSpec("get_weather", "Tells the weather.", {"type": "object"}),),
    )
    turn = Turn(asked, get_dialect("kimi_k2"))
    turn.receive(
        Chunk(
            text="<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0"
            '<|tool_call_argument_begin|>{"city": "Rome"}<|tool_call_end|>'
            "<|tool_calls_section_end|>",
            finish_reason="stop",
        )
    )
    turn.finish()
    return Recording(
        id="",
        started=0.0,
        path="/v1/messages",
        status=200,
        traces=(turn.trace(),),
        answer="x" * 500,
    )


def fill(store: TraceStore, count: int) -> None:
    """With requests of several models and clients, one in a hundred of them odd."""
    model = one_recording()
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        store.add(
            [
                replace(
                    model,
                    id=f"req_{number}",
                    started=time.time(),
                    conversation=f"c{number // 10}",
                    client=f"client{number % 7}",
                    model=f"model{number % 3}",
                    anomalies=("empty_turn",) if number % 100 == 0 else (),
                )
                for number in numbers
            ]
        )


def measure_store(folder: Path, count: int) -> list[str]:
    """Lines of a table."""
    store = TraceStore(folder / "many.db", max_bytes=1 << 40)
    began = time.perf_counter()
    fill(store, count)
    each = (time.perf_counter() - began) / count
    middle = count // 2
    queries: dict[str, Callable[[], object]] = {
        "the newest 50": store.rows,
        "a page in the middle": lambda: store.rows(Wanted(before=middle)),
        "of one model": lambda: store.rows(Wanted(model="model1")),
        "with an anomaly": lambda: store.rows(Wanted(anomaly="empty_turn")),
        "with an anomaly, of one client": lambda: store.rows(
            Wanted(anomaly="empty_turn", client="client3")
        ),
        "text that is in one": lambda: store.rows(Wanted(text=f"req_{middle}")),
        "text that is in none": lambda: store.rows(Wanted(text="nowhere")),
        "text that is in all": lambda: store.rows(Wanted(text="weather")),
        "text of two letters, in none": lambda: store.rows(Wanted(text="zz")),
        "a tool that all called": lambda: store.rows(Wanted(tool="get_weather")),
        "the newest 50 conversations": store.conversations,
        "50 conversations with an anomaly": lambda: store.conversations(
            Wanted(anomaly="empty_turn")
        ),
        "what there is to choose from": store.choices,
        "one whole recording": lambda: store.find(f"req_{middle}"),
        "what is new": lambda: store.rows(Wanted(after=count - 3)),
    }
    lines = [f"| {name} | {1000 * _median(query):.1f} |" for name, query in queries.items()]
    size = store.size / 2**20
    store.close()
    return [
        *lines,
        f"| storing one | {1000 * each:.2f} |",
        f"| size of the file | {size:.0f} MiB |",
    ]


def _median(query: Callable[[], object]) -> float:
    times = []
    for _ in range(7):
        began = time.perf_counter()
        query()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--requests", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cost = measure_cost(Path(folder))
        stored = measure_store(Path(folder), given.requests)
    page = "\n".join(
        [
            "# What recording costs",
            "",
            f"Python {platform.python_version()}, {os.cpu_count()} cores; by bench_traces.py.",
            f"Streamed answers of {CHUNKS} chunks: what recording takes, its writer too, and that",
            "as a share of what a chunk takes of a gateway with sockets that records nothing.",
            "",
            "| contents | µs of CPU more per chunk | share |",
            "|---|---:|---:|",
            *cost,
            "",
            f"A store of {given.requests:,} requests:",
            "",
            "| query | ms, median |",
            "|---|---|",
            *stored,
        ]
    )
    print(page)
    if given.write:
        RESULTS.write_text(page + "\n", "utf-8")


if __name__ == "__main__":
    main()
