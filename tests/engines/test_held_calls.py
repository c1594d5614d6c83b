"""A real llama.cpp is held to declared tools and their schemas, whatever the model wants."""

import json
from random import Random
from typing import Any

import pytest

from tests.engines.parrot_gguf import token_id
from tests.pipeline.enforcer.tool_sets import random_tools
from toolgate.core.conversation import Conversation, Message, Options, ToolChoice, ToolSpec
from toolgate.core.events import AnomalyKind
from toolgate.dialects import get_dialect
from toolgate.engines.driver import run
from toolgate.engines.llama_cpp import LlamaCppEngine
from toolgate.pipeline.enforcer import BOUNDED
from toolgate.pipeline.turn import Turn

KIMI = get_dialect("kimi_k2")
HALF_CHARACTERS = {str(byte): -10_000.0 for byte in range(0xC0, 0x100)}
"""llama.cpp's grammars take bytes that are no UTF-8 for characters, and count them as one each; the
server then prints several U+FFFD. Chance alone writes such bytes."""
WRONG = {
    AnomalyKind.UNDECLARED_TOOL,
    AnomalyKind.UNRESOLVED_CALL,
    AnomalyKind.SCHEMA_VIOLATION,
    AnomalyKind.INVALID_ARGUMENTS,
    AnomalyKind.HEALED_ARGUMENTS,
}


def chance(**more: Any) -> Options:
    """At this temperature the parrot says anything."""
    return Options(temperature=1000.0, logit_bias=HALF_CHARACTERS, max_tokens=4000, **more)


async def answer(engine: LlamaCppEngine, conversation: Conversation, profile: str) -> Turn:
    ids = await engine.marker_ids(sorted(KIMI.special))
    turn = Turn(conversation, KIMI, profile=profile, marker_ids=ids, enforcement=BOUNDED)
    async for _ in run(turn, engine):
        pass
    return turn


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mode", ["required", "named"])
async def test_a_call_that_is_demanded_is_made_and_fits(
    llama: LlamaCppEngine, mode: Any, seed: int
):
    tools = random_tools(Random(seed), most=8)
    choice = ToolChoice(mode, tools[-1].name if mode == "named" else None)
    asked = Conversation(
        messages=(Message(role="user", content="Hi"),),
        tools=tools,
        tool_choice=choice,
        options=chance(seed=seed),
    )
    profile = ("k2-0905", "k2.5")[seed % 2]  # without thinking, and with
    message = (await answer(llama, asked, profile)).message
    assert not {anomaly.kind for anomaly in message.anomalies} & WRONG
    assert message.finish_reason == "tool_calls"
    assert message.tool_calls
    if mode == "named":
        assert [call.name for call in message.tool_calls] == [tools[-1].name]


async def test_where_a_call_may_be_made_text_stays_free_and_calls_fit(llama: LlamaCppEngine):
    begin = next(
        i
        for i, one in (await llama.marker_ids(sorted(KIMI.special))).items()
        if "section_begin" in one
    )
    tools = random_tools(Random(5), most=8)
    asked = Conversation(messages=(Message(role="user", content="Hi"),), tools=tools)
    bias = {**HALF_CHARACTERS, str(begin): 3000.0}
    options = Options(temperature=1000.0, logit_bias=bias, max_tokens=4000, seed=3)
    turn = await answer(
        llama, Conversation(messages=asked.messages, tools=tools, options=options), "k2.5"
    )
    assert turn.message.tool_calls and "<|tool_calls_section_begin|>" in turn.output
    assert not {anomaly.kind for anomaly in turn.message.anomalies} & WRONG


async def test_a_turn_without_tools_is_not_held(llama: LlamaCppEngine):
    asked = Conversation(messages=(Message(role="user", content="Hi"),), options=chance(seed=1))
    assert (await answer(llama, asked, "k2-0905")).constraint is None


async def test_a_token_that_is_never_printed_does_not_pass_for_text(llama: LlamaCppEngine):
    """`[BOS]` would count as five characters of a string, of which none comes."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "minLength": 4, "maxLength": 16}},
    }
    tool = ToolSpec("x", parameters={**schema, "required": ["a"]})
    asked = Conversation(
        messages=(Message(role="user", content="Hi"),),
        tools=(tool,),
        tool_choice=ToolChoice("required"),
        options=Options(temperature=0, logit_bias={str(token_id("[BOS]")): 100, **HALF_CHARACTERS}),
    )
    (call,) = (turn := await answer(llama, asked, "k2-0905")).message.tool_calls
    assert not turn.message.anomalies
    assert len(json.loads(call.arguments)["a"]) >= 4
