"""Raw outputs are read by their family's parser, and what is odd in them is told."""

from typing import Any

import pytest

from tests.pipeline.diagnose.exchanges import SECTION, TOOLS
from toolgate.core.events import Anomaly, AnomalyKind
from toolgate.dialects import get_dialect
from toolgate.errors import InvalidRequest
from toolgate.pipeline.diagnose.exchange import Exchange, read_calls
from toolgate.pipeline.diagnose.failure import FailureKind as Kind
from toolgate.pipeline.diagnose.output import name_anomaly, read_output

BEGUN = f"{SECTION}<|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>"
WHOLE = f'{BEGUN}{{"city": "Rome"}}<|tool_call_end|><|tool_calls_section_end|>'


def read(output: str, family: str = "", **more: Any) -> tuple[Exchange, list[Kind]]:
    dialect = get_dialect(family) if family else None
    found, odd = read_output(Exchange(output=output, **more), dialect)
    return found, [one.kind for one in odd]


def test_the_family_is_known_by_its_markers():
    found, odd = read(WHOLE, tools=TOOLS)
    ((_, name, arguments),) = read_calls(found.answer)
    assert (name, arguments, odd) == ("get_weather", '{"city": "Rome"}', [])
    assert read_calls(read(WHOLE)[0].answer)[0].name == "get_weather"


def test_where_several_fit_a_person_is_asked():
    output = '<tool_call>{"name": "get_weather", "arguments": {}}</tool_call>'
    with pytest.raises(InvalidRequest, match=r"qwen3.* say --dialect"):
        read(output)
    assert read_calls(read(output, "qwen3", tools=TOOLS)[0].answer)[0].name == "get_weather"


def test_plain_text_is_text():
    assert read("It rains.")[0].answer == {"content": "It rains."}


def test_a_cut_output():
    found, odd = read(BEGUN + '{"ci', finish_reason="length", tools=TOOLS)
    assert (found.finish_reason, read_calls(found.answer), odd) == ("length", [], [Kind.TRUNCATED])


def test_what_a_parser_mends_is_a_deviation():
    found, odd = read(f"Hm.</think>{WHOLE}".replace("<|tool_calls_section_end|>", ""))
    assert (found.answer["reasoning"], odd) == ("Hm.", [Kind.DEVIATION])


def test_tools_without_a_frame_or_none_at_all():
    tools: list[Any] = [{"name": "get_weather"}, {"function": "x"}]
    assert read(WHOLE, tools=tools)[1] == []


def test_anomalies_have_their_class():
    lost = name_anomaly(Anomaly(AnomalyKind.UNRESOLVED_CALL, raw="x", detail="y"))
    assert (lost.kind, lost.detail, lost.about) == (Kind.LOST_CALL, "unresolved_call: y: x", "")
    stray = name_anomaly(Anomaly(AnomalyKind.STRAY_MARKER))
    assert (stray.kind, stray.detail, stray.about) == (
        Kind.DEVIATION,
        "stray_marker",
        "stray_marker",
    )
