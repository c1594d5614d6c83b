import json
from pathlib import Path

import pytest

from tests.apps.verify.answers import result
from toolgate.apps.verify.probes import Probed
from toolgate.apps.verify.report import judge
from toolgate.apps.verify.results import Observed
from toolgate.apps.verify.runner import Run
from toolgate.apps.verify.schema_cases import schema_cases
from toolgate.apps.verify.schema_suite import SchemaJudged, SchemaVerdict
from toolgate.apps.verify.summary import summarize_own, write_own_summary

SEEN = Observed(data_index=1, own_prompt_tokens=9)
REQUESTS = Run([result(text="", usage={"prompt_tokens": 12})], {1: SEEN})


def test_what_the_official_summary_lacks():
    case = schema_cases()[0]
    wrong = SchemaJudged(case, SchemaVerdict.REFUSED, "no", result(), SEEN)
    told = summarize_own(judge("x", REQUESTS, [], probed=[Probed("n 0", 200)], schemas=[wrong]))
    assert told["faults"] == {"empty_turn": 1}
    assert told["schemas"]["wrong"] == [{"schema": case.name, "verdict": "refused", "detail": "no"}]
    assert told["schemas"]["taken"] == {"hits": 0, "total": 1}
    assert told["prompt_tokens"]["exact"] == {"hits": 0, "total": 1}
    assert told["prompt_tokens"]["differences"] == {"+3": 1}
    assert told["prompt_tokens"]["largest"][0].told == 12
    assert told["refused"] == {"hits": 0, "total": 1}


@pytest.mark.parametrize("cut_at", [None, 20])
def test_what_was_not_asked_again_stays_as_it_was(tmp_path: Path, cut_at: int | None):
    """A file that was cut off while it was written is begun anew."""
    path = tmp_path / "summary.toolgate.json"
    write_own_summary(judge("x", REQUESTS, []), tmp_path)
    path.write_bytes(path.read_bytes()[:cut_at])
    write_own_summary(judge("x", Run((), {}), [], probed=[Probed("n 0", 400)]), tmp_path)
    told = json.loads(path.read_text())
    assert told["refused"] == {"hits": 1, "total": 1}
    kept = {name: told.get(name) for name in ("faults", "schemas")}
    assert kept == {"faults": None if cut_at else {"empty_turn": 1}, "schemas": None}
