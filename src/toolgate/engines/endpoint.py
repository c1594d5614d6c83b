"""One inference server's address: JSON, event streams and untouched answers over HTTP.

Every failure of the network becomes an `EngineError` here, with a sentence that says what to do.
Knows no engine's vocabulary.
"""

import asyncio
import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Set,
)
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any, TypeAlias

import aiohttp
import msgspec

from toolgate.engines.engine import RawResponse
from toolgate.engines.silence import silence_limit
from toolgate.errors import (
    ConfigError,
    EngineBrokeOff,
    EngineError,
    EngineProtocolError,
    EngineRefused,
    EngineUnavailable,
)

Receive: TypeAlias = Callable[[], Awaitable[bytes]]

CONNECT_SECONDS = 10
ANSWER_SECONDS = 3600
"""A prefill can be silent for minutes; an hour is llama-server's own limit for a client."""
SILENCE_SECONDS = 3600
"""Within a stream: it may begin before the prefill does."""
HEALTH_SECONDS = 5
"""A server that takes longer to say that it is well is not."""
QUOTED_CHARACTERS = 600
"""Of an error page; enough for a sentence, too little to flood a log."""

HINTS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: " Give toolgate the engine's API key.",
    HTTPStatus.FORBIDDEN: " Give toolgate the engine's API key.",
    HTTPStatus.NOT_FOUND: " Is this the address of an inference server, and has it this model?",
}
GONE = frozenset(
    {
        HTTPStatus.NOT_FOUND,  # vLLM, of a model that it does not have any more
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""What is answered where the server is not, or not any more, what it was."""
FOREIGN = re.compile(
    r"invalid tokens|out of vocabulary|unknown token|no such model|model\b.*\bnot (?:found|exist)",
    re.IGNORECASE | re.DOTALL,
)
"""What a 400 says then: llama-server ("Prompt contains invalid tokens"), vLLM ("Token id … is out
of vocabulary"). Any other is the request's own fault, and a client could provoke it at will."""
NO_STREAMS = frozenset({"text/html", "application/json"})
"""A login page, an error that came with 200: no event would ever be found in them."""
HOP_BY_HOP = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
    *("te", "trailer", "transfer-encoding", "upgrade"),
}
"""RFC 9110, 7.6.1: these belong to one connection and are never passed on."""


class Endpoint:
    """`url` is the server's root; an address that ends in `/v1` is understood too.

    Raises: ConfigError when the address is none.
    """

    def __init__(self, url: str, *, api_key: str | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(
                f"An engine's address looks like http://HOST:PORT, but this is {url!r}."
            )
        self.url = url.rstrip("/").removesuffix("/v1")
        self._api_key = api_key
        self.authorization = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self.has_failed = False
        """Whether the server was out of reach, broke off or had not what was asked for. Whoever
        looks after that says when it is over."""
        self._session: aiohttp.ClientSession | None = None
        self._is_retired = False
        self._running = 0

    async def get(self, path: str) -> Any:
        """Returns the JSON that a GET answers."""
        async with self._request("GET", path) as response:
            return await self._json(response)

    async def server(self) -> str:
        """What it calls itself in its `server` header; empty when it says nothing."""
        async with self._send("GET", "/health", body=None, headers={}) as response:
            return response.headers.get("server", "")

    async def answers(self, path: str) -> bool:
        """Whether a GET succeeds right now, whatever it answers."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS), self._request("GET", path):
                return True
        except (EngineError, TimeoutError):
            return False

    async def post(self, path: str, body: object) -> Any:
        """Returns the JSON that a POST answers."""
        async with self._request("POST", path, body=msgspec.json.encode(body)) as response:
            return await self._json(response)

    @asynccontextmanager
    async def listen(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Receive, None]:
        """Opens an event stream; what is given awaits more of its bytes, none at the end."""
        async with self._request("POST", path, body=msgspec.json.encode(body)) as response:
            if response.content_type in NO_STREAMS:
                raise await self._no_stream(response)
            with self._listening(response):
                yield response.content.readany

    @asynccontextmanager
    async def forward(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> AsyncGenerator[RawResponse, None]:
        """Sends bytes and hands the answer back as it comes, whatever its status."""
        async with self._send("POST", path, body=body, headers=self._passed_on(headers)) as answer:
            yield RawResponse(
                status=answer.status,
                headers=_without(HOP_BY_HOP, answer.headers),
                body=self._pieces(answer),
            )

    async def close(self) -> None:
        """Closes every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def retire(self) -> None:
        """Closes every connection as soon as no answer is under way."""
        self._is_retired = True
        if not self._running:
            await self.close()

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, *, body: bytes | None = None
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        headers |= self.authorization
        async with self._send(method, path, body=body, headers=headers) as response:
            if not response.ok:
                raise await self._refusal(path, response)
            yield response

    @asynccontextmanager
    async def _send(
        self, method: str, path: str, *, body: bytes | None, headers: Mapping[str, str]
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        self._running += 1
        try:
            response = await self._connect(method, path, body=body, headers=headers)
            try:
                yield response
            finally:
                response.close()
        finally:
            self._running -= 1
            if self._is_retired and not self._running:
                await self.close()

    async def _connect(
        self, method: str, path: str, *, body: bytes | None, headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        session = self._open_session()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await session.request(method, self.url + path, data=body, headers=headers)
        except (aiohttp.ClientError, TimeoutError) as error:
            self.has_failed = True
            raise EngineUnavailable(
                f"No inference server answers at {self.url} ({_reason(error)}). "
                "Is it running, and is the address right?"
            ) from error

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
            # llama-server (b11549) binds a thread to each connection until it closes: with eight
            # idle ones, the next request waited until they timed out, 5 s later.
            connector = aiohttp.TCPConnector(limit=0, force_close=True)
            self._session = aiohttp.ClientSession(
                timeout=timeout, connector=connector, auto_decompress=False
            )
        return self._session

    def _passed_on(self, headers: Mapping[str, str]) -> dict[str, str]:
        kept = _without(HOP_BY_HOP | {"host", "content-length"}, headers)
        return {"accept-encoding": "identity"} | kept | self.authorization

    async def _no_stream(self, response: aiohttp.ClientResponse) -> EngineProtocolError:
        said = self.without_key(find_error_message(await self._read(response)))
        return EngineProtocolError(
            f"{response.url} answered with {response.content_type} and not with a stream: {said}"
        )

    def without_key(self, message: str) -> str:
        """Some upstreams quote the key that they refuse."""
        return message.replace(self._api_key, "[the key]") if self._api_key else message

    async def _json(self, response: aiohttp.ClientResponse) -> Any:
        text = await self._read(response)
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise EngineProtocolError(
                f"{response.url} answered with something that is not JSON: {_quote(text)}"
            ) from error

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        with self._reading():
            async with asyncio.timeout(ANSWER_SECONDS):
                return await response.read()

    async def _pieces(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        with self._listening(response):
            while piece := await response.content.readany():
                yield piece

    @contextmanager
    def _listening(self, response: aiohttp.ClientResponse) -> Iterator[None]:
        def heard() -> int:
            return response.content.total_bytes

        with self._reading(), silence_limit(SILENCE_SECONDS, heard, response.close):
            yield

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (aiohttp.ClientError, TimeoutError) as error:
            self.has_failed = True
            raise EngineBrokeOff(
                f"The inference server at {self.url} broke off in the middle of its answer "
                f"({_reason(error)}). Its own log should say why."
            ) from error

    async def _refusal(
        self, path: str, response: aiohttp.ClientResponse
    ) -> EngineRefused | EngineUnavailable:
        page = await self._read(response)
        said = f"The inference server at {self.url} answered {response.status} to {path}: "
        reason = find_error_message(page)
        message = self.without_key(said + reason)
        message += HINTS.get(response.status, "")
        is_foreign = response.status == HTTPStatus.BAD_REQUEST and FOREIGN.search(reason)
        self.has_failed |= response.status in GONE or bool(is_foreign)
        if (
            response.status == HTTPStatus.SERVICE_UNAVAILABLE
        ):  # llama-server, while it loads its model
            return EngineUnavailable(message)
        wait = response.headers.get("retry-after")
        return EngineRefused(message, status=response.status, retry_after=wait)


def find_error_message(page: bytes) -> str:
    """The sentence in an error answer, in whichever of the usual places it stands."""
    try:
        content = msgspec.json.decode(page)
    except msgspec.DecodeError:
        return _quote(page)
    while isinstance(content, dict):
        inner = (content[key] for key in ("error", "message", "detail") if content.get(key))
        content = next(inner, None)
    return content if isinstance(content, str) else _quote(page)


def _quote(page: bytes) -> str:
    return repr(page[:QUOTED_CHARACTERS].decode(errors="replace"))


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _without(names: Set[str], headers: Mapping[str, str]) -> dict[str, str]:
    """The other headers, all in lower case, so that one can replace another."""
    lower = {key.lower(): value for key, value in headers.items()}
    return {key: value for key, value in lower.items() if key not in names}
