"""What can fail between an agent and a model, by class."""

from enum import StrEnum

from msgspec import Struct


class FailureKind(StrEnum):
    """Of what class; docs/diagnose.md says what each means and what mends it."""

    FAILED = "failed"
    LOST_CALL = "lost_call"
    LEAKED_MARKER = "leaked_marker"
    UNDECLARED_TOOL = "undeclared_tool"
    ARGUMENTS_NOT_JSON = "arguments_not_json"
    SCHEMA_VIOLATION = "schema_violation"
    BAD_ID = "bad_id"
    ID_SHAPE = "id_shape"
    DUPLICATE_CALL = "duplicate_call"
    FINISH_REASON = "finish_reason"
    EMPTY_TURN = "empty_turn"
    TRUNCATED = "truncated"
    RESULT_MISSING = "result_missing"
    ORPHAN_RESULT = "orphan_result"
    CALL_MISSING = "call_missing"
    CALL_LOOP = "call_loop"
    FOREIGN_IDS = "foreign_ids"
    DEVIATION = "deviation"


class Failure(Struct, frozen=True):
    """One thing that failed."""

    kind: FailureKind
    detail: str = ""
    about: str = ""
    """The tool's name; of a deviation, its kind of anomaly; else nothing."""
