"""Where calls begin that no marker announces, and what is text all the same."""

from random import Random

import pytest

from toolgate.core.bare_calls import BegunCall, Found
from toolgate.core.begun_calls import BegunCallFinder, Judge, judge_any, judge_json, judge_python
from toolgate.core.conversation import ToolSpec
from toolgate.core.dialect import Envelope
from toolgate.core.events import Anomaly, AnomalyKind

TOOLS = [ToolSpec("f"), ToolSpec("mcp.search")]
JSON = judge_json(Envelope())


def find(raw: str, judge: Judge, *, cut: bool = False) -> list[Found]:
    """What is found in it, which any chunking must give; what follows a call counts to it."""
    whole = run([raw], judge, cut=cut)
    dice = Random(raw)
    for longest in (1, 2, 5, 40):
        chunks, at = [], 0
        while at < len(raw):
            size = dice.randint(1, longest)
            chunks.append(raw[at : at + size])
            at += size
        assert run(chunks, judge, cut=cut) == whole
    return whole


def run(chunks: list[str], judge: Judge, *, cut: bool) -> list[Found]:
    finder = BegunCallFinder(TOOLS, judge)
    text = ""
    for n, chunk in enumerate(chunks):
        for piece in finder.feed(chunk):
            if isinstance(piece, BegunCall):
                begun = BegunCall(piece.text + "".join(chunks[n + 1 :]))
                return [text, begun] if text else [begun]
            assert isinstance(piece, str)
            text += piece
    found: list[Found] = []
    for piece in finder.finish(cut=cut):
        if isinstance(piece, str):
            text += piece
        else:
            found.append(piece)
    return [text, *found] if text else found


@pytest.mark.parametrize(
    "call",
    [
        '{"name": "f", "parameters": {"a": 1}}',
        '{ "name" : "f" , "arguments":{}}',
        '[{"type": "function", "function": {"name": "mcp.search", "arguments": "{}"}}]',
        '{"id": "1", "name": "f"}',
        '{"parameters": {"a": {"name": "x"}} , "name": "f"}',
        '[{"arguments": {}, "id": "1", "name": "f"}',
        '[ {"name": "f", "arguments": null}',
    ],
)
@pytest.mark.parametrize("before", ["", "On it. ", "```\nx\n```\n", "\n"])
def test_json_that_begins_a_call(before: str, call: str):
    assert find(before + call, JSON) == [*([before] if before else []), BegunCall(call)]


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Ada", "born": 1815}',
        '{"name": "f", "rate": 70}',
        '{"name": 3}',
        '{"name": "g"}',
        '{"a": 1}',
        '{"type": 1, "name": "f"}',
        '{"parameters": {}, "name": "g"}',
        '{"parameters": {}, "rate": 70}',
        '{"parameters": {}}',
        '{"parameters": {"a": }, "name": "f"}',
        '{"parameters": 1, "name": "f"}',
        '{"parameters": ' + '{"a": ' * 500,
        "{name: f}",
        "[1] and {2}",
        'So: {"name": "g", "parameters": {}}',
        '`{"name": "f", "parameters": {}}`',
        '```json\n{"name": "f", "parameters": {}}\n```',
        '{"name": "f',
        "[",
        '{"name": "' + "f" * 2000 + '", "parameters": {}}',
        '{"na\\"me": "f"}',
    ],
)
def test_json_that_is_text(text: str):
    assert find(text, JSON) == [text]


@pytest.mark.parametrize("call", ["[f()]", "[f(a='x')]", "[ mcp.search( q = 1)]", "[f({'a': 1})]"])
@pytest.mark.parametrize("before", ["", "On it. [1] ", "``` f ```\n\n"])
def test_a_list_that_begins_a_call(before: str, call: str):
    assert find(before + call, judge_python) == [*([before] if before else []), BegunCall(call)]


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "[f]",
        "[f](http://x)",
        "[f(x)]",
        "See [g(a=1)].",
        "`[f(a=1)]`",
        "[f(a==1)]",
        "{f(a=1)}",
    ],
)
def test_a_list_that_is_text(text: str):
    assert find(text, judge_python) == [text]


def test_an_answer_may_begin_with_a_call_of_anything():
    assert find("\n[g(a=1)]", judge_python) == ["\n", BegunCall("[g(a=1)]")]
    assert find('{"name": "g", "parameters": {}}', JSON)[0] != ""


def test_what_may_become_a_call_is_no_text_where_it_was_cut():
    assert find("On [f(a", judge_python, cut=True) == [
        "On ",
        Anomaly(AnomalyKind.CUT_CALL, raw="[f(a"),
    ]
    assert find("5 [", judge_python, cut=True) == ["5 ["]


def test_what_is_odd_about_it_is_told():
    finder = BegunCallFinder(TOOLS, judge_python, anomaly=AnomalyKind.MARKERS_STRIPPED)
    assert finder.feed("[f()]") == [BegunCall("[f()]", AnomalyKind.MARKERS_STRIPPED)]


@pytest.mark.parametrize(
    ("text", "is_call"),
    [("[f(a=1)]", True), ('{"name": "f", "parameters": {}}', True), ("[1]", False)],
)
def test_calls_of_any_kind(text: str, is_call: bool):
    assert find(text, judge_any(JSON, judge_python)) == [BegunCall(text) if is_call else text]
