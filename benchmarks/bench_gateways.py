"""What gateways cost, side by side: CPU per streamed chunk and per request, delay, memory, start.

usage: python benchmarks/bench_gateways.py [--write] [--quick] [--only NAME] [--repeats N]

A scripted engine and the clients run on one core, the gateway under test on another. CPU time is
read from /proc, so a noisy machine disturbs it little; times by the clock are of this machine and
only good for comparing lines of one run. Gateways take turns within a round, so that a slow minute
hits all of them; each figure is the median of the rounds.

What a chunk costs and what a request costs is told apart by two lengths of answer: 20 chunks, and
200 more. Memory is what the gateway takes more while all streams of the long answers are open.
A gateway that is late gets several chunks at once, which cost less than each alone: lines that
differ in `chunks per read` cannot be compared, and a machine where they do is too busy for this.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple, TypeVar

from bench_parser import machine
from gateways.peers import GATEWAYS, MODEL, PATHS, Gateway, Setting
from gateways.plot import Panel, write_bars
from gateways.process import Process, free_port, started, wait_for

RESULTS = Path(__file__).parent / "results" / "gateways.md"
HERE = Path(__file__).parent / "gateways"
GATEWAY_CORE, OTHER_CORE = 0, min(1, (os.cpu_count() or 1) - 1)
START_SECONDS = 120
CLAUDE = "claude-sonnet-4-5"
GAP_MS = 20.0
LOOK_SECONDS = 0.5
TIER = "grammar"
"""How toolgate holds calls before llama.cpp; what it costs another way is another measurement."""
LEAST_SHARE = 0.9
"""Of the chunks must arrive as chunks: a gateway that joined or lost them did other work."""


class Case(NamedTuple):
    """One way of asking."""

    streams: int
    rounds: int
    chunks: int
    kilobytes: int = 2


SHORT, LONG = 20, 220
STREAMED = {f"{streams} streams": Case(streams, 1, LONG) for streams in (1, 32, 256)}
ASKED = {f"{size} KB": Case(8, 25, 1, size) for size in (2, 100, 400)}
QUICK = {"32 streams": Case(32, 1, LONG)}


class Measured(NamedTuple):
    cpu: float
    """Seconds of the gateway."""
    memory: int
    """Its bytes, at most."""
    grown: int
    """By how much that is more than before, when nothing ran."""
    told: dict[str, Any]
    """What the clients saw."""


class Streaming(NamedTuple):
    """One gateway's short and long answers."""

    short: Measured
    long: Measured
    streams: int

    @property
    def chunk(self) -> float:
        """CPU seconds of one chunk, without its request."""
        return (self.long.cpu - self.short.cpu) / (self.streams * (LONG - SHORT))

    @property
    def joined(self) -> float:
        """Chunks per read."""
        return float(self.long.told["chunks"] / self.long.told["reads"])

    @property
    def request(self) -> float:
        """CPU seconds of one request, without its chunks."""
        return self.short.cpu / self.streams - SHORT * self.chunk


