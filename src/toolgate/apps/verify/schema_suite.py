"""Which schemas of tools a deployment takes, whether it then calls, and whether arguments fit."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from msgspec import Struct

from toolgate.apps.verify.faults import INVALID, find_faults
from toolgate.apps.verify.results import SUCCESS, Observed, Result
from toolgate.apps.verify.runner import (
    WORTH_ANOTHER_TRY,
    Run,
    Settings,
    files_of,
    read_run,
    run_all,
)
from toolgate.apps.verify.samples import Sample
from toolgate.apps.verify.schema_cases import SchemaCase, schema_cases
from toolgate.apps.verify.targets import Target

PART: Final = "schemas"
"""Of the results' file name."""


class SchemaVerdict(StrEnum):
    """How a deployment treats one schema."""

    FITS = "fits"
    """It was taken, called, and the arguments fit."""
    REFUSED = "refused"
    FAILED = "failed"
    """No answer, and no refusal."""
    NO_CALL = "no_call"
    TRUNCATED = "truncated"
    """Cut at the token limit: nobody may run it."""
    MISFIT = "misfit"
    """Arguments that do not fit."""
    RIGHTLY_REFUSED = "rightly_refused"
    UNCLEARLY_REFUSED = "unclearly_refused"
    """Rightly, in words that do not tell what is wrong with which tool."""
    TAKEN = "taken"
    """It was answered, though no arguments can fit it."""


RIGHT: Final = frozenset({SchemaVerdict.FITS, SchemaVerdict.RIGHTLY_REFUSED})
NOT_TAKEN: Final = frozenset({SchemaVerdict.REFUSED, SchemaVerdict.FAILED})
NOT_CALLED: Final = NOT_TAKEN | {SchemaVerdict.NO_CALL}


class SchemaJudged(Struct, frozen=True):
    """One schema, and how it was treated."""

    case: SchemaCase
    verdict: SchemaVerdict
    detail: str
    """What was said, or what does not fit."""
    result: Result
    observed: Observed

    @property
    def is_right(self) -> bool:
        return self.verdict in RIGHT


async def ask_schemas(
    target: Target,
    settings: Settings,
    folder: Path,
    *,
    stream: bool,
    advance: Callable[[], None],
) -> Run:
    """Declares each schema to the target, as a tool that must be called.

    Where no tool at all may be required (Moonshot's models that think refuse it), it may be called;
    a first request that merely fails shows no such thing.
    """
    files = files_of(folder, stream=stream, part=PART)

    async def ask(samples: list[Sample], advance: Callable[[], None]) -> Run:
        return await run_all(target, samples, settings, files, stream=stream, advance=advance)

    required, allowed = _samples("required"), _samples("auto")
    first = await ask(required[:1], lambda: None)
    seen = first.observed.get(first.results[0].data_index)
    is_refused = seen is not None and _is_refusal(seen.status)
    return await ask(allowed if is_refused else required, advance)


def read_schemas(folder: Path) -> Run:
    """What was answered before, streamed or else whole."""
    runs = (read_run(*files_of(folder, stream=stream, part=PART)) for stream in (True, False))
    return next((run for run in runs if run.results), Run((), {}))


def judge_schemas(run: Run) -> Iterator[SchemaJudged]:
    """Of those schemas that were asked for and are still the suite's."""
    for result in run.results:
        observed = run.observed.get(result.data_index) or Observed(data_index=result.data_index)
        for index, case in enumerate(schema_cases(), 1):
            tools = case.sample(index, "").request["tools"]
            if index == result.data_index and tools == result.request.get("tools"):
                verdict, detail = _judge(case, result, observed.status)
                yield SchemaJudged(case, verdict, detail, result, observed)


def _samples(tool_choice: str) -> list[Sample]:
    return [case.sample(index, tool_choice) for index, case in enumerate(schema_cases(), 1)]


def _is_refusal(status: int) -> bool:
    """A server that is busy or late has said nothing of the request."""
    return 400 <= status < 500 and status not in WORTH_ANOTHER_TRY  # noqa: PLR2004  HTTP's classes


def _judge(case: SchemaCase, result: Result, status: int) -> tuple[SchemaVerdict, str]:
    said = str((result.response or {}).get("error", ""))
    is_refusal = _is_refusal(status)
    if result.status != SUCCESS and not is_refusal:
        return SchemaVerdict.FAILED, said
    if case.must_be_refused:
        return _judge_refusal(case, said) if is_refusal else (SchemaVerdict.TAKEN, "")
    return (SchemaVerdict.REFUSED, said) if is_refusal else _judge_call(result)


def _judge_refusal(case: SchemaCase, said: str) -> tuple[SchemaVerdict, str]:
    is_clear = any(word in said for word in (f"'{case.tool}'", *case.tells))
    verdict = SchemaVerdict.RIGHTLY_REFUSED if is_clear else SchemaVerdict.UNCLEARLY_REFUSED
    return verdict, said


def _judge_call(result: Result) -> tuple[SchemaVerdict, str]:
    if result.finish_reason == "length":
        return SchemaVerdict.TRUNCATED, ""
    if not result.calls:
        return SchemaVerdict.NO_CALL, str(result.message.get("content") or "")[:200]
    wrong = [fault.detail for fault in find_faults(result) if fault.kind in INVALID]
    return (SchemaVerdict.MISFIT, wrong[0]) if wrong else (SchemaVerdict.FITS, "")
