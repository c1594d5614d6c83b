"""What of a model's output goes on, and what it is asked next; no engine, one step at a time."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.core.assemble import assemble
from toolgate.core.chunk import Chunk, Usage
from toolgate.core.conversation import Conversation, Message, Options, ToolChoice, ToolSpec
from toolgate.core.events import AnomalyKind
from toolgate.core.grammar import Constraint, Lit, Seq, Tok
from toolgate.core.prompt import Plain, Prompt, Special
from toolgate.core.schema import find_violation
from toolgate.core.stream_parser import StreamParser
from toolgate.dialects import get_dialect
from toolgate.errors import ModelOutputError
from toolgate.pipeline.enforcer import constrain
from toolgate.pipeline.enforcer.held_part import held_part
from toolgate.pipeline.enforcer.matcher import compile_matcher
from toolgate.pipeline.enforcer.steering import Ask, Steering

KIMI = get_dialect("kimi_k2")
IDS = {text: number for number, text in KIMI.token_ids.items()}
SECTION, SECTION_END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
CALL, BODY, END = "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"
TOOLS = (
    ToolSpec(
        "get_weather",
        parameters={
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    ),
    ToolSpec("get_time", parameters={"type": "object", "properties": {}}),
)
HEAD = f"{SECTION}{CALL}functions.get_weather:0{BODY}"
GOOD = f'{HEAD}{{"city": "Oslo"}}{END}{SECTION_END}'
ANYHOW = Options()


def steering(
    options: Options = ANYHOW,
    choice: str = "auto",
    profile: str = "k2-instruct",
    tools: tuple[ToolSpec, ...] = TOOLS,
    is_held: bool = False,
    **more: Any,
) -> Steering:
    name = "get_weather" if choice == "named" else None
    conversation = Conversation(
        messages=(Message(role="user", content="?"),),
        tools=tools,
        tool_choice=ToolChoice(choice, name),  # type: ignore[arg-type]
        options=options,
    )
    prompt = KIMI.render(conversation, profile)
    constraint = constrain(conversation, KIMI, prompt, profile=profile)
    assert constraint is not None
    matcher = compile_matcher(held_part(constraint), [*constraint.triggers, *sorted(KIMI.special)])
    return Steering(matcher, constraint, KIMI, Ask(prompt, options, is_held), **more)


def words(text: str) -> Iterator[Chunk]:
    """Chunks with ids, as an engine sends them: a special token alone."""
    while text:
        special = next((one for one in IDS if text.startswith(one)), None)
        size = len(special) if special else min(3, (text + "<").index("<", 1))
        ids = (IDS[special],) if special else (1,)
        yield Chunk(text=text[:size], token_ids=ids)
        text = text[size:]


def spelled(text: str, size: int = 4) -> Iterator[Chunk]:
    """Chunks of an engine that tells no ids."""
    return (Chunk(text=text[at : at + size]) for at in range(0, len(text), size))


def hear(one: Steering, chunks: Iterator[Chunk], reason: str | None = "stop") -> str:
    """One request: what came through of it."""
    said = ""
    for chunk in (*chunks, Chunk(finish_reason=reason)):
        said += "".join(proven.text for proven in one.feed(chunk))
        if one.wants_stop:
            break
    return said + "".join(proven.text for proven in one.proceed())


def asked(one: Steering) -> str:
    """What the engine finds of the answer in its next prompt."""
    return str(one.ask().prompt).rpartition("<|im_middle|>")[2]


@pytest.mark.parametrize("chunks", [words, spelled])
@pytest.mark.parametrize(
    "text", ["Hello <|", GOOD, f"<think>x</think>Look: {GOOD}", f"<think>{GOOD}"]
)
def test_what_is_valid_goes_through(chunks: Any, text: str):
    one = steering()
    assert hear(one, chunks(text)) == text
    assert one.is_done and one.report.steers == one.report.thrown_away == 0
    assert one.finish() == [Chunk(finish_reason="stop")]


def test_a_complete_answer_stops_the_engine():
    one = steering()
    assert hear(one, words(f"{GOOD}And now some more.")) == GOOD
    assert one.is_done and one.report.thrown_away == 0


def test_a_call_without_a_section_may_be_the_last():
    call = GOOD.removeprefix(SECTION).removesuffix(SECTION_END)
    for rest, chunks in (("", words), (" And now", words), ("<|im_end|>", spelled)):
        one = steering()
        assert hear(one, chunks(call + rest)) == call
        assert one.is_done and one.report.steers == 0


def test_what_is_forced_is_appended():
    one = steering()
    said = hear(one, words(f"Hm. {SECTION}{CALL}functions.get_wetter:0"))
    assert said == f'Hm. {HEAD}{{"'
    assert asked(one) == said
    segments = one.ask().prompt.segments
    assert segments[-5:] == (
        *(Special(SECTION), Special(CALL), Plain("functions.get_weather:0"), Special(BODY)),
        Plain('{"'),
    )
    rest = GOOD.removeprefix(HEAD)[2:]
    assert hear(one, words(rest)) == rest
    assert one.report.steers == one.report.requests == 1 and one.report.thrown_away == 1


def test_the_model_is_asked_again_and_then_told():
    one = steering()
    bad = f'{HEAD}{{"city": "Oslo", "unit": "K"'
    assert hear(one, words(bad)) == bad[:-2]
    assert one.ask().options.logprobs == 20
    logprobs = (
        {"token": "K", "logprob": -0.1, "top_logprobs": alternatives("K", '"', "", "Fah", "C")},
    )
    again = [Chunk(text="K", token_ids=(1,), logprobs=logprobs)]
    assert hear(one, iter(again)) == f'F"}}{END}'
    assert asked(one) == f'{bad[:-2]}F"}}{END}'


def alternatives(*tokens: str) -> list[Mapping[str, Any]]:
    return [{"token": token, "logprob": -n} for n, token in enumerate(tokens)]


def test_alternatives_are_those_of_the_very_place():
    """The ones of a token that began earlier say nothing of what may follow its half."""
    begin = f'{HEAD}{{"city": "Oslo", '
    right = [('"unit', ()), ('": "', ()), ("Kel", ("Kel", " F", "Fah"))]
    halved = [('"unit', ()), ('": "Kel', ("X", "C"))]
    strange = [("'unit", ("F",)), ('": "', ("F",)), ("Kel", ("F",))]
    for tokens, expected in ((right, f'F"}}{END}'), (halved, ""), (strange, "")):
        logprobs = [
            {"token": token, "logprob": 0, "top_logprobs": alternatives(*others)}
            for token, others in [(begin, ()), *tokens]
        ]
        chunk = Chunk(text=f'{begin}"unit": "Kel', logprobs=tuple(logprobs))
        said = hear(steering(Options(logprobs=2)), iter([chunk]))
        assert said == f'{begin}"unit": "{expected}'


def test_a_special_token_may_be_an_alternative():
    one = steering(Options(logprobs=2))
    before = GOOD.removesuffix(SECTION_END)
    told = alternatives("and", CALL)
    chunk = [
        Chunk(text=before, logprobs=({"token": before, "logprob": 0, "top_logprobs": []},)),
        Chunk(text="and", logprobs=({"token": "and", "logprob": 0, "top_logprobs": told},)),
    ]
    assert hear(one, iter(chunk)) == f"{before}{CALL}functions.get_"


def test_a_model_that_refuses_all_is_led_to_the_end():
    one = steering(Options(temperature=0), logprobs=False)
    assert hear(one, words(f"{HEAD}{{oops")) == f'{HEAD}{{"'
    said = ['city": "', '"', f"}}{END}", SECTION_END]
    assert [hear(one, words(word)) for word in ("oops", f"{END}", "oops", "!")] == said
    assert one.is_done and one.report.requests == 4
    assert one.finish()[-1].finish_reason == "stop"


def test_a_model_that_may_say_something_else_is_asked_again():
    one = steering(Options(temperature=1), logprobs=False)
    assert hear(one, words(f'{HEAD}{{"city": "Oslo", "unit": "K"')).endswith('"unit": "')
    assert hear(one, words("C"), "length") == "C"
    assert one.report.steers == 1


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_what_is_only_spelled_otherwise_is_no_error(size: int):
    """A line break, a backslash of a pattern, and escapes that are right and llguidance's not."""
    said = r"\d \u00e9\/ \ud83d\ude42 \" \n"
    one = steering()
    text = hear(one, spelled(f'{HEAD}{{"city": "a\nb\n{said}"}}{END}{SECTION_END}', size))
    meant = r"a\nb\n\\d é/ 🙂 \" \n"
    assert text == f'{HEAD}{{"city": "{meant}"}}{END}{SECTION_END}'
    assert one.report.respelled == 6 and one.report.steers == 0


