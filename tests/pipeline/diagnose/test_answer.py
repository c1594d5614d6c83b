"""Each failure of an answer is planted once, and a right answer has none."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import UNSET

from tests.pipeline.diagnose.exchanges import SECTION, TOOLS, answered, call
from toolgate.pipeline.diagnose.answer import judge_answer
from toolgate.pipeline.diagnose.exchange import Exchange
from toolgate.pipeline.diagnose.failure import FailureKind as Kind

PARTS = [{"type": "text", "text": "<|im_end|>"}, {"type": "image"}, "x"]
PLANTED: Sequence[tuple[Kind, Exchange]] = (
    (Kind.FAILED, Exchange(error="503: busy")),
    (Kind.UNDECLARED_TOOL, answered(call("{}", name="search"))),
    (Kind.UNDECLARED_TOOL, answered(call(), tools=())),
    (Kind.ARGUMENTS_NOT_JSON, answered(call('{"city": '))),
    (Kind.ARGUMENTS_NOT_JSON, answered(call('{"city": '), tools=None)),
    (Kind.SCHEMA_VIOLATION, answered(call('{"city": 3}'))),
    (Kind.SCHEMA_VIOLATION, answered(call(""))),
    (Kind.SCHEMA_VIOLATION, answered(call("[]"), tools=None)),
    (Kind.FINISH_REASON, answered(call(), finish="stop")),
    (Kind.FINISH_REASON, answered(call(), finish=None)),
    (Kind.FINISH_REASON, answered(text="Hi", finish="tool_calls")),
    (Kind.LOST_CALL, answered(text=f"I look.{SECTION}")),
    (Kind.LOST_CALL, answered(text="[TOOL_CALLS]get_weather{}")),
    (Kind.LOST_CALL, answered(text='{"name": "get_weather", "parameters": {"city": "Rome"}}')),
    (Kind.LEAKED_MARKER, answered(text="Hm.</think>It rains")),
    (Kind.LEAKED_MARKER, answered(text="functions.get_weather:0")),
    (Kind.LEAKED_MARKER, answered(text=PARTS)),
    (Kind.LEAKED_MARKER, answered(call('{"city": "Rome<|tool_call_end|>"}'))),
    (Kind.LEAKED_MARKER, answered(call(), text=SECTION)),
    (Kind.BAD_ID, answered(call(id=None))),
    (Kind.BAD_ID, answered(call(id=["a"]))),
    (Kind.ID_SHAPE, answered(call(id="functions.get_weather:0"))),
    (Kind.ID_SHAPE, answered(call(id="x" * 65))),
    (Kind.DUPLICATE_CALL, answered(call(), call(id="call_2"))),
    (Kind.EMPTY_TURN, answered(text=" \n")),
    (Kind.EMPTY_TURN, answered(text=None, finish=UNSET)),
    (Kind.TRUNCATED, answered(text="It ra", finish="length")),
    (Kind.TRUNCATED, answered(call('{"city": "Ro'), finish="length")),
    (Kind.TRUNCATED, answered(finish="length")),
)


def kinds(exchange: Exchange) -> list[Kind]:
    return [failure.kind for failure in judge_answer(exchange)]


@pytest.mark.parametrize(("kind", "exchange"), PLANTED)
def test_the_failure_is_found_and_no_other(kind: Kind, exchange: Exchange):
    assert kinds(exchange) == [kind]


@pytest.mark.parametrize(
    "exchange",
    [
        answered(call()),
        answered(call({"city": "Rome"})),
        answered(call(), call('{"city": "Oslo"}', id="b")),
        answered(text="It rains."),
        answered(text="It rains.", finish=UNSET),
        answered(text="usage: look [ARGS] in a List<T> with function<T>"),
        answered(text='{"name": "Ann", "arguments": {}}'),
        answered(text='{"name": "get_weather"}'),
        answered(text='{"name": "get_weather", "arguments": }'),
        answered(call(name="any"), tools=None),
        answered(call(), tools=["x", {"type": "function", "function": "y"}, *TOOLS]),
    ],
)
def test_right_answers_have_none(exchange: Exchange):
    assert kinds(exchange) == []


def test_tools_may_stand_in_messages():
    asked: list[Any] = [{"role": "system", "tools": TOOLS}]
    assert kinds(answered(call(), tools=(), messages=asked)) == []


def test_what_the_request_quotes_is_no_leak():
    asked = [{"role": "user", "content": f"What are {SECTION} and <|im_end|>?"}]
    assert kinds(answered(text="<|im_end|> ends a turn.", messages=asked)) == []
    assert kinds(answered(text=f"{SECTION} begins one.", messages=asked)) == []


def test_an_id_of_the_history_is_used_again():
    asked = [{"role": "assistant", "tool_calls": [call(id="call_1"), call(id=None)]}]
    (failure,) = judge_answer(answered(call(), messages=asked))
    assert failure.kind is Kind.BAD_ID and failure.about == "get_weather"


def test_a_failure_shows_what_was_seen():
    (failure,) = judge_answer(answered(call('{"city": 3}')))
    assert failure.about == "get_weather" and '"string" (at city) in {"city": 3}' in failure.detail
    (cut,) = judge_answer(answered(text="It ra", finish="length", tokens=3))
    assert cut.detail == "after 3 tokens"
