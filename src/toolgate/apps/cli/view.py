"""`toolgate view`: recordings as pages in a browser."""

import os
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from toolgate.errors import ConfigError

PORT = 8801


def view(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="What a gateway records, or `trace export` printed; else TOOLGATE_TRACE_FILE.",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on, 0 = any free.")
    ] = PORT,
    browser: Annotated[bool, typer.Option("--open", help="Open a browser there.")] = False,
) -> None:
    """Show recordings as pages, on this machine only; a running gateway does at /_toolgate/."""
    from toolgate.apps.viewer.command import view as show  # noqa: PLC0415  others need no server

    named = file or Path(os.environ.get("TOOLGATE_TRACE_FILE", ""))
    if named == Path():
        raise ConfigError("name the recordings' file, or put it in TOOLGATE_TRACE_FILE")

    def announce(address: str) -> None:
        typer.echo(address)
        if browser:
            webbrowser.open(address)

    show(named, port, announce)
