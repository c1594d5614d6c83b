"""Several servers of one model as one engine."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from toolgate.core.chunk import Chunk
from toolgate.core.conversation import Options
from toolgate.core.grammar import Constraint, Lit
from toolgate.core.prompt import Plain, Prompt, Special
from toolgate.engines.engine import Capabilities, GenerateRequest, RawResponse
from toolgate.engines.pool.engine import Limits, Pool, Server
from toolgate.engines.replay import Pause, ReplayEngine, Step
from toolgate.errors import (
    EngineError,
    EngineProtocolError,
    EngineRefused,
    EngineUnavailable,
    Overloaded,
    QueueFull,
)

DOWN = EngineUnavailable("connection refused")
CUT = EngineProtocolError("broke off")
SAID = [Chunk(text="Hi."), Chunk(finish_reason="stop")]


class Engine(ReplayEngine):
    """A server that can be switched off; it says what `steps` says."""

    def __init__(self, steps: Iterable[Step] = SAID, **more: Any) -> None:
        super().__init__(lambda prompt: self.steps, raw=[b"raw"], **more)
        self.steps = list(steps)
        self.down = False
        self.context: int | None = None
        self.starts = self.looks = 0
        self.closed = False

    def _check(self) -> None:
        if self.down:
            raise DOWN

    async def start(self) -> None:
        self.starts += 1
        self._check()

    async def close(self) -> None:
        self.closed = True

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        self._check()
        async with aclosing(super().generate(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def count_tokens(self, prompt: Prompt) -> int:
        self._check()
        return await super().count_tokens(prompt)

    async def describe(self) -> Mapping[str, Any]:
        self._check()
        return {"model": "kimi", "context": self.context}

    @asynccontextmanager
    async def forward(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AsyncGenerator[RawResponse, None]:
        self._check()
        async with super().forward(path, body, headers) as response:
            yield response

    async def healthy(self) -> bool:
        self.looks += 1
        return not self.down


def request(*texts: str) -> GenerateRequest:
    segments = [part for text in texts for part in (Special("<m>"), Plain(text))]
    return GenerateRequest(prompt=Prompt(tuple(segments)), options=Options())


async def said(pool: Pool, *texts: str) -> str:
    return "".join([chunk.text async for chunk in pool.generate(request(*texts or ("Hi",)))])


@asynccontextmanager
async def opened(*engines: Engine, **limits: Any) -> AsyncGenerator[Pool, None]:
    """No server is looked at but when a test does."""
    servers = [Server(f"server {number}", engine) for number, engine in enumerate(engines)]
    pool = Pool(servers, Limits(**limits), check_seconds=1e6)
    await pool.start()
    yield pool
    await pool.close()
    assert all(engine.closed for engine in engines)
    assert sum(engine.running for engine in engines) == 0
    assert sum(replica.in_flight for replica in pool.replicas) == 0


def served(engines: Sequence[Engine]) -> list[int]:
    return [len(engine.requests) for engine in engines]


async def look(pool: Pool) -> None:
    for replica in pool.replicas:
        await pool.check(replica)


async def test_work_is_shared():
    engines = [Engine(), Engine(), Engine()]
    async with opened(*engines) as pool:
        for number in range(6):
            assert await said(pool, f"{number}") == "Hi."
    assert served(engines) == [2, 2, 2]


async def test_a_conversation_stays_where_it_is():
    engines = [Engine(), Engine(), Engine()]
    async with opened(*engines) as pool:
        for turn in range(1, 5):
            for number in range(3):
                await said(pool, "the same system prompt", *[f"{number}"] * turn)
    texts = [{str(one.prompt)[-1] for one in engine.requests} for engine in engines]
    assert [len(kinds) for kinds in texts] == [1, 1, 1]


@pytest.mark.parametrize(
    "failure", [DOWN, CUT, EngineRefused("broken", status=500), EngineRefused("busy", status=429)]
)
async def test_before_the_first_chunk_another_server_is_tried(failure):
    engines = [Engine([failure]), Engine()]
    async with opened(*engines) as pool:
        assert await said(pool) == "Hi."
    assert served(engines) == [1, 1]


async def test_after_the_first_chunk_none_is():
    engines = [Engine([Chunk(text="Half"), CUT]), Engine()]
    async with opened(*engines) as pool:
        with pytest.raises(EngineProtocolError, match="broke off"):
            await said(pool)
    assert served(engines) == [1, 0]


async def test_what_is_the_requests_own_fault_is_told_at_once():
    engines = [Engine([EngineRefused("no such grammar", status=400)]), Engine()]
    async with opened(*engines) as pool:
        with pytest.raises(EngineRefused, match="no such grammar"):
            await said(pool)
    assert served(engines) == [1, 0]


async def test_when_all_have_failed_it_is_the_last_ones_error():
    async with opened(Engine([CUT]), Engine([EngineRefused("broken", status=500)])) as pool:
        with pytest.raises(EngineRefused, match="broken"):
            await said(pool)


async def test_a_dead_server_is_left_alone_until_it_is_well():
    engines = dead, _ = [Engine(), Engine()]
    async with opened(*engines) as pool:
        dead.down = True
        for number in range(20):
            assert await said(pool, f"{number}") == "Hi."
        assert pool.replicas[0].is_down
        await look(pool)
        assert pool.replicas[0].is_down
        dead.down = False
        await look(pool)
        for number in range(4):
            assert await said(pool, f"again {number}") == "Hi."
    assert served(engines) == [2, 22]


async def test_with_all_down_it_is_told_at_once_and_they_come_back():
    engine = Engine()
    async with opened(engine) as pool:
        engine.down = True
        for _ in range(3):
            with pytest.raises(EngineUnavailable, match="refused"):
                await said(pool)
        assert not await pool.healthy()
        for asking in (said(pool), pool.count_tokens(Prompt(())), pool.describe()):
            with pytest.raises(EngineUnavailable, match="None of the model's 1 servers"):
                await asking
        engine.down = False
        await look(pool)
        assert await pool.healthy()
        assert await said(pool) == "Hi."


async def test_who_waits_for_a_server_that_dies_is_told():
    engine = Engine([Pause(), *SAID])
    async with opened(engine, max_in_flight=1) as pool:
        first = asyncio.create_task(said(pool))
        await asyncio.sleep(0)
        second = asyncio.create_task(said(pool))
        await asyncio.sleep(0)
        engine.down = True
        for _ in range(3):
            pool.replicas[0].failed(DOWN)
        first.cancel()
        with pytest.raises(EngineUnavailable):
            await second


async def test_what_is_slow_is_not_dead():
    engine = Engine([Pause(), *SAID])
    async with opened(engine) as pool:
        asking = asyncio.create_task(said(pool))
        await asyncio.sleep(0)
        engine.down = True  # for its health check, which a long prompt may hold up
        for _ in range(9):
            await look(pool)
        assert await pool.healthy()
        assert engine.looks == 0
        asking.cancel()


async def test_an_idle_server_that_is_not_well_gets_no_requests():
    engines = sick, well = [Engine(), Engine()]
    async with opened(*engines) as pool:
        sick.down = True
        for _ in range(3):
            await look(pool)
        assert [one.is_down for one in pool.replicas] == [True, False]
        sick.down = False
        await look(pool)
        sick.steps = [CUT]
        for number in range(4):
            assert await said(pool, f"{number}") == "Hi."
        assert pool.replicas[0].is_down
    assert (served(engines), well.looks) == ([1, 4], 4)


async def test_servers_are_looked_at_by_themselves():
    engine = Engine()
    pool = Pool([Server("a", engine)], check_seconds=0.0)
    await pool.start()
    await pool.start()
    while engine.looks < 3:
        await asyncio.sleep(0)
    await pool.close()
    looks = engine.looks
    await asyncio.sleep(0)
    assert (engine.looks, engine.starts) == (looks, 1)


async def test_one_that_cannot_start_is_started_later():
    engines = late, _ = [Engine(), Engine()]
    late.down = True
    async with opened(*engines) as pool:
        assert await said(pool, "a") == "Hi."
        late.down = False
        await look(pool)
        assert await said(pool, "b") == "Hi."
    assert served(engines) == [1, 1]


async def test_with_none_that_starts_there_is_no_pool():
    engine = Engine()
    engine.down = True
    pool = Pool([Server("a", engine), Server("b", engine)])
    with pytest.raises(EngineUnavailable, match="refused"):
        await pool.start()
    engine.down = False
    await pool.start()
    await pool.close()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "other",
    [
        Engine(token_ids={9: "<m>"}),
        Engine(token_ids={7: "<m>"}, capabilities=Capabilities(kind="another")),
    ],
)
async def test_another_model_gets_no_requests(when, other, caplog):
    other.down = when == "after"
    engines = [Engine(token_ids={7: "<m>"}), other]
    async with opened(*engines) as pool:
        assert await pool.marker_ids(["<m>"]) == {7: "<m>"}
        other.down = False
        for number in range(3):
            await look(pool)
            await said(pool, f"{number}")
        assert pool.capabilities == engines[0].capabilities
    assert served(engines)[1] == len(other.requests) == 0
    assert when == "after" or "another model, or another kind" in caplog.text


async def test_another_version_is_welcome():
    newer = Engine(capabilities=Capabilities(kind="replay", version="2"))
    async with opened(Engine(), newer) as pool:
        await pool.marker_ids([])
        assert [one.is_down for one in pool.replicas] == [False, False]


@pytest.mark.parametrize("weak", [0, 1])
async def test_one_that_takes_no_grammar_has_all_steered_while_it_is_used(weak, caplog):
    """Its probe may have failed where its sibling's did not."""
    engines = [Engine(capabilities=Capabilities(kind="replay", grammar="gbnf")) for _ in range(2)]
    engines[weak] = Engine(capabilities=Capabilities(kind="replay"))
    held = replace(request("held"), constraint=Constraint(calls=Lit("x"), triggers=("<m>",)))
    async with opened(*engines) as pool:
        assert caplog.text.count(f"server {weak} takes no grammar") == 1
        assert pool.capabilities == engines[weak].capabilities
        for number in range(4):
            await said(pool, f"{number}")
        assert served(engines) == [2, 2]
        async for _ in pool.generate(held):  # asked for before the weak one was used
            pass
        assert served(engines) == [2 + weak, 3 - weak]
        engines[weak].down = True
        for _ in range(3):
            await look(pool)
        assert pool.capabilities == engines[1 - weak].capabilities


