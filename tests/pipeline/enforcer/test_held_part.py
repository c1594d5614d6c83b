"""What a matcher follows of an answer, and what begins it."""

from toolgate.core.grammar import Constraint, FreeText, Lit, Seq, Tok
from toolgate.dialects import get_dialect
from toolgate.pipeline.enforcer.held_part import find_triggers, held_part

KIMI = get_dialect("kimi_k2")
SECTION, CALL = "<|tool_calls_section_begin|>", "<|tool_call_begin|>"
CALLS = Seq((Tok(CALL), Lit("now")))


def test_the_way_to_calls_that_must_come_is_held():
    free = Constraint(calls=CALLS, triggers=(CALL,), lead=FreeText())
    assert held_part(free) == CALLS
    must = Constraint(calls=CALLS, triggers=(CALL,), lead=FreeText(), required=True)
    assert held_part(must) == Seq((FreeText(), CALLS))


def test_a_trigger_begins_calls_however_it_is_spelled():
    found = find_triggers(Constraint(calls=CALLS, triggers=(SECTION, "<own>")), KIMI)
    assert found[SECTION] == found["<|tool_call_section_begin|>"] == SECTION
    assert found["<own>"] == "<own>" and CALL not in found
