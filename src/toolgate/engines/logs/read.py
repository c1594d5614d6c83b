"""Reads one piece of a log: its records one after the other, and why something is none.

Holds one record at a time. (One value of JSON over many lines has to be read whole.)
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec
from msgspec import Struct

from toolgate.engines.logs.pieces import Kind, Piece
from toolgate.engines.traces.row import Wanted
from toolgate.engines.traces.store import TraceStore
from toolgate.errors import ConfigError

LONGEST: Final = 64 << 20
"""Bytes of one line: several times a request that fills a context of a million tokens."""
LARGEST: Final = 1 << 30
"""Bytes of one value of JSON over many lines."""


class Entry(Struct, frozen=True):
    """One record, or why there is none; `where` it is, for people."""

    where: str
    record: Any = None
    fault: str = ""


def read_piece(piece: Piece) -> Iterator[Entry]:
    """All entries of it; whatever cannot be read is one, and no error."""
    try:
        yield from _READERS[piece.kind](piece)
    except (OSError, EOFError, zlib.error, ConfigError) as error:
        yield Entry(piece.path, fault=f"it cannot be read: {error}")


def _open(piece: Piece) -> IO[bytes]:
    if piece.is_gzip:
        return cast(IO[bytes], gzip.open(piece.path))
    return Path(piece.path).open("rb")


def _lines(piece: Piece) -> Iterator[Entry]:
    with _open(piece) as file:
        at = piece.start
        if at and not piece.is_gzip:
            file.seek(at - 1)
            at += _skip(file) - 1
        while (at < piece.end or piece.is_gzip) and (line := file.readline(LONGEST)):
            where = f"{piece.path}, byte {at}"
            at += len(line)
            if len(line) == LONGEST and not line.endswith(b"\n"):
                at += _skip(file)
                yield Entry(where, fault=f"a line of more than {LONGEST >> 20} MiB")
            elif line := line.strip():
                yield _decode(line, where)


def _skip(file: IO[bytes]) -> int:
    """The rest of a line; how many bytes it has."""
    skipped = 0
    while rest := file.readline(LONGEST):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            break
    return skipped


def _decode(data: bytes, where: str) -> Entry:
    try:
        return Entry(where, msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Entry(where, fault=f"no JSON: {error}")


def _whole(piece: Piece) -> Iterator[Entry]:
    """One value, each of a list's, or lines after all: many a .json is those."""
    with _open(piece) as file:
        data = file.read(LARGEST + 1)
    if len(data) <= LARGEST:
        value = _decode(data, piece.path)
        if not value.fault:
            values = value.record if isinstance(value.record, list) else [value.record]
            for number, one in enumerate(values, 1):
                yield Entry(f"{piece.path}, entry {number}", one)
            return
    del data
    yield from _lines(piece)


def _text(piece: Piece) -> Iterator[Entry]:
    with _open(piece) as file:
        data = file.read(LONGEST + 1)
    if len(data) > LONGEST:
        yield Entry(piece.path, fault=f"a text of more than {LONGEST >> 20} MiB")
    else:
        yield Entry(piece.path, data.decode(errors="replace"))


def _store(piece: Piece) -> Iterator[Entry]:
    with closing(TraceStore(Path(piece.path), read_only=True)) as store:
        for recording in store.each(Wanted()):
            yield Entry(f"{piece.path}, {recording.id}", recording)


_READERS: Final[Mapping[Kind, Callable[[Piece], Iterator[Entry]]]] = {
    Kind.LINES: _lines,
    Kind.WHOLE: _whole,
    Kind.TEXT: _text,
    Kind.STORE: _store,
}
