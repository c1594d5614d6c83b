"""Answers in pieces: what the pieces add up to, and what is said of an end that nobody tells."""

import json
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

import pytest

from tests.dialects.parse_cases import FOLDER, Case, cut_at_random, load_cases
from toolgate.core.finish_reason import FINISHED
from toolgate.dialects import get_dialect, list_dialects
from toolgate.integrations.answer_reader import (
    Answer,
    AnswerReader,
    Piece,
    read_whole,
    reasoning_marks,
)

KIMI = get_dialect("kimi_k2")
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
SECTION = "<|tool_calls_section_begin|>"
BEGUN = f"{SECTION}<|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>"
CALL = f'{BEGUN}{{"city": "Oslo"}}<|tool_call_end|><|tool_calls_section_end|>'
END = "<|im_end|>"


CASES = [case for path in sorted(FOLDER.glob("*/parse/*.jsonl")) for case in load_cases(path)]
"""What models of every family wrote."""


def is_told(case: Case) -> bool:
    """Whether a reader gets what the case is about: it gets no token ids, no tool choice, and no
    engine's word that a model was cut behind its stop token."""
    has_ended = case.raw.endswith(get_dialect(case.format).stop)
    is_odd = has_ended and case.engine_finish_reason not in FINISHED
    return not (case.with_ids or case.tool_choice or is_odd)


def reader(dialect: str = "kimi_k2", **options: Any) -> AnswerReader:
    return AnswerReader(get_dialect(dialect), options.pop("tools", TOOLS), **options)


def whole(text: str, *, prefill: str | None = "", finished: bool | None = False) -> Answer:
    return read_whole(lambda begun: reader(prefill=begun), text, prefill=prefill, finished=finished)


def streamed(texts: Iterable[str], one: AnswerReader, *, finished: bool = False) -> list[Piece]:
    return [*(one.feed(text) for text in texts), one.finish(finished=finished)]


def add(pieces: Sequence[Piece]) -> tuple[str, str, list[list[str]]]:
    """Reasoning, content, and [name, arguments] of each call."""
    calls: list[list[str]] = []
    for piece in pieces:
        for call in piece.calls:
            if call.name is not None:
                assert call.index == len(calls)
                calls.append([call.name, call.arguments])
            else:
                calls[call.index][1] += call.arguments
    reasoning, content = ("".join(getattr(one, kind) for one in pieces) for kind in KINDS)
    return reasoning, content, calls


KINDS = ("reasoning", "content")


@pytest.mark.parametrize(
    "case", [one for one in CASES if is_told(one)], ids=lambda case: f"{case.format}-{case.id}"
)
def test_pieces_add_up_to_the_whole(case: Case):
    finished = case.engine_finish_reason in FINISHED
    options: dict[str, Any] = {"tools": case.tools or (), "prefill": case.prefill}
    answer = read_whole(
        lambda begun: reader(case.format, **options | {"prefill": begun}),
        case.raw,
        prefill=case.prefill,
        finished=finished,
    )
    assert answer.content.strip() == case.expect.content.strip()
    for seed in range(3):
        texts = cut_at_random(case.raw, Random(seed))
        pieces = streamed(texts, reader(case.format, **options), finished=finished)
        reasoning, content, calls = add(pieces)
        assert (reasoning, content) == (answer.reasoning, answer.content)
        told = zip(calls, case.expect.tool_calls, strict=True)
        complete = [call for call, wanted in told if wanted.complete]
        assert complete == [[call.name, call.arguments] for call in answer.calls]
        assert [call for call in calls if call not in complete and is_json(call[1])] == []


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", list_dialects())
def test_marks_around_reasoning(name):
    marks = reasoning_marks(get_dialect(name))
    assert bool(marks.begin) == bool(marks.end) == (name != "llama3")
    if marks.begin:
        texts = [marks.begin[0], "I look", marks.end[0], "It rains."]
        kept = add(streamed(texts, reader(name, keeps_reasoning=True)))
        assert kept == ("", "".join(texts), [])
        assert add(streamed(texts, reader(name))) == ("I look", "It rains.", [])


def test_reasoning_that_a_call_ends_is_kept_with_both_marks():
    pieces = streamed(["<think>I ", "look", CALL], reader(keeps_reasoning=True))
    assert add(pieces)[:2] == ("", "<think>I look</think>")


def test_an_end_that_began_in_the_prompt_is_kept():
    kept = add(streamed(["I look</think>It rains."], reader(keeps_reasoning=True)))
    assert kept == ("", "I look</think>It rains.", [])


def test_a_call_that_only_the_stop_token_tells_from_a_draft():
    call = "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Oslo</arg_value></tool_call>"
    one = reader("glm45", prefill="<think>")
    assert add(streamed(["I look: ", call, "<|observation|>"], one))[2] == [
        ["get_weather", '{"city": "Oslo"}']
    ]


@pytest.mark.parametrize("stop", ["<|im_end|>", "[EOT]", "</s>"])
def test_the_stop_token_is_no_content(stop):
    one = reader(stops=["</s>"])
    assert add(streamed(["It", " rains.", stop], one)) == ("", "It rains.", [])
    assert one.has_ended


def test_what_only_looks_like_the_stop_token_is_content():
    one = reader()
    assert add(streamed(["[EOT]", " is written so"], one)) == ("", "[EOT] is written so", [])
    assert not one.has_ended


def test_only_an_end_that_was_said_lets_a_call_be_mended():
    unclosed = f'{BEGUN}{{"city": "Oslo"'
    assert whole(unclosed).calls == ()
    assert whole(unclosed, finished=None).calls == ()
    (call,) = whole(unclosed + END).calls
    assert json.loads(call.arguments) == {"city": "Oslo"}


def test_a_call_that_closes_itself():
    closed = f'On it.{BEGUN}{{"city": "Oslo"}}'
    assert whole(closed, finished=False).calls == ()
    answer = whole(closed, finished=None)
    assert (answer.content, answer.calls[0].arguments) == ("On it.", '{"city": "Oslo"}')


@pytest.mark.parametrize("arguments", ["[", "[1]", '{"city": ' + "[" * 100_000])
def test_what_closes_itself_is_an_object(arguments):
    assert whole(BEGUN + arguments, finished=None).calls == ()


def test_a_cut_call_cannot_be_mended():
    ((_, arguments),) = add(streamed([f'{BEGUN}{{"city": "Os'], reader()))[2]
    assert not is_json(arguments)
    assert not is_json(arguments + '"}')


def test_reasoning_that_the_prompt_began():
    text = f"I look</think>On it.{CALL}{END}"
    assert whole(text, prefill=None).reasoning == "I look"
    assert whole(text, prefill="<think>").reasoning == "I look"
    answer = whole(text, prefill="")
    assert (answer.reasoning, answer.content) == ("", "I lookOn it.")


def test_what_the_text_says_of_its_reasoning_counts():
    answer = whole("<think>I look</think>It </think>rains.", prefill=None)
    assert (answer.reasoning, answer.content) == ("I look", "It rains.")
