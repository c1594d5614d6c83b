"""The matcher: whole characters, what is forced, the way back, and grammars that are too large."""

import pytest

from toolgate.core.grammar import Alt, FreeText, Json, Lit, Node, Opt, Regex, Seq, Tok
from toolgate.core.prompt import Plain, Special
from toolgate.errors import InvalidRequest
from toolgate.pipeline.enforcer.matcher import Matcher, compile_matcher

A, B = "<|a|>", "<|b|>"


def matcher(*parts: Node) -> Matcher:
    return compile_matcher(Seq(parts), (A, B))


def test_takes_what_fits_and_stays_there():
    one = matcher(Lit("abc"), Tok(A))
    assert one.take(Plain("abx")) == "ab"
    assert one.take(Plain("x")) == ""
    assert one.take(Special(A)) == ""
    assert one.fits(Plain("cx")) == "c"
    assert one.take(Plain("c")) == "c"
    assert not one.is_complete
    assert one.take(Special(A)) == A
    assert one.is_complete and one.is_over
    assert one.take(Plain("x")) == "" and one.take(Special(A)) == ""


def test_takes_whole_characters():
    one = matcher(Lit("é"))  # C3 A9
    assert one.fits(Plain("ã")) == ""  # C3 A3
    assert one.take(Plain("ã")) == ""
    assert one.length == 0
    assert one.take(Plain("é")) == "é"


def test_a_lone_surrogate_is_no_text():
    assert matcher(FreeText()).take(Plain("a\ud800b")) == "a"


def test_what_is_spelled_is_not_special():
    one = matcher(FreeText(), Tok(A))
    assert one.take(Plain(A)) == A
    assert not one.is_complete


def test_goes_back():
    one = matcher(Lit("ab"), Tok(A), Lit("cd"))
    one.take(Plain("ab"))
    start = one.length
    one.take(Special(A))
    one.take(Plain("c"))
    one.cut(start)
    assert one.forced() == (Special(A), Plain("cd"))
    assert one.take(Plain("c")) == ""


def test_goes_back_from_the_end():
    one = matcher(Tok(A))
    one.take(Special(A))
    one.cut(0)
    assert not one.is_over
    assert one.take(Special(A)) == A


def test_what_is_forced():
    one = matcher(Tok(A), Alt((Lit("get_weather"), Lit("get_time"))), Tok(B))
    assert one.forced() == (Special(A), Plain("get_"))
    one.take(Special(A))
    one.take(Plain("get_t"))
    assert one.forced() == (Plain("ime"), Special(B))


def test_half_a_character_is_not_forced():
    one = matcher(Alt((Lit("xé"), Lit("xã"))))
    assert one.forced() == (Plain("x"),)
    one.take(Plain("x"))
    assert one.forced() == ()
    assert one.first_choice() == Plain("ã")


@pytest.mark.parametrize(
    ("node", "taken", "choice"),
    [
        (Json({"type": "string"}), '"ab', Plain('"')),
        (Json({"type": "array"}), "[1", Plain("]")),
        (Json({"type": "object"}), '{"a"', Plain(":")),
        (Json({"enum": [7, 8]}), "", Plain("7")),
        (Json({"type": "object", "required": ["a"]}), '{"a":', Plain('"')),
        (Regex("[\n\ue000\U0001f642]"), "", Plain("\ue000")),
        (Regex("[\n ]"), "", Plain("\n")),
        (Regex("0*[1-9]"), "0", Plain("1")),
        (Seq((FreeText(), Tok(B))), "thinking", Special(B)),
        (Alt((Seq((Tok(A), FreeText(), Tok(B))), Tok(B))), "", Special(B)),
    ],
)
def test_the_first_choice_leads_to_an_end(node: Node, taken: str, choice: Plain | Special):
    one = matcher(node, Opt(Tok(A)))
    assert one.take(Plain(taken)) == taken
    length = one.length
    assert one.first_choice() == choice
    assert one.length == length and one.fits(choice) == choice.text


ANY = Json({"type": "object", "properties": {"n": True}, "required": ["n"]})


