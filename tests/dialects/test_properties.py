"""P3 to P11 of what parsers and renderers owe, in every family there is.

P1 (any chunking gives the same events), P2 (nothing is taken back), P6 (nothing raises) and P10
(twice the output is twice the work) are in tests/properties, over the same families; there the
others are too, for Kimi alone and harder.
"""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.dialects.every_family import (
    BEAT,
    NAMES,
    NO_ARGUMENTS,
    PROPERTIES,
    SCHEMA,
    TOOLS,
    Call,
    before_trigger,
    calls_of,
    cases,
    constrained,
    every_family,
    message,
    segments,
    written,
)
from tests.dialects.parse_cases import parse
from tests.properties.outputs import FAMILIES
from toolgate.core.assemble import assemble
from toolgate.core.conversation import Conversation, Message, Options, ToolCall, ToolSpec
from toolgate.core.dialect import Dialect, State
from toolgate.core.events import (
    Anomaly,
    ArgumentsDelta,
    Event,
    ReasoningDelta,
    TextDelta,
    ToolCallStart,
)
from toolgate.core.grammar import Bounds, CallRules, ToolRule
from toolgate.core.prompt import Prompt, Special
from toolgate.core.stream_parser import StreamParser
from toolgate.dialects import get_dialect
from toolgate.pipeline.enforcer.matcher import compile_matcher
from toolgate.pipeline.normalize import normalize
from toolgate.wire.openai_chat import ResponseHead, StreamEncoder, encode_response
from toolgate.wire.sse import SSEDecoder


def test_the_properties_of_tests_properties_hold_for_all_of_them():
    assert sorted(family.dialect.name for family in FAMILIES) == NAMES


texts = st.text(
    st.characters(codec="utf-8", exclude_characters="<>[]|｜{}`\r"), min_size=1, max_size=12
).filter(lambda text: text == text.strip())
values = st.fixed_dictionaries(
    {},
    optional={
        "path": texts,
        "body": texts.map(lambda text: f'"{text}"\n  {text}\\'),
        "count": st.integers(-(10**20), 10**20),
        "is_dry": st.booleans(),
        "tags": st.lists(texts | st.integers() | st.none(), max_size=3),
        "deep": st.dictionaries(texts, texts | st.floats(allow_nan=False, allow_infinity=False)),
    },
)
calls = st.lists(values.map(lambda value: ("write_note", value)), min_size=1, max_size=3)


@every_family
@settings(max_examples=20)
@given(made=calls)
def test_p3_calls_that_are_rendered_are_read_back(family: str, made: list[Call]):
    told = message(family, written(family, *made), begun="")
    assert calls_of(told) == made
    assert told.content.strip() == ""


@every_family
def test_p4_no_special_token_is_shown_but_in_arguments(family: str):
    dialect = get_dialect(family)
    for case in cases(family):
        expected = case.expect.content + case.expect.reasoning
        hidden = [one for one in dialect.special - dialect.tags if one not in expected]
        for event in parse(case, [(case.raw, None)]):
            if isinstance(event, TextDelta | ReasoningDelta):
                assert [one for one in hidden if one in event.text] == [], case.id


@every_family
def test_p5_no_word_is_lost(family: str):
    """A word that stands anywhere in an output is told: as text, in a call or in an anomaly.

    Headers, keys and envelopes apart: of these, what says nothing is left out.
    """
    dialect, dice = get_dialect(family), Random(family)
    spoken = {State.TEXT, State.REASONING, State.VALUE}
    spoken |= {State.ARGUMENTS} if dialect.envelope is None else set()
    for case in cases(family):
        for at in dice.sample(range(len(case.raw) + 1), min(12, len(case.raw))):
            parser = StreamParser(dialect, tools=TOOLS, prefill=case.prefill)
            said = told(parser.feed(case.raw[:at]))
            is_told = parser.state in spoken and said.endswith(case.raw[max(0, at - 2) : at])
            if is_told and not cuts_a_marker(dialect, case.raw, at):
                raw = f"{case.raw[:at]} zyzzyva {case.raw[at:]}"
                odd = replace(case, raw=raw, engine_finish_reason="stop")
                assert "zyzzyva" in told(parse(odd, [(raw, None)])), (case.id, raw)


def cuts_a_marker(dialect: Dialect, raw: str, at: int) -> bool:
    """Or stands behind one, whose meaning then is another."""
    return any(
        marker in raw[max(0, at - len(marker)) : at + len(marker)] for marker in dialect.markers
    )


def told(events: list[Event]) -> str:
    said: list[str] = []
    for event in events:
        match event:
            case TextDelta(text) | ReasoningDelta(text) | ArgumentsDelta(_, text):
                said.append(text)
            case ToolCallStart(_, _, name, native_id):
                said += [name, native_id]
            case Anomaly(_, raw, detail):
                said += [raw, detail]
    return "".join(said)


HEAD = ResponseHead(id="chatcmpl-1", created=1, model="m", system_fingerprint="f")