async def test_the_smallest_context_counts():
    engines = [Engine(), Engine(), Engine()]
    engines[0].context, engines[1].context = 8192, 4096
    async with opened(*engines) as pool:
        assert await pool.describe() == {"model": "kimi", "context": 4096}
        engines[1].down = True
        assert await pool.describe() == {"model": "kimi", "context": 8192}


async def test_questions_are_asked_elsewhere_too():
    engines = [Engine(), Engine()]
    async with opened(*engines, max_in_flight=1) as pool:
        engines[0].down = True
        for _ in range(5):
            assert await pool.count_tokens(request("Hi").prompt) == len("<m>Hi")
        engines[1].down = True
        with pytest.raises(EngineError):
            await pool.count_tokens(request("Hi").prompt)


async def test_raw_requests_are_shared_and_tried_again():
    engines = [Engine(), Engine()]
    async with opened(*engines) as pool:
        engines[0].down = True
        for _ in range(4):
            async with pool.forward("/v1/completions", b"{}", {}) as response:
                assert [piece async for piece in response.body] == [b"raw"]
        engines[1].down = True
        with pytest.raises(EngineUnavailable):
            async with pool.forward("/v1/completions", b"{}", {}):
                pass


async def test_a_raw_answer_that_has_begun_is_not_tried_again():
    engines = [Engine(), Engine()]
    async with opened(*engines) as pool:
        with pytest.raises(EngineProtocolError):
            async with pool.forward("/v1/completions", b"{}", {}):
                raise CUT