@pytest.mark.parametrize("chunks", [words, spelled])
def test_half_an_escape_where_none_may_be_is_wrong(chunks: Any):
    for wrong in ("\\", f"\\{END}"):
        one = steering()
        assert hear(one, chunks(f'{HEAD}{{"city": "Oslo"{wrong}')) == f'{HEAD}{{"city": "Oslo"'
        assert one.report.steers == 1


def test_a_model_is_given_up_at_last():
    one = steering(Options(temperature=0), logprobs=False, most_steers=2)
    hear(one, words(f"{HEAD}{{oops"))
    hear(one, words("oops"))
    with pytest.raises(ModelOutputError, match="more than 2 times"):
        hear(one, words("oops"))


def test_a_misspelled_section_becomes_the_right_one():
    for chunks in (words, spelled):
        one = steering()
        said = hear(one, chunks("Hm. <|tool_call_section_begin|><|tool_call_begin|>x"))
        assert said == f"Hm. {SECTION}{CALL}functions.get_"
        assert asked(one) == said


@pytest.mark.parametrize("choice", ["required", "named"])
def test_a_required_call_begins_before_the_first_request(choice: str):
    one = steering(choice=choice)
    begin = HEAD + "{" if choice == "named" else f"{SECTION}{CALL}functions.get_"
    assert asked(one) == begin
    rest = GOOD.removeprefix(begin)
    assert hear(one, words(rest)) == GOOD
    assert one.is_done and one.report.requests == 0


