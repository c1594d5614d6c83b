"""HTTP at its worst: every failure is an EngineError with a sentence, and bytes stay bytes."""

import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import pytest

from tests.engines.scripted_server import EVENTS, ScriptedServer, answer, chunked, scripted_server
from toolgate.engines.endpoint import Endpoint, find_error_message
from toolgate.errors import (
    ConfigError,
    EngineError,
    EngineProtocolError,
    EngineRefused,
    EngineUnavailable,
)


class Scripted(NamedTuple):
    server: ScriptedServer
    endpoint: Endpoint


@asynccontextmanager
async def scripted_endpoint(path: str, script: bytes, **rest: Any) -> AsyncIterator[Scripted]:
    """A server with one answer, and an endpoint that speaks to it."""
    async with scripted_server({path: script}, wait=rest.pop("wait", False)) as server:
        endpoint = Endpoint(server.url, **rest)
        try:
            yield Scripted(server, endpoint)
        finally:
            await endpoint.close()


@pytest.mark.parametrize("url", ["localhost:8080", "", "ftp://host", "/v1"])
def test_an_address_that_is_none(url):
    with pytest.raises(ConfigError, match="http://HOST:PORT"):
        Endpoint(url)


@pytest.mark.parametrize("url", ["http://host:1", "http://host:1/", "http://host:1/v1/"])
def test_every_usual_spelling_of_an_address(url):
    assert Endpoint(url).url == "http://host:1"


async def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    endpoint = Endpoint(url)
    with pytest.raises(EngineUnavailable, match=f"No inference server answers at {url}"):
        await endpoint.get("/props")
    await endpoint.close()


async def test_the_connection_ends_before_the_first_byte():
    async with scripted_endpoint("/props", b"") as (_, endpoint):
        with pytest.raises(EngineUnavailable):
            await endpoint.get("/props")


@pytest.mark.parametrize(
    ("status", "kind", "said", "hint"),
    [
        (400, EngineRefused, "too long", ""),
        (401, EngineRefused, "Invalid API Key", "API key"),
        (404, EngineRefused, "File Not Found", "the address of an inference server"),
        (500, EngineRefused, "boom", ""),
        (503, EngineUnavailable, "Loading model", ""),
    ],
)
async def test_an_error_answer(status, kind, said, hint):
    body = b'{"error": {"code": 1, "message": "%b"}}' % said.encode()
    async with scripted_endpoint("/x", answer(body, status=status)) as (_, endpoint):
        with pytest.raises(kind, match=f"answered {status} to /x: {said}.*{hint}") as caught:
            await endpoint.post("/x", {})
        assert caught.value.status_hint == status


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (b'{"error": {"message": "a"}}', "a"),
        (b'{"error": "a"}', "a"),
        (b'{"object": "error", "message": "a"}', "a"),
        (b'{"detail": "a"}', "a"),
        (b'{"detail": [1]}', repr('{"detail": [1]}')),
        (b"{}", "'{}'"),
        (b"<h1>Bad gateway</h1>", "'<h1>Bad gateway</h1>'"),
        (b"x" * 1000, repr("x" * 600)),
    ],
)
def test_the_sentence_in_an_error_answer(page, message):
    assert find_error_message(page) == message


async def test_what_is_sent():
    async with scripted_endpoint("/x", answer(b"[1]"), api_key="secret") as (server, endpoint):
        assert await endpoint.post("/x", {"ä": 1}) == [1]
    ((path, headers, body),) = server.requests
    assert (path, body) == ("/x", '{"ä":1}'.encode())
    assert headers["authorization"] == "Bearer secret"
    assert headers["content-type"] == "application/json"
    assert headers["connection"] == "close", "idle connections starve llama-server"


async def test_an_answer_that_is_not_json():
    async with scripted_endpoint("/x", answer(b"<html>", kind="text/html")) as (_, endpoint):
        with pytest.raises(EngineProtocolError, match="not JSON: '<html>'"):
            await endpoint.get("/x")


async def heard(script: bytes) -> tuple[bytes, EngineProtocolError | None]:
    came = b""
    async with scripted_endpoint("/x", script) as (_, endpoint):
        try:
            async with endpoint.listen("/x", {}) as receive:
                while piece := await receive():
                    came += piece
        except EngineProtocolError as error:
            return came, error
    return came, None


async def test_a_stream():
    assert await heard(chunked(b"da", b"ta: 1\n\nda", b"ta")) == (b"data: 1\n\ndata", None)


async def test_a_stream_that_is_cut():
    came, error = await heard(chunked(b"data: 1\n\n", b"data: 2", whole=False))
    assert came == b"data: 1\n\ndata: 2"
    assert "broke off in the middle of its answer" in str(error)


