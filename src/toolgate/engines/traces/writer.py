"""Writes recordings in a thread of its own: no answer waits for a disk.

What comes faster than it can be written is dropped, and what a full disk refuses is lost; both are
counted and said, and nothing else changes.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from toolgate.engines.traces.store import MEBIBYTE, TraceStore
from toolgate.errors import ConfigError
from toolgate.pipeline.packed import Packed

Make: TypeAlias = Callable[[], Packed]
"""Makes the recording; called in the writer's thread, since that takes long."""

MOST_WAITING: Final = 1000
"""Requests; a gateway that answers 1,000 a second has them wait for a second."""
BATCH: Final = 50
"""Stored in one transaction."""
ROOM_SECONDS: Final = 10.0
"""Between two looks at the file's size, in which it may outgrow its limit by what comes."""
CLOSE_SECONDS: Final = 10.0

_UNWRITABLE: Final = (ValueError, TypeError, OverflowError, RecursionError)
"""What encoding raises, of half a surrogate or a number that is too large for SQLite."""

_log: Final = logging.getLogger("toolgate")


class TraceWriter:
    """`put` from anywhere; `close` writes what waits."""

    def __init__(
        self,
        file: Path,
        *,
        max_bytes: int = 512 * MEBIBYTE,
        max_days: float = 30.0,
        count: Callable[[str, int], None] = lambda outcome, amount: None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """`count` hears how many recordings were `stored`, `dropped` or `failed`.

        Raises: ConfigError when the file cannot be used.
        """
        self.file = file
        self._limits = max_bytes, max_days
        self._open().close()
        self._count = count
        self._most = most_waiting
        self._queue: SimpleQueue[Make | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_dropping = self._is_failing = False
        self._room_made = 0.0

    def _open(self) -> TraceStore:
        max_bytes, max_days = self._limits
        return TraceStore(self.file, max_bytes=max_bytes, max_days=max_days)

    def put(self, make: Make) -> None:
        """Queues a recording, or drops it where too many wait."""
        if self._queue.qsize() >= self._most:
            self._count("dropped", 1)
            if not self._is_dropping:
                _log.warning("More requests come than can be recorded; some recordings are dropped")
            self._is_dropping = True
            return
        self._is_dropping = False
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
            self._thread.start()
        self._queue.put(make)

    def close(self) -> None:
        """Returns when all is written, or when that takes too long."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(CLOSE_SECONDS)
            self._thread = None

    def _run(self) -> None:
        store: TraceStore | None = None
        more = True
        while more:
            batch = self._take()
            more = None not in batch
            recordings = [packed for make in batch if make and (packed := self._make(make))]
            try:
                store = store or self._open()
                self._write(store, recordings)
            except (ConfigError, sqlite3.Error, *_UNWRITABLE) as error:
                self._fail(len(recordings), error)
        if store is not None:
            store.close()

    def _make(self, make: Make) -> Packed | None:
        """None for a recording that cannot be written down: the others are, all the same."""
        try:
            return make()
        except _UNWRITABLE as error:
            self._count("failed", 1)
            _log.error("A recording cannot be written down, and is lost (%s)", error)
            return None

    def _take(self) -> list[Make | None]:
        """At least one, and those that wait behind it."""
        batch = [self._queue.get()]
        while len(batch) < BATCH and batch[-1] is not None:
            try:
                batch.append(self._queue.get_nowait())
            except Empty:
                break
        return batch

    def _write(self, store: TraceStore, recordings: list[Packed]) -> None:
        store.add_packed(recordings)
        if self._is_failing and recordings:
            _log.warning("%s takes recordings again", self.file)
            self._is_failing = False
        self._count("stored", len(recordings))
        if time.monotonic() >= self._room_made + ROOM_SECONDS:
            self._make_room(store)

    def _make_room(self, store: TraceStore) -> None:
        self._room_made = time.monotonic()
        try:
            store.make_room(time.time())
        except sqlite3.Error as error:  # what was stored stays, and it is tried again
            _log.warning("%s: old recordings could not be deleted (%s)", self.file, error)

    def _fail(self, lost: int, error: Exception) -> None:
        self._count("failed", lost)
        if not self._is_failing:
            _log.error("%s takes no recordings (%s); answers go on", self.file, error)
        self._is_failing = True
