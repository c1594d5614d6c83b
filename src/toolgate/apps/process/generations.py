"""The gateway as it is set up now, and for answers under way, as it was when they began.

New settings make a new app; the old one lives until its last answer has ended. Engines whose
settings did not change are the same in both.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from toolgate.apps.http.gateway import create_gateway
from toolgate.apps.serving.models import Models
from toolgate.apps.serving.open_engine import engine_settings
from toolgate.apps.serving.service import Service
from toolgate.apps.serving.shared_state import SharedState
from toolgate.apps.settings.config import Config
from toolgate.engines.engine import Engine
from toolgate.errors import ToolgateError


class _Generation:
    """One set of settings at work."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.app: ASGIApp = create_gateway(models)
        self.running = 0

    @property
    def engines(self) -> list[Engine]:
        return [service.engine for service in self.models]


class Generations:
    """An ASGI app without a lifespan; `start` it, `change` its settings, `close` it."""

    def __init__(self, configs: Sequence[Config], open_engine: Callable[[Config], Engine]) -> None:
        """Raises: ConfigError."""
        self._open_engine = open_engine
        self._shared = SharedState(configs[0])
        self._old: list[_Generation] = []
        self._now = _Generation(Models([self._service(one, open_engine(one)) for one in configs]))
        self._is_closed = False
        self._watching: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        generation = self._now
        generation.running += 1
        try:
            await generation.app(scope, receive, send)
        finally:
            generation.running -= 1
            if generation is not self._now and not generation.running:
                task = asyncio.create_task(self._bury(generation))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    @property
    def config(self) -> Config:
        """What is set for the gateway as a whole."""
        return self._now.models.config

    async def start(self) -> None:
        """Raises: ConfigError; EngineError when no engine starts."""
        await self._now.models.start()
        self._watch()

    async def change(self, configs: Sequence[Config]) -> None:
        """Requests from now on are served so; what was begun goes on as it began.

        Raises: ToolgateError, and nothing has changed then.
        """
        old = self._now
        await old.models.renewals.close()
        try:
            self._now = await self._start_anew(configs)
        finally:
            if self._now is old:
                old.models.renewals.resume()
        self._watch()
        self._old.append(old)
        if not old.running:
            await self._bury(old)

    async def close(self) -> None:
        """Lets go of everything, once."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        for generation in list(self._old):
            await self._bury(generation)
        await asyncio.gather(*self._closing)
        await self._now.models.close()
        await self._shared.close()

    async def _start_anew(self, configs: Sequence[Config]) -> _Generation:
        """With the engines of now whose settings stay, unless their model has been replaced."""
        kept = {
            engine_settings(one.config): one.engine
            for one in self._now.models
            if not one.is_outdated
        }
        services = []
        opened: list[Engine] = []
        try:
            for config in configs:
                engine = kept.pop(engine_settings(config), None)
                if engine is None:
                    engine = self._open_engine(config)
                    opened.append(engine)
                services.append(self._service(config, engine))
            new = _Generation(Models(services))
            await new.models.start()
        except ToolgateError:
            for engine in opened:
                await engine.close()
            raise
        return new

    def _service(self, config: Config, engine: Engine) -> Service:
        return Service(config, engine, self._shared, reopen=partial(self._open_engine, config))

    def _watch(self) -> None:
        """Over the models as they are now: what an old generation still answers is soon over."""
        if self._watching is not None:
            self._watching.cancel()
        self._watching = asyncio.create_task(self._now.models.renewals.watch())

    async def _bury(self, generation: _Generation) -> None:
        """Closes the engines that no other generation has."""
        if generation not in self._old:
            return
        self._old.remove(generation)
        for service in generation.models:
            service.close_template()
        others = [engine for one in (self._now, *self._old) for engine in one.engines]
        for engine in generation.engines:
            if not any(engine is other for other in others):
                await engine.close()
