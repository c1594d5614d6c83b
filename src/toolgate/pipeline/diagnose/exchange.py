"""One request and its answer, out of a log of any deployment, as Chat Completions write them.

Logs come in many shapes, and a field may hold anything: what is not as it should be is passed over
here, and judged elsewhere by what is missing. Knows no files.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from json import dumps
from typing import Final, NamedTuple

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from toolgate.pipeline.diagnose.anthropic_messages import is_answer as is_message
from toolgate.pipeline.diagnose.anthropic_messages import to_chat_request as read_messages_request
from toolgate.pipeline.diagnose.anthropic_messages import to_chat_response as read_message
from toolgate.pipeline.diagnose.json_values import (
    Object,
    as_number,
    as_object,
    as_objects,
    as_text,
    decode,
    is_object,
)
from toolgate.pipeline.diagnose.openai_responses import is_answer as is_response
from toolgate.pipeline.diagnose.openai_responses import is_request as is_responses_request
from toolgate.pipeline.diagnose.openai_responses import to_chat_request as read_responses_request
from toolgate.pipeline.diagnose.openai_responses import to_chat_response as read_response
from toolgate.pipeline.diagnose.streams import is_chunk, is_event, join_stream


class Exchange(Struct, frozen=True, kw_only=True):
    """What was asked, as far as the log has it, and what came back."""

    model: str = ""
    messages: Sequence[Object] = ()
    """The conversation before the answer, in OpenAI's shape."""
    tools: Sequence[Object] | None = None
    """As the request declares them; None where the log does not tell."""
    answer: Object = {}
    """The assistant's message."""
    finish_reason: str | UnsetType | None = UNSET
    """None where the answer told none, UNSET where the log does not tell."""
    tokens: int | None = None
    """How many the model wrote."""
    error: str = ""
    """What came instead of an answer."""
    output: str | None = None
    """The model's raw output, markers and all, where that is what the log holds."""


class Call(NamedTuple):
    """A call as a client reads it."""

    id: object
    name: str
    arguments: str
    """JSON text; an object is written as one."""


def read_calls(message: Object) -> list[Call]:
    """Those of an assistant's message, and of the one form that was before 2024."""
    calls = as_objects(message.get("tool_calls"))
    old = message.get("function_call")
    return [_read_call(one) for one in [*calls, *([{"function": old}] if is_object(old) else [])]]


def read_exchanges(record: object) -> list[Exchange]:
    """All of a record, one for each choice; empty where it is of no shape that is known here."""
    if isinstance(record, str | list):
        told = join_stream(record)
        if told is record:
            return [Exchange(output=record)] if isinstance(record, str) else []
        record = {"response": told}
    if not isinstance(record, Mapping):
        return []
    return next(filter(None, (list(read(record)) for read in _SHAPES)), [])


def _read_call(call: Object) -> Call:
    function = as_object(call.get("function"))
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else dumps(arguments or {}, ensure_ascii=False)
    return Call(call.get("id"), as_text(function.get("name")), text)


# Shapes


_PAIRS: Final = (
    ("request", "response"),
    ("request", "chunks"),
    ("request", "events"),
    ("kwargs", "response"),
    ("input", "output"),
)
"""Most proxies and results.jsonl of K2-Vendor-Verifier; streams; LiteLLM's callbacks; Langfuse."""
_TELLING: Final = frozenset({"messages", "choices", "role", "content", "tool_calls", "body"})
"""One of these has whatever is a request, an answer, or a message."""
_RAW: Final = ("output", "raw_output", "raw", "completion", "generated_text", "text")


def _pairs(record: Object) -> Iterator[Exchange]:
    for asked, answered in _PAIRS:
        if answered in record and _is_request(request := _request(record.get(asked))):
            response = _response(record[answered])
            yield from _answers(record, request, response, is_whole=is_object(request))
            return


def _flat(record: Object) -> Iterator[Exchange]:
    """A request's own fields, and the answer beside them (LiteLLM's standard log)."""
    response = _response(record.get("response"))
    if isinstance(record.get("messages"), list) and (is_object(response) or "error_str" in record):
        told = (as_object(record.get(name)) for name in ("model_parameters", "optional_params"))
        settings = next(filter(None, told), {})
        request = _request({**settings, **record})
        yield from _answers(record, request, response, is_whole=bool(settings))


def _chat(record: Object) -> Iterator[Exchange]:
    """A conversation that ends in the answer, as data for training has it."""
    asked = as_object(_request(record))
    messages = as_objects(asked.get("messages"))
    if messages and messages[-1].get("role") == "assistant":
        yield Exchange(
            model=as_text(record.get("model")),
            messages=messages[:-1],
            tools=_tools(asked),
            answer=messages[-1],
        )


