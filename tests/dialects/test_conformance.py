"""What every family must do, whatever it writes: the same tests over every dialect there is.

Outputs are of two kinds: the family's fixtures (`<family>/parse/*.jsonl`; test_parse_cases.py runs
them as they are, here they are cut and damaged), and calls that its own grammar writes. The shapes
of others' taxonomy of parser tests are in test_taxonomy.py, the properties P1 to P11 in
test_properties.py.
"""

from random import Random

import pytest

from tests.dialects.every_family import (
    ASCII_NOTE,
    BEAT,
    BIG,
    DEEP,
    NAMES,
    NO_ARGUMENTS,
    NOTE,
    SCHEMA,
    TOOLS,
    UNTHINKING,
    Call,
    calls_of,
    cases,
    constrained,
    every_family,
    message,
    prefill,
    read,
    segments,
    thinking_markers,
)
from tests.dialects.parse_cases import Case, cut_at_random, parse
from tests.dialects.written_calls import spell
from toolgate.core.assemble import AssembledMessage, assemble, coalesce
from toolgate.core.conversation import (
    Conversation,
    MediaPart,
    Message,
    Options,
    TextPart,
    ToolCall,
)
from toolgate.core.events import ReasoningDelta, TextDelta, ToolCallStart
from toolgate.core.grammar import Bounds, CallRules, ToolRule
from toolgate.core.stream_parser import StreamParser
from toolgate.dialects import get_dialect
from toolgate.errors import UnknownModel
from toolgate.pipeline.enforcer import BOUNDED, write_gbnf, write_structural_tag
from toolgate.pipeline.enforcer.matcher import compile_matcher


@every_family
def test_a_dialect_has_fixtures(family: str):
    assert cases(family)


@every_family
@pytest.mark.parametrize("call", [NOTE, DEEP, BEAT], ids=lambda call: call[0])
def test_calls_are_read_as_the_grammar_writes_them(family: str, call: Call):
    told = message(family, constrained(family, call))
    assert calls_of(told) == [call]
    assert told.anomalies == ()


@every_family
def test_the_name_is_told_before_the_arguments_end(family: str):
    """A client sees what is being written, however long it gets."""
    parser = StreamParser(get_dialect(family), tools=TOOLS, prefill=prefill(family))
    text = constrained(family, BIG)
    seen = [
        at
        for at in range(0, len(text), 50)
        if any(isinstance(event, ToolCallStart) for event in parser.feed(text[at : at + 50]))
    ]
    assert seen and seen[0] < len(text) / 2


@every_family
def test_a_call_inside_reasoning_that_is_never_ended_counts(family: str):
    if markers := thinking_markers(family):
        told = message(family, f"{markers[0]}Hm. {constrained(family, NOTE)}", begun="")
        assert calls_of(told) == [NOTE]
        assert told.reasoning.strip() == "Hm."


@every_family
def test_a_call_inside_reasoning_is_a_draft_where_its_tags_are_text(family: str):
    if not (markers := thinking_markers(family)):
        return
    call = constrained(family, NOTE).removesuffix(get_dialect(family).stop[0])
    told = message(family, f"{markers[0]}Hm. {call}{markers[1]}Done.", begun="")
    dialect = get_dialect(family)
    doubtful = [one for one, role in dialect.markers.items() if role in dialect.openings]
    if not call.startswith(tuple(doubtful)):
        assert calls_of(told) == [NOTE]
    else:
        assert (told.tool_calls, told.content) == ((), "Done.")
        assert "draft_call" in [anomaly.kind for anomaly in told.anomalies]


@every_family
def test_a_cut_is_never_whole(family: str):
    """At every byte of three conversations: nothing shown is taken back, no marker leaks."""
    chosen = sorted(cases(family), key=lambda case: len(case.raw))
    chosen = [case for case in chosen if case.expect.tool_calls and len(case.raw) < 1500][-3:]
    assert chosen
    for case in chosen:
        whole = assemble(parse(case, [(case.raw, None)]))
        for end in range(len(case.raw)):
            cut = Case(
                id="cut",
                format=case.format,
                prefill=case.prefill,
                raw=case.raw[:end],
                tools=case.tools,
                engine_finish_reason="length",
                expect=case.expect,
            )
            told = assemble(parse(cut, [(cut.raw, None)]))
            runnable = tuple(call for call in told.tool_calls if call.complete)
            assert whole.tool_calls[: len(runnable)] == runnable
            assert told.finish_reason == "length"
            # A marker's first character alone may as well be text: `5 <`.
            said = told.content if len(told.content) > 1 else ""
            assert whole.content.startswith(said.rstrip()) or case.raw[end - 1] in said[-1:]
            assert marks(told, case) == []


def marks(told: AssembledMessage, case: Case) -> list[str]:
    dialect = get_dialect(case.format)
    text = told.content + told.reasoning
    return [token for token in dialect.special if token in text and token in case.raw]


@every_family
def test_a_thousand_calls_in_one_chunk(family: str):
    """With words between them: no recursion, and each is read."""
    ends = get_dialect(family).stop
    call = constrained(family, BEAT)
    for end in ends:
        call = call.removesuffix(end)
    events = read(family, [f"{call}\nSo. " * 1000])
    starts = [event for event in events if isinstance(event, ToolCallStart)]
    # What ends a call of theirs ends the turn, and was left out.
    assert len(starts) == 1000 or family in ("gpt_oss", "kimi_k3", "mistral")


