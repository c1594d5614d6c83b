"""Grammars that were written lately: an agent sends the same tools with each of its requests.

Found without writing, so that whoever asks knows whether it will take time. Used from several
threads.
"""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Final, Generic, TypeVar

T = TypeVar("T")

KEPT: Final = 128
"""A grammar of fifty tools has some 200 KB."""


class WrittenLately(Generic[T]):
    """The last few, by what they were written from."""

    def __init__(self, most: int = KEPT) -> None:
        """`most`: of the sizes of all together."""
        self._most = most
        self._size = 0
        self._found: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> T | None:
        """None where it was not written, or long ago."""
        with self._lock:
            if key not in self._found:
                return None
            self._found.move_to_end(key)
            return self._found[key][0]

    def put(self, key: Hashable, written: T, size: int = 1) -> T:
        """The same value, which is now known; the oldest ones are forgotten for it."""
        with self._lock:
            self._size += size - self._found.get(key, (None, 0))[1]
            self._found[key] = written, size
            self._found.move_to_end(key)
            while self._size > self._most and len(self._found) > 1:
                self._size -= self._found.popitem(last=False)[1][1]
        return written
