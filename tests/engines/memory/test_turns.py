"""The memory in this process: what it keeps, for how long, and how much of it."""

import sys
from typing import Any

import pytest

from toolgate.engines.memory.redis_turns import RedisMemory
from toolgate.engines.memory.turns import LocalMemory, open_memory
from toolgate.errors import ConfigError
from toolgate.pipeline.recall import Remembered, RememberedCall


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def turn(id: str, text: str = "why") -> dict[str, Remembered]:
    return {id: Remembered(text, (RememberedCall(id, "open", '{"path": "a"}'),))}


async def known(memory: LocalMemory, *ids: str) -> list[str]:
    return sorted(await memory.get_many(ids))


async def test_what_was_put_is_found():
    memory = LocalMemory()
    await memory.put(turn("a") | turn("b"))
    assert await memory.get_many(["a", "x", "b"]) == turn("a") | turn("b")
    assert await memory.get_many([]) == {}
    await memory.close()


async def test_putting_again_replaces():
    memory = LocalMemory()
    await memory.put(turn("a"))
    size = memory.size
    await memory.put(turn("a", "oh!"))
    assert await memory.get_many(["a"]) == turn("a", "oh!")
    assert memory.size == size


async def test_the_size_is_that_of_the_texts_and_a_little():
    memory, text = LocalMemory(), "x" * 100_000
    await memory.put(turn("a", text))
    assert sys.getsizeof(text) < memory.size < sys.getsizeof(text) + 1000


async def test_what_was_not_used_for_the_longest_goes_first():
    memory = LocalMemory(max_bytes=3 * 10_000 + 3000)
    for id in "abc":
        await memory.put(turn(id, "x" * 10_000))
    assert await known(memory, "a") == ["a"]  # used: now `b` is the oldest
    await memory.put(turn("d", "x" * 10_000))
    assert await known(memory, *"abcd") == ["a", "c", "d"]
    assert memory.size <= 3 * 10_000 + 3000


async def test_one_turn_too_large_pushes_nothing_out():
    memory = LocalMemory(max_bytes=10_000)
    await memory.put(turn("a"))
    await memory.put(turn("b", "x" * 10_000))
    assert await known(memory, "a", "b") == ["a"]


async def test_what_nobody_asked_for_is_forgotten_after_a_while():
    clock = Clock()
    memory = LocalMemory(max_age=60, now=clock)
    await memory.put(turn("a") | turn("b"))
    clock.seconds += 60
    assert await known(memory, "a") == ["a"]
    clock.seconds += 60
    assert await known(memory, "a", "b") == ["a"]
    clock.seconds += 61
    await memory.put({})
    assert memory.size == 0


async def test_without_a_url_this_process_remembers():
    assert isinstance(open_memory(None), LocalMemory)


async def test_with_a_url_redis_does():
    memory = open_memory("redis://localhost:1/3")
    assert isinstance(memory, RedisMemory)
    await memory.close()


def test_a_missing_package_is_named(monkeypatch: Any):
    monkeypatch.delitem(sys.modules, "toolgate.engines.memory.redis_turns")
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(ConfigError, match=r"\.\[redis\]"):
        open_memory("redis://localhost")
