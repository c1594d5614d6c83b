"""Several servers of one model as one `Engine`.

A conversation goes to the server that has read it; a server that fails gets no more requests until
it is well again; and a request that has no chunk yet is tried on another one, unseen. After the
first chunk nothing is tried again. What is slow is not dead: a long prompt is silent for minutes,
so a server at work is not asked how it is. Knows no kind of engine.
"""

import asyncio
import logging
import random
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from toolgate.core.chunk import Chunk
from toolgate.core.prompt import Prompt
from toolgate.engines.engine import Capabilities, Engine, GenerateRequest, RawResponse
from toolgate.engines.pool.affinity import PrefixMemory, borders_of
from toolgate.engines.pool.replica import Replica, may_go_elsewhere
from toolgate.engines.pool.routing import choose
from toolgate.engines.pool.waiting_line import WaitingLine
from toolgate.errors import (
    ConfigError,
    EngineError,
    EngineProtocolError,
    EngineUnavailable,
    ToolgateError,
)

T = TypeVar("T")

CHECK_SECONDS: Final = 5.0
"""Between two health checks of one server, more or less: many gateways must not ask as one."""

_log: Final = logging.getLogger("toolgate")


class Server(Struct, frozen=True):
    """One of the model's servers, as the settings have it."""

    name: str
    """What people call it; its address."""
    engine: Engine
    weight: float = 1.0
    reopen: Callable[[], Engine] | None = None
    """Gives the same anew, which has learnt nothing yet; None where it never runs another model."""


class Limits(Struct, frozen=True, kw_only=True):
    """How much a pool takes upon itself."""

    max_in_flight: int | None = None
    """Of each server; None: no limit, and nothing waits here."""
    max_queue: int = 100
    queue_seconds: float = 60.0


class _Place(Struct, frozen=True):
    """One request's place on a server."""

    replica: Replica
    is_trial: bool


class _Way(Struct):
    """One request's way through the servers."""

    borders: Sequence[bytes] = ()
    tried: Mapping[int, EngineError] = {}
    """The servers that failed it, in this order."""
    held: bool = False
    """Whether a grammar goes along."""
    begun: bool = False
    """Whether there has been a chunk; then nothing is tried again."""


