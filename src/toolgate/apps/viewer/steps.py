"""What became of each call: declared, called, executed, returned.

The gateway sees three of the four. A call is executed where its result came back; where it did
not, nobody here can know. That it came back is read from the conversation's next requests.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from toolgate.core.conversation import Content, Message, TextPart, ToolCall
from toolgate.core.events import AnomalyKind
from toolgate.pipeline.call_report import CallReport, Verdict
from toolgate.pipeline.finding import Finding, FindingKind
from toolgate.pipeline.trace import Recording, Trace

Mark: TypeAlias = Literal["yes", "no", "odd", "unknown", "none"]
"""`odd`: yes, but not as it should be; `unknown`: nobody here can know; `none`: it never came to
that."""
Told: TypeAlias = tuple[Mark, str]
"""The mark, and why."""

_LOST: Final = frozenset({FindingKind.CALL_MISSING, FindingKind.RESULT_MISSING})
_CALLED: Final[Mapping[Verdict, Told]] = {
    Verdict.VALID: ("yes", "The call is whole, and fits its schema."),
    Verdict.HEALED: ("yes", "The end of its arguments was missing, and was mended."),
    Verdict.SCHEMA_INVALID: ("odd", "Its arguments do not fit the tool's schema."),
    Verdict.UNDECLARED: ("odd", "No tool of that name was declared."),
    Verdict.MALFORMED: ("no", "It was cut off, or its arguments are no JSON object."),
}
_NEVER: Final[Told] = ("none", "It never came to that.")
_NO_CALL: Final[Mapping[AnomalyKind, str]] = {
    AnomalyKind.MARKERS_STRIPPED: "The engine removed the marks of the model's calls.",
    AnomalyKind.UNRESOLVED_CALL: "The model began a call that names no tool.",
    AnomalyKind.CALL_REFUSED: "The model made a call although the client forbade it.",
    AnomalyKind.DRAFT_CALL: "The model only thought of a call.",
    AnomalyKind.CUT_CALL: "The model was cut off inside a call.",
}
"""What shows that a call was meant, or should have been there."""


class StepTaken(Struct, frozen=True):
    """One of the four."""

    name: str
    mark: Mark
    why: str


class CallSteps(Struct, frozen=True, kw_only=True):
    """One call's; `name` is "" where there should have been a call and was none."""

    name: str
    id: str = ""
    verdict: str = ""
    arguments: str = ""
    """As the client got them."""
    raw: str | None = None
    """As the model wrote the whole call; None where that cannot be told."""
    result: str | None = None
    """What came back."""
    steps: tuple[StepTaken, ...]


def follow_calls(
    trace: Trace,
    later: Sequence[Recording],
    *,
    raws: Sequence[str],
    withheld: bool,
    error: str = "",
) -> list[CallSteps]:
    """The calls of one turn. `later` are the conversation's next requests, the oldest first;
    `withheld`: whether the model was asked again and the client saw none of these calls."""
    calls = trace.message.tool_calls
    if not calls:
        return list(_missing_call(trace))
    first = sum(len(message.tool_calls) for message in trace.conversation.messages)
    known: Sequence[str | None] = raws if len(raws) == len(calls) else [None] * len(calls)
    told = []
    for index, (call, report) in enumerate(zip(calls, trace.calls, strict=False)):
        never = _never_returned(call, withheld=withheld, error=error)
        returned, result = (
            (never, None) if never else _find_result(call, first + index, trace, later)
        )
        steps = (
            _declared(report, trace),
            StepTaken("called", *_CALLED[report.verdict]),
            StepTaken("executed", *_executed(returned[0])),
            StepTaken("returned", *returned),
        )
        told.append(
            CallSteps(
                name=call.name,
                id=call.id or "",
                verdict=report.verdict.value,
                arguments=call.arguments,
                raw=known[index],
                result=result,
                steps=steps,
            )
        )
    return told


def _never_returned(call: ToolCall, *, withheld: bool, error: str) -> Told | None:
    """Why nothing can have come back; None where something can."""
    if withheld:
        return "none", "The client was not shown it: the model was asked again."
    if not call.complete:
        return _NEVER
    return ("none", f"The answer failed: {error}") if error else None


def _declared(report: CallReport, trace: Trace) -> StepTaken:
    if report.declared:
        return StepTaken("declared", "yes", "The client declared the tool.")
    names = ", ".join(tool.name for tool in trace.conversation.callable_tools) or "none"
    return StepTaken("declared", "no", f"The client declared {names}.")


def _executed(returned: Mark) -> Told:
    match returned:
        case "yes":
            return "yes", "Its result came back."
        case "none":
            return _NEVER
        case _:
            return "unknown", "The client runs the tool; from here nobody sees whether it did."


def _find_result(
    call: ToolCall, place: int, trace: Trace, later: Sequence[Recording]
) -> tuple[Told, str | None]:
    """Whether the result came back, and what it is."""
    for recording in later:
        if finding := _named(call.id or "", recording.findings):
            return ("no", finding.sentence), None
        for other in recording.traces[:1]:
            messages = other.conversation.messages
            if (found := _answer_to(place, call.name, messages)) is not None:
                return ("yes", "The next request has its result."), found
            if len(messages) > len(trace.conversation.messages):
                return ("no", f"{_who(recording)} next request has no result of it."), None
    return ("unknown", "The conversation has no later request yet."), None


def _named(call_id: str, findings: Sequence[Finding]) -> Finding | None:
    """A loss is told with the id of the call that the client was given."""
    lost = (one for one in findings if one.kind in _LOST and call_id and call_id in one.sentence)
    return next(lost, None)


def _answer_to(place: int, name: str, messages: Sequence[Message]) -> str | None:
    """The result of the conversation's call with this number, if it is a call of that tool."""
    calls = [call for message in messages for call in message.tool_calls]
    if place >= len(calls) or calls[place].name != name:
        return None
    answers = (
        one for one in messages if one.role == "tool" and one.tool_call_id == calls[place].id
    )
    answer = next(answers, None)
    return None if answer is None else _text(answer.content)


def _missing_call(trace: Trace) -> Iterator[CallSteps]:
    """Tools were declared, and no call was made: whether that is as it should be."""
    if not (tools := trace.conversation.callable_tools):
        return
    finish = trace.message.finish_reason
    if finish is None:
        return
    mark, why = _why_no_call(trace)
    amount = f"{len(tools)} tools" if len(tools) > 1 else "1 tool"
    yield CallSteps(
        name="",
        steps=(
            StepTaken("declared", "yes", f"The client declared {amount}."),
            StepTaken("called", mark, why),
            StepTaken("executed", *_NEVER),
            StepTaken("returned", *_NEVER),
        ),
    )


def _why_no_call(trace: Trace) -> Told:
    kinds = {anomaly.kind for anomaly in trace.message.anomalies}
    for kind, sentence in _NO_CALL.items():
        if kind in kinds:
            return "no", sentence
    if trace.conversation.tool_choice.mode in ("required", "named"):
        return "no", "The client required a call, and the model made none."
    if AnomalyKind.EMPTY_TURN in kinds:
        return "no", "The model ended its turn without a word or a call."
    return "none", "The model answered in words, as it may."


def _who(recording: Recording) -> str:
    return f"{recording.client}’s" if recording.client else "The"


def _text(content: Content) -> str:
    if isinstance(content, tuple):
        return "".join(part.text if isinstance(part, TextPart) else "[media]" for part in content)
    return content or ""
