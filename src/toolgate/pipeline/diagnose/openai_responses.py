"""OpenAI's Responses as Chat Completions say the same: requests, answers, and streams of them.

For judging, not for sending: what no rule looks at is left as it is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from json import dumps
from typing import Any, Final

from toolgate.pipeline.diagnose.json_values import (
    Object,
    as_number,
    as_object,
    as_objects,
    as_text,
)

_CALLS: Final = ("function_call", "custom_tool_call")
_RESULTS: Final = ("function_call_output", "custom_tool_call_output")
_KEPT: Final = ("previous_response_id", "conversation")
"""With one of these, the server has the conversation's beginning."""
_CUT: Final[Mapping[str, str]] = {"max_output_tokens": "length"}


def is_event(value: Object) -> bool:
    """Whether it is one of a stream's."""
    return as_text(value.get("type")).startswith("response.")


def is_answer(value: Object) -> bool:
    """Whether it is a whole one."""
    return value.get("object") == "response" and isinstance(value.get("output"), list)


def is_request(value: Object) -> bool:
    """Whether it is one; a chain of somebody's program may have an `input`, but names no model."""
    is_named = "messages" not in value and bool(value.get("model"))
    return is_named and isinstance(value.get("input"), str | list)


def to_chat_request(request: Object) -> Object:
    """The same request. Results of calls that only the server knows are left out."""
    own = request.get("input")
    items = [{"role": "user", "content": own}] if isinstance(own, str) else as_objects(own)
    if any(request.get(name) for name in _KEPT):
        called = [one.get("call_id") for one in items if one.get("type") in _CALLS]
        items = [
            one for one in items if one.get("type") not in _RESULTS or one.get("call_id") in called
        ]
    if instructions := request.get("instructions"):
        items = [{"role": "system", "content": instructions}, *items]
    return {**request, "messages": list(_messages(items))}


def to_chat_response(answer: Object) -> Object:
    """The same answer. The protocol has no finish reason: it follows from how the answer ended."""
    output = as_objects(answer.get("output"))
    message = _assistant(output)
    tokens = as_number(as_object(answer.get("usage")).get("output_tokens"))
    return {
        "model": answer.get("model"),
        "choices": [{"message": message, "finish_reason": _reason(answer, message)}],
        "usage": {"completion_tokens": tokens},
        "error": answer.get("error"),
    }


def join(events: Iterable[Object]) -> Object:
    """The whole answer of a stream's events; of one that broke off, the items that were done."""
    answer: Object = {}
    items: list[Object] = []
    error: object = None
    for event in events:
        answer = as_object(event.get("response")) or answer
        match event.get("type"):
            case "response.output_item.done":
                items.append(as_object(event.get("item")))
            case "error":
                error = event.get("message") or event.get("error") or "an error without words"
    told = {**answer, "object": "response", "output": answer.get("output") or items}
    return told | ({"error": error} if error else {})


def _reason(answer: Object, message: Object) -> str | None:
    match answer.get("status"):
        case "completed":
            return "tool_calls" if message["tool_calls"] else "stop"
        case "incomplete":
            why = as_text(as_object(answer.get("incomplete_details")).get("reason"))
            return _CUT.get(why, why or "incomplete")
        case _:
            return None


def _messages(items: Sequence[Object]) -> Iterator[Object]:
    """What stands between a user's words, or results, is one message of the assistant's."""
    own: list[Object] = []
    for item in items:
        if item.get("role") == "assistant" or item.get("type") in ("reasoning", *_CALLS):
            own.append(item)
            continue
        if own:
            yield _assistant(own)
            own = []
        if item.get("type") in _RESULTS:
            called = item.get("call_id")
            yield {"role": "tool", "tool_call_id": called, "content": item.get("output")}
        else:
            yield item
    if own:
        yield _assistant(own)


def _assistant(items: Sequence[Object]) -> dict[str, Any]:
    said = [one for one in items if one.get("type") not in ("reasoning", *_CALLS)]
    is_text = all(one.get("type", "message") == "message" for one in said)  # else a server's tools
    thoughts = [one for one in items if one.get("type") == "reasoning"]
    calls = [_to_chat_call(one) for one in items if one.get("type") in _CALLS]
    return {
        "role": "assistant",
        "content": "".join(_texts(said)) if is_text else said,
        "reasoning_content": "".join(_texts(thoughts)),
        "tool_calls": calls or None,
    }


def _texts(items: Sequence[Object]) -> Iterator[str]:
    """Of messages and of reasoning, which tells itself whole, or in a summary, or not at all."""
    for item in items:
        content = item.get("content") or item.get("summary")
        if isinstance(content, str):
            yield content
        for part in as_objects(content):
            yield as_text(part.get("text")) or as_text(part.get("refusal"))


def _to_chat_call(item: Object) -> Object:
    """A custom tool takes words and no JSON: they are one member, which any schema takes."""
    is_custom = item.get("type") == "custom_tool_call"
    arguments = dumps({"input": item.get("input")}) if is_custom else item.get("arguments")
    function = {"name": item.get("name"), "arguments": arguments}
    return {"id": item.get("call_id"), "type": "function", "function": function}
