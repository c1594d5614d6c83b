"""Exported recordings, read back: one JSON object a line."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from toolgate.errors import InvalidRequest
from toolgate.pipeline.trace import Recording, decode_recording


def read_recordings(text: str, source: "str | Path") -> Iterator[Recording]:
    """Each line's recording; `source` is what a mistake is told to be in.

    Raises: InvalidRequest for a line that is none.
    """
    # not splitlines: JSON may hold other characters that end lines
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield decode_recording(line.encode())
        except msgspec.MsgspecError as error:
            raise InvalidRequest(f"{source}, line {number}, is no recording: {error}") from error
