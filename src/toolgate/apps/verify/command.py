"""`toolgate verify`: asks every target the same requests, judges the answers, tells the numbers."""

import re
from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct

from toolgate.apps.verify.probes import Probed, probe
from toolgate.apps.verify.report import Report, judge
from toolgate.apps.verify.results import Result, summarize, write_summary
from toolgate.apps.verify.runner import Run, Settings, files_of, read_run, run_all
from toolgate.apps.verify.samples import Sample
from toolgate.apps.verify.schema_cases import schema_cases
from toolgate.apps.verify.schema_suite import ask_schemas, judge_schemas, read_schemas
from toolgate.apps.verify.summary import write_own_summary
from toolgate.apps.verify.targets import Target

Watch: TypeAlias = Callable[[str, int], Callable[[], None]]
"""Told a run's name and how many requests it has; gives what to call for each answer."""
_NOTHING: Final = Run((), {})
_UNFIT: Final = re.compile(r"[^\w.-]+")


class Part(StrEnum):
    """What can be asked for alone."""

    REQUESTS = "requests"
    SCHEMAS = "schemas"
    """Those that a deployment must take, and those that it must refuse."""
    REFUSALS = "refusals"
    """Other requests that must be refused."""


class Order(Struct, frozen=True, kw_only=True):
    """What is to be done."""

    samples: Sequence[Sample]
    settings: Settings
    folder: Path
    """Each target's files are in a folder of its own below it."""
    streams: Sequence[bool] = (True, False)
    """Whether to ask for streams, for whole answers, or both ways."""
    references: Sequence[Sequence[Result]] = ()
    compare: bool = False
    """Whether the first target's run is the reference."""
    parts: Collection[Part] = tuple(Part)


class Recorded(Struct, frozen=True):
    """A target that has been asked already: a results file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)


class _Asked(Struct, frozen=True):
    """A target's answers, before anybody judges them."""

    name: str
    run: Run
    whole: Run | None = None
    schemas: Run = _NOTHING
    probed: Sequence[Probed] = ()
    folder: Path | None = None


async def verify(targets: Sequence[Target | Recorded], order: Order, watch: Watch) -> list[Report]:
    """One report for each.

    Raises: ConfigError, EngineError when a target cannot be reached at all.
    """
    asked = [
        _read(target) if isinstance(target, Recorded) else await _ask(target, order, watch)
        for target in targets
    ]
    references = [asked[0].run.results] if order.compare else order.references
    return [_judge(one, order.samples, references) for one in asked]


def _judge(
    asked: _Asked, samples: Sequence[Sample], references: Sequence[Sequence[Result]]
) -> Report:
    report = judge(
        asked.name,
        asked.run,
        samples,
        whole=asked.whole,
        references=references,
        probed=asked.probed,
        schemas=list(judge_schemas(asked.schemas)),
    )
    if asked.folder is not None:
        write_own_summary(report, asked.folder)
    return report


async def _ask(target: Target, order: Order, watch: Watch) -> _Asked:
    folder = order.folder / (_UNFIT.sub("-", target.name).strip("-") or "target")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        await target.start()
        runs = [await _ask_samples(target, order, folder, watch, way) for way in order.streams]
        schemas = await _ask_schemas(target, order, folder, watch)
        probed = await probe(target) if Part.REFUSALS in order.parts else ()
    finally:
        await target.close()
    if Part.REQUESTS in order.parts:
        write_summary(summarize(runs[0].results, target.model), folder / "summary.json")
    whole = runs[1] if len(runs) > 1 else None
    return _Asked(target.name, runs[0], whole, schemas, probed, folder)


async def _ask_samples(
    target: Target, order: Order, folder: Path, watch: Watch, stream: bool
) -> Run:
    if Part.REQUESTS not in order.parts:
        return _NOTHING
    name = f"{target.name}, {'streamed' if stream else 'whole'}"
    return await run_all(
        target,
        order.samples,
        order.settings,
        files_of(folder, stream=stream),
        stream=stream,
        advance=watch(name, len(order.samples)),
    )


async def _ask_schemas(target: Target, order: Order, folder: Path, watch: Watch) -> Run:
    if Part.SCHEMAS not in order.parts:
        return _NOTHING
    advance = watch(f"{target.name}, schemas", len(schema_cases()))
    return await ask_schemas(
        target, order.settings, folder, stream=order.streams[0], advance=advance
    )


def _read(target: Recorded) -> _Asked:
    """What was seen beside the results has the same name, but for its beginning."""
    path = target.path
    seen = path.with_name(f"observed{path.name.removeprefix('results')}")
    return _Asked(target.name, read_run(path, seen), schemas=read_schemas(path.parent))
