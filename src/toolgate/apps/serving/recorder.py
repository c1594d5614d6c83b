"""Records requests: what came, what was made of it, what went out. Where nothing is set, nothing.

A `Take` is one request's. It only gathers; putting it together, masking and writing happen in the
writer's thread once the answer is over.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec.structs import replace
from starlette.types import Message, Send

from toolgate.apps.http.access_log import CLIENT_CLOSED_REQUEST, RequestRecord
from toolgate.apps.serving.choice import Choice
from toolgate.apps.settings.config import Config
from toolgate.core.assemble import AssembledMessage
from toolgate.core.chunk import Usage
from toolgate.core.conversation import Conversation, ToolSpec
from toolgate.core.prompt import Prompt
from toolgate.engines.engine import Capabilities
from toolgate.engines.tape import Tape
from toolgate.engines.traces.row import Row, summarize_packed
from toolgate.engines.traces.writer import TraceWriter
from toolgate.pipeline.masking import Contents, mask_findings, mask_trace
from toolgate.pipeline.packed import Packed, PackedTrace, unpack
from toolgate.pipeline.trace import Recording, Trace
from toolgate.pipeline.turn import Turn

MOST_ANSWER_BYTES: Final = 64 << 20
"""Kept of what goes out; a longer answer is cut there."""


class Recorder:
    """`begin` a take with each request."""

    def __init__(self, contents: Contents = "off", writer: TraceWriter | None = None) -> None:
        self.contents: Final = contents
        self.writer: Final = writer
        self._running: dict[Take, None] = {}  # by themselves: an id may come twice

    @property
    def on(self) -> bool:
        """Whether anything is recorded."""
        return self.writer is not None

    def begin(self, record: RequestRecord, body: bytes, send: Send) -> "Take":
        """The take of a request, whose answer goes through `Take.send`."""
        take = Take(record, body, send, contents=self.contents if self.on else None)
        if self.on:
            self._running[take] = None
        return take

    def end(self, take: "Take") -> None:
        """The request is over."""
        if self.writer is None:
            return
        take.end()
        self._running.pop(take, None)
        self.writer.put(take.packed)

    def running(self) -> list[Row]:
        """The requests under way in this process, the newest first."""
        takes = reversed(list(self._running))
        return [take.row() for take in takes]

    def snapshot(self, recording_id: str) -> Recording | None:
        """A request under way as it is now; the newest of this id."""
        for take in reversed(self._running):
            if take.record.id == recording_id:
                return unpack(take.packed())
        return None

    def close(self) -> None:
        """Writes what waits."""
        if self.writer is not None:
            self.writer.close()


def open_recorder(config: Config, count: Callable[[str, int], None]) -> Recorder:
    """The recorder that is set.

    Raises: ConfigError when its file cannot be used.
    """
    if config.trace_file is None:
        return Recorder()
    writer = TraceWriter(
        config.trace_file,
        max_bytes=config.trace_max_bytes,
        max_days=config.trace_max_days,
        count=count,
    )
    return Recorder(config.trace_contents, writer)


class Take:
    """What is gathered of one request; others fill in its public fields."""

    def __init__(
        self, record: RequestRecord, body: bytes, send: Send, *, contents: Contents | None
    ) -> None:
        """`contents` is None where nothing is recorded."""
        self.record = record
        self.keeps = contents is not None
        self.began = time.perf_counter()
        self.client = self.conversation = self.asked_model = self.engine = self.grammar = ""
        self.stream = False
        self.choices: Sequence[Choice] = ()
        self.prompt_tokens = 0
        self.usage: Usage | None = None
        self.send: Send = self._listen if contents is not None else send
        self._send = send
        self._contents: Contents = contents or "off"
        self._started = time.time()
        self._body = body if contents == "on" else b""
        self._body_bytes = len(body)
        self._answer: list[bytes] = []
        self._answer_bytes = 0
        self._status = 0
        self._seconds: float | None = None
        self._row: Row | None = None

    def _listen(self, message: Message) -> Awaitable[None]:
        """Once for each chunk: no coroutine of its own."""
        if piece := message.get("body"):
            if self._contents == "on" and self._answer_bytes < MOST_ANSWER_BYTES:
                self._answer.append(piece)
            self._answer_bytes += len(piece)
        elif message["type"] == "http.response.start":
            self._status = message["status"]
        return self._send(message)

    def look_at(self, engine: Capabilities, prompt_tokens: int) -> None:
        """This engine is to answer."""
        self.engine, self.grammar = engine.kind, engine.grammar
        self.prompt_tokens = prompt_tokens

    def fail(self, status: int) -> None:
        """The answer is this status, and is not written through `send`."""
        self._status = status

    def row(self) -> Row:
        """What a list tells of it while it is under way; what was said is looked at only once."""
        row = self._row or summarize_packed(Packed(self._recording(), self._outlines()))
        if any(choice.tapes for choice in self.choices):
            self._row = row
        first = [tape.first_seconds for choice in self.choices for tape in choice.tapes]
        return replace(
            row,
            seconds=time.perf_counter() - self.began,
            anomalies=tuple(dict.fromkeys(self._anomalies())),
            first_seconds=min((one for one in first if one is not None), default=None),
        )

    @property
    def left(self) -> bool:
        """Whether the client had gone before its answer was whole."""
        return self._status == CLIENT_CLOSED_REQUEST

    def end(self) -> None:
        """Nothing more comes."""
        self._seconds = time.perf_counter() - self.began

    @property
    def _error(self) -> str:
        """What an error says may quote the request; its name does not."""
        error = self.record.error
        if error is None:
            return ""
        name = type(error).__name__
        return f"{name}: {error}" if self._contents == "on" else name

    def packed(self) -> Packed:
        """All of it, as it may be kept."""
        is_all = self._contents == "on"
        return Packed(
            self._recording(),
            tuple(self._traces()),
            request=self._body if is_all else None,
            answer=b"".join(self._answer) if is_all else None,
        )

    def _recording(self) -> Recording:
        record = self.record
        ended = self._seconds is not None
        is_open = self._contents != "off" or self.asked_model == record.model
        return Recording(
            id=record.id,
            started=self._started,
            seconds=self._seconds if ended else time.perf_counter() - self.began,  # type: ignore[arg-type]
            running=not ended,
            contents=self._contents,
            conversation=self.conversation,
            method=record.method,
            path=record.path,
            client=self.client,
            asked_model=self.asked_model if is_open else "",
            model=record.model,
            engine=self.engine,
            status=self._status,
            stream=self.stream,
            error=self._error,
            request_bytes=self._body_bytes,
            unknown_fields=() if self._contents == "off" else tuple(record.unknown_fields),
            repairs=tuple(record.repairs),
            findings=mask_findings(record.findings, self._contents),
            anomalies=tuple(self._anomalies()),
            resend=record.resend,
            prompt_tokens=self.prompt_tokens,
            usage=self.usage,
            answer_bytes=self._answer_bytes,
        )

    def _anomalies(self) -> list[str]:
        return [anomaly.kind.value for choice in self.choices for anomaly in choice.anomalies]

    def _outlines(self) -> tuple[PackedTrace, ...]:
        tapes = [tape for choice in self.choices for tape in choice.tapes]
        return tuple(self._mask(_outline(tape), tape.turn) for tape in tapes)

    def _traces(self) -> list[PackedTrace]:
        return [
            self._mask(tape.packed(choice=number, grammar=self.grammar), tape.turn)
            for number, choice in enumerate(self.choices)
            for tape in choice.tapes
        ]

    def _mask(self, packed: PackedTrace, turn: Turn) -> PackedTrace:
        ids = turn.dialect.token_ids if turn.marker_ids is None else turn.marker_ids
        special = turn.dialect.special
        return mask_trace(packed, self._contents, special=special, marker_ids=ids)


def _outline(tape: Tape) -> PackedTrace:
    """As much of a turn as a row tells while it is under way."""
    turn = tape.turn
    users = [one for one in turn.conversation.messages if one.role == "user"]
    names = tuple(ToolSpec(tool.name) for tool in turn.conversation.callable_tools)
    trace = Trace(
        turn_id=turn.turn_id,
        dialect=turn.dialect.name,
        profile=turn.profile,
        conversation=Conversation(messages=tuple(users[-1:]), tools=names),
        tier=turn.tier,
        prompt=Prompt(()),
        output="",
        message=AssembledMessage(),
    )
    return PackedTrace(trace)
