"""The suite is what it says: schemas that are taken, and schemas that no arguments can fit."""

from json import loads

import pytest

from toolgate.apps.verify.schema_cases import SchemaCase, schema_cases
from toolgate.core.conversation import ToolSpec
from toolgate.core.schema import check_schema
from toolgate.errors import InvalidRequest

CASES = schema_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_toolgate_takes_and_refuses_as_the_suite_wants(case: SchemaCase):
    spec = ToolSpec(case.tool, parameters=loads(case.schema))
    if not case.must_be_refused:
        check_schema(spec)
        return
    with pytest.raises(InvalidRequest) as refusal:
        check_schema(spec)
    assert any(word in str(refusal.value) for word in case.tells)


def test_each_has_a_name_and_the_keywords_that_matter_are_there():
    assert len({case.name for case in CASES}) == len(CASES)
    text = "".join(case.schema for case in CASES if not case.must_be_refused)
    for keyword in (
        *("properties", "required", "additionalProperties", "items", "prefixItems", "enum"),
        *("const", "anyOf", "oneOf", "allOf", "$ref", "$defs", "definitions", "pattern", "format"),
        *("minimum", "maximum", "exclusiveMinimum", "multipleOf", "minLength", "maxLength"),
        *("minItems", "maxItems", "uniqueItems", "title", "description", "default", "$id", "if"),
    ):
        assert f'"{keyword}"' in text, keyword


def test_a_request_declares_it():
    case = SchemaCase("x", '{"type": "object"}', tool="look-up")
    request = case.sample(3, "auto").request
    (tool,) = request["tools"]
    assert tool["function"]["name"] == "look-up" and request["tool_choice"] == "auto"
    assert tool["function"]["parameters"] == {"type": "object"}
