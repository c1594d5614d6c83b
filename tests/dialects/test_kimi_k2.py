"""Kimi K2's prompts: the vendor's own examples, the rules one by one, and hostile texts."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import toolgate
from toolgate.core.conversation import (
    Conversation,
    MediaPart,
    Message,
    Options,
    ToolCall,
    ToolSpec,
)
from toolgate.core.prompt import Plain, Prompt, Special
from toolgate.dialects.kimi_k2 import DIALECT, PROFILES, TOKEN_IDS, render
from toolgate.errors import UnknownModel

LINES = (Path(__file__).parent / "kimi_k2/render/cases.jsonl").read_text("utf-8").splitlines()
CASES = {case["id"]: case for case in map(json.loads, LINES)}
HEADER = "<|im_assistant|>assistant<|im_middle|>"
TOKENS = (
    *("[BOS]", "[EOS]", "[EOT]", "[UNK]", "[PAD]", "<|im_end|>", "<|im_user|>", "<|im_assistant|>"),
    *("<|im_system|>", "<|im_middle|>", "<|start_header_id|>", "<|end_header_id|>"),
    *("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>"),
    *("<|tool_call_argument_begin|>", "<|tool_call_end|>", "<think>", "</think>"),
    *("<|media_begin|>", "<|media_content|>", "<|media_end|>", "<|media_pad|>"),
)
HOSTILE = "".join(TOKENS)
WEATHER = ToolSpec(
    "get_weather",
    declaration={"type": "function", "function": {"name": "get_weather", "description": "Sky"}},
)


def ask(*messages: Message, tools: tuple[ToolSpec, ...] = (), **template: Any) -> Conversation:
    return Conversation(messages=messages, tools=tools, options=Options(template=template))


def user(text: str = "Hi") -> Message:
    return Message(role="user", content=text)


def calls(*ids: str, **fields: Any) -> Message:
    made = tuple(ToolCall(id, "f", "{}") for id in ids)
    return Message(role="assistant", tool_calls=made, **fields)


def specials(prompt: Prompt) -> list[str]:
    return [segment.text for segment in prompt.segments if isinstance(segment, Special)]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_vendors_examples(case):
    prompt = toolgate.render(case["request"], profile=case["profile"], normalize=False)
    assert str(prompt) == case["prompt"]


@pytest.mark.parametrize(
    ("profile", "template", "prefill"),
    [
        ("k2-instruct", {}, ""),
        ("k2-0905", {"thinking": False}, ""),
        ("k2-thinking", {}, ""),
        ("k2-thinking", {"thinking": False}, ""),
        ("k2.5", {}, "<think>"),
        ("k2.5", {"thinking": None}, "<think>"),
        ("k2.5", {"thinking": False}, "<think></think>"),
        ("k2.6", {"thinking": False, "preserve_thinking": True}, "<think></think>"),
        ("k2.7-code", {"thinking": False}, "<think>"),
        ("nano", {}, "<think></think>"),
        ("nano", {"thinking": None}, "<think></think>"),
        ("nano", {"thinking": True}, "<think>"),
    ],
)
def test_the_prompt_ends_in_the_assistants_header_and_the_prefill(profile, template, prefill):
    prompt = render(ask(user(), **template), profile)
    assert prompt.prefill == prefill
    assert str(prompt).endswith(HEADER + prefill)
    last = {"": "<|im_middle|>", "<think>": "<think>", "<think></think>": "</think>"}
    assert prompt.segments[-1] == Special(last[prefill])


def test_without_a_generation_prompt_the_last_turn_is_the_end():
    prompt = render(ask(user(), add_generation_prompt=False), "k2.5")
    assert str(prompt) == "<|im_user|>user<|im_middle|>Hi<|im_end|>"
    assert prompt.prefill == ""


def test_the_first_profile_is_the_default():
    assert render(ask(user()), None) == render(ask(user()), DIALECT.profiles[0])


def test_an_unknown_profile_names_the_known_ones():
    with pytest.raises(
        UnknownModel, match=r"'k3'.*k2-instruct, k2-0905, k2-thinking, k2\.5"
    ) as got:
        render(ask(user()), "k3")
    assert got.value.param == "profile"


def test_nano_is_written_as_k2_5_is():
    conversation = ask(user(), calls("a", reasoning_content="r"), tools=(WEATHER,), thinking=True)
    assert render(conversation, "nano") == render(conversation, "k2.5")


@pytest.mark.parametrize(
    ("profile", "template", "kept"),
    [
        ("k2-thinking", {}, ["", "", "now"]),
        ("k2.5", {}, ["", "", "now"]),
        ("k2.5", {"thinking": False}, ["", "", ""]),
        ("k2.5", {"preserve_thinking": True}, ["", "", "now"]),
        ("k2.6", {"preserve_thinking": True}, ["before", "then", "now"]),
        ("k2.6", {"preserve_thinking": True, "thinking": False}, ["before", "then", "now"]),
        ("k2.7-code", {"preserve_thinking": False}, ["before", "then", "now"]),
    ],
)
def test_reasoning_that_stays_in_the_prompt(profile, template, kept):
    conversation = ask(
        calls("functions.f:0", reasoning_content="before"),
        Message(role="assistant", content="42", reasoning_content="then"),
        calls("functions.f:1", reasoning_content="now"),
        **template,
    )
    turns = str(render(conversation, profile)).split("<|im_assistant|>")[1:4]
    assert [turn.split("<think>")[1].split("</think>")[0] for turn in turns] == kept


def test_a_call_is_its_id_and_its_arguments_byte_for_byte():
    arguments = '{"b" :1,\n"a":"\\u00e9"}'
    call = ToolCall("functions.f:0", "f", arguments)
    prompt = render(ask(Message(role="assistant", tool_calls=(call,))), "k2-instruct")
    assert (
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0"
        f"<|tool_call_argument_begin|>{arguments}<|tool_call_end|><|tool_calls_section_end|>"
    ) in str(prompt)


CALL = '<|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{"city": "Oslo"}'


@pytest.mark.parametrize(
    ("prefill", "raw", "anomalies"),
    [
        ("", f"<|tool_calls_section_begin|>{CALL}<|tool_call_end|>", ["missing_section_end"]),
        ("", f"<|tool_calls_section_begin|>{CALL}", ["missing_call_end"]),
        ("", f"{CALL}<|tool_call_end|>", ["call_without_section"]),
        (
            "<think>",
            f"I look.<|tool_calls_section_begin|>{CALL}<|tool_call_end|><|tool_calls_section_end|>",
            ["call_in_reasoning"],
        ),
    ],
)
def test_f7_a_call_is_found_whatever_is_left_unclosed(prefill, raw, anomalies):
    message = toolgate.parse(raw, dialect="kimi_k2", tools=[WEATHER.declaration], prefill=prefill)
    assert [(call.name, call.arguments) for call in message.tool_calls] == [
        ("get_weather", '{"city": "Oslo"}')
    ]
    assert message.finish_reason == "tool_calls"
    assert message.content == ""
    assert [anomaly.kind for anomaly in message.anomalies] == anomalies


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_f8_a_forced_call_goes_on_with_the_familys_own_count(turns):
    """In no grammar of another family's: the id that the model would write next."""
    history = [
        calls(f"functions.f:{2 * turn}", f"functions.f:{2 * turn + 1}") for turn in range(turns)
    ]
    assert DIALECT.force_call is not None
    forced = DIALECT.force_call(ask(user(), *history, tools=(WEATHER,)), "k2-0905", "get_weather")
    assert Plain(f"functions.get_weather:{2 * turns}") in forced


