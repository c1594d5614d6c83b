"""What the official `summary.json` has no field for, in a file of its own beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from toolgate.apps.verify.report import Report

NAME: Final = "summary.toolgate.json"
LARGEST: Final = 10
"""Of the differing prompts, how many are shown."""


def write_own_summary(report: Report, folder: Path) -> None:
    """The schema suite, prompts' tokens, and what must be refused."""
    told = msgspec.json.encode(summarize_own(report))
    (folder / NAME).write_bytes(msgspec.json.format(told, indent=4) + b"\n")


def summarize_own(report: Report) -> Mapping[str, Any]:
    """As programs read it."""
    fidelity = report.fidelity
    return {
        "faults": {kind.value: count for kind, count in report.faults.items()},
        "schemas": {
            "taken": _share(report.schemas_taken),
            "called": _share(report.schemas_called),
            "fitting": _share(report.schemas_fitting),
            "rightly_refused": _share(report.schemas_refused),
            "wrong": [
                {"schema": one.case.name, "verdict": one.verdict, "detail": one.detail}
                for one in report.schemas
                if not one.is_right
            ],
        },
        "prompt_tokens": {
            "exact": _share(fidelity.exact),
            "differences": {
                f"{difference:+}": count for difference, count in fidelity.differences.most_common()
            },
            "largest": fidelity.largest(LARGEST),
        },
        "refused": _share(report.refused),
    }


def _share(share: Any) -> Mapping[str, int]:
    return {"hits": share.hits, "total": share.total}
