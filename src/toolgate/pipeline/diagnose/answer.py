"""What is wrong with one answer, as its client got it.

The same rules for logs of anybody's deployment and for the answers that `verify` gets.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from json import dumps
from typing import Any, Final

import msgspec
from msgspec import UNSET

from toolgate.core.conversation import ToolSpec
from toolgate.core.schema import find_violation
from toolgate.pipeline.diagnose.exchange import Call, Exchange, read_calls
from toolgate.pipeline.diagnose.failure import Failure, FailureKind
from toolgate.pipeline.diagnose.json_values import Object
from toolgate.pipeline.diagnose.leaked_markers import find_call_marker, find_marker

QUOTED: Final = 200
"""Characters of a text that are shown."""
_ACCEPTED: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What Anthropic's clients take (cline#8942); some of OpenAI's cut at 40 (Roo-Code#10649)."""
_CALLED: Final = ("tool_calls", "function_call")
_TEXTS: Final = ("content", "reasoning_content", "reasoning")


def judge_answer(exchange: Exchange) -> list[Failure]:
    """All that is wrong with the answer; what the log does not tell is not judged."""
    if exchange.error:
        return [Failure(FailureKind.FAILED, exchange.error[:QUOTED])]
    calls = read_calls(exchange.answer)
    return [failure for rule in _RULES for failure in rule(exchange, calls)]


def judge_calls(exchange: Exchange, calls: Iterable[Call]) -> Iterator[Failure]:
    """Calls that nobody can run. Those of a cut answer nobody may run: they count as cut."""
    if exchange.finish_reason == "length":
        return
    declared = _declared(exchange)
    for _, name, arguments in calls:
        spec = None if declared is None else declared.get(name)
        if declared is not None and spec is None:
            detail = f"{name!r:.100} is none of {sorted(declared)}"
            yield Failure(FailureKind.UNDECLARED_TOOL, detail, name)
        elif violation := find_violation(spec or ToolSpec(name), arguments or "{}"):
            is_json = not violation.startswith("the arguments are not JSON")
            kind = FailureKind.SCHEMA_VIOLATION if is_json else FailureKind.ARGUMENTS_NOT_JSON
            yield Failure(kind, f"{name}: {violation} in {arguments:.{QUOTED}}", name)


def _declared(exchange: Exchange) -> dict[str, ToolSpec] | None:
    """By name; a tool without parameters, or with empty ones, takes any object."""
    if exchange.tools is None:
        return None
    added = [one.get("tools") for one in exchange.messages]
    lists = [exchange.tools, *(one for one in added if isinstance(one, list))]
    found = {}
    for tool in (tool for tools in lists for tool in tools if isinstance(tool, dict)):
        function = tool.get("function") or tool
        if isinstance(function, dict):
            name, parameters = str(function.get("name")), function.get("parameters")
            found[name] = ToolSpec(name, parameters=parameters or None)
    return found


def _lost_calls(exchange: Exchange) -> Failure | None:
    """A call that the model made stands in the text, and no client will run it."""
    for text in _texts(exchange.answer):
        if (found := find_call_marker(text)) and not _quotes(exchange, found):
            return Failure(FailureKind.LOST_CALL, _show(found, text))
        if (name := _bare_call(text)) and name in (_declared(exchange) or ()):
            return Failure(FailureKind.LOST_CALL, f"a call as text: {text:.{QUOTED}}", name)
    return None


def _bare_call(text: str) -> str | None:
    """The name in a text that is nothing but one call's JSON (Llama, Qwen without a parser)."""
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        return None
    try:
        value = msgspec.json.decode(stripped)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    name = value.get("name")
    is_call = isinstance(name, str) and bool(value.keys() & {"arguments", "parameters"})
    return name if is_call else None


def _leaks(exchange: Exchange, calls: Sequence[Call]) -> Iterator[Failure]:
    """Markers in text, reasoning, names or arguments, unless the request has them itself."""
    if not calls and exchange.finish_reason != "length" and (lost := _lost_calls(exchange)):
        yield lost
        return
    texts = list(_texts(exchange.answer))
    if exchange.finish_reason != "length":
        texts += [text for call in calls for text in call[1:]]
    for text in texts:
        if (found := find_marker(text)) and not _quotes(exchange, found):
            yield Failure(FailureKind.LEAKED_MARKER, _show(found, text))
            return


def _ids(exchange: Exchange, calls: Sequence[Call]) -> Iterator[Failure]:
    known = {call.id for message in exchange.messages for call in _known_calls(message)}
    for call in calls:
        if not call.id or not isinstance(call.id, str):
            yield Failure(FailureKind.BAD_ID, f"{call.id!r} is no id", call.name)
        elif call.id in known:
            yield Failure(FailureKind.BAD_ID, f"{call.id!r} is another call's already", call.name)
        elif not _ACCEPTED.fullmatch(call.id):
            yield Failure(FailureKind.ID_SHAPE, f"{call.id!r:.100}", call.name)
        known.add(call.id if isinstance(call.id, str) else None)


def _known_calls(message: Object) -> Iterator[Call]:
    return (call for call in read_calls(message) if isinstance(call.id, str))


def _duplicates(_: Exchange, calls: Sequence[Call]) -> Iterator[Failure]:
    for (name, arguments), count in Counter(call[1:] for call in calls).items():
        if count > 1:
            detail = f"{count} times {name} with {arguments:.{QUOTED}}"
            yield Failure(FailureKind.DUPLICATE_CALL, detail, name)


def _reasons(exchange: Exchange, calls: Sequence[Call]) -> Iterator[Failure]:
    reason = exchange.finish_reason
    if reason == "length":
        yield Failure(FailureKind.TRUNCATED, f"after {exchange.tokens or '?'} tokens")
    elif reason is None:
        yield Failure(FailureKind.FINISH_REASON, "none was told")
    elif reason is not UNSET and bool(calls) != (reason in _CALLED):
        yield Failure(FailureKind.FINISH_REASON, f"{reason!r} with {len(calls)} calls")


def _emptiness(exchange: Exchange, calls: Sequence[Call]) -> Iterator[Failure]:
    content = exchange.answer.get("content")
    is_empty = not content or (isinstance(content, str) and not content.strip())
    if is_empty and not calls and exchange.finish_reason != "length":
        reason = exchange.finish_reason
        told = "" if reason is UNSET else f"finish reason {reason!r}, "
        yield Failure(FailureKind.EMPTY_TURN, f"{told}no words and no calls")


_RULES: Final[Sequence[Callable[[Exchange, Sequence[Call]], Iterator[Failure]]]] = (
    judge_calls,
    _reasons,
    _emptiness,
    _leaks,
    _ids,
    _duplicates,
)


def _texts(answer: Object) -> Iterator[str]:
    for name in _TEXTS:
        if isinstance(value := answer.get(name), str):
            yield value
        elif isinstance(value, list):
            parts = (one.get("text") for one in value if isinstance(one, Mapping))
            yield "".join(part for part in parts if isinstance(part, str))


def _quotes(exchange: Exchange, marker: str) -> bool:
    """Whether the request says it itself."""
    request: Any = [exchange.messages, exchange.tools]
    return marker in dumps(request, ensure_ascii=False)


def _show(found: str, text: str) -> str:
    start = max(0, text.find(found) - 40)
    return f"{found!r} in {text[start : start + QUOTED]!r}"
