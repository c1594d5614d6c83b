"""docs/metrics.md has every metric with its labels, and the dashboard asks for none other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolgate.apps.http.metrics import COUNTERS, GAUGES, HISTOGRAMS, Metrics

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGE = (DOCS / "metrics.md").read_text("utf-8")
BOARD = json.loads((DOCS / "grafana.json").read_text("utf-8"))
LABELS = {
    **{f"toolgate_{name}_total": labels for name, (_, labels) in COUNTERS.items()},
    **{f"toolgate_{name}": labels for name, (_, labels, _) in HISTOGRAMS.items()},
    **{f"toolgate_{name}": labels for name, (_, labels, _) in GAUGES.items()},
}
BUCKETS = {f"toolgate_{name}_bucket": f"{labels} le" for name, (_, labels, _) in HISTOGRAMS.items()}
QUERIES = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]


def test_every_metric_has_its_row():
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]+) \|", PAGE, re.MULTILINE)
    assert {name: labels.strip() for name, _, labels in rows} == {
        name: ", ".join(f"`{label}`" for label in labels.split()) for name, labels in LABELS.items()
    }


def test_the_rows_are_the_registrys():
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE, re.MULTILINE))
    registered = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in Metrics().registry.collect()
    }
    assert rows == registered


def uses(query: str) -> Iterator[tuple[str, set[str]]]:
    """(metric, labels that it is selected by)."""
    for metric, selector in re.findall(r"\b(toolgate_\w+)(?:\{([^}]*)\})?", query):
        yield metric, set(re.findall(r"(\w+)=~?\"", selector))


@pytest.mark.parametrize("query", [*QUERIES, BOARD["templating"]["list"][1]["query"]])
def test_the_dashboard_asks_for_metrics_that_exist(query):
    known = LABELS | BUCKETS
    found = list(uses(query))
    assert found
    for metric, selected in found:
        assert metric in known
        assert selected <= set(known[metric].split())
    grouped = {label for by in re.findall(r"by \(([^)]*)\)", query) for label in by.split(", ")}
    assert all(grouped <= set(known[metric].split()) for metric, _ in found)


def test_opentelemetrys_names_are_those_that_are_sent():
    sources = (ROOT / "src" / "toolgate" / "apps" / "telemetry").glob("*.py")
    code = "".join(path.read_text("utf-8") for path in sources)
    sent = set(re.findall(r"\"((?:gen_ai|toolgate|error)\.[\w.]+)\"", code))
    told = set(re.findall(r"`((?:gen_ai|toolgate|error)\.[\w.]+(?:\*)?)`", PAGE))
    exact = {name for name in told if not name.endswith("*")}
    families = tuple(name.removesuffix("*") for name in told - exact)
    assert exact <= sent
    assert {name for name in sent - exact if not name.startswith(families)} == set()


def test_panels_lie_side_by_side():
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in BOARD["panels"]}
    assert len(places) == len(BOARD["panels"]) == len({panel["id"] for panel in BOARD["panels"]})
