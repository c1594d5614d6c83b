"""Mistral's models: `[TOOL_CALLS]`, and then a name and its arguments, or a list of JSON calls.

    <s>[SYSTEM_PROMPT]You are …[/SYSTEM_PROMPT][AVAILABLE_TOOLS][{…}][/AVAILABLE_TOOLS][INST]Weather
    in Beijing?[/INST][THINK]I look it up.[/THINK]On it.[TOOL_CALLS]get_weather[ARGS]
    {"city": "Beijing"}</s>[TOOL_RESULTS]Sunny[/TOOL_RESULTS]

(no line break anywhere). So tokenizer v13 has it; v11 puts `[CALL_ID]` and nine characters before
`[ARGS]`, and v3 to v7 write `[TOOL_CALLS][{"name": …, "arguments": {…}, "id": …}]`. Neither a call
nor a list of them has an end of its own. There is no header of the assistant.
Source: the chat templates that Mistral ships with the models, and mistral-common.
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from hashlib import blake2b
from typing import Final

from msgspec import UNSET

from toolgate.core.begun_calls import BegunCallFinder, judge_json
from toolgate.core.conversation import Conversation, Message, TextPart, ToolSpec
from toolgate.core.dialect import Dialect, Envelope, Header, Signs, State
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
    Regex,
    Seq,
    Tok,
    ToolRule,
)
from toolgate.core.prompt import Plain, Prompt, Segment, Special, merge_plain
from toolgate.core.tool_ids import native_id, read_name
from toolgate.errors import UnknownModel

TEXT_BEGIN, TURN_END = "<s>", "</s>"
THINK_BEGIN, THINK_END = "[THINK]", "[/THINK]"
CALL_BEGIN, ID_BEGIN, ARGUMENTS_BEGIN = "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"
SYSTEM_BEGIN, SYSTEM_END = "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"
TOOLS_BEGIN, TOOLS_END = "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"
USER_BEGIN, USER_END = "[INST]", "[/INST]"
RESULT_BEGIN, RESULT_CONTENT, RESULT_END = "[TOOL_RESULTS]", "[TOOL_CONTENT]", "[/TOOL_RESULTS]"

MARKERS = {
    THINK_BEGIN: "think_begin",
    THINK_END: "think_end",
    CALL_BEGIN: "call_begin",
    ID_BEGIN: "id_begin",
    ARGUMENTS_BEGIN: "arguments_begin",
    TURN_END: "turn_end",
}
# Without token ids an answer may well speak of arguments in brackets.
TAGS = frozenset({ID_BEGIN, ARGUMENTS_BEGIN})

# Ids of mistral-common's Tekken tokenizers from v11 on.
TOKEN_IDS = {
    2: TURN_END,
    9: CALL_BEGIN,
    32: ARGUMENTS_BEGIN,
    33: ID_BEGIN,
    34: THINK_BEGIN,
    35: THINK_END,
}

TRANSITIONS = {
    (State.TEXT, "think_begin"): State.REASONING,
    (State.REASONING, "think_end"): State.TEXT,
    (State.TEXT, "call_begin"): State.HEADER,
    (State.HEADER, "id_begin"): State.HEADER,
    (State.HEADER, "arguments_begin"): State.ARGUMENTS,
    (State.ARGUMENTS, "call_begin"): State.HEADER,
    (State.ARGUMENTS, "turn_end"): State.END,
    (State.TEXT, "turn_end"): State.END,
    (State.END, "turn_end"): State.END,
}
DEVIATIONS = {
    (State.REASONING, "call_begin"): (State.HEADER, AnomalyKind.CALL_IN_REASONING),
    (State.REASONING, "turn_end"): (State.END, AnomalyKind.UNCLOSED_REASONING),
    (State.HEADER, "call_begin"): (State.HEADER, AnomalyKind.MISSING_ARGUMENTS),
    (State.HEADER, "think_end"): (State.TEXT, AnomalyKind.MISSING_ARGUMENTS),
    (State.HEADER, "turn_end"): (State.END, AnomalyKind.MISSING_ARGUMENTS),
    (State.ARGUMENTS, "think_begin"): (State.REASONING, AnomalyKind.STRAY_MARKER),
    (State.ARGUMENTS, "think_end"): (State.TEXT, AnomalyKind.STRAY_MARKER),
}
ENVELOPE = Envelope()

PROFILES = ("v13", "v11")
# What v13's template says where nobody else says anything.
DEFAULT_SYSTEM: Final = (
    "# HOW YOU SHOULD THINK AND ANSWER\n\n"
    "First draft your thinking process (inner monologue) until you arrive at a response. "
    "Format your response using Markdown, and use LaTeX for any mathematical equations. "
    "Write both your thoughts and the response in the same language as the input.\n\n"
    "Your thinking process must follow the template below:",
    "Your thoughts or/and draft, like working through an exercise on scratch paper. Be as casual "
    "and as long as you want until you are confident to generate the response to the user.",
    "Here, provide a self-contained response.",
)


def render(conversation: Conversation, profile: str | None = None) -> Prompt:
    """Writes what the vendor's chat template writes; reasoning as it writes thinking chunks.

    The default system prompt of v11's template names today's date, and is left out, as it is by
    mistral-common.

    Raises: UnknownModel for a profile that the family does not have.
    """
    if profile not in (None, *PROFILES):
        known = ", ".join(PROFILES)
        raise UnknownModel(f"mistral has no profile {profile!r}; it has {known}.", param="profile")
    write = _turns_v11 if profile == "v11" else _turns_v13
    segments = write(conversation.messages, conversation.tools)
    return Prompt(merge_plain([Special(TEXT_BEGIN), *segments]))


def _between(begin: str, text: str, end: str) -> Iterator[Segment]:
    yield from (Special(begin), Plain(text), Special(end))


def _tools(tools: Sequence[ToolSpec]) -> Iterator[Segment]:
    declared = json.dumps([tool.declaration for tool in tools], ensure_ascii=False)
    yield from _between(TOOLS_BEGIN, declared, TOOLS_END)


def _text(message: Message) -> str:
    """The text; nothing stands for media, which no engine would be given."""
    content = message.content or ""
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content if isinstance(part, TextPart))


def _turns_v13(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Iterator[Segment]:
    if messages and messages[0].role == "system":
        yield from _between(SYSTEM_BEGIN, _text(messages[0]), SYSTEM_END)
        messages = messages[1:]
    else:
        before, thought, after = DEFAULT_SYSTEM
        yield from (Special(SYSTEM_BEGIN), Plain(before))
        yield from _between(THINK_BEGIN, thought, THINK_END)
        yield from (Plain(after), Special(SYSTEM_END))
    if tools:
        yield from _tools(tools)
    for message in messages:
        match message.role:
            case "assistant":
                yield from _answer_v13(message)
            case "tool":
                yield from _between(RESULT_BEGIN, _text(message), RESULT_END)
            case role:
                yield from _spoken(role, message)


def _spoken(role: str, message: Message) -> Iterator[Segment]:
    is_user = role == "user"
    begin, end = (USER_BEGIN, USER_END) if is_user else (SYSTEM_BEGIN, SYSTEM_END)
    yield from _between(begin, _text(message), end)


def _answer_v13(message: Message) -> Iterator[Segment]:
    reasoning = message.reasoning_content
    if reasoning is not UNSET and reasoning:
        yield from _between(THINK_BEGIN, reasoning, THINK_END)
    yield Plain(_text(message))
    for call in message.tool_calls:
        yield from (Special(CALL_BEGIN), Plain(call.name))
        yield from (Special(ARGUMENTS_BEGIN), Plain(call.arguments))
    yield Special(TURN_END)


def _turns_v11(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Iterator[Segment]:
    last = next((one for one in reversed(messages) if one.role == "user"), None)
    for message in messages:
        match message.role:
            case "assistant":
                yield from _answer_v11(message)
            case "tool":
                yield from (Special(RESULT_BEGIN), Plain(_short_id(message.tool_call_id)))
                yield from _between(RESULT_CONTENT, _text(message), RESULT_END)
            case role:
                if tools and message == last:  # its likes too, as in the template
                    yield from _tools(tools)
                yield from _spoken(role, message)


def _answer_v11(message: Message) -> Iterator[Segment]:
    """Words beside calls are left out, as the template has it."""
    for call in message.tool_calls:
        yield from (Special(CALL_BEGIN), Plain(call.name), Special(ID_BEGIN))
        yield from (Plain(_short_id(call.id)), Special(ARGUMENTS_BEGIN), Plain(call.arguments))
    if not message.tool_calls:
        yield Plain(_text(message))
    yield Special(TURN_END)


def _short_id(call_id: str | None) -> str:
    """An id of nine letters and digits: all that the tokenizer's makers allow."""
    text = call_id or ""
    if re.fullmatch("[a-zA-Z0-9]{9}", text):
        return text
    return blake2b(text.encode(errors="replace"), digest_size=5).hexdigest()[:9]


