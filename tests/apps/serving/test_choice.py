"""A turn that says nothing after a tool's result is tried again, and only that."""

import threading

import pytest
from msgspec.structs import replace

from toolgate.apps.serving.choice import Attempt, Choice, enlivened
from toolgate.core.assemble import assemble
from toolgate.core.chunk import Chunk, Usage
from toolgate.core.conversation import Conversation, Message, Options, ToolCall, ToolSpec
from toolgate.core.events import AnomalyKind, Event, Finish
from toolgate.dialects import get_dialect
from toolgate.engines.replay import ReplayEngine
from toolgate.errors import EngineProtocolError
from toolgate.pipeline.tier import Tier
from toolgate.pipeline.turn import Turn

AFTER_RESULT = Conversation(
    messages=(
        Message(role="user", content="Weather?"),
        Message(role="assistant", tool_calls=(ToolCall("functions.look:0", "look", "{}"),)),
        Message(role="tool", content="sunny", tool_call_id="functions.look:0"),
    ),
    tools=(ToolSpec("look"),),
)
USAGE = Usage(prompt_tokens=9, completion_tokens=2, cached_tokens=4)


def choice_of(
    *answers: str, conversation: Conversation = AFTER_RESULT, retries: int = 1
) -> tuple[Choice, ReplayEngine]:
    left = list(answers)
    engine = ReplayEngine(
        lambda prompt: [Chunk(text=left.pop(0)), Chunk(finish_reason="stop", usage=USAGE)]
    )

    def make_turn(attempt: Attempt) -> Turn:
        options = enlivened(conversation.options, attempt.empty)
        return Turn(replace(conversation, options=options), get_dialect("kimi_k2"))

    return Choice(make_turn, engine, retries=retries), engine


async def play(choice: Choice) -> list[Event]:
    return [event async for _, events, _ in choice.run() for event in events]


async def test_what_it_thought_stays_and_the_next_attempt_goes_on():
    choice, engine = choice_of("<think>Hm.</think>", "<think>Ah.</think>Sunny.")
    message = assemble(await play(choice))
    assert (message.reasoning, message.content) == ("Hm.Ah.", "Sunny.")
    assert message.finish_reason == "stop"
    assert [anomaly.kind for anomaly in choice.anomalies] == [AnomalyKind.EMPTY_TURN]
    assert choice.usage(0) == Usage(prompt_tokens=9, completion_tokens=4, cached_tokens=4)
    first, second = (request.options for request in engine.requests)
    assert (first.temperature, second.temperature) == (None, 0.6)


async def test_the_number_of_attempts_is_bounded():
    choice, engine = choice_of("", "", "never")
    events = await play(choice)
    assert events[-1] == Finish("stop") and events.count(Finish("stop")) == 1
    assert len(engine.requests) == 2


@pytest.mark.parametrize(
    "conversation",
    [
        replace(AFTER_RESULT, tools=()),
        replace(AFTER_RESULT, messages=AFTER_RESULT.messages[:1]),
    ],
    ids=["no tools", "no result before"],
)
async def test_an_empty_answer_elsewhere_is_an_answer(conversation):
    choice, engine = choice_of("", conversation=conversation)
    assert (await play(choice))[-1] == Finish("stop")
    assert len(engine.requests) == 1


async def test_zero_retries_tries_once():
    choice, engine = choice_of("", retries=0)
    await play(choice)
    assert len(engine.requests) == 1


async def test_an_engine_that_counts_nothing_is_counted_for():
    engine = ReplayEngine(
        lambda prompt: [Chunk(text="ab", token_ids=(1, 2)), Chunk(finish_reason="stop")]
    )
    choice = Choice(lambda _: Turn(AFTER_RESULT, get_dialect("kimi_k2")), engine, retries=0)
    assert [(index, [*more]) async for index, _, more in choice.run(3)] == [(3, []), (3, [])]
    assert choice.usage(30) == Usage(prompt_tokens=30, completion_tokens=2)


def test_later_attempts_differ():
    asked = Options(temperature=1.0, seed=7)
    assert enlivened(asked, 0) == asked
    assert enlivened(asked, 2) == Options(temperature=1.0, seed=9)


TWICE = Conversation(
    messages=AFTER_RESULT.messages[:1],
    tools=(ToolSpec("look", "", {"type": "object", "required": ["city"]}),),
)
LOOK = (
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.{}:0<|tool_call_argument_begin|>{}"
    "<|tool_call_end|><|tool_calls_section_end|>"
)
RIGHT = LOOK.format("look", '{"city": "Oslo"}')
WRONG = LOOK.format("look", '{"town": "Oslo"}')
UNKNOWN = LOOK.format("erase", "{}")


