"""What llguidance is given: its own notation for each node of a call grammar."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from llguidance import LLMatcher
from msgspec.structs import replace

from toolgate.core.grammar import (
    Alt,
    Bounds,
    FreeText,
    Index,
    Json,
    Lit,
    Members,
    Node,
    Opt,
    Plus,
    Regex,
    Schema,
    Seq,
    Tok,
)
from toolgate.core.prompt import Plain, Segment, Special
from toolgate.pipeline.enforcer.constrain import BOUNDED
from toolgate.pipeline.enforcer.lark import (
    OPEN,
    OPTIONS,
    encode_schema,
    fit_json,
    fit_value,
    write_lark,
)
from toolgate.pipeline.enforcer.matcher import compile_matcher
from toolgate.pipeline.enforcer.target import LLGUIDANCE, XGRAMMAR

A, B = "<|a|>", "<|b|>"
CALL = Seq((Tok(A), Index(3), Lit(":"), Json(True)))


def accepts(node: Node, *pieces: str) -> bool:
    """Whether these are a whole output; a piece that is a special token's spelling is one."""
    matcher = compile_matcher(node, (A, B))
    for piece in pieces:
        segment: Segment = Special(piece) if piece in (A, B) else Plain(piece)
        if matcher.take(segment) != piece:
            return False
    return matcher.is_complete


@pytest.mark.parametrize(
    ("node", "whole", "wrong"),
    [
        (Tok(A), (A,), ("<|a", "|>")),
        (Lit('é"\n🙂'), ('é"\n🙂',), ("e",)),
        (Regex("[0-9]{2}/x"), ("12/x",), ("1/x",)),
        (Regex("[0-9]\\/x/y[/]"), ("1/x/y/",), ("1/x",)),
        (Seq((FreeText(), Tok(A))), ("any <|a\n", A), ("text", B)),
        (Seq((FreeText(), Tok(A))), (A,), ("text",)),
        (Seq(()), (), ("x",)),
        (Seq((Lit("x"), Opt(Tok(A)))), ("x",), (A,)),
        (Seq((Lit("x"), Opt(Tok(A)))), ("x", A), ("x", A, A)),
        (Alt((Lit("x"), Lit("xy"))), ("xy",), ("z",)),
        (Plus(Tok(A)), (A, A, A), ()),
        (Plus(Tok(A), least=2, most=3), (A, A), (A,)),
        (Plus(Tok(A), least=2, most=3), (A, A, A), (A, A, A, A)),
        (Json({"type": "object", "required": ["a"]}), ('{"a":\n    1}',), ("{}",)),
        (Json(True), ("[null]",), ("[",)),
    ],
)
def test_each_node_means_what_it_says(node: Node, whole: tuple[str, ...], wrong: tuple[str, ...]):
    assert accepts(node, *whole)
    assert not accepts(node, *wrong)


def test_calls_are_numbered_one_after_the_other():
    calls = Plus(CALL, most=2)
    assert accepts(calls, A, "3:1", A, "4:2")
    assert not accepts(calls, A, "4:1")
    assert not accepts(calls, A, "3:1", A, "3:1")
    assert not accepts(calls, A, "3:1", A, "4:1", A, "5:1")


def test_a_counted_number_of_rounds_has_a_least():
    calls = Plus(Alt((CALL, Seq((Tok(B), Opt(Index(3)))))), least=2)
    assert accepts(calls, A, "3:1", B, "4", A, "5:1")
    assert not accepts(calls, A, "3:1")


def test_a_node_that_stands_twice_is_one_rule():
    calls = Plus(CALL, most=2)
    both = Alt((Seq((Tok(B), calls)), calls))
    assert accepts(both, B, A, "3:1") and accepts(both, A, "3:1", A, "4:1")
    assert write_lark(both, {A: 1, B: 2}).count("%json") == 1


NAMES = {"s": {"type": "string"}, "n": {"type": "integer"}, "u": {"enum": ["c", 1]}}
OBJECT = {"type": "object", "properties": NAMES, "required": ["s"], "additionalProperties": False}
BOUND = Bounds(string=3, items=2, depth=1)


def spelled(key: str | None, _: str) -> tuple[Node, Node]:
    return Lit(f"<{key or 'any'}>"), Lit("</>")


