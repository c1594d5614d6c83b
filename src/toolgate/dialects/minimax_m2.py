"""MiniMax-M2, M2.1, M2.5 and M2.7: calls as XML inside one `<minimax:tool_call>`.

    ]~b]ai
    <think>
    I look it up.
    </think>

    On it.
    <minimax:tool_call>
    <invoke name="get_weather">
    <parameter name="city">Beijing</parameter>
    </invoke>
    </minimax:tool_call>[e~[
    ]~b]tool
    <response>Sunny</response>[e~[

One `<invoke>` for each call. A string is its bare text; all else is JSON. Only the outer tags and
`<think>` are tokens. The prompt always ends in `<think>`: the models cannot be told not to think.
Source: the chat template of MiniMax-M2.7, and docs/tool_calling_guide.md of MiniMax-AI/MiniMax-M2.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from toolgate.core.conversation import Conversation, Message, TextPart, ToolCall, ToolSpec
from toolgate.core.dialect import Dialect, Key, Opening, Signs, State
from toolgate.core.events import AnomalyKind
from toolgate.core.grammar import (
    Alt,
    CallRules,
    Constraint,
    FreeText,
    Lit,
    Members,
    Node,
    Plus,
    Regex,
    Seq,
    Tok,
    ToolRule,
)
from toolgate.core.prompt import Plain, Prompt, Segment, Special, merge_plain
from toolgate.core.tool_ids import read_name
from toolgate.errors import UnknownModel

THINK_BEGIN, THINK_END = "<think>", "</think>"
SECTION_BEGIN, SECTION_END = "<minimax:tool_call>", "</minimax:tool_call>"
CALL_BEGIN, CALL_END = '<invoke name="', "</invoke>"
KEY_BEGIN, VALUE_END, TAG_END = '<parameter name="', "</parameter>", '">'
TEXT_BEGIN, TURN_BEGIN, TURN_END = "]~!b[", "]~b]", "[e~["
INNER_BEGIN = "<parameter"

MARKERS = {
    THINK_BEGIN: "think_begin",
    THINK_END: "think_end",
    SECTION_BEGIN: "section_begin",
    SECTION_END: "section_end",
    # Where a prompt shows the plain word (MiniMax-M2#14).
    "<tool_calls>": "section_begin",
    "</tool_calls>": "section_end",
    CALL_BEGIN: "call_begin",
    CALL_END: "call_end",
    KEY_BEGIN: "key_begin",
    VALUE_END: "value_end",
    TAG_END: "tag_end",
    # The vendor's own parser takes names in other quotes, and in none.
    **{"<invoke name='": "call_begin", "<invoke name=": "call_begin"},
    **{"<parameter name='": "key_begin", "<parameter name=": "key_begin"},
    **{"'>": "tag_end", ">": "tag_end"},
    INNER_BEGIN: "inner_begin",
    TURN_BEGIN: "turn_begin",
    TURN_END: "turn_end",
}
TAGS = frozenset(MARKERS) - {THINK_BEGIN, THINK_END, TURN_BEGIN, TURN_END}

# Ids of MiniMaxAI/MiniMax-M2* tokenizer_config.json.
TOKEN_IDS = {
    200019: TURN_BEGIN,
    200020: TURN_END,
    200050: THINK_BEGIN,
    200051: THINK_END,
    200052: SECTION_BEGIN,
    200053: SECTION_END,
}

TRANSITIONS = {
    (State.TEXT, "think_begin"): State.REASONING,
    (State.REASONING, "think_end"): State.TEXT,
    (State.TEXT, "section_begin"): State.SECTION,
    (State.SECTION, "call_begin"): State.HEADER,
    (State.HEADER, "tag_end"): State.CALL,
    (State.CALL, "key_begin"): State.KEY,
    (State.KEY, "tag_end"): State.VALUE,
    (State.VALUE, "value_end"): State.CALL,
    (State.CALL, "call_end"): State.OUTER,
    (State.SECTION, "section_end"): State.TEXT,
    (State.TEXT, "turn_end"): State.END,
    (State.END, "turn_end"): State.END,
}

# What the models really do: calls while they think (ik_llama.cpp#2085), without their outer tags
# (Dynamo's PARSER 5.b and 5.f), without closers.
UNENDED = {
    State.REASONING: AnomalyKind.UNCLOSED_REASONING,
    State.SECTION: AnomalyKind.MISSING_SECTION_END,
    State.HEADER: AnomalyKind.MISSING_ARGUMENTS,
    State.CALL: AnomalyKind.MISSING_CALL_END,
    State.ARGUMENTS: AnomalyKind.MISSING_CALL_END,
    State.VALUE: AnomalyKind.MISSING_TAG,
}
DEVIATIONS = {
    **{(state, "turn_end"): (State.END, kind) for state, kind in UNENDED.items()},
    **{(state, "turn_begin"): (State.END, kind) for state, kind in UNENDED.items()},
    (State.TEXT, "turn_begin"): (State.END, AnomalyKind.STRAY_MARKER),
    (State.REASONING, "section_begin"): (State.SECTION, AnomalyKind.CALL_IN_REASONING),
    (State.REASONING, "call_begin"): (State.HEADER, AnomalyKind.CALL_IN_REASONING),
    (State.TEXT, "call_begin"): (State.HEADER, AnomalyKind.CALL_WITHOUT_SECTION),
    (State.SECTION, "section_begin"): (State.SECTION, AnomalyKind.STRAY_MARKER),
    (State.SECTION, "call_end"): (State.SECTION, AnomalyKind.STRAY_MARKER),
    (State.SECTION, "think_begin"): (State.REASONING, AnomalyKind.MISSING_SECTION_END),
    (State.HEADER, "key_begin"): (State.KEY, AnomalyKind.MISSING_TAG),
    (State.HEADER, "call_end"): (State.OUTER, AnomalyKind.MISSING_ARGUMENTS),
    (State.HEADER, "section_end"): (State.TEXT, AnomalyKind.MISSING_ARGUMENTS),
    (State.CALL, "value_end"): (State.CALL, AnomalyKind.STRAY_MARKER),
    (State.CALL, "call_begin"): (State.HEADER, AnomalyKind.MISSING_CALL_END),
    (State.CALL, "section_begin"): (State.SECTION, AnomalyKind.MISSING_CALL_END),
    (State.CALL, "section_end"): (State.TEXT, AnomalyKind.MISSING_CALL_END),
    (State.ARGUMENTS, "call_end"): (State.OUTER, AnomalyKind.MISSING_TAG),
    (State.ARGUMENTS, "section_end"): (State.TEXT, AnomalyKind.MISSING_CALL_END),
    (State.VALUE, "key_begin"): (State.KEY, AnomalyKind.MISSING_TAG),
    (State.VALUE, "call_end"): (State.OUTER, AnomalyKind.MISSING_TAG),
    (State.VALUE, "section_end"): (State.TEXT, AnomalyKind.MISSING_TAG),
}
OPENINGS = {
    "section_begin": Opening(roles=frozenset({"call_begin"})),
    "call_begin": Opening(after_name=frozenset({"tag_end", "key_begin", "call_end"})),
    "key_begin": Opening(after_name=frozenset({"tag_end"})),
}

TOOLS_BEFORE = """