def checking(*answers: str, call_retries: int = 2) -> tuple[Choice, ReplayEngine]:
    left = list(answers)
    engine = ReplayEngine(
        lambda prompt: [Chunk(text=left.pop(0)), Chunk(finish_reason="stop", usage=USAGE)]
    )
    turn = Turn(TWICE, get_dialect("kimi_k2"))
    turn.tier = Tier.ASK_AGAIN

    def make_turn(attempt: Attempt) -> Turn:
        return turn.again(str(attempt.number), TWICE.options, attempt.more)

    return Choice(make_turn, engine, retries=1, call_retries=call_retries), engine


@pytest.mark.parametrize(
    ("wrong", "told"), [(WRONG, '"city" is a required'), (UNKNOWN, "no tool 'erase'")]
)
async def test_a_wrong_call_is_shown_to_the_model_and_not_to_the_client(wrong, told):
    choice, engine = checking(f"On it.{wrong}", f"On it. Again.{RIGHT}")
    message = assemble(await play(choice))
    assert [call.arguments for call in message.tool_calls] == ['{"city": "Oslo"}']
    assert (message.content, message.finish_reason) == ("On it. Again.", "tool_calls")
    first, second = (str(request.prompt) for request in engine.requests)
    assert second.startswith(first.removesuffix("<|im_assistant|>assistant<|im_middle|>"))
    assert wrong.split("<|tool_call_begin|>")[1].split(":")[0] in second and told in second
    assert (choice.call_retries, choice.turns[-1].trace().retries) == (1, 1)
    assert choice.turns[0].trace().tier is Tier.ASK_AGAIN
    assert choice.anomalies, "what was wrong is told all the same"


async def test_after_so_many_times_a_wrong_call_is_passed_on_and_flagged():
    choice, engine = checking(WRONG, WRONG, WRONG, "never")
    message = assemble(await play(choice))
    assert [call.arguments for call in message.tool_calls] == ['{"town": "Oslo"}']
    assert message.finish_reason == "tool_calls"
    assert [anomaly.kind for anomaly in message.anomalies] == [AnomalyKind.SCHEMA_VIOLATION] * 3
    assert (len(engine.requests), choice.call_retries) == (3, 2)


async def test_the_model_may_do_without_the_call_it_got_wrong():
    choice, _ = checking(UNKNOWN, "I cannot.")
    message = assemble(await play(choice))
    assert (message.content, message.tool_calls, message.finish_reason) == ("I cannot.", (), "stop")


async def test_a_right_call_asks_nobody():
    choice, engine = checking(RIGHT)
    message = assemble(await play(choice))
    assert len(message.tool_calls) == len(engine.requests) == 1
    assert choice.call_retries == 0


async def test_an_empty_turn_after_a_wrong_call_is_tried_again_too():
    choice, engine = checking(WRONG, "", RIGHT)
    message = assemble(await play(choice))
    assert [call.arguments for call in message.tool_calls] == ['{"city": "Oslo"}']
    assert len(engine.requests) == 3
    assert str(engine.requests[1].prompt) == str(engine.requests[2].prompt)


async def test_a_failing_engine_shows_no_call_of_a_wrong_answer():
    left = [WRONG]
    engine = ReplayEngine(
        lambda prompt: [Chunk(text=left.pop())] if left else [EngineProtocolError("cut")]
    )
    turn = Turn(TWICE, get_dialect("kimi_k2"))
    turn.tier = Tier.ASK_AGAIN
    choice = Choice(
        lambda attempt: turn.again("t", TWICE.options, attempt.more),
        engine,
        retries=0,
        call_retries=1,
    )
    events: list[Event] = []
    with pytest.raises(EngineProtocolError):
        async for _, more, _ in choice.run():
            events += more
    assert assemble(events).tool_calls == ()


def test_before_it_runs_nobody_was_asked():
    assert checking()[0].call_retries == 0


async def test_what_takes_long_to_write_holds_nobody_up():
    choice, _ = checking(WRONG, RIGHT)
    made: list[str] = []
    make_turn = choice._make_turn

    def note(attempt: Attempt) -> Turn:
        made.append(threading.current_thread().name)
        return make_turn(attempt)

    choice._make_turn, choice._aside = note, True
    await play(choice)
    first, asked_again = made
    assert first == threading.main_thread().name != asked_again
