"""Recordings to store: small ones of a real turn."""

from typing import Any

from toolgate.core.chunk import Chunk, Usage
from toolgate.core.conversation import Conversation, Message, ToolSpec
from toolgate.dialects import get_dialect
from toolgate.pipeline.finding import Finding, FindingKind
from toolgate.pipeline.packed import Packed, pack
from toolgate.pipeline.tier import Tier
from toolgate.pipeline.trace import Heard, Recording, Sent, Trace
from toolgate.pipeline.turn import Turn

CALL = (
    "Let me look.<|tool_calls_section_begin|><|tool_call_begin|>functions.look:0"
    '<|tool_call_argument_begin|>{"at": "Secret 42"}<|tool_call_end|><|tool_calls_section_end|>'
)
TOOLS = (ToolSpec("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}}),)
ASKED = Conversation(messages=(Message(role="user", content="Where is  Ann?"),), tools=TOOLS)


def make_trace(raw: str = CALL) -> Trace:
    """A turn that said this, in two chunks."""
    turn = Turn(ASKED, get_dialect("kimi_k2"), turn_id="t")
    turn.tier = Tier.GRAMMAR
    heard = []
    for at, text in enumerate((raw[:5], raw[5:])):
        chunk = Chunk(text=text, finish_reason="stop" if at else None)
        events = tuple(turn.receive(chunk))
        heard.append(
            Heard(
                1.0 + at,
                text=text,
                finish_reason=chunk.finish_reason,
                state=turn.state.value,
                events=events,
            )
        )
    heard.append(Heard(2.5, events=tuple(turn.finish())))
    sent = [Sent(0.5, "/completion", {"temperature": 1.0, "grammar": "root ::= x"}, (1, 2, 3))]
    return turn.trace(sent=sent, heard=heard, grammar="gbnf")


def make_recording(recording_id: str = "req_1", **fields: Any) -> Recording:
    """A request that led to a call."""
    finding = Finding(FindingKind.CALL_LOOP, "It calls and calls.")
    given: dict[str, Any] = {
        "id": recording_id,
        "started": 1_000_000.0,
        "seconds": 3.0,
        "conversation": "c1",
        "path": "/v1/chat/completions",
        "client": "Roo",
        "model": "kimi",
        "engine": "llama.cpp",
        "status": 200,
        "request": '{"messages": []}',
        "repairs": ("null_content", "null_content"),
        "findings": (finding,),
        "anomalies": ("cut_call",),
        "usage": Usage(prompt_tokens=9, completion_tokens=7),
        "traces": (make_trace(),),
        "answer": "data: x\n\n",
    }
    return Recording(**given | fields)


def make_packed(recording_id: str = "req_1", **fields: Any) -> Packed:
    """The same as the writer takes it."""
    return pack(make_recording(recording_id, **fields))