@pytest.mark.parametrize(
    ("value", "fitting"),
    [
        ("9" * 30, 20),
        ("0." + "3" * 40, 22),
        ("1e999", 4),
        ("1e-99", 5),
        ('"' + "7" * 50, 51),
        ('"1e9999', 7),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_number_has_digits_enough_at_last(value: str, fitting: int, size: int):
    one = matcher(ANY)
    one.take(Plain('{"n":'))
    pieces = [value[at : at + size] for at in range(0, len(value), size)]
    assert sum(len(one.take(Plain(piece))) for piece in pieces) == fitting
    if fitting == 20:
        assert one.fits(Plain("9")) == "" and one.fits(Plain("}")) == "}"


def test_long_numbers_that_are_told_are_taken():
    number = "1234567890123456789012345"
    assert matcher(Lit(number)).take(Plain(number)) == number
    digits = Json({"type": "string", "pattern": "^[0-9]{30}$"})
    assert matcher(digits).take(Plain('"' + "1" * 30)) == '"' + "1" * 30


def test_behind_the_last_digit_there_may_be_nothing():
    assert matcher(Regex("[0-9]{20}")).take(Plain("1" * 21 + "x")) == "1" * 20


@pytest.mark.parametrize("size", [1, 5, 100])
def test_what_looks_like_a_long_exponent_is_part_of_a_text(size: int):
    one = matcher(Json({"type": "object", "properties": {"n": {"format": "uuid"}}}))
    text = '{"n":"A2C60E65-99DB-6BE2-8de1-E6eaafDE9581" }'
    assert all(one.take(Plain(text[at : at + size])) for at in range(0, len(text), size))
    assert one.is_complete


BELOW_ONE = Json({"type": "array", "items": [{"type": "number", "exclusiveMaximum": 1}]})


@pytest.mark.parametrize(
    ("taken", "rest", "zeros"),
    [
        ("[0.9", "]", "0"),
        ("[0.99", " ]", "0"),
        ("[0.999999999", "]", ""),
        ("[1.0", "]", ""),
        ("[0.9", "x", ""),
        ("[0.9", "e9", ""),
        ("[", "x", ""),
    ],
)
def test_a_fraction_may_want_a_zero_before_it_ends(taken: str, rest: str, zeros: str):
    one = matcher(BELOW_ONE)
    one.take(Plain(taken))
    assert one.padding(rest) == zeros
    assert not zeros or one.take(Plain(rest)) == rest


def test_a_fraction_may_want_more_zeros_and_a_wrong_digit_is_not_made_a_right_one():
    one = matcher(Json({"type": "array", "items": [{"type": "number", "maximum": 1.0005}]}))
    one.take(Plain("[1.0"))
    assert (one.padding("]"), one.fits(Plain("]"))) == ("000", "]")
    two = matcher(Json({"type": "array", "items": [{"type": "number", "maximum": 0.125}]}))
    assert two.take(Plain("[0.129]")) == "[0.12" and two.padding("9]") == ""


@pytest.mark.parametrize(
    ("taken", "between", "more"),
    [('{"n": 5', False, True), ('{"n"', True, False), ('{"n": "x', False, False)],
)
def test_where_in_json_it_stands(taken: str, between: bool, more: bool):
    one = matcher(Json({"type": "object", "required": ["n"], "additionalProperties": True}))
    one.take(Plain(taken))
    assert one.is_between is between
    assert one.may_have_more is more


def test_a_tag_is_closed_before_another_is_opened():
    one = matcher(Lit("<"), Alt((Tok(A), Seq((Lit("/"), Tok(B))))))
    one.take(Plain("<"))
    assert one.first_choice() == Plain("/")


def test_matchers_of_one_grammar_do_not_meet():
    one, other = matcher(Lit("ab")), matcher(Lit("ab"))
    one.take(Plain("a"))
    assert other.take(Plain("ab")) == "ab"
    assert one.take(Plain("b")) == "b"


MANY = Alt(tuple(Seq((Regex("[a-z]+"), Lit(str(n)))) for n in range(2100)))
"""More possibilities at one place than llguidance follows."""


def test_a_grammar_that_cannot_be_says_what_to_do():
    with pytest.raises(InvalidRequest, match="strict: false") as refused:
        matcher(Regex("("))
    assert refused.value.param == "tools"


def test_a_grammar_may_turn_out_too_large_on_the_way():
    one = matcher(Tok(A), Alt((Tok(B), MANY)))
    with pytest.raises(InvalidRequest, match="too much"):
        one.take(Special(A))
