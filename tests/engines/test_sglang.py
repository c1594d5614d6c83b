"""What SGLang can do; tests/contract/test_engines.py shows that it does."""

from toolgate.engines.sglang import SGLANG


def test_capabilities():
    can = SGLANG.capabilities
    assert (can.kind, can.prompts, can.grammar) == ("SGLang", "tokens", "structural_tag")
    assert can.tells_ids is True


def test_prompt_and_answer_stay_below_its_context():
    """`>=` in srt/managers/tokenizer_manager.py refuses a request that would just fit."""
    assert SGLANG.spare == 1
