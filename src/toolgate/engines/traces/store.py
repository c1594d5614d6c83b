"""Recordings in one SQLite file, bounded by size and age; the oldest make room for new ones.

A row holds what lists and filters need, and beside it lies the recording, compressed. Several
processes may have the file open: one writes while others read (WAL). Knows no threads: whoever
opens a store uses it where he opened it.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from msgspec.structs import asdict, replace

from toolgate.engines.traces.history import Span, read_history
from toolgate.engines.traces.query import MARKS, Query, of_conversation, to_query
from toolgate.engines.traces.row import ConversationRow, Row, Wanted, summarize_packed
from toolgate.engines.traces.tables import COLUMNS, Transaction, has_words, open_base, open_to_read
from toolgate.errors import ConfigError
from toolgate.pipeline.packed import Packed, decode_packed, encode_packed, pack, unpack
from toolgate.pipeline.trace import Recording, decode_recording

MEBIBYTE: Final = 1 << 20
DAY: Final = 86_400.0
ROOM: Final = 0.9
"""Of the largest size is left filled when room is made, so that it is not made for each one."""
_COMPRESSION: Final = 1
"""zlib's fastest: a third of the time of its default for a tenth more bytes."""

_Body: TypeAlias = tuple[bytes, bytes | None, bytes | None]
"""What a recording holds, its request and its answer, each compressed."""
_BODY: Final = "body, request, answer"
_ROW: Final = ", ".join(f"rows.{name}" for name in ("number", *COLUMNS))
_LISTS: Final = frozenset({"tools", "anomalies", "repairs", "findings"})


