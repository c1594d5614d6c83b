"""What stands for every family in tests: its fixtures, and calls as it writes and reads them."""

import json
import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, TypeAlias

import pytest

from tests.dialects.parse_cases import FOLDER, Case, cut_at_random, load_cases
from tests.dialects.written_calls import spell
from toolgate.core.assemble import AssembledMessage, assemble, coalesce
from toolgate.core.conversation import Conversation, Message, Options, ToolCall, ToolSpec
from toolgate.core.dialect import Dialect, State
from toolgate.core.events import Event
from toolgate.core.grammar import CallRules, ToolRule
from toolgate.core.prompt import Plain, Segment, Special
from toolgate.core.stream_parser import StreamParser
from toolgate.dialects import get_dialect, list_dialects

PROPERTIES = {
    **{"path": {"type": "string"}, "body": {"type": "string"}, "count": {"type": "integer"}},
    **{"deep": {"type": "object"}, "tags": {"type": "array"}, "is_dry": {"type": "boolean"}},
}
SCHEMA = {"type": "object", "properties": PROPERTIES}
NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}
TOOLS = [
    ToolSpec("write_note", "", SCHEMA),
    ToolSpec("heartbeat", "", NO_ARGUMENTS),
    ToolSpec("mcp__git-hub__open_issue", "", SCHEMA),
]
NAMES = list_dialects()
every_family = pytest.mark.parametrize("family", NAMES)

Call: TypeAlias = tuple[str, dict[str, Any]]


def cases(family: str) -> list[Case]:
    return [case for path in (FOLDER / family).glob("parse/*.jsonl") for case in load_cases(path)]


def written(family: str, *calls: Call) -> str:
    """The calls as the family's renderer writes them, without the end of the turn."""
    dialect = get_dialect(family)
    asked = Message(role="user", content="Hi")
    said = Message(
        role="assistant",
        content="",
        tool_calls=tuple(
            ToolCall(f"functions.{name}:{n}", name, json.dumps(arguments), as_text=False)
            for n, (name, arguments) in enumerate(calls)
        ),
    )
    begun = dialect.render(Conversation(messages=(asked,), options=UNTHINKING), None)
    before = str(begun).removesuffix(begun.prefill)
    history = Options(template={**UNTHINKING.template, "add_generation_prompt": False})
    whole = str(dialect.render(Conversation(messages=(asked, said), options=history), None))
    assert whole.startswith(before)
    text = whole.removeprefix(before).rstrip()
    for end in dialect.stop:
        text = text.removesuffix(end)
    return text


def constrained(family: str, call: Call) -> str:
    """The call as the family's grammar writes it."""
    dialect = get_dialect(family)
    assert dialect.call_grammar is not None
    name, arguments = call
    schema = next(tool.parameters for tool in TOOLS if tool.name == name)
    rule = ToolRule(name, schema if isinstance(schema, dict) else True)
    text = spell(
        dialect.call_grammar(CallRules(tools=(rule,), most=1, required=True)).calls, arguments
    )
    return before_trigger(dialect, text) + text


def before_trigger(dialect: Dialect, text: str) -> str:
    """What of its first marker stands before the special token from which on a grammar holds."""
    if text.startswith(tuple(dialect.markers)):
        return ""
    token = next((one for one in dialect.special if text.startswith(one)), "")
    if not token:
        return ""
    begun = ((marker.partition(token)[0], marker) for marker in dialect.markers if token in marker)
    return next((before for before, one in begun if (before + text).startswith(one)), "")


UNTHINKING = Options(template={"thinking": False, "enable_thinking": False})


def prefill(family: str) -> str:
    """Where a prompt that wants no reasoning leaves the model, or its reasoning once it is over."""
    asked = Conversation(messages=(Message(role="user", content="Hi"),), options=UNTHINKING)
    begun = get_dialect(family).render(asked, None).prefill
    always_thinks = StreamParser(get_dialect(family), prefill=begun).state is State.REASONING
    markers = thinking_markers(family)
    return begun + markers[1] if always_thinks and markers else begun


def read(
    family: str,
    texts: Sequence[str],
    *,
    reason: str | None = "stop",
    begun: str | None = None,
    tools: Sequence[ToolSpec] = TOOLS,
) -> list[Event]:
    begun = prefill(family) if begun is None else begun
    parser = StreamParser(get_dialect(family), tools=tools, prefill=begun)
    return [event for text in texts for event in parser.feed(text)] + parser.finish(reason)


def message(family: str, text: str, **options: Any) -> AssembledMessage:
    """What the output tells, the same however it comes; the options are those of `read`."""
    whole = read(family, [text], **options)
    dice = Random(text)
    for texts in (list(text), *(cut_at_random(text, dice) for _ in range(10))):
        assert coalesce(read(family, texts, **options)) == coalesce(whole)
    return assemble(whole)


def calls_of(told: AssembledMessage) -> list[Call]:
    return [(call.name, json.loads(call.arguments)) for call in told.tool_calls]


NOTE: Call = ("write_note", {"path": "/a b/ü.txt", "body": 'line 1\n  line 2 "q" {x} <b>\n'})
ASCII_NOTE: Call = ("write_note", {"body": "1 < 2 </b>\n  {x}\n"})
DEEP: Call = (
    "mcp__git-hub__open_issue",
    {"deep": {"a": [1, {"b": None}], "c": "}]"}, "tags": ["x", 2], "count": 7, "is_dry": True},
)
BEAT: Call = ("heartbeat", {})
BIG: Call = ("write_note", {"path": "big", "body": "0123456789 abc\n" * 900})


def thinking_markers(family: str) -> tuple[str, str] | None:
    """What begins and ends reasoning, where it is a marker each."""
    dialect = get_dialect(family)
    found = [
        [marker for marker in dialect.markers if dialect.find_step(start, marker) == (end, None)]
        for start, end in ((State.TEXT, State.REASONING), (State.REASONING, State.TEXT))
    ]
    return (found[0][0], found[1][0]) if all(found) else None


def segments(family: str, text: str) -> Iterator[Segment]:
    """The text with its special tokens apart."""
    tokens = sorted(get_dialect(family).special, key=len, reverse=True)
    pieces = re.split(f"({'|'.join(map(re.escape, tokens))})", text)
    yield from (Special(one) if one in tokens else Plain(one) for one in pieces if one)
