"""A packed recording is the same recording."""

import msgspec
import pytest

from tests.engines.traces.recordings import make_recording, make_trace
from toolgate.pipeline.packed import (
    decode_packed,
    encode_packed,
    pack,
    pack_trace,
    unpack,
    unpack_trace,
)


def test_it_comes_back_as_it_was():
    recording = make_recording()
    packed = pack(recording)
    assert packed.recording.traces == () and packed.traces[0].trace.heard == ()
    assert unpack(packed) == recording
    assert (packed.request, packed.answer) == (b'{"messages": []}', b"data: x\n\n")
    given = {"request": packed.request, "answer": packed.answer}
    assert decode_packed(encode_packed(packed), **given) == packed
    bare = make_recording(request=None, answer=None)
    assert unpack(pack(bare)) == bare
    assert unpack_trace(pack_trace(make_trace())) == make_trace()


def test_what_is_none_is_refused():
    with pytest.raises(msgspec.MsgspecError):
        decode_packed(b'{"id": "req_1"}', request=None, answer=None)
