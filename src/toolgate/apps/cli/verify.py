"""`toolgate verify`: how well deployments call tools, measured and side by side."""

import asyncio
import os
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate.apps.cli.options import (
    EngineOption,
    FamilyOption,
    GgufOption,
    KindOption,
    ModelDirOption,
    ModelOption,
    ProfileOption,
)
from toolgate.apps.settings.config import Config, read_config
from toolgate.errors import ConfigError

if TYPE_CHECKING:
    from rich.progress import Progress

    from toolgate.apps.verify.command import Order, Part, Recorded
    from toolgate.apps.verify.report import Report
    from toolgate.apps.verify.samples import Sample
    from toolgate.apps.verify.targets import Target

THROUGH = "toolgate"
TABLE_WIDTH, COLUMN_WIDTH = 40, 30
STORY_COUNT = 256
"""Five runs of so many are over in five minutes on two slow cores."""
SHIPPED_MAX_TOKENS = 256
"""The model that toolgate ships goes on for ever where it goes wrong, and 256 are enough for it."""


TargetsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...",
        help="URL of an OpenAI-compatible endpoint; toolgate: the engine of --engine through "
        "toolgate, or our own; toolgate:URL; a results.jsonl.",
    ),
]
SamplesOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Requests, one a line; default: a set of our own."),
]
CountOption = Annotated[
    int | None, typer.Option(min=1, help="How many requests; of our own set, 512.")
]
SeedOption = Annotated[int, typer.Option(help="Of our own set.")]
OutOption = Annotated[Path, typer.Option(metavar="FOLDER", help="For all results.")]
ReferenceOption = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="results.jsonl",
        help="Run to compare with; with a second one, its agreement with itself is told.",
    ),
]
CompareOption = Annotated[
    bool, typer.Option("--compare", help="Take the first target's run as the reference.")
]
WaysOption = Annotated[str, typer.Option(metavar="both|stream|whole", help="How to ask.")]
ConcurrencyOption = Annotated[int, typer.Option(min=1, help="Requests at once.")]
RetriesOption = Annotated[int, typer.Option(min=0, help="Of a request that failed.")]
TimeoutOption = Annotated[float, typer.Option(min=0, help="Seconds for one answer.")]
TemperatureOption = Annotated[float | None, typer.Option(help="Instead of the requests' own.")]
MaxTokensOption = Annotated[int | None, typer.Option(help="Instead of the requests' own.")]
KeyEnvOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Variable that holds the endpoints' API key."),
]

StoryOption = Annotated[
    bool,
    typer.Option(
        "--story", help="Deploy the model in five ways, three of them faulty, and ask all."
    ),
]

OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="requests|schemas|refusals", help="Ask only these; several times for several."
    ),
]

HtmlOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the numbers, plots and all faults into one page."),
]


def verify(
    targets: TargetsArgument = None,
    samples: SamplesOption = None,
    count: CountOption = None,
    seed: SeedOption = 1,
    out: OutOption = Path("verify"),
    reference: ReferenceOption = None,
    compare: CompareOption = False,
    ways: WaysOption = "both",
    concurrency: ConcurrencyOption = 4,
    retries: RetriesOption = 3,
    timeout: TimeoutOption = 600.0,
    temperature: TemperatureOption = None,
    max_tokens: MaxTokensOption = None,
    key_env: KeyEnvOption = None,
    only: OnlyOption = None,
    story: StoryOption = False,
    html: HtmlOption = None,
    engine: EngineOption = None,
    engine_kind: KindOption = None,
    gguf: GgufOption = None,
    model_dir: ModelDirOption = None,
    model: ModelOption = None,
    dialect: FamilyOption = None,
    profile: ProfileOption = None,
) -> None:
    """Ask deployments the same requests, and tell how well each calls tools.

    Without a target, the model that toolgate ships is asked. A run that was ended goes on where
    it stopped.
    """
    from toolgate.apps.verify.command import Order  # noqa: PLC0415  the engines are slow to import
    from toolgate.apps.verify.results import read_results  # noqa: PLC0415
    from toolgate.apps.verify.runner import Settings  # noqa: PLC0415

    flags: dict[str, Any] = {"engine": engine, "engine_kind": engine_kind, "gguf": gguf}
    flags |= {"model_dir": model_dir, "model": model, "dialect": dialect, "profile": profile}
    names = targets or [THROUGH]
    if max_tokens is None and names == [THROUGH] and not (engine or gguf or samples):
        max_tokens = SHIPPED_MAX_TOKENS
    changes = {"temperature": temperature, "max_tokens": max_tokens}
    order = Order(
        samples=_find_samples(samples, count or (STORY_COUNT if story else None), seed),
        settings=Settings(
            concurrency=concurrency,
            retries=retries,
            timeout=timeout,
            changes={name: value for name, value in changes.items() if value is not None},
        ),
        folder=out,
        streams=(False,) if story else _read_ways(ways),
        references=[read_results(path) for path in reference or ()],
        compare=compare,
        parts=_read_parts(["requests"] if story else only),
    )
    found = _open_story(flags) if story else [_find_target(name, flags, key_env) for name in names]
    _tell(_ask(found, order), html)


