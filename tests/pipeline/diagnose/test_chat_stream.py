from typing import Any

from tests.pipeline.diagnose.exchanges import Piece
from toolgate.pipeline.diagnose.chat_stream import ChatStream


def chunk(delta: Any = None, finish: Any = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "a", "model": "m", "created": 1, "choices": [choice], **more}


def join(*chunks: dict[str, Any]) -> dict[str, Any]:
    stream = ChatStream()
    for one in chunks:
        stream.take(one)
    return stream.finish()


def piece(index: Any, arguments: str, **more: Any) -> dict[str, Any]:
    name = more.pop("name", None)
    return {"index": index, "function": {"name": name, "arguments": arguments}, **more}


def test_calls_texts_and_usage():
    told = join(
        chunk({"role": "assistant", "content": None}),
        chunk({"reasoning": "hm", "content": "It "}),
        chunk({"content": "rains."}),
        chunk({"tool_calls": [piece(1, "", id="b", name="other")]}),
        chunk({"tool_calls": [piece(0, '{"city"', id="a", name="get_weather"), piece(1, "{}")]}),
        chunk({"tool_calls": [piece(0, ': "Rome"}')]}, "tool_calls"),
        {"choices": [], "usage": {"completion_tokens": 9}},
    )
    (choice,) = told["choices"]
    message = choice["message"]
    assert (message["content"], message["reasoning"]) == ("It rains.", "hm")
    assert [(call["id"], call["function"]) for call in message["tool_calls"]] == [
        ("a", {"name": "get_weather", "arguments": '{"city": "Rome"}'}),
        ("b", {"name": "other", "arguments": "{}"}),
    ]
    assert choice["finish_reason"] == "tool_calls"
    assert (told["model"], told["usage"]) == ("m", {"completion_tokens": 9})


def test_no_piece_copies_what_came_before():
    arguments = [Piece(one) for one in ('{"city"', ': "', 'Rome"}')]
    pieces = [piece(0, one, name=Piece("get_")) for one in arguments]
    (choice,) = join(*(chunk({"tool_calls": [one]}) for one in pieces))["choices"]
    (told,) = choice["message"]["tool_calls"]
    assert told["function"] == {"name": "get_get_get_", "arguments": '{"city": "Rome"}'}


def test_what_is_not_told_stays_missing():
    (choice,) = join(chunk({"content": "Hi"}))["choices"]
    assert choice["finish_reason"] is None and choice["message"]["tool_calls"] is None
    assert "reasoning" not in choice["message"] and "error" not in join(chunk({}))
    (nothing,) = join()["choices"]
    assert nothing["message"]["content"] == ""


def test_choices_that_come_mixed():
    second = {"index": 1, "delta": {"content": "b"}, "finish_reason": "length"}
    told = join({"choices": [second]}, chunk({"content": "a"}, "stop"))
    said = [(one["message"]["content"], one["finish_reason"]) for one in told["choices"]]
    assert said == [("a", "stop"), ("b", "length")]


def test_a_stream_of_completions():
    texts = [{"choices": [{"index": 0, "text": text}]} for text in ("<tool_", "call>")]
    (choice,) = join(*texts, {"choices": [{"text": "", "finish_reason": "stop"}]})["choices"]
    assert choice == {"index": 0, "text": "<tool_call>", "finish_reason": "stop"}


def test_usage_of_a_choice_and_an_error():
    """Moonshot's own API tells the first."""
    told = join({"choices": [{"delta": {}, "usage": {"total_tokens": 3}}]}, {"error": "busy"})
    assert told["usage"] == {"total_tokens": 3} and told["error"] == "busy"


def test_whether_it_has_begun():
    stream = ChatStream()
    stream.take(chunk({"role": "assistant", "content": ""}))
    assert not stream.has_begun
    stream.take(chunk({"tool_calls": [piece(0, "")]}))
    assert stream.has_begun
