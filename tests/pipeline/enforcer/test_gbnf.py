"""A turn's grammar: names, numbers, how many calls, and from when on it holds."""

import json
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from tests.pipeline.enforcer.gbnf_machine import Gbnf
from toolgate.core.chunk import Chunk
from toolgate.core.conversation import (
    Conversation,
    Message,
    Options,
    ToolCall,
    ToolChoice,
    ToolSpec,
)
from toolgate.core.grammar import (
    Alt,
    Bounds,
    CallRules,
    Constraint,
    Lit,
    Opt,
    Plus,
    Regex,
    Seq,
    ToolRule,
)
from toolgate.dialects import get_dialect
from toolgate.pipeline.enforcer import gbnf
from toolgate.pipeline.enforcer.constrain import AUTO
from toolgate.pipeline.enforcer.gbnf import NUMBERED, find_gbnf, write_gbnf
from toolgate.pipeline.enforcer.schema_fit import Dropped
from toolgate.pipeline.turn import Turn

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
NAMES = ("get_weather", "get_wind", "get", "mcp.files-read")
ASK = Conversation(
    messages=(Message(role="user", content="Hi"),),
    tools=tuple(ToolSpec(name, parameters=SCHEMA) for name in NAMES),
)


def held(family: str = "kimi_k2", conversation: Conversation = ASK, **more: Any) -> Constraint:
    turn = Turn(conversation, get_dialect(family), **{"enforcement": AUTO, **more})
    assert turn.constraint is not None
    return turn.constraint


def grammar(*given: Any, **more: Any) -> Gbnf:
    return Gbnf(write_gbnf(held(*given, **more), {}).grammar)


def call(index: int, name: str = "get_wind", arguments: str = '{"city": "Oslo"}') -> str:
    return (
        f"<|tool_call_begin|>functions.{name}:{index}<|tool_call_argument_begin|>{arguments}"
        "<|tool_call_end|>"
    )


def section(*calls: str) -> str:
    return f"<|tool_calls_section_begin|>{''.join(calls)}<|tool_calls_section_end|>"


@pytest.mark.parametrize("name", NAMES)
def test_every_declared_name_can_be_called(name: str):
    assert grammar().takes(section(call(0, name)))


@pytest.mark.parametrize("name", ["get_w", "get_weather_", "ge", "", "rm", "mcp.files"])
def test_no_other_name_can(name: str):
    assert not grammar().begins(section(call(0, name)))


def test_calls_are_numbered_on_from_the_conversation():
    made = Message(role="assistant", tool_calls=(ToolCall("a", "get", "{}"),) * 2)
    later = grammar(conversation=replace(ASK, messages=(*ASK.messages, made)))
    assert later.takes(section(call(2), call(3, "get"), call(4)))
    assert not later.begins(section(call(0))) and not later.begins(section(call(2), call(2)))


def test_a_section_has_a_call_and_the_turn_ends_with_it():
    assert not grammar().begins(section())
    assert not grammar().begins(section(call(0)) + "x")
    assert grammar().takes(call(0) + call(1)), "calls without their section are held as well"


def test_the_number_of_calls_is_bounded():
    calls = [call(index) for index in range(AUTO.most_calls + 1)]
    assert grammar().takes(section(*calls[:-1])) and not grammar().takes(section(*calls))
    alone = replace(ASK, options=Options(parallel_tool_calls=False))
    assert grammar(conversation=alone).takes(section(calls[0]))
    assert not grammar(conversation=alone).takes(section(*calls[:2]))