@pytest.mark.parametrize("size", [1, 3, 99])
def test_a_number_that_is_right_is_not_changed_but_for_zeros(size: int):
    tool = ToolSpec(
        "set",
        parameters={
            "type": "object",
            "properties": {
                "p": {"type": "number", "exclusiveMaximum": 1},
                "q": {"type": "array", "items": {"type": "number", "maximum": 0.25}},
            },
        },
    )
    one = steering(tools=(tool,))
    head = f"{SECTION}{CALL}functions.set:0{BODY}"
    said = hear(one, spelled(f'{head}{{"p": 0.9, "q": [0.2\n, 0.25]}}{END}{SECTION_END}', size))
    assert said == f'{head}{{"p": 0.90, "q": [0.20\n, 0.25]}}{END}{SECTION_END}'
    assert one.is_done and (one.report.steers, one.report.respelled) == (0, 2)


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_under_an_engines_grammar_its_own_beginning_is_waited_for(choice: str):
    """A grammar begins with the answer; behind a correction it cannot."""
    one = steering(choice=choice, is_held=True)
    assert (asked(one), one.ask().is_held) == ("", True)
    bad = f'{HEAD}{{"city": "Oslo", "unit": "K'
    assert hear(one, words(bad)) == bad[:-1]
    assert not one.ask().is_held and not one.is_done
    assert asked(one) == bad[:-1]


