"""The README's figures of what a gateway costs are those of the last measurement.

`make goldens` writes them anew, from benchmarks/results/gateways.md.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results" / "gateways.md"
STREAMS = "32"
HEAD = """\
| gateway | CPU per streamed chunk | × a byte proxy | CPU per request | memory |
|---|---:|---:|---:|---:|
"""


def rows(title: str) -> list[dict[str, str]]:
    """One measured table, a row for each gateway and case."""
    section = re.split(r"^## ", RESULTS.read_text("utf-8"), flags=re.MULTILINE)
    (table,) = [one for one in section if one.startswith(title)]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    heads, _, *body = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [dict(zip(heads, cells, strict=True)) for cells in body]


def quoted(row: dict[str, str]) -> str:
    return (
        f"| {row['gateway']} | {row['CPU µs per chunk']} µs | {row['× the floor']} "
        f"| {row['CPU ms per request']} ms | {row['MB']} MB |\n"
    )


def test_the_readme_quotes_what_was_measured(update_goldens: bool):
    text = README.read_text("utf-8")
    before, rest = text.split(HEAD)
    after = rest[rest.index("\n\n") + 1 :]
    measured = [quoted(row) for row in rows("Streaming") if row["streams"] == STREAMS]
    fresh = before + HEAD + "".join(measured) + after
    if update_goldens:
        README.write_text(fresh, "utf-8")
    assert measured and README.read_text("utf-8") == fresh
