"""Which of a gateway's models a request means: a small table of names, aliases and services."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, TypeVar

from starlette.datastructures import Headers
from starlette.types import Scope

from toolgate.apps.serving.renewals import Renewals
from toolgate.apps.serving.service import Service
from toolgate.apps.serving.shared_state import SharedState
from toolgate.apps.settings.config import Config
from toolgate.errors import EngineError, EngineUnavailable, UnknownModel

T = TypeVar("T")

FALLBACK: Final = "x-toolgate-fallback"
"""A request's header; `off` wants an error rather than another model's answer."""

_log: Final = logging.getLogger("toolgate")


class Models:
    """At least one; the first answers where a request names none."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = list(services)
        self.renewals = Renewals(self._services)

    def __iter__(self) -> Iterator[Service]:
        return iter(self._services)

    @property
    def first(self) -> Service:
        return self._services[0]

    @property
    def config(self) -> Config:
        """For what concerns the gateway as a whole: all models say the same of that."""
        return self.first.config

    @property
    def shared(self) -> SharedState:
        return self.first.shared

    @property
    def listed(self) -> list[tuple[str, Service]]:
        """Every name that can be told, with its model."""
        names: dict[str, Service] = {}
        for service in self._services:
            for name in (service.model, *service.aliases.names):
                names.setdefault(name, service)
        return list(names.items())

    def find(self, name: str) -> Service:
        """The model that goes by this name, or the only one there is.

        Raises: UnknownModel, with the names there are.
        """
        if found := self.find_named(name):
            return found
        if not name or (len(self._services) == 1 and self.config.accept_any_model):
            return self.first
        ours = ", ".join(repr(service.model) for service in self._services)
        raise UnknownModel(f"There is no model {name!r} here; ask for {ours}.")

    def chain(self, name: str, scope: Scope) -> list[Service]:
        """The model of this name, and those that may stand in for it, unless the client minds.

        Raises: UnknownModel.
        """
        first = self.find(name)
        if Headers(scope=scope).get(FALLBACK) == "off":
            return [first]
        named = {service.model: service for service in self._services}
        return [first, *(named[fallback] for fallback in first.config.fallbacks)]

    async def ask(self, name: str, scope: Scope, ask: Callable[[Service], Awaitable[T]]) -> T:
        """What the first model of the `chain` that can be reached answers; it has started.

        Raises: UnknownModel; the last one's EngineUnavailable.
        """
        *others, last = self.chain(name, scope)
        for service in others:
            try:
                return await ask(await self.renewals.ready(service))
            except EngineUnavailable as error:
                _log.warning("%s does not answer, another model does: %s", service.model, error)
        return await ask(await self.renewals.ready(last))

    def find_named(self, name: str) -> Service | None:
        """The model of this very name or alias. A name goes before any pattern."""
        exact = (service for service in self._services if service.model == name)
        alias = (service for service in self._services if service.aliases.match(name))
        return next(exact, None) or next(alias, None)

    async def start(self) -> None:
        """Starts all; a model that cannot start now is tried again when it is asked for.

        Raises: ConfigError; EngineError when none starts.
        """
        starting = (service.start() for service in self._services)
        failures = await asyncio.gather(*starting, return_exceptions=True)
        wrong = [failure for failure in failures if isinstance(failure, BaseException)]
        for failure in wrong:
            if not isinstance(failure, EngineError) or len(wrong) == len(self._services):
                raise failure
            _log.warning("%s", failure)

    async def close(self) -> None:
        """Lets go of all engines; what is shared stays."""
        await self.renewals.close()
        for service in self._services:
            service.close_template()
            await service.engine.close()
