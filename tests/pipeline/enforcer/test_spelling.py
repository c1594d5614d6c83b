"""What a model meant with what JSON spells otherwise."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.pipeline.enforcer.spelling import is_odd, respell, split


@pytest.mark.parametrize(
    ("piece", "meant"),
    [
        ("\n", "\\n"),
        ("\x01", "\\u0001"),
        ("\\d", "\\\\d"),
        ("\\'", "\\\\'"),
        ("\\\n", "\\\\\n"),
        ("\\u12", "\\\\u12"),
        ("\\", "\\\\"),
        ("\\/", "/"),
        ("\\u00e9", "é"),
        ("\\u0022", '\\"'),
        ("\\ud83d\\ude42", "🙂"),
        ("\\ud83d", ""),
    ],
)
def test_what_a_piece_means(piece: str, meant: str):
    assert is_odd(piece)
    assert respell(piece) == meant


@pytest.mark.parametrize(
    ("text", "pieces", "half"),
    [
        ("abc", ["abc"], ""),
        ("a\nb", ["a", "\n", "b"], ""),
        ("a\\nb\\", ["a", "\\n", "b"], "\\"),
        ("\\\\", ["\\\\"], ""),
        ("a\\u00", ["a"], "\\u00"),
        ("\\u00e9", ["\\u00e9"], ""),
        ("\\ud83d", [], "\\ud83d"),
        ("\\ud83d\\u", [], "\\ud83d\\u"),
        ("\\ud83dx", ["\\ud83d", "x"], ""),
        ("\\uzz", ["\\u", "zz"], ""),
    ],
)
def test_half_an_escape_waits(text: str, pieces: list[str], half: str):
    assert split(text, is_whole=False) == (pieces, half)
    assert "".join(split(text, is_whole=True)[0]) == text


@given(st.text(alphabet='\\u0d8é\n"nx'), st.lists(st.integers(0, 40)))
def test_chunks_make_no_difference(text: str, cuts: list[int]):
    ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    found, half = [], ""
    for begin, end in pairwise(ends):
        pieces, half = split(half + text[begin:end], is_whole=False)
        found += pieces
    found += split(half, is_whole=True)[0]
    odd = [piece for piece in found if is_odd(piece)]
    assert odd == [piece for piece in split(text, is_whole=True)[0] if is_odd(piece)]
    assert "".join(found) == text


@given(st.text())
def test_what_is_json_keeps_its_meaning(text: str):
    for escaped in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        pieces, _ = split(escaped, is_whole=True)
        meant = "".join(respell(piece) if is_odd(piece) else piece for piece in pieces)
        assert json.loads(f'"{meant}"') == text