def force_call(
    conversation: Conversation, profile: str | None, name: str | None
) -> tuple[Segment, ...]:
    """What makes the model begin a call, of one tool or any."""
    named = (Plain(name),) if name else ()
    rest = (Special(ARGUMENTS_BEGIN),) if name and profile != "v11" else ()
    return (Special(CALL_BEGIN), *named, *rest)


def call_grammar(rules: CallRules) -> Constraint:
    """Calls one after another up to the turn's end; v13's after reasoning, if there is any."""
    each = Alt(tuple(_call_node(tool, rules.profile) for tool in rules.tools))
    thought = Opt(Seq((Tok(THINK_BEGIN), FreeText(), Tok(THINK_END))))
    return Constraint(
        calls=Seq((Plus(each, most=rules.most), Tok(TURN_END))),
        triggers=(CALL_BEGIN,),
        required=rules.required,
        lead=Seq(()) if rules.profile == "v11" else thought,
        bounds=rules.bounds,
    )


def _call_node(tool: ToolRule, profile: str | None) -> Node:
    identifier = (Tok(ID_BEGIN), Regex("[a-zA-Z0-9]{9}")) if profile == "v11" else ()
    head = (Tok(CALL_BEGIN), Lit(tool.name), *identifier, Tok(ARGUMENTS_BEGIN))
    return Seq((*head, Json(tool.schema)))


