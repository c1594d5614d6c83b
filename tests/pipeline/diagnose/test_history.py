"""What a client lost or changed is found, and a whole conversation has nothing."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.pipeline.diagnose.exchanges import ASKED, answered, call, calling, result
from toolgate.dialects import get_dialect
from toolgate.pipeline.diagnose.failure import FailureKind as Kind
from toolgate.pipeline.diagnose.history import judge_history

NATIVE = "functions.get_weather:0"


def kinds(*messages: Any, calls: Sequence[Any] = (), family: str = "") -> list[Kind]:
    exchange = answered(*calls, text="Warm.", messages=[ASKED, *messages])
    return [one.kind for one in judge_history(exchange, get_dialect(family) if family else None)]


def test_a_whole_conversation_has_nothing():
    assert kinds() == []
    assert kinds(calling(call()), result("call_1"), ASKED, calling(content="Hi"), ASKED) == []
    both = calling(call(id="a"), call(id="b"))
    assert kinds(both, result("b"), result("a"), calling(call(id="c")), result("c")) == []


def test_a_result_that_is_missing():
    assert kinds(calling(call())) == [Kind.RESULT_MISSING]
    assert kinds(calling(call()), ASKED, calling(content="Hi"), ASKED) == [Kind.RESULT_MISSING]
    assert kinds(calling(call(), call(id="b")), result("b")) == [Kind.RESULT_MISSING]


def test_results_without_ids_answer_calls_without_one():
    nameless = {"role": "function", "name": "get_weather", "content": "21 °C"}
    assert kinds({"role": "assistant", "function_call": {"name": "get_weather"}}, nameless) == []
    assert kinds(calling(call(id=None), call(id=None)), result(None)) == [Kind.RESULT_MISSING]


def test_a_result_without_its_call():
    assert kinds(result("call_9")) == [Kind.ORPHAN_RESULT]


def again(*results: str) -> list[Any]:
    """The same call so often, with these results."""
    return [
        message
        for at, told in enumerate(results)
        for message in (calling(call(id=f"c{at}")), result(f"c{at}", told))
    ]


@pytest.mark.parametrize(
    ("messages", "calls", "looping"),
    [
        (again("x", "x", "x"), [], True),
        (again("x", "x"), [call(id="n")], True),
        (again("y", "x", "x", "x"), [], True),
        (again("x", "x"), [], False),
        (again("x", "y"), [call(id="n")], False),
        (again("x", "y", "z"), [], False),
        (again("x", "x"), [call('{"city": "Oslo"}', id="n")], False),
        (again("x", "x"), [call('{"city":"Rome"}', id="n")], True),
    ],
)
def test_a_loop(messages: list[Any], calls: list[Any], looping: bool):
    assert kinds(*messages, calls=calls) == ([Kind.CALL_LOOP] if looping else [])


def test_ids_that_the_family_does_not_write():
    """Kimi-K2#128: models copy them, or fall silent."""
    foreign = [calling(call(), call(id="call_2")), result("call_1"), result("call_2")]
    assert kinds(*foreign, family="kimi_k2") == [Kind.FOREIGN_IDS]
    assert kinds(calling(call(id=NATIVE)), result(NATIVE), family="kimi_k2") == []
    assert kinds(*foreign) == []
    assert kinds(*foreign, family="qwen3") == []  # its prompts show none
    assert kinds(*foreign, family="mistral") == []  # any nine letters do
