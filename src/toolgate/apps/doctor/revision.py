"""Is the model's published revision one that is known to break calls?

The vLLM story hung on two commits of Kimi K2's files: before them, the tokenizer's code took
`add_generation_prompt` only among other keywords, and vLLM passed it only to who named it. Commits
have no order by their names, so the folder's code is read (never run), beside a table of revisions.
"""

import ast
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

from toolgate.apps.doctor.patient import Patient
from toolgate.apps.doctor.report import Finding, Seen

BAD_REVISIONS: Final[Mapping[str, str]] = {
    "b215bf7476a2": "Kimi-K2-Instruct before 0102674: add_generation_prompt is lost in vLLM",
}
"""The first 12 digits of a commit → why it is bad."""
CODE: Final = "tokenization_kimi.py"
_METHOD: Final = "apply_chat_template"
_KEYWORD: Final = "add_generation_prompt"
_SNAPSHOT: Final = re.compile(r"snapshots/([0-9a-f]{40})(?:/|$)")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_DOWNLOADED: Final = Path(".cache", "huggingface", "download", "config.json.metadata")
"""Where `hf download --local-dir` notes the commit that a file is of, in its first line."""


async def check_revision(patient: Patient) -> AsyncIterator[Finding | Seen]:
    """By the folder's name or notes, else by the path that the server tells, else by its code."""
    revision = await _find_revision(patient)
    if revision:
        yield Seen("revision", revision)
    if why := BAD_REVISIONS.get((revision or "")[:12]):
        yield Finding("old_revision", f"{revision} is {why}")
    elif patient.folder and _hides_keyword(patient.folder.path / CODE):
        yield Finding(
            "old_revision",
            f"{_METHOD} in {CODE} does not name {_KEYWORD}, which vLLM then does not pass",
        )


async def _find_revision(patient: Patient) -> str | None:
    if patient.folder is not None:
        return _revision_of(patient.folder.path)
    cards: list[Mapping[str, Any]] = (await patient.endpoint.get("/v1/models")).get("data") or [{}]
    found = _SNAPSHOT.search(str(cards[0].get("root")))
    return found[1] if found else None


def _revision_of(folder: Path) -> str | None:
    if found := _SNAPSHOT.search(folder.absolute().as_posix()):
        return found[1]
    notes = folder / _DOWNLOADED
    first = notes.read_text("utf-8", "replace")[:40] if notes.is_file() else ""
    return first if _COMMIT.fullmatch(first) else None


def _hides_keyword(code: Path) -> bool:
    """Whether the tokenizer takes the keyword without naming it."""
    if not code.is_file():
        return False
    try:
        tree = ast.parse(code.read_bytes())
    except (SyntaxError, ValueError):
        return False
    return any(
        isinstance(node, ast.FunctionDef)
        and node.name == _METHOD
        and node.args.kwarg is not None
        and _KEYWORD not in {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}
        for node in ast.walk(tree)
    )
