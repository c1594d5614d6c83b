"""Kimi K2, K2-0905, K2-Thinking, K2.5, K2.6, K2.7-Code: one wire format, six profiles.

    <|im_system|>tool_declare<|im_middle|>{tools}<|im_end|>
    <|im_system|>system<|im_middle|>You are Kimi …<|im_end|>
    <|im_user|>user<|im_middle|>Weather in Beijing?<|im_end|>
    <|im_assistant|>assistant<|im_middle|><think>I look it up.</think>On it.
    <|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0
    <|tool_call_argument_begin|>{"city": "Beijing"}<|tool_call_end|>
    <|tool_calls_section_end|><|im_end|>
    <|im_system|>get_weather<|im_middle|>## Return of functions.get_weather:0
    Sunny<|im_end|>

(no line break but the one after "Return of …"). The function's name stands in the id and nowhere
else, so ids are rewritten by position before rendering (`pipeline.normalize`).
Source: the chat templates and docs/tool_call_guidance.md that Moonshot ships with the models.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any, Literal

from msgspec import UNSET, Struct
from msgspec.structs import replace

from toolgate.core.bare_calls import BareCallFinder
from toolgate.core.conversation import Conversation, Message, TextPart, ToolSpec
from toolgate.core.dialect import Dialect, Signs, State
from toolgate.core.events import AnomalyKind
from toolgate.core.grammar import (
    Alt,
    CallRules,
    Constraint,
    FreeText,
    Index,
    Json,
    Lit,
    Node,
    Opt,
    Plus,
    Seq,
    Tok,
    ToolRule,
)
from toolgate.core.message_memo import remember_messages
from toolgate.core.prompt import Plain, Prompt, Segment, Special, merge_plain
from toolgate.core.tool_ids import PREFIX, native_id, read_native_id
from toolgate.dialects.kimi_k2.declarations import declare, sort_keys, template_tools
from toolgate.errors import UnknownModel

THINK_BEGIN, THINK_END = "<think>", "</think>"
SECTION_BEGIN, SECTION_END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
CALL_BEGIN, CALL_END = "<|tool_call_begin|>", "<|tool_call_end|>"
ARGUMENTS_BEGIN = "<|tool_call_argument_begin|>"
TURN_END, END_OF_TEXT, END_OF_TURN = "<|im_end|>", "[EOS]", "[EOT]"
USER, ASSISTANT, SYSTEM = "<|im_user|>", "<|im_assistant|>", "<|im_system|>"
MIDDLE = "<|im_middle|>"

MARKERS = {
    THINK_BEGIN: "think_begin",
    THINK_END: "think_end",
    SECTION_BEGIN: "section_begin",
    SECTION_END: "section_end",
    # K2 sometimes misspells its section markers, in the singular (vllm, llama.cpp#17376).
    "<|tool_call_section_begin|>": "section_begin",
    "<|tool_call_section_end|>": "section_end",
    CALL_BEGIN: "call_begin",
    ARGUMENTS_BEGIN: "arguments_begin",
    CALL_END: "call_end",
    TURN_END: "turn_end",
    USER: "turn_begin",
    ASSISTANT: "turn_begin",
    SYSTEM: "turn_begin",
    MIDDLE: "turn_middle",
}

# Ids of moonshotai/Kimi-K2-* tokenizer_config.json.
TOKEN_IDS = {
    163586: TURN_END,
    163587: USER,
    163588: ASSISTANT,
    163594: SYSTEM,
    163595: SECTION_BEGIN,
    163596: SECTION_END,
    163597: CALL_BEGIN,
    163598: ARGUMENTS_BEGIN,
    163599: CALL_END,
    163601: MIDDLE,
    163606: THINK_BEGIN,
    163607: THINK_END,
}

TRANSITIONS = {
    (State.TEXT, "think_begin"): State.REASONING,
    (State.REASONING, "think_end"): State.TEXT,
    (State.TEXT, "section_begin"): State.SECTION,
    (State.SECTION, "call_begin"): State.HEADER,
    (State.HEADER, "arguments_begin"): State.ARGUMENTS,
    (State.ARGUMENTS, "call_end"): State.OUTER,
    (State.SECTION, "section_end"): State.TEXT,
    (State.TEXT, "turn_end"): State.END,
}

# What K2 really does: calls while it still thinks (Kimi-K2#89, sglang#19552), calls without their
# section (vllm#32216), calls without an end (llama.cpp tests), ends without a call.
DEVIATIONS = {
    (State.REASONING, "section_begin"): (State.SECTION, AnomalyKind.CALL_IN_REASONING),
    (State.REASONING, "call_begin"): (State.HEADER, AnomalyKind.CALL_IN_REASONING),
    (State.REASONING, "turn_end"): (State.END, AnomalyKind.UNCLOSED_REASONING),
    (State.TEXT, "call_begin"): (State.HEADER, AnomalyKind.CALL_WITHOUT_SECTION),
    (State.SECTION, "think_end"): (State.TEXT, AnomalyKind.MISSING_SECTION_END),
    (State.SECTION, "turn_end"): (State.END, AnomalyKind.MISSING_SECTION_END),
    (State.SECTION, "arguments_begin"): (State.ARGUMENTS, AnomalyKind.MISSING_CALL_BEGIN),
    (State.HEADER, "call_begin"): (State.HEADER, AnomalyKind.MISSING_ARGUMENTS),
    (State.HEADER, "call_end"): (State.OUTER, AnomalyKind.MISSING_ARGUMENTS),
    (State.HEADER, "section_end"): (State.TEXT, AnomalyKind.MISSING_ARGUMENTS),
    (State.HEADER, "turn_end"): (State.END, AnomalyKind.MISSING_ARGUMENTS),
    (State.ARGUMENTS, "call_begin"): (State.HEADER, AnomalyKind.MISSING_CALL_END),
    (State.ARGUMENTS, "section_begin"): (State.SECTION, AnomalyKind.MISSING_CALL_END),
    (State.ARGUMENTS, "section_end"): (State.TEXT, AnomalyKind.MISSING_CALL_END),
    (State.ARGUMENTS, "turn_end"): (State.END, AnomalyKind.MISSING_CALL_END),
    (State.TEXT, "turn_begin"): (State.END, AnomalyKind.STRAY_MARKER),
    (State.SECTION, "turn_begin"): (State.END, AnomalyKind.STRAY_MARKER),
    (State.HEADER, "turn_begin"): (State.END, AnomalyKind.MISSING_ARGUMENTS),
    (State.REASONING, "turn_begin"): (State.END, AnomalyKind.STRAY_MARKER),
    (State.ARGUMENTS, "turn_begin"): (State.END, AnomalyKind.STRAY_MARKER),
}

IMAGE_END = (Special("<|media_content|>"), Special("<|media_pad|>"), Special("<|media_end|>"))
# <|media_start|> is in no vocabulary (K2 reads it as six ordinary tokens), nor is the video's.
# The line break is a slip of the templates that the models have been trained with.
TEXT_MODEL_MEDIA = {"image": (Plain("<|media_start|>image"), *IMAGE_END, Plain("\n")), "video": ()}
VISION_MEDIA = {
    "image": (Special("<|media_begin|>"), Plain("image"), *IMAGE_END, Plain("\n")),
    "video": (Plain("<|kimi_k25_video_placeholder|>\n"),),
}
DEFAULT_SYSTEM = "You are Kimi, an AI assistant created by Moonshot AI."
NO_REASONING = (Special(THINK_BEGIN), Special(THINK_END))


class Switch(Struct, frozen=True):
    """A choice that a template makes, and the `chat_template_kwargs` key that changes it."""

    default: bool
    key: str = ""
    """"" = nothing changes it."""

    def read(self, kwargs: Mapping[str, Any]) -> Any:
        return kwargs.get(self.key, self.default)


class Profile(Struct, frozen=True, kw_only=True, eq=False):
    """What tells one model of the family from the next, as its chat template has it."""

    default_system: str = ""
    """The system turn of a conversation that does not begin with one; "" = none."""
    after_default_system: str = ""
    default_system_alone: bool = True
    """Whether it is written even when there is no message at all."""
    writes_reasoning: bool = True
    opens_reasoning: bool = False
    """Whether the prompt ends in `<think>`: the model begins inside its reasoning."""
    thinking: Switch = Switch(True)
    preserve_thinking: Switch = Switch(False)
    """Whether the reasoning up to the last plain answer stays in the prompt."""
    reasoning_keys: tuple[Literal["reasoning", "reasoning_content"], ...] = ("reasoning_content",)
    typescript: bool = True
    """Whether tools are declared as TypeScript (where they can be), or always as JSON."""
    media: Mapping[str, tuple[Segment, ...]] = MappingProxyType(VISION_MEDIA)


INSTRUCT = Profile(
    default_system=DEFAULT_SYSTEM,
    after_default_system="\n",
    default_system_alone=False,
    writes_reasoning=False,
    typescript=False,
    media=TEXT_MODEL_MEDIA,
)
THINKING = Profile(default_system=DEFAULT_SYSTEM, typescript=False, media=TEXT_MODEL_MEDIA)
K2_5 = Profile(opens_reasoning=True, thinking=Switch(True, "thinking"))
K2_6 = replace(
    K2_5,
    preserve_thinking=Switch(False, "preserve_thinking"),
    reasoning_keys=("reasoning", "reasoning_content"),
)
PROFILES = {
    "k2-instruct": INSTRUCT,
    "k2-0905": INSTRUCT,
    "k2-thinking": THINKING,
    "k2.5": K2_5,
    "k2.6": K2_6,
    # K2.7-Code always thinks and keeps what it thought; its API refuses thinking.type=disabled.
    "k2.7-code": replace(K2_6, thinking=Switch(True), preserve_thinking=Switch(True)),
    # The practice model that ships with toolgate: K2.5's format, thinking only when asked to.
    "nano": replace(K2_5, thinking=Switch(False, "thinking")),
}


def render(conversation: Conversation, profile: str | None = None) -> Prompt:
    """Writes what the vendor's chat template writes, quirks included; repairs nothing.

    Raises: UnknownModel for a profile that the family does not have.
    """
    rules = find_profile(profile)
    kwargs = conversation.options.template
    prefill = _prefill(rules, kwargs)
    segments = [
        *_tool_turn(conversation.tools, rules),
        *_default_system_turn(conversation.messages, rules),
        *_message_turns(conversation.messages, rules, kwargs),
    ]
    if not kwargs.get("add_generation_prompt", True):
        return Prompt(merge_plain(segments))
    segments += [Special(ASSISTANT), Plain("assistant"), Special(MIDDLE), *prefill]
    return Prompt(merge_plain(segments), "".join(segment.text for segment in prefill))


def find_profile(name: str | None) -> Profile:
    """The profile of that name; without a name, the family's first."""
    if name is not None and name not in PROFILES:
        known = ", ".join(PROFILES)
        raise UnknownModel(f"kimi_k2 has no profile {name!r}; it has {known}.", param="profile")
    return PROFILES[name or next(iter(PROFILES))]


