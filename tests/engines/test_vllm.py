"""What vLLM can do; tests/contract/test_engines.py shows that it does."""

from toolgate.engines.vllm import VLLM


def test_capabilities():
    can = VLLM.capabilities
    assert (can.kind, can.prompts, can.grammar) == ("vLLM", "tokens", "structural_tag")
    assert can.tells_ids is True


def test_slow_tokenizers_write_no_blanks_between_markers():
    """Its default does (v1/engine/detokenizer.py), and Kimi's tokenizer is a slow one."""
    assert VLLM.fields["spaces_between_special_tokens"] is False
    assert VLLM.fields["skip_special_tokens"] is False
