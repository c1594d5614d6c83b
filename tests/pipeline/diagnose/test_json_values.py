import pytest

from toolgate.pipeline.diagnose.json_values import (
    as_number,
    as_object,
    as_objects,
    as_text,
    decode,
    is_object,
)


def test_what_is_as_it_should_be():
    assert as_object({"a": 1}) == {"a": 1} and is_object({})
    assert as_objects([{"a": 1}, 2, {}]) == [{"a": 1}, {}]
    assert (as_number(3), as_text("x")) == (3, "x")
    assert decode('{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize("value", [None, 1.5, b"x", ()])
def test_what_is_not(value: object):
    assert (as_object(value), as_objects(value), as_number(value), as_text(value)) == (
        {},
        [],
        None,
        "",
    )
    assert not is_object(value)


@pytest.mark.parametrize("text", ["", "{", '"\ud800"', "[" * 100_000])
def test_what_is_no_json(text: str):
    assert decode(text) is None
