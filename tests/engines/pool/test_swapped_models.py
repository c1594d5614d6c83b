"""A pool whose servers come to run another model."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from toolgate.core.chunk import Chunk
from toolgate.core.conversation import Options
from toolgate.core.prompt import Plain, Prompt, Special
from toolgate.engines.engine import GenerateRequest
from toolgate.engines.pool.engine import Pool, Server
from toolgate.engines.replay import ReplayEngine
from toolgate.errors import ConfigError, EngineUnavailable

IDS = {"kimi": {7: "<m>"}, "other": {9: "<m>"}}


class Address:
    """Where a model runs; engines are opened here, and each knows what ran when it started."""

    def __init__(self) -> None:
        self.runs = "kimi"
        self.down = self.in_doubt = self.closed_to_us = False
        self.engines: list[Engine] = []

    def open(self) -> "Engine":
        if self.closed_to_us:
            raise ConfigError("its tokenizer is gone")
        self.engines.append(Engine(self))
        return self.engines[-1]

    @property
    def retired(self) -> list[bool]:
        return [engine.retired for engine in self.engines]

    @property
    def answered(self) -> int:
        return sum(len(engine.requests) for engine in self.engines)


class Engine(ReplayEngine):
    def __init__(self, address: Address) -> None:
        self.address, self.retired, self.known = address, False, ""
        super().__init__(lambda prompt: [Chunk(text=self.known), Chunk(finish_reason="stop")])

    async def start(self) -> None:
        self._check()
        self.known = self.known or self.address.runs

    async def marker_ids(self, markers: Any) -> dict[int, str]:
        return IDS[self.known]

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        self._check()
        assert self.known == self.address.runs, "asked in another model's words"
        async for chunk in super().generate(request):
            yield chunk

    async def healthy(self) -> bool:
        return not self.address.down

    @property
    def doubtful(self) -> bool:
        return self.address.in_doubt

    async def is_another(self) -> bool:
        self._check()
        await asyncio.sleep(0)
        return self.known not in ("", self.address.runs)

    async def retire(self) -> None:
        self.retired = True

    def _check(self) -> None:
        if self.address.down:
            raise EngineUnavailable("connection refused")


@asynccontextmanager
async def pool_of(*addresses: Address) -> AsyncIterator[Pool]:
    """No server is looked at but when a test does."""
    servers = [
        Server(f"server {number}", one.open(), reopen=one.open)
        for number, one in enumerate(addresses)
    ]
    pool = Pool(servers, check_seconds=1e6)
    await pool.start()
    await pool.marker_ids(["<m>"])
    yield pool
    await pool.retire()
    assert all(address.engines[-1].retired for address in addresses)
    assert all(engine.running == 0 for address in addresses for engine in address.engines)


async def said(pool: Pool, text: str = "Hi") -> str:
    prompt = Prompt((Special("<m>"), Plain(text)))
    request = GenerateRequest(prompt=prompt, options=Options())
    return "".join([chunk.text async for chunk in pool.generate(request)])


async def look(pool: Pool) -> None:
    for replica in pool.replicas:
        await pool.check(replica)


async def test_the_one_that_runs_another_model_gets_no_requests_until_it_fits_again(caplog):
    same, swapped = Address(), Address()
    async with pool_of(same, swapped) as pool:
        swapped.runs = "other"
        await look(pool)
        assert "server 1 runs another model now" in caplog.text
        for number in range(4):
            await look(pool)
            assert await said(pool, f"{number}") == "kimi"
        assert swapped.answered == 0
        assert not pool.doubtful
        swapped.runs = "kimi"
        await look(pool)  # nothing that was learnt of the other model is left
        for number in range(4):
            await said(pool, f"again {number}")
    assert swapped.answered == 2
    assert swapped.retired.count(True) == len(swapped.retired)


async def test_one_in_doubt_is_asked_before_it_is_given_a_request():
    same, swapped = Address(), Address()
    async with pool_of(same, swapped) as pool:
        swapped.runs, swapped.in_doubt = "other", True
        for number in range(4):
            assert await said(pool, f"{number}") == "kimi"
    assert (same.answered, swapped.answered) == (4, 0)


async def test_many_requests_at_once_replace_a_swapped_server_once():
    same, swapped = Address(), Address()
    async with pool_of(same, swapped) as pool:
        swapped.runs, swapped.in_doubt = "other", True
        asking = [asyncio.create_task(said(pool, f"{number}")) for number in range(20)]
        while not pool.replicas[1].is_another:
            await asyncio.sleep(0)
        swapped.runs = "kimi"
        await pool.check(pool.replicas[1])  # it would start the engine that is being replaced
        assert not pool.replicas[1].has_started
        assert set(await asyncio.gather(*asking)) == {"kimi"}
        assert swapped.retired == [True, False]
        await look(pool)
        assert pool.replicas[1].has_started
        assert swapped.engines[1].known == "kimi"


async def test_a_place_on_a_server_that_was_kept_out_meanwhile_is_not_used():
    same, swapped = Address(), Address()
    async with pool_of(same, swapped) as pool:
        swapped.runs = "other"
        place = pool._take

        def take_and_look(way: Any) -> Any:
            if (taken := place(way)) is not None and taken.replica is pool.replicas[1]:
                taken.replica.kept_out()
            return taken

        pool._take = take_and_look  # type: ignore[method-assign]
        assert {await said(pool, f"{number}") for number in range(4)} == {"kimi"}
    assert swapped.answered == 0


async def test_the_end_ends_the_question_whether_it_is_another():
    address = Address()
    async with pool_of(address) as pool:
        address.in_doubt = True

        async def wait() -> bool:
            await asyncio.Event().wait()
            return False

        address.engines[0].is_another = wait  # type: ignore[method-assign]
        asking = asyncio.create_task(said(pool))
        while not pool._asking:
            await asyncio.sleep(0)
        await pool.retire()
        with pytest.raises(EngineUnavailable, match="not used any more"):
            await asking


async def test_a_server_that_does_not_fit_is_opened_anew_when_it_has_changed():
    same, misfit = Address(), Address()
    misfit.runs = "other"
    async with pool_of(same, misfit) as pool:
        for _ in range(5):
            await look(pool)
        assert len(misfit.engines) == 1
        misfit.runs = "kimi"
        await look(pool)
        assert pool.replicas[1].has_started
        assert len(misfit.engines) == 2


async def test_a_changed_misfit_that_cannot_be_opened_anew_stays_out():
    same, misfit = Address(), Address()
    misfit.runs = "other"
    async with pool_of(same, misfit) as pool:
        misfit.runs, misfit.closed_to_us = "kimi", True
        await look(pool)
        assert pool.replicas[1].is_down


async def test_doubt_alone_keeps_nobody_out():
    one, other = Address(), Address()
    async with pool_of(one, other) as pool:
        one.in_doubt = True
        for number in range(4):
            assert await said(pool, f"{number}") == "kimi"
    assert (one.answered, other.answered) == (2, 2)


async def test_the_pool_runs_another_model_when_the_last_one_does():
    first, last = Address(), Address()
    async with pool_of(first, last) as pool:
        first.runs = "other"
        await look(pool)
        last.down = True  # it may come back as it was
        for _ in range(3):
            await look(pool)
        assert not await pool.is_another()
        last.runs, last.down = "other", False
        await look(pool)
        assert pool.doubtful
        assert await pool.is_another()
        await look(pool)  # what was written for the old model is not sent to the new one
        assert pool.doubtful


async def test_a_server_that_never_fitted_says_nothing_of_the_others():
    same, misfit = Address(), Address()
    misfit.runs = "other"
    async with pool_of(same, misfit) as pool:
        await look(pool)
        same.down = True
        for _ in range(3):
            await look(pool)
        assert not pool.doubtful


async def test_a_server_that_cannot_be_asked_is_not_well():
    address = Address()
    async with pool_of(address) as pool:
        (replica,) = pool.replicas
        engine = address.engines[0]
        address.down = True
        engine.healthy = ReplayEngine.healthy.__get__(engine)  # type: ignore[method-assign]
        for _ in range(3):
            await look(pool)
        assert replica.is_down


async def test_a_server_that_cannot_be_opened_anew_stays_out(caplog):
    same, swapped = Address(), Address()
    async with pool_of(same, swapped) as pool:
        swapped.runs, swapped.closed_to_us = "other", True
        await look(pool)
        assert "its tokenizer is gone" in caplog.text
        assert await said(pool) == "kimi"
