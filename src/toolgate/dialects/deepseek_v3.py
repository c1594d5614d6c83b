"""DeepSeek V3 and R1: calls of fenced JSON between special tokens.

    <｜begin▁of▁sentence｜>You are …<｜User｜>Weather in Beijing?<｜Assistant｜><think>
    I look it up.</think>
    <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather
    ```json
    {"city": "Beijing"}
    ```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>
    <｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>Sunny<｜tool▁output▁end｜><｜tool▁outputs▁end｜>

(no line break but those in a call, between two calls and between two results). R1 also writes calls
without their tokens, `function<get_weather>` and a fence (ik_llama.cpp#652). The chat template
declares no tools; the words that declare them here are our own.
Source: the chat template of deepseek-ai/DeepSeek-R1-Distill-Qwen-32B.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toolgate.core.conversation import Conversation, Message, TextPart, ToolSpec
from toolgate.core.dialect import Dialect, Envelope, Opening, Signs, State
from toolgate.core.events import AnomalyKind
from toolgate.core.grammar import (
    Alt,
    CallRules,
    Constraint,
    FreeText,
    Json,
    Lit,
    Node,
    Opt,
    Plus,
    Seq,
    Tok,
    ToolRule,
)
from toolgate.core.prompt import Plain, Prompt, Segment, Special, merge_plain
from toolgate.core.tool_ids import read_name
from toolgate.errors import UnknownModel

THINK_BEGIN, THINK_END = "<think>", "</think>"
SECTION_BEGIN, SECTION_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
CALL_BEGIN, NAME_END, CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"
RESULTS_BEGIN, RESULTS_END = "<｜tool▁outputs▁begin｜>", "<｜tool▁outputs▁end｜>"
RESULT_BEGIN, RESULT_END = "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>"
TEXT_BEGIN, TURN_END = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
USER, ASSISTANT = "<｜User｜>", "<｜Assistant｜>"
FENCE_BEGIN, FENCE_END = "```json", "```"

MARKERS = {
    THINK_BEGIN: "think_begin",
    THINK_END: "think_end",
    SECTION_BEGIN: "section_begin",
    SECTION_END: "section_end",
    f"{CALL_BEGIN}function{NAME_END}": "call_begin",
    f"function{NAME_END}": "call_begin",
    # As V3.1 writes it.
    CALL_BEGIN: "call_begin",
    NAME_END: "name_end",
    FENCE_BEGIN: "fence_begin",
    FENCE_END: "fence_end",
    CALL_END: "call_end",
    # As R1 writes it without special tokens.
    "function<": "bare_begin",
    f">\n{FENCE_BEGIN}": "fence_begin",
    TURN_END: "turn_end",
    USER: "turn_begin",
    ASSISTANT: "turn_begin",
}
TAGS = frozenset({FENCE_BEGIN, FENCE_END, "function<", f">\n{FENCE_BEGIN}"})
OPENINGS = {"bare_begin": Opening(after_name=frozenset({"fence_begin"}))}

# Ids of deepseek-ai/DeepSeek-R1 and DeepSeek-V3 tokenizer.json.
TOKEN_IDS = {
    1: TURN_END,
    128798: THINK_BEGIN,
    128799: THINK_END,
    128803: USER,
    128804: ASSISTANT,
    128806: SECTION_BEGIN,
    128807: SECTION_END,
    128808: CALL_BEGIN,
    128809: CALL_END,
    128814: NAME_END,
}

TRANSITIONS = {
    (State.TEXT, "think_begin"): State.REASONING,
    (State.REASONING, "think_end"): State.TEXT,
    (State.TEXT, "section_begin"): State.SECTION,
    (State.SECTION, "call_begin"): State.HEADER,
    (State.HEADER, "fence_begin"): State.ARGUMENTS,
    (State.ARGUMENTS, "fence_end"): State.CALL,
    (State.CALL, "call_end"): State.OUTER,
    (State.SECTION, "section_end"): State.TEXT,
    (State.TEXT, "turn_end"): State.END,
    (State.END, "turn_end"): State.END,
}

UNENDED = {
    State.REASONING: AnomalyKind.UNCLOSED_REASONING,
    State.SECTION: AnomalyKind.MISSING_SECTION_END,
    State.HEADER: AnomalyKind.MISSING_ARGUMENTS,
    State.CALL: AnomalyKind.MISSING_CALL_END,
    State.ARGUMENTS: AnomalyKind.MISSING_CALL_END,
}
DEVIATIONS = {
    **{(state, "turn_end"): (State.END, kind) for state, kind in UNENDED.items()},
    **{(state, "turn_begin"): (State.END, kind) for state, kind in UNENDED.items()},
    (State.TEXT, "turn_begin"): (State.END, AnomalyKind.STRAY_MARKER),
    (State.REASONING, "section_begin"): (State.SECTION, AnomalyKind.CALL_IN_REASONING),
    (State.REASONING, "call_begin"): (State.HEADER, AnomalyKind.CALL_IN_REASONING),
    (State.TEXT, "call_begin"): (State.HEADER, AnomalyKind.CALL_WITHOUT_SECTION),
    (State.SECTION, "think_end"): (State.TEXT, AnomalyKind.MISSING_SECTION_END),
    (State.HEADER, "name_end"): (State.ARGUMENTS, AnomalyKind.MISSING_TAG),
    (State.TEXT, "bare_begin"): (State.HEADER, AnomalyKind.MARKERS_STRIPPED),
    (State.REASONING, "bare_begin"): (State.HEADER, AnomalyKind.CALL_IN_REASONING),
    (State.CALL, "bare_begin"): (State.HEADER, AnomalyKind.MARKERS_STRIPPED),
    (State.ARGUMENTS, "call_end"): (State.OUTER, AnomalyKind.MISSING_TAG),
    (State.HEADER, "call_begin"): (State.HEADER, AnomalyKind.MISSING_ARGUMENTS),
    (State.HEADER, "call_end"): (State.OUTER, AnomalyKind.MISSING_ARGUMENTS),
    (State.HEADER, "section_end"): (State.TEXT, AnomalyKind.MISSING_ARGUMENTS),
    (State.ARGUMENTS, "call_begin"): (State.HEADER, AnomalyKind.MISSING_CALL_END),
    (State.ARGUMENTS, "section_end"): (State.TEXT, AnomalyKind.MISSING_CALL_END),
    (State.CALL, "call_begin"): (State.HEADER, AnomalyKind.MISSING_CALL_END),
    (State.CALL, "section_end"): (State.TEXT, AnomalyKind.MISSING_CALL_END),
}

PROFILES = ("r1", "v3")
TOOLS_BEFORE = "## Tools\nThese functions can be called:\n"
TOOLS_AFTER = f"""
A call is written exactly so, its arguments as JSON that fits the function's parameters:
{SECTION_BEGIN}{CALL_BEGIN}function{NAME_END}NAME
{FENCE_BEGIN}
ARGUMENTS
{FENCE_END}{CALL_END}{SECTION_END}
"""


def render(conversation: Conversation, profile: str | None = None) -> Prompt:
    """Writes what the vendor's chat template writes, quirks included, and the tools before it.

    Raises: UnknownModel for a profile that the family does not have.
    """
    if profile not in (None, *PROFILES):
        known = ", ".join(PROFILES)
        fault = f"deepseek_v3 has no profile {profile!r}; it has {known}."
        raise UnknownModel(fault, param="profile")
    messages, kwargs = conversation.messages, conversation.options.template
    segments = [Special(TEXT_BEGIN), *_head(messages, conversation.tools), *_turns(messages)]
    spoken = [message.role for message in messages if message.role in _SPEAKERS]
    if spoken[-1:] == ["tool"]:
        segments.append(Special(RESULTS_END))
    elif kwargs.get("add_generation_prompt", True):
        prefill = _prefill(profile, kwargs)
        segments += [Special(ASSISTANT), *prefill]
        return Prompt(merge_plain(segments), "".join(segment.text for segment in prefill))
    return Prompt(merge_plain(segments))


_SPEAKERS = ("user", "assistant", "tool")


def _prefill(profile: str | None, kwargs: Mapping[str, Any]) -> tuple[Segment, ...]:
    if profile == "v3":
        return ()
    thinking = (Special(THINK_BEGIN), Plain("\n"))
    is_thinking = kwargs.get("thinking", kwargs.get("enable_thinking", True))
    return thinking if is_thinking else (*thinking, Special(THINK_END))


def _head(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Iterator[Segment]:
    """The last system message, and the tools."""
    system = "".join([_text(one) for one in messages if one.role == "system"][-1:])
    yield Plain(system)
    if not tools:
        return
    yield Plain(f"\n\n{TOOLS_BEFORE}" if system else TOOLS_BEFORE)
    for tool in tools:
        yield Plain(json.dumps(tool.declaration, ensure_ascii=False) + "\n")
    yield from _spell(TOOLS_AFTER)


def _spell(text: str) -> Iterator[Segment]:
    """The example of a call: its markers are the tokens that the model shall write."""
    for token in (SECTION_BEGIN, CALL_BEGIN, NAME_END, CALL_END, SECTION_END):
        before, _, text = text.partition(token)
        yield from (Plain(before), Special(token))
    yield Plain(text)


def _text(message: Message) -> str:
    """The text; the template knows no parts, so media leave nothing."""
    content = message.content or ""
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content if isinstance(part, TextPart))


def _turns(messages: Sequence[Message]) -> Iterator[Segment]:
    """The template opens calls and results once in a conversation, later rounds go on in them."""
    before, has_calls, has_results = "", False, False
    for message in messages:
        match message.role:
            case "user":
                yield from (Special(USER), Plain(_text(message)))
            case "assistant":
                yield from _calls(message, has_calls=has_calls)
                has_calls = has_calls or bool(message.tool_calls)
                yield from _answer(message, is_after_result=before == "tool")
            case "tool":
                yield Plain("\n") if has_results else Special(RESULTS_BEGIN)
                yield from (Special(RESULT_BEGIN), Plain(_text(message)), Special(RESULT_END))
                has_results = True
            case _:
                continue
        before = message.role


def _calls(message: Message, *, has_calls: bool) -> Iterator[Segment]:
    for call in message.tool_calls:
        if has_calls:
            yield Plain("\n")
        else:
            yield from (Special(ASSISTANT), Special(SECTION_BEGIN))
        has_calls = True
        yield from (Special(CALL_BEGIN), Plain("function"), Special(NAME_END))
        yield Plain(f"{call.name}\n{FENCE_BEGIN}\n{call.arguments}\n{FENCE_END}")
        yield Special(CALL_END)
    if message.tool_calls:
        yield from (Special(SECTION_END), Special(TURN_END))


def _answer(message: Message, *, is_after_result: bool) -> Iterator[Segment]:
    if message.content is None:
        return
    content = _text(message)
    if is_after_result and not message.tool_calls:
        yield Special(RESULTS_END)
    else:
        content = content.split(THINK_END)[-1]
        yield Special(ASSISTANT)
    yield from (Plain(content), Special(TURN_END))


def force_call(
    conversation: Conversation, profile: str | None, name: str | None
) -> tuple[Segment, ...]:
    """What makes the model begin a call, of one tool or any: thinking is over, the name is next."""
    prefill = render(conversation, profile).prefill
    is_open = THINK_BEGIN in prefill and THINK_END not in prefill
    closing = (Special(THINK_END),) if is_open else ()
    named = f"{name}\n{FENCE_BEGIN}\n" if name else ""
    begun = (Special(SECTION_BEGIN), Special(CALL_BEGIN), Plain("function"), Special(NAME_END))
    return (*closing, *begun, Plain(named))


def call_grammar(rules: CallRules) -> Constraint:
    """A section of calls, a line break between two."""
    each = Alt(tuple(map(_call_node, rules.tools)))
    more = (Opt(Plus(Seq((Lit("\n"), each)), most=rules.most - 1)),) if rules.most > 1 else ()
    is_open = THINK_BEGIN in rules.prefill and THINK_END not in rules.prefill
    return Constraint(
        calls=Seq((Tok(SECTION_BEGIN), each, *more, Tok(SECTION_END))),
        triggers=(SECTION_BEGIN,),
        required=rules.required,
        lead=Seq((FreeText(), Tok(THINK_END))) if is_open else Seq(()),
        bounds=rules.bounds,
    )


def _call_node(tool: ToolRule) -> Node:
    head = (Tok(CALL_BEGIN), Lit("function"), Tok(NAME_END))
    name = Lit(f"{tool.name}\n{FENCE_BEGIN}\n")
    return Seq((*head, name, Json(tool.schema), Lit(f"\n{FENCE_END}"), Tok(CALL_END)))


SIGNS = Signs(
    tokens=frozenset({USER, ASSISTANT, SECTION_BEGIN, CALL_BEGIN, NAME_END}),
    fragments=("```json",),
    profiles=(("r1", (THINK_BEGIN,)), ("v3", ())),
)

DIALECT = Dialect(
    name="deepseek_v3",
    markers=MARKERS,
    special=frozenset(TOKEN_IDS.values()),
    token_ids=TOKEN_IDS,
    transitions=TRANSITIONS,
    deviations=DEVIATIONS,
    tags=TAGS,
    openings=OPENINGS,
    envelope=Envelope(),
    pads_text=True,
    read_header=read_name,
    render=render,
    profiles=PROFILES,
    stop=(TURN_END,),
    force_call=force_call,
    call_grammar=call_grammar,
    signs=SIGNS,
)
