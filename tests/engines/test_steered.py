"""Steering where it meets an engine: the requests, who is stopped, and the real llama.cpp."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from random import Random
from typing import Any

import pytest

from tests.pipeline.enforcer.tool_sets import random_tools
from toolgate.core.chunk import Chunk
from toolgate.core.conversation import Conversation, Message, Options, ToolChoice, ToolSpec
from toolgate.core.events import AnomalyKind, Event, Finish, TextDelta
from toolgate.dialects import get_dialect
from toolgate.engines.driver import run
from toolgate.engines.engine import Capabilities, GenerateRequest
from toolgate.engines.llama_cpp import LlamaCppEngine
from toolgate.engines.replay import Pause, ReplayEngine, Step, pieces
from toolgate.engines.steered import generate_steered, open_steering
from toolgate.errors import (
    ContextOverflow,
    EngineProtocolError,
    EngineRefused,
    InvalidRequest,
    ToolgateError,
)
from toolgate.pipeline.call_report import Verdict
from toolgate.pipeline.enforcer import AUTO, BOUNDED
from toolgate.pipeline.tier import Tier
from toolgate.pipeline.turn import Turn

KIMI = get_dialect("kimi_k2")
SECTION, SECTION_END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
BODY, END = "<|tool_call_argument_begin|>", "<|tool_call_end|>"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ANYHOW = Options()
AUTO_CHOICE = ToolChoice()
STOP = Chunk(finish_reason="stop")


def turn(options: Options = ANYHOW, choice: ToolChoice = AUTO_CHOICE) -> Turn:
    conversation = Conversation(
        messages=(Message(role="user", content="Weather?"),),
        tools=(ToolSpec("get_weather", parameters=SCHEMA),),
        options=options,
        tool_choice=choice,
    )
    return Turn(conversation, KIMI, enforcement=AUTO)


def playing(script: Callable[[str], Iterable[Step]]) -> ReplayEngine:
    """An engine without grammars; the script hears what the answer's prompt ends with."""
    return ReplayEngine(
        lambda prompt: script(prompt.rpartition("<|im_middle|>")[2]),
        capabilities=Capabilities(kind="plain", grammar="none", logprobs=False),
    )


def call(name: str, arguments: str, index: int = 0) -> str:
    begin = f"{SECTION}<|tool_call_begin|>functions.{name}:{index}"
    return f"{begin}{BODY}{arguments}{END}{SECTION_END}"


def misnaming(said: str) -> Iterable[Step]:
    """Calls a tool that is not there, and goes on well."""
    text = call("get_weather", '{"city": "Oslo"}').removeprefix(said)
    return [*pieces(text if said else call("weather", "{}", 7), 4), STOP]


async def events_of(turn: Turn, engine: ReplayEngine) -> list[Event]:
    return [event async for events in run(turn, engine) for event in events]


async def test_a_wrong_name_is_corrected_on_the_way():
    one, engine = turn(), playing(misnaming)
    await events_of(one, engine)
    (called,) = one.message.tool_calls
    assert (called.name, called.arguments) == ("get_weather", '{"city": "Oslo"}')
    assert one.message.anomalies == () and one.message.finish_reason == "tool_calls"
    assert one.steering is not None and one.steering.requests == 1
    assert one.trace().steering == one.steering
    first, second = (str(request.prompt) for request in engine.requests)
    begun = f'functions.get_weather:0{BODY}{{"city": "'
    assert second.startswith(first) and second.endswith(begun)
    assert [request.constraint for request in engine.requests] == [None, None]
    assert engine.running == 0


@pytest.mark.parametrize(
    "capabilities",
    [
        Capabilities(kind="with grammars", grammar="gbnf"),
        Capabilities(kind="chat", grammar="none", prompts="messages"),
    ],
    ids=lambda one: one.kind,
)
async def test_other_engines_are_left_alone(capabilities: Capabilities):
    one, engine = turn(), ReplayEngine(misnaming, capabilities=capabilities)
    await events_of(one, engine)
    assert engine.requests[0].constraint is one.constraint
    assert one.steering is None


async def test_a_turn_that_has_enough_stops_the_engine():
    one = turn(Options(parallel_tool_calls=False))
    engine = playing(lambda said: [*pieces(call("get_weather", '{"city": ""}'), 4), Pause()])
    assert (await events_of(one, engine))[-1] == Finish("tool_calls")
    assert engine.running == 0 and len(engine.requests) == 1


async def test_closing_stops_the_engine():
    engine = playing(lambda said: [*pieces("Hello", 2), Pause()])
    async with aclosing(run(turn(), engine)) as events:
        async for _ in events:
            assert engine.running == 1
            break
    assert engine.running == 0


