from tests.apps.verify.answers import result
from toolgate.apps.verify.probes import Probed
from toolgate.apps.verify.report import judge
from toolgate.apps.verify.results import Observed
from toolgate.apps.verify.runner import Run
from toolgate.apps.verify.schema_cases import schema_cases
from toolgate.apps.verify.schema_suite import SchemaJudged, SchemaVerdict
from toolgate.apps.verify.summary import summarize_own


def test_what_the_official_summary_lacks():
    seen = Observed(data_index=1, own_prompt_tokens=9)
    run = Run([result(text="", usage={"prompt_tokens": 12})], {1: seen})
    case = schema_cases()[0]
    wrong = SchemaJudged(case, SchemaVerdict.REFUSED, "no", result(), seen)
    told = summarize_own(judge("x", run, [], probed=[Probed("n 0", 200)], schemas=[wrong]))
    assert told["faults"] == {"empty_turn": 1}
    assert told["schemas"]["wrong"] == [{"schema": case.name, "verdict": "refused", "detail": "no"}]
    assert told["schemas"]["taken"] == {"hits": 0, "total": 1}
    assert told["prompt_tokens"]["exact"] == {"hits": 0, "total": 1}
    assert told["prompt_tokens"]["differences"] == {"+3": 1}
    assert told["prompt_tokens"]["largest"][0].told == 12
    assert told["refused"] == {"hits": 0, "total": 1}