def body(protocol: str, kilobytes: int, chunks: int) -> bytes:
    """An agent's request: one tool, as much text as asked for, in turns of 2 KB, and so long an
    answer."""
    text = "The quick brown fox jumps over the lazy dog. " * 44
    roles = ("user", "assistant")
    turns = [{"role": roles[n % 2], "content": f"{n}: {text}"} for n in range(kilobytes // 2)]
    last = {"role": "user", "content": "Go on."}
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    function = {"name": "get_weather", "description": "Weather", "parameters": schema}
    claude = {"name": "get_weather", "description": "Weather", "input_schema": schema}
    tools = [claude] if protocol == "messages" else [{"type": "function", "function": function}]
    if turns and turns[-1]["role"] == "user":
        turns.append({"role": "assistant", "content": "Yes."})
    model = CLAUDE if protocol == "messages" else MODEL
    asked = {"model": model, "stream": True, "max_tokens": chunks, "tools": tools}
    return json.dumps(asked | {"messages": [*turns, last]}).encode()


def ask(url: str, protocol: str, case: Case) -> dict[str, Any]:
    """Runs the clients; what they saw."""
    command = ["taskset", "-c", str(OTHER_CORE), sys.executable, str(HERE / "load.py"), url]
    done = subprocess.run(
        [*command, PATHS[protocol], str(case.streams), str(case.rounds)],
        input=body(protocol, case.kilobytes, case.chunks),
        stdout=subprocess.PIPE,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    if told["failed"]:
        raise RuntimeError(f"{told['failed']} requests failed, the first with {told['failure']}")
    return told


@contextmanager
def engine(case: Case, folder: Path) -> Iterator[str]:
    port = free_port()
    gap = str(GAP_MS if case.chunks > 1 else 0)
    command = [sys.executable, HERE / "scripted_engine.py", str(port), gap]
    with started(command, core=OTHER_CORE, log=folder / "engine.log") as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health", process, seconds=START_SECONDS)
        yield url


@contextmanager
def running(gateway: Gateway, engine_url: str, folder: Path) -> Iterator[tuple[str, Process]]:
    port = free_port()
    command = gateway.command(Setting(engine_url, port, folder))
    log = folder / "gateway.log"
    with started(command, core=GATEWAY_CORE, log=log, env=gateway.env) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health", process, seconds=START_SECONDS)
        yield url, process


def measure(gateway: Gateway, case: Case, folder: Path) -> Measured:
    """One run of one case, after a first request that warms everything up."""
    with engine(case, folder) as engine_url, running(gateway, engine_url, folder) as (url, process):
        warm_up(url, gateway)
        return once(url, process, gateway, case)


def measure_streaming(gateway: Gateway, case: Case, folder: Path) -> Streaming:
    """Short answers, then long ones, of one process."""
    with engine(case, folder) as engine_url, running(gateway, engine_url, folder) as (url, process):
        warm_up(url, gateway)
        short = once(url, process, gateway, case._replace(chunks=SHORT))
        return Streaming(short, once(url, process, gateway, case), case.streams)


def warm_up(url: str, gateway: Gateway) -> None:
    told = ask(url, gateway.protocol, Case(1, 1, SHORT))
    if told["tier"] not in ("", TIER):
        raise RuntimeError(f"{gateway.name} held its calls by {told['tier']}, not by {TIER}")


def once(url: str, process: Process, gateway: Gateway, case: Case) -> Measured:
    before = process.spent()
    with at_most(process) as peak:
        told = ask(url, gateway.protocol, case)
    expected = case.streams * case.rounds * case.chunks
    if told["chunks"] < expected * LEAST_SHARE:
        raise RuntimeError(f"{gateway.name} sent {told['chunks']} of {expected} chunks")
    cpu = process.spent().cpu - before.cpu
    return Measured(cpu, peak[0], peak[0] - before.memory, told)


@contextmanager
def at_most(process: Process) -> Iterator[list[int]]:
    """The most bytes that it had, looked at now and then."""
    peak, over = [process.spent().memory], Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            peak[0] = max(peak[0], process.spent().memory)

    watcher = Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def start_up(gateway: Gateway, folder: Path) -> tuple[float, int]:
    """Seconds until it answers, and its bytes then."""
    with engine(Case(1, 1, 1), folder) as engine_url:
        port = free_port()
        command = gateway.command(Setting(engine_url, port, folder))
        log = folder / "start.log"
        with started(command, core=GATEWAY_CORE, log=log, env=gateway.env) as process:
            seconds = wait_for(f"http://127.0.0.1:{port}/health", process, seconds=START_SECONDS)
            return seconds, process.spent().memory


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


class Table:
    """Rows for people, printed as they come."""

    def __init__(self, title: str, heads: Sequence[str]) -> None:
        self._heads = heads
        self._rows: list[tuple[str, ...]] = []
        self.lines = [f"## {title}", "", f"| {' | '.join(heads)} |"]
        self.lines.append("|---" + "|---:" * (len(heads) - 1) + "|")
        print("", *self.lines, sep="\n", flush=True)

    def column(self, head: str, kind: str) -> dict[str, float]:
        """Gateway → its figure, in the rows of one kind (their second cell)."""
        place = self._heads.index(head)
        return {row[0]: float(row[place]) for row in self._rows if row[1] == kind}

    def add(self, *cells: str) -> None:
        self._rows.append(cells)
        self.lines.append(f"| {' | '.join(cells)} |")
        print(self.lines[-1], flush=True)


M = TypeVar("M")


def rounds_of(
    measure: Callable[[Gateway, Case, Path], M],
    gateways: Sequence[Gateway],
    case: Case,
    repeats: int,
    folder: Path,
) -> dict[str, list[M]]:
    found: dict[str, list[M]] = {gateway.name: [] for gateway in gateways}
    for _ in range(repeats):
        for gateway in gateways:
            found[gateway.name].append(measure(gateway, case, folder))
    return found


def streamed(
    gateways: Sequence[Gateway], cases: dict[str, Case], repeats: int, folder: Path
) -> Table:
    heads = ("gateway", "streams", "CPU µs per chunk", "× the floor", "chunks per read")
    times = ("CPU ms per request", "first chunk ms p50", "p99", "gap ms p50", "p99")
    table = Table("Streaming", (*heads, *times, "MB", "KB per stream"))
    for case in cases.values():
        found = rounds_of(measure_streaming, gateways, case, repeats, folder)
        floors = next(iter(found.values()))
        for name, runs in found.items():
            micros = median([run.chunk * 1e6 for run in runs])
            # Within a round, so that a slow minute counts for both.
            pairs = zip(runs, floors, strict=True)
            ratio = median([run.chunk / floor.chunk for run, floor in pairs])
            joined = median([run.joined for run in runs])
            millis = median([run.request * 1e3 for run in runs])
            seen = [median([run.long.told[key] for run in runs]) for key in TIMES]
            megabytes = median([run.long.memory / 1e6 for run in runs])
            grown = median([run.long.grown / case.streams / 1e3 for run in runs])
            table.add(
                *(name, str(case.streams), f"{micros:.1f}", f"{ratio:.2f}", f"{joined:.2f}"),
                f"{millis:.2f}",
                *(f"{value:.1f}" for value in seen),
                *(f"{megabytes:.0f}", f"{grown:.0f}" if case.streams > 1 else ""),
            )
    return table


TIMES = ("first_p50", "first_p99", "gap_p50", "gap_p99")


def asked(gateways: Sequence[Gateway], cases: dict[str, Case], repeats: int, folder: Path) -> Table:
    heads = ("gateway", "body", "CPU ms per request", "first chunk ms p50", "p99")
    table = Table("Requests with an answer of one chunk, 8 at once", heads)
    for size, case in cases.items():
        for name, runs in rounds_of(measure, gateways, case, repeats, folder).items():
            millis = median([run.cpu / (case.streams * case.rounds) * 1e3 for run in runs])
            times = [f"{median([run.told[key] for run in runs]):.1f}" for key in TIMES[:2]]
            table.add(name, size, f"{millis:.2f}", *times)
    return table


def started_up(gateways: Sequence[Gateway], repeats: int, folder: Path) -> Table:
    table = Table("Start", ("gateway", "seconds until ready", "MB at rest"))
    for gateway in gateways:
        runs = [start_up(gateway, folder) for _ in range(repeats)]
        seconds, memory = (median(list(values)) for values in zip(*runs, strict=True))
        table.add(gateway.name, f"{seconds:.2f}", f"{memory / 1e6:.0f}")
    return table


def panels(streaming: Table, *others: Table) -> Iterator[Panel]:
    """What there is to see at a glance."""
    many = "32"
    chunk, memory = "CPU µs per chunk", "MB"
    yield Panel(f"{chunk}, {many} streams", streaming.column(chunk, many))
    for asked in others[:1]:
        each = "CPU ms per request"
        yield Panel(f"{each} of 100 KB", asked.column(each, "100 KB"))
    yield Panel(f"{memory} with {many} streams", streaming.column(memory, many))


def read_options() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    options.add_argument("--write", action="store_true", help=f"also write {RESULTS.name}")
    options.add_argument("--quick", action="store_true", help="one streaming case only")
    options.add_argument("--only", default="", help="gateways whose name holds one of these, by ,")
    options.add_argument("--repeats", type=int, default=3)
    return options.parse_args()


def main() -> None:
    wanted = read_options()
    names = wanted.only.split(",")
    gateways = [one for one in GATEWAYS if any(name in one.name for name in names)]
    for gateway in gateways:
        gateway.install()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tables = [streamed(gateways, QUICK if wanted.quick else STREAMED, wanted.repeats, folder)]
        if not wanted.quick:
            tables.append(asked(gateways, ASKED, wanted.repeats, folder))
            tables.append(started_up(gateways, wanted.repeats, folder))
    if wanted.write:
        write_bars(RESULTS.with_suffix(".svg"), [*panels(*tables)])
        RESULTS.write_text(
            "# What gateways cost\n\n"
            f"`python benchmarks/bench_gateways.py {' '.join(sys.argv[1:])}` on {machine()}.\n"
            f"{__doc__.split(chr(10), 4)[4] if __doc__ else ''}\n"
            "![the same as bars](gateways.svg)\n\n"
            + "\n\n".join("\n".join(table.lines) for table in tables)
            + "\n",
            "utf-8",
        )


if __name__ == "__main__":
    main()
