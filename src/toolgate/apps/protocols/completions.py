"""`POST /v1/completions`: the engine's own route, passed through byte for byte.

Text-completion clients write prompts themselves; whatever a gateway does to this stream can only
break it (a port of llama.cpp's chat parser once silenced it in ik_llama.cpp).
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from toolgate.apps.http.body import read_body
from toolgate.apps.http.disconnect import cancelled_by_disconnect
from toolgate.apps.serving.models import Models
from toolgate.errors import EngineError

_KEYS: Final = frozenset({"authorization", "x-api-key", "cookie"})
_log: Final = logging.getLogger("toolgate")


class Completions:
    """The route, as an ASGI app."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(scope, receive, limit=self._models.config.max_body)
        service = await self._models.renewals.ready(self._models.find(_model(body)))
        headers = self._passed_on(Headers(scope=scope))
        async with (
            cancelled_by_disconnect(receive),
            service.engine.forward("/v1/completions", body, headers) as answer,
        ):
            await send(_start(answer.status, answer.headers))
            try:
                async for piece in answer.body:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except EngineError as error:
                _log.warning("%s", error)
                return  # unfinished, so that the server cuts the connection as the engine did
        await send({"type": "http.response.body", "body": b""})

    def _passed_on(self, headers: Headers) -> dict[str, str]:
        """All of them, but for a key that is this gateway's and no affair of the engine's."""
        config = self._models.config
        is_guarded = bool(config.api_keys or config.api_keys_file)
        return {
            name: value for name, value in headers.items() if not (is_guarded and name in _KEYS)
        }


class _Asked(msgspec.Struct):
    model: Any = None


def _model(body: bytes) -> str:
    """What the engine will read itself; a body that it cannot read it shall refuse itself."""
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except msgspec.DecodeError:
        return ""
    return asked.model if isinstance(asked.model, str) else ""


def _start(status: int, headers: Mapping[str, str]) -> Message:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": raw}
