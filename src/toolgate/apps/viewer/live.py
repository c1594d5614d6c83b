"""What is new, told as it comes (server-sent events): `changes` for as long as somebody listens.

    data: {"newest": 17, "running": [{"id": "req_1", …}]}

`newest` grows with each recording that is stored; `running` are the requests under way. A page asks
for the rest itself, so that a slow one is told less often and never too much.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from toolgate.apps.viewer.shelf import Shelf
from toolgate.engines.traces.row import Row

LOOK_SECONDS: Final = 0.5
BEAT_SECONDS: Final = 15.0
"""Between two signs of life, so that what lies between does not take the line for dead."""
BEAT: Final = b": still here\n\n"


class Change(Struct, frozen=True):
    """What a page is told."""

    newest: int
    running: tuple[Row, ...]


async def changes(
    shelf: Shelf, is_stopping: Callable[[], bool], *, look_seconds: float = LOOK_SECONDS
) -> AsyncIterator[bytes]:
    """Frames: one at once, and one whenever something is new, until the server stops."""
    told, silent = None, 0.0
    while not is_stopping():
        newest = await shelf.ask(lambda store: store.newest) or 0
        now = Change(newest, tuple(shelf.running()))
        if (still := _still(now)) != told:
            told, silent = still, 0.0
            yield b"data: %b\n\n" % msgspec.json.encode(now)
        elif silent >= BEAT_SECONDS:
            silent = 0.0
            yield BEAT
        await asyncio.sleep(look_seconds)
        silent += look_seconds


def _still(change: Change) -> Change:
    """Without the time, which passes anyway."""
    return replace(change, running=tuple(replace(row, seconds=0.0) for row in change.running))
