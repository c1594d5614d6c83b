"""Who may look: this machine's own browser, or whoever has one of the viewer's keys.

Recordings hold what people said. A gateway that serves a whole network without keys
(`--allow-open`) shows them to nobody but its own machine. A proxy in front of it makes everybody
look like that machine: what says that it was passed on is refused. Not every proxy says so (nginx
does not by itself), which is why docs/viewer.md wants keys wherever there is one.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from toolgate.apps.http.failure import answer_toolgate_error
from toolgate.apps.http.hosts import host_of, is_loopback
from toolgate.apps.settings.config import Config
from toolgate.errors import Forbidden

_PASSED_ON: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
_HOW: Final = "Name keys of those who may look (TOOLGATE_VIEWER_KEYS; `toolgate key` makes one)."


class Guard:
    """ASGI middleware. Where there are viewer keys, `http.access` has asked for one already."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app = app
        self._has_keys = bool(config.viewer_keys)
        self._allowed = frozenset(name.lower() for name in config.allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = None if self._has_keys else self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        response = await answer_toolgate_error(Request(scope), refusal)
        await response(scope, receive, send)

    def _refusal(self, scope: Scope) -> Forbidden | None:
        headers = Headers(scope=scope)
        peer, _ = scope.get("client") or ("", 0)
        if not is_loopback(peer) or any(name in headers for name in _PASSED_ON):
            return Forbidden(f"Recordings are shown on the gateway's own machine only. {_HOW}")
        host = host_of(headers.get("host", ""))
        if not (is_loopback(host) or host in self._allowed):  # DNS rebinding
            return Forbidden(
                f"Recordings are shown at 127.0.0.1 or localhost, not at {host!r}. If that is a "
                f"name of yours, add it to TOOLGATE_ALLOWED_HOSTS. {_HOW}"
            )
        return None
