"""What a real llama-server tells of its tokens, and what becomes of a prompt of ours."""

from typing import Any

import pytest

from tests.apps.doctor.test_patient import patient
from toolgate.apps.doctor.patient import Patient
from toolgate.apps.doctor.probes import PROBES, family_prompt
from toolgate.apps.doctor.report import Finding
from toolgate.apps.doctor.server_tokens import TOKENS, count_chat, send, with_difference
from toolgate.core.prompt import Plain, Prompt
from toolgate.engines.endpoint import Endpoint
from toolgate.engines.llama_cpp import LlamaCppEngine

PROBE = PROBES["a question"]
LLAMA = TOKENS["llama_cpp"]


@pytest.fixture
async def deployment(healthy: str):
    engine, endpoint = LlamaCppEngine(healthy), Endpoint(healthy)
    yield patient(engine=engine, endpoint=endpoint)
    await engine.close()
    await endpoint.close()


async def test_a_chats_prompt_is_the_one_that_we_send(deployment: Patient):
    chat = await LLAMA.chat(deployment, PROBE.body)
    prompt = family_prompt(deployment, PROBE)
    assert chat.text == str(prompt)
    sent = await send(deployment, prompt)
    assert (sent.ids, sent.read) == (chat.ids, len(chat.ids))
    assert await count_chat(deployment, PROBE.body) == len(chat.ids)


async def test_a_text_is_read_and_spelled(deployment: Patient):
    ids = await LLAMA.read(deployment, "<|im_user|>user")
    assert len(ids) == 2
    assert await LLAMA.spell(deployment, ids) == "<|im_user|>user"


async def test_a_finding_gets_the_token_at_which_prompts_part(deployment: Patient):
    ours, theirs = [await LLAMA.read(deployment, text) for text in ("Hello you", "Hello me")]
    found = await with_difference(deployment, Finding("list_content", "seen"), ours, theirs)
    assert found.evidence.startswith("seen; the tokens part after")
    assert found.details["first_difference"].lengths == (len(ours), len(theirs))
    same: Any = await with_difference(deployment, found, ours, ours)
    assert same is found


async def test_a_prompt_that_went_out_as_text_has_no_ids():
    class Texts:
        async def generate(self, request):
            request.tell("/v1/completions", {"prompt": str(request.prompt)})
            return
            yield

    sent = await send(patient(engine=Texts()), Prompt((Plain("abc"),)))
    assert (sent.ids, sent.read) == ([], None)
