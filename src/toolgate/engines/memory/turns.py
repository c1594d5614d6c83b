"""Where the turns lie that a client may lose: in this process, or in a Redis that several share.

What is kept and why is `pipeline.recall`'s affair. A memory forgets: it is bounded by size and by
age, and a turn that a conversation still asks for stays.
"""

import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from msgspec import Struct

from toolgate.errors import ConfigError
from toolgate.pipeline.recall import Remembered

DAY: Final = 24 * 3600
"""Seconds after which nobody goes on with a conversation."""
LOCAL_BYTES: Final = 128 << 20
"""Tens of thousands of turns: with two kilobytes of reasoning and arguments each, 50,000."""
_OVERHEAD: Final = 400
"""Bytes of an entry beside its texts: structs, tuple, its place (CPython 3.11: 330)."""


class Memory(Protocol):
    """Turns, under the ids of their calls. No call of these ever fails a request."""

    async def get_many(self, ids: Iterable[str]) -> Mapping[str, Remembered]:
        """What is remembered under these ids; those that are not known are left out."""

    async def put(self, turns: Mapping[str, Remembered]) -> None:
        """Remembers; once it returns, `get_many` finds them."""

    async def close(self) -> None:
        """Lets go of connections."""


def open_memory(url: str | None) -> Memory:
    """The Redis at this URL; without one, this process.

    Raises: ConfigError.
    """
    if url is None:
        return LocalMemory()
    try:
        from toolgate.engines.memory.redis_turns import RedisMemory  # noqa: PLC0415  an optional extra
    except ModuleNotFoundError:
        raise ConfigError(
            "Remembering in Redis needs Redis's client: pip install '.[redis]' in the checkout"
        ) from None
    return RedisMemory(url)


class _Entry(Struct):
    turn: Remembered
    size: int
    used: float


class LocalMemory:
    """In this process; forgets what has not been asked for the longest, and all at a restart."""

    def __init__(
        self,
        *,
        max_bytes: int = LOCAL_BYTES,
        max_age: float = DAY,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` counts seconds, and `max_age` is in them."""
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._now = now
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self.size = 0
        """Bytes. A turn with several calls counts once for each, so the truth is rather less."""

    async def get_many(self, ids: Iterable[str]) -> Mapping[str, Remembered]:
        """What is remembered under these ids, which keeps it remembered."""
        self._forget_old()
        return {id: self._use(id) for id in ids if id in self._entries}

    async def put(self, turns: Mapping[str, Remembered]) -> None:
        """Remembers these; the oldest go, where there is no room for them."""
        for id, turn in turns.items():
            self._forget(id)
            entry = _Entry(turn, _weigh(turn), self._now())
            if entry.size <= self._max_bytes:  # one turn alone must not push out all others
                self._entries[id] = entry
                self.size += entry.size
        self._forget_old()

    async def close(self) -> None:
        """Nothing is open."""

    def _use(self, id: str) -> Remembered:
        entry = self._entries[id]
        entry.used = self._now()
        self._entries.move_to_end(id)
        return entry.turn

    def _forget_old(self) -> None:
        oldest = self._now() - self._max_age
        while self._entries and (
            self.size > self._max_bytes or next(iter(self._entries.values())).used < oldest
        ):
            self._forget(next(iter(self._entries)))

    def _forget(self, id: str) -> None:
        entry = self._entries.pop(id, None)
        self.size -= entry.size if entry else 0


def _weigh(turn: Remembered) -> int:
    texts = (turn.reasoning, *(text for call in turn.calls for text in (call.id, call.arguments)))
    return _OVERHEAD + sum(map(sys.getsizeof, texts))
