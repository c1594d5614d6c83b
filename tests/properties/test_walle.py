"""Moonshot's schema suite: what it takes is held and honoured, what it refuses is refused or held.

Its dialect is narrower than JSON Schema (no name may be `required`, or have a `/`). What is a JSON
Schema that some object fits is served here, and all that is written by its grammar fits it.
"""

import json
from random import Random

import pytest

from tests.pipeline.enforcer.json_grammars import grammar_of
from tests.pipeline.enforcer.lark_machine import write_text
from tests.properties.walle import invalid_members, invalid_texts, valid_tools
from toolgate.core.conversation import ToolSpec
from toolgate.core.grammar import Bounds, Json
from toolgate.core.schema import check_schema, find_violation
from toolgate.errors import InvalidRequest
from toolgate.pipeline.enforcer import GBNF, Dropped, fit_schema
from toolgate.pipeline.enforcer.constrain import BOUNDED, choose_schema
from toolgate.pipeline.enforcer.lark import write_lark

VALID = {tool.name: tool for tool in valid_tools()}
INVALID = dict(enumerate([*invalid_texts(), *invalid_members()]))
ENDLESS_NUMBER = "Number out of range"
"""llguidance bounds no exponent of a number that has no bounds: `1e999` is no number to anybody."""


def served(text: str) -> ToolSpec | None:
    """The tool with this schema; None where it is refused, in words that a person can act on."""
    try:
        tool = ToolSpec("x", parameters=json.loads(text))
    except json.JSONDecodeError:
        return None  # a request that is no JSON is refused as a whole
    try:
        check_schema(tool)
    except InvalidRequest as refused:
        assert refused.param and refused.param.startswith("parameters")
        assert "'x'" in str(refused) and len(str(refused)) > len("`parameters` of 'x': ...")
        return None
    return tool


def written(tool: ToolSpec, bounds: Bounds) -> list[str]:
    """Arguments by chance, two of each grammar."""
    schema = choose_schema(tool)
    gbnf = grammar_of(schema, bounds)
    lark = write_lark(Json(schema), {}, bounds)
    both = ((gbnf.write(Random(seed)), write_text(lark, Random(seed))) for seed in range(2))
    return [text for pair in both for text in pair]


def assert_fits(tool: ToolSpec, text: str) -> None:
    """Where no grammar holds all of a schema, it says so."""
    violation = find_violation(tool, text)
    if violation is not None and ENDLESS_NUMBER not in violation:
        dropped = fit_schema(choose_schema(tool), GBNF).dropped
        assert dropped and dropped != (Dropped("#", "nothing fits"),), (violation, text)


@pytest.mark.parametrize("name", VALID)
def test_what_is_valid_is_held(name: str):
    tool = VALID[name]
    check_schema(tool)
    for bounds in (Bounds(), BOUNDED.bounds):
        for text in written(tool, bounds):
            assert_fits(tool, text)


@pytest.mark.parametrize("number", INVALID)
def test_what_is_invalid_is_refused_or_held(number: int):
    tool = served(INVALID[number][0])
    if tool is not None:
        for text in written(tool, Bounds()):
            assert_fits(tool, text)


def test_how_many_are_refused():
    refused = sum(served(text) is None for text, _ in INVALID.values())
    assert (len(VALID), len(INVALID), refused) == (213, 268, 188)