def tokened(key: str | None, _: str) -> tuple[Node, Node]:
    return Seq((Tok(A), Lit(key or "any"), Tok(A))), Seq((Tok(B), Lit(";")))


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (OBJECT, "<s>a < b </ 1</><n>12</><u>c</>", "<n>1</>"),
        (OBJECT, "<u>1</><s></>", "<s>a</><n>x</>"),
        (OBJECT, "<s>a</>", "<s>a</><u>k</>"),
        (OBJECT, "<s>a</>", "<s>a</><any>b</>"),
        (
            {"type": "object", "properties": {}, "additionalProperties": {}},
            "<any>1</><any>b</>",
            "",
        ),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "<any>1</>", "<any>b</>"),
        ({"type": "object", "properties": {}, "additionalProperties": False}, "", "<any>b</>"),
    ],
)
def test_arguments_in_tags_of_text_end_where_their_tag_does(schema: Schema, good: str, bad: str):
    call = Seq((Lit("f"), Members(schema, spelled), Tok(A)))
    assert accepts(call, f"f{good}", A)
    assert not bad or not accepts(call, f"f{bad}", A)


def test_arguments_in_tags_of_tokens():
    call = Members(OBJECT, tokened)
    assert accepts(call, A, "s", A, "text </>", B, ";", A, "n", A, "-7", B, ";")
    assert not accepts(call, A, "s", A, "text", B, ";", A, "n", A, "true", B, ";")


def test_arguments_in_tags_are_bounded():
    schema = {**OBJECT, "additionalProperties": {"type": "array"}}
    node = Members(schema, spelled)
    for text, fits in (
        ("<s>abc</>", True),
        ("<s>abcd</>", False),
        ("<s>a</><any>[1]</><any>[]</>", True),
        ("<s>a</><any>[1]</><any>[]</><any>[]</>", False),
    ):
        matcher = compile_matcher(node, (A, B), BOUND)
        taken = matcher.take(Plain(text))
        assert (taken == text and matcher.is_complete) is fits, text


def test_a_value_of_which_nothing_is_left_may_be_any():
    endless = {"$defs": {"1": {"type": "array", "items": {"$ref": "#/$defs/1"}, "minItems": 1}}}
    text = json.dumps({**endless, "$ref": "#/$defs/1"})
    assert json.loads(fit_value(text, BOUND)).keys() == {OPTIONS}
    assert "maxItems" in fit_value('{"type": "array", "items": {}}', BOUND)


def test_arguments_in_tags_leave_their_place_to_the_other_form():
    assert accepts(Alt((Members(OBJECT, spelled), Lit("x"))), "x")


def test_white_space_has_an_end():
    assert accepts(Json(True), "[" + " " * 40 + "]")
    assert not accepts(Json(True), "[" + " " * 41 + "]")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", OPTIONS: {"lenient": True}},
        {"type": "object", "properties": {"a": {OPTIONS: {}}}, "additionalProperties": True},
    ],
)
def test_a_client_sets_none_of_the_options(schema: Schema):
    text = encode_schema(schema)
    assert json.loads(text)[OPTIONS].keys() == {"whitespace_pattern"}
    assert fit_json(text) == text


@pytest.mark.parametrize(
    ("schema", "fits", "wrong"),
    [
        ({"exclusiveMinimum": 0}, ("0.5", "0.99", "7"), ("0", "0.0", "-1")),
        ({"exclusiveMinimum": 3, "minimum": 1, "exclusiveMaximum": 3.5}, ("3.25",), ("3", "3.5")),
        ({"exclusiveMaximum": 3, "maximum": 2}, ("2", "1.5"), ("2.5", "3")),
        ({"type": "integer", "exclusiveMinimum": 3}, ("4", "10"), ("3",)),
        ({"exclusiveMaximum": True}, ("1",), ()),
        ({"enum": [{"exclusiveMinimum": 3}]}, ('{"exclusiveMinimum":3}',), ()),
    ],
)
def test_bounds_that_do_not_belong(schema: Any, fits: Sequence[str], wrong: Sequence[str]):
    schema = schema if "enum" in schema else {"type": "number", **schema}
    held = Json({"type": "array", "items": [schema], "minItems": 1})
    assert [accepts(held, f"[{text}]") for text in fits] == [True] * len(fits)
    assert [accepts(held, f"[{text}]") for text in wrong] == [False] * len(wrong)


