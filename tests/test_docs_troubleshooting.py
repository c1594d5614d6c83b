"""docs/troubleshooting.md sends nobody to a name that does not exist."""

import re
from pathlib import Path

import pytest

from tests.test_docs_metrics import LABELS
from toolgate.apps.doctor.catalogue import CATALOGUE
from toolgate.apps.settings.config import Config
from toolgate.core.events import AnomalyKind
from toolgate.pipeline.finding import FindingKind
from toolgate.pipeline.repair import RepairKind

PAGE = (Path(__file__).parent.parent / "docs" / "troubleshooting.md").read_text("utf-8")
KNOWN = {
    "doctor": {*CATALOGUE},
    "anomaly": {*AnomalyKind},
    "finding": {*FindingKind},
    "repair": {*RepairKind},
    "metric": {*LABELS},
}
NAMED = re.findall(r"\b(doctor|anomaly|finding|repair|metric) `(\w+)`", PAGE)


@pytest.mark.parametrize(("kind", "name"), sorted(set(NAMED)))
def test_what_it_names_exists(kind, name):
    assert name in KNOWN[kind]


def test_every_row_says_where_to_look():
    rows = re.findall(r"^\| (.+?) \|", PAGE, re.MULTILINE)
    places = [row for row in rows if row not in ("look at", "status") and not row.isdecimal()]
    assert all(re.fullmatch(r"(doctor|anomaly|finding|repair|metric) `\w+`", one) for one in places)
    assert len(places) > 30


def test_settings_that_it_names_exist():
    named = re.findall(r"TOOLGATE_([A-Z_]+)", PAGE)
    assert {name.lower() for name in named} <= {*Config.__struct_fields__}
