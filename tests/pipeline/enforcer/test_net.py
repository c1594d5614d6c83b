"""When a matcher follows what an engine generates by its grammar, and what it lets in there."""

from random import Random
from typing import Any, get_args, get_type_hints

import pytest

from tests.pipeline.enforcer.gbnf_machine import Gbnf
from toolgate.core.conversation import ToolSpec
from toolgate.core.grammar import (
    Alt,
    Constraint,
    FreeText,
    Index,
    Json,
    Lit,
    Members,
    Node,
    Opt,
    Plus,
    Seq,
    Tok,
)
from toolgate.core.prompt import Plain, Segment, Special
from toolgate.core.schema import find_violation
from toolgate.engines.engine import Capabilities
from toolgate.pipeline.enforcer.gbnf_json import write_json
from toolgate.pipeline.enforcer.gbnf_rules import Rules
from toolgate.pipeline.enforcer.lark import OPEN
from toolgate.pipeline.enforcer.matcher import compile_matcher
from toolgate.pipeline.enforcer.net import dropped_by_both, find_need, needs_net, without_numbers
from toolgate.pipeline.enforcer.schema_fit import Dropped
from toolgate.pipeline.enforcer.target import TARGETS, XGRAMMAR

A, B = "<|a|>", "<|b|>"
CLOSED = {"type": "object", "additionalProperties": False}


def holding(**properties: Any) -> dict[str, Any]:
    return {**CLOSED, "properties": properties, "required": list(properties)}


SHORT = holding(a={"type": "string", "maxLength": 32})
LONG = holding(a={"type": "string", "maxLength": 33})
UNIQUE = holding(a={"type": "array", "uniqueItems": True})


def tags(key: str | None, kind: str) -> tuple[Node, Node]:
    return Lit(f"<{key}>"), Lit("</>")


def calls(*arguments: Node) -> Constraint:
    options = tuple(Seq((Lit(f"tool{n}"), Opt(one))) for n, one in enumerate(arguments))
    return Constraint(calls=Seq((Tok(A), Plus(Alt(options)), FreeText())), triggers=(A,))


@pytest.mark.parametrize(
    ("arguments", "grammar", "needed"),
    [
        ([Json(SHORT)], "structural_tag", False),
        ([Json(LONG)], "structural_tag", True),
        ([Json(SHORT), Json(LONG)], "structural_tag", True),
        ([Json(LONG)], "gbnf", False),
        ([Json(holding(a={"type": "integer", "multipleOf": 101}))], "gbnf", True),
        ([Json(LONG)], "lark", False),
        ([Json(LONG)], "none", False),
        ([Json(UNIQUE)], "structural_tag", False),
        ([Members(LONG, tags)], "structural_tag", False),
        ([Members(holding(x=LONG), tags)], "structural_tag", True),
        ([Alt((Json(LONG), Members(LONG, tags)))], "structural_tag", False),
    ],
)
def test_it_is_there_where_it_holds_more_than_the_grammar(
    arguments: list[Node], grammar: str, needed: bool
):
    assert needs_net(calls(*arguments), grammar) is needed


def test_whether_it_is_there_is_known_for_tools_that_came_lately():
    said = {"type": "string", "minLength": 47, "maxLength": 53}
    one, again = (calls(Json(holding(only_here=said))) for _ in range(2))
    assert find_need(one, "gbnf") is None
    assert needs_net(one, "gbnf") is False
    assert find_need(again, "gbnf") is False and find_need(again, "structural_tag") is None
    assert needs_net(again, "structural_tag") and find_need(one, "structural_tag")


def test_each_way_to_take_a_grammar_has_its_target():
    ways = get_args(get_type_hints(Capabilities)["grammar"])
    assert TARGETS.keys() == {*ways} - {"none"}


def test_what_neither_holds_is_named():
    both = holding(a={"type": "string", "maxLength": 33}, b={"type": "array", "uniqueItems": True})
    assert dropped_by_both(both, XGRAMMAR) == (Dropped("#/properties/b", "uniqueItems"),)


def test_calls_may_have_any_number():
    call = Seq((Tok(A), Opt(Alt((Index(3), Lit("x"))))))
    node = without_numbers(Seq((Plus(call, most=2), Tok(B))))
    for number in ("0", "7", "1234", "x", ""):
        matcher = compile_matcher(node, (A, B))
        said: list[Segment] = [Special(A), Plain(number), Special(A), Plain(number), Special(B)]
        assert [matcher.take(one) for one in said] == [one.text for one in said]
        assert matcher.is_complete


KINDS: tuple[Any, ...] = (
    {"type": "string", "maxLength": 40},
    {"type": "integer", "minimum": -5},
    {"type": "string", "format": "uuid"},
    {"type": "array", "items": {"enum": ["x", 1, None]}, "minItems": 1},
    {"type": "number"},
    {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "^a{2,40}$"}]},
)


def some_schema(dice: Random, *, most: int = 7, depth: int = 2) -> dict[str, Any]:
    """Of four or five members inside of another one the matcher holds the order."""
    names = dice.sample(("a", "b", "c", "d", "e", "f", "g"), dice.randint(0, most))
    inner = {
        name: some_schema(dice, most=3, depth=depth - 1)
        if depth and dice.random() < 0.3
        else dice.choice(KINDS)
        for name in names
    }
    return holding(**inner) | {"required": dice.sample(names, dice.randint(0, len(names)))}


@pytest.mark.parametrize("seed", range(40))
def test_it_lets_in_what_the_grammar_writes_and_the_schema_allows(seed: int):
    """Members in any order where there are few, and all that the grammar dropped."""
    dice = Random(seed)
    schema = some_schema(dice)
    fragment, rules = write_json(schema, OPEN, XGRAMMAR), Rules(XGRAMMAR)
    rules.bodies.update(fragment.bodies)
    grammar = Gbnf(rules.text(fragment.root))
    start = compile_matcher(Json(schema), (A,))
    for _ in range(8):
        text = grammar.write(dice, length=60)
        if "\\" in text:
            continue  # what is spelled otherwise is `spelling`'s affair
        start.cut(0)
        fits = start.take(Plain(text)) == text and start.is_complete
        assert fits is (find_violation(ToolSpec("x", parameters=schema), text) is None)