def _ask(targets: "list[Target | Recorded]", order: "Order") -> "list[Report]":
    from toolgate.apps.verify.command import verify as verify_all  # noqa: PLC0415

    with _progress() as progress:

        def watch(name: str, total: int) -> Callable[[], None]:
            bar = progress.add_task(name, total=total)
            return lambda: progress.advance(bar)

        return asyncio.run(verify_all(targets, order, watch))


def _tell(reports: "list[Report]", html: Path | None) -> None:
    from rich.console import Console  # noqa: PLC0415  a gateway needs no tables

    from toolgate.apps.verify.page import write_page  # noqa: PLC0415
    from toolgate.apps.verify.table import make_table  # noqa: PLC0415

    count = max(len(one.judged) for one in reports)
    title = f"{count} requests" if count else "beside the requests"
    console = Console()
    if not console.is_terminal:  # nothing is cut in a file
        console.width = TABLE_WIDTH + COLUMN_WIDTH * len(reports)
    console.print(make_table(reports, title))
    if html is not None:
        html.write_text(write_page(reports, f"Tool calling, {title}", datetime.now()), "utf-8")
        typer.echo(f"{html} has every answer with a fault.", err=True)


def _find_samples(path: Path | None, count: int | None, seed: int) -> "list[Sample]":
    from toolgate.apps.verify.generate import DEFAULT_COUNT, generate  # noqa: PLC0415
    from toolgate.apps.verify.samples import read_samples  # noqa: PLC0415

    return read_samples(path)[:count] if path else generate(count or DEFAULT_COUNT, seed)


def _read_ways(ways: str) -> tuple[bool, ...]:
    known = {"both": (True, False), "stream": (True,), "whole": (False,)}
    if ways not in known:
        raise ConfigError(f"--ways is one of {', '.join(known)}, not {ways!r}.")
    return known[ways]


def _read_parts(names: list[str] | None) -> "Collection[Part]":
    from toolgate.apps.verify.command import Part  # noqa: PLC0415

    if unknown := set(names or ()) - set(Part):
        raise ConfigError(f"--only is one of {', '.join(Part)}, not {min(unknown)!r}.")
    return {Part(name) for name in names or Part}


def _find_target(name: str, flags: dict[str, Any], key_env: str | None) -> "Target | Recorded":
    from toolgate.apps.verify.command import Recorded  # noqa: PLC0415
    from toolgate.apps.verify.targets import EndpointTarget, GatewayTarget  # noqa: PLC0415

    if name == THROUGH:
        return GatewayTarget(name, _read_config(flags))
    if name.startswith(f"{THROUGH}:"):
        url = name.removeprefix(f"{THROUGH}:")
        return GatewayTarget(name, _read_config({**flags, "engine": url}))
    if name.startswith(("http://", "https://")):
        key = os.environ.get(key_env) if key_env else None
        config = _read_config({**flags, "engine_key": key})
        return EndpointTarget(name, model=flags["model"], key=key, config=config)
    if Path(name).is_file():
        return Recorded(Path(name))
    raise ConfigError(
        f"{name!r} is no target: it is neither an address (http://…), nor toolgate, nor a file."
    )


def _open_story(flags: dict[str, Any]) -> "list[Target | Recorded]":
    from toolgate.apps.verify.story import open_story  # noqa: PLC0415

    return [*open_story(_read_config(flags))]


def _read_config(flags: dict[str, Any]) -> Config:
    """Nothing is joined: the same request is asked twice, and wants two answers."""
    return read_config({**flags, "resend": "off"}, os.environ)


def _progress() -> "Progress":
    from rich import progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    )
