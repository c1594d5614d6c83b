"""Runs the gateway: listens, starts the engines, changes its settings, and ends when told to."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Final

import uvicorn
from msgspec.structs import replace

from toolgate.apps.http.access import check_exposure
from toolgate.apps.process.drain import Drain
from toolgate.apps.process.generations import Generations
from toolgate.apps.process.logs import set_up_log
from toolgate.apps.serving.open_engine import open_engine
from toolgate.apps.settings.config import Config
from toolgate.engines.engine import Engine
from toolgate.errors import ConfigError, ToolgateError

FIXED: Final = (
    *("host", "port", "store_url", "workers", "grace"),
    *("trace_file", "trace_contents", "trace_max_bytes", "trace_max_days"),
    *("opentelemetry", "log_format"),
)
"""Settings that a running gateway keeps."""
LINGERING_SECONDS: Final = 5
"""For connections whose answers are over; the answers themselves have had their grace."""

_log: Final = logging.getLogger("toolgate")


def serve(
    configs: Sequence[Config],
    *,
    announce: Callable[[str], None] = print,
    reread: Callable[[], Sequence[Config]] | None = None,
) -> None:
    """Runs the gateway until it is told to stop; `announce` hears its address.

    `reread` gives the settings anew when the process is sent SIGHUP; None: there is no file.

    Raises: ConfigError, EngineError when no engine starts.
    """
    check_exposure(configs[0])
    with listen(configs[0].host, configs[0].port) as listener:
        serve_at(listener, configs, open_engine, announce=announce, reread=reread)


def serve_at(
    listener: socket.socket,
    configs: Sequence[Config],
    open_engine: Callable[[Config], Engine],
    *,
    announce: Callable[[str], None],
    reread: Callable[[], Sequence[Config]] | None,
) -> None:
    """The same at a socket that listens already, with engines opened so."""
    set_up_log(configs[0].log_format)
    gateway = Generations(configs, open_engine)
    server = _Server(gateway, configs[0].grace)
    with (
        asyncio.Runner(loop_factory=server.config.get_loop_factory()) as loop,
        suppress(KeyboardInterrupt),
    ):
        try:
            loop.run(gateway.start())  # here, since the server would bury the reason in a traceback
            loop.run(_run(server, listener, _Reload(gateway, reread), announce))
        finally:
            loop.run(gateway.close())


async def _run(
    server: "_Server",
    listener: socket.socket,
    reload: "_Reload",
    announce: Callable[[str], None],
) -> None:
    if hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload.begin)
    gc.collect()
    gc.freeze()  # what a gateway is made of stays; a collection of all of it takes some 8 ms
    announce(address_of(listener))
    await server.serve([listener])


class _Reload:
    """New settings without a pause; wrong ones change nothing."""

    def __init__(self, gateway: Generations, reread: Callable[[], Sequence[Config]] | None) -> None:
        self._gateway = gateway
        self._reread = reread
        self._one_by_one = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        task = asyncio.create_task(self._reload())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reload(self) -> None:
        if self._reread is None:
            _log.warning("There is no file of settings to read again; name one with --config")
            return
        async with self._one_by_one:
            try:
                configs = [self._as_it_runs(config) for config in self._reread()]
                check_exposure(configs[0])
                await self._gateway.change(configs)
            except ToolgateError as error:
                _log.error("The settings stay as they were: %s", error)
            else:
                _log.info("The settings were read again, and hold for requests from now on")

    def _as_it_runs(self, config: Config) -> Config:
        kept = {name: getattr(self._gateway.config, name) for name in FIXED}
        for name, value in kept.items():
            if getattr(config, name) != value:
                _log.warning("%s stays %r until the gateway is started again", name, value)
        return replace(config, **kept)


class _Server(uvicorn.Server):
    """Uvicorn's, but for its end: what has begun may end before the doors are closed."""

    def __init__(self, gateway: Generations, grace: float) -> None:
        self._gateway = gateway
        self._drain = Drain(gateway)
        self._grace = grace
        self._leaving: asyncio.Task[None] | None = None
        settings = uvicorn.Config(
            self._drain,
            http="httptools",
            lifespan="off",
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=LINGERING_SECONDS,
        )
        super().__init__(settings)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes the engines too: what ends the process is the signal, raised once more."""
        await super().shutdown(sockets)
        await self._gateway.close()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins the end; another one ends the grace."""
        if self._drain.begun:
            super().handle_exit(sig, frame)
            return
        self._drain.begin()
        self._leaving = asyncio.ensure_future(self._leave(sig))

    async def _leave(self, sig: int) -> None:
        if not await self._drain.empty(within=self._grace):
            await self._drain.end()
        super().handle_exit(sig, None)


def listen(host: str, port: int) -> socket.socket:
    """Raises: ConfigError where that is not possible."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(
            f"Cannot listen on {host} port {port} ({error.strerror}); choose another with --port."
        ) from error
    # Accepted sockets inherit it. asyncio (not uvloop) forgets it for sockets made elsewhere, and
    # then each answer waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address_of(listener: socket.socket) -> str:
    """The URL of what is served there."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
