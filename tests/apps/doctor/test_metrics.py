"""Figures of a server's metrics."""

import pytest

from tests.apps.doctor.test_patient import patient
from tests.engines.scripted_server import answer, scripted_server
from toolgate.apps.doctor.metrics import find_metric, read_metric
from toolgate.engines.endpoint import Endpoint

PAGE = """# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 1.0
vllm:num_requests_running{engine="1",model_name="m"} 2.0
sglang:inter_token_latency_seconds_sum 0.5
"""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_requests_running", 3.0),
        ("inter_token_latency_seconds_sum", 0.5),
        ("inter_token_latency_seconds_count", None),
    ],
)
def test_a_figure_is_found(name: str, value: float | None):
    assert find_metric(PAGE, name) == value


async def test_a_server_is_asked():
    async with scripted_server({"/metrics": answer(PAGE.encode(), kind="text/plain")}) as server:
        deployment = patient(endpoint=Endpoint(server.url))
        assert await read_metric(deployment, "num_requests_running") == 3.0


async def test_a_server_without_metrics():
    async with scripted_server({"/metrics": answer(b"not here", status=404)}) as server:
        assert await read_metric(patient(endpoint=Endpoint(server.url)), "any") is None
