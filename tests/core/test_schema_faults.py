"""Where a schema that is none is wrong, and what mends it."""

import jsonschema_rs
import pytest

from toolgate.core.schema_faults import MAX_MESSAGE, TYPES, explain_fault

NOWHERE = '"#/$defs/No" leads nowhere: put a definition there, or name one that is there'


@pytest.mark.parametrize(
    ("schema", "path", "what"),
    [
        ({"type": "str"}, ("type",), f'"str" is not a type: write {TYPES}, or a list of several'),
        (
            {"properties": {"a": {"type": ["string", 5]}}},
            ("properties", "a", "type"),
            f'["string", 5] is not a type: write {TYPES}, or a list of several',
        ),
        ({"$defs": {"type": "x"}}, ("$defs", "type"), '"x" is not of types "boolean", "object"'),
        ({"minLength": "5"}, ("minLength",), '"5" is not of type "integer"'),
        ({"items": {"$ref": "#/$defs/No"}}, ("items", "$ref"), NOWHERE),
        ({"anyOf": [{}, {"$ref": "#/$defs/No"}]}, ("anyOf", 1, "$ref"), NOWHERE),
        (
            {"$defs": {"A": {}}, "anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/No"}]},
            ("anyOf", 1, "$ref"),
            NOWHERE,
        ),
        (
            {"default": {"$ref": "#/$defs/No"}, "not": {"$ref": "#/$defs/No"}},
            ("not", "$ref"),
            NOWHERE,
        ),
    ],
)
def test_where_and_what(schema, path, what):
    with pytest.raises(jsonschema_rs.ValidationError) as caught:
        jsonschema_rs.validator_for(schema, offline=True)
    assert explain_fault(schema, caught.value) == (path, what)


def test_a_reference_that_the_validator_spells_otherwise_stays_its_own_words():
    with pytest.raises(jsonschema_rs.ValidationError) as caught:
        jsonschema_rs.validator_for({"$ref": "#/$defs/a%20b"}, offline=True)
    path, what = explain_fault({}, caught.value)
    assert path == ()
    assert "does not exist" in what


def test_a_long_schema_is_not_quoted_whole():
    with pytest.raises(jsonschema_rs.ValidationError) as caught:
        jsonschema_rs.validator_for({"type": "x" * 10_000}, offline=True)
    assert len(explain_fault({}, caught.value)[1]) < MAX_MESSAGE
