"""The shapes that ai-dynamo's frontend-crates number for tests of parsers, in every family.

A test is named for the shape that it has: `batch.4` is PARSER.batch.4 there (TOOLCALLING.batch.4
since autumn 2026). Whole and streamed are one here, so each shape is tried in any chunking. What
they list as tested nowhere is here too.
"""

import json

import pytest

from tests.dialects.every_family import (
    BEAT,
    BIG,
    DEEP,
    NAMES,
    NO_ARGUMENTS,
    NOTE,
    SCHEMA,
    TOOLS,
    Call,
    calls_of,
    constrained,
    every_family,
    message,
    read,
    written,
)
from toolgate.core.assemble import AssembledMessage, assemble, coalesce
from toolgate.core.conversation import ToolSpec
from toolgate.core.dialect import State
from toolgate.core.events import Anomaly, AnomalyKind
from toolgate.dialects import get_dialect

TAXONOMY = {
    "batch": (*range(1, 11), 13, 30, 31),
    "stream": range(1, 5),
    "fmt": range(1, 6),
    "xml": range(1, 3),
}
"""`harmony.1` and `harmony.2` are gpt-oss's own: test_gpt_oss.py and its fixtures."""


def test_no_number_is_left_out():
    tests = [name for name in globals() if name.startswith("test_")]
    for kind, numbers in TAXONOMY.items():
        for number in numbers:
            assert [name for name in tests if f"_{kind}_{number}_" in f"{name}_"], (kind, number)


def reads(family: str, *calls: Call, tools: list[ToolSpec] = TOOLS) -> AssembledMessage:
    """What the family's renderer writes of these calls is these calls."""
    told = message(family, written(family, *calls), begun="", tools=tools)
    assert calls_of(told) == list(calls)
    assert all(call.complete for call in told.tool_calls)
    assert (told.content.strip(), told.finish_reason) == ("", "tool_calls")
    ids = [call.id for call in told.tool_calls]
    assert len(set(ids)) == len(ids)
    return told


@every_family
def test_batch_1_single_call(family: str):
    reads(family, NOTE)
    told = message(family, constrained(family, NOTE))
    assert (calls_of(told), told.anomalies) == ([NOTE], ())


@every_family
def test_batch_2_several_calls(family: str):
    reads(family, NOTE, DEEP, BEAT)


@every_family
@pytest.mark.parametrize(
    "text",
    [
        "Plain <words>, a > b, {braces}, [1] and `f(x)`; nothing else.",
        "write_note is a tool, and so is heartbeat.",
    ],
)
def test_batch_3_no_call(family: str, text: str):
    told = message(family, text)
    assert (told.content, told.tool_calls, told.finish_reason) == (text, (), "stop")
    assert told.anomalies == ()


@every_family
@pytest.mark.parametrize("broken", ['"Z, ]}', "\\", "}}}", '":', "\n{"])
def test_batch_4_malformed_arguments(family: str, broken: str):
    """Nothing is guessed and nothing raises; the call has its name, and the next one is read.

    But for Llama 3's: where nothing but JSON tells calls apart, broken JSON ends it all.
    """
    text = written(family, ("write_note", {"body": "ZZZ"}), DEEP)
    told = message(family, text.replace("ZZZ", f"Z{broken}Z"), begun="")
    assert told.tool_calls[0].name == "write_note"
    if family != "llama3":
        assert calls_of_last(told) == DEEP


def calls_of_last(told: AssembledMessage) -> Call:
    last = told.tool_calls[-1]
    return last.name, json.loads(last.arguments)


@every_family
def test_batch_5_missing_end(family: str):
    """A model that stops right after its last argument had finished the call."""
    whole = written(family, DEEP)
    for end in range(len(whole), len(whole) - 4, -1):
        told = message(family, whole[:end], begun="")
        assert [call.name for call in told.tool_calls] == [DEEP[0]]


@every_family
def test_batch_5_missing_begin(family: str):
    """Ends alone are no call, and no special token is shown."""
    dialect = get_dialect(family)
    call = constrained(family, NOTE)
    ends = [marker for marker in dialect.markers if call.endswith(marker)]
    told = message(family, "Hm. " + max(ends, key=len, default=""))
    assert told.tool_calls == ()
    assert told.content.startswith("Hm.")
    assert [token for token in dialect.special if token in told.content] == []


@every_family
def test_batch_6_no_arguments(family: str):
    reads(family, BEAT)