def test_a_few_properties_come_in_any_order():
    properties = {"a": {"$ref": "#/$defs/one"}, "b": {"type": "null"}, "c": {"type": "null"}}
    schema = {"properties": properties, "required": ["b"], "$defs": {"one": {"enum": [1]}}}
    for text in ('{"a":1,"b":null}', '{"b":null,"a":1}', '{"c":null,"b":null,"a":1}'):
        assert accepts(Json({"type": "object", **schema}), text)
    assert not accepts(Json({"type": "object", **schema}), '{"c":null,"a":1}')


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_a_member_that_nothing_fits_is_none(count: int):
    properties: dict[str, Any] = {name: {"type": "null"} for name in "abcde"[:count]}
    properties["b"] = {"type": "string", "enum": [1]}
    held = Json({"type": "object", "properties": properties, "required": ["a"]})
    assert accepts(held, '{"a":null}') and not accepts(held, '{"a":null,"b":1}')


def test_a_few_properties_inside_come_in_any_order():
    """In lists, definitions, unions and properties; what stands beside a union keeps its order."""
    pair = {"type": "object", "properties": {"b": {}, "c": {"enum": [1]}}, "required": ["b", "c"]}
    for inside in (
        {"type": "array", "items": pair, "minItems": 1},
        {"type": "array", "items": {"anyOf": [pair, {"type": "null"}]}, "minItems": 1},
        {"type": "array", "items": {"$ref": "#/$defs/pair"}, "minItems": 1},
    ):
        whole = {"type": "object", "properties": {"a": inside}, "$defs": {"pair": pair}}
        for text in ('{"a":[{"b":2,"c":1}]}', '{"a":[{"c":1,"b":{"c":[]}}]}'):
            assert accepts(Json(whole), text)
        assert not accepts(Json(whole), '{"a":[{"c":1}]}')
    kept = {"type": "object", "enum": [{"properties": {"b": 1, "c": 2}}]}
    assert accepts(Json(kept), '{"properties":{"b":1,"c":2}}')


def test_bounds_are_as_narrow_as_for_who_counts():
    texts = {"type": "object", "properties": {name: {"type": "string"} for name in "abcdef"}}
    bounds = Bounds(string=64, items=8, depth=2, total=1_500)
    tokens, characters = (
        write_lark(Json(texts), {A: 1}, bounds, counts_as=one) for one in (XGRAMMAR, LLGUIDANCE)
    )
    assert '"maxLength": 64' in tokens and '"maxLength": 64' not in characters


def test_a_property_may_have_the_name_of_the_options():
    schema = {"properties": {OPTIONS: {"type": "null"}}, "required": [OPTIONS]}
    assert accepts(Json(schema), f'{{"{OPTIONS}": null}}')


@pytest.mark.parametrize("schema", [False, {"not": {}}, {"format": "no such", "type": "string"}])
@pytest.mark.parametrize("bounds", [OPEN, BOUNDED.bounds])
def test_what_llguidance_refuses_passes_the_front_end(schema: Any, bounds: Bounds):
    lark = write_lark(Json(schema), {}, bounds)
    assert not LLMatcher.validate_grammar(lark, None)
    assert compile_matcher(Json(schema), (), bounds).take(Plain('{"a":1}')) == '{"a":1}'


def test_bounds_hold_where_they_are_asked_for():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    most = BOUNDED.bounds.string or 0
    text = f'{{"a":"{"x" * 2 * most}"}}'
    assert compile_matcher(Json(schema), ()).take(Plain(text)) == text
    bounded = compile_matcher(Json(schema), (), BOUNDED.bounds)
    assert len(bounded.take(Plain(text))) == len('{"a":"') + most


def test_strings_are_shorter_where_a_call_would_be_too_long():
    schema = {"type": "object", "properties": {"a": {}}, "required": ["a"]}
    short = compile_matcher(Json(schema), (), replace(BOUNDED.bounds, total=5000))
    assert 6 < len(short.take(Plain(f'{{"a":"{"x" * 2000}"}}'))) < 300


def test_what_cannot_end_is_any_object():
    endless = {"properties": {"a": {"$ref": "#"}}, "required": ["a"], "type": "object"}
    matcher = compile_matcher(Json(endless), (), BOUNDED.bounds)
    assert matcher.take(Plain("{}")) == "{}"


def test_what_ends_only_deeper_than_allowed_is_any_object():
    lists = {"type": "object", "properties": {"next": {"$ref": "#/$defs/last"}}}
    last = {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/list"}]}
    deep = {
        **{"type": "object", "properties": {"a": {"$ref": "#/$defs/list"}}, "required": ["a"]},
        "$defs": {"list": {**lists, "required": ["next"]}, "last": last},
    }
    matcher = compile_matcher(Json(deep), (), replace(BOUNDED.bounds, depth=0))
    assert matcher.take(Plain('{"b":1}')) == '{"b":1}'
