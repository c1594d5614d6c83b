"""Schemas that are none, and arguments that do not fit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.core.conversation import ToolSpec
from toolgate.core.nesting import MAX_NESTING
from toolgate.core.schema import MAX_UNREADABLE, check_schema, find_violation
from toolgate.errors import InvalidRequest

CITY = {
    "type": "object",
    "required": ["city"],
    "properties": {"city": {"type": "string"}, "days": {"$ref": "#/$defs/Days"}},
    "additionalProperties": False,
    "$defs": {"Days": {"type": "array", "items": {"type": "integer", "maximum": 14}}},
}


def spec(parameters: Any) -> ToolSpec:
    return ToolSpec("get_weather", parameters=parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        *(None, True, {}, CITY, {"type": ["null", "object"]}),
        {"properties": {"next": {"$ref": "#"}}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {}}},
        {"maximum": 10**300, "minimum": -(10**30)},
        {"$id": "#user", "type": "object"},
    ],
)
def test_schemas(parameters):
    check_schema(spec(parameters))


@pytest.mark.parametrize(
    ("parameters", "param", "complaint"),
    [
        ({"type": "any"}, "tools[0].type", '"any" is not a type'),
        ({"properties": {"a": 5}}, "tools[0].properties.a", "5 is not of types"),
        ({"properties": {"a": {"required": True}}}, "tools[0].properties.a.required", '"array"'),
        ({"anyOf": []}, "tools[0].anyOf", "less than 1 item"),
        ({"$ref": "#/$defs/Nowhere"}, "tools[0].$ref", "leads nowhere"),
        ({"$schema": "https://example.com/mine"}, "tools[0]", "Unknown meta-schema"),
        ({"type": "array"}, "tools[0]", "always are one"),
        (False, "tools[0]", "always are one"),
        ("", "tools[0]", "this is string"),
        ({"$id": 5}, "tools[0].$id", "5 is not of type"),
        ({"anyOf": [{"type": "null"}]}, "tools[0].anyOf", "no object fits it"),
        (
            {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
            "tools[0].properties.a",
            "without end",
        ),
    ],
)
def test_what_is_no_schema_of_arguments(parameters, param, complaint):
    with pytest.raises(InvalidRequest, match="get_weather") as caught:
        check_schema(spec(parameters), param="tools[0]")
    assert caught.value.param == param
    assert complaint in str(caught.value)


@pytest.mark.parametrize("target", ["https://example.com/schema", "file:///etc/passwd"])
def test_nothing_is_fetched(target):
    with pytest.raises(InvalidRequest, match="leads out of it"):
        check_schema(spec({"$ref": target}))
    with pytest.raises(InvalidRequest, match="Retrieval is disabled"):
        check_schema(spec({"$ref": "http://json-schema.org/no-such-draft"}))


@pytest.mark.parametrize("depth", [MAX_NESTING, 100_000])
def test_a_schema_too_deep_for_the_validator(depth):
    parameters: dict[str, Any] = {}
    for _ in range(depth):
        parameters = {"items": parameters}
    with pytest.raises(InvalidRequest, match="it nests"):
        check_schema(spec(parameters))


def test_a_schema_that_would_never_end():
    endless = spec({"allOf": [{"$ref": "#"}]})
    with pytest.raises(InvalidRequest, match="without end") as caught:
        check_schema(endless, param="tools[0]")
    assert caught.value.param == "tools[0]"
    assert find_violation(endless, "{}") == "it applies itself to the same value, without end"


@pytest.mark.parametrize(
    ("arguments", "violation"),
    [
        ('{"city": "Berlin", "days": [1, 14]}', None),
        ('{"days": []}', '"city" is a required property'),
        ('{"city": 5}', '5 is not of type "string" (at city)'),
        ('{"city": "", "days": [1, 15]}', "15 is greater than the maximum of 14 (at days.1)"),
        ('["Berlin"]', "the arguments are not a JSON object"),
        ('"{}"', "the arguments are not a JSON object"),
    ],
)
def test_arguments(arguments, violation):
    assert find_violation(spec(CITY), arguments) == violation


@pytest.mark.parametrize(
    "arguments", ["", "{", '{"city": NaN}', "{'a': 1}", '"\ud800"', "[" * 10**5]
)
def test_arguments_that_are_not_json(arguments):
    assert str(find_violation(spec(None), arguments)).startswith("the arguments are not JSON: ")


def test_arguments_that_nest_too_deep():
    arguments = '{"a":' * 200 + "1" + "}" * 200
    assert find_violation(spec({}), arguments) == "the arguments nest too deep"


def test_without_a_schema_any_object_fits():
    assert find_violation(spec(None), '{"anything": [1]}') is None
    assert find_violation(spec(False), "{}") == "False schema does not allow {}"


def test_patterns_that_only_javascript_reads_go_unchecked():
    parameters = {
        "properties": {"a": {"type": "string", "pattern": r"^[\w-.]+$"}, "b": {"pattern": "^x"}},
        "patternProperties": {"(": {}},
    }
    check_schema(spec(parameters))
    assert find_violation(spec(parameters), '{"a": "!", "b": "x"}') is None
    assert find_violation(spec(parameters), '{"a": 5}') == '5 is not of type "string" (at a)'
    assert "does not match" in str(find_violation(spec(parameters), '{"b": "y"}'))


def test_unreadable_patterns_are_passed_over_so_often_only():
    def many(count: int) -> ToolSpec:
        return spec({"properties": {f"p{n}": {"pattern": "("} for n in range(count)}})

    check_schema(many(MAX_UNREADABLE))
    with pytest.raises(InvalidRequest, match="is not a"):
        check_schema(many(MAX_UNREADABLE + 1))


def test_the_request_is_left_as_it_is():
    parameters = {"properties": {"a": {"pattern": "("}}}
    check_schema(spec(parameters))
    assert parameters == {"properties": {"a": {"pattern": "("}}}


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "required", "enum", "$ref", "items", "a", "anyOf"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["type", "properties", "$defs", "allOf"]), JSON), st.text())
def test_nothing_but_an_invalid_request(parameters, arguments):
    try:
        check_schema(spec(parameters))
    except InvalidRequest:
        return
    find_violation(spec(parameters), arguments)
