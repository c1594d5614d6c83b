"""`toolgate diagnose`: what failed in logs of any deployment, how often, with examples."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolgate.apps.cli.files import print_json
from toolgate.errors import ConfigError

if TYPE_CHECKING:
    from rich.progress import Progress

    from toolgate.pipeline.diagnose.tally import Tally

FOUND = 1
WIDTH = 110

PathsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...",
        help="Files or folders: recordings (exported, or the store itself), logs of requests and "
        "answers, raw outputs; .gz too.",
    ),
]
DialectOption = Annotated[
    str | None,
    typer.Option(
        "--dialect",
        metavar="NAME",
        help="The models' family: for raw outputs that could be of several, and for ids in the "
        "history.",
    ),
]
ExamplesOption = Annotated[int, typer.Option(min=0, help="Of each failure.")]
JobsOption = Annotated[
    int | None, typer.Option(min=1, help="Processes that read; default: one for each core.")
]


def diagnose(
    paths: PathsArgument,
    dialect: DialectOption = None,
    examples: ExamplesOption = 3,
    jobs: JobsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Tell what failed in recorded traffic, by class, how often, with examples.

    The exit status is 0 where nothing failed, 1 where something did.
    """
    from toolgate.apps.diagnose.command import count_cores, diagnose_pieces  # noqa: PLC0415
    from toolgate.apps.diagnose.report import as_json as to_json  # noqa: PLC0415
    from toolgate.engines.logs.pieces import find_pieces  # noqa: PLC0415

    pieces = find_pieces(paths)
    with _progress() as progress:
        bar = progress.add_task("reading", total=sum(piece.size for piece in pieces))
        tally = diagnose_pieces(
            pieces,
            dialect=dialect,
            examples=examples,
            jobs=jobs or count_cores(),
            advance=lambda size: progress.advance(bar, size),
        )
    files = len({piece.path for piece in pieces})
    if as_json:
        print_json(to_json(tally, files), indent=2)
    else:
        _tell(tally, files)
    if tally.kinds:
        raise typer.Exit(FOUND)
    if not tally.total:
        raise ConfigError(f"no record in {files} files could be read; docs/diagnose.md has shapes")


def _tell(tally: "Tally", files: int) -> None:
    from rich.console import Console  # noqa: PLC0415  a gateway needs no tables

    from toolgate.apps.diagnose.report import notes, summary, tables  # noqa: PLC0415

    console = Console(markup=False, highlight=False)
    if not console.is_terminal:  # nothing is cut in a file
        console.width = WIDTH
    typer.echo(summary(tally, files))
    for table in tables(tally):
        console.print()
        console.print(table)
    for note in notes(tally):
        typer.echo(note)


def _progress() -> "Progress":
    from rich import progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
