"""Decides how an answer goes on where the model erred.

With the first of these that there is:

1. the end of what the model held for finished: it ended its answer, or a call, or an object;
2. the only continuation, where there is no choice but of blanks;
3. with bounds, where the model errs again and again: the shortest rest of the value that is open,
   and when corrections run short, of the whole answer;
4. the likeliest that fits, where the engine told the log-probabilities of this very place;
5. what the model says when it is asked again, where that can be something else;
6. what leads soonest to an end.

Knows no engine: what it needs of an answer is a `Mistake`.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from toolgate.core.prompt import Segment, Special
from toolgate.errors import ModelOutputError
from toolgate.pipeline.enforcer.continuation import close, close_value, complete, must
from toolgate.pipeline.enforcer.matcher import Matcher
from toolgate.pipeline.enforcer.steering_report import SteeringReport

ERRORS_IN_A_VALUE: Final = 3
PATIENCE: Final = 0.75
"""Of the corrections that are allowed; a call by chance needs most of what is left to its end."""
_BRACKETS: Final = "}]"
_CLOSES: Final = re.compile(r'["}\]]|<\|')


class Mistake(Struct, frozen=True, kw_only=True):
    """Where one request of an answer went wrong."""

    said: str
    """What was right of it."""
    wrong: Segment | None
    """What followed; None where the model ended its answer."""
    meant: Special | None = None
    """The marker that it misspelled there."""
    told: Sequence[Segment] | None = None
    """What it might have said there, the likeliest first; None where nobody knows."""
    can_learn: bool = False
    """Whether asking again tells what it might say."""
    can_change: bool = False
    """Whether it may say something else when it is asked again."""


class Corrector:
    """The corrections of one answer. `endings` are the markers that end a call or an answer;
    `ends`: whether it must come to an end whatever the model says."""

    def __init__(
        self,
        matcher: Matcher,
        report: SteeringReport,
        *,
        endings: Collection[str],
        ends: bool,
        most: int,
    ) -> None:
        self._matcher = matcher
        self._report = report
        self._endings = endings
        self._ends, self._most = ends, most
        self._errors = 0
        self._is_own = False
        """Whether what stands last is the model's own choice."""

    def correct(self, mistake: Mistake) -> Sequence[Segment]:
        """What goes on, which the matcher has taken; nothing where the model is asked again.

        Raises: ModelOutputError when the model has been corrected too often.
        """
        self._report.steers += 1
        if self._report.steers > self._most:
            raise ModelOutputError(
                f"The model had to be corrected more than {self._most} times within its calls, and "
                "was given up. Ask again, simplify the tools' schemas, or allow more corrections."
            )
        was_own, self._is_own = self._is_own or bool(mistake.said), False
        self._errors = 1 if _CLOSES.search(mistake.said) else self._errors + 1
        if self._ends and self._report.steers > self._most * PATIENCE:
            self._report.completed += 1
            return complete(self._matcher)
        if was_own and self._is_finished(mistake.wrong):
            marker = mistake.wrong if isinstance(mistake.wrong, Special) else None
            if closed := close(self._matcher, marker):
                return closed
        if forced := must(self._matcher):
            return forced
        if self._ends and self._errors > ERRORS_IN_A_VALUE:
            self._report.completed += 1
            return close_value(self._matcher)
        return self._choose(mistake, was_own=was_own)

    def _is_finished(self, wrong: Segment | None) -> bool:
        """Whether the model held for finished what is still open."""
        if isinstance(wrong, Special):
            return wrong.text in self._endings
        return wrong is None or wrong.text[0] in _BRACKETS

    def _choose(self, mistake: Mistake, *, was_own: bool) -> Sequence[Segment]:
        chosen = mistake.meant or self._likeliest(mistake.told or ())
        if chosen is None and (
            mistake.can_learn or (mistake.told is None and mistake.said and mistake.can_change)
        ):
            self._is_own = was_own
            return ()
        taken = chosen or self._matcher.first_choice()
        self._matcher.take(taken)
        follows = must(self._matcher)
        self._is_own = chosen is not None and not follows
        return [taken, *follows]

    def _likeliest(self, told: Sequence[Segment]) -> Segment | None:
        """A blank that says nothing, and half a word's space, are no answers."""
        for candidate in told:
            fitting = self._matcher.fits(candidate)
            if fitting.strip() or (fitting == candidate.text and not self._matcher.is_between):
                return replace(candidate, text=fitting)
        return None
