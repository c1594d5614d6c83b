"""Which files there are to read, cut where they can be cut.

Lines of JSON are cut by bytes: whoever reads a piece begins with the first line that begins in it,
and ends with the last one. Compressed files, single texts and recordings are one piece each.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from msgspec import Struct

from toolgate.errors import ConfigError

PIECE: Final = 16 << 20
"""Bytes: long enough to make a process's start and a progress bar's step cheap."""
_SQLITE: Final = b"SQLite format 3\0"
_GZIP: Final = b"\x1f\x8b"
_ENDINGS: Final = (".jsonl", ".ndjson", ".json", ".log", ".txt", ".db", ".sqlite")
"""What is read in a folder; a file that is named itself is read whatever its ending."""


class Kind(StrEnum):
    """How a file is read."""

    LINES = "lines"
    """One value of JSON a line."""
    WHOLE = "whole"
    """One value of JSON, or one list of them."""
    TEXT = "text"
    """One raw output of a model."""
    STORE = "store"
    """Recordings, as `toolgate serve --trace-file` keeps them."""


class Piece(Struct, frozen=True):
    """A part of one file; `start` and `end` in bytes as they lie on the disk."""

    path: str
    kind: Kind
    start: int
    end: int
    is_gzip: bool = False

    @property
    def size(self) -> int:
        return self.end - self.start


def find_pieces(paths: Sequence[Path], *, size: int = PIECE) -> list[Piece]:
    """All of these files, and of these folders with all below them, in their names' order.

    Raises: ConfigError for a path that is not there, or a folder with nothing to read.
    """
    found = [piece for path in paths for file in _files(path) for piece in _cut(file, size)]
    if not found:
        names = ", ".join(map(str, paths))
        raise ConfigError(f"there is nothing to read in {names}: no {', '.join(_ENDINGS)}")
    return found


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(one for one in path.rglob("*") if one.is_file() and _is_log(one))
    elif path.exists():
        yield path
    else:
        raise ConfigError(f"there is no {path}")


def _is_log(path: Path) -> bool:
    return path.name.removesuffix(".gz").endswith(_ENDINGS)


def _cut(path: Path, size: int) -> Iterator[Piece]:
    try:
        with path.open("rb") as file:
            head = file.read(len(_SQLITE))
        end = path.stat().st_size
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    is_gzip = head.startswith(_GZIP)
    kind = Kind.STORE if head == _SQLITE else _kind(path.name)
    step = end if kind is not Kind.LINES or is_gzip else size
    for start in range(0, end, step or 1):
        yield Piece(str(path), kind, start, min(start + step, end), is_gzip)


def _kind(name: str) -> Kind:
    ending = Path(name.removesuffix(".gz")).suffix
    return {".json": Kind.WHOLE, ".txt": Kind.TEXT}.get(ending, Kind.LINES)
