"""A model's raw output, read by its family's parser: what a client should have got of it.

Which family it is, its markers tell where nobody does; where several fit, a person is asked.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET
from msgspec.structs import replace

from toolgate.core.assemble import AssembledMessage, assemble
from toolgate.core.conversation import ToolSpec
from toolgate.core.dialect import Dialect
from toolgate.core.events import Anomaly, AnomalyKind
from toolgate.core.stream_parser import StreamParser
from toolgate.dialects import get_dialect, list_dialects
from toolgate.errors import InvalidRequest
from toolgate.pipeline.diagnose.exchange import Exchange
from toolgate.pipeline.diagnose.failure import Failure, FailureKind

_KINDS: Final[Mapping[AnomalyKind, FailureKind]] = {
    AnomalyKind.CUT_CALL: FailureKind.TRUNCATED,
    AnomalyKind.EMPTY_TURN: FailureKind.EMPTY_TURN,
    AnomalyKind.UNRESOLVED_CALL: FailureKind.LOST_CALL,
    AnomalyKind.MISSING_ARGUMENTS: FailureKind.LOST_CALL,
}
_JUDGED: Final = frozenset(
    {
        AnomalyKind.UNDECLARED_TOOL,
        AnomalyKind.INVALID_ARGUMENTS,
        AnomalyKind.SCHEMA_VIOLATION,
    }
)
"""What the rules for answers find themselves, and tell with the call's name."""


def read_output(exchange: Exchange, dialect: Dialect | None) -> tuple[Exchange, list[Failure]]:
    """The exchange with the answer that is in its output, and what was odd in it.

    Raises: InvalidRequest where the markers are of several families.
    """
    text = exchange.output or ""
    family = dialect or _guess(text)
    if family is None:
        return replace(exchange, answer={"content": text}, finish_reason=UNSET), []
    message = _parse(text, family, exchange)
    calls = [
        {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
        for call in message.tool_calls
        if call.complete
    ]
    answer = {"content": message.content, "reasoning": message.reasoning, "tool_calls": calls}
    reason = "length" if message.finish_reason == "length" else UNSET
    odd = [name_anomaly(one) for one in message.anomalies if one.kind not in _JUDGED]
    return replace(exchange, answer=answer, finish_reason=reason), odd


def name_anomaly(anomaly: Anomaly) -> Failure:
    """What an anomaly is to those who run the deployment."""
    kind = _KINDS.get(anomaly.kind, FailureKind.DEVIATION)
    detail = ": ".join(filter(None, (anomaly.kind.value, anomaly.detail, anomaly.raw)))
    return Failure(kind, f"{detail:.200}", anomaly.kind if kind is FailureKind.DEVIATION else "")


def _parse(text: str, family: Dialect, exchange: Exchange) -> AssembledMessage:
    thinks = "</think>" in text.partition("<think>")[0]
    parser = StreamParser(
        family, tools=_specs(exchange), prefill="<think>" if thinks else "", turn_id="0"
    )
    reason = exchange.finish_reason if isinstance(exchange.finish_reason, str) else "stop"
    return assemble([*parser.feed(text), *parser.finish(reason)])


def _specs(exchange: Exchange) -> list[ToolSpec] | None:
    if exchange.tools is None:
        return None
    functions: list[Any] = [tool.get("function") or tool for tool in exchange.tools]
    return [
        ToolSpec(str(one.get("name")), parameters=one.get("parameters") or None)
        for one in functions
        if isinstance(one, dict)
    ]


def _guess(text: str) -> Dialect | None:
    """The family with the most special tokens in the text; None where there are none at all."""
    found = {name: _count(get_dialect(name), text) for name in list_dialects()}
    most = max(found.values())
    best = [name for name, count in found.items() if count == most]
    if most == 0:
        return None
    if len(best) > 1:
        raise InvalidRequest(f"the output could be of {' or '.join(best)}: say --dialect")
    return get_dialect(best[0])


def _count(dialect: Dialect, text: str) -> int:
    return sum(marker in text for marker in dialect.special)
