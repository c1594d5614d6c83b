"""Each class of failure: what it means to whoever runs the deployment, and what mends it."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from toolgate.pipeline.diagnose.failure import FailureKind


class Entry(Struct, frozen=True):
    """One class."""

    what: str
    mend: str
    cases: str = ""
    """Rows of docs/failure-catalogue.md."""


_ENFORCE: Final = "hold calls to their schemas: send clients through toolgate"
_PARSER: Final = (
    "give the server its parser (--tool-call-parser, --reasoning-parser), or send clients through "
    "toolgate"
)
_TEMPLATE: Final = "see what `toolgate doctor` says of the prompt"

CATALOGUE: Final[Mapping[FailureKind, Entry]] = {
    FailureKind.FAILED: Entry("no answer, or an error instead", "look at the server's own log"),
    FailureKind.LOST_CALL: Entry(
        "the model called, and the call stands in the text where no client runs it",
        _PARSER,
        "F3, F7",
    ),
    FailureKind.LEAKED_MARKER: Entry(
        "the model's own markup in text, reasoning, names or arguments", _PARSER, "F1, F6"
    ),
    FailureKind.UNDECLARED_TOOL: Entry(
        "a call of a tool that the request does not declare", _ENFORCE, "F5"
    ),
    FailureKind.ARGUMENTS_NOT_JSON: Entry("arguments that no client can read", _ENFORCE, "F9"),
    FailureKind.SCHEMA_VIOLATION: Entry(
        "arguments that break the tool's JSON Schema", _ENFORCE, "F9"
    ),
    FailureKind.BAD_ID: Entry(
        "a call without an id, or with one that the conversation has already",
        "give calls unique ids, as toolgate does: clients pair results by them, and loop",
        "F4",
    ),
    FailureKind.ID_SHAPE: Entry(
        "an id that some clients refuse or rewrite: not 1 to 64 letters, digits, _ and -",
        "give ids of that shape, as toolgate does; a client that rewrites them harms the next turn",
        "F2",
    ),
    FailureKind.DUPLICATE_CALL: Entry(
        "the same call twice in one answer",
        "look for a proxy or parser that tells a call twice; else the model repeats itself",
    ),
    FailureKind.FINISH_REASON: Entry(
        "none, `stop` with calls, or `tool_calls` without one",
        "derive it from the calls, as toolgate does: clients stop, or wait for ever",
        "F22",
    ),
    FailureKind.EMPTY_TURN: Entry("neither words nor calls", _TEMPLATE, "F1, F25"),
    FailureKind.TRUNCATED: Entry(
        "cut at the token limit; its calls are not judged, as nobody may run them",
        "raise max_tokens, or the server's context",
    ),
    FailureKind.RESULT_MISSING: Entry(
        "the conversation has a call, and no result for it",
        "report it to the client's makers; TOOLGATE_MISSING_RESULTS=fill tells the model",
        "F17",
    ),
    FailureKind.ORPHAN_RESULT: Entry(
        "the conversation has a result, and no call for it",
        "report it to the client's makers; TOOLGATE_ORPHAN_RESULTS=drop leaves it out",
        "F17",
    ),
    FailureKind.CALL_MISSING: Entry(
        "the conversation goes on after a call, and lacks the call",
        "report it to the client's makers",
    ),
    FailureKind.CALL_LOOP: Entry(
        "the same call three times running, with the same result each time or none",
        "look at what comes back to the model: a lost result, or an error without words",
        "F4",
    ),
    FailureKind.FOREIGN_IDS: Entry(
        "ids in the history that the model's family does not write",
        "write them as the model knows them, as toolgate does; it copies them, or falls silent",
        "F1",
    ),
    FailureKind.DEVIATION: Entry(
        "the model left its format in a way that a tolerant parser mends",
        "nothing, behind toolgate; other parsers may lose such calls (docs/anomalies.md)",
        "F7",
    ),
}
