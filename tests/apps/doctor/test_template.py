"""Faults of the deployment's own template, each in a real llama-server."""

import pytest

from tests.apps.doctor.conftest import HEALTHY, TEMPLATE, codes, llama
from tests.apps.doctor.faulty_proxy import Faults
from toolgate.apps.doctor.command import examine
from toolgate.apps.settings.config import Config

BROKEN = {
    "no_generation_prompt": (
        "{%- if add_generation_prompt -%}<|im_assistant|>assistant<|im_middle|>{%- endif -%}",
        "",
    ),
    "tools_missing": ("{%- if tools -%}", "{%- if false -%}"),
    "results_missing": ("{{ '\\n' }}{{ text(message.content) }}", ""),
    "list_content": (
        "{%- for part in content -%}{{ part.text }}{%- endfor -%}",
        "{{ content }}",
    ),
    "empty_content": ("</think>{{ text(", "</think>{{ '[]' if not message.content }}{{ text("),
    "null_reasoning": (
        "loop.index0 > names.last and message.reasoning_content -%}{{ message",
        "loop.index0 > names.last and 'reasoning_content' in message -%}{{ message",
    ),
    "ids_changed": ("<|tool_call_begin|>{{ call.id }}", "<|tool_call_begin|>call_{{ loop.index }}"),
    "arguments_twice": (
        "{%- else -%}{{ call.function.arguments | tojson }}",
        "{%- else -%}{{ call.function.arguments | tojson | tojson }}",
    ),
    "stale_template": ("{{ '\\n' }}{{ text(message", "{{ '\\n    ' }}{{ text(message"),
    "template_differs": ("<|im_user|>user", "<|im_user|>human"),
    "broken_template": (
        "{%- if tools -%}",
        "{%- if tools -%}{{ raise_exception('no tools here') }}",
    ),
}


async def test_a_healthy_deployment_has_no_finding(examined):
    report = await examined()
    assert codes(report) == []
    assert report.exit_status == 0
    assert report.seen["engine"].startswith("llama.cpp b")  # and its build's number


@pytest.mark.parametrize("code", BROKEN)
async def test_a_fault_of_the_template_is_named(examined, code: str):
    before, after = BROKEN[code]
    assert TEMPLATE.count(before) == 1
    with llama(template=TEMPLATE.replace(before, after)) as url:
        report = await examined(at=url)
    assert codes(report) == [code]
    assert report.exit_status > 0


async def test_a_model_without_a_template(examined):
    with llama(template="") as url:
        report = await examined(at=url)
    assert "no_template" in codes(report)


async def test_the_first_token_that_differs_is_shown():
    changed = TEMPLATE.replace(*BROKEN["template_differs"])
    with llama(template=changed) as url:
        (finding,) = (await examine(Config(engine=url, **HEALTHY))).findings
    difference = finding.details["first_difference"]
    before = "".join(token.text for token in difference.before)
    assert before.endswith("<|im_end|><|im_user|>")
    assert (difference.ours.text, difference.theirs.text[:1]) == ("user", "h")
    assert f"the tokens part after {difference.at}, which" in finding.evidence


async def test_a_fault_is_told_without_its_token_where_nobody_spells_tokens(examined):
    changed = TEMPLATE.replace(*BROKEN["template_differs"])
    with llama(template=changed) as url:
        (finding,) = (await examined(Faults(absent=("/detokenize",)), at=url)).findings
    assert finding.code == "template_differs" and "first_difference" not in finding.details


async def test_servers_that_keep_their_template_to_themselves_are_asked_for_prompts(examined):
    report = await examined(engine_kind="openai_completions", profile="k2-thinking")
    assert "no_template" not in codes(report)
