"""A recorded stream as the whole answer that it was.

It may be recorded as the events' own text, as a list of its lines, or as a list of what they hold;
whose stream it is, its events tell.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from toolgate.pipeline.diagnose.anthropic_messages import is_event as is_messages_event
from toolgate.pipeline.diagnose.anthropic_messages import join as join_message
from toolgate.pipeline.diagnose.chat_stream import ChatStream
from toolgate.pipeline.diagnose.json_values import Object, as_object, as_objects, decode, is_object
from toolgate.pipeline.diagnose.openai_responses import is_event as is_responses_event
from toolgate.pipeline.diagnose.openai_responses import join as join_response

_FIELD: Final = re.compile(r"\s*(?:data|event|id|retry)?:")
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
"""JSON may hold other characters that end lines for Python."""


def is_chunk(value: Object) -> bool:
    """Whether it is one of a streamed Chat Completion's."""
    return str(value.get("object")).endswith("chunk") or any(
        "delta" in choice for choice in as_objects(value.get("choices"))
    )


def is_event(value: Object) -> bool:
    """Whether it is one of any stream's that is known here."""
    return any(is_one(value) for is_one, _ in _PROTOCOLS)


def join_stream(value: object) -> object:
    """The whole answer, in the shape of its own protocol; what is no stream comes out as it was."""
    events = list(_events(value))
    known = (join for is_one, join in _PROTOCOLS if any(map(is_one, events)))
    join = next(known, None)
    return value if join is None else join(events)


def _events(value: object) -> Iterator[Object]:
    if isinstance(value, str):
        if _FIELD.match(value):
            yield from _lines(_LINE_END.split(value))
    elif isinstance(value, list):
        for one in value:
            if isinstance(one, str):
                yield from _lines(_LINE_END.split(one))
            elif is_object(one):
                yield _bare(one)


def _lines(lines: Iterable[str]) -> Iterator[Object]:
    """Of each line its data: no API breaks its JSON. Half a line at the end is none."""
    for line in lines:
        if is_object(event := decode(line.strip().removeprefix("data:"))):
            yield as_object(event)


def _bare(event: Object) -> Object:
    """Out of its envelope: `{"event": "message_start", "data": …}`."""
    data = event.get("data")
    held = decode(data) if isinstance(data, str) else data
    return as_object(held) or event


def _join_chunks(events: Sequence[Object]) -> Object:
    stream = ChatStream()
    for event in events:
        stream.take(event)
    return stream.finish()


_PROTOCOLS: Final[Sequence[tuple[Callable[[Object], bool], Callable[[Sequence[Any]], Object]]]] = (
    (is_chunk, _join_chunks),
    (is_messages_event, join_message),
    (is_responses_event, join_response),
)
