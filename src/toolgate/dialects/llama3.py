"""Llama 3.1, 3.2 and 3.3: a call is JSON, `parameters` and all, mostly without any marker.

    <|begin_of_text|><|start_header_id|>system<|end_header_id|>

    Environment: ipython
    …<|eot_id|><|start_header_id|>user<|end_header_id|>

    Given the following functions, …

    Weather in Beijing?<|eot_id|><|start_header_id|>assistant<|end_header_id|>

    {"name": "get_weather", "parameters": {"city": "Beijing"}}<|eot_id|><|start_header_id|>ipython
    <|end_header_id|>

    "Sunny"<|eot_id|>

(no line break before `<|end_header_id|>`). With tools of Meta's own a call begins with
`<|python_tag|>` and ends with `<|eom_id|>`; models write that tag before other calls too, several
calls with `;` between them, `<function=get_weather>{…}</function>`, and Meta's own form
`get_weather.call(city="Beijing")`.
Source: the chat templates that Meta ships with the models, and Meta's page on prompt formats.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from toolgate.core.begun_calls import BegunCallFinder, judge_any, judge_json, judge_python
from toolgate.core.conversation import Conversation, Message, TextPart, ToolSpec
from toolgate.core.dialect import Dialect, Envelope, Header, Opening, Signs, State
from toolgate.core.events import AnomalyKind
from toolgate.core.grammar import Alt, CallRules, Constraint, Json, Lit, Node, Opt, Plus, Seq, Tok
from toolgate.core.prompt import Plain, Prompt, Segment, Special, merge_plain
from toolgate.core.tool_ids import read_name
from toolgate.errors import UnknownModel

PYTHON_TAG = "<|python_tag|>"
HEADER_BEGIN, HEADER_END = "<|start_header_id|>", "<|end_header_id|>"
TURN_END, MESSAGE_END = "<|eot_id|>", "<|eom_id|>"
TEXT_BEGIN, TEXT_END = "<|begin_of_text|>", "<|end_of_text|>"
FUNCTION_BEGIN, NAME_END, FUNCTION_END = "<function=", ">", "</function>"

MARKERS = {
    PYTHON_TAG: "call_begin",
    FUNCTION_BEGIN: "function_begin",
    NAME_END: "name_end",
    FUNCTION_END: "function_end",
    TURN_END: "turn_end",
    MESSAGE_END: "turn_end",
    TEXT_END: "turn_end",
    HEADER_BEGIN: "turn_begin",
}
TAGS = frozenset({FUNCTION_BEGIN, NAME_END, FUNCTION_END})

# Ids of meta-llama/Llama-3.1-8B-Instruct tokenizer_config.json.
TOKEN_IDS = {
    128001: TEXT_END,
    128006: HEADER_BEGIN,
    128008: MESSAGE_END,
    128009: TURN_END,
    128010: PYTHON_TAG,
}

TRANSITIONS = {
    (State.TEXT, "call_begin"): State.ARGUMENTS,
    (State.TEXT, "turn_end"): State.END,
    (State.ARGUMENTS, "turn_end"): State.END,
    (State.END, "turn_end"): State.END,
}
DEVIATIONS = {
    (State.ARGUMENTS, "call_begin"): (State.ARGUMENTS, AnomalyKind.STRAY_MARKER),
    # Meta's page on Llama 3.1 shows it; small models imitate it.
    (State.TEXT, "function_begin"): (State.HEADER, AnomalyKind.STRAY_MARKER),
    (State.HEADER, "name_end"): (State.ARGUMENTS, AnomalyKind.STRAY_MARKER),
    (State.HEADER, "function_end"): (State.OUTER, AnomalyKind.MISSING_ARGUMENTS),
    (State.HEADER, "turn_end"): (State.END, AnomalyKind.MISSING_ARGUMENTS),
    (State.ARGUMENTS, "function_end"): (State.OUTER, AnomalyKind.STRAY_MARKER),
    **{
        (state, "turn_begin"): (State.END, AnomalyKind.STRAY_MARKER)
        for state in (State.TEXT, State.HEADER, State.ARGUMENTS)
    },
}
OPENINGS = {"function_begin": Opening(after_name=frozenset({"name_end"}))}
ENVELOPE = Envelope(pythonic=True)

PROFILES = ("llama3.1",)
LEAD = """\
Given the following functions, please respond with a JSON for a function call with its proper \
arguments that best answers the given prompt.

"""
LEAD_OF_SYSTEM = """\
You have access to the following functions. To call a function, please respond with JSON for a \
function call."""
HOW = """\
Respond in the format {"name": function name, "parameters": dictionary of argument name and its \
value}.Do not use variables.

