"""Silence is noticed, and nothing else is."""

import asyncio

from tests.apps.virtual_time import run
from toolgate.engines.silence import silence_limit


def _given_up(pauses: list[float]) -> float | None:
    """When a stream with these pauses is given up, with a limit of ten seconds."""

    async def stream() -> float | None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        ended: asyncio.Future[float] = loop.create_future()
        heard: list[float] = []
        with silence_limit(10, lambda: len(heard), lambda: ended.set_result(loop.time() - begin)):
            for pause in pauses:
                await asyncio.wait((ended,), timeout=pause)
                heard.append(pause)
        return ended.result() if ended.done() else None

    return run(stream())


def test_a_stream_that_goes_on_is_left_alone():
    assert _given_up([9.0] * 20) is None


def test_silence_from_the_start_ends_after_the_limit():
    assert _given_up([100.0]) == 10


def test_silence_after_a_word_ends_within_twice_the_limit():
    assert _given_up([1.0, 100.0]) == 20


def test_what_has_ended_is_not_given_up():
    assert _given_up([]) is None
