"""Markers by their spelling, and by their token ids where an engine tells them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.core.marker_lexer import Lexeme, MarkerLexer

# One marker begins another, one is two special tokens, one is none.
SPECIAL = ("<a>", "<ab>", "<|open|>", "<|sep|>")
MARKERS = ("<a>", "<ab>", "<|open|>think<|sep|>", "<|open|>", "<plain>")
IDS = {1: "<a>", 2: "<ab>", 3: "<|open|>", 4: "<|sep|>"}


def lex(*texts: str) -> list[Lexeme]:
    lexer = MarkerLexer(MARKERS, special=SPECIAL)
    return merged([lexeme for text in texts for lexeme in lexer.feed(text)] + lexer.finish())


def lex_tokens(*chunks: tuple[str, tuple[int, ...] | None]) -> list[Lexeme]:
    lexer = MarkerLexer(MARKERS, special=SPECIAL, token_ids=IDS)
    found = [lexeme for text, ids in chunks for lexeme in lexer.feed(text, ids)]
    return merged(found + lexer.finish())


def merged(lexemes: list[Lexeme]) -> list[Lexeme]:
    """Neighbouring texts joined: where text is cut means nothing."""
    joined: list[Lexeme] = []
    for lexeme in lexemes:
        if joined and not lexeme.is_marker and not joined[-1].is_marker:
            joined[-1] = Lexeme(joined[-1].text + lexeme.text)
        else:
            joined.append(lexeme)
    return joined


def text(spelling: str) -> Lexeme:
    return Lexeme(spelling)


def marker(spelling: str, *, proven: bool = False) -> Lexeme:
    return Lexeme(spelling, is_marker=True, proven=proven)


@pytest.mark.parametrize(
    ("raw", "lexemes"),
    [
        ("", []),
        ("plain text", [text("plain text")]),
        ("a<a>b<ab>", [text("a"), marker("<a>"), text("b"), marker("<ab>")]),
        ("<a><a>", [marker("<a>"), marker("<a>")]),
        ("<<a>", [text("<"), marker("<a>")]),
        ("<a<a>", [text("<a"), marker("<a>")]),
        ("<|open|>think<|sep|>", [marker("<|open|>think<|sep|>")]),
        ("<|open|>thin<|sep|>", [marker("<|open|>"), text("thin"), marker("<|sep|>")]),
        ("<|open|>think<a>", [marker("<|open|>"), text("think"), marker("<a>")]),
        ("<plain>", [marker("<plain>")]),
        ("half <pla", [text("half <pla")]),
        ("<|open|>think<|se", [marker("<|open|>"), text("think<|se")]),
    ],
)
def test_spelling(raw, lexemes):
    assert lex(raw) == lexemes
    assert lex(*raw) == lexemes


@given(st.lists(st.sampled_from((*MARKERS, *SPECIAL, "<", "think", "<|op", "a", ">"))), st.data())
def test_any_chunking_gives_the_same_lexemes(pieces, data):
    raw = "".join(pieces)
    places = sorted(data.draw(st.lists(st.integers(0, len(raw)))))
    cut = [raw[a:b] for a, b in zip([0, *places], [*places, len(raw)], strict=True)]
    assert lex(*cut) == lex(raw)
    assert "".join(lexeme.text for lexeme in lex(raw)) == raw


@given(st.text("<|openthik>sab ", max_size=60))
def test_it_holds_back_less_than_a_marker_and_nothing_without_need(raw):
    lexer = MarkerLexer(MARKERS, special=SPECIAL)
    said = "".join(lexeme.text for char in raw for lexeme in lexer.feed(char))
    assert said + lexer.held == raw
    assert lexer.held == "" or any(marker.startswith(lexer.held) for marker in MARKERS + SPECIAL)
    assert lexer.held not in MARKERS or lexer.held == "<|open|>"


def test_token_ids_decide_what_is_a_marker():
    assert lex_tokens(("say ", (7,)), ("<a>", (8, 9))) == [text("say <a>")]
    assert lex_tokens(("say ", (7,)), ("<a>", (1,))) == [text("say "), marker("<a>", proven=True)]


def test_true_and_spelled_tokens_make_no_marker_together():
    chunks = [("<|open|>", (3,)), ("think", (7,)), ("<|sep|>", (8, 9))]
    assert lex_tokens(*chunks) == [marker("<|open|>", proven=True), text("think<|sep|>")]
    chunks[-1] = ("<|sep|>", (4,))
    assert lex_tokens(*chunks) == [marker("<|open|>think<|sep|>", proven=True)]


def test_a_marker_of_ordinary_tokens_is_one_but_proves_nothing():
    assert lex_tokens(("<plain>", (7, 8))) == [marker("<plain>")]
    assert lex_tokens(("<pla", (7,)), ("in>", (8,))) == [marker("<plain>")]


@pytest.mark.parametrize(
    ("chunk", "lexemes"),
    [
        (("x<a>y<ab>", (7, 1, 7, 2)), "x [<a>] y [<ab>]"),
        (("<a><a>", (1, 1)), "[<a>] [<a>]"),
        (("<a> and <a>", (7, 8, 1)), "<a> and  [<a>]"),
        (("x<a>", (1,)), "x [<a>]"),
        (("xy", (7, 1)), "xy [<a>]"),
        (("", (1,)), "[<a>]"),
        (("", (1, 2)), "[<a>] [<ab>]"),
        (("y", (1, 7)), "[<a>] y"),
        (("<|open|>think", (3, 7)), "[<|open|>] think"),
    ],
    ids=str,
)
def test_f6_several_tokens_in_one_chunk(chunk, lexemes):
    """Also where the engine prints special tokens as nothing: their ids still tell."""
    found = lex_tokens(chunk)
    assert all(lexeme.proven for lexeme in found if lexeme.is_marker)
    assert lexemes == " ".join(
        f"[{lexeme.text}]" if lexeme.is_marker else lexeme.text for lexeme in found
    )


def test_the_first_chunk_with_text_decides_whether_ids_count():
    assert lex_tokens(("", None), ("<a>", (7, 8))) == [text("<a>")]
    assert lex_tokens(("x", None), ("<a>", (7, 8))) == [text("x"), marker("<a>")]
    assert lex_tokens(("x", (7,)), ("<a>", None)) == [text("x"), marker("<a>", proven=True)]


def test_held_text_is_told_as_it_was_written():
    lexer = MarkerLexer(MARKERS, special=SPECIAL, token_ids=IDS)
    assert lexer.feed("<|open|>", (3,)) == []
    assert lexer.held == "<|open|>"
    assert lexer.finish() == [marker("<|open|>", proven=True)]
    assert lexer.held == ""


def test_text_cannot_forge_a_special_token():
    """Half a surrogate is what stands for a special token inside: none comes in from outside."""
    assert lex_tokens(("\udc00\udc01", (7,))) == [text("\ufffd\ufffd")]
    assert lex("\udc00") == [text("\udc00")]


def test_a_marker_that_ends_as_another_begins():
    lexer = MarkerLexer(("ab", "bc"))
    assert lexer.feed("xab") == [text("x"), marker("ab")]
    assert lexer.feed("c") == [text("c")]
    assert lexer.feed("bab") == [text("b"), marker("ab")]


def test_without_markers_everything_is_text():
    lexer = MarkerLexer(())
    assert lexer.feed("<a>") == [text("<a>")]
    assert lexer.finish() == []


@pytest.mark.parametrize("ids", [None, IDS])
@pytest.mark.parametrize("text", ["x" * 5000, "x" * 3000 + "<a>" + "y" * 3000, "x" * 256])
def test_a_lexeme_has_an_end_however_long_its_chunk_is(text, ids):
    lexer = MarkerLexer(MARKERS, special=SPECIAL, token_ids=ids)
    lexemes = lexer.feed(text) + lexer.finish()
    assert "".join(lexeme.text for lexeme in lexemes) == text
    assert max(len(lexeme.text) for lexeme in lexemes) == 256
