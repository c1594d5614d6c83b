"""In which order corrections are tried, and where they have an end."""

from typing import Any

import pytest

from toolgate.core.grammar import Json, Plus, Seq, Tok
from toolgate.core.prompt import Plain, Segment, Special
from toolgate.errors import ModelOutputError
from toolgate.pipeline.enforcer.correcting import ERRORS_IN_A_VALUE, Corrector, Mistake
from toolgate.pipeline.enforcer.matcher import Matcher, compile_matcher
from toolgate.pipeline.enforcer.steering_report import SteeringReport

CALL, END = "<|call|>", "<|end|>"
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["a", "n"],
    "additionalProperties": False,
}
GRAMMAR = Seq((Plus(Seq((Tok(CALL), Json(SCHEMA)))), Tok(END)))
REFUSED = Mistake(said="", wrong=Plain("?"), told=[Plain("!")])


def corrector(
    *taken: str, ends: bool = False, most: int = 64
) -> tuple[Corrector, Matcher, SteeringReport]:
    """One whose matcher stands behind this, and what it reports."""
    matcher = compile_matcher(GRAMMAR, (CALL, END))
    for text in taken:
        assert matcher.take(Special(text) if text in (CALL, END) else Plain(text)) == text
    report = SteeringReport()
    return Corrector(matcher, report, endings={CALL, END}, ends=ends, most=most), matcher, report


def corrected(taken: str, mistake: Mistake) -> str:
    return text(corrector(CALL, taken)[0].correct(mistake))


def text(segments: Any) -> str:
    return "".join(segment.text for segment in segments)


def mistake(wrong: str | None, said: str = "x", **more: Any) -> Mistake:
    segment: Segment | None = Plain(wrong) if wrong else None
    return Mistake(said=said, wrong=Special(wrong) if wrong in (CALL, END) else segment, **more)


@pytest.mark.parametrize("wrong", [None, END, "}", "]"])
def test_what_is_held_for_finished_is_closed(wrong: str | None):
    begun = '{"n": 5, "a": "x'
    closed = f'"}}{END}' if wrong in (None, END) else '"}'
    assert corrected(begun, mistake(wrong)).startswith(closed)


def test_what_the_model_has_not_begun_is_not_finished():
    """A quote that was forced is not the model's: closing there would make an empty text."""
    told = [Plain("Oslo")]
    assert corrected('{"n": 5, "a": "', mistake(None, said="", told=told)) == "Oslo"


def test_what_the_model_chose_is_its_own():
    one, _, _ = corrector(CALL, '{"n": 5, "a": "')
    assert text(one.correct(mistake(None, said="", told=[Plain("Oslo")]))) == "Oslo"
    assert text(one.correct(mistake(None, said=""))) == f'"}}{END}'


def test_what_must_follow_is_not_asked_for():
    assert corrected("{", mistake("?", told=[Plain('"a"')])) == '"'
    assert corrected('{"n"', mistake("?", told=[Plain(":")])) == ":"
    assert corrected('{"n": 5, ', mistake("?")) == '"a": "'


def test_the_likeliest_that_fits_is_taken():
    told = [Plain("x"), Plain(" "), Plain("\n"), Plain("-x"), Plain("7")]
    assert corrected('{"n": ', mistake("?", told=told)) == "-"
    assert corrected('{"a": "', mistake("\x07", told=[Plain(" "), Plain("b")])) == " "
    assert corrected('{"a": "x"', mistake("?", meant=None, told=[Plain("}")])) == ', "n":'


def test_the_model_is_asked_again_where_that_helps():
    assert corrected('{"n": ', mistake("?", can_learn=True)) == ""
    assert corrected('{"n": ', mistake("?", can_change=True)) == ""
    for hopeless in (
        mistake("?"),
        mistake("?", said="", can_change=True),
        mistake("?", told=[Plain("?")], can_change=True),
    ):
        assert corrected('{"n": ', hopeless) == "1"


def test_who_is_asked_again_has_still_said_what_he_said():
    one, _, _ = corrector(CALL, '{"n": 5, "a": "x')
    assert not one.correct(mistake("\x07", can_learn=True))
    assert text(one.correct(mistake(None, said=""))) == f'"}}{END}'


def test_a_value_with_bounds_is_closed_where_the_model_errs_again_and_again():
    errors = [mistake("\x07", said="y", told=[Plain("y")]) for _ in range(ERRORS_IN_A_VALUE + 1)]
    for ends, last in ((True, '"}'), (False, "y")):
        one, _, report = corrector(CALL, '{"n": 5, "a": "x', ends=ends)
        assert [text(one.correct(error)) for error in errors] == ["y", "y", "y", last]
        assert report.completed == ends


def test_with_bounds_the_answer_is_completed_before_corrections_run_out():
    one, matcher, report = corrector(CALL, '{"n": ', ends=True, most=4)
    for _ in range(3):
        one.correct(mistake("?", said='"', told=[Plain("1"), Plain("x")]))
    assert text(one.correct(mistake("?", said='"'))).endswith(END)
    assert matcher.is_over and report.steers == 4 and report.completed == 1


def test_without_bounds_the_model_is_given_up():
    one, _, report = corrector(CALL, '{"n": ', most=2)
    one.correct(REFUSED)
    one.correct(REFUSED)
    with pytest.raises(ModelOutputError, match="more than 2 times"):
        one.correct(REFUSED)
    assert report.completed == 0
