"""The command line: one file per command, and here the table of them all.

Turns errors into one sentence and an exit status; what a command does is in its own room of `apps`.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer

from toolgate import __version__
from toolgate.apps.cli.config import config_app, key
from toolgate.apps.cli.connect import Forwarding, connect
from toolgate.apps.cli.demo import demo
from toolgate.apps.cli.diagnose import diagnose
from toolgate.apps.cli.doctor import doctor
from toolgate.apps.cli.parse import parse
from toolgate.apps.cli.render import render
from toolgate.apps.cli.serve import serve
from toolgate.apps.cli.trace import trace_app
from toolgate.apps.cli.verify import verify
from toolgate.apps.cli.view import view
from toolgate.errors import ConfigError, RequestError, ToolgateError

WRONG_USE: Final = 2
FAILED: Final = 1

app = typer.Typer(
    name="toolgate",
    help="Tool calling on self-hosted models, as reliable as the vendor's own API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(serve)
app.add_typer(config_app, name="config")
app.command()(key)
app.add_typer(trace_app, name="trace")
app.command(cls=Forwarding)(connect)
app.command()(demo)
app.command()(doctor)
app.command()(diagnose)
app.command()(parse)
app.command()(render)
app.command()(verify)
app.command()(view)


def main() -> None:
    """What the `toolgate` command runs."""
    with _explained_errors():
        app()


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"toolgate {__version__}")
        raise typer.Exit


@contextmanager
def _explained_errors() -> Iterator[None]:
    try:
        yield
    except ToolgateError as error:
        typer.echo(f"toolgate: {error}", err=True)
        wrong_use = isinstance(error, ConfigError | RequestError)
        sys.exit(WRONG_USE if wrong_use else FAILED)
