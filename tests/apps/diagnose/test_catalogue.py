"""The catalogue has every class of failure, and docs/diagnose.md says the same."""

import re
from pathlib import Path

import pytest

from toolgate.apps.diagnose.catalogue import CATALOGUE
from toolgate.pipeline.diagnose.failure import FailureKind

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "diagnose.md").read_text("utf-8")


def test_every_class_is_there():
    assert list(CATALOGUE) == list(FailureKind)
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(FailureKind)


@pytest.mark.parametrize("kind", FailureKind)
def test_the_page_has_every_entry(kind: FailureKind):
    entry = CATALOGUE[kind]
    assert (
        f"| `{kind}` | {entry.what} | {entry.mend} | {entry.cases} |".replace("  |", " |") in PAGE
    )


@pytest.mark.parametrize("kind", FailureKind)
def test_rows_of_the_failure_catalogue_exist(kind: FailureKind):
    rows = (DOCS / "failure-catalogue.md").read_text("utf-8")
    assert all(f"| {row} |" in rows for row in CATALOGUE[kind].cases.split(", ") if row)