# Tools
You may call one or more tools to assist with the user query.
Here are the tools available in JSONSchema format:

<tools>
"""
TOOLS_AFTER = """</tools>

When making tool calls, use XML format to invoke tools and pass parameters:

"""
EXAMPLE = """
<invoke name="tool-name-1">
<parameter name="param-key-1">param-value-1</parameter>
<parameter name="param-key-2">param-value-2</parameter>
...
</invoke>
"""
# What stands first where no system message does.
PROFILES = {
    "minimax-m2": "You are a helpful assistant.",
    **{
        name: f"You are a helpful assistant. Your name is {named} and is built by MiniMax."
        for name, named in (
            ("minimax-m2.1", "MiniMax-M2.1"),
            ("minimax-m2.5", "MiniMax-M2.5"),
            ("minimax-m2.7", "MiniMax-M2.7"),
        )
    },
}
PREFILL = (Special(THINK_BEGIN), Plain("\n"))


def render(conversation: Conversation, profile: str | None = None) -> Prompt:
    """Writes what the vendor's chat template writes, quirks included; repairs nothing.

    Raises: UnknownModel for a profile that the family does not have.
    """
    if profile is not None and profile not in PROFILES:
        known = ", ".join(PROFILES)
        raise UnknownModel(
            f"minimax_m2 has no profile {profile!r}; it has {known}.", param="profile"
        )
    messages = conversation.messages
    has_system = bool(messages) and messages[0].role == "system"
    said = _text(messages[0]) if has_system else ""
    system = said or PROFILES[profile or next(iter(PROFILES))]
    segments = [Special(TEXT_BEGIN), *_turn("system\n", system, *_declare(conversation.tools))]
    segments += _turns(messages[1:] if has_system else messages)
    if not conversation.options.template.get("add_generation_prompt", True):
        return Prompt(merge_plain(segments))
    segments += [Special(TURN_BEGIN), Plain("ai\n"), *PREFILL]
    return Prompt(merge_plain(segments), "".join(segment.text for segment in PREFILL))


def _turn(header: str, text: str, *more: Segment) -> Iterator[Segment]:
    yield from (Special(TURN_BEGIN), Plain(f"{header}{text}"), *more, Special(TURN_END))
    yield Plain("\n")


def _declare(tools: Sequence[ToolSpec]) -> Iterator[Segment]:
    if tools:
        declared = "".join(f"<tool>{_tojson(_function(tool))}</tool>\n" for tool in tools)
        yield from (Plain(f"{TOOLS_BEFORE}{declared}{TOOLS_AFTER}"), Special(SECTION_BEGIN))
        yield from (Plain(EXAMPLE), Special(SECTION_END))


def _function(tool: ToolSpec) -> Any:
    return tool.declaration.get("function", tool.declaration)


def _tojson(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _turns(messages: Sequence[Message]) -> Iterator[Segment]:
    """System messages that do not stand first are not written."""
    asked = max((n for n, one in enumerate(messages) if one.role == "user"), default=-1)
    for index, message in enumerate(messages):
        match message.role:
            case "user":
                yield from _turn("user\n", _text(message))
            case "assistant":
                yield from _turn("ai\n", "", *_answer(message, is_new=index > asked))
            case "tool":
                yield from _result(messages, index)


def _text(message: Message) -> str:
    """The text; the template knows no other parts, so media leave nothing."""
    content = message.content or ""
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content if isinstance(part, TextPart))


def _answer(message: Message, *, is_new: bool) -> Iterator[Segment]:
    reasoning, content = _thought(message)
    if reasoning and is_new:
        yield from (Special(THINK_BEGIN), Plain(f"\n{reasoning}\n"))
        yield from (Special(THINK_END), Plain("\n\n"))
    yield Plain(content)
    if message.tool_calls:
        yield from (Plain("\n"), Special(SECTION_BEGIN), Plain("\n"))
        yield Plain("".join(map(_call, message.tool_calls)))
        yield Special(SECTION_END)


def _thought(message: Message) -> tuple[str, str]:
    """Reasoning and content; agents that know no reasoning send it inside the content."""
    content, reasoning = _text(message), message.reasoning_content
    if isinstance(reasoning, str):
        return reasoning, content
    before, end, _ = content.partition(THINK_END)
    if not end:
        return "", content
    thought = before.strip("\n").split(THINK_BEGIN)[-1].strip("\n")
    return thought, content.split(THINK_END)[-1].strip("\n")


def _call(call: ToolCall) -> str:
    written = "".join(
        f"{KEY_BEGIN}{key}{TAG_END}{value if isinstance(value, str) else _tojson(value)}"
        f"{VALUE_END}\n"
        for key, value in _members(call)
    )
    return f"{CALL_BEGIN}{call.name}{TAG_END}\n{written}{CALL_END}\n"


def _members(call: ToolCall) -> Collection[tuple[str, Any]]:
    """The arguments one by one; what is no object has none."""
    try:
        value = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return ()
    return value.items() if isinstance(value, dict) else ()


def _result(messages: Sequence[Message], index: int) -> Iterator[Segment]:
    """Results that follow one another stand in one turn."""
    if index == 0 or messages[index - 1].role != "tool":
        yield from (Special(TURN_BEGIN), Plain("tool"))
    yield Plain(f"\n<response>{_text(messages[index])}</response>")
    if index == len(messages) - 1 or messages[index + 1].role != "tool":
        yield from (Special(TURN_END), Plain("\n"))


def read_key(header: str) -> Key:
    """`city`: the name alone; the tool's schema has the type."""
    return Key(header.strip().strip("\"'"))


