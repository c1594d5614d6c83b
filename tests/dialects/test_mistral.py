"""What is Mistral's own: two tokenizers' prompts, ids of nine characters, and lists of calls."""

import re

import toolgate
from toolgate.core.conversation import Conversation, Message, ToolCall, ToolSpec
from toolgate.core.dialect import Header
from toolgate.core.grammar import CallRules, Regex, ToolRule
from toolgate.core.prompt import Plain, Special
from toolgate.dialects.mistral import DIALECT, call_grammar, force_call, read_header, render

USER = Message(role="user", content="Hi")
TOOLS = (ToolSpec("f"),)


def prompt(*messages: Message, profile: str | None = None) -> str:
    return str(render(Conversation(messages=messages, tools=TOOLS), profile))


def test_reasoning_is_written_as_thinking():
    said = Message(role="assistant", content="Yes.", reasoning_content="Hm.")
    assert prompt(USER, said).endswith("[INST]Hi[/INST][THINK]Hm.[/THINK]Yes.</s>")


def test_what_a_system_prompt_spells_is_text_and_the_default_prompts_tags_are_tokens():
    system = Message(role="system", content="[THINK]")
    assert Plain("[THINK]") in render(Conversation(messages=(system, USER))).segments
    assert Special("[THINK]") in render(Conversation(messages=(USER,))).segments
    assert "HOW YOU SHOULD THINK" not in prompt(USER, profile="v11")


def test_a_later_system_message_keeps_its_tags():
    text = prompt(USER, Message(role="system", content="S"))
    assert text.endswith("[SYSTEM_PROMPT]S[/SYSTEM_PROMPT]")


def test_v11_has_ids_of_nine_characters_which_results_share():
    call = ToolCall("functions.f:0", "f", "{}")
    told = Message(role="tool", tool_call_id=call.id, content="x")
    text = prompt(USER, Message(role="assistant", tool_calls=(call,)), told, profile="v11")
    written = text.split("[CALL_ID]")[1].split("[ARGS]")[0]
    assert len(written) == 9 and written.isalnum()
    assert f"[TOOL_RESULTS]{written}[TOOL_CONTENT]x[/TOOL_RESULTS]" in text
    kept = prompt(Message(role="tool", tool_call_id="abcDEF123", content="x"), profile="v11")
    assert "[TOOL_RESULTS]abcDEF123" in kept


def test_v11_declares_tools_before_the_last_question():
    text = prompt(Message(role="user", content="first"), USER, profile="v11")
    assert text.index("first") < text.index("[AVAILABLE_TOOLS]") < text.index("[INST]Hi")


def test_a_header_may_tell_an_id():
    assert read_header("f[CALL_ID]abcDEF123", TOOLS) == Header("f", True, "abcDEF123")


def test_v11_has_an_id_before_forced_and_held_arguments():
    asked = Conversation(messages=(USER,))
    assert force_call(asked, "v11", "f") == (Special("[TOOL_CALLS]"), Plain("f"))
    rules = CallRules(tools=(ToolRule("f", True),), profile="v11")
    assert repr(Regex("[a-zA-Z0-9]{9}")) in repr(call_grammar(rules))


def test_text_without_tools_is_no_call():
    text = '[{"name": "f", "arguments": {}}]'
    assert toolgate.parse(text, dialect="mistral").content == text


def test_ids_have_nine_characters_and_none_comes_twice():
    assert DIALECT.write_id is not None
    ids = {DIALECT.write_id(name, index) for name in ("get_weather", "f") for index in range(50)}
    assert len(ids) == 100
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", one) for one in ids)
