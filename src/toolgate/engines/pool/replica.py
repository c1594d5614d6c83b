"""One of a model's servers, and what is known of it: how busy it is, and whether it is well."""

import logging
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from toolgate.engines.engine import Engine
from toolgate.engines.pool.breaker import Breaker, BreakerState
from toolgate.engines.pool.routing import Load
from toolgate.errors import EngineError, EngineRefused

_SERVER_ERRORS: Final = 500
_TOO_MANY_REQUESTS: Final = 429
_NEWS: Final = {
    BreakerState.OPEN: "gets no requests until it is well again",
    BreakerState.HALF_OPEN: "is well again, and gets one request",
    BreakerState.CLOSED: "is used again",
}

_log: Final = logging.getLogger("toolgate")


DOWN: Final = "open"
"""The state of a server that gets nothing."""


class ServerState(Struct, frozen=True, kw_only=True):
    """One server, as it is now."""

    server: str
    """Host and port of its address, without what may be secret in it."""
    state: str
    """`closed`: it is used; `open`: it gets nothing; `half_open`: one request, as a trial."""
    in_flight: int | None = None
    """Requests that it is at work on; None where nobody counts."""


class Replica:
    """Out of use until it has `started`."""

    def __init__(self, number: int, name: str, engine: Engine, *, weight: float) -> None:
        self.number = number
        self.name = name
        self.engine = engine
        self.in_flight = 0
        self.last_given = 0
        """When it was given a request the last time, counted in requests."""
        self.has_started = False
        self.is_another = False
        """Whether it was used, and has been found to run another model since."""
        self._weight = weight
        self._breaker = Breaker(state=BreakerState.OPEN)

    @property
    def state(self) -> BreakerState:
        """What it may be given."""
        return self._breaker.state

    @property
    def is_down(self) -> bool:
        """Whether it gets no requests."""
        return self._breaker.is_down

    @property
    def takes_grammars(self) -> bool:
        """Whether it holds calls itself; a server is asked that at its start."""
        return self.engine.capabilities.grammar != "none"

    def load(self, *, most: int | None) -> Load:
        """How busy it is; `most` is what it may have at once."""
        has_room = most is None or self.in_flight < most
        return Load(
            in_flight=self.in_flight,
            is_free=has_room and self._breaker.is_free,
            weight=self._weight,
            last_given=self.last_given,
        )

    def take(self, turn: int) -> bool:
        """It is given a request, the `turn`-th of all; returns whether that is its trial."""
        self.in_flight += 1
        self.last_given = turn
        return self._breaker.begin()

    def give_back(self, *, was_trial: bool) -> None:
        """A request is over, however it ended."""
        self.in_flight -= 1
        if was_trial:
            self._breaker.end_trial()

    def started(self) -> None:
        """It can be given requests."""
        self.has_started, self.is_another = True, False
        self._breaker = Breaker()

    def kept_out(self) -> None:
        """It is not what it should be, and is asked again later."""
        self.has_started = False
        self._breaker = Breaker(state=BreakerState.OPEN)

    def answered(self) -> None:
        """A request got its first chunk."""
        self._tell(self._breaker.answered)

    def completed(self) -> None:
        """A request got its last one."""
        self._tell(self._breaker.completed)

    def looked_at(self, *, well: bool) -> None:
        """A health check is over."""
        self._tell(self._breaker.found_well if well else self._breaker.failed)

    def failed(self, error: EngineError) -> None:
        """A request ended so."""
        if is_servers_fault(error):
            _log.warning("%s: %s", self.name, error)
            self._tell(self._breaker.failed)
        else:
            self._tell(self._breaker.answered)

    def _tell(self, learn: Callable[[], None]) -> None:
        before = self._breaker.state
        learn()
        if self._breaker.state is not before:
            _log.warning("%s %s", self.name, _NEWS[self._breaker.state])


def is_servers_fault(error: EngineError) -> bool:
    """Whether it speaks against the server, and not against the request."""
    return not isinstance(error, EngineRefused) or error.status_hint >= _SERVER_ERRORS


def may_go_elsewhere(error: EngineError) -> bool:
    """Whether another server may well do what this one did not."""
    return is_servers_fault(error) or error.status_hint == _TOO_MANY_REQUESTS
