"""What the server's own chat route makes of a model's output: does it read calls, and hide markers?

Clients that do not come through toolgate depend on it. Where it tells no call, the same prompt goes
past it: what the model then writes shows whether a call was lost.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from toolgate.apps.doctor.patient import Patient
from toolgate.apps.doctor.probes import PROBES, TOOL, family_prompt
from toolgate.apps.doctor.report import Finding
from toolgate.apps.doctor.server_tokens import count_chat, send
from toolgate.core.conversation import Options
from toolgate.engines.engine import GenerateRequest
from toolgate.errors import EngineError
from toolgate.pipeline.parse import parse

_TOKENS: Final = 200
_LOOKS: Final = 2
"""A busy server's sums differ now and then, and so does what its model does."""
_PROBE: Final = PROBES["tools"]
_NO_PARSER: Final = ("tool-call-parser", "tool_call_parser", "--jinja", "tool choice requires")
"""In the words of vLLM, SGLang and llama.cpp, when a request has tools and they cannot read any."""


async def check_answers(patient: Patient) -> AsyncIterator[Finding]:
    """A question with a tool: is it taken, are there markers in what comes back, and a call?"""
    try:
        message = await _ask(patient)
    except EngineError as error:
        said = str(error)
        if any(one in said for one in _NO_PARSER):
            yield Finding("parser_missing", said.rstrip("."))
        return
    text = "".join(str(message.get(key) or "") for key in ("content", "reasoning_content"))
    leaked = [one for one in sorted(patient.family.dialect.markers) if one in text]
    if leaked:
        yield Finding("markers_leak", f"asked for a call, it says {text[:160]!r}")
        return
    for _ in range(_LOOKS):
        raw = await _generate(patient)
        if message.get("tool_calls") or not _has_call(patient, raw):
            return
        message = await _ask(patient)
    if await _reads_another_prompt(patient):
        return  # the model may well do something else then; that is told already
    yield Finding("calls_lost", f"it tells no call, and past it the model writes {raw!r:.200}")


async def _ask(patient: Patient) -> Mapping[str, Any]:
    body = {"model": patient.model, "max_tokens": _TOKENS, "temperature": 0, **_PROBE.body}
    answer = await patient.endpoint.post("/v1/chat/completions", body)
    message: Mapping[str, Any] = answer["choices"][0]["message"]
    return message


async def _generate(patient: Patient) -> str:
    """What the model writes after the family's own prompt of the same question."""
    dialect = patient.family.dialect
    request = GenerateRequest(
        prompt=family_prompt(patient, _PROBE),
        options=Options(max_tokens=_TOKENS, temperature=0.0),
        markers=sorted(dialect.special),
        stop=dialect.stop,
    )
    return "".join([chunk.text async for chunk in patient.engine.generate(request)])


async def _reads_another_prompt(patient: Patient) -> bool:
    sent = await send(patient, family_prompt(patient, _PROBE))
    return await count_chat(patient, _PROBE.body) != sent.read


def _has_call(patient: Patient, raw: str) -> bool:
    prefill = family_prompt(patient, _PROBE).prefill
    said = parse(raw, dialect=patient.family.dialect.name, tools=[TOOL], prefill=prefill)
    return any(call.name == TOOL["function"]["name"] for call in said.tool_calls)
