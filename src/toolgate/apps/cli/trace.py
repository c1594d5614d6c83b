"""`toolgate trace`: what a gateway has recorded, listed, shown, carried elsewhere, read again."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from toolgate.apps.cli.files import print_json, read_text
from toolgate.apps.trace.describe import describe, describe_row
from toolgate.apps.trace.lines import read_recordings
from toolgate.apps.trace.replay import replay as replay_recording
from toolgate.engines.traces.row import Wanted
from toolgate.engines.traces.store import TraceStore
from toolgate.errors import ConfigError, InvalidRequest
from toolgate.pipeline.trace import Recording, encode_recording

DIFFERS = 1
trace_app = typer.Typer(
    help="Recordings of requests: list, show, export, import, replay.", no_args_is_help=True
)

FileOption = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="Where they are; else TOOLGATE_TRACE_FILE."),
]
Id = Annotated[str, typer.Argument(metavar="ID", help="The request's id (x-request-id).")]
ModelFilter = Annotated[str, typer.Option("--model", help="Only of this model.")]
OutcomeFilter = Annotated[str, typer.Option("--outcome", help="Only with this end, as error.")]
ToolFilter = Annotated[str, typer.Option("--tool", help="Only where this tool was called.")]
AnomalyFilter = Annotated[str, typer.Option("--anomaly", help="Only with this anomaly.")]
TextFilter = Annotated[str, typer.Option("--text", help="Only with this in id, title or tools.")]


@trace_app.command("list")
def list_rows(
    file: FileOption = None,
    model: ModelFilter = "",
    outcome: OutcomeFilter = "",
    tool: ToolFilter = "",
    anomaly: AnomalyFilter = "",
    text: TextFilter = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List recordings, the newest first."""
    wanted = Wanted(
        model=model, outcome=outcome, tool=tool, anomaly=anomaly, text=text, limit=limit
    )
    with _store(file) as store:
        for row in store.rows(wanted):
            if json:
                print_json(row)
            else:
                typer.echo(describe_row(row))


@trace_app.command()
def show(
    recording_id: Id,
    file: FileOption = None,
    json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Show one recording: prompt, output, calls, what was odd."""
    with _store(file) as store:
        found = _find(store, recording_id)
    if json:
        print_json(found, indent=2)
    else:
        typer.echo(describe(found))


@trace_app.command()
def export(
    file: FileOption = None,
    model: ModelFilter = "",
    outcome: OutcomeFilter = "",
    tool: ToolFilter = "",
    anomaly: AnomalyFilter = "",
    text: TextFilter = "",
) -> None:
    """Print whole recordings, one JSON object a line, the oldest first."""
    wanted = Wanted(model=model, outcome=outcome, tool=tool, anomaly=anomaly, text=text)
    with _store(file) as store:
        for recording in store.each(wanted):
            typer.echo(encode_recording(recording).decode())


@trace_app.command("import")
def import_lines(
    lines: Annotated[str, typer.Argument(metavar="[FILE|-]", help="What was exported.")] = "-",
    file: FileOption = None,
) -> None:
    """Store exported recordings; one that is there already is replaced."""
    recordings = list(read_recordings(read_text(lines), lines))
    with _store(file, new=True) as store:
        store.add(recordings)
    typer.echo(f"{len(recordings)} stored")


@trace_app.command()
def replay(
    recording_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The request's id; else all.")
    ] = None,
    file: FileOption = None,
    lines: Annotated[
        str | None, typer.Option("--lines", metavar="FILE|-", help="Exported lines instead.")
    ] = None,
) -> None:
    """Read recordings with today's parser, and say what would differ; status 1 if anything does."""
    differing = turns = 0
    for recording in _chosen(recording_id, file, lines):
        for outcome in replay_recording(recording):
            turns += 1
            differing += bool(outcome.differences)
            for one in outcome.differences:
                typer.echo(f"{recording.id} {outcome.turn_id} {one.what}")
                typer.echo(f"  then: {one.then!r}\n  now:  {one.now!r}")
    typer.echo(f"{turns} turns read again, {differing} differ")
    if differing:
        raise typer.Exit(DIFFERS)


def _chosen(recording_id: str | None, file: Path | None, lines: str | None) -> Iterator[Recording]:
    if lines is not None:
        yield from (
            one
            for one in read_recordings(read_text(lines), lines)
            if recording_id in (None, one.id)
        )
        return
    with _store(file) as store:
        if recording_id is not None:
            yield _find(store, recording_id)
        else:
            yield from (one for one in store.each(Wanted()) if one.contents != "off")


@contextmanager
def _store(file: Path | None, *, new: bool = False) -> Iterator[TraceStore]:
    named = file or Path(os.environ.get("TOOLGATE_TRACE_FILE", ""))
    if named == Path():
        raise ConfigError("name the recordings' file with --file, or in TOOLGATE_TRACE_FILE")
    if not (new or named.is_file()):
        raise ConfigError(f"there is no file {named}; `toolgate serve --trace-file` writes one")
    with closing(TraceStore(named, read_only=not new)) as store:
        yield store


def _find(store: TraceStore, recording_id: str) -> Recording:
    if (found := store.find(recording_id)) is None:
        raise InvalidRequest(f"no request {recording_id!r} is recorded here")
    return found
