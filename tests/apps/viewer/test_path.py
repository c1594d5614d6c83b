"""The parser's way through its family's table."""

import random

import pytest

from tests.apps.viewer.turns import ASKED, CALL, CUT, KIMI, SECTION, cut, hear
from toolgate.apps.viewer.path import Move, call_places, follow, start_of, table
from toolgate.apps.viewer.pieces import Piece, read_pieces
from toolgate.core.chunk import Chunk
from toolgate.dialects import get_dialect, list_dialects
from toolgate.pipeline.trace import Trace

SAID = "<think>Hm.</think>I look." + SECTION + CALL
WAY = [
    ("<think>", "text", "reasoning", ""),
    ("</think>", "reasoning", "text", ""),
    (SECTION, "text", "section", ""),
    ("<|tool_call_begin|>", "section", "header", ""),
    ("<|tool_call_argument_begin|>", "header", "arguments", ""),
    ("<|tool_call_end|>", "arguments", "section", ""),
    ("<|tool_calls_section_end|>", "section", "text", ""),
]


def walk(trace: Trace, dialect: str = "kimi_k2") -> list[Move]:
    family = get_dialect(dialect)
    return follow(read_pieces(trace, family.token_ids), family, trace.prompt.prefill)


def way(moves: list[Move]) -> list[tuple[str, str, str, str]]:
    return [(move.marker, move.start, move.to, move.odd) for move in moves]


@pytest.mark.parametrize("size", [1, 2, 7, 30, 9999])
def test_any_chunking_gives_the_same_way(size):
    moves = walk(hear(cut(SAID, size), profile="k2-thinking"))
    assert way(moves) == WAY
    for move in moves:
        assert SAID[move.begin : move.end] == move.marker
    assert [move.piece for move in moves] == sorted(move.piece for move in moves)


def test_where_a_prompt_opens_reasoning_the_way_begins_there():
    assert start_of(KIMI, "<think>") == "reasoning"
    assert start_of(KIMI, "") == start_of(KIMI, "<think></think>") == "text"
    trace = hear(cut(SAID.removeprefix("<think>"), 5), profile="k2.5")
    assert trace.prompt.prefill == "<think>" and way(walk(trace)) == WAY[1:]


def test_what_models_do_beside_the_table_is_named():
    moves = walk(hear(cut("<think>Hm." + SECTION + CALL, 3), profile="k2-thinking"))
    assert way(moves)[1] == (SECTION, "reasoning", "section", "call_in_reasoning")


def test_a_marker_inside_a_string_is_no_move():
    quoted = CALL.replace("Ann", "see <|tool_call_end|> there")
    assert way(walk(hear(cut(SECTION + quoted, 4)))) == WAY[2:]


def test_without_the_family_the_states_alone_tell():
    pieces = read_pieces(hear(cut(SAID, 9999)), KIMI.token_ids)
    moves = follow(pieces, None, "")
    assert moves == [] or all(not move.marker for move in moves)
    pieces = [Piece(0.0, "a", None, "text", "", ()), Piece(1.0, "b", None, "header", "", ())]
    assert way(follow(pieces, None, "")) == [("", "text", "header", "")]


def test_a_way_that_markers_do_not_tell_is_told_without_them():
    pieces = [Piece(0.0, "Hm.", None, "arguments", "", ())]
    assert way(follow(pieces, KIMI, "")) == [("", "text", "arguments", "")]


def test_a_doubt_that_never_ends_does_not_hold_all_up():
    text = SECTION + "x" * 5000
    pieces = [Piece(0.0, one, None, "text", "", ()) for one in text]
    assert follow(pieces, KIMI, "") == []


def test_where_calls_stand():
    two = CALL.replace("<|tool_calls_section_end|>", "") + CALL.replace(":0", ":1")
    moves = walk(hear(cut("I look." + SECTION + two, 6)))
    said = "I look." + SECTION + two
    places = [said[begin:end] for begin, end in call_places(moves)]
    assert len(places) == 2
    assert places[0] == CALL.removesuffix("<|tool_calls_section_end|>")
    unended = walk(hear(cut(CUT, 6), reason="length"))
    assert call_places(unended) == []
    again = CALL.replace("<|tool_call_end|><|tool_calls_section_end|>", "") + CALL
    assert len(call_places(walk(hear(cut(SECTION + again, 6))))) == 2


@pytest.mark.parametrize("name", list_dialects())
def test_the_table_of_every_family_can_be_told(name):
    family = get_dialect(name)
    steps = table(family)
    assert len(steps) == len(family.transitions) + len(family.deviations)
    assert all(
        step.marker in family.markers for step in steps if step.role in family.markers.values()
    )


def test_noise_does_not_break_the_walk():
    chance = random.Random(3)
    bits = [*KIMI.markers, "a", "{", '"', "}", " "]
    for _ in range(300):
        said = "".join(chance.choice(bits) for _ in range(12))
        trace = hear(cut(said, chance.randint(1, 9)), asked=ASKED)
        moves = walk(trace)
        states = ["text", *(move.to for move in moves)]
        assert [move.start for move in moves] == states[:-1]
        assert all(isinstance(chunk, Chunk) for chunk in cut(said, 3))
