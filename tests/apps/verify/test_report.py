from pathlib import Path

import msgspec

from tests.apps.verify.answers import call, result
from toolgate.apps.verify.faults import FaultKind, are_valid
from toolgate.apps.verify.report import judge
from toolgate.apps.verify.results import Observed, Result, read_results, summarize
from toolgate.apps.verify.runner import Run, read_run
from toolgate.apps.verify.samples import Expected, Sample
from toolgate.apps.verify.schema_cases import schema_cases
from toolgate.apps.verify.schema_suite import SchemaJudged, SchemaVerdict
from toolgate.apps.verify.scores import Share, Trigger

ROME = call('{"city": "Rome"}')
RIGHT = [Expected("get_weather", {"city": "Rome"})]
REQUEST = result().request
SAMPLES = [
    Sample(1, REQUEST, "must_call", RIGHT),
    Sample(2, REQUEST, "must_call", RIGHT),
    Sample(3, REQUEST, "must_not_call", []),
    Sample(4, REQUEST, "must_call", RIGHT),
]


def run(*results: Result, **outputs: str) -> Run:
    seen = {int(key[1:]): Observed(data_index=int(key[1:]), output=outputs[key]) for key in outputs}
    return Run(results, seen)


def test_the_numbers_of_a_run():
    failed = Result(data_index=4, request=REQUEST, status="failed", response={"error": "503"})
    oslo = result(call('{"city": "Oslo"}'), index=2)
    told = judge("x", run(result(ROME), oslo, result(call("{}"), index=3), failed), SAMPLES)
    assert len(told.answered) == 3
    assert told.finish_reasons == {"tool_calls": 3}
    assert told.valid_turns == Share(2, 3)
    assert told.right == Share(1, 4)
    assert told.right_tools == Share(2, 4)
    assert told.by_kind == {"must_call": Share(1, 3), "must_not_call": Share(0, 1)}
    assert told.reference == Trigger(both=2, only_here=1, only_there=0, neither=0)
    assert told.faults == {
        FaultKind.OTHER_ARGUMENTS: 1,
        FaultKind.SCHEMA_VIOLATION: 1,
        FaultKind.NEEDLESS_CALL: 1,
        FaultKind.FAILED: 1,
    }
    assert told.duration_ms == [0.0, 0.0, 0.0] and told.first_ms == []


def test_against_a_reference_and_the_reference_against_itself():
    first = [result(ROME), result(text="Hi", index=2)]
    second = [result(text="Hi"), result(text="Hi", index=2)]
    told = judge("x", run(result(ROME), result(ROME, index=2)), [], references=[first, second])
    assert told.reference == Trigger(1, 1, 0, 0)
    assert told.reference_itself == Trigger(0, 0, 1, 1)


def test_prompts_are_compared_by_their_tokens():
    first = [result(text="a", usage={"prompt_tokens": 9})]
    for count, share in [(9, Share(1, 1)), (8, Share(0, 1))]:
        here = run(result(text="a", usage={"prompt_tokens": count}))
        assert judge("x", here, [], references=[first]).same_prompt == share
    assert judge("x", run(result(text="a")), [], references=[first]).same_prompt == Share(0, 0)


def test_prompts_beside_our_own_count():
    here = Run(
        [
            result(text="a", usage={"prompt_tokens": 9}),
            result(text="a", index=2, usage={"prompt_tokens": 12}),
            result(text="a", index=3),
        ],
        {index: Observed(data_index=index, own_prompt_tokens=9) for index in (1, 2, 3)},
    )
    told = judge("x", here, SAMPLES).fidelity
    assert told.exact == Share(1, 2), "the third tells no usage"
    assert told.differences == {3: 1} and told.counted[1].kind == "must_call"
    assert judge("x", run(result(text="a", usage={"prompt_tokens": 9})), []).fidelity.counted == []


def test_the_shares_of_the_schema_suite():
    cases = schema_cases()
    refused = next(case for case in cases if case.must_be_refused)
    verdicts = [(cases[0], verdict) for verdict in SchemaVerdict if not verdict.endswith("refused")]
    verdicts += [(cases[0], SchemaVerdict.REFUSED), (refused, SchemaVerdict.RIGHTLY_REFUSED)]
    schemas = [
        SchemaJudged(case, verdict, "", result(), Observed(data_index=1))
        for case, verdict in verdicts
    ]
    told = judge("x", run(), [], schemas=schemas)
    assert (told.schemas_taken, told.schemas_called) == (Share(5, 7), Share(4, 7))
    assert (told.schemas_fitting, told.schemas_refused) == (Share(1, 7), Share(1, 1))


def test_streamed_beside_whole():
    here, whole = (
        run(result(text="a"), result(text="b", index=2)),
        run(result(text="a"), result(text="c", index=2)),
    )
    assert judge("x", here, [], whole=whole).same_streamed == Share(1, 2)


def test_two_outputs_of_one_model_say_nothing_about_streaming():
    here, whole = run(result(text="b"), _1="b"), run(result(text="c"), _1="c")
    assert judge("x", here, [], whole=whole).same_streamed == Share(0, 0)


def test_a_cut_answer_is_not_among_the_turns_with_calls():
    told = judge("x", run(result(call('{"ci'), finish="length")), [])
    assert told.valid_turns == Share(0, 0) and told.reference is None


def test_results_of_other_samples_are_not_held_against_these():
    other = [Sample(1, {**REQUEST, "messages": []}, "must_call", RIGHT)]
    told = judge("x", run(result(text="Hi")), other)
    assert told.right == Share(0, 0) and told.reference is None and told.faults == {}


def test_a_row_of_the_published_tables_comes_out_of_results_in_the_official_format(tmp_path: Path):
    """Fireworks, 2025-10-10: stop 2546, tool_calls 1443, other 8; of these 347 invalid."""
    rows = [*[("stop", None)] * 2546, *[("length", None)] * 8]
    rows += [*[("tool_calls", ROME)] * 1096, *[("tool_calls", call("{}"))] * 347]
    path = tmp_path / "results.jsonl"
    lines = []
    for index, (finish, made) in enumerate(rows, 1):
        one = result(*([made] if made else []), text="Hi", finish=finish, index=index)
        one.tool_calls_valid = are_valid(one)
        lines.append(msgspec.json.encode(one))
    path.write_bytes(b"\n".join(lines))
    summary = summarize(read_results(path), "k2")
    assert (summary.finish_stop, summary.finish_others) == (2546, 8)
    assert summary.finish_tool_calls == 1443
    assert summary.schema_validation_error_count == 347
    assert summary.successful_tool_call_count == 1096
    told = judge("x", read_run(path, tmp_path / "observed.jsonl"), [])
    assert told.valid_turns == Share(1096, 1443) and told.finish_reasons["tool_calls"] == 1443
