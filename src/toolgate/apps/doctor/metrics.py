"""One figure of a server's `/metrics`, as vLLM and SGLang offer it to Prometheus."""

import re

import aiohttp

from toolgate.apps.doctor.patient import Patient


async def read_metric(patient: Patient, name: str) -> float | None:
    """Summed over its labels; None where the server does not tell it.

    `name` is without the engine's own prefix (`vllm:`, `sglang:`).
    """
    async with (
        aiohttp.ClientSession(headers=patient.endpoint.authorization) as session,
        session.get(patient.endpoint.url + "/metrics") as response,
    ):
        text = await response.text() if response.ok else ""
    return find_metric(text, name)


def find_metric(text: str, name: str) -> float | None:
    """The same, in the text of such a page."""
    found = re.findall(rf"^\w+:{re.escape(name)}(?:\{{.*\}})? (\S+)", text, re.MULTILINE)
    return sum(map(float, found)) if found else None
