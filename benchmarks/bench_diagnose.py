"""How fast `toolgate diagnose` reads logs, on one core and on two, and in how much memory.

Writes pairs of requests and answers like an agent's: six tools, up to four calls before, some 5 kB.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

COUNTS = (20_000, 80_000)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "x" * 60}, "n": {"type": "integer"}},
    "required": ["city"],
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": f"tool_{number}",
            "description": "It does a thing. " * 8,
            "parameters": SCHEMA,
        },
    }
    for number in range(6)
]
ANSWERS = (
    ("tool_2", '{"city": "Rome"}', 80),
    ("search", '{"city": "Rome"}', 5),
    ("tool_2", '{"city": 3}', 5),
    ("tool_2", '{"city": ', 5),
    ("", "", 5),
)


def call(number: int, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": f"call_{number}", "type": "function", "function": function}


def before(rng: Random) -> Iterator[dict[str, Any]]:
    yield {"role": "system", "content": "You are careful. " * 30}
    yield {"role": "user", "content": "word " * rng.randint(10, 200)}
    for number in range(rng.randint(0, 4)):
        city = json.dumps({"city": str(number)})
        yield {"role": "assistant", "content": "", "tool_calls": [call(number, "tool_1", city)]}
        yield {"role": "tool", "tool_call_id": f"call_{number}", "content": "result " * 50}


def record(rng: Random, number: int) -> bytes:
    ((name, arguments, _),) = rng.choices(ANSWERS, [weight for *_, weight in ANSWERS])
    calls = [call(number + 10, name, arguments)] if name else None
    message = {"role": "assistant", "content": "", "tool_calls": calls}
    choice = {"finish_reason": "tool_calls" if calls else "stop", "message": message}
    request = {"model": "kimi", "messages": list(before(rng)), "tools": TOOLS}
    pair = {"request": request, "response": {"model": "kimi", "choices": [choice]}}
    return json.dumps(pair).encode() + b"\n"


def main() -> None:
    print("| records | MB | jobs | seconds | records/s | MB/s | CPU s | largest process, MB |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            file = Path(folder) / "log.jsonl"
            rng = Random(1)
            with file.open("wb") as out:
                out.writelines(record(rng, number) for number in range(count))
            for jobs in (1, 2):
                measure(file, count, jobs)


def measure(file: Path, count: int, jobs: int) -> None:
    """One line of the table. The largest process is that of all runs so far."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "toolgate", "diagnose", str(file), "--jobs", str(jobs)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    size = file.stat().st_size / 1e6
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"| {count:,} | {size:.0f} | {jobs} | {seconds:.1f} | {count / seconds:,.0f} "
        f"| {size / seconds:.0f} | {cpu:.1f} | {after.ru_maxrss / 1e3:.0f} |"
    )


if __name__ == "__main__":
    main()