async def test_leaving_a_stream_closes_the_socket_at_once():
    silent = chunked(b"data: 1\n\n", whole=False)
    async with scripted_endpoint("/x", silent, wait=True) as (server, endpoint):
        async with endpoint.listen("/x", {}) as receive:
            assert await receive() == b"data: 1\n\n"
        await server.hung_up.wait()


async def forwarded(
    script: bytes, headers: dict[str, str], **rest: Any
) -> tuple[int, dict[str, str], list[bytes], dict[str, str]]:
    path = "/v1/completions"
    async with (
        scripted_endpoint(path, script, **rest) as (server, endpoint),
        endpoint.forward(path, b"\x00{odd ", headers) as response,
    ):
        pieces = [piece async for piece in response.body]
    ((_, sent, body),) = server.requests
    assert body == b"\x00{odd "
    return response.status, dict(response.headers), pieces, dict(sent)


@pytest.mark.parametrize("status", [200, 400, 418, 500, 503])
async def test_forwarding_changes_no_byte_and_no_status(status):
    body = gzip.compress(b"any bytes\r\n\x00\xff")
    script = answer(body, status=status, kind="application/x-odd; a=b")
    script = script.replace(b"connection: close", b"content-encoding: gzip\r\nconnection: close")
    got, headers, pieces, _ = await forwarded(script, {})
    assert (got, b"".join(pieces)) == (status, body)
    assert headers == {
        "content-type": "application/x-odd; a=b",
        "content-length": str(len(body)),
        "content-encoding": "gzip",
    }


async def test_forwarding_a_stream():
    _, headers, pieces, _ = await forwarded(chunked(b"data: 1\n\n", b"data", b": 2\n\n"), {})
    assert b"".join(pieces) == b"data: 1\n\ndata: 2\n\n"
    assert headers == {"content-type": EVENTS}


async def test_forwarded_headers():
    theirs = {"Host": "x", "Connection": "close", "Content-Length": "99", "Content-Type": "a/b"}
    *_, sent = await forwarded(answer(b""), {**theirs, "Authorization": "Bearer client"})
    assert sent["content-type"] == "a/b"
    assert sent["authorization"] == "Bearer client"
    assert sent["accept-encoding"] == "identity"
    assert sent["content-length"] == "6"
    assert sent["host"] != "x"


async def test_the_engines_own_key_replaces_the_clients():
    *_, sent = await forwarded(answer(b""), {"Authorization": "Bearer client"}, api_key="ours")
    assert sent["authorization"] == "Bearer ours"


async def test_a_forwarded_answer_that_is_cut():
    with pytest.raises(EngineProtocolError, match="broke off"):
        await forwarded(chunked(b"data: 1\n\n", whole=False), {})


@pytest.mark.parametrize(
    ("script", "has_failed"),
    [
        (answer(b"{}"), False),
        (answer(b"{}", status=500), False),
        (answer(b"{}", status=401), False),
        (answer(b'{"error": {"message": "bad grammar: model expected"}}', status=400), False),
        (answer(b'{"error": {"message": "Prompt contains invalid tokens"}}', status=400), True),
        (answer(b'{"message": "Token id 151936 is out of vocabulary"}', status=400), True),
        (answer(b'{"error": {"message": "Model Not Exist"}}', status=400), True),
        (answer(b"{}", status=404), True),
        (answer(b"{}", status=503), True),
        (b"", True),
        (chunked(b"data: 1\n\n", whole=False), True),
    ],
)
async def test_what_raises_doubt_of_a_server(script, has_failed):
    async with scripted_server({"/x": script}) as server:
        endpoint = Endpoint(server.url)
        with suppress(EngineError):
            await endpoint.get("/x")
        assert endpoint.has_failed == has_failed
        await endpoint.close()


async def test_a_retired_endpoint_closes_when_its_last_answer_has_ended():
    async with scripted_server({"/x": chunked(b"data: 1\n\n", whole=False)}, wait=True) as server:
        endpoint = Endpoint(server.url)
        async with endpoint.listen("/x", {}) as receive:
            assert await receive() == b"data: 1\n\n"
            await endpoint.retire()
            assert not server.hung_up.is_set()
        await server.hung_up.wait()
        assert endpoint._session is None
        with suppress(EngineError):
            await endpoint.get("/y")  # what comes late is served, and leaves nothing
        assert endpoint._session is None


async def test_an_idle_endpoint_retires_at_once():
    async with scripted_server({"/x": answer(b"{}")}) as server:
        endpoint = Endpoint(server.url)
        await endpoint.get("/x")
        await endpoint.retire()
        assert endpoint._session is None
