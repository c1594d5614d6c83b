"""Turns to look at: what a model said, as a recording tells it, and conversations of several."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolgate.core.chunk import Chunk
from toolgate.core.conversation import Conversation, Message, ToolCall, ToolSpec
from toolgate.dialects import get_dialect
from toolgate.engines.tape import Tape
from toolgate.pipeline.finding import Finding, FindingKind
from toolgate.pipeline.trace import Recording, Trace
from toolgate.pipeline.turn import Turn

KIMI = get_dialect("kimi_k2")
LOOK = ToolSpec("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}})
ASKED = Conversation(messages=(Message(role="user", content="Where is Ann?"),), tools=(LOOK,))
SECTION = "<|tool_calls_section_begin|>"
CALL = (
    "<|tool_call_begin|>functions.look:0<|tool_call_argument_begin|>"
    '{"at": "Ann"}<|tool_call_end|><|tool_calls_section_end|>'
)
ROO = Path(__file__).parents[2] / "dialects" / "kimi_k2" / "parse" / "roo_streams.json"
CUT = SECTION + CALL[: CALL.index("Ann")]


def cut(text: str, size: int) -> list[Chunk]:
    return [Chunk(text=text[at : at + size]) for at in range(0, len(text), size)]


def hear(
    chunks: Sequence[Chunk],
    *,
    asked: Conversation = ASKED,
    reason: str | None = "stop",
    dialect: str = "kimi_k2",
    turn_id: str = "t",
    **more: Any,
) -> Trace:
    """The trace of a turn that was told this; `reason` None: it is still under way."""
    clock = iter(range(10**9))
    turn = Turn(asked, get_dialect(dialect), turn_id=turn_id, **more)
    tape = Tape(turn, keeps=True, began=0.0, clock=lambda: float(next(clock)))
    ends = [] if reason is None else [Chunk(finish_reason=reason)]
    for chunk in (*chunks, *ends):
        tape.hear(chunk)
    if reason is not None:
        tape.finish()
    return tape.trace()


def record(trace: Trace | None, recording_id: str = "req_1", **fields: Any) -> Recording:
    told: dict[str, Any] = {
        "id": recording_id,
        "started": 1.0,
        "conversation": "c",
        "path": "/v1/chat/completions",
        "client": "Roo",
        "status": 200,
        "traces": () if trace is None else (trace,),
    }
    return Recording(**told | fields)


def answered(trace: Trace, result: str | None, asked: Conversation = ASKED) -> Conversation:
    """The next request: with the answer's calls, and a result unless that is None."""
    calls = tuple(
        ToolCall(f"functions.{call.name}:{at}", call.name, call.arguments)
        for at, call in enumerate(trace.message.tool_calls)
    )
    more = [Message(role="assistant", content="", tool_calls=calls)]
    if result is not None:
        more.append(Message(role="tool", content=result, tool_call_id=calls[0].id, name="look"))
    return Conversation(messages=(*asked.messages, *more), tools=asked.tools)


def loss(call_id: str, kind: FindingKind = FindingKind.CALL_MISSING) -> Finding:
    return Finding(kind, f"Roo was given the call 'look' (id {call_id!r}); it has no result.")


def roo_stream(number: int) -> tuple[list[Chunk], list[Any]]:
    """One of the two token streams of the Roo Code report, and the tools that were declared."""
    stream = json.loads(ROO.read_bytes())[number]
    tokens = [Chunk(text=text, token_ids=(token_id,)) for token_id, text in stream["tokens"]]
    return tokens, stream["tools"]
