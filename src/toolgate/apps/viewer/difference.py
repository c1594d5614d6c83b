"""What the client sent beside what the model saw, line by line.

Both are the same conversation, as the client's protocol tells it and as it was rendered, after the
repairs; written out in words, so that what differs is what was changed and not how it is encoded.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from toolgate.apps.protocols.chat import ChatExchange
from toolgate.apps.protocols.exchange import Exchange
from toolgate.apps.protocols.messages import MessagesExchange
from toolgate.apps.protocols.response_store import ResponseStore
from toolgate.apps.protocols.responses import ResponsesExchange
from toolgate.core.conversation import Content, Conversation, MediaPart, Message
from toolgate.errors import RequestError
from toolgate.pipeline.trace import Recording, Trace

Side: TypeAlias = Literal["both", "sent", "seen"]
MOST_PAIRS: Final = 40_000
"""Lines of the one side times lines of the other that are compared with one another; what differs
in more is told as wholly different. 800 lines that repeat took `SequenceMatcher` 10 s."""
_READERS: Final[Mapping[str, Callable[[bytes], Exchange]]] = {
    "/v1/chat/completions": ChatExchange,
    "/v1/messages": MessagesExchange,
    "/v1/responses": lambda body: ResponsesExchange(body, ResponseStore()),
}


class Line(Struct, frozen=True, array_like=True):
    """As JSON `["sent", "…"]`."""

    side: Side
    text: str


class Compared(Struct, frozen=True):
    """The lines, or why there are none."""

    lines: tuple[Line, ...] = ()
    why: str = ""


def compare(recording: Recording, trace: Trace) -> Compared:
    """What the client sent with this request, and what the model saw in this turn."""
    read = _READERS.get(recording.path)
    if recording.request is None or read is None:
        return Compared(why="What the client sent is kept with --trace-contents on only.")
    try:
        asked = read(recording.request.encode(errors="surrogatepass")).conversation
    except (RequestError, UnicodeError) as error:
        return Compared(why=f"What the client sent cannot be read alone: {error}")
    return Compared(tuple(_differ(list(_write(asked)), list(_write(trace.conversation)))))


def _differ(sent: Sequence[str], seen: Sequence[str]) -> Iterator[Line]:
    same = _common(sent, seen)
    tail = _common(sent[same:][::-1], seen[same:][::-1])
    yield from (Line("both", line) for line in sent[:same])
    ours, theirs = sent[same : len(sent) - tail], seen[same : len(seen) - tail]
    if len(ours) * len(theirs) > MOST_PAIRS:
        yield from _replace(ours, theirs)
    else:
        matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
        for kind, a, b, c, d in matcher.get_opcodes():
            if kind == "equal":
                yield from (Line("both", line) for line in ours[a:b])
            else:
                yield from _replace(ours[a:b], theirs[c:d])
    yield from (Line("both", line) for line in sent[len(sent) - tail :])


def _replace(sent: Sequence[str], seen: Sequence[str]) -> Iterator[Line]:
    yield from (Line("sent", line) for line in sent)
    yield from (Line("seen", line) for line in seen)


def _common(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """How many lines are the same from the start."""
    at = 0
    while at < min(len(ours), len(theirs)) and ours[at] == theirs[at]:
        at += 1
    return at


def _write(conversation: Conversation) -> Iterator[str]:
    names = ", ".join(tool.name for tool in conversation.callable_tools)
    yield f"tools: {names or 'none'}"
    for message in conversation.messages:
        yield from _write_message(message)


def _write_message(message: Message) -> Iterator[str]:
    named = f" {message.name}" if message.name else ""
    answered = f" answers {message.tool_call_id}" if message.tool_call_id else ""
    yield f"[{message.role}{named}{answered}]"
    for label, text in (
        ("reasoning_content", message.reasoning_content),
        ("reasoning", message.reasoning),
    ):
        if isinstance(text, str):
            yield f"({label})"
            yield from text.split("\n")
    yield from _write_content(message.content)
    for call in message.tool_calls:
        yield f"(call {call.name}, id {call.id})"
        yield from call.arguments.split("\n")


def _write_content(content: Content) -> Iterator[str]:
    if content is None:
        yield "(content: null)"
    elif isinstance(content, str):
        yield from content.split("\n") if content else ()
    else:
        for number, part in enumerate(content, 1):
            yield f"(part {number} of {len(content)})"
            text = f"[{part.kind}]" if isinstance(part, MediaPart) else part.text
            yield from text.split("\n")
