"""Recordings in one SQLite file, bounded by size and age; the oldest make room for new ones.

A row holds what lists and filters need, and beside it lies the recording, compressed. Several
processes may have the file open: one writes while others read (WAL). Knows no threads: whoever
opens a store uses it where he opened it.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import asdict

from toolgate.engines.traces.history import Span, read_history
from toolgate.engines.traces.row import ConversationRow, Row, Wanted, summarize
from toolgate.errors import ConfigError
from toolgate.pipeline.trace import Recording, decode_recording, encode_recording

MEBIBYTE: Final = 1 << 20
DAY: Final = 86_400.0
BUSY_SECONDS: Final = 5.0
"""How long a writer waits for another one's transaction."""
ROOM: Final = 0.9
"""Of the largest size is left filled when room is made, so that it is not made for each one."""
_SHAPE: Final = 2
"""Of the tables; a file of a later shape is refused."""
_CHANGES: Final = {
    1: tuple(
        f"ALTER TABLE rows ADD COLUMN {name} DEFAULT 0"
        for name in ("calls", "valid_calls", "cached_tokens")
    )
}
"""A file's shape → what makes the next one of it."""
_COMPRESSION: Final = 1
"""zlib's fastest: a third of the time of its default for a tenth more bytes."""

_COLUMNS: Final = tuple(name for name in Row.__struct_fields__ if name != "number")
_ROW: Final = ", ".join(("number", *_COLUMNS))
_LISTS: Final = frozenset({"tools", "anomalies", "repairs", "findings"})
_TABLES: Final = f"""
CREATE TABLE rows (
    number INTEGER PRIMARY KEY AUTOINCREMENT, {", ".join(_COLUMNS)}, bytes INTEGER
);
CREATE UNIQUE INDEX rows_id ON rows (id);
CREATE INDEX rows_started ON rows (started);
CREATE INDEX rows_conversation ON rows (conversation, number);
CREATE INDEX rows_model ON rows (model, number);
CREATE INDEX rows_client ON rows (client, number);
CREATE INDEX rows_outcome ON rows (outcome, number);
CREATE TABLE marks (kind TEXT, name TEXT, number INTEGER, PRIMARY KEY (kind, name, number))
    WITHOUT ROWID;
CREATE INDEX marks_number ON marks (number);
CREATE TABLE bodies (number INTEGER PRIMARY KEY, body BLOB);
PRAGMA user_version = {_SHAPE};
"""
_MARKS: Final = {
    "tool": "tools",
    "anomaly": "anomalies",
    "repair": "repairs",
    "finding": "findings",
}
"""A filter → the list in a row that it looks into."""
_EQUAL: Final = ("model", "client", "outcome", "conversation")
_SEARCHED: Final = ("id", "title", "client", "tools")