async def test_more_than_a_server_may_have_waits_its_turn():
    engine = Engine([Pause(0), *SAID])
    async with opened(engine, max_in_flight=2, max_queue=8) as pool:
        most = 0

        async def ask(number: int) -> str:
            nonlocal most
            answer = ""
            async for chunk in pool.generate(request(f"{number}")):
                most = max(most, engine.running)
                answer += chunk.text
            return answer

        answers = await asyncio.gather(*map(ask, range(10)))
        assert (answers, most) == (["Hi."] * 10, 2)


async def test_the_line_has_an_end():
    async with opened(Engine([Pause()]), max_in_flight=1, max_queue=0) as pool:
        asking = asyncio.create_task(said(pool))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await said(pool)
        asking.cancel()


async def test_waiting_has_an_end():
    async with opened(Engine([Pause()]), max_in_flight=1, queue_seconds=0.001) as pool:
        asking = asyncio.create_task(said(pool))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="try again"):
            await said(pool)
        asking.cancel()


steps = st.lists(st.sampled_from([Chunk(text="a"), DOWN, CUT]), max_size=3)


@given(st.lists(st.tuples(st.lists(steps, min_size=3, max_size=3), st.booleans()), max_size=12))
async def test_no_request_fails_unseen_while_one_server_is_well(runs):
    """Hypothesis: whatever two of three servers do, what has not begun gets an answer, and what
    has begun is never begun again."""
    engines = [Engine(), Engine(), Engine()]
    async with opened(*engines) as pool:
        for number, (scripts, is_looked_at) in enumerate(runs):
            for engine, script in zip(engines[:2], scripts, strict=False):
                engine.steps = [*script, *SAID]
            if is_looked_at:
                await look(pool)
            heard = ""
            try:
                async for chunk in pool.generate(request(f"{number}")):
                    heard += chunk.text
            except EngineError:
                assert heard
            else:
                assert heard.count("Hi.") == 1 and heard.endswith("Hi.")
