"""What a person with a broken agent wants to know first, in one sentence."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from toolgate.apps.viewer.steps import CallSteps
from toolgate.engines.traces.row import LEFT
from toolgate.pipeline.finding import FindingKind
from toolgate.pipeline.trace import Recording

Mood: TypeAlias = Literal["good", "warn", "bad", "live"]
_ENDS: Final = {
    "length": "It was cut off at its length.",
    "content_filter": "The engine filtered it.",
}


class Headline(Struct, frozen=True):
    """The sentence, and how bad that is."""

    text: str
    mood: Mood


def say(recording: Recording, calls: Sequence[CallSteps]) -> Headline:
    """The worst there is to say of a request whose last turn made these calls."""
    return next(_all(recording, calls))


def _all(recording: Recording, calls: Sequence[CallSteps]) -> Iterator[Headline]:
    """From the worst to the best; the last one always holds."""
    if recording.running:
        yield Headline("It is being answered now.", "live")
    if recording.error:
        yield Headline(f"It failed: {recording.error}", "bad")
    if recording.status == LEFT:
        yield Headline("The client left before the answer was over.", "bad")
    yield from (Headline(text, "bad") for text in _broken(calls))
    for finding in recording.findings:
        if finding.kind is FindingKind.CALL_LOOP:
            yield Headline(finding.sentence, "bad")
    reason = recording.traces[-1].message.finish_reason if recording.traces else None
    if reason in _ENDS:
        yield Headline(_ENDS[reason], "bad")
    for finding in recording.findings:
        yield Headline(finding.sentence, "warn")
    if waiting := [one.name for one in calls if _mark(one, "returned") == "unknown"]:
        yield Headline(f"{_list(waiting)} was called; no later request has come yet.", "good")
    if returned := [one.name for one in calls if _mark(one, "returned") == "yes"]:
        yield Headline(f"{_list(returned)} was called, and its result came back.", "good")
    yield Headline("The model answered in words." if reason else "It has no answer.", "good")


def _broken(calls: Sequence[CallSteps]) -> Iterator[str]:
    for one in calls:
        if _mark(one, "returned") == "no":
            yield f"{one.name} was called, and its result never came back."
        if _mark(one, "declared") == "no":
            yield f"{one.name} was called, and was never declared."
        if _mark(one, "called") == "no":
            why = next(step.why for step in one.steps if step.name == "called")
            yield f"{one.name}: {why}" if one.name else why
        if _mark(one, "called") == "odd":
            yield f"{one.name} was called with arguments that do not fit its schema."


def _mark(call: CallSteps, step: str) -> str:
    return next(one.mark for one in call.steps if one.name == step)


def _list(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names))
