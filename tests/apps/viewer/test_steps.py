"""What became of each call: declared, called, executed, returned."""

import pytest
from msgspec.structs import replace

from tests.apps.viewer.turns import ASKED, CALL, CUT, SECTION, answered, cut, hear, loss, record
from toolgate.apps.viewer.steps import CallSteps, follow_calls
from toolgate.core.conversation import Conversation, Message, TextPart, ToolChoice
from toolgate.pipeline.finding import FindingKind
from toolgate.pipeline.trace import Recording, Trace

GOOD = hear(cut("I look." + SECTION + CALL, 9))
(CALLED,) = GOOD.message.tool_calls
ANSWER = hear(cut("Fine.", 9), asked=answered(GOOD, "Here <b>I</b> am."))


def follow(
    trace: Trace = GOOD, *later: Recording, withheld: bool = False, error: str = ""
) -> CallSteps:
    raws = [CALL] * len(trace.message.tool_calls)
    (one,) = follow_calls(trace, later, raws=raws, withheld=withheld, error=error)
    assert [step.name for step in one.steps] == ["declared", "called", "executed", "returned"]
    return one


def marks(call: CallSteps) -> str:
    return " ".join(step.mark for step in call.steps)


def test_a_result_that_came_back_shows_that_the_call_was_executed():
    call = follow(GOOD, record(ANSWER))
    assert marks(call) == "yes yes yes yes"
    assert (call.result, call.arguments, call.raw) == ("Here <b>I</b> am.", '{"at": "Ann"}', CALL)


def test_nothing_can_be_said_before_the_next_request():
    call = follow(GOOD)
    assert marks(call) == "yes yes unknown unknown" and "no later" in call.steps[3].why


@pytest.mark.parametrize("kind", [FindingKind.CALL_MISSING, FindingKind.RESULT_MISSING])
def test_a_loss_is_told_in_the_findings_words(kind):
    finding = loss(CALLED.id or "", kind)
    call = follow(GOOD, record(ANSWER, findings=(finding,)))
    assert marks(call) == "yes yes unknown no" and call.steps[3].why == finding.sentence


def test_a_loss_of_another_call_is_none_of_this_one():
    call = follow(GOOD, record(ANSWER, findings=(loss("call_other"),)))
    assert marks(call) == "yes yes yes yes"


def test_a_next_request_without_the_result_has_lost_it():
    without = Conversation(
        messages=(*ASKED.messages, Message(role="user", content="[ERROR]")), tools=ASKED.tools
    )
    for asked in (without, answered(GOOD, None)):
        call = follow(GOOD, record(hear(cut("Hm.", 9), asked=asked)))
        assert marks(call) == "yes yes unknown no" and "Roo’s" in call.steps[3].why


def test_the_same_request_again_says_nothing_and_the_one_after_it_does():
    again, refused = record(hear(cut("Hm.", 9))), record(None, status=400)
    assert marks(follow(GOOD, again, refused)) == "yes yes unknown unknown"
    assert marks(follow(GOOD, refused, again, record(ANSWER))) == "yes yes yes yes"


def test_results_in_parts():
    asked = answered(GOOD, "")
    *others, last = asked.messages
    parts = (TextPart("a"), TextPart("b"))
    asked = replace(asked, messages=(*others, replace(last, content=parts)))
    assert follow(GOOD, record(hear(cut("Hm.", 9), asked=asked))).result == "ab"


def test_a_tool_that_was_not_declared():
    call = follow(hear(cut(SECTION + CALL.replace(".look", ".peek"), 9)))
    assert marks(call) == "no odd unknown unknown" and "declared look" in call.steps[0].why


def test_a_call_that_does_not_fit_its_schema():
    call = follow(hear(cut(SECTION + CALL.replace('"Ann"', "1"), 9)))
    assert marks(call) == "yes odd unknown unknown" and call.verdict == "schema_invalid"


def test_a_call_that_was_cut_off():
    call = follow(hear(cut(CUT, 9), reason="length"))
    assert marks(call) == "yes no none none"


def test_a_call_that_the_client_was_not_shown():
    assert marks(follow(GOOD, record(ANSWER), withheld=True)) == "yes yes none none"
    assert marks(follow(GOOD, record(ANSWER), error="It died.")) == "yes yes none none"


def test_what_the_model_wrote_is_told_where_it_can_be():
    (call,) = follow_calls(GOOD, [], raws=[], withheld=False)
    assert call.raw is None


@pytest.mark.parametrize(
    ("said", "mark", "why"),
    [
        ("In words.", "none", "in words"),
        ("", "no", "without a word"),
        (SECTION + "<|tool_call_begin|>", "no", "names no tool"),
    ],
)
def test_no_call_where_tools_are_declared(said, mark, why):
    call = follow(hear(cut(said, 9)))
    assert marks(call) == f"yes {mark} none none" and why in call.steps[1].why


def test_no_call_where_one_was_required():
    asked = replace(ASKED, tool_choice=ToolChoice("required"))
    call = follow(replace(hear(cut("In words.", 9)), conversation=asked))
    assert marks(call) == "yes no none none" and "required" in call.steps[1].why


def test_no_call_and_no_tools_or_no_end():
    for trace in (
        hear(cut("Hm.", 9), asked=replace(ASKED, tools=())),
        hear(cut("Hm.", 9), reason=None),
    ):
        assert follow_calls(trace, [], raws=[], withheld=False) == []
