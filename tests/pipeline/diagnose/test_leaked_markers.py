"""Markers are found, and what only looks like one is not."""

import pytest

from toolgate.dialects import get_dialect, list_dialects
from toolgate.pipeline.diagnose.leaked_markers import call_markers, find_call_marker, find_marker


@pytest.mark.parametrize(
    "text", ["", "a plain text", "a < b", "x[0]", "run [ARGS]", "`functions.py`", "List<T>"]
)
def test_text_is_text(text: str):
    assert find_marker(text) is None and find_call_marker(text) is None


def test_markers_of_all_families():
    assert find_marker("Hm.</think>") == "</think>"
    assert find_marker("<|whatever|>") == "<|whatever|>"
    assert find_marker("functions.look:0") == "functions.look:0"
    assert find_call_marker("functions.look:0") is None
    assert find_call_marker("so <tool_call>{}") == "<tool_call>"
    assert find_call_marker("<|channel|>final") is None


@pytest.mark.parametrize("name", list_dialects())
def test_each_family_begins_its_calls_with_a_marker(name: str):
    assert any(find_call_marker(one) for one in call_markers(get_dialect(name)))
