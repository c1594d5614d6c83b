"""A request as OpenTelemetry's conventions for generative AI name its parts.

The names are those of opentelemetry-semantic-conventions 0.66b2; what the conventions have no name
for begins with `toolgate.`. Knows neither the SDK nor who exports.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from toolgate.apps.serving.recorder import Take
from toolgate.core.assemble import AssembledMessage
from toolgate.core.chunk import Usage
from toolgate.core.conversation import Message, Options, TextPart, ToolCall, ToolSpec
from toolgate.pipeline.turn import Turn

OPERATION: Final = "chat"
DISCONNECTED: Final = "ClientDisconnect"
_OPTIONS: Final[Mapping[str, str]] = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""Our name → the conventions', below `gen_ai.request`."""


def identify(take: Take) -> dict[str, Any]:
    """What a metric may tell a request apart by: there are not endlessly many of these."""
    model = take.record.model
    told = {
        "gen_ai.operation.name": OPERATION,
        "gen_ai.provider.name": take.engine or "toolgate",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model if take.engine else "",
        "error.type": error_of(take),
    }
    return {name: value for name, value in told.items() if value}


def describe(take: Take) -> dict[str, Any]:
    """A span's attributes, none of them anything that was said."""
    record, turns = take.record, _last_turns(take)
    options = turns[0].conversation.options if turns else Options()
    told = {
        **{f"gen_ai.request.{name}": getattr(options, ours) for ours, name in _OPTIONS.items()},
        "gen_ai.request.stream": take.stream or None,
        "gen_ai.request.choice.count": len(take.choices) if len(take.choices) > 1 else None,
        "gen_ai.conversation.id": take.conversation or None,
        "gen_ai.response.finish_reasons": [turn.message.finish_reason or "error" for turn in turns],
        "gen_ai.response.time_to_first_chunk": first_seconds(take) if take.stream else None,
        **_usage(take.usage),
        "toolgate.request.id": record.id,
        "toolgate.asked_model": take.asked_model,
        "toolgate.path": record.path,
        "toolgate.resend": record.resend,
        "toolgate.tier": turns[0].tier.value if turns and turns[0].tier else None,
        "toolgate.repairs": sorted(set(record.repairs)),
        "toolgate.anomalies": sorted(set(record.anomalies)),
        "toolgate.findings": sorted({finding.kind.value for finding in record.findings}),
        "toolgate.calls": [call.verdict.value for turn in turns for call in turn.report_calls()],
        "toolgate.attempts": sum(len(choice.turns) for choice in take.choices),
    }
    kept = {name: value for name, value in told.items() if value not in (None, "", [])}
    return identify(take) | kept


def contents_of(take: Take) -> dict[str, str]:
    """What was said, as JSON: the tools, what the model was told, and what it answered."""
    turns = _last_turns(take)
    if not turns:
        return {}
    asked = turns[0].conversation
    told = {
        "gen_ai.tool.definitions": [_definition(tool) for tool in asked.callable_tools],
        "gen_ai.input.messages": [_input(message) for message in asked.messages],
        "gen_ai.output.messages": [_output(turn.message) for turn in turns],
    }
    return {name: msgspec.json.encode(value).decode() for name, value in told.items()}


def error_of(take: Take) -> str:
    """The class of what went wrong, by toolgate's own names; empty where all is well."""
    if take.record.error is not None:
        return type(take.record.error).__name__
    return DISCONNECTED if take.left else ""


def first_seconds(take: Take) -> float | None:
    """From the request to the engine's first word."""
    tapes = [tape for choice in take.choices for tape in choice.tapes]
    found = [tape.first_seconds for tape in tapes if tape.first_seconds is not None]
    return min(found, default=None)


def _last_turns(take: Take) -> list[Turn]:
    """Of each choice the turn whose answer counted."""
    return [choice.turns[-1] for choice in take.choices if choice.turns]


def _usage(usage: Usage | None) -> dict[str, int | None]:
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens or None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens or None,
    }


def _definition(tool: ToolSpec) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }


def _input(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        said = "".join(_texts(message))
        part = {"type": "tool_call_response", "id": message.tool_call_id, "response": said}
        return {"role": message.role, "parts": [part]}
    texts = [{"type": "text", "content": text} for text in _texts(message) if text]
    reasoning = message.reasoning_content or ""
    return {"role": message.role, "parts": [*_reasoning(reasoning), *texts, *_calls(message)]}


def _output(message: AssembledMessage) -> dict[str, Any]:
    texts = [{"type": "text", "content": message.content}] if message.content else []
    return {
        "role": "assistant",
        "parts": [*_reasoning(message.reasoning), *texts, *_calls(message)],
        "finish_reason": message.finish_reason or "error",
    }


def _texts(message: Message) -> Iterable[str]:
    content = message.content
    if content is None or isinstance(content, str):
        return [content or ""]
    return [part.text if isinstance(part, TextPart) else "[media]" for part in content]


def _reasoning(text: str) -> list[dict[str, str]]:
    return [{"type": "reasoning", "content": text}] if text else []


def _calls(message: Message | AssembledMessage) -> list[dict[str, Any]]:
    return [_call(call) for call in message.tool_calls]


def _call(call: ToolCall) -> dict[str, Any]:
    """Arguments as the model wrote them: nobody may take a cut call for a whole one."""
    return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}
