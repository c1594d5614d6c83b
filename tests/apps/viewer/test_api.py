"""What the pages ask for."""

from contextlib import closing
from typing import Any

import httpx2
import pytest

from tests.apps.viewer.test_shelf import Running
from tests.engines.traces.recordings import make_recording
from toolgate.apps.settings.config import Config
from toolgate.apps.viewer.app import create_viewer
from toolgate.apps.viewer.shelf import Shelf
from toolgate.engines.traces.store import TraceStore


@pytest.fixture
async def get(tmp_path):
    """`await get("api/about")`: status and JSON."""
    file = tmp_path / "t.db"
    with closing(TraceStore(file)) as store:
        store.add(
            [
                make_recording("req_1", conversation="a", started=1.0),
                make_recording("req_2", conversation="b", model="other", started=2.0),
                make_recording("req_3", conversation="a", started=3.0),
            ]
        )
    config = Config(trace_file=file, trace_contents="redacted")
    app = create_viewer(config, Shelf(file, Running()))

    async def ask(path: str) -> tuple[int, Any]:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.get(path)
            return answer.status_code, answer.json()

    return ask


async def test_about(get):
    status, about = await get("/api/about")
    assert (status, about["file"], about["contents"]) == (200, "t.db", "redacted")


async def test_conversations_by_filters(get):
    _, told = await get("/api/conversations")
    assert [(one["conversation"], one["requests"]) for one in told] == [("a", 2), ("b", 1)]
    _, told = await get("/api/conversations?model=other&text=&limit=5")
    assert [one["newest"]["id"] for one in told] == ["req_2"]
    assert (await get("/api/choices"))[1]["model"] == ["kimi", "other"]


async def test_one_worked_out_for_its_page(get):
    status, told = await get("/api/recordings/req_1")
    assert (status, told["row"]["id"], told["headline"]["mood"]) == (200, "req_1", "bad")
    assert [row["id"] for row in told["neighbours"]] == ["req_1", "req_3"]
    assert told["turns"][0]["pieces"][0][1] == "Let m"
    assert (await get("/api/recordings/now"))[1]["headline"]["mood"] == "live"
    assert (await get("/api/recordings/req_9"))[0] == 404


async def test_one_as_it_is_stored(get):
    status, told = await get("/api/recordings/req_1/raw")
    assert (status, told["id"]) == (200, "req_1")
    assert (await get("/api/recordings/now/raw"))[1]["running"] is True
    status, told = await get("/api/recordings/req_9/raw")
    assert status == 404 and "'req_9'" in told["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        *("history?hours=x", "history?hours=0", "history?hours=1e9"),
        *(f"conversations?limit={limit}" for limit in ("x", "0", "-1", "501")),
        *("conversations?before=99999999999999999999999", "conversations?text=%00abc"),
    ],
)
async def test_mistakes(get, path):
    status, told = await get(f"/api/{path}")
    assert status == 400 and told["error"]["message"]


async def test_the_deployment_over_time(get):
    _, told = await get("/api/history?hours=2")
    assert (told["width"], told["spans"], told["whole"]) == (150.0, [], None)


async def test_without_a_file_there_is_nothing():
    app = create_viewer(Config(), Shelf(None))
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/api/about")).json()["file"] is None
        assert (await client.get("/api/conversations")).json() == []
        assert (await client.get("/api/choices")).json() == {}
        assert (await client.get("/api/history")).json()["spans"] == []
        assert (await client.get("/api/recordings/x/raw")).status_code == 404
