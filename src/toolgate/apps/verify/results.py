"""K2-Vendor-Verifier's files: `results.jsonl`, one answered request a line, and `summary.json`.

Read and written in the official shape, so that either tool goes on where the other stopped.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from toolgate.errors import ConfigError

SUCCESS: Final = "success"


class Result(Struct, kw_only=True):
    """One line, its fields in the official order."""

    data_index: int
    request: dict[str, Any]
    extra_body: dict[str, Any] = {}
    response: dict[str, Any] | None = None
    """A whole Chat Completions response, put together where it was streamed; or `error`."""
    status: Literal["success", "failed"] = SUCCESS
    finish_reason: str | None = None
    """As it was told. (The official script writes `stop` where nothing was.)"""
    tool_calls_valid: bool | None = None
    """None where nothing was called."""
    last_run_at: str = ""
    duration_ms: int = 0
    hash: str = ""

    @property
    def message(self) -> Mapping[str, Any]:
        """What the assistant said; empty where it said nothing."""
        choices = (self.response or {}).get("choices") or [{}]
        return choices[0].get("message") or {}

    @property
    def calls(self) -> Sequence[Mapping[str, Any]]:
        return self.message.get("tool_calls") or ()

    @property
    def usage(self) -> Mapping[str, Any]:
        return (self.response or {}).get("usage") or {}


class Observed(Struct, kw_only=True):
    """What toolgate saw beside that, in a file of its own."""

    data_index: int
    first_ms: float | None = None
    """From sending to the first byte of the answer's text, reasoning or call."""
    prompt: str = ""
    """What the model read; "" where only the endpoint knows."""
    output: str = ""
    """What the model wrote, markers and all; "" likewise."""
    status: int = 0
    """HTTP's, of a refusal; 0 where there was none."""
    own_prompt_tokens: int | None = None
    """How many the prompt has as toolgate writes it; None where nobody could count them."""
    headers: dict[str, str] = {}
    """toolgate's own, as `x-toolgate-anomalies`."""


class Summary(Struct, kw_only=True):
    """The counts of `summary.json`, in the official order."""

    model: str
    success_count: int
    failure_count: int
    finish_stop: int
    finish_tool_calls: int
    finish_others: int
    finish_others_detail: dict[str, int]
    schema_validation_error_count: int
    successful_tool_call_count: int
    usage: dict[str, int]
    eval_started_at: str | None
    eval_finished_at: str | None
    eval_duration_ms: int | None


def read_results(path: Path) -> list[Result]:
    """The latest result of each request, in the samples' order.

    Raises: ConfigError with the line that is no result.
    """
    latest: dict[int, Result] = {}
    for result in _read_lines(path, Result):
        latest[result.data_index] = result
    return sorted(latest.values(), key=lambda result: result.data_index)


def read_observed(path: Path) -> dict[int, Observed]:
    """What was seen of each request the last time; empty where there is no such file."""
    if not path.exists():
        return {}
    return {one.data_index: one for one in _read_lines(path, Observed)}


def write_observed(path: Path, rows: Iterable[Observed]) -> None:
    """All of them anew; ended in its middle, the file stays as it was."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    new.replace(path)


def append(path: Path, row: Result | Observed) -> None:
    """One more line, whole or not at all as far as a restart can tell."""
    with path.open("ab") as file:
        file.write(msgspec.json.encode(row) + b"\n")


def summarize(results: Sequence[Result], model: str) -> Summary:
    """The official counts, of what the results say of themselves."""
    reasons = Counter(result.finish_reason for result in results if result.finish_reason)
    others = {
        reason: count for reason, count in reasons.items() if reason not in ("stop", "tool_calls")
    }
    called = [result for result in results if result.finish_reason == "tool_calls"]
    succeeded = sum(result.status == SUCCESS for result in results)
    times = sorted(result.last_run_at for result in results if result.last_run_at)
    return Summary(
        model=model,
        success_count=succeeded,
        failure_count=len(results) - succeeded,
        finish_stop=reasons["stop"],
        finish_tool_calls=len(called),
        finish_others=sum(others.values()),
        finish_others_detail=others,
        schema_validation_error_count=sum(not result.tool_calls_valid for result in called),
        successful_tool_call_count=sum(bool(result.tool_calls_valid) for result in called),
        usage=_add_usage(result.usage for result in results),
        eval_started_at=times[0] if times else None,
        eval_finished_at=times[-1] if times else None,
        eval_duration_ms=sum(result.duration_ms for result in results),
    )


def write_summary(summary: Summary, path: Path) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=4) + b"\n")


def _add_usage(usages: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    total = dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), 0)
    for usage in usages:
        for name in total:
            count = usage.get(name)
            total[name] += count if isinstance(count, int) else 0
    return total


def _read_lines(path: Path, kind: type[Any]) -> list[Any]:
    """The last line may be half a line: whoever wrote it was ended."""
    try:
        *lines, rest = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    rows: list[Any] = []
    for number, line in enumerate([*lines, rest], 1):
        if not line.strip():
            continue
        try:
            rows.append(msgspec.json.decode(line, type=kind))
        except msgspec.DecodeError as error:
            if number > len(lines):
                continue
            raise ConfigError(f"{path}, line {number}: {error}") from error
    return rows