def _prefill(rules: Profile, kwargs: Mapping[str, Any]) -> tuple[Segment, ...]:
    if not rules.opens_reasoning:
        return ()
    return (Special(THINK_BEGIN),) if _thinks(rules, kwargs) else NO_REASONING


def _thinks(rules: Profile, kwargs: Mapping[str, Any]) -> bool:
    """Only `false` itself ends thinking, neither 0 nor "": so the templates have it."""
    value = rules.thinking.read(kwargs)
    return rules.thinking.default if value is None else value is not False


def _turn(token: str, label: str, *body: Segment) -> tuple[Segment, ...]:
    return (Special(token), Plain(label), Special(MIDDLE), *body, Special(TURN_END))


def _tool_turn(tools: Sequence[ToolSpec], rules: Profile) -> Iterator[Segment]:
    if tools:
        text = declare([tool.declaration for tool in tools], rules.typescript)
        yield from _turn(SYSTEM, "tool_declare", Plain(text))


def _default_system_turn(messages: Sequence[Message], rules: Profile) -> Iterator[Segment]:
    missing = messages[0].role != "system" if messages else rules.default_system_alone
    if rules.default_system and missing:
        yield from _turn(SYSTEM, "system", Plain(rules.default_system))
        yield Plain(rules.after_default_system)