def test_of_many_tools_only_the_first_calls_have_their_exact_number():
    tools = tuple(ToolSpec(f"t{index}") for index in range(NUMBERED // 2))
    many = grammar(conversation=replace(ASK, tools=tools))
    first = [call(0, "t1", "{}"), call(1, "t9", "{}")]
    assert many.takes(section(*first, call(2, "t2", "{}")))
    assert many.takes(section(*first, call(77, "t2", "{}")))
    assert not many.begins(section(call(1, "t1", "{}")))


def test_free_text_ends_where_the_grammar_begins():
    written = write_gbnf(held(), {"<|tool_calls_section_begin|>": 42})
    assert written.triggers == ("<|tool_calls_section_begin|>", "<|tool_call_begin|>")
    assert "<[42]>" in written.grammar and '"<|tool_call_begin|>"' in written.grammar


@pytest.mark.parametrize(
    ("profile", "lead"),
    [("k2-0905", [""]), ("k2-thinking", ["", "<think>Hm < a</think>"]), ("k2.5", ["Hm.</think>"])],
)
def test_a_required_turn_is_held_from_its_first_token_on(profile: str, lead: list[str]):
    demanded = held(conversation=replace(ASK, tool_choice=ToolChoice("required")), profile=profile)
    written = write_gbnf(demanded, {})
    assert written.triggers == ()
    whole = Gbnf(written.grammar)
    for start in lead:
        assert whole.takes(start + section(call(0)))
    assert not whole.takes(section(call(0)) * 2) and not whole.takes("Hm.")
    assert not whole.begins("x</think>y</think>") and not whole.begins("<|im_end|>")


def test_a_named_turn_has_one_call_of_that_tool():
    named = grammar(conversation=replace(ASK, tool_choice=ToolChoice("named", "get")))
    assert named.takes(section(call(0, "get")))
    assert not named.begins(section(call(0, "get_wind")))
    assert not named.begins(section(call(0, "get"), call(1, "get")))


@pytest.mark.parametrize("family", ["kimi_k2", "kimi_k3"])
@pytest.mark.parametrize("mode", ["auto", "required"])
def test_what_it_writes_is_read_back_as_calls_that_fit(family: str, mode: Any):
    asked = replace(ASK, tool_choice=ToolChoice(mode))
    for seed in range(10):
        turn = Turn(asked, get_dialect(family), enforcement=AUTO)
        assert turn.constraint
        text = Gbnf(write_gbnf(turn.constraint, {}).grammar).write(Random(seed))
        if family == "kimi_k3" and mode == "auto":
            text = f"Hm.<|close|>think<|sep|>{text}"
        turn.receive(Chunk(text=text, finish_reason="stop"))
        turn.finish()
        odd = {anomaly.kind.value for anomaly in turn.message.anomalies}
        assert odd <= {"call_without_section", "missing_section_end", "empty_turn"}, text
        assert all(one.name in NAMES for one in turn.message.tool_calls)
        assert turn.message.tool_calls or family == "kimi_k3"
        for one in turn.message.tool_calls:
            assert "city" in json.loads(one.arguments)


def test_what_is_not_said_of_a_schema_is_told_once():
    tool = ToolSpec("a", parameters={"type": "object", "properties": {"x": {"not": {}}}})
    twice = replace(ASK, tools=(tool, replace(tool, name="b")))
    written = write_gbnf(held(conversation=twice), {})
    assert written.dropped == (Dropped("#/properties/x", "not"),)


def test_an_option_may_be_empty():
    tree = Seq((Alt((Seq(()), Lit("a"))), Lit("b")))
    whole = Gbnf(write_gbnf(Constraint(calls=tree, triggers=()), {}).grammar)
    assert whole.takes("b") and whole.takes("ab") and not whole.takes("a")


def test_the_other_nodes():
    tree = Seq((Opt(Lit("a")), Plus(Regex("[bc]{2}"), 2), Lit("")))
    whole = Gbnf(write_gbnf(Constraint(calls=tree, triggers=()), {}).grammar)
    assert whole.takes("abcbb") and whole.takes("bccbbb") and not whole.takes("abc")


def test_a_tool_set_is_written_once_whatever_number_its_calls_begin_with(monkeypatch):
    tools = (ToolRule("written_once", {"type": "object", "properties": {"a": {"enum": [1, 2]}}}),)
    grammar = get_dialect("kimi_k2").call_grammar
    assert grammar is not None
    first, later = (grammar(CallRules(tools=tools, first_index=n)) for n in (0, 7))
    assert find_gbnf(first, {}) is None
    written = write_gbnf(first, {}).grammar
    monkeypatch.setattr(gbnf, "_write", None)  # nothing is written any more
    found = find_gbnf(later, {})
    assert found is not None and found.grammar == write_gbnf(later, {}).grammar
    assert 'number0 ::= "0"\n' in written and 'number0 ::= "7"\n' in found.grammar


def test_another_schema_bound_or_vocabulary_is_another_grammar():
    grammar = get_dialect("kimi_k2").call_grammar
    assert grammar is not None
    rules = CallRules(tools=(ToolRule("look", {"type": "object", "properties": {"b": {}}}),))
    write_gbnf(grammar(rules), {})
    others = (
        replace(rules, tools=(ToolRule("look", {"type": "object", "properties": {"c": {}}}),)),
        replace(rules, bounds=Bounds(string=9)),
        replace(rules, most=3),
    )
    assert [find_gbnf(grammar(one), {}) for one in others] == [None] * 3
    assert find_gbnf(grammar(rules), {"<|tool_call_end|>": 7}) is None
