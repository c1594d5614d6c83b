"""Requests and answers as the tests of this room need them."""

from typing import Any

from toolgate.pipeline.diagnose.exchange import Exchange

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
ASKED = {"role": "user", "content": "Is it warm?"}
SECTION = "<|tool_calls_section_begin|>"


def call(arguments: Any = '{"city": "Rome"}', name: str = "get_weather", id: Any = "call_1") -> Any:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(*calls: Any, content: Any = "") -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(calls) or None}


def result(id: str | None, content: str = "21 °C") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": content}


def answered(*calls: Any, text: Any = "", finish: Any = "", **more: Any) -> Exchange:
    """An answer with these calls; the finish reason is the right one if none is given."""
    given: dict[str, Any] = {
        "messages": [ASKED],
        "tools": TOOLS,
        "answer": calling(*calls, content=text),
        "finish_reason": ("tool_calls" if calls else "stop") if finish == "" else finish,
    }
    return Exchange(**given | more)


class Piece(str):
    """A piece of a stream. Added to what came before it, it would copy all of that: each, so that
    a stream would take the square of its length."""

    def __radd__(self, before: str) -> str:
        raise AssertionError(f"{len(before)} characters are copied for one piece")