def _message_turns(
    messages: Sequence[Message], rules: Profile, kwargs: Mapping[str, Any]
) -> list[Segment]:
    preserve = rules.preserve_thinking.read(kwargs)
    blank = preserve is False and not _thinks(rules, kwargs)
    plain_answers = [index for index, message in enumerate(messages) if _is_plain_answer(message)]
    history = 0 if preserve or not plain_answers else plain_answers[-1] + 1
    segments: list[Segment] = []
    for index, message in enumerate(messages):
        segments += _message_turn(message, (rules, not blank and index >= history))
    return segments


@remember_messages
def _message_turn(message: Message, how: tuple[Profile, bool]) -> tuple[Segment, ...]:
    rules, has_reasoning = how
    role, label = message.role, message.name or message.role
    if role == "assistant":
        reasoning = _reasoning(message, rules) if has_reasoning else ""
        return _turn(ASSISTANT, label, *_answer(message, reasoning, rules))
    header = (Plain(f"## Return of {message.tool_call_id or ''}\n"),) if role == "tool" else ()
    return _turn(USER if role == "user" else SYSTEM, label, *header, *_content(message, rules))


def _is_plain_answer(message: Message) -> bool:
    return message.role == "assistant" and not message.tool_calls


def _reasoning(message: Message, rules: Profile) -> str:
    """The first key that is there, even when it is empty; a null prints as the word None."""
    values = (getattr(message, key) for key in rules.reasoning_keys)
    return str(next((value for value in values if value is not UNSET), ""))


