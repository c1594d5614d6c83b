"""Small conversations as clients send them, and what a faulty template makes of each.

A fault is named by how its prompt looks beside ours: a table of small judgements, the first that
fits. Where none fits, the prompts differ in a way that nobody has named yet.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any, Final

from msgspec import Struct

from toolgate.apps.doctor.patient import Patient
from toolgate.core.conversation import Conversation
from toolgate.core.prompt import Prompt
from toolgate.pipeline.normalize import normalize
from toolgate.wire.openai_chat import decode_request

AROUND: Final = 40
"""Characters that are shown on each side of a difference."""
TOOL: Final[Mapping[str, Any]] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Looks it up.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "City name"}},
            "required": ["city"],
        },
    },
}
ID: Final = "functions.get_weather:0"
RESULT: Final = "Sunny, 21 °C"
NULL: Final = "a null reasoning"
QUESTION: Final = "Is it warm in Beijing?"
_SYSTEM: Final = {"role": "system", "content": "You are a careful assistant."}
_ASKED: Final = {"role": "user", "content": QUESTION}
_CALL: Final = {
    "id": ID,
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Beijing"}'},
}
_TOLD: Final = {"role": "tool", "tool_call_id": ID, "name": "get_weather", "content": RESULT}


def _calling(**more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "I look.", "tool_calls": [_CALL], **more}


class Probe(Struct, frozen=True):
    """One conversation, and the template's variables that stay as the client wrote them."""

    messages: Sequence[Mapping[str, Any]]
    tools: bool = False
    raw: Mapping[int, Mapping[str, Any]] = {}
    """Message → keys that a server may hand to the template unrepaired."""

    @property
    def body(self) -> dict[str, Any]:
        """As a Chat Completions request."""
        messages = [{**message, **self.raw.get(at, {})} for at, message in enumerate(self.messages)]
        return {"messages": messages} | ({"tools": [TOOL]} if self.tools else {})


_ROUND: Final = (_SYSTEM, _ASKED, _calling(), _TOLD)
_PARTS: Final = [{"type": "text", "text": QUESTION}]

PROBES: Final[Mapping[str, Probe]] = {
    "a question": Probe((_SYSTEM, _ASKED)),
    "tools": Probe((_SYSTEM, _ASKED), tools=True),
    "a call and its result": Probe(_ROUND, tools=True),
    "content as a list": Probe((_SYSTEM, _ASKED), raw={1: {"content": _PARTS}}),
    "an empty content": Probe((_SYSTEM, _ASKED, _calling(content=""), _TOLD), tools=True),
    NULL: Probe(_ROUND, tools=True, raw={2: {"reasoning_content": None}}),
    "an answer before": Probe((*_ROUND, {"role": "assistant", "content": "It is."}, _ASKED), True),
}


def read_probe(probe: Probe) -> Conversation:
    """The probe as the gateway reads it."""
    return decode_request({"model": "any", **probe.body}).conversation


def family_prompt(patient: Patient, probe: Probe) -> Prompt:
    """What toolgate lets the model read of the same request."""
    conversation, _ = normalize(read_probe(probe))
    return patient.family.dialect.render(conversation, patient.family.profile)


_DECLARED: Final = re.compile(r"\[\{.*Looks it up\..*?\}\](?=<)")


def in_one_order(prompt: str) -> str:
    """The prompt with its tools' keys sorted: llama.cpp reads tools and writes them anew."""
    return _DECLARED.sub(_sort, prompt)


def _sort(found: re.Match[str]) -> str:
    try:
        return json.dumps(json.loads(found[0]), sort_keys=True, ensure_ascii=False)
    except ValueError:
        return found[0]


class Pair(Struct, frozen=True):
    """Two prompts of one probe."""

    probe: str
    ours: str
    theirs: str

    def adds(self, *fragments: str) -> bool:
        """Whether theirs has one of these, and ours does not."""
        return any(one in self.theirs and one not in self.ours for one in fragments)

    def lacks(self, fragment: str) -> bool:
        """Whether ours has it, and theirs does not."""
        return fragment in self.ours and fragment not in self.theirs

    @property
    def same(self) -> int:
        """How many characters the two begin with alike."""
        both = zip(self.ours, self.theirs, strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], both))

    def show(self) -> str:
        """Where they part."""
        at = self.same
        around = slice(max(at - AROUND, 0), at + AROUND)
        return (
            f"with {self.probe}, from character {at} on: the family writes "
            f"{self.ours[around]!r}, this {self.theirs[around]!r}"
        )


_JUDGEMENTS: Final[Sequence[tuple[str, Callable[[Pair], bool]]]] = (
    (
        "no_generation_prompt",
        lambda pair: (
            len(pair.theirs.rstrip()) > len(pair.ours) // 2
            and pair.ours.startswith(pair.theirs.rstrip())
        ),
    ),
    (
        "list_content",
        lambda pair: pair.probe == "content as a list" and pair.adds("'type'", '"type": "text"'),
    ),
    ("empty_content", lambda pair: pair.adds("'text': ''", '"text": ""', "[]")),
    ("null_reasoning", lambda pair: pair.adds("None", "null")),
    ("tools_missing", lambda pair: pair.probe == "tools" and pair.lacks("Looks it up.")),
    ("results_missing", lambda pair: pair.lacks(RESULT)),
    ("stale_template", lambda pair: pair.adds(f"    {RESULT}", "  # Tools")),
    ("arguments_twice", lambda pair: pair.adds('\\"city\\"')),
    ("ids_changed", lambda pair: pair.theirs.count(ID) < pair.ours.count(ID)),
)


def judge(pair: Pair, otherwise: str) -> str | None:
    """The code of what is wrong; `otherwise` where no judgement fits, None where nothing is."""
    if pair.ours == pair.theirs:
        return None
    return next((code for code, fits in _JUDGEMENTS if fits(pair)), otherwise)
