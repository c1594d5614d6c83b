"""Several processes at one address: started, watched, replaced, told to end.

They inherit one listening socket, so that no connection is lost when one of them dies. The engine
that toolgate runs itself is started once, here.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from toolgate.apps.http.access import check_exposure
from toolgate.apps.http.metrics import SHARED_FOLDER
from toolgate.apps.process.logs import set_up_log
from toolgate.apps.process.server import LINGERING_SECONDS, address_of, listen
from toolgate.apps.process.worker import Order
from toolgate.apps.settings.config import Config, Upstream
from toolgate.engines.embedded.engine import EmbeddedEngine
from toolgate.errors import ConfigError, EngineUnavailable

LIVES: Final = 3
"""How often in a row a worker may end before it is ready."""
_LOOK_SECONDS: Final = 2.0

_log: Final = logging.getLogger("toolgate")


def serve_with_workers(
    configs: Sequence[Config],
    flags: Mapping[str, Any],
    file: Path | None,
    *,
    announce: Callable[[str], None] = print,
) -> None:
    """Runs the gateway in `workers` processes until it is told to stop.

    Each of them reads the settings itself, from `flags`, the environment and the file.

    Raises: ConfigError, EngineError.
    """
    set_up_log(configs[0].log_format)
    config = configs[0]
    if os.name == "nt":
        raise ConfigError("workers need a system on which processes can share a socket; leave 1")
    check_exposure(config)
    if config.store_url is None:
        _log.warning(
            "Each of the %d workers remembers reasoning by itself, and a client's next request may "
            "come to another one; with TOOLGATE_STORE_URL they remember together",
            config.workers,
        )
    with listen(config.host, config.port) as listener, TemporaryDirectory() as folder:
        workers = _Workers(configs, listener, {**os.environ, SHARED_FOLDER: folder})
        asyncio.run(workers.run(flags, file, announce))


class _Workers:
    """The parent of the processes."""

    def __init__(
        self, configs: Sequence[Config], listener: socket.socket, environment: Mapping[str, str]
    ) -> None:
        self._configs = configs
        self._config = configs[0]
        self._listener = listener
        self._environment = environment
        self._processes: set[Process] = set()
        self._stopping = asyncio.Event()

    async def run(
        self, flags: Mapping[str, Any], file: Path | None, announce: Callable[[str], None]
    ) -> None:
        async with AsyncExitStack() as stack:
            started = await self._start_engines(stack)
            order = Order(listener=self._listener.fileno(), flags=flags, file=file, started=started)
            line = msgspec.json.encode(order, enc_hook=str) + b"\n"
            stack.push_async_callback(self._end)
            self._listen_to_signals()
            first: list[Process] = []
            while len(first) < self._config.workers and not self._stopping.is_set():
                first.append(await self._start(line))
            if not self._stopping.is_set():
                announce(address_of(self._listener))
            await asyncio.gather(*(self._keep(process, line) for process in first))

    async def _start_engines(self, stack: AsyncExitStack) -> Mapping[str, Upstream]:
        started = {}
        for config in self._configs:
            name = str(config.gguf or "")
            if config.upstreams or name in started:
                continue
            engine = EmbeddedEngine(config.gguf)
            stack.push_async_callback(engine.close)
            await engine.start()
            url, key = engine.address
            started[name] = Upstream(url=url, kind="llama_cpp", key=key)
            watching = asyncio.create_task(self._revive(engine))
            stack.callback(watching.cancel)
        return started

    async def _revive(self, engine: EmbeddedEngine) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await engine.healthy()  # starts it again, at the same address

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._tell, signal.SIGHUP)

    def _stop(self) -> None:
        self._stopping.set()
        self._tell(signal.SIGTERM)

    def _tell(self, number: signal.Signals) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep(self, process: Process, line: bytes) -> None:
        """One worker after the other, until the end."""
        while True:
            code = await process.wait()
            self._processes.discard(process)
            if self._stopping.is_set():
                return
            _log.error("Worker %d ended with status %d; another one begins", process.pid, code)
            process = await self._start(line)

    async def _start(self, line: bytes) -> Process:
        """A worker that is ready. Raises: EngineUnavailable when none will be."""
        for _ in range(LIVES):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "toolgate.apps.process.worker"),
                stdin=PIPE,
                stdout=PIPE,
                pass_fds=[self._listener.fileno()],
                env=self._environment,
                start_new_session=True,  # Ctrl-C is the parent's to answer
            )
            self._processes.add(process)
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(line)
            is_ready = await process.stdout.readline()
            if self._stopping.is_set():
                self._tell(signal.SIGTERM)  # it came too late to be told with the others
            if is_ready or self._stopping.is_set():
                return process
            await process.wait()
            self._processes.discard(process)
        raise EngineUnavailable(f"No worker started, {LIVES} times; what it said is above.")

    async def _end(self) -> None:
        """All of them, kindly at first."""
        self._stop()
        ending = [asyncio.create_task(process.wait()) for process in self._processes]
        if not ending:
            return
        _, late = await asyncio.wait(ending, timeout=self._config.grace + 2 * LINGERING_SECONDS)
        for process in self._processes if late else ():
            with suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(*late)