def test_an_engine_without_a_grammar_is_never_held():
    assert not steering().ask().is_held


def test_an_answer_that_leaves_no_choice_asks_nobody():
    constraint = Constraint(calls=Seq((Tok(CALL), Lit("now"))), triggers=(CALL,), required=True)
    matcher = compile_matcher(held_part(constraint), [CALL])
    one = Steering(matcher, constraint, KIMI, Ask(Prompt(()), ANYHOW))
    assert one.is_done and not one.report.requests
    assert "".join(chunk.text for chunk in one.finish()) == f"{CALL}now"


@pytest.mark.parametrize("chunks", [words, spelled])
def test_a_required_call_follows_reasoning(chunks: Any):
    one = steering(choice="required", profile="k2.5")
    assert asked(one) == "<think>"
    forced = f"</think>{SECTION}{CALL}functions.get_"
    assert hear(one, chunks("I know.")) == f"I know.{forced}"
    assert asked(one) == f"<think>I know.{forced}"


def test_a_misspelled_section_in_required_reasoning_is_no_text():
    """The parser would take it for the section's begin."""
    one = steering(choice="required", profile="k2.5")
    assert hear(one, words("I <|tool_call_section_begin|>")) == "I "
    assert one.report.steers == 1


def test_a_quoted_marker_is_text_where_ids_say_so():
    text = f'{HEAD}{{"city": "a{END}b"}}{END}{SECTION_END}'
    chunks = [
        *words(f'{HEAD}{{"city": "a'),
        Chunk(text=f"{END}b", token_ids=(1, 2, 3)),
        *words(f'"}}{END}{SECTION_END}'),
    ]
    assert hear(steering(), iter(chunks)) == text


def test_a_quoted_marker_is_text_where_what_follows_shows_it():
    text = f'{HEAD}{{"city": "a{END}b{CALL}"}}{END}{SECTION_END}'
    one = steering()
    heard = [("".join(c.text for c in one.feed(chunk))) for chunk in spelled(text, 1)]
    assert "".join(heard) == text
    doubtful = text.index(f"{END}b")
    assert "".join(heard[: text.rindex(END) + len(END) - 1]) == text[:doubtful]
    assert one.report.steers == 0


def test_a_marker_that_ends_a_string_too_early_is_taken_back_and_the_string_closed():
    text = f'{HEAD}{{"city": "Oslo'
    for reason, closed in (("stop", f'"}}{END}{SECTION_END}'), ("length", "")):
        one = steering()
        assert hear(one, spelled(f"{text}{END}{SECTION_END}"), reason) == text + closed
        assert one.is_done and one.report.requests == 0
        assert one.report.thrown_away > 0


def test_the_reason_is_the_engines_own():
    for reason in ("length", "content_filter"):
        one = steering()
        assert hear(one, words(f"{HEAD}{{"), reason) == f"{HEAD}{{"
        assert one.finish() == [Chunk(finish_reason=reason)]
        free = steering()
        hear(free, words("Hello"), reason)
        assert free.finish() == [Chunk(finish_reason=reason)]


def test_tokens_that_were_thrown_away_count():
    one = steering(Options(max_tokens=9))
    hear(one, words(f"Hm{HEAD}{{oops"))  # 1 + 2 + 8 + 1 + 2, and what was not told any more
    assert one.is_done
    assert one.finish()[-1].finish_reason == "length"
    two = steering(Options(max_tokens=100))
    used = [
        Chunk(text=HEAD + "{x", usage=Usage(prompt_tokens=7, completion_tokens=30, cached_tokens=2))
    ]
    hear(two, iter(used))
    assert two.ask().options.max_tokens == 70
    rest = GOOD.removeprefix(f'{HEAD}{{"city"')
    hear(two, spelled(rest, len(rest)))
    assert two.finish()[-1].usage == Usage(prompt_tokens=7, completion_tokens=31, cached_tokens=2)


