"""What follows a mistake without the model: each piece, and that its rest is always valid."""

from random import Random

import pytest

from tests.pipeline.enforcer.tool_sets import random_tools
from toolgate.core.grammar import Alt, FreeText, Json, Lit, Members, Node, Plus, Regex, Seq, Tok
from toolgate.core.prompt import Plain, Segment, Special
from toolgate.core.schema import find_violation
from toolgate.errors import ModelOutputError
from toolgate.pipeline.enforcer import continuation
from toolgate.pipeline.enforcer.constrain import AUTO, BOUNDED, choose_schema
from toolgate.pipeline.enforcer.continuation import close, close_value, complete, must
from toolgate.pipeline.enforcer.matcher import Matcher, compile_matcher

A, B = "<|a|>", "<|b|>"
ONE = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
TWO = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}


def tags(key: str | None, kind: str) -> tuple[Node, Node]:
    return Lit(f"<{key}>"), Lit("</>\n")


def at(node: Node, *taken: str) -> Matcher:
    """A matcher behind these pieces; a special token's spelling is one."""
    matcher = compile_matcher(node, (A, B))
    for piece in taken:
        segment: Segment = Special(piece) if piece in (A, B) else Plain(piece)
        assert matcher.take(segment) == piece
    return matcher


def calls(schema: object = ONE) -> Node:
    return Seq((Plus(Seq((Tok(A), Json(schema)))), Tok(B)))  # type: ignore[arg-type]


def text(segments: list[Segment]) -> str:
    return "".join(segment.text for segment in segments)


@pytest.mark.parametrize(
    ("node", "taken", "follows"),
    [
        (Json(ONE), ["{"], '"a": "'),
        (Json(ONE), ["{ "], '"a": "'),
        (Json(TWO), ['{"a": "x"'], ', "b":'),
        (Json(TWO), ['{"a": "x",'], ' "b":'),
        (Json({"type": "array", "items": {"type": "string"}, "minItems": 2}), ['["x"'], ', "'),
        (Json({"enum": ["a b", "ax"]}), ['"a'], ""),
        (Regex("[ x]*"), [], ""),
        (FreeText(), [], ""),
        (Seq((Json({"const": 1}), Tok(A), Lit("x"))), [], f"1{A}x"),
    ],
)
def test_what_must_follow_but_for_blanks(node: Node, taken: list[str], follows: str):
    matcher = at(node, *taken)
    assert text(must(matcher)) == follows
    assert must(matcher) == []


@pytest.mark.parametrize(
    ("taken", "wanted", "closed"),
    [
        ([A, '{"a": "x'], None, f'"}}{B}'),
        ([A, '{"a": "x'], A, f'"}}{A}{{"a": "'),
        ([A, '{"a": "x'], B, f'"}}{B}'),
        ([A, '{"a": "x"}'], None, B),
        ([A, '{"a": "x\\'], None, f'\\"}}{B}'),
        ([A, "{"], None, ""),
        ([A, '{"a":'], None, ""),
    ],
)
def test_what_the_model_left_out(taken: list[str], wanted: str | None, closed: str):
    marker = Special(wanted) if wanted else None
    assert text(close(at(calls(), *taken), marker)) == closed


def test_a_member_that_is_missing_is_begun():
    assert text(close(at(calls(TWO), A, '{"b": 5'), None)) == ', "a": "'
    assert text(close(at(calls(TWO), A, '{"a": "x'), None)) == '", "b":'
    free = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "integer"}}
    assert text(close(at(calls(free), A, '{"a": 5'), Special(A))) == f'}}{A}{{"'


def test_a_string_that_may_not_end_is_left_to_the_model():
    long = {"type": "string", "minLength": 5}
    assert close(at(Seq((Json(long), Tok(A))), '"x'), None) == []


def test_running_text_is_closed_with_its_tag():
    node = Seq((Members(ONE, tags), Tok(A)))
    assert text(close(at(node, "<a>", "x\ny"), None)) == f"</>\n{A}"
    assert text(complete(at(node))) == f"<a></>\n{A}"


def test_a_value_is_closed_and_no_more():
    assert text(close_value(at(Json({"type": "object"}), '{"b": 5, "a": "x'))) == '"'
    assert text(close_value(at(Json(TWO), '{"b": -'))) == '1, "a": "'
    nested = Json({"type": "array", "items": {"type": "array"}})
    assert text(close_value(at(nested, "[["))) == "]"


@pytest.mark.parametrize("seed", range(20))
def test_the_rest_of_any_call_is_valid(seed: int):
    """Judged by the validator, for tools with every keyword that a grammar holds."""
    for tool in random_tools(Random(seed), most=4):
        for bounds in (AUTO.bounds, BOUNDED.bounds):
            matcher = compile_matcher(Seq((Json(choose_schema(tool)), Tok(A))), (A,), bounds)
            rest = text(complete(matcher))
            assert rest.endswith(A) and matcher.is_over
            assert find_violation(tool, rest.removesuffix(A)) is None


def test_a_pattern_comes_to_its_end():
    for pattern in ("[a-z]*x", r"\d+-\d+z", r"[^@]+@[a-z]+\.[a-z]{2,}"):
        assert complete(at(Seq((Regex(pattern), Tok(A)))))


def test_an_end_that_is_not_found_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(continuation, "LONGEST", 3)
    with pytest.raises(ModelOutputError, match="No end was found"):
        complete(at(Seq((Regex("[a-z]{9}"), Tok(A)))))


def test_what_is_complete_needs_nothing():
    assert complete(at(Alt((Lit("a"), Lit("ab"))), "a")) == []
