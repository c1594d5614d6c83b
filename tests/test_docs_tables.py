"""Every kind of repair, anomaly, finding and engine has its row in docs/, and no row is idle."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

from toolgate.apps.verify.faults import FaultKind
from toolgate.apps.verify.samples import Kind
from toolgate.apps.verify.schema_suite import SchemaVerdict
from toolgate.core.events import AnomalyKind
from toolgate.engines.discover import ENGINES
from toolgate.pipeline.finding import FindingKind
from toolgate.pipeline.repair import RepairKind

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize(
    ("page", "kinds"),
    [("anomalies", AnomalyKind), ("repairs", RepairKind), ("findings", FindingKind)],
)
def test_each_kind_is_explained(page: str, kinds: type[StrEnum]):
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / f"{page}.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(kinds)


def test_what_verify_asks_and_finds_has_its_row():
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / "verify.md").read_text("utf-8"), re.MULTILINE)
    assert rows == [*Kind, *FaultKind, *SchemaVerdict]


def test_each_engine_has_its_row():
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / "engines.md").read_text("utf-8"), re.MULTILINE)
    assert rows == list(ENGINES)
