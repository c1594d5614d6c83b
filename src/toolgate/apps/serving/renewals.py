"""A model that is swapped behind its engine's address is noticed, and served anew.

What a `Service` has learnt holds for one model. Where its engine runs another one, a fresh service
takes its place, which learns everything from the beginning, with the same refusals; answers under
way end as they began.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final

from toolgate.apps.serving.service import Service
from toolgate.engines.engine import Engine
from toolgate.errors import ConfigError, EngineError, EngineUnavailable, ToolgateError

LOOK_SECONDS: Final = 10.0
"""Between two looks at one model, more or less. Large models take longer than that to load, so
that a server which is started anew is seen to be down meanwhile."""

_log: Final = logging.getLogger("toolgate")


class Renewals:
    """Puts fresh services into the list of those that serve."""

    def __init__(self, services: list[Service]) -> None:
        self._services = services
        self._looking: dict[Service, asyncio.Task[None]] = {}
        self._is_closed = False

    async def ready(self, service: Service) -> Service:
        """The same, started; or what serves in its place.

        Asks the engine nothing unless it is in doubt, and waits while a model takes its place.

        Raises: EngineError, also where the model that it runs now cannot be served.
        """
        if service.started and (service.engine.doubtful or service.is_outdated):
            await self.look(service)
        service = service.latest
        if service.is_outdated:
            raise EngineUnavailable(f"The engine of {service.model} runs another model now.")
        try:
            await service.start()
        except ConfigError as error:
            _fail(service, error)
            await service.start()
        return service

    async def retried(self, service: Service) -> Service | None:
        """After it failed: what serves in its place, if its engine runs another model."""
        try:
            fresh = await self.ready(service)
        except EngineError:
            return None
        return fresh if fresh is not service else None

    async def look(self, service: Service) -> None:
        """Asks its engine whether it runs another model now, once for all who want to know; nothing
        once looks are closed.

        Raises: EngineError where it cannot be asked.
        """
        if self._is_closed:
            return
        if service not in self._looking:
            task = asyncio.create_task(self._look(service))
            self._looking[service] = task
            task.add_done_callback(lambda _: self._looking.pop(service))
        look = self._looking[service]
        await asyncio.wait([look])
        if not look.cancelled():
            look.result()

    async def watch(self, seconds: float = LOOK_SECONDS) -> None:
        """Looks at all models again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(seconds * random.uniform(0.5, 1.5))
            looks = (self.look(service) for service in self._services)
            for failure in await asyncio.gather(*looks, return_exceptions=True):
                if failure is not None and not isinstance(failure, EngineError):
                    _log.error("A look at a model failed", exc_info=failure)

    async def close(self) -> None:
        """Ends the looks under way, and lets none begin, before others look after the engines."""
        self._is_closed = True
        looks = list(self._looking.values())
        for task in looks:
            task.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    def resume(self) -> None:
        """Nobody else looks after the engines after all."""
        self._is_closed = False

    async def _look(self, service: Service) -> None:
        if service.reopen is None or service.successor is not None:
            return
        if service.failure is None and not service.is_outdated:
            if not service.started or not await service.engine.is_another():
                return
            service.is_outdated = True
            _log.warning("The engine of %s runs another model now", service.model)
            service.shared.metrics.count_model_change(service.model)
        await self._replace(service, service.reopen)

    async def _replace(self, service: Service, reopen: Callable[[], Engine]) -> None:
        try:
            engine = await asyncio.to_thread(reopen)
        except ConfigError as error:
            _fail(service, error)
            service.is_outdated = False
            return
        new = Service(service.config, engine, service.shared, reopen=reopen)
        new.model = service.model
        try:
            await new.start()
            _log.warning("%s is served now, as %s", new.model, new.dialect.name)
        except ConfigError as error:
            _fail(new, error, before=service.failure)
        except EngineError as error:
            _log.warning("%s", error)  # the next request starts it
        except asyncio.CancelledError:
            await engine.close()
            raise
        self._services[self._services.index(service)] = service.successor = new
        await asyncio.to_thread(service.close_template)
        await service.engine.retire()


def _fail(service: Service, error: ToolgateError, before: ToolgateError | None = None) -> None:
    service.failure = error
    if str(error) != str(before):
        _log.error("%s cannot be served: %s", service.model, error)
