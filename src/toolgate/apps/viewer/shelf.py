"""What there is to show: the file of recordings, and the requests under way in this process.

The file is opened anew for each question, in a thread: that takes less than a millisecond, and
nobody has to close anything.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol, TypeVar

from toolgate.engines.traces.row import Row
from toolgate.engines.traces.store import TraceStore
from toolgate.errors import ConfigError, Overloaded
from toolgate.pipeline.trace import Recording

T = TypeVar("T")


class Running(Protocol):
    """What is under way (`serving.recorder.Recorder`)."""

    def running(self) -> list[Row]:
        """The newest first."""

    def snapshot(self, recording_id: str) -> Recording | None:
        """One of them as it is now."""


class Shelf:
    """`ask` it, from anywhere in the event loop."""

    def __init__(self, file: Path | None, running: Running | None = None) -> None:
        """Without a file nothing is kept; without `running` nothing is under way."""
        self.file = file
        self._running = running

    async def ask(self, question: Callable[[TraceStore], T]) -> T | None:
        """The answer of the store to a question; None where nothing is kept.

        Raises: Overloaded where the file cannot be read now.
        """
        if self.file is None:
            return None
        return await asyncio.to_thread(self._ask, self.file, question)

    def running(self) -> Sequence[Row]:
        """The requests under way, the newest first."""
        return self._running.running() if self._running else ()

    def snapshot(self, recording_id: str) -> Recording | None:
        """A request under way as it is now."""
        return self._running.snapshot(recording_id) if self._running else None

    @staticmethod
    def _ask(file: Path, question: Callable[[TraceStore], T]) -> T:
        try:
            with closing(TraceStore(file, read_only=True)) as store:
                return question(store)
        except (ConfigError, sqlite3.Error) as error:  # busy for long, or gone
            raise Overloaded(f"{file} cannot be read now ({error}); try again.") from error
