"""What failed in recorded traffic: one record in, its failures by class out.

A record is a `Recording` of toolgate's own, or a line of JSON of somebody else's log; `exchange`
knows its shapes.
"""

from typing import Any

import msgspec
from msgspec import Struct

from toolgate.core.dialect import Dialect
from toolgate.errors import InvalidRequest
from toolgate.pipeline.diagnose.answer import judge_answer
from toolgate.pipeline.diagnose.exchange import Exchange, read_calls, read_exchanges
from toolgate.pipeline.diagnose.failure import Failure
from toolgate.pipeline.diagnose.history import judge_history
from toolgate.pipeline.diagnose.output import read_output
from toolgate.pipeline.diagnose.recording import judge_recording
from toolgate.pipeline.diagnose.streams import is_chunk
from toolgate.pipeline.trace import Recording

_RECORDED = {"id", "traces", "contents"}


class Diagnosis(Struct, frozen=True):
    """One answer: of which model, what it called, what failed."""

    model: str
    called: tuple[str, ...]
    """The tools' names."""
    failures: tuple[Failure, ...]


def diagnose(record: Any, dialect: Dialect | None = None) -> list[Diagnosis]:
    """One for each choice of the answer; `dialect` is the model's, where somebody said which.

    Raises: InvalidRequest for what is no record that is known here; it says why.
    """
    if isinstance(record, dict) and record.keys() >= _RECORDED:
        record = _read_recording(record)
    if isinstance(record, Recording):
        calls = tuple(call.name for trace in record.traces for call in trace.calls)
        return [Diagnosis(record.model, calls, tuple(judge_recording(record)))]
    found = read_exchanges(record)
    if not found:
        raise InvalidRequest(_unknown(record))
    return [_judge(exchange, dialect) for exchange in found]


def _judge(exchange: Exchange, dialect: Dialect | None) -> Diagnosis:
    failures = list(judge_history(exchange, dialect))
    if exchange.output is not None:
        exchange, odd = read_output(exchange, dialect)
        failures += odd
    failures += judge_answer(exchange)
    names = tuple(call.name for call in read_calls(exchange.answer))
    return Diagnosis(exchange.model, names, tuple(dict.fromkeys(failures)))


def _read_recording(record: dict[str, Any]) -> Recording:
    try:
        return msgspec.convert(record, Recording)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"no recording of toolgate's: {error}") from None


def _unknown(record: object) -> str:
    if not isinstance(record, dict):
        return f"a {type(record).__name__}, and no object with a request and an answer"
    if is_chunk(record):
        return "one chunk of a stream: write all chunks of an answer into one record, as a list"
    keys = ", ".join(list(record)[:8])
    return f"no request and answer in it, and no output; it has {keys[:200] or 'nothing'}"
