"""How a call goes on where a model erred: what must follow, what closes it, what completes it.

Each function takes its part with the matcher, and returns it. None of them asks the model, so none
of them chooses a value for it but `close_value` and `complete`, which say so.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from toolgate.core.prompt import Plain, Segment, Special
from toolgate.errors import ModelOutputError
from toolgate.pipeline.enforcer.matcher import CLOSERS, Matcher

LONGEST: Final = 20_000
"""Steps to the end of an answer: twice what the bounds of `bounded` let a call have."""
_ENDS: Final = CLOSERS.decode() + '"\\'


def must(matcher: Matcher) -> list[Segment]:
    """What must follow but for blanks."""
    return _take(matcher, matcher.implied())


def close(matcher: Matcher, wanted: Special | None) -> list[Segment]:
    """What a model left out that held its call, or a part of it, for finished: the quote and the
    brackets that close it, up to the marker that it wrote; a comma where a member is missing.

    `wanted` is that marker; None where the answer just ended.
    """
    closed: list[Segment] = []
    while not matcher.is_over:
        if wanted is not None and matcher.fits(wanted):
            return [*closed, *_take(matcher, (wanted,)), *must(matcher)]
        choice = matcher.closer()
        if choice is None:
            break
        follows = [*_take(matcher, (choice,)), *must(matcher)]
        closed += follows
        if wanted in follows or not all(map(_is_end, follows)):
            return closed
    if not matcher.is_complete and matcher.may_have_more:
        closed += [*_take(matcher, (Plain(","),)), *must(matcher)]
    return closed


def close_value(matcher: Matcher) -> list[Segment]:
    """The shortest rest of the value that is open here. It is not the model's."""
    return list(_shortest(matcher, to_the_end=False))


def complete(matcher: Matcher) -> list[Segment]:
    """The shortest rest of the whole answer. It is not the model's.

    Raises: ModelOutputError where none is found.
    """
    return list(_shortest(matcher, to_the_end=True))


def _shortest(matcher: Matcher, *, to_the_end: bool) -> Iterator[Segment]:
    taken: Counter[int] = Counter()
    for _ in range(LONGEST):
        if matcher.is_complete:
            return
        choice = matcher.first_choice(taken)
        taken.update(choice.text.encode())
        follows = [*_take(matcher, (choice,)), *must(matcher)]
        yield from follows
        if not to_the_end and (_is_end(choice) or choice.text == ","):
            return
    raise ModelOutputError("No end was found for a call that the model did not end.")


def _is_end(segment: Segment) -> bool:
    """Whether it only closes what was open."""
    return isinstance(segment, Special) or not segment.text.strip(_ENDS)


def _take(matcher: Matcher, segments: Sequence[Segment]) -> list[Segment]:
    for segment in segments:
        matcher.take(segment)
    return list(segments)
