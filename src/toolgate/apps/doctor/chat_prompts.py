"""The server's own chat route beside the prompt that toolgate writes, token by token.

Between a template and what a server makes of it, a whole prompt's end was once lost (vllm#27622).
So each probe goes both ways: as a chat, and as a prompt of ours past any chat route. Where the
server tells the chat's tokens, they are compared; where it does not, their number is.
"""

from collections.abc import AsyncIterator
from typing import Final

from toolgate.apps.doctor.patient import Patient
from toolgate.apps.doctor.probes import (
    NULL,
    PROBES,
    Pair,
    family_prompt,
    in_one_order,
    judge,
)
from toolgate.apps.doctor.report import Finding
from toolgate.apps.doctor.server_tokens import (
    ChatPrompt,
    Sent,
    Tokens,
    count_chat,
    send,
    tokens_of,
    with_difference,
)
from toolgate.errors import EngineError, EngineRefused

_UNNAMED: Final = "chat_prompt_differs"
_HOPELESS: Final = ("no_template", "broken_template")
_HAS_NONE: Final = "must provide a chat template"
"""In vLLM's words."""
_REFUSED: Final = {("llama_cpp", NULL)}
"""What a server refuses whatever its template; nobody who runs it can mend that."""


async def check_chat_prompts(patient: Patient) -> AsyncIterator[Finding]:
    """Each probe both ways; a server whose chat route fails is asked no further."""
    tokens = tokens_of(patient)
    for name, probe in PROBES.items():
        if (patient.kind, name) in _REFUSED:
            continue
        sent = await send(patient, family_prompt(patient, probe))
        checks = (
            _by_token(patient, name, tokens, sent) if tokens else _by_number(patient, name, sent)
        )
        async for finding in checks:
            yield finding
            if finding.code in _HOPELESS:
                return


async def _by_token(
    patient: Patient, name: str, tokens: Tokens, sent: Sent
) -> AsyncIterator[Finding]:
    """What it tells of the chat's prompt; then whether its chat route reads that prompt."""
    probe = PROBES[name]
    try:
        theirs = await tokens.chat(patient, probe.body)
    except (EngineError, KeyError, TypeError) as error:
        failed = "no_template" if _HAS_NONE in str(error) else "broken_template"
        yield Finding(failed, f"with {name}, the server says: {error}".rstrip("."))
        return
    if code := _judge(patient, name, sent, theirs):
        pair = Pair(name, str(family_prompt(patient, probe)), theirs.text)
        finding = Finding(code, f"in the server's own chat route, {pair.show()}")
        yield await with_difference(patient, finding, sent.ids, theirs.ids)
        return
    async for finding in _by_number(patient, name, Sent(theirs.ids, sent.read)):
        yield finding


def _judge(patient: Patient, name: str, sent: Sent, theirs: ChatPrompt) -> str | None:
    """None where the same tokens are read, or the same but for the order of a tool's keys."""
    if list(sent.ids) == list(theirs.ids):
        return None
    ours = str(family_prompt(patient, PROBES[name]))
    if ours == theirs.text:
        return _UNNAMED  # the same text, in other tokens
    return judge(Pair(name, in_one_order(ours), in_one_order(theirs.text)), _UNNAMED)


async def _by_number(patient: Patient, name: str, sent: Sent) -> AsyncIterator[Finding]:
    """How many tokens the chat route says that it read, against how many the prompt has."""
    expected = len(sent.ids) or sent.read
    try:
        counted = await count_chat(patient, PROBES[name].body)
    except EngineRefused:
        return  # it takes no tools, which is another check's affair
    if counted is not None and expected is not None and counted != expected:
        yield Finding(
            _UNNAMED,
            f"with {name}, its chat route reads {counted} tokens of a prompt that has {expected}",
        )