@every_family
@pytest.mark.parametrize(
    "call",
    [DEEP, NOTE, ("write_note", {"path": "北京/🌊.md", "body": "Ωmega é\n\n\ttab"})],
    ids=["nested", "text", "unicode"],
)
def test_batch_7_complex_arguments(family: str, call: Call):
    reads(family, call)


@every_family
def test_batch_8_text_before_a_call(family: str):
    told = message(family, "On it.\n\n" + constrained(family, NOTE))
    assert told.content.strip() == "On it."
    assert calls_of(told) == [NOTE]


@every_family
def test_batch_8_text_after_a_call(family: str):
    """It is text, or told as what does not belong there; it never changes the call."""
    dialect, call = get_dialect(family), constrained(family, NOTE)
    for stop in dialect.stop:
        ends_call = dialect.find_step(State.ARGUMENTS, stop) == (State.END, None)
        call = call if ends_call else call.removesuffix(stop)
    events = read(family, [f"{call}\nThat is all."])
    assert calls_of(assemble(events)) == [NOTE]
    said = assemble(events).content
    left_out = "".join(event.raw for event in events if isinstance(event, Anomaly))
    assert "That is all." in said + left_out


@every_family
@pytest.mark.parametrize("text", ["", "\n\n"])
def test_batch_9_nothing(family: str, text: str):
    told = message(family, text)
    assert (told.content.strip(), told.tool_calls, told.finish_reason) == ("", (), "stop")


@every_family
def test_batch_10_the_same_call_twice(family: str):
    reads(family, NOTE, NOTE)
    reads(family, BEAT, BEAT, BEAT)


@every_family
def test_batch_13_undeclared_tool(family: str):
    """It is passed on, and flagged."""
    told = message(family, constrained(family, NOTE), tools=[ToolSpec("other")])
    assert [call.name for call in told.tool_calls] == ["write_note"]
    assert AnomalyKind.UNDECLARED_TOOL in [anomaly.kind for anomaly in told.anomalies]


SEPARATORS = ("a, b; c", '","', "}, {", '"}]', "k: v", "a=1&b=2", "x|y||z", "f(a=1), g()", "\t;\t")


@every_family
@pytest.mark.parametrize("text", SEPARATORS)
def test_batch_30_separators_in_a_text(family: str, text: str):
    reads(family, ("write_note", {"body": text}))


@every_family
def test_batch_31_separators_in_one_of_several(family: str):
    reads(family, *(("write_note", {"body": text, "path": "p"}) for text in SEPARATORS), DEEP)


@every_family
def test_stream_1_and_3_any_cut_gives_the_same(family: str):
    """In one piece, and in two that are cut at every character: also inside a marker."""
    text = "Now. " + constrained(family, NOTE)
    whole = coalesce(read(family, [text]))
    for at in range(1, len(text)):
        assert coalesce(read(family, [text[:at], text[at:]])) == whole


test_stream_3_half_a_marker_waits = test_stream_1_and_3_any_cut_gives_the_same


@every_family
def test_stream_2_several_calls_by_characters(family: str):
    text = written(family, NOTE, DEEP, BEAT)
    told = assemble(read(family, list(text), begun=""))
    assert calls_of(told) == [NOTE, DEEP, BEAT]


@every_family
@pytest.mark.parametrize("reason", ["stop", "tool_calls", "length", None])
def test_stream_4_the_end(family: str, reason: str | None):
    """Whole calls are whole whatever ended the stream; what was cut in its text never is."""
    text = written(family, NOTE, DEEP)
    told = message(family, text, begun="", reason=reason)
    assert calls_of(told)[0] == NOTE
    half = text[: text.index("line 2")]
    assert not any(
        call.complete for call in message(family, half, begun="", reason="length").tool_calls
    )


@every_family
def test_stream_4_ends_again_and_again(family: str):
    call = constrained(family, NOTE)
    ends = [marker for marker in get_dialect(family).markers if call.endswith(marker)]
    told = message(family, call + max(ends, key=len, default="") * 5)
    assert (calls_of(told), told.content.strip()) == ([NOTE], "")


TOOL_NAMES = ("a-b", "a.b_c", "ns__tool", "f1", "Camel2Case", "x" * 64)


@every_family
@pytest.mark.parametrize("name", TOOL_NAMES)
def test_fmt_1_names(family: str, name: str):
    tools = [ToolSpec(name, "", SCHEMA), ToolSpec("other", "", NO_ARGUMENTS)]
    reads(family, (name, {"path": "p"}), ("other", {}), tools=tools)