def read_header(header: str, tools: Sequence[ToolSpec]) -> Header:
    """`get_weather`, or `get_weather[CALL_ID]abc123def`."""
    name, _, native_id = header.partition(ID_BEGIN)
    read = read_name(name, tools)
    return Header(read.name, read.canonical, native_id.strip())


def _find_calls(tools: Sequence[ToolSpec]) -> BegunCallFinder:
    """A list of calls whose `[TOOL_CALLS]` an engine has skipped (vllm#16190)."""
    judge = judge_json(ENVELOPE)

    def judge_declared(text: str, names: Collection[str], _: bool) -> bool | None:
        return judge(text, names, False)

    return BegunCallFinder(tools, judge_declared, anomaly=AnomalyKind.MARKERS_STRIPPED)


SIGNS = Signs(
    # Templates of v3 to v7 lack the last: their prompts have blanks that these profiles have not.
    tokens=frozenset({CALL_BEGIN, USER_BEGIN, USER_END, TOOLS_BEGIN, ARGUMENTS_BEGIN}),
    profiles=(("v11", (ID_BEGIN,)), ("v13", ())),
)

DIALECT = Dialect(
    name="mistral",
    markers=MARKERS,
    special=frozenset(TOKEN_IDS.values()),
    token_ids=TOKEN_IDS,
    transitions=TRANSITIONS,
    deviations=DEVIATIONS,
    tags=TAGS,
    envelope=ENVELOPE,
    read_header=read_header,
    write_id=lambda name, index: _short_id(native_id(name, index)),
    render=render,
    profiles=PROFILES,
    stop=(TURN_END,),
    find_calls=_find_calls,
    force_call=force_call,
    call_grammar=call_grammar,
    signs=SIGNS,
)
