"""Does the deployment's own template write what the family's models were trained on?

It is rendered here, from the folder's file or from what the server tells of it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from toolgate.apps.doctor.chat_prompts import check_chat_prompts
from toolgate.apps.doctor.patient import Patient
from toolgate.apps.doctor.probes import PROBES, Pair, Probe, family_prompt, judge, read_probe
from toolgate.apps.doctor.report import Finding
from toolgate.apps.doctor.server_tokens import tokens_of, with_difference
from toolgate.engines.templates.process import TemplateProcess
from toolgate.errors import ConfigError, EngineError, InvalidRequest
from toolgate.pipeline.normalize import normalize
from toolgate.pipeline.templates.habits import Habits, find_habits
from toolgate.pipeline.templates.template_renderer import BRACKETED
from toolgate.pipeline.templates.variables import template_variables

_OWN: Final = "the deployment's template"
_UNNAMED: Final = "template_differs"


async def check_prompts(patient: Patient) -> AsyncIterator[Finding]:
    """Each probe, through the template as it stands; where that is well, through the server."""
    if _should_be_told(patient) and not await _has_template(patient):
        yield Finding("no_template", f"neither {patient.kind} nor a folder has one for this model")
        return
    found = _named(await _judge_template(patient))
    for wrong in found:
        yield await _tell(patient, wrong)
    if not found:
        async for finding in check_chat_prompts(patient):
            yield finding


class _Wrong(Struct, frozen=True):
    """A fault, and the two prompts that show it; none where the template failed."""

    finding: Finding
    pair: Pair | None = None


def _named(found: Sequence[_Wrong]) -> Sequence[_Wrong]:
    """Each fault once. One with a name shows in other probes as well, without its name."""
    first = {one.finding.code: one for one in reversed(found)}
    return [one for code, one in first.items() if code != _UNNAMED] or list(first.values())


async def _tell(patient: Patient, wrong: _Wrong) -> Finding:
    """With the first token that differs, where the server tells tokens."""
    if wrong.pair is None or (tokens := tokens_of(patient)) is None:
        return wrong.finding
    try:
        ours, theirs = [
            await tokens.read(patient, text) for text in (wrong.pair.ours, wrong.pair.theirs)
        ]
        return await with_difference(patient, wrong.finding, ours, theirs)
    except (EngineError, KeyError, TypeError):
        return wrong.finding  # true without the token, too


def _should_be_told(patient: Patient) -> bool:
    """vLLM and SGLang keep their template to themselves: then only their chat route is asked."""
    return patient.folder is not None or "template" in patient.told


async def _judge_template(patient: Patient) -> Sequence[_Wrong]:
    if patient.template is None:
        return ()
    process = TemplateProcess(patient.template, _OWN)
    try:
        return await asyncio.to_thread(_judge_each, patient, process)
    finally:
        process.close()


def _judge_each(patient: Patient, process: TemplateProcess) -> list[_Wrong]:
    def render(variables: Mapping[str, Any]) -> str:
        return process({**variables, **patient.constants})

    try:
        habits = find_habits(render)
    except (ConfigError, InvalidRequest) as error:
        return [_Wrong(Finding("broken_template", str(error).rstrip(".")))]
    found = []
    for name, probe in PROBES.items():
        try:
            theirs = render(_variables(patient, probe, habits))
        except InvalidRequest as error:
            found.append(_Wrong(Finding("broken_template", f"with {name}: {error}")))
            continue
        pair = Pair(name, str(family_prompt(patient, probe)), theirs)
        if code := judge(pair, _UNNAMED):
            found.append(_Wrong(Finding(code, pair.show()), pair))
    return found


def _variables(patient: Patient, probe: Probe, habits: Habits) -> dict[str, Any]:
    """What a server hands to the template: calls in the shape that it takes, all else as sent."""
    conversation, _ = normalize(read_probe(probe))
    variables = template_variables(conversation, habits, patient.family.dialect)
    messages = list(variables["messages"])
    for at, keys in probe.raw.items():
        messages[at] = {**messages[at], **keys}
    for at, message in enumerate(probe.messages):
        if message["content"] == "":
            messages[at] = {**messages[at], "content": ""}
    return {**variables, "messages": messages}


async def _has_template(patient: Patient) -> bool:
    """llama.cpp gives models without a template one of its own, with tokens that they lack."""
    if patient.template is None:
        return False
    if patient.engine.capabilities.prompts != "tokens" or patient.folder is not None:
        return True
    written = sorted(set(BRACKETED.findall(patient.template)))
    known = set((await patient.engine.marker_ids(written)).values())
    return known.issuperset(written)
