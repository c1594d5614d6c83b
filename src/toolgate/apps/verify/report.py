"""One target's answers, judged and counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from toolgate.apps.verify.faults import INVALID, Fault, FaultKind, differs, find_faults, has_called
from toolgate.apps.verify.fidelity import Counted, Fidelity
from toolgate.apps.verify.probes import Probed
from toolgate.apps.verify.results import SUCCESS, Observed, Result
from toolgate.apps.verify.runner import Run
from toolgate.apps.verify.samples import Sample, prepare
from toolgate.apps.verify.schema_suite import NOT_CALLED, NOT_TAKEN, SchemaJudged
from toolgate.apps.verify.scores import Share, Trigger, compare

_NOT_RIGHT: Final = frozenset(
    {
        FaultKind.EMPTY_TURN,
        FaultKind.TRUNCATED,
        FaultKind.MISSING_CALL,
        FaultKind.NEEDLESS_CALL,
        FaultKind.OTHER_TOOL,
        FaultKind.OTHER_ARGUMENTS,
    }
)
_TOOL_IS_RIGHT: Final = frozenset({FaultKind.OTHER_ARGUMENTS})


class Judged(Struct, frozen=True):
    """One answer, and what is wrong with it."""

    result: Result
    faults: Sequence[Fault]
    sample: Sample | None
    observed: Observed

    @property
    def kinds(self) -> set[FaultKind]:
        return {fault.kind for fault in self.faults}

    @property
    def is_right(self) -> bool:
        """What the set expects: these calls with these arguments, or words."""
        return self.result.status == SUCCESS and not self.kinds & _NOT_RIGHT

    @property
    def has_right_tools(self) -> bool:
        return self.result.status == SUCCESS and not self.kinds & (_NOT_RIGHT - _TOOL_IS_RIGHT)


class Report(Struct, frozen=True, kw_only=True):
    """What one target's run comes to."""

    name: str
    judged: Sequence[Judged]
    same_streamed: Share
    """Requests that got the same answer streamed and whole; of none where only one was asked."""
    reference: Trigger | None
    """Calls against the reference's; None without one."""
    reference_itself: Trigger | None = None
    """The reference's second run against its first: no deployment can agree more than that."""
    probed: Sequence[Probed] = ()
    """What must be refused, and how it was answered."""
    schemas: Sequence[SchemaJudged] = ()
    """The schema suite's, and how each was treated."""
    fidelity: Fidelity = Fidelity()
    """Prompts' tokens as they were told, beside our own count."""
    same_prompt: Share = Share(0, 0)
    """Requests whose prompt has as many tokens as the reference's had."""

    @property
    def answered(self) -> list[Judged]:
        return [one for one in self.judged if one.result.status == SUCCESS]

    @property
    def finish_reasons(self) -> Counter[str]:
        return Counter(str(one.result.finish_reason) for one in self.answered)

    @property
    def valid_turns(self) -> Share:
        """The official schema accuracy: of the turns with calls that were not cut, the valid."""
        called = [
            one
            for one in self.answered
            if has_called(one.result) and one.result.finish_reason != "length"
        ]
        return Share(sum(not one.kinds & INVALID for one in called), len(called))

    @property
    def faults(self) -> Counter[FaultKind]:
        """How many answers have each."""
        return Counter(kind for one in self.judged for kind in one.kinds)

    @property
    def right(self) -> Share:
        known = self._known
        return Share(sum(one.is_right for one in known), len(known))

    @property
    def right_tools(self) -> Share:
        known = self._known
        return Share(sum(one.has_right_tools for one in known), len(known))

    @property
    def by_kind(self) -> Mapping[str, Share]:
        """The share of right answers of each kind of request."""
        kinds = dict.fromkeys(one.sample.kind for one in self._known if one.sample)
        return {
            str(kind): Share(sum(one.is_right for one in some), len(some))
            for kind in kinds
            if (some := [one for one in self._known if one.sample and one.sample.kind == kind])
        }

    @property
    def refused(self) -> Share:
        """Of what must be refused."""
        return Share(sum(one.is_refused for one in self.probed), len(self.probed))

    @property
    def schemas_taken(self) -> Share:
        """Of those that must be taken."""
        return self._share_of_schemas(lambda one: one.verdict not in NOT_TAKEN)

    @property
    def schemas_called(self) -> Share:
        return self._share_of_schemas(lambda one: one.verdict not in NOT_CALLED)

    @property
    def schemas_fitting(self) -> Share:
        return self._share_of_schemas(lambda one: one.is_right)

    @property
    def schemas_refused(self) -> Share:
        """Of those that no arguments can fit, in words that tell so."""
        return self._share_of_schemas(lambda one: one.is_right, must_be_refused=True)

    def _share_of_schemas(
        self, is_hit: Callable[[SchemaJudged], bool], *, must_be_refused: bool = False
    ) -> Share:
        asked = [one for one in self.schemas if one.case.must_be_refused is must_be_refused]
        return Share(sum(map(is_hit, asked)), len(asked))

    @property
    def first_ms(self) -> list[float]:
        return [one.observed.first_ms for one in self.answered if one.observed.first_ms is not None]

    @property
    def duration_ms(self) -> list[float]:
        return [float(one.result.duration_ms) for one in self.answered]

    @property
    def _known(self) -> list[Judged]:
        return [one for one in self.judged if one.sample and one.sample.expected is not None]


