"""The matcher of a turn's calls: compiled once for the same tools, and each answer's its own."""

from typing import Any

import pytest
from msgspec.structs import replace

from toolgate.core.grammar import Bounds, Constraint, Index, Json, Lit, Plus, Seq, Tok
from toolgate.core.prompt import Plain, Special
from toolgate.errors import InvalidRequest
from toolgate.pipeline.enforcer import call_matcher
from toolgate.pipeline.enforcer.call_matcher import compile_call_matcher, find_call_matcher
from toolgate.pipeline.enforcer.target import XGRAMMAR

A = "<|a|>"


def constraint(key: str, first: int = 0, lead: str = "so ") -> Constraint:
    """Of calls as `a:0{"key": …}`, required."""
    schema = {"type": "object", "properties": {key: {"type": "string"}}, "required": [key]}
    call = Seq((Tok(A), Index(first), Json(schema)))
    return Constraint(calls=Plus(call, 1, 8), triggers=(A,), required=True, lead=Lit(lead))


def test_the_same_tools_are_compiled_once(monkeypatch: pytest.MonkeyPatch):
    assert find_call_matcher(constraint("once"), [A]) is None
    one = compile_call_matcher(constraint("once"), [A])
    monkeypatch.delattr(call_matcher, "compile_matcher")
    assert one.take(Plain("so ")) == "so " and one.take(Special(A)) == A
    for find in (find_call_matcher, compile_call_matcher):
        other = find(constraint("once"), [A])
        assert other is not None and other.length == 0
        assert other.take(Plain("so ")) == "so " and other.take(Plain("so ")) == ""
    assert one.take(Plain('0{"once":"')) == '0{"once":"'


def test_what_is_written_otherwise_is_compiled_anew():
    known = constraint("anew")
    compile_call_matcher(known, [A])
    others = (
        constraint("others"),
        constraint("anew", first=1),
        constraint("anew", lead="no "),
        replace(known, required=False),
        replace(known, bounds=Bounds(string=7)),
    )
    assert [find_call_matcher(one, [A]) for one in others] == [None] * 5
    assert find_call_matcher(known, [A, "<|b|>"]) is None
    assert find_call_matcher(known, [A], XGRAMMAR) is None


def test_what_is_too_much_is_refused_once_more_without_compiling(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: Any, **__: Any) -> None:
        raise InvalidRequest("too much", param="tools")

    monkeypatch.setattr(call_matcher, "compile_matcher", refuse)
    for attempt in (compile_call_matcher, find_call_matcher, compile_call_matcher):
        with pytest.raises(InvalidRequest, match="too much") as raised:
            attempt(constraint("much"), [A])
        assert raised.value.param == "tools"
        monkeypatch.delattr(call_matcher, "compile_matcher", raising=False)


@pytest.mark.parametrize("first", [0, 5])
def test_under_a_grammar_a_call_has_any_number(first: int):
    steered = compile_call_matcher(constraint("number", first), [A])
    netted = compile_call_matcher(constraint("number", first), [A], XGRAMMAR)
    for matcher, number in ((steered, ""), (netted, "77")):
        matcher.take(Plain("so "))
        matcher.take(Special(A))
        assert matcher.take(Plain("77")) == number
    assert find_call_matcher(constraint("number", first + 1), [A], XGRAMMAR) is not None
