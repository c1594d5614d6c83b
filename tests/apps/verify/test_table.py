from io import StringIO

from rich.console import Console

from tests.apps.verify.answers import call, result
from toolgate.apps.verify.report import Report, judge
from toolgate.apps.verify.results import Observed
from toolgate.apps.verify.runner import Run
from toolgate.apps.verify.schema_cases import schema_cases
from toolgate.apps.verify.schema_suite import SchemaJudged, SchemaVerdict
from toolgate.apps.verify.table import make_table, sections

GOOD = result(call('{"city": "Rome"}'))


def report(name: str, *results: object) -> Report:
    observed = {1: Observed(data_index=1, first_ms=12.4)}
    return judge(name, Run(results, observed), [])  # type: ignore[arg-type]


def test_a_column_for_each_target_and_no_line_that_says_nothing():
    table = sections([report("a", GOOD), report("b", result(text="Hi", finish="length"))])
    told = {label: cells for label, *cells in table["All requests"]}
    assert told["finish: tool_calls"] == ["1", "0"]
    assert told["finish: other"] == ["0", "1 length"]
    assert told["turns with valid calls"] == ["1 of 1", "0 of 0"]
    assert told["schema accuracy"] == ["100.0 % (21–100)", "–"]
    assert table["Answers with this fault"] == [["truncated", "0", "1"]]
    assert told["first token, ms (50 %, 90 %)"] == ["12, 12", "12, 12"]
    assert "F1 of calling" not in told and "Right, by kind of request" not in table


def test_schemas_and_prompts():
    case = schema_cases()[0]
    seen = Observed(data_index=1)
    schemas = [SchemaJudged(case, SchemaVerdict.NO_CALL, "", GOOD, seen)]
    counts = [100 + more for more in (0, 3, 3, -7, 1, 2)]
    run = Run(
        [
            result(text="a", index=index, usage={"prompt_tokens": count})
            for index, count in enumerate(counts)
        ],
        {index: Observed(data_index=index, own_prompt_tokens=100) for index in range(6)},
    )
    table = sections([judge("a", run, [], schemas=schemas), report("b", GOOD)])
    assert table["Schemas"][:2] == [["taken", "1 of 1", "–"], ["called", "0 of 1", "–"]]
    assert table["Schemas that were not treated right"] == [[case.name, "no call", "–"]]
    assert table["Prompts beside toolgate's own"] == [
        ["as many tokens", "16.7 % (3–56)", "–"],
        ["told less own, how often", "+3: 2, -7: 1, +1: 1, others: 1", "–"],
        ["the largest", "#3 -7, #1 +3, #2 +3", "–"],
    ]


def test_nothing_is_said_of_requests_that_nobody_asked():
    assert "All requests" not in sections([judge("a", Run((), {}), [])])


def test_it_can_be_printed():
    console = Console(width=100, record=True, file=StringIO())
    console.print(make_table([report("some target", GOOD)], "1 request"))
    assert "some target" in console.export_text()
