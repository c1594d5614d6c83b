"""A tree is written as a pattern of whole texts, in which JSON need not escape anything."""

import pytest

from tests.pipeline.enforcer.json_grammars import text_grammar
from toolgate.pipeline.enforcer.charset import chars
from toolgate.pipeline.enforcer.regex import Anchor, Chars, Unsupported, read_pattern
from toolgate.pipeline.enforcer.regex_text import write_pattern


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("^https?://", "http://x"),
        ("^(a|b){2,}c$", "abac"),
        (r"^[^\d]+$", "abc"),
        (r"^\.\*$", ".*"),
        ("b", "abc"),
        (r"^é$", "é"),
    ],
)
def test_what_was_read_is_written(pattern: str, text: str):
    written = write_pattern(read_pattern(pattern))
    assert text_grammar(read_pattern(written)).takes(text)
    assert write_pattern(read_pattern(written)) == written


def test_characters_beyond_the_first_plane_are_written_in_braces():
    assert write_pattern(Chars(chars("\U0001f600"))) == r"^(?:\u{1f600})$"


def test_an_anchor_cannot_be_written():
    with pytest.raises(Unsupported):
        write_pattern(Anchor(at_end=True))
