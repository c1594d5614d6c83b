"""What may be shown of an output's end, and what would have become a marker."""

import pytest

from toolgate.core.dialect import State
from toolgate.core.half_marker import is_half_marker
from toolgate.dialects import get_dialect


@pytest.mark.parametrize(
    ("state", "held", "cut", "is_half"),
    [
        (State.TEXT, "<", True, False),  # 5 <
        (State.TEXT, "<|", False, False),
        (State.TEXT, "<|", True, True),
        (State.TEXT, "<|too", False, True),
        (State.TEXT, "<|tool_call_e", True, False),  # leads nowhere from here
        (State.ARGUMENTS, "<|tool_call_e", True, True),
    ],
)
def test_what_is_hidden(state, held, cut, is_half):
    assert is_half_marker(get_dialect("kimi_k2"), state, held, cut=cut) is is_half
