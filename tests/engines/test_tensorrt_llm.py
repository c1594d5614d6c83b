"""What TensorRT-LLM can do; tests/contract/test_engines.py shows that it does."""

from toolgate.engines.tensorrt_llm import TENSORRT_LLM


def test_capabilities():
    can = TENSORRT_LLM.capabilities
    assert (can.kind, can.prompts, can.grammar) == ("TensorRT-LLM", "tokens", "structural_tag")
    assert can.tells_ids is False


def test_only_fields_that_it_knows_are_sent():
    """serve/openai_protocol.py, `CompletionRequest`, forbids all others."""
    known = {"skip_special_tokens", "spaces_between_special_tokens", "add_special_tokens"}
    assert set(TENSORRT_LLM.fields) <= known
    assert TENSORRT_LLM.tokenize_fields == {}
