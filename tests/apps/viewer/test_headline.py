"""What a person wants to know first."""

from typing import Any

import pytest

from tests.apps.viewer.turns import CALL, CUT, SECTION, answered, cut, hear, loss, record
from toolgate.apps.viewer.headline import Headline, say
from toolgate.apps.viewer.steps import follow_calls
from toolgate.pipeline.finding import Finding, FindingKind
from toolgate.pipeline.trace import Recording, Trace

GOOD = hear(cut(SECTION + CALL, 9))
LOOP = Finding(FindingKind.CALL_LOOP, "It calls and calls.")
FALLBACK = Finding(FindingKind.FALLBACK_MODEL, "Another model answered.")
BACK = record(hear(cut("Fine.", 9), asked=answered(GOOD, "Here.")))
LOST = record(GOOD, findings=(loss(GOOD.message.tool_calls[0].id or ""),))


def headline(trace: Trace | None, *later: Recording, **fields: Any) -> Headline:
    calls = follow_calls(trace, later, raws=[], withheld=False) if trace else []
    return say(record(trace, **fields), calls)


@pytest.mark.parametrize(
    ("said", "mood", "text"),
    [
        (headline(GOOD, running=True), "live", "being answered"),
        (headline(None, error="It died.", status=502), "bad", "It failed: It died."),
        (headline(GOOD, status=499), "bad", "client left"),
        (headline(GOOD, LOST), "bad", "look was called, and its result never came back."),
        (headline(GOOD, findings=(LOOP,)), "bad", "It calls and calls."),
        (headline(GOOD, findings=(FALLBACK,)), "warn", "Another model"),
        (headline(GOOD), "good", "look was called; no later request"),
        (headline(GOOD, BACK), "good", "look was called, and its result came back."),
        (headline(hear(cut("Hm.", 9))), "good", "in words"),
        (headline(hear(cut("Hm.", 9), reason="length")), "bad", "cut off at its length"),
        (headline(hear([])), "bad", "without a word or a call"),
        (headline(None), "good", "no answer"),
        (headline(hear(cut(CUT, 9), reason="length")), "bad", "look: It was cut"),
        (headline(hear(cut(SECTION + CALL.replace(".look", ".a"), 9))), "bad", "a was called, and"),
        (headline(hear(cut(SECTION + CALL.replace('"Ann"', "1"), 9))), "bad", "do not fit"),
    ],
)
def test_the_worst_is_said(said, mood, text):
    assert said.mood == mood and text in said.text
