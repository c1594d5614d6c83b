"""Chunks of a streamed Chat Completion, put together as clients do it.

Mends nothing: a finish reason that was not told stays missing. Usage is taken wherever a chunk
brings it; OpenAI sends it in one without choices.
"""

from typing import Any, Final

from msgspec import Struct, field

from toolgate.pipeline.diagnose.json_values import Object, as_object, as_objects, as_text

_TEXTS: Final = ("content", "reasoning_content", "reasoning")


class _Call(Struct):
    """One call so far: thousands of pieces, which one text that grows would copy each time."""

    id: object = None
    name: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)

    def take(self, piece: Object) -> None:
        function = as_object(piece.get("function"))
        self.id = piece.get("id") or self.id
        self.name.append(as_text(function.get("name")))
        self.arguments.append(as_text(function.get("arguments")))

    def whole(self) -> dict[str, Any]:
        function = {"name": "".join(self.name), "arguments": "".join(self.arguments)}
        return {"id": self.id, "type": "function", "function": function}


class _Choice(Struct):
    """One answer so far."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    calls: dict[int, _Call] = field(default_factory=dict)
    finish_reason: str | None = None

    def take(self, told: Object) -> None:
        self.finish_reason = as_text(told.get("finish_reason")) or self.finish_reason
        delta = as_object(told.get("delta"))
        for name in _TEXTS:
            if text := as_text(delta.get(name)):
                self.texts.setdefault(name, []).append(text)
        if text := as_text(told.get("text")):  # of a stream of /v1/completions
            self.texts.setdefault("text", []).append(text)
        for piece in as_objects(delta.get("tool_calls")):
            self.calls.setdefault(_index(piece), _Call()).take(piece)

    def whole(self, index: int) -> dict[str, Any]:
        if "text" in self.texts:
            text = self._text("text")
            return {"index": index, "text": text, "finish_reason": self.finish_reason}
        message: dict[str, Any] = {"role": "assistant", "content": self._text("content")}
        message |= {name: self._text(name) for name in _TEXTS[1:] if name in self.texts}
        message["tool_calls"] = [call.whole() for _, call in sorted(self.calls.items())] or None
        return {"index": index, "message": message, "finish_reason": self.finish_reason}

    def _text(self, name: str) -> str:
        return "".join(self.texts.get(name, ()))


class ChatStream:
    """Chunks in, the whole response out."""

    def __init__(self) -> None:
        self._head: Object = {}
        self._choices: dict[int, _Choice] = {}
        self._usage: object = None
        self._error: object = None

    @property
    def has_begun(self) -> bool:
        """Whether anything of an answer itself has come."""
        return any(one.texts or one.calls for one in self._choices.values())

    def take(self, chunk: Object) -> None:
        """One more chunk."""
        self._head = self._head or chunk
        self._usage = chunk.get("usage") or self._usage
        self._error = chunk.get("error") or self._error
        for choice in as_objects(chunk.get("choices")):
            self._usage = self._usage or choice.get("usage")  # Moonshot's own API has it here
            self._choices.setdefault(_index(choice), _Choice()).take(choice)

    def finish(self) -> dict[str, Any]:
        """The response; with `error` where the stream brought one."""
        choices = [self._choices[index].whole(index) for index in sorted(self._choices)]
        whole = {
            "id": self._head.get("id"),
            "object": "chat.completion",
            "created": self._head.get("created"),
            "model": self._head.get("model"),
            "choices": choices or [_Choice().whole(0)],
            "usage": self._usage,
        }
        return whole | ({"error": self._error} if self._error else {})


def _index(value: Object) -> int:
    index = value.get("index")
    return index if isinstance(index, int) else 0
