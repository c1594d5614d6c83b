"""The plug-in where vLLM is not; what it does inside vLLM is tested in tests/vllm."""

import importlib
from importlib.util import find_spec

import pytest


def test_without_vllm_it_says_what_it_is_for():
    assert find_spec("vllm") is None
    with pytest.raises(ImportError, match="a plug-in for vLLM, which is not here"):
        importlib.import_module("toolgate.integrations.vllm")


def test_its_file_can_be_found_without_vllm():
    found = find_spec("toolgate.integrations.vllm")
    assert found is not None
    assert found.origin is not None
    assert found.origin.endswith("integrations/vllm/__init__.py")
