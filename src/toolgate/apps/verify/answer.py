"""Reads what an endpoint answers, streamed or whole, into one Chat Completions response."""

from typing import Any

import msgspec

from toolgate.errors import EngineProtocolError
from toolgate.pipeline.diagnose.chat_stream import ChatStream
from toolgate.wire.sse import SSEDecoder


class StreamReader:
    """Bytes of a stream in, the whole response out."""

    def __init__(self) -> None:
        self._frames = SSEDecoder()
        self._stream = ChatStream()

    @property
    def has_begun(self) -> bool:
        """Whether anything of the answer itself has come."""
        return self._stream.has_begun

    def feed(self, data: bytes) -> None:
        """Raises: EngineProtocolError for an error in the stream, or what is no JSON."""
        for frame in self._frames.feed(data):
            if frame.data.strip() != b"[DONE]":
                self._take(_decode(frame.data))

    def finish(self) -> dict[str, Any]:
        """The response."""
        return self._stream.finish()

    def _take(self, chunk: dict[str, Any]) -> None:
        if error := chunk.get("error"):
            raise EngineProtocolError(f"The stream broke off with an error: {error}")
        self._stream.take(chunk)


def read_whole(body: bytes) -> dict[str, Any]:
    """Raises: EngineProtocolError where it is no Chat Completions response."""
    response = _decode(body)
    choices = response.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise EngineProtocolError(
            f"The answer has no choices: {body[:300].decode(errors='replace')}"
        )
    return response


def _decode(data: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise EngineProtocolError(
            f"The answer is no JSON: {data[:300].decode(errors='replace')}"
        ) from error
    if not isinstance(value, dict):
        raise EngineProtocolError("The answer is no JSON object.")
    return value
