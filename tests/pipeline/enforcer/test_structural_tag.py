"""Structural tags: the shapes that xgrammar 0.2.8 takes, with ids for all special tokens."""

import re
from typing import Any

import pytest
from msgspec.structs import replace

from tests.pipeline.enforcer.gbnf_machine import Gbnf
from tests.pipeline.enforcer.test_gbnf import ASK, NAMES, held
from toolgate.core.conversation import Options, ToolChoice, ToolSpec
from toolgate.core.grammar import Alt, Constraint, Lit, Opt, Regex, Seq, Tok, special_tokens
from toolgate.dialects import get_dialect, list_dialects
from toolgate.pipeline.enforcer.constrain import BOUNDED
from toolgate.pipeline.enforcer.schema_fit import Dropped
from toolgate.pipeline.enforcer.structural_tag import (
    find_structural_tag,
    write_probe_tag,
    write_structural_tag,
)

ONE = replace(ASK, tools=(ToolSpec("get", parameters={"properties": {"x": {"not": {}}}}),))
FAMILIES = sorted(name for name in list_dialects() if get_dialect(name).call_grammar)


def ids(family: str = "kimi_k2") -> dict[str, int]:
    return {text: number for number, text in get_dialect(family).token_ids.items()}


def tag(constraint: Constraint, family: str = "kimi_k2") -> Any:
    written = write_structural_tag(constraint, ids(family))
    assert written is not None
    assert written.tag["type"] == "structural_tag"
    return written.tag["format"]


def read(written: Any) -> Gbnf:
    """xgrammar's language is llama.cpp's, but for tokens, which here become text."""
    assert written["type"] == "grammar"
    return Gbnf(re.sub(r"Token\((\d+)\)", r'"<[\1]>"', written["grammar"]))


def test_text_is_free_until_the_section_begins():
    whole = tag(held(conversation=ONE))
    ((trigger, calls),) = whole["rules"]
    assert (whole["type"], trigger, whole["loop"]) == ("token_dispatch", 163595, False)
    assert whole["exclude_tokens"] == [163597]
    call = "<[163597]>functions.get:{}<[163598]>{}<[163599]>"
    assert read(calls).takes(call.format(7, "{}") + call.format(0, '{"x": 1}') + "<[163596]>")
    for wrong in ("", "<[163596]>", call.format("07", "{}"), call.format(0, "{1}")):
        assert not read(calls).takes(wrong + "<[163596]>")


def test_one_call_and_several_tools():
    alone = replace(ASK, options=Options(parallel_tool_calls=False))
    calls = read(tag(held(conversation=alone))["rules"][0][1])
    first, second = (
        f'<[163597]>functions.{name}:0<[163598]>{{"city": "x"}}<[163599]>' for name in NAMES[:2]
    )
    assert calls.takes(f"{first}<[163596]>") and calls.takes(f"{second}<[163596]>")
    assert not calls.takes(f"{first}{second}<[163596]>")


@pytest.mark.parametrize(
    ("profile", "lead"), [("k2-0905", ""), ("k2.5", "Hm.<[163607]>"), ("k2-thinking", "")]
)
def test_a_required_turn_is_held_as_a_whole(profile: str, lead: str):
    demanded = replace(ONE, tool_choice=ToolChoice("required"))
    whole = read(tag(held(conversation=demanded, profile=profile)))
    section = "<[163595]><[163597]>functions.get:0<[163598]>{}<[163599]><[163596]>"
    assert whole.takes(lead + section)
    assert not whole.takes(f"Hi{lead}")


@pytest.mark.parametrize("mode", ["auto", "required"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_held(family: str, mode: Any):
    constraint = held(family, replace(ASK, tool_choice=ToolChoice(mode)))
    numbers = {text: 1000 + index for index, text in enumerate(special_tokens(constraint))}
    written = write_structural_tag(constraint, numbers)
    assert written is not None
    whole = written.tag["format"]
    assert read(whole if mode == "required" else whole["rules"][0][1])


STRING = {"type": "string"}
UNIT = {"enum": ["c", 1]}
KEYED = replace(
    ASK,
    tools=(
        ToolSpec(
            "get",
            parameters={
                "properties": {"s": STRING, "u": UNIT},
                "required": ["s"],
                "additionalProperties": {"type": "null"},
            },
        ),
    ),
)


def test_members_in_tags_of_text():
    calls = read(tag(held("qwen3_coder", conversation=KEYED), "qwen3_coder")["rules"][0][1])
    known = ids("qwen3_coder")
    end = f"<[{known['</tool_call>']}]><[{known['<|im_end|>']}]>"
    value = "<parameter={}>\n{}\n</parameter>\n"
    for unit, fits in (("c", True), ("1", True), ("d", False)):
        members = value.format("s", "a < b") + value.format("u", unit)
        text = f"\n<function=get>\n{members}</function>\n{end}"
        assert calls.takes(text) == fits


def test_what_is_left_out_is_named():
    written = write_structural_tag(held(conversation=ONE), ids())
    assert written and written.dropped == (Dropped("#/properties/x", "not"),)


def test_a_vocabulary_without_a_marker_takes_no_tag():
    assert write_structural_tag(held(), {}) is None


def test_calls_that_begin_with_text_are_not_found():
    tree = Seq((Opt(Lit("a")), Regex("b")))
    written = write_structural_tag(Constraint(calls=tree, triggers=(), required=True), {})
    assert written and read(written.tag["format"]).takes("ab")


def test_only_what_begins_with_the_trigger_follows_it():
    tree = Alt((Lit("x"), Seq((Tok("<a>"), Lit("y")))))
    written = write_structural_tag(Constraint(calls=tree, triggers=("<a>",)), {"<a>": 7})
    assert written
    ((trigger, rest),) = written.tag["format"]["rules"]
    assert trigger == 7 and read(rest).takes("y") and not read(rest).takes("x")


def test_a_probe_lets_nothing_else_be_said():
    assert read(write_probe_tag("a-b", 5)["format"]).takes("a-b<[5]>")


@pytest.mark.parametrize(("most", "is_counted"), [(32, True), (33, False)])
def test_a_long_string_is_not_counted_as_xgrammar_would_take_minutes(most: int, is_counted: bool):
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": most}}}
    tools = (ToolSpec("f", parameters=schema),)
    whole = tag(held(conversation=replace(ASK, tools=tools, tool_choice=ToolChoice("required"))))
    assert (len(whole["grammar"].splitlines()) > most) is is_counted


@pytest.mark.parametrize("family", ["kimi_k2", "qwen3_coder"])
def test_a_bounded_string_has_so_many_tokens(family: str):
    """What xgrammar would count in minutes; a string without bounds needs no count."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}}
    tools = (ToolSpec("f", parameters=schema),)
    asked = replace(ASK, tools=tools, tool_choice=ToolChoice("required"))
    whole = tag(held(family, asked, enforcement=BOUNDED), family)
    assert f"[max_tokens={BOUNDED.bounds.string}]" in whole["grammar"] and read(whole)
    assert "max_tokens" not in tag(held(family, asked), family)["grammar"]


def test_a_tool_set_that_came_lately_is_found_without_writing():
    tree = Seq((Tok("<a>"), Lit("only here")))
    constraint, ids = Constraint(calls=tree, triggers=("<a>",)), {"<a>": 7}
    assert find_structural_tag(constraint, ids) is None
    written = write_structural_tag(constraint, ids)
    assert written is not None and find_structural_tag(constraint, ids) is written
    assert write_structural_tag(constraint, ids) is written
    assert find_structural_tag(constraint, {"<a>": 8}) is None
