"""Exported recordings, read back."""

import pytest

from tests.engines.traces.recordings import make_recording
from toolgate.apps.trace.lines import read_recordings
from toolgate.errors import InvalidRequest
from toolgate.pipeline.trace import encode_recording


def test_a_line_is_what_ends_with_a_line_feed():
    recording = make_recording(request="\u2028")
    text = encode_recording(recording).decode()
    assert list(read_recordings(f"\n{text}\n\n{text}", "file")) == [recording, recording]


def test_the_line_of_a_mistake_is_told():
    with pytest.raises(InvalidRequest, match="file, line 2, is no recording"):
        list(read_recordings("\n{}", "file"))
