"""Ends a stream in which nothing comes any more, with one timer for all of it.

A timer for each piece, as aiohttp's `sock_read` sets it, is a twentieth of what a streamed chunk
costs a gateway. So this one looks only now and then whether anything has come since it last did.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def silence_limit(
    seconds: float, heard: Callable[[], int], give_up: Callable[[], object]
) -> Iterator[None]:
    """`heard` tells how much has come; `give_up` is called when that has not grown for so long.

    It may take up to twice the time until that is noticed.
    """
    watch = _Watch(seconds, heard, give_up)
    try:
        yield
    finally:
        watch.timer.cancel()


class _Watch:
    def __init__(
        self, seconds: float, heard: Callable[[], int], give_up: Callable[[], object]
    ) -> None:
        self._seconds = seconds
        self._heard = heard
        self._give_up = give_up
        self._last = heard()
        self.timer = self._set()

    def _set(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._seconds, self._look)

    def _look(self) -> None:
        last, self._last = self._last, self._heard()
        if self._last == last:
            self._give_up()
            return
        self.timer = self._set()
