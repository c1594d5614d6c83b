"""The page holds every fault, escapes all that models wrote, and needs nothing beside it."""

import re
from datetime import datetime
from html.parser import HTMLParser

from tests.apps.verify.answers import call, result
from toolgate.apps.verify.page import write_page
from toolgate.apps.verify.report import Report, judge
from toolgate.apps.verify.results import Observed, Result
from toolgate.apps.verify.runner import Run
from toolgate.apps.verify.samples import Expected, Sample
from toolgate.apps.verify.schema_cases import schema_cases
from toolgate.apps.verify.schema_suite import SchemaJudged, SchemaVerdict

EVIL = "<script>alert(1)</script>"
NOW = datetime(2026, 1, 2, 3, 4)


def page(*results: Result, samples: tuple[Sample, ...] = ()) -> str:
    observed = {1: Observed(data_index=1, prompt="the prompt" + EVIL, output="raw" + EVIL)}
    report: Report = judge("somebody's", Run(results, observed), samples)
    return write_page([report, report], "A title", NOW)


def test_a_failure_can_be_read_whole():
    request = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Weather in Rome?"}]},
            {"role": "assistant", "content": None, "tool_calls": [call("{}", call_id="call_0")]},
            {"role": "tool", "tool_call_id": "call_0", "content": "rain"},
        ],
        "tools": [],
    }
    sample = Sample(1, request, "must_call", [Expected("get_weather", {"city": "Rome"})])
    told = page(result(call('{"city": 3}'), request=request), samples=(sample,))
    for part in (
        "undeclared tool",
        "must call",
        "Weather in Rome?",
        "tool, answers call_0",
        "the prompt",
        "raw",
        "2026-01-02 03:04",
        "What would have been right",
    ):
        assert part in told
    assert told.count("<details") == 2, "one for each target"


def test_what_models_write_is_text():
    told = page(result(text="", finish="stop"), result(text=EVIL, finish="tool_calls", index=2))
    assert EVIL not in told and "&lt;script&gt;alert(1)" in told
    assert len(re.findall("<script>", told)) == 1, "the page's own"


def test_failed_requests_and_unknown_finish_reasons_are_shown():
    failed = Result(data_index=2, request={}, status="failed", response={"error": "no such host"})
    told = page(result(text="cut", finish="length"), failed)
    assert "no such host" in told and "1 length" in told


def test_a_schema_that_was_not_treated_right_is_shown():
    case = next(case for case in schema_cases() if case.name == "a pattern")
    refused = Result(data_index=1, request={}, status="failed", response={"error": "no" + EVIL})
    seen = Observed(data_index=1, status=400)
    wrong = SchemaJudged(case, SchemaVerdict.REFUSED, "no patterns here", refused, seen)
    told = write_page([judge("x", Run([], {}), (), schemas=[wrong])], "A title", NOW)
    for part in ("schema: refused", "no patterns here", "What was declared", "{2}-[0-9]{3}"):
        assert part in told
    assert "0 of 1" in told and "answered" not in told and EVIL not in told


def test_a_run_without_faults_has_no_script():
    told = page(result(text="Hi"))
    assert "<p>None.</p>" in told and "<script" not in told


def test_it_needs_nothing_beside_it_and_is_well_formed():
    told = page(result(text=""), result(call('{"city": "Rome"}'), index=2))
    assert not re.search(r"""(src|href)=|@import|url\(""", told)
    assert "prefers-color-scheme: dark" in told and "width=device-width" in told
    open_tags: list[str] = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "br", "input", "rect", "polyline"):
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in ("rect", "polyline"):
                assert open_tags.pop() == tag

    checker = Checker()
    checker.feed(told)
    assert open_tags == []
