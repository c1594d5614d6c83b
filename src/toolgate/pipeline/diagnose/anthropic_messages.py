"""Anthropic's Messages as Chat Completions say the same: requests, answers, and streams of them.

For judging, not for sending: what no rule looks at is left as it is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field

from toolgate.pipeline.diagnose.json_values import (
    Object,
    as_number,
    as_object,
    as_objects,
    as_text,
)

_REASONS: Final[Mapping[str, str]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
"""Others, as `refusal`, are told as they are."""
_DELTAS: Final[Mapping[str, str]] = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}
"""What a delta adds to its block, which holds it by the same name."""
_THOUGHT: Final = ("thinking", "redacted_thinking")


def is_event(value: Object) -> bool:
    """Whether it is one of a stream's."""
    kind = as_text(value.get("type"))
    return kind.startswith(("message_", "content_block_"))


def is_answer(value: Object) -> bool:
    """Whether it is a whole one."""
    return value.get("type") == "message" and isinstance(value.get("content"), list)


def to_chat_request(request: Object) -> Object:
    """The same request; one of Chat Completions comes out as it went in."""
    tools, messages = as_objects(request.get("tools")), as_objects(request.get("messages"))
    if system := request.get("system"):
        messages = [{"role": "system", "content": system}, *messages]
    told = [one for message in messages for one in _to_chat(message)]
    changed: dict[str, Any] = {"messages": told}
    if any("input_schema" in tool for tool in tools):
        changed["tools"] = [_to_chat_tool(tool) for tool in tools]
    return {**request, **changed}


def to_chat_response(answer: Object) -> Object:
    """The same answer."""
    message, reason = _assistant(as_objects(answer.get("content"))), answer.get("stop_reason")
    choice = {"message": message, "finish_reason": _REASONS.get(as_text(reason), reason)}
    tokens = as_number(as_object(answer.get("usage")).get("output_tokens"))
    return {
        "model": answer.get("model"),
        "choices": [choice],
        "usage": {"completion_tokens": tokens},
        "error": answer.get("error"),
    }


def join(events: Iterable[Object]) -> Object:
    """The whole answer of a stream's events; its stop reason is None where the stream broke off."""
    answer: dict[str, Any] = {"type": "message", "stop_reason": None}
    blocks: dict[int | None, _Block] = {}
    for event in events:
        match event.get("type"):
            case "message_start":
                answer |= as_object(event.get("message"))
            case "content_block_start":
                blocks[as_number(event.get("index"))] = _Block(
                    as_object(event.get("content_block"))
                )
            case "content_block_delta":
                block = blocks.setdefault(as_number(event.get("index")), _Block())
                block.take(as_object(event.get("delta")))
            case "message_delta":
                answer |= as_object(event.get("delta"))
                answer["usage"] = event.get("usage") or answer.get("usage")
            case "error":
                answer["error"] = event.get("error") or "an error without words"
    return {**answer, "content": [block.whole() for block in blocks.values()]}


class _Block(Struct):
    """One block so far: thousands of pieces, which one text that grows would copy each time."""

    begun: Object = {}
    pieces: dict[str, list[str]] = field(default_factory=dict)

    def take(self, delta: Object) -> None:
        if name := _DELTAS.get(as_text(delta.get("type"))):
            began = as_text(self.begun.get(name))
            self.pieces.setdefault(name, [began]).append(as_text(delta.get(name)))

    def whole(self) -> Object:
        return {**self.begun, **{name: "".join(told) for name, told in self.pieces.items()}}


def _to_chat(message: Object) -> Iterator[Object]:
    """Results stand before what else a user's message says, as Chat Completions want them."""
    blocks = as_objects(message.get("content"))
    kinds = {as_text(one.get("type")) for one in blocks}
    if message.get("role") == "assistant" and kinds & {"tool_use", *_THOUGHT}:
        yield _assistant(blocks)
    elif "tool_result" in kinds:
        results = [one for one in blocks if one.get("type") == "tool_result"]
        for one in results:
            called = one.get("tool_use_id")
            yield {"role": "tool", "tool_call_id": called, "content": one.get("content")}
        if rest := [one for one in blocks if one not in results]:
            yield {"role": message.get("role"), "content": rest}
    else:
        yield message


def _assistant(blocks: Sequence[Object]) -> Object:
    thoughts = [as_text(one.get("thinking")) for one in blocks if one.get("type") in _THOUGHT]
    calls = [_to_chat_call(one) for one in blocks if one.get("type") == "tool_use"]
    said = [one for one in blocks if one.get("type") not in ("tool_use", *_THOUGHT)]
    is_text = all(one.get("type") == "text" for one in said)  # else a server's own tools, images
    return {
        "role": "assistant",
        "content": "".join(as_text(one.get("text")) for one in said) if is_text else said,
        "reasoning_content": "".join(thoughts),
        "tool_calls": calls or None,
    }


def _to_chat_call(block: Object) -> Object:
    """Streamed arguments are text, and stay as it came."""
    arguments = block.get("partial_json") or block.get("input")
    function = {"name": block.get("name"), "arguments": arguments}
    return {"id": block.get("id"), "type": "function", "function": function}


def _to_chat_tool(tool: Object) -> Object:
    function = {"name": tool.get("name"), "parameters": tool.get("input_schema")}
    return {"type": "function", "function": function}
