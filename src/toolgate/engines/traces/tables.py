"""The tables of a file of recordings, and how a file of an earlier toolgate comes to have them."""

import os
import sqlite3
from pathlib import Path
from typing import Final

from toolgate.engines.traces.query import SEARCHED
from toolgate.engines.traces.row import Row

BUSY_SECONDS: Final = 5.0
"""How long a writer waits for another one's transaction."""
_JOURNAL_BYTES: Final = 16 << 20
"""What is left of the journal beside the file, after one that had to be longer."""
COLUMNS: Final = tuple(name for name in Row.__struct_fields__ if name != "number")
_SHAPE: Final = 3
"""Of the tables; a file of a later shape is refused."""
_CHANGES: Final = {
    1: tuple(
        f"ALTER TABLE rows ADD COLUMN {name} DEFAULT 0"
        for name in ("calls", "valid_calls", "cached_tokens")
    ),
    2: tuple(f"ALTER TABLE bodies ADD COLUMN {name} BLOB" for name in ("request", "answer")),
}
"""A file's shape → what makes the next one of it."""
_VIEWS: Final = {
    1: "CREATE TEMP VIEW rows AS "
    "SELECT *, 0 AS calls, 0 AS valid_calls, 0 AS cached_tokens FROM main.rows",
    2: "CREATE TEMP VIEW bodies AS SELECT *, NULL AS request, NULL AS answer FROM main.bodies",
}
"""The same for whoever only reads: the file stays as it is, a gateway may still write into it."""
_TABLES: Final = f"""
CREATE TABLE rows (
    number INTEGER PRIMARY KEY AUTOINCREMENT, {", ".join(COLUMNS)}, bytes INTEGER
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
CREATE TABLE bodies (number INTEGER PRIMARY KEY, body BLOB, request BLOB, answer BLOB);
PRAGMA user_version = {_SHAPE};
"""
_PIECES: Final = (3, 34, 0)
"""The first SQLite with an index of three-letter pieces; some systems' builds have no FTS5."""
_EFFECTIVE: Final = os.access in os.supports_effective_ids
_NEW, _OLD = (", ".join(f"{of}.{name}" for name in SEARCHED) for of in ("new", "old"))
_WORDS: Final = f"words (words, rowid, {', '.join(SEARCHED)})"
_INDEX: Final = (
    f"CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5({', '.join(SEARCHED)}, "
    "content = 'rows', content_rowid = 'number', tokenize = 'trigram')",
    "CREATE TRIGGER words_in AFTER INSERT ON rows BEGIN "
    f"INSERT INTO words (rowid, {', '.join(SEARCHED)}) VALUES (new.number, {_NEW}); END",
    "CREATE TRIGGER words_out AFTER DELETE ON rows BEGIN "
    f"INSERT INTO {_WORDS} VALUES ('delete', old.number, {_OLD}); END",
    "INSERT INTO words (words) VALUES ('rebuild')",
)
_NO_INDEX: Final = ("DROP TRIGGER IF EXISTS words_in", "DROP TRIGGER IF EXISTS words_out")
"""A build without FTS5 could not write where they are; the next one with it makes them again."""


def open_base(file: Path) -> sqlite3.Connection:
    """The file with its tables; made if there is none.

    Raises: sqlite3.Error when it cannot be opened, or is none of ours.
    """
    base = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = NORMAL")
        base.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")
        base.create_function("fold", 1, str.lower, deterministic=True)
        _make_tables(base)
        _make_index(base)
    except sqlite3.Error:
        base.close()
        raise
    return base


def open_to_read(file: Path) -> sqlite3.Connection:
    """The file as it is, of whatever shape; nothing in it is changed.

    Raises: sqlite3.Error when it cannot be read, or is none of ours.
    """
    base = sqlite3.connect(_address(file), uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        base.create_function("fold", 1, str.lower, deterministic=True)
        shape = _shape(base)
        if shape == 0:
            raise sqlite3.DatabaseError("it is a database of something else; name another file")
        _refuse_later(shape)
        for before in range(shape, _SHAPE):
            base.execute(_VIEWS[before])
    except sqlite3.Error:
        base.close()
        raise
    return base


def _address(file: Path) -> str:
    """Where the folder is not ours to write and no journal lies there, SQLite needs to be told
    that it can do without one: https://www.sqlite.org/wal.html#readonly."""
    file = file.resolve()
    has_journal = file.with_name(f"{file.name}-wal").exists()
    alone = not has_journal and not os.access(file.parent, os.W_OK, effective_ids=_EFFECTIVE)
    return f"{file.as_uri()}?mode=ro{'&immutable=1' if alone else ''}"


def has_words(base: sqlite3.Connection) -> bool:
    """Whether there is an index of texts, so that one is found without reading all rows."""
    return _has_trigger(base) and _can_index(base)


class Transaction:
    """`with` it; rolled back on any error. `BEGIN IMMEDIATE` waits for other writers at once."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def __enter__(self) -> None:
        self._base.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self._base.execute("COMMIT")
        finally:
            if self._base.in_transaction:  # a full disk has rolled back already
                self._base.execute("ROLLBACK")


def _make_tables(base: sqlite3.Connection) -> None:
    if (shape := _shape(base)) == _SHAPE:
        return
    with Transaction(base):
        shape = _shape(base)  # another process may have been faster
        if shape == 0 and base.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise sqlite3.DatabaseError("it is a database of something else; name another file")
        _refuse_later(shape)
        for statement in _steps(shape):
            base.execute(statement)


def _refuse_later(shape: int) -> None:
    if shape > _SHAPE:
        raise sqlite3.DatabaseError("a later toolgate wrote it; name another file")


def _steps(shape: int) -> list[str]:
    """From this shape to today's."""
    if shape == 0:
        return [statement for statement in _TABLES.split(";") if statement.strip()]
    changes = [one for before in range(shape, _SHAPE) for one in _CHANGES[before]]
    return [*changes, f"PRAGMA user_version = {_SHAPE}"]


def _shape(base: sqlite3.Connection) -> int:
    (shape,) = base.execute("PRAGMA user_version").fetchone()
    return int(shape)


def _make_index(base: sqlite3.Connection) -> None:
    if _has_trigger(base) == _can_index(base):
        return
    with Transaction(base):
        if _has_trigger(base) != (can := _can_index(base)):
            for statement in _INDEX if can else _NO_INDEX:
                base.execute(statement)


def _has_trigger(base: sqlite3.Connection) -> bool:
    return (
        base.execute("SELECT 1 FROM sqlite_master WHERE name = 'words_in'").fetchone() is not None
    )


def _can_index(base: sqlite3.Connection) -> bool:
    modules = base.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").fetchone()
    return modules is not None and sqlite3.sqlite_version_info >= _PIECES
