"""Objects of four or five members, which come in any order."""

import json
from itertools import permutations
from typing import Any

import pytest

from toolgate.core.grammar import Json, Seq
from toolgate.core.prompt import Plain
from toolgate.pipeline.enforcer.lark import write_lark
from toolgate.pipeline.enforcer.lark_object import may_come_in_any_order, split_object
from toolgate.pipeline.enforcer.matcher import compile_matcher

VALUES = {"a": 1, "b é": "x", "c": [1], "d": None, "e": {"f": True}}
KEYS = ("abcd", "abcde")
PROPERTIES = {name: {"const": value} for name, value in VALUES.items()}


def closed(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [*required],
        "additionalProperties": False,
        **more,
    }


def fits(schema: dict[str, Any], text: str) -> bool:
    matcher = compile_matcher(Json(schema), ("<|a|>",))
    return matcher.take(Plain(text)) == text and matcher.is_complete


def written(*names: str) -> str:
    return json.dumps({name: VALUES[name] for name in names}, ensure_ascii=False)


def test_five_members_come_in_any_order():
    schema = closed(PROPERTIES, "a", "e")
    for order in permutations(VALUES):
        assert fits(schema, written(*order))
    assert fits(schema, written("e", "a")) and fits(schema, '{ "e" :{"f": true}\n,"a":1\n}')


@pytest.mark.parametrize(
    "text", ['{"a": 1}', "{}", '{"a": 1, "e": {"f": true}, "a": 1}', '{"e": 1}']
)
def test_what_is_required_comes_and_nothing_twice(text: str):
    assert not fits(closed(PROPERTIES, "a", "e"), text)


def test_members_that_may_all_be_left_out():
    assert fits(closed(PROPERTIES), "{}") and fits(closed(PROPERTIES), '{"d": null}')


def test_a_member_may_refer_to_a_definition_and_one_may_be_impossible():
    properties = {"a": {"$ref": "#/$defs/x"}, "b": True, "c": {}, "d": False, "e": {"type": "null"}}
    schema = closed(properties, "a", **{"$defs": {"x": {"enum": [7]}}})
    assert fits(schema, '{"e": null, "b": [2], "a": 7}')
    assert not fits(schema, '{"a": 8}') and not fits(schema, '{"d": 1, "a": 7}')
    assert split_object(schema)["b"] == {"$defs": {"x": {"enum": [7]}}}
    assert split_object(schema)["d"]["enum"] == []


def test_the_grammar_grows_with_the_members_and_not_with_their_sets():
    """A rule for each of the 32 sets would be five times the memory, for each tool."""
    sizes = [len(write_lark(Json(closed({key: {} for key in keys})), {})) for keys in KEYS]
    assert sizes[1] / sizes[0] < 5 / 4 + 0.1


def test_tools_with_the_same_arguments_share_their_rules():
    one = Json(closed(PROPERTIES))
    assert write_lark(Seq((one, one)), {}).count("bit_clear(0)") == 1


@pytest.mark.parametrize(
    ("schema", "few"),
    [
        (closed(PROPERTIES, description="All of them"), True),
        (closed({key: {} for key in "abcd"}), True),
        (closed({key: {} for key in "abc"}), False),
        (closed({key: {} for key in "abcdef"}), False),
        (closed(PROPERTIES, minProperties=2), False),
        (closed(PROPERTIES) | {"additionalProperties": True}, False),
        ({"type": "object"}, False),
    ],
)
def test_only_what_lists_a_few_is_written_so(schema: dict[str, Any], few: bool):
    assert may_come_in_any_order(schema) is few
