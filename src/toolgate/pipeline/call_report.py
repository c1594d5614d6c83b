"""What became of each call of an answer: who held it, whether it is valid, what was left unheld."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from toolgate.core.conversation import ToolSpec
from toolgate.core.events import Anomaly, AnomalyKind, Event, ToolCallEnd, ToolCallStart
from toolgate.pipeline.enforcer.constrain import choose_schema
from toolgate.pipeline.enforcer.net import dropped_by_both
from toolgate.pipeline.enforcer.schema_fit import Dropped, fit_schema
from toolgate.pipeline.enforcer.target import LLGUIDANCE, TARGETS, Target
from toolgate.pipeline.tier import Tier


class Verdict(StrEnum):
    """What the call came to. Of several faults the first one here is told."""

    MALFORMED = "malformed"
    """Cut off, or its arguments are no JSON object."""
    UNDECLARED = "undeclared"
    SCHEMA_INVALID = "schema_invalid"
    HEALED = "healed"
    """Valid, after the end of its arguments was mended."""
    VALID = "valid"


class CallReport(Struct, frozen=True, kw_only=True):
    """One call."""

    name: str
    declared: bool
    verdict: Verdict
    tier: Tier | None = None
    """Who saw to it that it is valid."""
    dropped: tuple[Dropped, ...] = ()
    """Keywords of the tool's schema that nobody could hold; they were checked after."""


_FAULTS: Final[Mapping[AnomalyKind, Verdict]] = {
    AnomalyKind.CUT_CALL: Verdict.MALFORMED,
    AnomalyKind.INVALID_ARGUMENTS: Verdict.MALFORMED,
    AnomalyKind.SCHEMA_VIOLATION: Verdict.SCHEMA_INVALID,
    AnomalyKind.HEALED_ARGUMENTS: Verdict.HEALED,
}
_ORDER: Final = tuple(Verdict)


def report_calls(
    events: Iterable[Event],
    tools: Sequence[ToolSpec],
    *,
    tier: Tier | None = None,
    grammar: str = "none",
    has_net: bool = False,
) -> tuple[CallReport, ...]:
    """A report for each call that these events tell; deltas may be missing from them.

    `grammar` is how the engine takes one (`Capabilities.grammar`); `has_net`: whether the matcher
    followed what it generated.
    """
    declared = {tool.name: tool for tool in tools}
    target = LLGUIDANCE if tier is Tier.STEERING else None
    if tier is Tier.GRAMMAR:
        target = TARGETS.get(grammar)
    return tuple(
        CallReport(
            name=name,
            declared=name in declared,
            verdict=verdict if name in declared else min(verdict, Verdict.UNDECLARED, key=_rank),
            tier=tier,
            dropped=_dropped(declared.get(name), target, has_net=has_net),
        )
        for name, verdict in _judge(events)
    )


def _judge(events: Iterable[Event]) -> list[tuple[str, Verdict]]:
    """(name, its worst fault) of each call; a parser tells a call's faults before its end."""
    judged: list[tuple[str, Verdict]] = []
    inside = False
    for event in events:
        match event:
            case ToolCallStart(_, _, name):
                judged.append((name, Verdict.MALFORMED))  # until its end has come
                worst, inside = Verdict.VALID, True
            case Anomaly(kind) if inside and kind in _FAULTS:
                worst = min(worst, _FAULTS[kind], key=_rank)
            case ToolCallEnd(_, complete) if inside:
                inside = False
                judged[-1] = judged[-1][0], worst if complete else Verdict.MALFORMED
            case _:
                pass
    return judged


def _rank(verdict: Verdict) -> int:
    return _ORDER.index(verdict)


def _dropped(tool: ToolSpec | None, target: Target | None, *, has_net: bool) -> tuple[Dropped, ...]:
    if tool is None or target is None:
        return ()
    schema = choose_schema(tool)
    return dropped_by_both(schema, target) if has_net else fit_schema(schema, target).dropped