class TraceStore:
    """The file; made if there is none."""

    def __init__(
        self, file: Path, *, max_bytes: int = 512 * MEBIBYTE, max_days: float = 30.0
    ) -> None:
        """Raises: ConfigError when the file cannot be opened, or is none of ours."""
        self._max_bytes = max_bytes
        self._max_seconds = max_days * DAY
        try:
            self._base = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = NORMAL")
            self._make_tables()
        except sqlite3.Error as error:
            raise ConfigError(f"{file} cannot keep traces ({error})") from None

    def _make_tables(self) -> None:
        if (shape := self._shape) == _SHAPE:
            return
        if shape in _CHANGES:
            self._change()
            return
        if shape or self._base.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise sqlite3.DatabaseError("it is a database of something else, or of another version")
        self._base.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")

    def _change(self) -> None:
        with _Transaction(self._base):
            shape = self._shape  # another process may have been faster
            for statement in _CHANGES.get(shape, ()):
                self._base.execute(statement)
            self._base.execute(f"PRAGMA user_version = {_SHAPE}")

    @property
    def _shape(self) -> int:
        (shape,) = self._base.execute("PRAGMA user_version").fetchone()
        return int(shape)

    def close(self) -> None:
        """Lets go of the file."""
        self._base.close()

    # -- writing ------------------------------------------------------------------------------

    def add(self, recordings: Sequence[Recording]) -> None:
        """Stores all of them, or none; one with an id that is there already replaces it.

        Raises: sqlite3.Error, for instance when the disk is full.
        """
        packed = [(one, zlib.compress(encode_recording(one), _COMPRESSION)) for one in recordings]
        with _Transaction(self._base):
            for recording, body in packed:
                self._add(summarize(recording), body)

    def _add(self, row: Row, body: bytes) -> None:
        known = self._base.execute("SELECT number FROM rows WHERE id = ?", (row.id,)).fetchall()
        self._delete([number for (number,) in known])
        values = {name: _to_column(name, value) for name, value in asdict(row).items()}
        names = (*_COLUMNS, "bytes")
        number = self._base.execute(
            f"INSERT INTO rows ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
            [*(values[name] for name in _COLUMNS), len(body)],
        ).lastrowid
        self._base.execute("INSERT INTO bodies VALUES (?, ?)", (number, body))
        self._base.executemany(
            "INSERT OR IGNORE INTO marks VALUES (?, ?, ?)",
            [(kind, name, number) for kind, of in _MARKS.items() for name in getattr(row, of)],
        )

    def make_room(self, now: float) -> int:
        """Deletes what is too old, or the oldest where the file is too large; returns how many.

        Raises: sqlite3.Error.
        """
        with _Transaction(self._base):
            old = self._base.execute(
                "SELECT number FROM rows WHERE started < ?", (now - self._max_seconds,)
            ).fetchall()
            gone = [number for (number,) in old]
            self._delete(gone)
            over = self.size - self._max_bytes
            if over > 0:
                gone += self._delete_oldest(over + self._max_bytes * (1 - ROOM))
        return len(gone)

    @property
    def size(self) -> int:
        """Bytes of the file that are in use; what was freed is filled again."""
        pages, free, page = (
            self._base.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * page)

    def _delete_oldest(self, wanted: float) -> list[int]:
        """As many as make this many bytes."""
        gone: list[int] = []
        for number, size in self._base.execute("SELECT number, bytes FROM rows ORDER BY number"):
            if wanted <= 0:
                break
            gone.append(number)
            wanted -= size
        self._delete(gone)
        return gone

    def _delete(self, numbers: Sequence[int]) -> None:
        for table in ("rows", "bodies", "marks"):
            self._base.executemany(
                f"DELETE FROM {table} WHERE number = ?", [(number,) for number in numbers]
            )

    # -- reading ------------------------------------------------------------------------------

    def rows(self, wanted: Wanted | None = None) -> list[Row]:
        """The newest first; with `after` the oldest first, so that none is passed over."""
        wanted = wanted or Wanted()
        where, values = _condition(wanted)
        order = "ASC" if wanted.after else "DESC"
        found = self._base.execute(
            f"SELECT {_ROW} FROM rows WHERE {where} ORDER BY number {order} LIMIT ?",
            [*values, wanted.limit],
        )
        return [_row(columns) for columns in found]

    def conversations(self, wanted: Wanted | None = None) -> list[ConversationRow]:
        """Those with a recording that is wanted, the last one first."""
        wanted = wanted or Wanted()
        where, values = _condition(wanted)
        found = self._base.execute(
            "SELECT max(number), count(*), min(started) FROM rows "
            f"WHERE {where} GROUP BY conversation ORDER BY 1 DESC LIMIT ?",
            [*values, wanted.limit],
        ).fetchall()
        return [
            ConversationRow(
                conversation=row.conversation, requests=count, first_started=first, newest=row
            )
            for number, count, first in found
            if (row := self._find_row(number))
        ]

    def find(self, recording_id: str) -> Recording | None:
        """The whole recording of a request's id."""
        found = self._base.execute(
            "SELECT body FROM bodies JOIN rows USING (number) WHERE id = ?", (recording_id,)
        ).fetchone()
        return None if found is None else _unpack(found[0])

    def each(self, wanted: Wanted) -> Iterator[Recording]:
        """Whole recordings, the oldest first."""
        where, values = _condition(wanted)
        found = self._base.execute(
            f"SELECT number FROM rows WHERE {where} ORDER BY number", values
        ).fetchall()
        for (number,) in found:
            body = self._base.execute("SELECT body FROM bodies WHERE number = ?", (number,))
            if (columns := body.fetchone()) is not None:  # it may have made room since
                yield _unpack(columns[0])

    def choices(self) -> dict[str, list[str]]:
        """What there is to choose from, by the names of `Wanted`'s filters."""
        there = {
            name: self._names(f"SELECT DISTINCT {name} FROM rows WHERE {name} <> '' ORDER BY 1")
            for name in ("model", "client", "outcome")
        }
        return there | {
            kind: self._names("SELECT DISTINCT name FROM marks WHERE kind = ? ORDER BY 1", kind)
            for kind in _MARKS
        }

    def history(self, since: float, width: float) -> list[Span]:
        """What was recorded from `since` on, in spans of `width` seconds, the oldest first."""
        return read_history(self._base, since, width)

    @property
    def newest(self) -> int:
        """The largest `number` so far; 0 where nothing is stored."""
        (number,) = self._base.execute("SELECT max(number) FROM rows").fetchone()
        return int(number or 0)

    def _names(self, query: str, *values: str) -> list[str]:
        return [name for (name,) in self._base.execute(query, values)]

    def _find_row(self, number: int) -> Row | None:
        found = self._base.execute(
            f"SELECT {_ROW} FROM rows WHERE number = ?", (number,)
        ).fetchone()
        return None if found is None else _row(found)


class _Transaction:
    """`with` it; rolled back on any error. `BEGIN IMMEDIATE` waits for other writers at once."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def __enter__(self) -> None:
        self._base.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._base.execute("COMMIT")
        elif self._base.in_transaction:  # a full disk has rolled back already
            self._base.execute("ROLLBACK")


def _condition(wanted: Wanted) -> tuple[str, list[Any]]:
    """SQL, and the values for its question marks."""
    terms, values = ["1"], []
    for name in _EQUAL:
        if value := getattr(wanted, name):
            terms.append(f"{name} = ?")
            values.append(value)
    for kind in _MARKS:
        if value := getattr(wanted, kind):
            terms.append("number IN (SELECT number FROM marks WHERE kind = ? AND name = ?)")
            values += [kind, value]
    if wanted.text:
        terms.append(f"({' OR '.join(f'instr(lower({name}), ?)' for name in _SEARCHED)})")
        values += [wanted.text.lower()] * len(_SEARCHED)
    for name, sign in (("after", ">"), ("before", "<")):
        if value := getattr(wanted, name):
            terms.append(f"number {sign} ?")
            values.append(value)
    return " AND ".join(terms), values


def _to_column(name: str, value: Any) -> Any:
    return msgspec.json.encode(value).decode() if name in _LISTS else value


def _row(columns: Sequence[Any]) -> Row:
    values = dict(zip(("number", *_COLUMNS), columns, strict=True))
    for name in _LISTS:
        values[name] = tuple(msgspec.json.decode(values[name]))
    return Row(**values)


def _unpack(body: bytes) -> Recording:
    return decode_recording(zlib.decompress(body))