async def test_an_engine_that_fails_is_heard():
    engine = playing(lambda said: [Chunk(text="Hi"), EngineProtocolError("cut")])
    with pytest.raises(EngineProtocolError, match="cut"):
        await events_of(turn(), engine)


FULL = (
    "http://127.0.0.1:1 answered 400 to /completion: request (4096 tokens) exceeds the available "
    "context size (4096 tokens), try increasing it"
)


def refusing(error: ToolgateError, *, at: int) -> ReplayEngine:
    """Errs in its call's name, and has no room for the request with this number, from 0."""

    def script(said: str) -> Iterator[Step]:
        if len(engine.requests) == at + 1:
            raise error
        yield from misnaming(said)

    engine = playing(script)
    return engine


@pytest.mark.parametrize(
    "error",
    [EngineRefused(FULL, status=400), ContextOverflow(prompt_tokens=4096, limit=4096)],
    ids=["in the engine's words", "in ours"],
)
async def test_an_answer_that_fills_the_context_ends_as_cut(error: ToolgateError):
    one = turn()
    assert (await events_of(one, refusing(error, at=1)))[-1] == Finish("length")
    (cut,) = one.message.tool_calls
    assert (cut.name, cut.arguments) == ("get_weather", '{"city": "')
    assert [anomaly.kind for anomaly in one.message.anomalies] == [AnomalyKind.CUT_CALL]


@pytest.mark.parametrize("choice", [AUTO_CHOICE, ToolChoice("required")])
async def test_a_prompt_that_fills_the_context_is_refused(choice: ToolChoice):
    with pytest.raises(ContextOverflow):
        full = ContextOverflow(prompt_tokens=4096, limit=4096)
        await events_of(turn(choice=choice), refusing(full, at=0))


async def test_what_else_an_engine_refuses_on_the_way_is_told():
    error = EngineRefused("Requested sample logprobs of 20, which is too many", status=400)
    with pytest.raises(EngineRefused, match="logprobs"):
        await events_of(turn(), refusing(error, at=1))


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_the_clients_stop_strings_end_the_answer(size: int):
    one = turn(Options(stop=("END", "Oslo")))
    engine = playing(lambda said: [*pieces("Hello EN END of all", size), Pause()])
    events = await events_of(one, engine)
    assert one.message.content == "Hello EN "
    assert events[-1] == Finish("stop", "END")
    assert engine.running == 0 and engine.requests[0].options.stop == ()


async def test_half_a_stop_string_goes_out_at_the_end_and_before_a_call():
    one = turn(Options(stop=("END",)))
    assert TextDelta("EN") in await events_of(one, playing(lambda said: [*pieces("OEN", 1), STOP]))
    assert one.message.content == "OEN"
    two = turn(Options(stop=("END", "Oslo", "city")))
    text = "E" + call("get_weather", '{"city": "Oslo"}')
    await events_of(two, playing(lambda said: [*pieces(text, 1), STOP]))
    assert two.message.content == "E"
    assert [made.arguments for made in two.message.tool_calls] == ['{"city": "Oslo"}']


LONG = {
    "type": "object",
    "properties": {"note": {"type": "string", "maxLength": 40}, "tags": {"type": "array"}},
    "required": ["note"],
    "additionalProperties": False,
}
VLLM = Capabilities(kind="vLLM", grammar="structural_tag", logprobs=False)


def noting(tools: tuple[ToolSpec, ...] | None = None, choice: ToolChoice = AUTO_CHOICE) -> Turn:
    """A turn whose tool an engine's tag does not hold, as it counts no further than 32."""
    one = Turn(
        Conversation(
            messages=(Message(role="user", content="Note it."),),
            tools=tools or (ToolSpec("write_note", parameters=LONG),),
            tool_choice=choice,
        ),
        KIMI,
        marker_ids=dict(KIMI.token_ids),
        enforcement=AUTO,
    )
    one.tier = Tier.GRAMMAR
    return one


def tagged(script: Callable[[str], Iterable[Step]]) -> ReplayEngine:
    """An engine with structural tags, whose model writes what they let pass."""
    return ReplayEngine(
        lambda prompt: script(prompt.rpartition("<|im_middle|>")[2]), capabilities=VLLM
    )


