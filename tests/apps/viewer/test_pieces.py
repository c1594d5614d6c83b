"""What came from the model, piece by piece."""

from msgspec.structs import replace

from tests.apps.viewer.turns import CALL, CUT, KIMI, SECTION, cut, hear
from toolgate.apps.viewer.pieces import ORDINARY, SPECIAL, SPELLED, Piece, read_pieces
from toolgate.core.chunk import CallDelta, Chunk
from toolgate.pipeline.trace import Heard, Trace

BEGIN, BEGIN_ID = SECTION, 163595


def read(trace: Trace) -> list[Piece]:
    return read_pieces(trace, KIMI.token_ids)


def test_all_that_was_said_is_there_with_times_and_states():
    pieces = read(hear(cut("Hm." + SECTION + CALL, 7)))
    assert "".join(piece.text for piece in pieces) == "Hm." + SECTION + CALL
    assert [piece.at for piece in pieces] == [float(at) for at in range(len(pieces))]
    assert {piece.state for piece in pieces} >= {"text", "section", "header", "arguments"}


def test_calls_anomalies_and_the_end_are_noted():
    pieces = read(hear(cut("Hm." + CALL, 9999)))
    notes = [note for piece in pieces for note in piece.notes]
    assert notes == [
        "anomaly: call_without_section",
        "call of look begins",
        "call ends",
        "anomaly: stray_marker",
        "finish: tool_calls",
    ]
    cut_off = read(hear(cut(CUT, 9999), reason="length"))
    assert "call is cut" in cut_off[-1].notes


def test_a_special_token_is_known_by_its_id_and_else_by_its_spelling():
    with_ids = [Chunk(text="Hm.", token_ids=(1,)), Chunk(text="", token_ids=(BEGIN_ID,))]
    spelled = Chunk(text=BEGIN, token_ids=(1, 2))
    first, second, third, *_ = read(hear([*with_ids, spelled]))
    assert (first.kind, second.kind, third.kind) == (ORDINARY, SPECIAL, SPELLED)
    assert second.text == BEGIN
    told, *_ = read(hear([Chunk(text=BEGIN)]))
    assert told.kind == SPECIAL


def test_what_an_upstream_tells_apart():
    heard = (Heard(1.0, text="b", reasoning="a", calls=(CallDelta(name="look"),)),)
    (piece,) = read_pieces(replace(hear([]), heard=heard), {})
    assert (piece.text, piece.state, piece.kind) == ("ab", "", ORDINARY)
