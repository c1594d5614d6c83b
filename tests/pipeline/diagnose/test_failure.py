"""A failure's kind is its name everywhere: in tables, in JSON, in docs."""

from msgspec import json

from toolgate.pipeline.diagnose.failure import Failure, FailureKind


def test_kinds_are_their_own_names():
    assert all(kind.value == kind.name.lower() for kind in FailureKind)
    assert json.encode(Failure(FailureKind.BAD_ID)) == b'{"kind":"bad_id","detail":"","about":""}'