def force_call(
    conversation: Conversation, profile: str | None, name: str | None
) -> tuple[Segment, ...]:
    """What makes the model begin a call, of one tool or any: thinking is over, the name is next."""
    named = f"{name}{TAG_END}\n" if name else ""
    thought = (Special(THINK_END), Plain("\n\n\n"))
    return (*thought, Special(SECTION_BEGIN), Plain(f"\n{CALL_BEGIN}{named}"))


ANY_KEY = Regex("[A-Za-z0-9_.-]{1,64}")


def call_grammar(rules: CallRules) -> Constraint:
    """A section of calls, a line for each tag."""
    calls = Plus(Alt(tuple(map(_call_node, rules.tools))), most=rules.most)
    section = (Tok(SECTION_BEGIN), Lit("\n"), calls, Tok(SECTION_END), Tok(TURN_END))
    return Constraint(
        calls=Seq(section),
        triggers=(SECTION_BEGIN,),
        required=rules.required,
        lead=Seq((FreeText(), Tok(THINK_END), Lit("\n\n\n"))),
        bounds=rules.bounds,
    )


def _call_node(tool: ToolRule) -> Node:
    head = Lit(f"{CALL_BEGIN}{tool.name}{TAG_END}\n")
    return Seq((head, Members(tool.schema, _argument_tags), Lit(f"{CALL_END}\n")))