@every_family
@pytest.mark.parametrize(("before", "after"), [("\n", "\n"), ("\n\n  ", " \n\n"), (" ", "\t")])
def test_fmt_2_blanks_around_a_call(family: str, before: str, after: str):
    told = message(family, before + constrained(family, NOTE) + after)
    assert calls_of(told) == [NOTE]
    assert told.content.strip() == ""


@every_family
def test_fmt_3_other_spellings(family: str):
    """Markers of one role mean the same, one for one."""
    dialect = get_dialect(family)
    text = written(family, DEEP)
    for marker, role in dialect.markers.items():
        others = [other for other, its in dialect.markers.items() if its == role != marker]
        for other in others if text.count(marker) == 1 else ():
            told = message(family, text.replace(marker, other), begun="")
            assert [call.name for call in told.tool_calls] == [DEEP[0]], (marker, other)


@every_family
def test_fmt_4_an_empty_section(family: str):
    dialect = get_dialect(family)
    steps = dialect.transitions.items()
    begin = {role for (state, role), to in steps if (state, to) == (State.TEXT, State.SECTION)}
    end = {role for (state, role), to in steps if (state, to) == (State.SECTION, State.TEXT)}
    begin -= dialect.openings.keys()  # such tags mean nothing where no call follows
    for first in (marker for marker, role in dialect.markers.items() if role in begin):
        for last in (marker for marker, role in dialect.markers.items() if role in end):
            told = message(family, f"Hm. {first}{last}")
            assert (told.content.strip(), told.tool_calls) == ("Hm.", ())


@pytest.mark.parametrize("family", [one for one in NAMES if get_dialect(one).envelope])
def test_fmt_5_the_envelopes_keys(family: str):
    """In any order, by any of their names, and a key of the arguments may be called as they are."""
    dialect = get_dialect(family)
    assert dialect.envelope is not None
    tricky = {"name": "n", "arguments": {"name": "x"}}
    text = written(family, ("write_note", {"path": "PATH"}))
    if '"write_note"' not in text:
        return  # it writes calls otherwise, and reads these: see its fixtures
    for name in dialect.envelope.name:
        for arguments in dialect.envelope.arguments:
            told = json.dumps({arguments: tricky, name: "write_note"})
            assert calls_of(message(family, rewrap(text, told), begun="")) == [
                ("write_note", tricky)
            ]


def rewrap(text: str, envelope: str) -> str:
    """The text with another envelope in place of its own."""
    begin = text.index("{")
    _, length = json.JSONDecoder().raw_decode(text[begin:])
    return text[:begin] + envelope + text[begin + length :]


ENTITIES = ("a &lt;b&gt; &amp;&amp; c", "&quot;x&quot; &apos;y&apos; &#38; &#x26;", "&", "AT&T")


@every_family
@pytest.mark.parametrize("text", ENTITIES)
def test_xml_1_entities_are_as_they_are_written(family: str, text: str):
    """Renderers write `<` as `<`; so `&lt;` in a file is what the model means."""
    reads(family, ("write_note", {"body": text}))


@every_family
def test_xml_2_the_schema_types_the_values(family: str):
    call = ("write_note", {"body": "7", "path": "true", "count": 7, "is_dry": False, "tags": [1]})
    reads(family, call)
    reads(family, ("write_note", {"body": "null", "path": "[1, 2]"}))


# What is listed there as tested nowhere


@every_family
def test_unlisted_names_beyond_ascii(family: str):
    tools = [ToolSpec("wetter_für_köln", "", SCHEMA), ToolSpec("查询天气", "", SCHEMA)]
    for tool in tools:
        reads(family, (tool.name, {"path": "p"}), tools=tools)


@every_family
@pytest.mark.parametrize("number", [10**40, -(10**25), 1e300, 0.1, -0.0])
def test_unlisted_numbers_beyond_a_double(family: str, number: float):
    told = message(family, written(family, ("write_note", {"deep": {"n": number}})), begun="")
    assert json.dumps(number) in told.tool_calls[0].arguments


@every_family
def test_unlisted_more_than_10_kb(family: str):
    reads(family, BIG)


@every_family
def test_unlisted_arguments_that_nobody_declared(family: str):
    reads(family, ("write_note", {"path": "p", "surplus": "x"}))
    reads(family, ("heartbeat", {"surplus": "x"}))


@every_family
def test_unlisted_no_name(family: str):
    told = message(family, written(family, ("", {"path": "p"}), BEAT), begun="")
    assert all(call.name for call in told.tool_calls)
