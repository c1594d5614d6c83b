"""What the official `summary.json` has no field for, in a file of its own beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from toolgate.apps.verify.fidelity import Fidelity
from toolgate.apps.verify.report import Report

NAME: Final = "summary.toolgate.json"
LARGEST: Final = 10
"""Of the differing prompts, how many are shown."""


def write_own_summary(report: Report, folder: Path) -> None:
    """The schema suite, prompts' tokens, and what must be refused.

    What an earlier run asked and this one did not (`--only`) stays as it was.
    """
    path = folder / NAME
    told = msgspec.json.encode({**_read(path), **summarize_own(report)})
    path.write_bytes(msgspec.json.format(told, indent=4) + b"\n")


def summarize_own(report: Report) -> Mapping[str, Any]:
    """As programs read it; of the parts that were asked."""
    told: dict[str, Any] = {}
    if report.judged:
        told["faults"] = {kind.value: count for kind, count in report.faults.items()}
        told["prompt_tokens"] = _prompt_tokens(report.fidelity)
    if report.schemas:
        told["schemas"] = _schemas(report)
    if report.probed:
        told["refused"] = _share(report.refused)
    return told


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}  # no run was here, or its end came while it wrote


def _schemas(report: Report) -> Mapping[str, Any]:
    return {
        "taken": _share(report.schemas_taken),
        "called": _share(report.schemas_called),
        "fitting": _share(report.schemas_fitting),
        "rightly_refused": _share(report.schemas_refused),
        "wrong": [
            {"schema": one.case.name, "verdict": one.verdict, "detail": one.detail}
            for one in report.schemas
            if not one.is_right
        ],
    }


def _prompt_tokens(fidelity: Fidelity) -> Mapping[str, Any]:
    return {
        "exact": _share(fidelity.exact),
        "differences": {
            f"{difference:+}": count for difference, count in fidelity.differences.most_common()
        },
        "largest": fidelity.largest(LARGEST),
    }


def _share(share: Any) -> Mapping[str, int]:
    return {"hits": share.hits, "total": share.total}