def _answer(message: Message, reasoning: str, rules: Profile) -> list[Segment]:
    segments: list[Segment] = []
    if rules.writes_reasoning:
        segments += (Special(THINK_BEGIN), Plain(reasoning), Special(THINK_END))
    segments += _content(message, rules)
    if message.tool_calls:
        segments.append(Special(SECTION_BEGIN))
        for call in message.tool_calls:
            segments += (Special(CALL_BEGIN), Plain(call.id or ""))
            segments += (Special(ARGUMENTS_BEGIN), Plain(call.arguments), Special(CALL_END))
        segments.append(Special(SECTION_END))
    return segments


def _content(message: Message, rules: Profile) -> tuple[Segment, ...]:
    match message.content:
        case None:
            return ()
        case str(text):
            return (Plain(text),)
        case parts:
            written = (
                (Plain(part.text),) if isinstance(part, TextPart) else rules.media[part.kind]
                for part in parts
            )
            return tuple(chain.from_iterable(written))


def force_call(
    conversation: Conversation, profile: str | None, name: str | None
) -> tuple[Segment, ...]:
    """What makes the model begin a call, of one tool or any: thinking is over, the id is next."""
    index = sum(len(message.tool_calls) for message in conversation.messages)
    target = f"{PREFIX}{name}:{index}" if name else PREFIX
    end = (Special(ARGUMENTS_BEGIN),) if name else ()
    thought = _end_of_thinking(find_profile(profile), conversation)
    return (*thought, Special(SECTION_BEGIN), Special(CALL_BEGIN), Plain(target), *end)


def _end_of_thinking(rules: Profile, conversation: Conversation) -> tuple[Segment, ...]:
    prefill = _prefill(rules, conversation.options.template)
    if Special(THINK_END) in prefill or not rules.writes_reasoning:
        return ()
    return (Special(THINK_END),) if prefill else NO_REASONING


def call_grammar(rules: CallRules) -> Constraint:
    """A section of calls, or calls without one: K2 at times leaves it out (vllm#32216)."""
    calls = Plus(Alt(tuple(_call_node(tool, rules) for tool in rules.tools)), most=rules.most)
    section = Seq((Tok(SECTION_BEGIN), calls, Tok(SECTION_END)))
    return Constraint(
        calls=section if rules.required else Alt((section, calls)),
        triggers=(SECTION_BEGIN,) if rules.required else (SECTION_BEGIN, CALL_BEGIN),
        required=rules.required,
        lead=_reasoning_node(rules),
        bounds=rules.bounds,
    )


def _call_node(tool: ToolRule, rules: CallRules) -> Node:
    head = (Tok(CALL_BEGIN), Lit(f"{PREFIX}{tool.name}:"), Index(rules.first_index))
    # In the order in which the declaration showed them to the model.
    arguments = Json(sort_keys(tool.schema))
    return Seq((*head, Tok(ARGUMENTS_BEGIN), arguments, Tok(CALL_END)))


def _reasoning_node(rules: CallRules) -> Node:
    if rules.prefill == THINK_BEGIN:
        return Seq((FreeText(), Tok(THINK_END)))
    if rules.prefill or not find_profile(rules.profile).writes_reasoning:
        return Seq(())
    return Opt(Seq((Tok(THINK_BEGIN), FreeText(), Tok(THINK_END))))


SIGNS = Signs(
    # The earliest templates (July 2025) write no calls; the vocabulary is the same.
    tokens=frozenset({USER, ASSISTANT, SYSTEM, MIDDLE}),
    profiles=(
        ("k2.6", ("preserve_thinking",)),
        ("k2.5", (THINK_BEGIN, "tools_ts_str")),
        ("k2-thinking", (THINK_BEGIN,)),
        ("k2-instruct", ()),
    ),
)

DIALECT = Dialect(
    name="kimi_k2",
    markers=MARKERS,
    special=frozenset(TOKEN_IDS.values()),
    token_ids=TOKEN_IDS,
    transitions=TRANSITIONS,
    deviations=DEVIATIONS,
    read_header=read_native_id,
    write_id=native_id,
    render=render,
    profiles=tuple(PROFILES),
    stop=(TURN_END, END_OF_TEXT, END_OF_TURN),
    placeholders=("(no content)",),
    find_calls=lambda tools: BareCallFinder([f"{PREFIX}{tool.name}:" for tool in tools]),
    force_call=force_call,
    call_grammar=call_grammar,
    signs=SIGNS,
    template_tools=template_tools,
)