def _argument_tags(key: str | None, _: str) -> tuple[Node, Node]:
    name = ANY_KEY if key is None else Lit(key)
    return Seq((Lit(KEY_BEGIN), name, Lit(TAG_END))), Lit(f"{VALUE_END}\n")


SIGNS = Signs(
    tokens=frozenset({TURN_BEGIN, TURN_END, SECTION_BEGIN, SECTION_END}),
    profiles=(
        ("minimax-m2.7", ("MiniMax-M2.7",)),
        ("minimax-m2.5", ("MiniMax-M2.5",)),
        ("minimax-m2.1", ("MiniMax-M2.1",)),
        ("minimax-m2", ()),
    ),
)

DIALECT = Dialect(
    name="minimax_m2",
    markers=MARKERS,
    special=frozenset(TOKEN_IDS.values()),
    token_ids=TOKEN_IDS,
    transitions=TRANSITIONS,
    deviations=DEVIATIONS,
    tags=TAGS,
    openings=OPENINGS,
    nests=(INNER_BEGIN, VALUE_END),
    pads_text=True,
    read_header=read_name,
    read_key=read_key,
    render=render,
    profiles=tuple(PROFILES),
    stop=(TURN_END,),
    force_call=force_call,
    call_grammar=call_grammar,
    signs=SIGNS,
)