@pytest.mark.parametrize("choice", [AUTO_CHOICE, ToolChoice("required")])
@pytest.mark.parametrize("size", [1, 4, 1000])
async def test_what_an_engines_grammar_lets_pass_is_caught(choice: ToolChoice, size: int):
    """Stopped at the first character too many, and steered from there on, without the grammar."""
    one, text = noting(choice=choice), call("write_note", f'{{"note": "{"x" * 60}"}}', 3)
    rest = "}" + END + SECTION_END
    engine = tagged(lambda said: [*pieces(rest if said else text, size), STOP])
    await events_of(one, engine)
    (made,) = one.message.tool_calls
    assert made.arguments == f'{{"note": "{"x" * 40}"}}' and one.message.anomalies == ()
    assert [request.constraint is not None for request in engine.requests] == [True, False]
    assert one.steering is not None and one.steering.steers > 0
    (told,) = one.report_calls(grammar="structural_tag")
    assert (told.tier, told.verdict, told.dropped) == (Tier.GRAMMAR, Verdict.VALID, ())


async def test_what_is_valid_passes_with_one_request():
    """In the model's own order, and with a number of its own."""
    one, engine = noting(), ReplayEngine(lambda prompt: [*pieces(text, 4), STOP], capabilities=VLLM)
    text = "Look: " + call("write_note", '{"tags": [1], "note": "x"}', 8)
    await events_of(one, engine)
    assert one.output == text and len(engine.requests) == 1
    assert one.steering is not None and one.steering.steers == 0


@pytest.mark.parametrize(
    ("changed", "capabilities"),
    [
        ({"tools": (ToolSpec("get_weather", parameters=SCHEMA),)}, VLLM),
        ({}, Capabilities(kind="llama.cpp", grammar="gbnf")),
        ({}, Capabilities(kind="chat", grammar="structural_tag", prompts="messages")),
        ({"tier": Tier.UNHELD}, VLLM),
    ],
)
async def test_where_nothing_is_dropped_or_held_nobody_follows(
    changed: dict[str, Any], capabilities: Capabilities
):
    one = noting(changed.get("tools"))
    one.tier = changed.get("tier", one.tier)
    engine = ReplayEngine(lambda prompt: [STOP], capabilities=capabilities)
    await events_of(one, engine)
    assert one.steering is None and len(engine.requests) == 1


async def test_what_the_same_tools_need_is_decided_once(monkeypatch: pytest.MonkeyPatch):
    """A further answer to them takes no thread for it."""
    engine = tagged(lambda said: [STOP])
    await events_of(noting(), engine)
    monkeypatch.delattr("toolgate.engines.driver.needs_net")
    again = noting()
    await events_of(again, engine)
    assert again.steering is not None


async def test_where_schemas_are_too_much_for_the_matcher_the_grammar_holds_what_it_can(
    monkeypatch: pytest.MonkeyPatch,
):
    def refuse(*_: Any, **__: Any) -> None:
        raise InvalidRequest("too much")

    monkeypatch.setattr("toolgate.engines.steered.find_call_matcher", refuse)
    one, engine = noting(), tagged(lambda said: [*pieces(text, 9), STOP])
    text = call("write_note", f'{{"note": "{"x" * 41}"}}')
    await events_of(one, engine)
    assert [anomaly.kind for anomaly in one.message.anomalies] == [AnomalyKind.SCHEMA_VIOLATION]
    (told,) = one.report_calls(grammar="structural_tag")
    assert [dropped.keyword for dropped in told.dropped] == ["maxLength"]


WRONG = {
    AnomalyKind.UNDECLARED_TOOL,
    AnomalyKind.UNRESOLVED_CALL,
    AnomalyKind.SCHEMA_VIOLATION,
    AnomalyKind.INVALID_ARGUMENTS,
    AnomalyKind.HEALED_ARGUMENTS,
    AnomalyKind.CUT_CALL,
}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("mode", ["required", "named"])
async def test_a_real_engine_that_says_anything_makes_valid_calls(
    llama: LlamaCppEngine, mode: Any, seed: int
):
    """At this temperature the parrot writes by chance; llama.cpp's own grammar is not asked."""
    tools = random_tools(Random(seed), most=8)
    conversation = Conversation(
        messages=(Message(role="user", content="Hi"),),
        tools=tools,
        tool_choice=ToolChoice(mode, tools[-1].name if mode == "named" else None),
        options=Options(temperature=1000.0, seed=seed, max_tokens=4000),
    )
    ids = await llama.marker_ids(sorted(KIMI.special))
    one = Turn(conversation, KIMI, profile="k2-0905", marker_ids=ids, enforcement=BOUNDED)
    request = GenerateRequest(
        prompt=one.prompt,
        options=one.options,
        constraint=one.constraint,
        markers=sorted(KIMI.special),
        stop=KIMI.stop,
    )
    steering = await open_steering(one, llama, most_steers=4000)
    async for chunk in generate_steered(llama, request, steering):
        one.receive(chunk)
    one.finish()
    assert not {anomaly.kind for anomaly in one.message.anomalies} & WRONG
    assert one.message.tool_calls and one.message.finish_reason == "tool_calls"
