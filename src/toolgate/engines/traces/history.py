"""What many recordings come to over time: counted in spans of equal length, from their rows alone.

Knows no recording; what cannot be read from a row is not told here.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from math import ceil
from operator import itemgetter
from typing import Final, TypeAlias

from msgspec import Struct

from toolgate.core.events import AnomalyKind

Kinds: TypeAlias = Mapping[str, int]
"""Kind → how many requests had it."""

_SUMS: Final = {
    "requests": "1",
    "errors": "outcome IN ('error', 'gone')",
    "calls": "calls",
    "valid_calls": "valid_calls",
    "prompt_tokens": "prompt_tokens",
    "cached_tokens": "cached_tokens",
    "completion_tokens": "completion_tokens",
}
_HALF: Final = 0.5
_MOST: Final = 0.95
_SPAN: Final = "CAST((started - :since) / :width AS INTEGER)"


class Times(Struct, frozen=True):
    """Seconds within which half of them were, and 95 %."""

    half: float
    most: float


class Span(Struct, frozen=True, kw_only=True):
    """What began within one span of time; spans in which nothing did are left out."""

    start: float
    """Seconds since 1970."""
    requests: int
    errors: int
    """Requests that failed, or whose client had gone."""
    calls: int
    valid_calls: int
    empty_turns: int
    """Requests with a turn that ended without a word or a call."""
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    repairs: Kinds
    anomalies: Kinds
    findings: Kinds
    first_seconds: Times | None
    """Until the first chunk, of the requests that the model answered; None: it answered none."""
    seconds: Times | None
    """Until the last byte, of all requests."""


def read_history(base: sqlite3.Connection, since: float, width: float) -> list[Span]:
    """The spans of the recordings that began at `since` or later."""
    asked = {"since": since, "width": width}
    sums = ", ".join(f"sum({what})" for what in _SUMS.values())
    counted = base.execute(
        f"SELECT {_SPAN}, {sums} FROM rows WHERE started >= :since GROUP BY 1 ORDER BY 1", asked
    ).fetchall()
    kinds, times = _read_kinds(base, asked), _read_times(base, asked)
    return [
        Span(
            start=since + span * width,
            **dict(zip(_SUMS, values, strict=True)),
            empty_turns=kinds[span, "anomaly"][AnomalyKind.EMPTY_TURN.value],
            repairs=kinds[span, "repair"],
            anomalies=kinds[span, "anomaly"],
            findings=kinds[span, "finding"],
            seconds=_sum_up([one for one, _ in times[span]]),
            first_seconds=_sum_up([one for _, one in times[span] if one is not None]),
        )
        for span, *values in counted
    ]


def _read_kinds(
    base: sqlite3.Connection, asked: Mapping[str, float]
) -> defaultdict[tuple[int, str], Counter[str]]:
    """(span, what kind of mark) → how many requests had which."""
    found: defaultdict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    for span, kind, name, count in base.execute(
        f"SELECT {_SPAN}, kind, name, count(*) FROM marks JOIN rows USING (number) "
        "WHERE started >= :since AND kind <> 'tool' GROUP BY 1, 2, 3",
        asked,
    ):
        found[span, kind][name] = count
    return found


def _read_times(
    base: sqlite3.Connection, asked: Mapping[str, float]
) -> dict[int, list[tuple[float, float | None]]]:
    rows = base.execute(
        f"SELECT {_SPAN}, seconds, first_seconds FROM rows WHERE started >= :since ORDER BY 1",
        asked,
    )
    return {
        span: [(seconds, first) for _, seconds, first in group]
        for span, group in groupby(rows, key=itemgetter(0))
    }


def _sum_up(times: list[float]) -> Times | None:
    times.sort()
    return Times(_within(times, _HALF), _within(times, _MOST)) if times else None


def _within(times: Sequence[float], share: float) -> float:
    """Of ascending times, the one within which so many of them are."""
    return times[max(ceil(share * len(times)) - 1, 0)]
