"""Who may look at recordings."""

import base64
from typing import Any

import httpx2
import pytest
from starlette.responses import PlainTextResponse

from toolgate.apps.http.gateway import create_app
from toolgate.apps.settings.config import Config
from toolgate.apps.viewer.guard import Guard
from toolgate.engines.replay import ReplayEngine

KEY, CLIENTS = "tg-right", "tg-client"
PAGES = ["/_toolgate/", "/_toolgate/look.css", "/_toolgate/api/about", "/_toolgate/api/live"]
KEYED = Config(api_keys=(CLIENTS,), viewer_keys=(KEY,))
OPEN = Config(host="0.0.0.0", allow_open=True, allowed_hosts=("My.name",))


async def look(
    config: Config, peer: str = "127.0.0.1", host: str = "localhost", **headers: str
) -> httpx2.Response:
    app = Guard(PlainTextResponse("what was said"), config)
    transport = httpx2.ASGITransport(app, client=(peer, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        return await client.get("/", headers={"host": host, **headers})


@pytest.mark.parametrize("config", [Config(), OPEN])
@pytest.mark.parametrize("host", ["localhost:8800", "127.0.0.1", "[::1]:8800"])
async def test_this_machine_may(config, host):
    assert (await look(config, host=host)).text == "what was said"
    assert (await look(config, peer="::1", host=host)).text == "what was said"


@pytest.mark.parametrize("peer", ["10.0.0.7", "192.168.1.2", "203.0.113.9", "", "fe80::1"])
async def test_another_machine_may_not(peer):
    answer = await look(OPEN, peer=peer)
    assert answer.status_code == 403 and "TOOLGATE_VIEWER_KEYS" in answer.text


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "via"])
async def test_nor_what_a_proxy_has_passed_on(header):
    answer = await look(OPEN, **{header: "127.0.0.1"})
    assert answer.status_code == 403 and "what was said" not in answer.text


@pytest.mark.parametrize("host", ["evil.com", "10.0.0.7", "gateway", "localhost.evil.com", "", "["])
async def test_nor_under_a_name_that_was_made_to_lead_here(host):
    answer = await look(OPEN, host=host)
    assert answer.status_code == 403 and "TOOLGATE_ALLOWED_HOSTS" in answer.text


async def test_a_name_that_is_allowed_may():
    assert (await look(OPEN, host="my.name:8800")).text == "what was said"


async def test_who_has_a_key_may_from_anywhere():
    answer = await look(Config(viewer_keys=(KEY,)), peer="10.0.0.7", host="llm.example.com")
    assert answer.text == "what was said"  # `http.access` has asked for it by then


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"me:{key}".encode()).decode()


async def get(path: str, config: Config = KEYED, **headers: str) -> Any:
    app = create_app(config, ReplayEngine(lambda prompt: []))
    transport = httpx2.ASGITransport(app, client=("10.0.0.7", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://llm.example") as client:
        return await client.get(path, headers=headers)


@pytest.mark.parametrize("path", [*PAGES, "/_toolgate"])
async def test_a_gateway_with_keys_shows_nothing_without_one(path):
    wrong = [basic("wrong"), "Basic ???", basic(CLIENTS), f"Bearer {CLIENTS}"]
    for answer in [await get(path), *[await get(path, authorization=one) for one in wrong]]:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("path", PAGES[:3])
async def test_a_browser_asks_a_person_for_the_key(path):
    assert (await get(path, authorization=basic(KEY))).status_code == 200
    assert (await get(path, authorization=f"Bearer {KEY}")).status_code == 200


@pytest.mark.parametrize("peer", ["10.0.0.7", "127.0.0.1"])
async def test_where_only_clients_have_keys_none_opens_what_the_others_said(peer):
    """Not on this machine either: through a proxy everybody is there."""
    app = create_app(Config(api_keys=(CLIENTS,)), ReplayEngine(lambda prompt: []))
    transport = httpx2.ASGITransport(app, client=(peer, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/_toolgate/api/about", headers={"x-api-key": CLIENTS})
    assert answer.status_code == 403 and "TOOLGATE_VIEWER_KEYS" in answer.text


@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/_toolgates", "/v1/_toolgate/"])
async def test_what_a_browser_sends_by_itself_opens_nothing_else(path):
    answer = await get(path, authorization=basic(KEY))
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"


async def test_web_pages_of_others_may_not(open_gateway):
    gateway = await open_gateway(ReplayEngine(lambda prompt: []))
    headers = {"host": "localhost", "origin": "https://evil.com"}
    assert (await gateway.get("/_toolgate/api/about", headers=headers)).status_code == 403