@every_family
def test_damaged_outputs_give_the_same_however_they_come(family: str):
    """Markers that are missing, doubled or misplaced: any chunking, no exception, dense indexes."""
    dialect = get_dialect(family)
    markers = sorted(dialect.markers)
    dice = Random(family)
    for _ in range(60):
        case = dice.choice(cases(family))
        text = damage(case.raw, markers, dice)
        runs = [[text], list(text), cut_at_random(text, dice), cut_at_random(text, dice)]
        reason = dice.choice(("stop", "length"))
        told = []
        for texts in runs:
            parser = StreamParser(dialect, tools=TOOLS, prefill=case.prefill)
            events = [event for piece in texts for event in parser.feed(piece)]
            told.append(coalesce(events + parser.finish(reason)))
        assert all(one == told[0] for one in told)
        starts = [event.index for event in told[0] if isinstance(event, ToolCallStart)]
        assert starts == list(range(len(starts)))
        assert all(event.text for event in told[0] if isinstance(event, TextDelta | ReasoningDelta))


def damage(text: str, markers: list[str], dice: Random) -> str:
    marker = dice.choice(markers)
    at = dice.randrange(len(text) + 1)
    match dice.randrange(4):
        case 0:
            return text.replace(marker, "", 1)
        case 1:
            return text.replace(marker, marker * 2, 1)
        case 2:
            return text[:at] + marker + text[at:]
        case _:
            return text[:at] + text[at + dice.randrange(20) :]


# What a dialect does beside its parser

PROFILES = [(family, profile) for family in NAMES for profile in get_dialect(family).profiles]
every_profile = pytest.mark.parametrize(("family", "profile"), PROFILES)
THINKING = [UNTHINKING, Options(template={"thinking": True, "enable_thinking": True})]


@every_family
def test_an_unknown_profile_is_refused(family: str):
    with pytest.raises(UnknownModel, match=get_dialect(family).profiles[0]):
        get_dialect(family).render(Conversation(messages=()), "nonsense")


@every_profile
@pytest.mark.parametrize("options", THINKING, ids=["unthinking", "thinking"])
@pytest.mark.parametrize("name", [None, "write_note"])
def test_a_forced_call_goes_on_after_the_prompt(family, profile, options, name):
    dialect = get_dialect(family)
    assert dialect.force_call is not None
    asked = Conversation(messages=(Message(role="user", content="Hi"),), options=options)
    forced = "".join(one.text for one in dialect.force_call(asked, profile, name))
    call = constrained(family, NOTE)
    begun = max(n for n in range(len(forced) + 1) if call.startswith(forced[len(forced) - n :]))
    assert begun > 3
    start = dialect.render(asked, profile).prefill + forced
    told = message(family, call[begun:], begun=start)
    assert calls_of(told) == [NOTE]
    assert (told.content.strip(), told.reasoning.strip()) == ("", "")


@every_profile
@pytest.mark.parametrize("options", THINKING, ids=["unthinking", "thinking"])
def test_the_grammar_of_a_required_turn_is_what_the_parser_reads(family, profile, options):
    dialect = get_dialect(family)
    assert dialect.call_grammar is not None
    asked = Conversation(messages=(Message(role="user", content="Hi"),), options=options)
    start = dialect.render(asked, profile).prefill
    rules = CallRules(
        tools=(ToolRule("write_note", SCHEMA),), required=True, prefill=start, profile=profile
    )
    constraint = dialect.call_grammar(rules)
    text = spell(constraint.lead) + spell(constraint.calls, NOTE[1])
    told = message(family, text, begun=start)
    assert calls_of(told)[:1] == [NOTE]
    assert told.anomalies == ()
    assert told.reasoning.strip() in ("", "…")
    assert set(constraint.triggers) <= dialect.special


@every_family
@pytest.mark.parametrize("call", [ASCII_NOTE, BEAT], ids=lambda call: call[0])
def test_each_engines_form_of_the_grammar_is_written_and_holds(family: str, call: Call):
    dialect = get_dialect(family)
    assert dialect.call_grammar is not None
    rules = (ToolRule(call[0], SCHEMA if call is ASCII_NOTE else NO_ARGUMENTS),)
    for bounds in (Bounds(), BOUNDED.bounds):
        constraint = dialect.call_grammar(
            CallRules(tools=rules, most=1, required=True, bounds=bounds)
        )
        ids = {token: number for number, token in enumerate(sorted(dialect.special))}
        assert write_structural_tag(constraint, ids) is not None
        assert write_gbnf(constraint, ids).grammar
        matcher = compile_matcher(constraint.calls, sorted(dialect.special), bounds)
        # Kimi K3's arguments stand in another form there, as JSON.
        if "options=(Members" not in repr(constraint.calls):
            text = spell(constraint.calls, call[1])
            assert "".join(map(matcher.take, segments(family, text))) == text
            assert matcher.is_complete


@every_profile
def test_contents_may_come_in_parts(family: str, profile: str):
    parts = (TextPart("one "), MediaPart("image"), MediaPart("video"), TextPart("two"))
    asked = Message(role="user", content=parts)
    text = str(get_dialect(family).render(Conversation(messages=(asked,)), profile))
    assert text.index("one") < text.index("two")


@every_profile
def test_arguments_that_are_no_object_do_not_stop_a_prompt(family: str, profile: str):
    calls = tuple(ToolCall(f"functions.f:{n}", "f", text) for n, text in enumerate(("[1]", "{")))
    told = [Message(role="tool", tool_call_id=call.id, content="x") for call in calls]
    asked = (Message(role="user", content="a"), Message(role="assistant", tool_calls=calls), *told)
    assert str(get_dialect(family).render(Conversation(messages=asked), profile))
