"""Server-sent events: bytes to frames as they come, and frames to bytes.

Follows the WHATWG rules (https://html.spec.whatwg.org/multipage/server-sent-events.html) for
`data` and `event`; ids and retry times are left out, since no inference API resumes a stream.
Knows nothing of what the data says: `[DONE]` is data like any other.
"""

from msgspec import Struct

from toolgate.errors import EngineProtocolError

MAX_FRAME_BYTES = 32 * 1024 * 1024
"""ik_llama.cpp's last frame repeats prompt and answer, a few MB at most; beyond this, a stream
without frames (a file, a web page) would fill the memory."""

BOM = b"\xef\xbb\xbf"
ENDINGS = b"\r\n"


class Frame(Struct, frozen=True, gc=False):
    """One event: its data, lines joined by `\\n`, and its name."""

    data: bytes
    event: str = "message"


class SSEDecoder:
    """Bytes in, whole frames out, however the bytes are cut.

    Raises: EngineProtocolError when one frame is larger than `limit` bytes.
    """

    def __init__(self, *, limit: int = MAX_FRAME_BYTES) -> None:
        self._limit = limit
        self._line: list[bytes] = []  # pieces of a line whose end has not come
        self._data: list[bytes] = []
        self._event = ""
        self._size = 0  # bytes of the frame so far
        self._at_start = True
        self._after_cr = False
        self._is_between = True
        """Whether all that came was whole frames."""

    def feed(self, data: bytes) -> list[Frame]:
        """Returns the frames that these bytes complete."""
        is_one_line = data.startswith(b"data: ") and data.find(b"\n") == len(data) - 2
        if self._is_between and is_one_line and data.endswith(b"\n\n") and b"\r" not in data:
            return [Frame(data[6:-2])]  # and nothing else: engines send one per token
        if self._after_cr and data:
            # A CR ended the last line at once; an LF that comes now belongs to it.
            data = data.removeprefix(b"\n")
            self._after_cr = False
        frames: list[Frame] = []
        for line in data.splitlines(keepends=True):
            self._count(len(line))
            self._line.append(line)
            if line[-1] in ENDINGS:
                self._end_line(frames)
        self._after_cr = data.endswith(b"\r")
        self._is_between = not (self._line or self._data or self._event or self._after_cr)
        return frames

    def finish(self) -> list[Frame]:
        """The stream is over: returns what lacks only its blank line. Half a line is dropped."""
        frames: list[Frame] = []
        self._line.clear()
        self._dispatch(frames)
        return frames

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > self._limit:
            raise EngineProtocolError(
                f"The engine sent more than {self._limit} bytes without ending an event. "
                "Is that address an inference server?"
            )

    def _end_line(self, frames: list[Frame]) -> None:
        raw = b"".join(self._line)
        self._line.clear()
        line = raw.rstrip(ENDINGS)
        if self._at_start:
            line = line.removeprefix(BOM)
            self._at_start = False
        if not line:
            self._dispatch(frames)
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            return
        self._size -= len(raw)  # not kept: comments keep a connection awake, perhaps for hours
        if name == b"event":
            self._event = value.decode(errors="replace")

    def _dispatch(self, frames: list[Frame]) -> None:
        if self._data:
            frames.append(Frame(b"\n".join(self._data), self._event or "message"))
        self._data.clear()
        self._event = ""
        self._size = 0


def encode_frame(data: bytes, event: str | None = None) -> bytes:
    """Returns one frame as bytes; line ends inside `data` all become `\\n` at the other side."""
    head = b"" if event is None else b"event: %b\n" % event.encode()
    if b"\n" not in data and b"\r" not in data:
        return b"%bdata: %b\n\n" % (head, data)
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return head + b"".join(b"data: %b\n" % line for line in lines) + b"\n"