def test_a_client_gets_the_log_probabilities_that_it_asked_for():
    entry = {"token": "Hi", "logprob": 0, "top_logprobs": alternatives("Hi", "Ho", "Ha")}
    for wanted, expected in ((None, ()), (1, alternatives("Hi"))):
        one = steering(Options(logprobs=wanted))
        (chunk,) = one.feed(Chunk(text="Hi", logprobs=(entry,)))
        assert [told["top_logprobs"] for told in chunk.logprobs] == [expected][: wanted or 0]


def test_ids_of_another_vocabulary():
    one = steering(marker_ids={7: SECTION})
    (chunk,) = one.feed(Chunk(text=SECTION, token_ids=(7,)))
    assert chunk == Chunk(text=SECTION, token_ids=(7,))
    one.feed(Chunk(text="x", token_ids=(8,)))
    forced = one.proceed()
    assert forced[0] == Chunk(text=CALL, token_ids=())


def test_an_answer_can_be_stopped():
    one = steering()
    one.feed(Chunk(text="Hello"))
    one.stop()
    assert one.proceed() == []
    assert one.finish() == [Chunk(finish_reason="stop")]


def cut(text: str, at: Sequence[int]) -> Iterator[Chunk]:
    bounds = [0, *sorted(n for n in at if n < len(text)), len(text)]
    return (Chunk(text=text[a:b]) for a, b in pairwise(bounds))


@given(st.lists(st.integers(0, 200), max_size=8))
def test_chunks_make_no_difference(at: list[int]):
    text = f'Look: {HEAD}{{"city": "{END}", "unit": "K"}}{END}'
    one = steering()
    said = hear(one, cut(text, at))
    assert said == f'Look: {HEAD}{{"city": ""}}{END}'
    assert asked(one) == said


PIECES = st.sampled_from(
    [
        *(
            SECTION,
            SECTION_END,
            CALL,
            BODY,
            END,
            "functions.",
            "get_weather",
            "get_time",
            ":0",
            ":1",
        ),
        *("{", "}", '"', '"city"', '"unit"', ": ", ", ", "Oslo", "C", "K", "\n", "7", "<|", "é"),
    ]
)

WRONG = {
    *(AnomalyKind.UNDECLARED_TOOL, AnomalyKind.UNRESOLVED_CALL, AnomalyKind.CUT_CALL),
    *(AnomalyKind.INVALID_ARGUMENTS, AnomalyKind.HEALED_ARGUMENTS, AnomalyKind.SCHEMA_VIOLATION),
}


def answer(one: Steering, said: Sequence[str], at: Sequence[int]) -> str:
    """What the client gets of a model that says one of these after the other, then nothing."""
    heard = ""
    for text in said:
        if not one.is_done:
            heard += hear(one, cut(text, at))
    while not one.is_done:
        heard += hear(one, iter(()))
    return heard


@given(
    st.lists(st.lists(PIECES, max_size=12).map("".join), max_size=6),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_what_goes_through_is_valid_however_it_was_cut(said: list[str], at: list[int]):
    """Judged by the parser and the validator, which know nothing of the grammar."""
    begun = [HEAD + said[0], *said[1:]] if said else [HEAD]
    whole, cut_up = steering(logprobs=False), steering(logprobs=False)
    text = answer(whole, begun, ())
    assert text == answer(cut_up, begun, at)
    assert whole.report.steers == cut_up.report.steers
    parser = StreamParser(KIMI, tools=TOOLS)
    answered = assemble([*parser.feed(text), *parser.finish("stop")])
    assert answered.tool_calls and not {one.kind for one in answered.anomalies} & WRONG
    for call in answered.tool_calls:
        (tool,) = (tool for tool in TOOLS if tool.name == call.name)
        assert find_violation(tool, call.arguments) is None
