"""The viewer in a gateway: where it is, and that a gateway takes no notice of it."""

import logging

import pytest

from toolgate.engines.replay import ReplayEngine

LOCAL = {"host": "localhost"}


@pytest.fixture
async def gateway(open_gateway):
    return await open_gateway(ReplayEngine(lambda prompt: []))


async def test_it_stands_beside_the_routes(gateway):
    page = await gateway.get("/_toolgate/", headers=LOCAL)
    assert page.status_code == 200 and "<title>Conversations" in page.text
    led = await gateway.get("/_toolgate", headers=LOCAL)
    assert (led.status_code, led.headers["location"]) == (307, "/_toolgate/")
    missing = await gateway.get("/_toolgate/api/nowhere", headers=LOCAL)
    assert missing.status_code == 404 and "error" in missing.json()
    assert (await gateway.post("/_toolgate/api/about", headers=LOCAL)).status_code == 405


async def test_looking_on_is_neither_logged_nor_counted(gateway, caplog):
    caplog.set_level(logging.INFO)
    await gateway.get("/_toolgate/api/about", headers=LOCAL)
    await gateway.get("/_toolgate/api/about", headers={"host": "gateway"})
    told = [one.getMessage() for one in caplog.records if one.name == "toolgate.access"]
    assert len(told) == 1 and " 403 " in told[0]
    metrics = (await gateway.get("/metrics")).text
    assert 'toolgate_requests_total{path="other",status="403"} 1.0' in metrics
    assert 'path="other",status="200"' not in metrics