def judge(
    name: str,
    run: Run,
    samples: Sequence[Sample],
    *,
    whole: Run | None = None,
    references: Sequence[Sequence[Result]] = (),
    probed: Sequence[Probed] = (),
    schemas: Sequence[SchemaJudged] = (),
) -> Report:
    """Judges a run; `whole` is the same not streamed, `references` other runs of these samples."""
    asked = {sample.data_index: sample for sample in samples}
    by_index = {
        one.data_index: sample
        for one in run.results
        if (sample := asked.get(one.data_index)) and _asks(sample, one)
    }
    others = {one.data_index: one for one in whole.results} if whole else {}
    others = {index: one for index, one in others.items() if _is_fair(index, run, whole)}
    judged = [_judge_one(one, by_index.get(one.data_index), run, others) for one in run.results]
    first = {one.data_index: one for one in references[0]} if references else {}
    return Report(
        name=name,
        judged=judged,
        same_streamed=_count_same(judged, others),
        reference=_against(run.results, first, by_index),
        reference_itself=_pairs(references[1], first) if len(references) > 1 else None,
        probed=probed,
        schemas=schemas,
        fidelity=Fidelity(list(_count_tokens(judged))),
        same_prompt=_count_prompts(run.results, first),
    )


def _judge_one(
    result: Result, sample: Sample | None, run: Run, others: Mapping[int, Result]
) -> Judged:
    faults = find_faults(result, sample)
    other = others.get(result.data_index)
    if other is not None and _is_comparable(result, other) and (fault := differs(result, other)):
        faults.append(fault)
    observed = run.observed.get(result.data_index) or Observed(data_index=result.data_index)
    return Judged(result, faults, sample, observed)


def _asks(sample: Sample, result: Result) -> bool:
    """Whether it is this sample that was answered; a file of results may be of other samples."""
    sent = prepare(sample, model="", stream=False, changes={})
    return all(sent.get(name) == result.request.get(name) for name in ("messages", "tools"))


def _is_fair(index: int, run: Run, whole: Run | None) -> bool:
    """Not where the model is known to have written two outputs, as batches make of one prompt."""
    outputs = [
        seen.output
        for one in (run, whole)
        if one is not None and (seen := one.observed.get(index)) and seen.output
    ]
    return len(set(outputs)) <= 1


def _is_comparable(one: Result, other: Result) -> bool:
    """At another temperature two answers differ anyway."""
    return one.status == other.status == SUCCESS and one.request.get("temperature") == 0


def _count_same(judged: Sequence[Judged], others: Mapping[int, Result]) -> Share:
    both = [
        one
        for one in judged
        if (other := others.get(one.result.data_index)) and _is_comparable(one.result, other)
    ]
    differing = sum(FaultKind.STREAMS_DIFFERENTLY in one.kinds for one in both)
    return Share(len(both) - differing, len(both))


def _against(
    results: Iterable[Result], first: Mapping[int, Result], samples: Mapping[int, Sample]
) -> Trigger | None:
    """Calls against the reference run's, or against what the set knows."""
    if first:
        return _pairs(results, first)
    pairs = [
        (has_called(one), bool(sample.expected))
        for one in results
        if one.status == SUCCESS
        and (sample := samples.get(one.data_index))
        and sample.expected is not None
    ]
    return compare(pairs) if pairs else None


def _pairs(results: Iterable[Result], first: Mapping[int, Result]) -> Trigger:
    return compare(
        (has_called(one), has_called(other))
        for one in results
        if (other := first.get(one.data_index)) and one.status == other.status == SUCCESS
    )


def _count_tokens(judged: Iterable[Judged]) -> Iterator[Counted]:
    for one in judged:
        told, own = one.result.usage.get("prompt_tokens"), one.observed.own_prompt_tokens
        if told and own:
            kind = one.sample.kind if one.sample else ""
            yield Counted(one.result.data_index, kind, told, own)


def _count_prompts(results: Iterable[Result], first: Mapping[int, Result]) -> Share:
    pairs = [
        (one.usage.get("prompt_tokens"), other.usage.get("prompt_tokens"))
        for one in results
        if (other := first.get(one.data_index))
    ]
    told = [(one, other) for one, other in pairs if one and other]
    return Share(sum(one == other for one, other in told), len(told))
