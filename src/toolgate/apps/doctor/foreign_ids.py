"""The same conversation with the family's own call ids and with other vendors': what differs?

Where a template shows the model the ids of the history, it copies them, or falls silent: Kimi K2.6
ended 87 % of such turns empty (Kimi-K2#128), and in kimi-code#3429 the id alone decided whether the
next call came. A prompt with foreign ids is a fault only where the model minds, so the server's
own chat route is asked for the next call, in both forms.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from toolgate.apps.doctor.patient import Patient
from toolgate.apps.doctor.probes import RESULT, TOOL
from toolgate.apps.doctor.report import Finding, Seen
from toolgate.apps.doctor.server_tokens import tokens_of
from toolgate.errors import EngineRefused

ANSWER: Final = 1000
"""Tokens; a call of one argument, and what a model thinks before it."""
RUNS: Final = 3
"""A form that fails is asked again: even at temperature 0, a busy server's sums differ."""
_NAME: Final = "get_weather"
_INDEX: Final = re.compile(r"[:_](\d+)$")
_OTHERS: Final[Sequence[str]] = ("call_59adf5614cfe4f4b8a71be54", "toolu_01A09q90qw90lq917835lq9")


class Turn(Struct, frozen=True, kw_only=True):
    """What the chat route made of the history with one id."""

    id: str
    prompt_tokens: int | None = None
    written: str | None = None
    """The id that the prompt shows; None where it shows neither this nor the family's, or nobody
    tells."""
    called: str | None = None
    """The tool that was called next."""
    next_id: str | None = None
    index: int | None = None
    """… as the model counts its calls: one came before."""
    finish_reason: str = ""
    failed: str = ""
    """What the server said instead of an answer, or what its prompt lost."""

    @property
    def is_formed(self) -> bool:
        return self.called == _NAME and not self.failed

    def __str__(self) -> str:
        if not self.is_formed:
            return self.failed or f"no call of {_NAME} came ({self.finish_reason})"
        return f"{self.next_id} came"


async def check_ids(patient: Patient) -> AsyncIterator[Finding | Seen]:
    """Asks for the next call, with each form of the id before it."""
    write_id = patient.family.dialect.write_id
    if write_id is None:
        return  # this family's prompts show no ids
    native = await _ask(patient, write_id(_NAME, 0))
    others = [await _ask(patient, one, native) for one in _foreign(native.id)]
    details = {"native": native, "foreign": others}
    yield Seen("ids", _summary(native, others), details)
    if not native.is_formed:
        return  # then no id is to blame
    for other in others:
        if not other.is_formed and await _fails_again(patient, native, other):
            yield Finding("foreign_ids", _compare(native, other), {"ids": details})
            return


def _foreign(native: str) -> Sequence[str]:
    """Ids as OpenAI's and Anthropic's clients have them, and ours as some clients clean it up."""
    return (*_OTHERS, re.sub(r"[^A-Za-z0-9_-]", "_", native))


async def _fails_again(patient: Patient, native: Turn, other: Turn) -> bool:
    for _ in range(RUNS - 1):
        again = [await _ask(patient, native.id), await _ask(patient, other.id, native)]
        if [turn.is_formed for turn in again] != [True, False]:
            return False
    return True


async def _ask(patient: Patient, call_id: str, native: Turn | None = None) -> Turn:
    """With `native`, whether the prompt differs from that one's by more than the id, too."""
    body = _request(call_id)
    room = (patient.told.get("context") or 2 * ANSWER) // 2
    asked = {"model": patient.model, "temperature": 0, "max_tokens": min(ANSWER, room), **body}
    try:
        written, is_spoilt = await _written(patient, call_id, native)
        answer = await patient.endpoint.post("/v1/chat/completions", asked)
    except EngineRefused as error:
        return Turn(id=call_id, failed=str(error).rstrip("."))
    turn = _read(call_id, written, answer)
    return replace(turn, failed="the prompt differs by more than the id") if is_spoilt else turn


async def _written(patient: Patient, call_id: str, native: Turn | None) -> tuple[str | None, bool]:
    """The id in the prompt, and whether the prompt is spoilt, where the server tells prompts."""
    if (tokens := tokens_of(patient)) is None:
        return None, False
    text = (await tokens.chat(patient, _request(call_id))).text
    known = [call_id, *([native.id] if native else [])]
    written = next((one for one in known if one in text), None)
    if native is None or written is None:
        return written, False
    expected = (await tokens.chat(patient, _request(native.id))).text
    return written, text.replace(call_id, native.id) != expected


def _read(call_id: str, written: str | None, answer: Mapping[str, Any]) -> Turn:
    choice = answer["choices"][0]
    call = next(iter(choice["message"].get("tool_calls") or ()), None)
    next_id = str(call["id"]) if call else None
    index = _INDEX.search(next_id or "")
    return Turn(
        id=call_id,
        prompt_tokens=(answer.get("usage") or {}).get("prompt_tokens"),
        written=written,
        called=call["function"]["name"] if call else None,
        next_id=next_id,
        index=int(index[1]) if index else None,
        finish_reason=str(choice.get("finish_reason")),
    )


def _request(call_id: str) -> dict[str, Any]:
    """One call in the history, and a question that wants the next."""
    call = {
        "id": call_id,
        "type": "function",
        "function": {"name": _NAME, "arguments": '{"city": "Beijing"}'},
    }
    messages = [
        {"role": "system", "content": "You are a careful assistant."},
        {"role": "user", "content": "What is the weather in Beijing?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "name": _NAME, "content": RESULT},
        {"role": "user", "content": "What is the weather in Paris?"},
    ]
    return {"messages": messages, "tools": [TOOL]}


def _compare(native: Turn, other: Turn) -> str:
    tokens = f"{native.prompt_tokens} and {other.prompt_tokens} prompt tokens"
    shown = f", and the prompt shows {other.written}" if other.written else ""
    return f"with {native.id}, {native}; with {other.id}, {other} ({tokens}{shown})"


def _summary(native: Turn, others: Sequence[Turn]) -> str:
    """One line for people: what foreign ids do here."""
    if not native.is_formed:
        return f"not compared: with {native.id}, {native}"
    shown = sum(turn.written == turn.id for turn in others)
    formed = sum(turn.is_formed for turn in others)
    counted = sum(turn.index == native.index for turn in others)
    told = f"{shown} of {len(others)} foreign ids reach the prompt, " if shown else ""
    return (
        f"{told}the next call comes with {formed} of {len(others)}, "
        f"numbered as with {native.id} with {counted}"
    )