def _lone_response(record: Object) -> Iterator[Exchange]:
    """An answer alone, or in the line of a batch's output. One chunk of many is none."""
    response = _response(record.get("response", record))
    is_told = "choices" in as_object(response) and not is_chunk(as_object(response))
    if is_told or ("custom_id" in record and "response" in record):
        yield from _answers(record, {}, response, is_whole=False)


def _raw(record: Object) -> Iterator[Exchange]:
    for name in _RAW:
        if isinstance(text := record.get(name), str):
            yield Exchange(
                model=as_text(record.get("model")),
                messages=as_objects(record.get("messages")),
                tools=_tools(record),
                output=text,
                finish_reason=_reason(record.get("finish_reason", "stop")),
            )
            return


_SHAPES: Final[Sequence[Callable[[Object], Iterator[Exchange]]]] = (
    _pairs,
    _flat,
    _chat,
    _lone_response,
    _raw,
)


def _answers(
    record: Object, request: object, response: object, *, is_whole: bool
) -> Iterator[Exchange]:
    asked = {"messages": request} if isinstance(request, list) else as_object(request)
    told = as_object(response)
    asking = Exchange(
        model=next(filter(None, (as_text(one.get("model")) for one in (told, asked, record))), ""),
        messages=as_objects(asked.get("messages")),
        tools=_tools(asked, is_whole=is_whole),
        finish_reason=_known_reason(record),
        tokens=as_number(as_object(told.get("usage")).get("completion_tokens")),
    )
    if error := _error(record, told, response):
        yield replace(asking, error=error)
    elif choices := as_objects(told.get("choices")):
        for choice in choices:
            yield _answered(asking, choice)
    elif answer := _message(response):
        yield replace(asking, answer=answer)


def _answered(asking: Exchange, choice: Object) -> Exchange:
    answer, reason = as_object(choice.get("message")), _reason(choice.get("finish_reason"))
    if not answer and isinstance(text := choice.get("text"), str):
        return replace(asking, output=text, finish_reason=reason)
    return replace(asking, answer=answer, finish_reason=reason)


def _message(response: object) -> Object:
    """An answer that is told without its choices: a message, the last of several, or its text."""
    if isinstance(response, str):
        return {"role": "assistant", "content": response}
    if isinstance(response, list):
        return next((one for one in reversed(as_objects(response)) if "role" in one), {})
    found = as_object(response)
    return found if "content" in found or "tool_calls" in found else {}


def _error(record: Object, told: Object, response: object) -> str:
    """`{}` and null are no errors: loggers write them beside every answer."""
    for error in (told.get("error"), record.get("error"), record.get("error_str")):
        if error:
            return as_text(as_object(error).get("message")) or str(error)
    if response is None or record.get("status") in ("failed", "failure", "error"):
        return "no answer"
    return "" if told or isinstance(response, str | list) else "an answer that is none"


def _request(value: object) -> object:
    """As Chat Completions write it, whoever's it is."""
    opened = _opened(value)
    asked = {"messages": opened} if isinstance(opened, list) else as_object(opened)
    if is_responses_request(asked):
        return read_responses_request(asked)
    if not _is_request(asked):
        return opened
    told = read_messages_request(asked)
    return told["messages"] if isinstance(opened, list) else told


def _response(value: object) -> object:
    """Whole, and as Chat Completions write it, whoever's it is."""
    told = join_stream(_opened(value))
    answer = as_object(told)
    if is_message(answer):
        return read_message(answer)
    if is_response(answer):
        return read_response(answer)
    return told


def _opened(value: object) -> object:
    """Out of a string of JSON, and out of its envelope (`{"status_code": 200, "body": …}`)."""
    found = _loaded(value) if isinstance(value, str) else value
    body = as_object(found).get("body")
    return (_loaded(body) if isinstance(body, str) else body) if body else found


def _loaded(text: str) -> object:
    """The text itself where it is no JSON, or some JSON that an answer consists of."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    value = decode(text)
    first = as_object(value[0] if isinstance(value, list) and value else value)
    return value if _TELLING.intersection(first) or _is_foreign(first) else text


def _is_foreign(value: Object) -> bool:
    """Whether it is of another protocol than Chat Completions, or of a stream."""
    is_whole = is_response(value) or is_responses_request(value)
    return is_whole or is_event(value)


def _is_request(value: object) -> bool:
    messages = value if isinstance(value, list) else as_object(value).get("messages")
    return isinstance(messages, list) and all(is_object(one) for one in messages)


def _tools(asked: Object, *, is_whole: bool = False) -> Sequence[Object] | None:
    """Those of a whole request that has none are none; of a part of one, nobody knows."""
    if "tools" not in asked and "functions" not in asked:
        return () if is_whole else None
    old = [{"type": "function", "function": one} for one in as_objects(asked.get("functions"))]
    return [*as_objects(asked.get("tools")), *old]


def _reason(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _known_reason(record: Object) -> str | UnsetType:
    reason = record.get("finish_reason")
    return reason if isinstance(reason, str) else UNSET
