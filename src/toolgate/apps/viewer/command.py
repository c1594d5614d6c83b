"""`toolgate view`: a file of recordings, shown on this machine until somebody ends it."""

import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from toolgate.apps.http.access import VIEWER, Access
from toolgate.apps.process.drain import STOPPING
from toolgate.apps.process.server import address_of, listen
from toolgate.apps.settings.config import Config
from toolgate.apps.trace.lines import read_recordings
from toolgate.apps.viewer.app import viewer_routes
from toolgate.apps.viewer.shelf import Shelf
from toolgate.engines.traces.store import TraceStore
from toolgate.errors import ConfigError, InvalidRequest

LOOPBACK: Final = "127.0.0.1"
_SQLITE: Final = b"SQLite format 3\0"


def view(file: Path, port: int, announce: Callable[[str], None]) -> None:
    """Shows a gateway's file, live, or lines that `toolgate trace export` printed.

    Raises: ConfigError, InvalidRequest for lines that are no recordings.
    """
    with _opened(file) as traces, listen(LOOPBACK, port) as listener:
        _serve(traces, listener, announce)


@contextmanager
def _opened(file: Path) -> Iterator[Path]:
    """The file itself, or one made of its lines for as long as it is looked at."""
    try:
        with file.open("rb") as stream:
            is_store = stream.read(len(_SQLITE)) == _SQLITE
    except OSError as error:
        raise ConfigError(
            f"cannot read {file} ({error.strerror}); `toolgate serve --trace-file` writes one"
        ) from None
    if is_store:
        TraceStore(file, read_only=True).close()  # says what is wrong with it before a page has to
        yield file
        return
    try:
        recordings = list(read_recordings(file.read_bytes().decode(), file))
    except UnicodeDecodeError:
        raise InvalidRequest(f"{file} holds neither recordings nor lines of them") from None
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / file.with_suffix(".db").name
        with closing(TraceStore(made)) as store:
            store.add(recordings)
        yield made


def _serve(file: Path, listener: socket.socket, announce: Callable[[str], None]) -> None:
    config = Config(host=LOOPBACK, trace_file=file, trace_contents="on")
    app = Starlette(
        routes=viewer_routes(config, Shelf(file)), middleware=[Middleware(Access, config)]
    )

    async def with_end(scope: Scope, receive: Receive, send: Send) -> None:
        scope[STOPPING] = lambda: server.should_exit
        await app(scope, receive, send)

    server = uvicorn.Server(_settings(with_end))
    announce(f"{address_of(listener)}{VIEWER}/")
    with suppress(KeyboardInterrupt):
        server.run([listener])


def _settings(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
