"""What is asked: requests, and of toolgate's own set also what a right answer calls.

Files are those of K2-Vendor-Verifier: one Chat Completions request a line. What our set knows
beyond that stands in a field that endpoints are not sent.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from hashlib import md5
from json import dumps, loads
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from toolgate.errors import ConfigError

KNOWN: Final = "toolgate_expects"


class Kind(StrEnum):
    """What a request of our own set tries."""

    MUST_CALL = "must_call"
    MUST_NOT_CALL = "must_not_call"
    PARALLEL = "parallel"
    MULTI_TURN = "multi_turn"
    FOREIGN_IDS = "foreign_ids"
    UNDECLARED = "undeclared"
    LONG_ARGUMENTS = "long_arguments"
    NESTED = "nested"


class Expected(Struct, frozen=True):
    """A call that a right answer makes."""

    name: str
    arguments: Mapping[str, Any]


class Sample(Struct, frozen=True):
    """One request."""

    data_index: int
    """Its line in the file, from 1."""
    request: Mapping[str, Any]
    kind: str = ""
    """"" where the file does not say."""
    expected: Sequence[Expected] | None = None
    """None where nobody knows; empty where words are the right answer."""


def fingerprint(request: Mapping[str, Any]) -> str:
    """The official script's `hash`: by it a restart knows what is done."""
    text = dumps(request, sort_keys=True, ensure_ascii=False)
    return md5(text.encode(errors="replace"), usedforsecurity=False).hexdigest()


def read_samples(path: Path) -> list[Sample]:
    """Raises: ConfigError with the line that is no request."""
    try:
        # not splitlines: JSON may hold other characters that end lines
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as samples: {error}") from error
    return [_read(line, number, path) for number, line in enumerate(lines, 1) if line.strip()]


def write_samples(samples: Sequence[Sample], path: Path) -> None:
    """One request a line, as the official tool reads them; with what is known beside it."""
    path.write_text("".join(map(_line, samples)), "utf-8")


def prepare(
    sample: Sample, *, model: str, stream: bool, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """The request as it is sent: for this model, with `_input` turns as the system's."""
    messages = [_system_for_input(message) for message in sample.request.get("messages", ())]
    return {**sample.request, "messages": messages, "model": model, "stream": stream, **changes}


def _system_for_input(message: Mapping[str, Any]) -> dict[str, Any]:
    return {**message, "role": "system"} if message.get("role") == "_input" else {**message}


def _read(line: str, number: int, path: Path) -> Sample:
    try:
        request = loads(line)
    except ValueError as error:
        raise ConfigError(f"{path}, line {number}, is no JSON: {error}") from error
    if not isinstance(request, dict) or not isinstance(request.get("messages"), list):
        raise ConfigError(
            f"{path}, line {number}, is no Chat Completions request: it has no list of `messages`."
        )
    known = request.pop(KNOWN, None)
    if known is None:
        return Sample(number, request)
    calls = [Expected(call["name"], call["arguments"]) for call in known["calls"]]
    return Sample(number, request, known["kind"], calls)


def _line(sample: Sample) -> str:
    known: dict[str, Any] = {}
    if sample.expected is not None:
        calls = [{"name": one.name, "arguments": one.arguments} for one in sample.expected]
        known = {KNOWN: {"kind": sample.kind, "calls": calls}}
    return dumps({**sample.request, **known}, ensure_ascii=False) + "\n"