"""


def render(conversation: Conversation, profile: str | None = None) -> Prompt:
    """Writes what the vendor's chat template writes, without Meta's built-in tools.

    Raises: UnknownModel for a profile that the family does not have.
    """
    if profile not in (None, *PROFILES):
        known = ", ".join(PROFILES)
        raise UnknownModel(f"llama3 has no profile {profile!r}; it has {known}.", param="profile")
    kwargs = conversation.options.template
    messages = conversation.messages
    has_system = bool(messages) and messages[0].role == "system"
    system = _text(messages[0]).strip() if has_system else ""
    rest = messages[1:] if has_system else messages
    is_with_user = bool(conversation.tools) and bool(kwargs.get("tools_in_user_message", True))
    declared = _declare(conversation.tools)
    head = f"Cutting Knowledge Date: December 2023\nToday Date: {_date(kwargs)}\n\n"
    if conversation.tools:
        head = "Environment: ipython\n" + head
        head += "" if is_with_user else LEAD_OF_SYSTEM + declared
    segments = [Special(TEXT_BEGIN), *_turn("system", head + system)]
    if is_with_user:
        asked = _text(rest[0]).strip() if rest else ""
        segments += _turn("user", LEAD + declared + asked)
        rest = rest[1:]
    segments += (segment for message in rest for segment in _message(message))
    if kwargs.get("add_generation_prompt", True):
        segments += _header("assistant")
    return Prompt(merge_plain(segments))


def _date(kwargs: Any) -> Any:
    return kwargs.get("date_string", "26 Jul 2024")


def _declare(tools: Sequence[ToolSpec]) -> str:
    declared = (json.dumps(tool.declaration, ensure_ascii=False, indent=4) for tool in tools)
    return HOW + "".join(f"{tool}\n\n" for tool in declared)


def _header(role: str) -> Iterator[Segment]:
    yield from (Special(HEADER_BEGIN), Plain(role), Special(HEADER_END), Plain("\n\n"))


def _turn(role: str, text: str) -> Iterator[Segment]:
    yield from (*_header(role), Plain(text), Special(TURN_END))


def _text(message: Message) -> str:
    """The text; the templates know no parts, so media leave nothing."""
    content = message.content or ""
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content if isinstance(part, TextPart))


def _message(message: Message) -> Iterator[Segment]:
    match message.role:
        case "tool":
            return _turn("ipython", json.dumps(_text(message), ensure_ascii=False))
        case "assistant" if message.tool_calls:
            # The template refuses more than one; models write several so.
            calls = (_call(call.name, call.arguments) for call in message.tool_calls)
            return _turn("assistant", "; ".join(calls))
        case role:
            return _turn(role, _text(message).strip())


def _call(name: str, arguments: str) -> str:
    return f'{{"name": "{name}", "parameters": {arguments}}}'


def force_call(
    conversation: Conversation, profile: str | None, name: str | None
) -> tuple[Segment, ...]:
    """What makes the model begin a call, of one tool or any: the name is next."""
    return (Plain('{"name": "' + (f'{name}", "parameters": ' if name else "")),)


def call_grammar(rules: CallRules) -> Constraint:
    """Calls as the template writes them; where the turn is free, those after the tag."""
    each = Alt(
        tuple(
            Seq((Lit(_call_head(tool.name)), Json(tool.schema), Lit("}"))) for tool in rules.tools
        )
    )
    more: Node = Opt(Plus(Seq((Lit("; "), each)), most=rules.most - 1))
    calls = Seq(
        (each, *((more,) if rules.most > 1 else ()), Alt((Tok(TURN_END), Tok(MESSAGE_END))))
    )
    return Constraint(
        calls=calls if rules.required else Seq((Tok(PYTHON_TAG), calls)),
        triggers=(PYTHON_TAG,),
        required=rules.required,
        bounds=rules.bounds,
    )


def _call_head(name: str) -> str:
    return '{"name": ' + json.dumps(name, ensure_ascii=False) + ', "parameters": '


def read_header(header: str, tools: Sequence[ToolSpec]) -> Header:
    """A tool's name; Meta's own form puts `.call` behind it."""
    return read_name(header.removesuffix(".call"), tools)


SIGNS = Signs(
    tokens=frozenset({HEADER_BEGIN, HEADER_END, TURN_END}),
    fragments=('"parameters": ',),
    profiles=(("llama3.1", ()),),
)

DIALECT = Dialect(
    name="llama3",
    markers=MARKERS,
    special=frozenset(TOKEN_IDS.values()),
    token_ids=TOKEN_IDS,
    transitions=TRANSITIONS,
    deviations=DEVIATIONS,
    tags=TAGS,
    openings=OPENINGS,
    envelope=ENVELOPE,
    read_header=read_header,
    render=render,
    profiles=PROFILES,
    stop=(TURN_END, MESSAGE_END, TEXT_END),
    # Llama 3.2's small models write lists of Python calls, as Meta's page on them says.
    find_calls=lambda tools: BegunCallFinder(tools, judge_any(judge_json(ENVELOPE), judge_python)),
    force_call=force_call,
    call_grammar=call_grammar,
    signs=SIGNS,
)
