"""What the store tells of a recording without opening it, and by what it is found."""

from collections.abc import Iterable
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from toolgate.pipeline.call_report import Verdict
from toolgate.pipeline.columns import MICRO
from toolgate.pipeline.packed import Packed, pack
from toolgate.pipeline.trace import Recording, Trace

TITLE_CHARACTERS = 160
PAGE = 50


class Row(Struct, frozen=True, kw_only=True):
    """One recording in a list."""

    number: int
    """Counted up in the order of being stored; a later one is larger."""
    id: str
    started: float
    """Seconds since 1970."""
    seconds: float
    conversation: str
    client: str
    path: str
    model: str
    status: int
    outcome: str
    """`stop`, `tool_calls`, `length` …, as the model ended; `error`, or `gone` when the client
    had left by then."""
    tier: str
    title: str
    """How the last thing that the user said begins; masked like everything else."""
    tools: tuple[str, ...]
    """Names of the tools that were called."""
    calls: int
    """How many calls the model made."""
    valid_calls: int
    """Those of them that were to declared tools and fit their schemas, mended or not."""
    anomalies: tuple[str, ...]
    repairs: tuple[str, ...]
    findings: tuple[str, ...]
    prompt_tokens: int
    cached_tokens: int
    """Those of them that the engine had in its prefix cache."""
    completion_tokens: int
    first_seconds: float | None
    """Until the model's first chunk."""
    contents: str


Place: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
"""A row's number, as SQLite counts."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which recordings; what is empty does not matter. All that is set must hold."""

    model: str = ""
    client: str = ""
    outcome: str = ""
    tool: str = ""
    anomaly: str = ""
    repair: str = ""
    finding: str = ""
    conversation: str = ""
    text: str = ""
    """A part of the id, the title, the client's name or a called tool's name."""
    after: Place = 0
    """Only those with a larger `number`: what is new since."""
    before: Place = 0
    """Only those with a smaller one: the next page."""
    limit: Annotated[int, Meta(ge=1, le=500)] = PAGE


class ConversationRow(Struct, frozen=True, kw_only=True):
    """One conversation in a list: its newest recording, and what all of them together are."""

    conversation: str
    requests: int
    first_started: float
    newest: Row


LEFT = 499
"""The status of a request whose client had gone."""
_ERRORS = 400
_VALID = frozenset({Verdict.VALID, Verdict.HEALED})


def _outcome(packed: Packed) -> str:
    """How a request ended, in one word."""
    recording = packed.recording
    if recording.status == LEFT:
        return "gone"
    if recording.error or recording.status >= _ERRORS:
        return "error"
    reasons = [one.trace.message.finish_reason for one in packed.traces]
    return (reasons[-1] if reasons else None) or "unfinished"


def summarize(recording: Recording) -> Row:
    """Its row; `number` is 0, as it is not stored."""
    return summarize_packed(pack(recording))


def summarize_packed(packed: Packed) -> Row:
    """The same of one that is packed."""
    recording, traces = packed.recording, [one.trace for one in packed.traces]
    calls = [call for trace in traces for call in trace.calls]
    first = [one.heard.gaps[0] for one in packed.traces if one.heard.gaps]
    usage = recording.usage
    return Row(
        number=0,
        id=recording.id,
        started=recording.started,
        seconds=recording.seconds,
        conversation=recording.conversation,
        client=recording.client,
        path=recording.path,
        model=recording.model,
        status=recording.status,
        outcome="running" if recording.running else _outcome(packed),
        tier=str((traces[-1].tier if traces else None) or ""),
        title=_title(traces),
        tools=_each_once([call.name for call in calls]),
        calls=len(calls),
        valid_calls=sum(call.verdict in _VALID for call in calls),
        anomalies=_each_once(recording.anomalies),
        repairs=_each_once(recording.repairs),
        findings=_each_once([finding.kind.value for finding in recording.findings]),
        prompt_tokens=recording.prompt_tokens,
        cached_tokens=usage.cached_tokens if usage else 0,
        completion_tokens=usage.completion_tokens if usage else 0,
        first_seconds=min(first) / MICRO if first else None,
        contents=recording.contents,
    )


def _each_once(names: "list[str] | tuple[str, ...]") -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _title(traces: Iterable[Trace]) -> str:
    for trace in traces:
        for message in reversed(trace.conversation.messages):
            if message.role == "user":
                content = message.content or ""
                texts = (
                    [content]
                    if isinstance(content, str)
                    else [getattr(part, "text", "") for part in content]
                )
                return " ".join(" ".join(texts)[: 2 * TITLE_CHARACTERS].split())[:TITLE_CHARACTERS]
    return ""
