"""Kimi K3's arguments: strings bare, other values as JSON, each in a tag with its type."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.pipeline.enforcer.gbnf_machine import Gbnf
from tests.pipeline.enforcer.tool_sets import random_parameters
from toolgate.core.grammar import (
    Bounds,
    CallRules,
    Constraint,
    Lit,
    Members,
    Node,
    Opt,
    Plus,
    Seq,
    Tok,
    ToolRule,
)
from toolgate.dialects import get_dialect
from toolgate.pipeline.enforcer.constrain import BOUNDED
from toolgate.pipeline.enforcer.gbnf import GrammarWriter, write_gbnf
from toolgate.pipeline.enforcer.gbnf_rules import literal
from toolgate.pipeline.enforcer.schema_fit import fit_schema
from toolgate.pipeline.enforcer.schema_length import longest, shrink
from toolgate.pipeline.enforcer.target import GBNF


def tags(key: str | None, kind: str) -> tuple[Node, Node]:
    return Lit(f"[{key or 'other'}:{kind}]"), Lit(";")


def takes(schema: Any, text: str, **bounds: int) -> bool:
    tree = Members(schema, tags)
    written = write_gbnf(Constraint(calls=tree, triggers=(), bounds=Bounds(**bounds)), {})
    return Gbnf(written.grammar).takes(text)


def one(schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": schema}, "required": ["x"]}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string"}, ['[x:string]a "b"\n<;', "[x:string];"], ["[x:number]1;"]),
        ({"type": "string", "maxLength": 2}, ["[x:string]ab;"], ["[x:string]abc;"]),
        ({"type": "string", "minLength": 2}, ["[x:string]abcd;"], ["[x:string]a;"]),
        ({"type": "string", "pattern": '^"+$'}, ['[x:string]"";'], ["[x:string];"]),
        ({"type": "integer"}, ["[x:number]12;"], ["[x:number]1.5;", "[x:integer]1;"]),
        ({"type": "boolean"}, ["[x:boolean]true;"], ["[x:string]true;"]),
        ({"type": ["null", "array"]}, ["[x:null]null;", '[x:array]["a"];'], ["[x:string]a;"]),
        (
            {"enum": ['a"', 1, None, [1], {"k": "v"}]},
            [
                '[x:string]a";',
                "[x:number]1;",
                "[x:null]null;",
                "[x:array][1];",
                '[x:object]{"k":"v"};',
            ],
            ["[x:string]1;"],
        ),
        (
            True,
            ["[x:string]a;", "[x:number]1.5;", '[x:object]{"a":1};', "[x:array][];"],
            ["[x:x]a;"],
        ),
        ({"$ref": "#/$defs/n"}, ["[x:number]1;"], ["[x:string]a;"]),
    ],
)
def test_values(schema: Any, good: list[str], bad: list[str]):
    whole = {**one(schema), "$defs": {"n": {"type": "number"}}}
    assert [text for text in good if not takes(whole, text)] == []
    assert [text for text in bad if takes(whole, text)] == []


def test_members_come_in_their_order_and_optional_ones_may_lack():
    schema = {**one({"type": "null"}), "additionalProperties": {"type": "null"}}
    schema["properties"] = {"a": {"type": "null"}, **schema["properties"]}
    assert takes(schema, "[x:null]null;") and takes(schema, "[a:null]null;[x:null]null;")
    assert not takes(schema, "[a:null]null;")
    assert takes(schema, "[x:null]null;[other:null]null;[other:null]null;")
    assert not takes(schema, "[x:null]null;" + "[other:null]null;" * 2, items=1)


def test_where_the_bounds_leave_no_value_any_may_come():
    inner = {"properties": {"p": {"$ref": "#/$defs/outer"}}}
    outer = {"properties": {"q": {"$ref": "#/$defs/inner"}}, "required": ["q"]}
    listed = {"type": "array", "items": {"$ref": "#/$defs/outer"}, "minItems": 1}
    schema = {**one(listed), "$defs": {"outer": outer, "inner": inner}}
    assert takes(schema, "[x:array][];", depth=0) and not takes(schema, "[x:array][];")


def test_a_bound_holds_for_bare_strings_too():
    assert not takes(one({"type": "string"}), "[x:string]abc;", string=2)
    assert takes(one({"type": "string", "minLength": 3}), "[x:string]abc;", string=2)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "object"}, ""),
        ({"anyOf": [one({"const": 1}), one({"const": 2})]}, "[x:number]2;"),
        ({"enum": [{"x": 1}, {}]}, ""),
        ({"$ref": "#/$defs/o", "$defs": {"o": one({"const": 1})}}, "[x:number]1;"),
    ],
)
def test_schemas_of_whole_objects(schema: Any, text: str):
    assert takes(schema, text)
    assert not takes(schema, "[x:number]3;") or schema == {"type": "object"}


@pytest.mark.parametrize(
    ("end", "spelling"), [(Lit("</v>\n"), "</v>"), (Seq((Tok("</v>"), Lit("\n"))), "</v>")]
)
def test_a_text_never_spells_what_ends_it(end: Node, spelling: str):
    """Else nothing behind it would be held: it might all be text still."""
    for schema in ({"type": "string"}, {"type": "string", "minLength": 1}):
        tree = Members(one(schema), lambda key, kind: (Lit("<x>"), end))
        grammar = write_gbnf(Constraint(calls=tree, triggers=()), {"</v>": 7}).grammar
        told = Gbnf(grammar.replace("<[7]>", '"</v>"'))
        assert told.takes("<x>a < b</v>\n")
        assert not told.takes(f"<x>a{spelling} b</v>\n")


def test_what_contains_itself_ends_where_the_bounds_do():
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    whole = {"$ref": "#/$defs/node", "$defs": {"node": node}}
    for depth in range(3):
        fits = [takes(whole, f"[next:object]{nested(n)};", depth=depth) for n in range(4)]
        assert fits == [n <= depth for n in range(4)]


def nested(depth: int) -> str:
    return f'{{"next":{nested(depth - 1)}}}' if depth else "{}"


def test_a_member_for_which_there_is_no_room_is_left_out():
    endless = {"list": {"type": "array", "items": {"$ref": "#/$defs/list"}, "minItems": 1}}
    schema = {**one({"type": "null"}), "additionalProperties": {"$ref": "#/$defs/list"}}
    schema["properties"]["y"] = {"$ref": "#/$defs/list"}
    assert takes({**schema, "$defs": endless}, "[x:null]null;", depth=1)
    for member in ("y", "other"):
        assert not takes({**schema, "$defs": endless}, f"[x:null]null;[{member}:array]", depth=1)


def test_a_shape_for_which_there_is_no_room_is_left_out():
    """Each of the three leads to the next one without a member in between."""
    definitions = {
        "a": {"anyOf": [one({"const": 1}), {"$ref": "#/$defs/b"}]},
        "b": {"anyOf": [one({"const": 2}), {"$ref": "#/$defs/c"}]},
        "c": {"anyOf": [one({"const": 3}), one({"$ref": "#/$defs/a"})]},
    }
    schema = {**one({"$ref": "#/$defs/a"}), "$defs": definitions}
    for depth in range(3):
        fits = [takes(schema, f'[x:object]{{"x":{n}}};', depth=depth) for n in (1, 2, 3)]
        assert fits == [n <= depth + 1 for n in (1, 2, 3)]


FAMILIES = "qwen3_coder", "glm45", "glm47", "minimax_m2", "kimi_k3", "deepseek_v32", "deepseek_v4"
BOUNDS = (
    Bounds(string=20, items=3, depth=1),
    Bounds(string=20, items=5, depth=0),
    Bounds(string=8, items=1, depth=0),
    BOUNDED.bounds,
)


@settings(max_examples=40)
@given(st.sampled_from(FAMILIES), st.sampled_from(BOUNDS), st.integers(0, 1_000_000))
def test_no_call_is_longer_than_is_said(family: str, bounds: Bounds, seed: int):
    """The greatest length of the same value in JSON, which is the one that bounds are narrowed by:
    tags need no more room than quotes, colons and blanks."""
    schema = random_parameters(Random(seed))
    grammar = get_dialect(family).call_grammar
    assert grammar is not None
    calls = grammar(CallRules(tools=(ToolRule("x", schema),))).calls
    members = next(node for node in walk(calls) if isinstance(node, Members))
    writer = GrammarWriter(bounds, literal)
    text = writer.rules.text(writer.write(members, None))
    fitted = fit_schema(schema, GBNF).schema
    most = longest(fitted, shrink(fitted, bounds, GBNF), GBNF)
    assume(most is not None)
    assert Gbnf(text).longest <= (most or 0)


def walk(node: Node) -> Iterator[Node]:
    yield node
    inner = getattr(node, "parts", ()) or getattr(node, "options", ())
    for part in (*inner, *([node.part] if isinstance(node, Opt | Plus) else ())):
        yield from walk(part)
