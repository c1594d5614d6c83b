"""Counts of what failed, of any number of records; two of them can be added.

Its size has bounds: logs may hold millions of records, and names that models made up.
"""

from collections import Counter
from typing import Final

from msgspec import Struct, field

from toolgate.pipeline.diagnose import Diagnosis
from toolgate.pipeline.diagnose.failure import FailureKind

MOST_NAMES: Final = 2_000
"""Of models, and of what a failure is about; the rest are counted together."""
LONGEST_NAME: Final = 200
OTHERS: Final = "(others)"
MOST_UNREAD: Final = 20
"""Examples of what could not be read; all are counted."""


class Example(Struct, frozen=True):
    """One failure, and where it stands."""

    where: str
    model: str
    detail: str


class Tally(Struct):
    """What has been counted so far."""

    examples_wanted: int = 3
    """Of each kind."""
    answers: Counter[str] = field(default_factory=Counter)
    """By model."""
    failing: Counter[str] = field(default_factory=Counter)
    """By model: answers in which anything failed."""
    kinds: Counter[tuple[str, FailureKind]] = field(default_factory=Counter)
    """(model, kind) → answers with such a failure."""
    about: Counter[tuple[FailureKind, str]] = field(default_factory=Counter)
    """(kind, tool) → how often."""
    calls: Counter[str] = field(default_factory=Counter)
    """By tool."""
    examples: dict[FailureKind, list[Example]] = {}
    unread: int = 0
    unread_examples: list[str] = []

    def add(self, found: Diagnosis, where: str) -> None:
        """One more answer; `where` it stands."""
        model = _bounded(self.answers, found.model)
        self.answers[model] += 1
        for name in found.called:
            self.calls[_bounded(self.calls, name)] += 1
        if not found.failures:
            return
        self.failing[model] += 1
        for kind in {one.kind for one in found.failures}:
            self.kinds[model, kind] += 1
        for one in found.failures:
            if one.about:
                self._count_about(one.kind, one.about, 1)
            shown = self.examples.setdefault(one.kind, [])
            if len(shown) < self.examples_wanted and (not shown or shown[-1].where != where):
                shown.append(Example(where, found.model, one.detail))

    def add_unread(self, where: str, why: str) -> None:
        """One more that is no record."""
        self.unread += 1
        if len(self.unread_examples) < MOST_UNREAD:
            self.unread_examples.append(f"{where}: {why}")

    def merge(self, other: "Tally") -> None:
        """What another has counted, of records that come after these."""
        for name, count in other.answers.items():
            self.answers[_bounded(self.answers, name)] += count
        for name, count in other.failing.items():
            self.failing[name if name in self.answers else OTHERS] += count
        for (name, kind), count in other.kinds.items():
            self.kinds[name if name in self.answers else OTHERS, kind] += count
        for (kind, name), count in other.about.items():
            self._count_about(kind, name, count)
        for name, count in other.calls.items():
            self.calls[_bounded(self.calls, name)] += count
        for kind, more in other.examples.items():
            shown = self.examples.setdefault(kind, [])
            shown += more[: self.examples_wanted - len(shown)]
        self.unread += other.unread
        self.unread_examples += other.unread_examples[: MOST_UNREAD - len(self.unread_examples)]

    @property
    def total(self) -> int:
        """Answers of all models."""
        return self.answers.total()

    def of_kind(self, kind: FailureKind) -> int:
        """Answers with such a failure, of all models."""
        return sum(count for (_, one), count in self.kinds.items() if one is kind)

    def _count_about(self, kind: FailureKind, name: str, count: int) -> None:
        pair = kind, name[:LONGEST_NAME]
        is_full = len(self.about) >= MOST_NAMES and pair not in self.about
        self.about[(kind, OTHERS) if is_full else pair] += count


def _bounded(counts: Counter[str], name: str) -> str:
    short = name[:LONGEST_NAME]
    return OTHERS if len(counts) >= MOST_NAMES and short not in counts else short
