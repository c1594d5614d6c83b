"""Faults of behaviour, each before a real llama-server: proxies that hold back, or never let go."""

from typing import Any

import pytest

from tests.apps.doctor.conftest import codes, llama
from tests.apps.doctor.faulty_proxy import Faults
from toolgate.apps.doctor import behaviour
from toolgate.apps.doctor.patient import Patient


def without_grammar(path: str, body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "grammar"}


def without_cache(path: str, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "cache_prompt": False} if path == "/completion" else body


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        (Faults(asked=without_grammar), "grammar_ignored"),
        (Faults(buffers=True), "buffered_stream"),
        (Faults(headers={"content-encoding": "gzip"}), "compressed_stream"),
        (Faults(reads_on=True), "not_cancelled"),
        (Faults(asked=without_cache), "no_prefix_cache"),
    ],
)
async def test_a_fault_is_named(examined, faults: Faults, code: str):
    assert code in codes(await examined(faults))


@pytest.mark.parametrize(("joined", "found"), [(2, []), (3, ["buffered_stream"])])
async def test_a_stream_is_looked_at_again_before_it_is_called_buffered(monkeypatch, joined, found):
    """A busy machine joins pieces too, but not each time."""

    async def watch(patient: Patient, tokens: int) -> behaviour._Watched:
        nonlocal joined
        watched = behaviour._Watched()
        watched.frames = tokens
        watched.at = [1.0] if joined > 0 else [0.01 * n for n in range(tokens)]
        joined -= 1
        return watched

    monkeypatch.setattr(behaviour, "_watch", watch)
    patient: Any = None  # nobody is asked
    assert [one.code async for one in behaviour.check_stream(patient)] == found


async def test_a_context_that_is_cut(examined):
    with llama(context=1024) as url:
        assert codes(await examined(at=url)) == ["context_cut"]