def test_one_tool_without_words_for_it_turns_them_all_to_json():
    odd = {"name": "odd", "parameters": {"type": "object", "properties": {"a": {"oneOf": []}}}}
    tools = (WEATHER, ToolSpec("odd", declaration={"type": "function", "function": odd}))
    assert "namespace functions {\n// Sky" in str(render(ask(user(), tools=(WEATHER,)), "k2.5"))
    assert str(render(ask(user(), tools=tools), "k2.5")).startswith(
        '<|im_system|>tool_declare<|im_middle|>[{"function":{"description":"Sky","name":"get_weather"}'
        ',"type":"function"},{"function":{"name":"odd","parameters":{"properties":{"a":{"oneOf":[]}}'
    )


# Hostile texts


def conversation_full_of(text: str) -> Conversation:
    """Whatever comes from outside is `text`, wherever something can come from outside."""
    declaration = {
        "type": "function",
        "function": {
            "name": text,
            "description": text,
            "parameters": {"type": "object", "properties": {text: {"type": "string"}}},
        },
    }
    return ask(
        Message(role="system", content=text, name=text),
        Message(role="user", content=text, name=text),
        Message(
            role="assistant",
            content=text,
            name=text,
            reasoning_content=text,
            reasoning=text,
            tool_calls=(ToolCall(text, text, text),),
        ),
        Message(role="tool", content=text, name=text, tool_call_id=text),
        Message(role=text, content=text),
        tools=(ToolSpec(text, declaration=declaration),),
        preserve_thinking=True,
    )


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("token", [HOSTILE, *TOKENS])
def test_tokens_spelled_by_others_stay_text(profile, token):
    harmless = render(conversation_full_of("x"), profile).segments
    hostile = render(conversation_full_of(token), profile).segments
    assert (
        tuple(
            Plain(segment.text.replace(token, "x")) if isinstance(segment, Plain) else segment
            for segment in hostile
        )
        == harmless
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_the_token_ids_of_the_structure_are_the_same_whatever_the_texts_spell(profile):
    """What an engine that gets ids is given: special tokens from `Special` segments alone."""
    ids = {spelling: token for token, spelling in TOKEN_IDS.items()}

    def structure(text: str) -> list[int]:
        return [
            ids[token]
            for token in specials(render(conversation_full_of(text), profile))
            if token in ids
        ]

    assert structure(HOSTILE) == structure("harmless")
    assert structure(HOSTILE).count(ids["<|im_end|>"]) == 6


@given(st.text())
def test_no_text_makes_a_special_segment(text):
    hostile = render(conversation_full_of(f"x{text}"), "k2.6")  # "x": it shall name no role
    assert specials(hostile) == specials(render(conversation_full_of("x"), "k2.6"))


def test_words_that_the_template_writes_are_plain():
    prompt = render(conversation_full_of("x"), "k2.5")
    assert Plain("tool_declare") in prompt.segments
    assert Plain("## Return of x\nx") in prompt.segments


@pytest.mark.parametrize(("profile", "kind"), [("k2-thinking", Plain), ("k2.5", Special)])
def test_the_begin_of_media_is_a_token_since_k2_5_only(profile, kind):
    prompt = render(ask(Message(role="user", content=(MediaPart("image"),))), profile)
    begin = next(segment for segment in prompt.segments if segment.text.startswith("<|media_"))
    assert isinstance(begin, kind)


def test_ids_are_those_that_the_parser_reads():
    assert DIALECT.write_id is not None
    assert DIALECT.write_id("get_weather", 3) == "functions.get_weather:3"
