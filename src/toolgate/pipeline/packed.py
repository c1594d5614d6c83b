"""A recording as it is kept and masked: the chunks of its turns in columns (`columns`).

The same as a `Recording`, in less room and made in less time; `unpack` gives the open shape.
"""

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from toolgate.pipeline.columns import Columns, columns_to_heard, heard_to_columns
from toolgate.pipeline.trace import Recording, Trace


class PackedTrace(Struct, frozen=True):
    """One turn."""

    trace: Trace
    """Its `heard` is empty."""
    heard: Columns = Columns()


class Packed(Struct, frozen=True):
    """One request."""

    recording: Recording
    """Its `traces` are empty, `request` and `answer` None."""
    traces: tuple[PackedTrace, ...] = ()
    request: bytes | None = None
    answer: bytes | None = None
    """Bytes: there may be much of them, and in JSON each quotation mark would be looked at."""


def pack_trace(trace: Trace) -> PackedTrace:
    """Of a trace that is open."""
    return PackedTrace(replace(trace, heard=()), heard_to_columns(trace.heard, trace.output))


def unpack_trace(packed: PackedTrace) -> Trace:
    """Open."""
    heard = columns_to_heard(packed.heard, packed.trace.output)
    return replace(packed.trace, heard=tuple(heard))


def pack(recording: Recording) -> Packed:
    """Of a recording that is open."""
    request, answer = recording.request, recording.answer
    return Packed(
        replace(recording, traces=(), request=None, answer=None),
        tuple(map(pack_trace, recording.traces)),
        request=None if request is None else request.encode(),
        answer=None if answer is None else answer.encode(),
    )


def unpack(packed: Packed) -> Recording:
    """Open."""
    request, answer = packed.request, packed.answer
    return replace(
        packed.recording,
        traces=tuple(map(unpack_trace, packed.traces)),
        request=None if request is None else request.decode(errors="replace"),
        answer=None if answer is None else answer.decode(errors="replace"),
    )


def encode_packed(packed: Packed) -> bytes:
    """JSON of all but the request's and the answer's bytes."""
    return msgspec.json.encode((packed.recording, packed.traces))


def decode_packed(text: bytes, *, request: bytes | None, answer: bytes | None) -> Packed:
    """What `encode_packed` wrote, and what it left out.

    Raises: msgspec.MsgspecError when it is something else.
    """
    parts = msgspec.json.decode(text, type=tuple[Recording, tuple[PackedTrace, ...]])
    return Packed(*parts, request=request, answer=answer)
