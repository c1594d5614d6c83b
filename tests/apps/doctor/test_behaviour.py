"""Faults of behaviour, each before a real llama-server: proxies that hold back, or never let go."""

from typing import Any

import pytest

from tests.apps.doctor.conftest import codes, llama
from tests.apps.doctor.faulty_proxy import Faults


def without_grammar(path: str, body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "grammar"}


def without_cache(path: str, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "cache_prompt": False} if path == "/completion" else body


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        (Faults(asked=without_grammar), "grammar_ignored"),
        (Faults(reads_on=True), "not_cancelled"),
        (Faults(asked=without_cache), "no_prefix_cache"),
    ],
)
async def test_a_fault_is_named(examined, faults: Faults, code: str):
    assert code in codes(await examined(faults))


async def test_a_context_that_is_cut(examined):
    with llama(context=1024) as url:
        assert codes(await examined(at=url)) == ["context_cut"]