class Pool:
    """At least one server; an `Engine` like any other, started as soon as one of its servers is."""

    def __init__(
        self,
        servers: Sequence[Server],
        limits: Limits | None = None,
        *,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        limits = limits or Limits()
        self.replicas: Final = [
            Replica(number, server.name, server.engine, weight=server.weight)
            for number, server in enumerate(servers)
        ]
        self._reopen = [server.reopen for server in servers]
        self._most = limits.max_in_flight
        self._line: WaitingLine[_Place] = WaitingLine(
            most=limits.max_queue, seconds=limits.queue_seconds, give_back=self._give_back
        )
        self._check_seconds = check_seconds
        self._known = PrefixMemory()
        self._given = 0
        self._markers: Sequence[str] = ()
        self._marker_ids: Mapping[int, str] | None = None
        self._watching: list[asyncio.Task[None]] = []
        self._asking: dict[Replica, asyncio.Task[bool]] = {}

    @property
    def waiting(self) -> int:
        """Requests for which no server has room."""
        return len(self._line)

    @property
    def capabilities(self) -> Capabilities:
        """Of all that may be given a request: one that takes no grammar has all steered."""
        usable = self._usable() or [self._first]
        strong = [one for one in usable if one.takes_grammars]
        grammar = strong[0].engine.capabilities.grammar if strong == usable else "none"
        return replace(self._first.engine.capabilities, grammar=grammar)

    async def start(self) -> None:
        """Starts every server; those that cannot be reached now are tried again and again.

        Raises: EngineError when none of them starts; ConfigError.
        """
        if self._watching:
            return
        starting = [self._start(replica) for replica in self.replicas]
        failures = await asyncio.gather(*starting, return_exceptions=True)
        for replica, failure in zip(self.replicas, failures, strict=True):
            if isinstance(failure, EngineError) and self._usable():
                _log.warning("%s is not used yet: %s", replica.name, failure)
            elif failure is not None:
                raise failure
        self._watching = [asyncio.create_task(self._watch(one)) for one in self.replicas]

    async def close(self) -> None:
        await self._stop_watching()
        for replica in self.replicas:
            await replica.engine.close()

    async def retire(self) -> None:
        await self._stop_watching()
        for replica in self.replicas:
            await replica.engine.retire()

    async def marker_ids(self, markers: Sequence[str]) -> Mapping[int, str]:
        """As of one server; any with another vocabulary gets no requests from then on."""
        ids = await self._ask(_Way(), lambda engine: engine.marker_ids(markers))
        self._markers, self._marker_ids = markers, ids
        for replica in self._usable():
            with suppress(EngineError), self._judging(replica, _Way()):
                await self._check_alike(replica)
        return ids

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        is_held = request.constraint is not None and any(
            one.takes_grammars for one in self.replicas
        )
        way = _Way(borders_of(request.prompt), held=is_held)
        while True:
            async with self._place(way) as replica:
                with self._judging(replica, way):
                    await self._check_same(replica)
                    async with aclosing(replica.engine.generate(request)) as chunks:
                        async for chunk in chunks:
                            self._begin(replica, way)
                            yield chunk
                    replica.completed()
                    return

    async def count_tokens(self, prompt: Prompt) -> int:
        way = _Way(borders_of(prompt))
        return await self._ask(way, lambda engine: engine.count_tokens(prompt))

    @asynccontextmanager
    async def forward(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AsyncGenerator[RawResponse, None]:
        way = _Way()
        while True:
            async with self._place(way) as replica:
                with self._judging(replica, way):
                    async with replica.engine.forward(path, body, headers) as response:
                        self._begin(replica, way)
                        yield response
                    replica.completed()
                    return

    async def describe(self) -> Mapping[str, Any]:
        """One server's words, with the smallest context of all."""
        told = []
        for replica in self._usable():
            with suppress(EngineError), self._judging(replica, _Way()):
                told.append(await replica.engine.describe())
        if not told:
            raise self._nobody()
        contexts = [one["context"] for one in told if one["context"] is not None]
        return {**told[0], "context": min(contexts, default=None)}

    async def healthy(self) -> bool:
        """Whether some server may be given a request, as the last look at each said."""
        return bool(self._usable())

    @property
    def doubtful(self) -> bool:
        """Whether of those that ran the model each runs another one now. One that is down may come
        back as it was, so that nothing is decided before."""
        is_left = any(replica.has_started for replica in self.replicas)
        return not is_left and any(replica.is_another for replica in self.replicas)

    async def is_another(self) -> bool:
        """The same: its servers are looked at all the time, and none is used again then."""
        return self.doubtful

    async def check(self, replica: Replica) -> None:
        """One look at a server: starts what has not started yet, and notes how it is."""
        if self.doubtful or replica in self._asking or (replica.in_flight and not replica.is_down):
            return
        if replica.has_started:
            await self._look(replica)
        else:
            with suppress(ToolgateError):  # told at the start, and by what comes of it
                await self._start(replica)
                _log.warning("%s is used now", replica.name)
        self._line.serve()

    async def _look(self, replica: Replica) -> None:
        """It comes back from being down only as what it was."""
        is_well = await replica.engine.healthy()
        if is_well:
            try:
                if await self._is_another(replica):
                    return
            except EngineError:
                is_well = False
        replica.looked_at(well=is_well)

    async def _check_same(self, replica: Replica) -> None:
        """Raises: EngineUnavailable for a server that failed, and came back as another."""
        is_another = replica.engine.doubtful and await self._is_another(replica)
        if is_another or not replica.has_started:
            raise EngineUnavailable(f"{replica.name} runs another model now.")

    async def _is_another(self, replica: Replica) -> bool:
        """Asks it, once for all who want to know; one that is, is used again where it fits."""
        if (asking := self._asking.get(replica)) is None:
            asking = self._asking[replica] = asyncio.create_task(self._keep_out_another(replica))
            asking.add_done_callback(lambda _: self._asking.pop(replica))
        await asyncio.wait([asking])
        if asking.cancelled():
            raise EngineUnavailable(f"{replica.name} is not used any more.")
        return asking.result()

    async def _keep_out_another(self, replica: Replica) -> bool:
        if not await replica.engine.is_another():
            return False
        replica.kept_out()
        replica.is_another = True
        _log.warning("%s runs another model now, and gets no requests until it fits", replica.name)
        try:
            await self._forget(replica)
        except ConfigError as error:
            _log.warning("%s cannot be opened anew: %s", replica.name, error)
        return True

    async def _forget(self, replica: Replica) -> None:
        """Nothing that was learnt of it holds any longer. Raises: ConfigError."""
        if (reopen := self._reopen[replica.number]) is None:
            return
        fresh = await asyncio.to_thread(reopen)
        old, replica.engine = replica.engine, fresh
        await old.retire()

    async def _stop_watching(self) -> None:
        tasks = [*self._watching, *self._asking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._watching = []

    async def _watch(self, replica: Replica) -> None:
        while True:
            await asyncio.sleep(self._check_seconds * random.uniform(0.5, 1.5))
            await self.check(replica)

    async def _start(self, replica: Replica) -> None:
        """Raises: EngineError, also where it is another model than its siblings."""
        if await replica.engine.is_another():  # than when it was started, and did not fit
            await self._forget(replica)
        await replica.engine.start()
        await self._check_alike(replica)
        replica.started()
        if self._first.takes_grammars != replica.takes_grammars:
            weak = self._first if replica.takes_grammars else replica
            _log.warning(
                "%s takes no grammar, and another server of the model does: while it is used, "
                "calls are held by steering. Mend it, or give it a [[models]] of its own.",
                weak.name,
            )

    async def _check_alike(self, replica: Replica) -> None:
        """Raises: EngineProtocolError for a server that cannot stand in for the others."""
        first, ids = self._first, self._marker_ids
        if not first.has_started:
            return
        own = ids if ids is None else await replica.engine.marker_ids(self._markers)
        can, others_can = replica.engine.capabilities, first.engine.capabilities
        alike = replace(can, version=others_can.version, grammar=others_can.grammar)
        if own != ids or alike != others_can:
            replica.kept_out()
            raise EngineProtocolError(
                f"{replica.name} gets no requests: it runs another model, or another kind of "
                f"engine, than {first.name}. Give it a [[models]] of its own."
            )

    @property
    def _first(self) -> Replica:
        started = (replica for replica in self.replicas if replica.has_started)
        return next(started, self.replicas[0])

    def _usable(self, tried: Collection[int] = ()) -> list[Replica]:
        return [one for one in self.replicas if not one.is_down and one.number not in tried]

    async def _ask(self, way: _Way, ask: Callable[[Engine], Awaitable[T]]) -> T:
        """A small question: it waits for no place, and is asked of another server on failure."""
        while True:
            replica = self._choose(way, most=None) or self._usable(way.tried)[0]
            with self._judging(replica, way):
                return await ask(replica.engine)

    @asynccontextmanager
    async def _place(self, way: _Way) -> AsyncIterator[Replica]:
        """A server to work on, now or later.

        Raises: QueueFull, Overloaded; EngineError when none is left that could be tried.
        """
        place = await self._line.place(lambda: self._take(way))
        try:
            yield place.replica
        finally:
            self._give_back(place)

    def _take(self, way: _Way) -> _Place | None:
        if (replica := self._choose(way, most=self._most)) is None:
            return None
        self._given += 1
        self._known.note(way.borders, replica.number)
        return _Place(replica, replica.take(self._given))

    def _give_back(self, place: _Place) -> None:
        place.replica.give_back(was_trial=place.is_trial)
        self._line.serve()

    def _choose(self, way: _Way, *, most: int | None) -> Replica | None:
        """Raises: EngineError when every server is down or has been tried."""
        loads = {
            one.number: one.load(most=most)
            for one in self._usable(way.tried)
            if one.takes_grammars or not way.held
        }
        if not loads:
            failures = list(way.tried.values())
            raise failures[-1] if failures else self._nobody()
        number = choose(loads, own=self._known.find(way.borders))
        return None if number is None else self.replicas[number]

    def _begin(self, replica: Replica, way: _Way) -> None:
        if not way.begun:
            way.begun = True
            replica.answered()
            self._line.serve()

    @contextmanager
    def _judging(self, replica: Replica, way: _Way) -> Iterator[None]:
        """Notes how a server failed, and keeps that to itself where another one may be tried."""
        try:
            yield
        except EngineError as error:
            replica.failed(error)
            self._line.serve()
            if way.begun or not may_go_elsewhere(error):
                raise
            way.tried = {**way.tried, replica.number: error}

    def _nobody(self) -> EngineUnavailable:
        return EngineUnavailable(
            f"None of the model's {len(self.replicas)} servers can be reached now. They are looked "
            f"at every {self._check_seconds:g} s; their own logs should say why."
        )
