"""One record in, its failures out, of whatever kind the record is."""

from typing import Any

import pytest
from msgspec import json

from tests.engines.traces.recordings import make_recording
from tests.pipeline.diagnose.exchanges import ASKED, SECTION, TOOLS, call, calling, result
from toolgate.dialects import get_dialect
from toolgate.errors import InvalidRequest
from toolgate.pipeline.diagnose import Diagnosis, diagnose
from toolgate.pipeline.diagnose.failure import FailureKind as Kind
from toolgate.pipeline.trace import encode_recording


def kinds(found: list[Diagnosis]) -> list[Kind]:
    return [failure.kind for one in found for failure in one.failures]


def test_a_pair_is_judged_with_its_history():
    asked = {"messages": [ASKED, calling(call()), result("call_9")], "tools": TOOLS}
    record = {"model": "m", "request": asked, "response": calling(call("[]", id="n"))}
    (found,) = diagnose(record)
    assert (found.model, found.called) == ("m", ("get_weather",))
    assert kinds([found]) == [Kind.RESULT_MISSING, Kind.ORPHAN_RESULT, Kind.SCHEMA_VIOLATION]
    assert Kind.FOREIGN_IDS in kinds(diagnose(record, get_dialect("kimi_k2")))


def test_a_raw_output_is_parsed_and_judged():
    begun = f"{SECTION}<|tool_call_begin|>functions.search:0<|tool_call_argument_begin|>"
    assert kinds(diagnose({"output": f"{begun}{{}}<|tool_call_end|>", "tools": TOOLS})) == [
        Kind.DEVIATION,
        Kind.UNDECLARED_TOOL,
    ]
    assert kinds(diagnose("")) == [Kind.EMPTY_TURN]


def test_a_recording_and_its_exported_line_are_the_same():
    recording = make_recording()
    line: Any = json.decode(encode_recording(recording))
    assert diagnose(recording) == diagnose(line)
    assert diagnose(recording)[0].called == ("look",)
    assert kinds(diagnose(recording)) == [Kind.CALL_LOOP]


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (3, "a int, and no object"),
        ({}, "it has nothing"),
        ({"time": 1, "level": 2}, "it has time, level"),
        ({"id": 1, "traces": [], "contents": "on"}, "no recording of toolgate's: .*id"),
    ],
)
def test_what_is_no_record_is_refused_with_a_reason(record: Any, why: str):
    with pytest.raises(InvalidRequest, match=why):
        diagnose(record)