class TraceStore:
    """The file; made if there is none, and brought up to date if an earlier toolgate made it."""

    def __init__(
        self,
        file: Path,
        *,
        max_bytes: int = 512 * MEBIBYTE,
        max_days: float = 30.0,
        read_only: bool = False,
    ) -> None:
        """With `read_only` the file must be there, and nothing is written, not even its shape.

        Raises: ConfigError when the file cannot be opened, or is none of ours.
        """
        self._max_bytes = max_bytes
        self._max_seconds = max_days * DAY
        try:
            self._base = open_to_read(file) if read_only else open_base(file)
            self._has_words = has_words(self._base)
        except sqlite3.Error as error:
            what = "cannot be read" if read_only else "cannot keep traces"
            raise ConfigError(f"{file} {what} ({error})") from None

    def close(self) -> None:
        """Lets go of the file."""
        self._base.close()

    # -- writing ------------------------------------------------------------------------------

    def add(self, recordings: Sequence[Recording]) -> None:
        """Stores all of them, or none; one that is there already (id, beginning) is replaced.

        Clients choose ids, and choose some twice: the newest keeps it, and the one before it is
        `id~number` from then on.

        Raises: sqlite3.Error, for instance when the disk is full.
        """
        self.add_packed([pack(one) for one in recordings])

    def add_packed(self, recordings: Sequence[Packed]) -> None:
        """The same with recordings as they are stored.

        Raises: sqlite3.Error.
        """
        packed = [(summarize_packed(one), _compress(one)) for one in recordings]
        with Transaction(self._base):
            for row, body in packed:
                self._add(row, body)

    def _add(self, row: Row, body: _Body) -> None:
        self._delete_same(row)
        self._rename(row.id)
        values = {name: _to_column(name, value) for name, value in asdict(row).items()}
        names = (*COLUMNS, "bytes")
        number = self._base.execute(
            f"INSERT INTO rows ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
            [*(values[name] for name in COLUMNS), sum(len(part or b"") for part in body)],
        ).lastrowid
        self._base.execute("INSERT INTO bodies VALUES (?, ?, ?, ?)", (number, *body))
        self._base.executemany(
            "INSERT OR IGNORE INTO marks VALUES (?, ?, ?)",
            [(kind, name, number) for kind, of in MARKS.items() for name in getattr(row, of)],
        )

    def _delete_same(self, row: Row) -> None:
        known = self._base.execute(
            "SELECT number FROM rows WHERE started = ? AND id IN (?, ? || '~' || number)",
            (row.started, row.id, row.id),
        )
        self._delete([number for (number,) in known.fetchall()])

    def _rename(self, taken: str) -> None:
        """By taking it out and in: the index of texts hears of nothing else."""
        names = ("number", *COLUMNS, "bytes")
        found = self._base.execute(
            f"SELECT {', '.join(names)} FROM rows WHERE id = ?", (taken,)
        ).fetchone()
        if found is None:
            return
        values = dict(zip(names, found, strict=True))
        values["id"] = f"{taken}~{values['number']}"
        self._base.execute("DELETE FROM rows WHERE number = ?", (values["number"],))
        self._base.execute(
            f"INSERT INTO rows ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
            list(values.values()),
        )

    def make_room(self, now: float) -> int:
        """Deletes what is too old, or the oldest where the file is too large; returns how many.

        Raises: sqlite3.Error.
        """
        with Transaction(self._base):
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
        asked = to_query(wanted, indexed=self._has_words)
        order = "ASC" if wanted.after else "DESC"
        found = self._base.execute(
            f"SELECT {_ROW} FROM {asked.tables} WHERE {asked.where} "
            f"ORDER BY {asked.number} {order} LIMIT ?",
            [*asked.values, wanted.limit],
        )
        return [_row(columns) for columns in found]

    def conversations(self, wanted: Wanted | None = None) -> list[ConversationRow]:
        """Those with a recording that is wanted, the last one first.

        A request that was refused before it was read is a conversation of its own. `before` is of
        the newest ones: what an earlier page has told does not come again.
        """
        wanted = wanted or Wanted()
        told = []
        for number, conversation in self._newest_of_each(wanted):
            count, first = self._sum_up(wanted, conversation)
            if row := self._find_row(number):
                told.append(
                    ConversationRow(
                        conversation=conversation,
                        requests=count,
                        first_started=row.started if first is None else first,
                        newest=row,
                    )
                )
        return told

    def _sum_up(self, wanted: Wanted, conversation: str) -> tuple[int, float | None]:
        """(requests, when the first began)."""
        if not conversation:
            return 1, None
        asked = of_conversation(wanted, conversation)
        count, first = self._base.execute(
            f"SELECT count(*), min(started) FROM rows WHERE {asked.where}", asked.values
        ).fetchone()
        return count, first

    def _newest_of_each(self, wanted: Wanted) -> list[tuple[int, str]]:
        """(number, conversation), of each its newest; by reading from the end, as those do."""
        asked = self._leave_out(wanted, to_query(wanted, indexed=self._has_words))
        newest: list[tuple[int, str]] = []
        known: set[str] = set()
        for number, conversation in self._base.execute(
            f"SELECT {asked.number}, conversation FROM {asked.tables} WHERE {asked.where} "
            f"ORDER BY {asked.number} DESC",
            asked.values,
        ):
            if conversation and conversation in known:
                continue
            known.add(conversation)
            newest.append((number, conversation))
            if len(newest) == wanted.limit:
                break
        return newest

    def _leave_out(self, wanted: Wanted, asked: Query) -> Query:
        """Without conversations that have a newer one, which stand on an earlier page."""
        if not wanted.before:
            return asked
        after = max(wanted.after, wanted.before - 1)
        told = to_query(replace(wanted, before=0, after=after), indexed=self._has_words)
        where = (
            f"{asked.where} AND rows.conversation NOT IN (SELECT rows.conversation "
            f"FROM {told.tables} WHERE {told.where} AND rows.conversation <> '')"
        )
        return asked._replace(where=where, values=[*asked.values, *told.values])

    def find(self, recording_id: str) -> Recording | None:
        """The whole recording of a request's id."""
        found = self._base.execute(
            f"SELECT {_BODY} FROM bodies JOIN rows USING (number) WHERE id = ?", (recording_id,)
        ).fetchone()
        return None if found is None else _decompress(found)

    def find_row(self, recording_id: str) -> Row | None:
        """What a list tells of a request."""
        found = self._base.execute(f"SELECT {_ROW} FROM rows WHERE id = ?", (recording_id,))
        columns = found.fetchone()
        return None if columns is None else _row(columns)

    def each(self, wanted: Wanted) -> Iterator[Recording]:
        """Whole recordings, the oldest first."""
        asked = to_query(wanted, indexed=self._has_words)
        found = self._base.execute(
            f"SELECT {asked.number} FROM {asked.tables} WHERE {asked.where} "
            f"ORDER BY {asked.number}",
            asked.values,
        ).fetchall()
        for (number,) in found:
            body = self._base.execute(f"SELECT {_BODY} FROM bodies WHERE number = ?", (number,))
            if (columns := body.fetchone()) is not None:  # it may have made room since
                yield _decompress(columns)

    def choices(self) -> dict[str, list[str]]:
        """What there is to choose from, by the names of `Wanted`'s filters."""
        there = {name: self._names(name, "rows", "1") for name in ("model", "client", "outcome")}
        return there | {kind: self._names("name", "marks", f"kind = '{kind}'") for kind in MARKS}

    def history(self, since: float, width: float) -> list[Span]:
        """What was recorded from `since` on, in spans of `width` seconds, the oldest first."""
        return read_history(self._base, since, width)

    @property
    def newest(self) -> int:
        """The largest `number` so far; 0 where nothing is stored."""
        (number,) = self._base.execute("SELECT max(number) FROM rows").fetchone()
        return int(number or 0)

    def _names(self, column: str, table: str, where: str) -> list[str]:
        """Each value once, by leaping from one to the next in the column's index."""
        following = f"SELECT min({column}) FROM {table} WHERE {where} AND {column} >"
        found = self._base.execute(
            f"WITH RECURSIVE each(name) AS (SELECT ({following} '') UNION ALL "
            f"SELECT ({following} each.name) FROM each WHERE each.name IS NOT NULL) "
            "SELECT name FROM each WHERE name IS NOT NULL"
        )
        return [name for (name,) in found]

    def _find_row(self, number: int) -> Row | None:
        found = self._base.execute(
            f"SELECT {_ROW} FROM rows WHERE number = ?", (number,)
        ).fetchone()
        return None if found is None else _row(found)


def _to_column(name: str, value: Any) -> Any:
    return msgspec.json.encode(value).decode() if name in _LISTS else value


def _row(columns: Sequence[Any]) -> Row:
    values = dict(zip(("number", *COLUMNS), columns, strict=True))
    for name in _LISTS:
        values[name] = tuple(msgspec.json.decode(values[name]))
    return Row(**values)


def _compress(packed: Packed) -> _Body:
    request, answer = (
        None if part is None else zlib.compress(part, _COMPRESSION)
        for part in (packed.request, packed.answer)
    )
    return zlib.compress(encode_packed(packed), _COMPRESSION), request, answer


def _decompress(body: _Body) -> Recording:
    packed, *others = body
    request, answer = (None if part is None else zlib.decompress(part) for part in others)
    text = zlib.decompress(packed)
    if text.startswith(b"{"):  # of a file's first or second shape
        return decode_recording(text)
    return unpack(decode_packed(text, request=request, answer=answer))
