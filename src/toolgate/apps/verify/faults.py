"""What is wrong with one answer: each thing by its name, with what shows it.

Judges what a client got, and needs no engine: official results files are judged the same way.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from json import dumps, loads
from typing import Any, Final

from msgspec import Struct

from toolgate.apps.verify.results import SUCCESS, Result
from toolgate.apps.verify.samples import Expected, Sample
from toolgate.pipeline.diagnose.answer import judge_answer, judge_calls
from toolgate.pipeline.diagnose.exchange import Exchange, read_calls
from toolgate.pipeline.diagnose.failure import FailureKind

_QUOTED: Final = 200


class FaultKind(StrEnum):
    """What can be wrong."""

    FAILED = "failed"
    """The request came to nothing, retries included."""
    UNDECLARED_TOOL = "undeclared_tool"
    ARGUMENTS_NOT_JSON = "arguments_not_json"
    SCHEMA_VIOLATION = "schema_violation"
    FINISH_REASON = "finish_reason"
    """None at all, `stop` with calls, or `tool_calls` without one."""
    LEAKED_MARKER = "leaked_marker"
    """The model's own markup in what a client shows or runs."""
    BAD_ID = "bad_id"
    """No id, or one that the conversation has already."""
    DUPLICATE_CALL = "duplicate_call"
    """The same call twice in one answer."""
    EMPTY_TURN = "empty_turn"
    """Neither words nor calls."""
    TRUNCATED = "truncated"
    """Cut at the token limit."""
    MISSING_CALL = "missing_call"
    """Words, or fewer calls, where the set knows that more are right."""
    NEEDLESS_CALL = "needless_call"
    OTHER_TOOL = "other_tool"
    OTHER_ARGUMENTS = "other_arguments"
    """Valid, and not what was asked for."""
    STREAMS_DIFFERENTLY = "streams_differently"
    """Streamed and whole, the same request at temperature 0 got two answers."""


_KINDS: Final[Mapping[FailureKind, FaultKind]] = {
    FailureKind.UNDECLARED_TOOL: FaultKind.UNDECLARED_TOOL,
    FailureKind.ARGUMENTS_NOT_JSON: FaultKind.ARGUMENTS_NOT_JSON,
    FailureKind.SCHEMA_VIOLATION: FaultKind.SCHEMA_VIOLATION,
    FailureKind.FINISH_REASON: FaultKind.FINISH_REASON,
    FailureKind.LEAKED_MARKER: FaultKind.LEAKED_MARKER,
    FailureKind.LOST_CALL: FaultKind.LEAKED_MARKER,
    FailureKind.BAD_ID: FaultKind.BAD_ID,
    FailureKind.DUPLICATE_CALL: FaultKind.DUPLICATE_CALL,
    FailureKind.EMPTY_TURN: FaultKind.EMPTY_TURN,
    FailureKind.TRUNCATED: FaultKind.TRUNCATED,
}
"""What the rules for logs find. The shape of ids is no fault here: the vendor's own API writes
`functions.NAME:INDEX`."""


class Fault(Struct, frozen=True):
    """One thing that is wrong with one answer."""

    kind: FaultKind
    detail: str = ""


INVALID: Final = frozenset(
    {FaultKind.UNDECLARED_TOOL, FaultKind.ARGUMENTS_NOT_JSON, FaultKind.SCHEMA_VIOLATION}
)
"""What makes a call one that nobody can run."""


def has_called(result: Result) -> bool:
    """Whether the model called, whatever the finish reason says."""
    return bool(result.calls)


def are_valid(result: Result) -> bool | None:
    """Whether all calls are to declared tools, with arguments that fit; None without calls."""
    if not result.calls:
        return False if result.finish_reason == "tool_calls" else None
    exchange = _exchange(result)
    return not any(judge_calls(exchange, read_calls(exchange.answer)))


def find_faults(result: Result, sample: Sample | None = None) -> list[Fault]:
    """All that is wrong with an answer; `sample` tells what would have been right."""
    if result.status != SUCCESS:
        error = (result.response or {}).get("error", "")
        return [Fault(FaultKind.FAILED, str(error))]
    found = judge_answer(_exchange(result))
    faults = [Fault(_KINDS[one.kind], one.detail) for one in found if one.kind in _KINDS]
    if sample is not None and sample.expected is not None:
        faults += _compare(result, sample.expected)
    return faults


def _exchange(result: Result) -> Exchange:
    return Exchange(
        messages=result.request.get("messages") or (),
        tools=result.request.get("tools") or (),
        answer=result.message,
        finish_reason=result.finish_reason,
        tokens=result.usage.get("completion_tokens"),
    )


def differs(one: Result, other: Result) -> Fault | None:
    """Whether the same request got two answers."""
    said, also = _said(one), _said(other)
    if said == also:
        return None
    return Fault(
        FaultKind.STREAMS_DIFFERENTLY, f"streamed: {said:.{_QUOTED}}\nwhole: {also:.{_QUOTED}}"
    )


def _said(result: Result) -> str:
    calls = [call.get("function") for call in result.calls]
    return dumps(
        [result.message.get("content") or "", calls, result.finish_reason], ensure_ascii=False
    )


def _compare(result: Result, expected: Sequence[Expected]) -> list[Fault]:
    """Calls beside those that are right, in whatever order they came."""
    made = [(call.name, call.arguments) for call in read_calls(result.message)]
    left = list(expected)
    missed = [call for call in made if not _strike(left, *call)]
    wanted = Counter(one.name for one in left)
    faults = []
    for name, arguments in missed:
        if wanted[name]:
            wanted[name] -= 1
            right = next(
                dumps(one.arguments, ensure_ascii=False) for one in left if one.name == name
            )
            detail = f"{name}: {arguments:.{_QUOTED}}\nasked for: {right:.{_QUOTED}}"
            faults.append(Fault(FaultKind.OTHER_ARGUMENTS, detail))
        elif wanted.total():
            faults.append(Fault(FaultKind.OTHER_TOOL, f"{name} instead of {_names(wanted)}"))
            wanted -= Counter([next(iter(wanted.elements()))])
        else:
            faults.append(Fault(FaultKind.NEEDLESS_CALL, f"{name} {arguments:.{_QUOTED}}"))
    if wanted.total():
        faults.append(Fault(FaultKind.MISSING_CALL, f"{_names(wanted)} should have been called"))
    return faults


def _strike(left: list[Expected], name: str, arguments: str) -> bool:
    """Takes the expected call that this is off the list; False where it is none."""
    for place, one in enumerate(left):
        if one.name == name and _has_all(_load(arguments), one.arguments):
            del left[place]
            return True
    return False


def _load(arguments: str) -> Any:
    try:
        return loads(arguments)
    except ValueError:
        return None


def _has_all(made: Any, right: Any) -> bool:
    """Whether it says what is right; optional fields may stand beside it, and case is no matter."""
    if isinstance(right, dict):
        return isinstance(made, dict) and all(
            name in made and _has_all(made[name], value) for name, value in right.items()
        )
    if isinstance(right, list):
        return (
            isinstance(made, list) and len(made) == len(right) and all(map(_has_all, made, right))
        )
    if isinstance(right, str):
        return isinstance(made, str) and made.strip().casefold() == right.strip().casefold()
    return bool(made == right) and not isinstance(made, bool)


def _names(wanted: Counter[str]) -> str:
    return ", ".join(wanted.elements())