@every_family
def test_p7_a_stream_adds_up_to_the_whole_answer(family: str):
    for case in cases(family):
        events = parse(case, [(case.raw, None)])
        encoder = StreamEncoder(HEAD)
        frames = encoder.begin() + b"".join(encoder.feed([event]) for event in events)
        whole = json.loads(encode_response([assemble(events)], head=HEAD))["choices"][0]
        assert add_up(frames) == shape(whole), case.id


def add_up(frames: bytes) -> Any:
    said = {"content": "", "reasoning": ""}
    made: list[list[str]] = []
    reason = None
    for frame in SSEDecoder(limit=1 << 20).feed(frames):
        choice = json.loads(frame.data)["choices"][0]
        delta, reason = choice["delta"], choice["finish_reason"] or reason
        for key in said:
            said[key] += delta.get(key) or ""
        for call in delta.get("tool_calls", ()):
            if call["index"] == len(made):
                made.append([call["id"], call["function"]["name"], ""])
            made[call["index"]][2] += call["function"]["arguments"]
    return said["content"], said["reasoning"], made, reason


def shape(choice: dict[str, Any]) -> Any:
    said = choice["message"]
    made = [
        [call["id"], call["function"]["name"], call["function"]["arguments"]]
        for call in said.get("tool_calls", ())
    ]
    return said["content"] or "", said.get("reasoning", ""), made, choice["finish_reason"]


@every_family
def test_p8_what_was_normalised_is_normal(family: str):
    """And is rendered: whatever a client did to the calls that the family's models made."""
    for case in cases(family):
        answer = assemble(parse(case, [(case.raw, None)]))
        asked = Conversation(
            messages=(
                Message(role="user", content="Hi"),
                Message(role="assistant", content=answer.content, tool_calls=answer.tool_calls),
                *(
                    Message(role="tool", tool_call_id=call.id, content="ok")
                    for call in answer.tool_calls
                ),
            ),
            tools=tuple(TOOLS),
        )
        once, _ = normalize(asked)
        again, repairs = normalize(once)
        assert (again, repairs) == (once, ())
        assert get_dialect(family).render(again, None).segments


ORDERED = ("body", "count", "deep", "path", "tags")
"""A grammar holds arguments to one order: the schema's, or Kimi's own, which is the alphabet's."""
ALL: Call = (
    "write_note",
    {"body": "1 < 2\n {x}", "count": 7, "deep": {"a": [1]}, "path": "a b", "tags": ["x"]},
)
OTHER_FORMS = {
    "gpt_oss": "its template leaves out a token that its models write",
    "kimi_k3": "its matcher's form of the grammar has the arguments as one JSON text",
    "pythonic": "its grammar is of the JSON that it reads too",
}


@every_family
@pytest.mark.parametrize("call", [ALL, BEAT], ids=lambda call: call[0])
def test_p9_the_grammar_lets_through_what_is_rendered(family: str, call: Call):
    """That all it lets through is read without an anomaly is in test_conformance.py."""
    if family in OTHER_FORMS:
        return
    dialect = get_dialect(family)
    assert dialect.call_grammar is not None
    schema = {"type": "object", "properties": {key: PROPERTIES[key] for key in ORDERED}}
    rule = ToolRule(call[0], schema if call is ALL else NO_ARGUMENTS)
    constraint = dialect.call_grammar(CallRules(tools=(rule,), most=1, required=True))
    matcher = compile_matcher(constraint.calls, sorted(dialect.special), Bounds())
    text, begun = written(family, call), constrained(family, call)
    before = before_trigger(dialect, text[text.index(begun[:6]) + 1 :])
    held = text[text.index(begun[:6]) + len(before) :]
    taken = "".join(map(matcher.take, segments(family, held)))
    assert calls_of(message(family, before + taken)) == [call]


HOSTILE = ("{}", "a {} b", "{}{}", " {}\n")


@pytest.mark.parametrize("thinking", [False, True])
@every_family
def test_p11_text_from_outside_never_becomes_special(family: str, thinking: bool):
    dialect = get_dialect(family)
    for profile in dialect.profiles:
        for token in sorted({*dialect.special, *dialect.markers}):
            for form in HOSTILE:
                prompts = [
                    dialect.render(conversation(form.replace("{}", text), thinking), profile)
                    for text in (token, "harmless")
                ]
                assert specials(prompts[0]) == specials(prompts[1]), (profile, token)


def conversation(text: str, thinking: bool) -> Conversation:
    arguments = json.dumps({text: text, "a": [text]})
    call = ToolCall("functions.look:0", "look", arguments, as_text=False)
    schema = {"title": text, **SCHEMA}
    function = {"name": "look", "description": text, "parameters": schema}
    declared = {"type": "function", "function": function}
    return Conversation(
        messages=(
            Message(role="system", content=text),
            Message(role="user", content=text),
            Message(role="assistant", content=text, reasoning_content=text, tool_calls=(call,)),
            Message(role="tool", tool_call_id=call.id, name="look", content=text),
        ),
        tools=(ToolSpec("look", text, schema, declaration=declared),),
        options=Options(template={"thinking": thinking, "enable_thinking": thinking}),
    )


def specials(prompt: Prompt) -> list[str]:
    return [segment.text for segment in prompt.segments if isinstance(segment, Special)]
