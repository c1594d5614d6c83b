"""Who may come in: clients with a key, or where there are no keys, this machine's own programs.

A web page in a browser on this machine can reach a gateway on loopback too. It cannot know a key;
without keys it is known by its `Origin`, or, when its own name was made to lead here (DNS
rebinding, CVE-2024-28224 in Ollama), by the `Host` that the browser then asks for.

The viewer's pages are for people: a browser asks them for a key by itself, as a password (Basic).
Nothing else is opened so, since a browser adds that to requests of other sites' pages too. They
show what everybody said, so they have keys of their own.
"""

import base64
import binascii
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from toolgate.apps.http.failure import answer_toolgate_error
from toolgate.apps.http.hosts import host_of, is_loopback, is_private_name
from toolgate.apps.settings.config import Config
from toolgate.apps.settings.keys import read_keys
from toolgate.errors import ConfigError, Forbidden, RequestError, Unauthorized

_OPEN: Final = "/health"
"""Load balancers and containers ask here, and have no key."""
VIEWER: Final = "/_toolgate"
_ASK_PERSON: Final = 'Basic realm="toolgate: any name, and a viewer key as the password"'
_WHOSE: Final = (
    "Recordings hold what everybody said who has a key, so no client's key opens them: name keys "
    "of those who may look (TOOLGATE_VIEWER_KEYS; `toolgate key` makes one), or use "
    "`toolgate view` on the gateway's machine."
)
# Of a sentence that names the other header, Claude Code makes "Not logged in · Please run /login".
_HOW: Final = "send it as `Authorization: Bearer KEY`."


class Access:
    """ASGI middleware: answers whoever may not come in, and lets the others pass."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        """Raises: ConfigError where the file of keys is none."""
        self._app = app
        self._keys = read_keys(config.api_keys, config.api_keys_file)
        self._viewer_keys = read_keys(config.viewer_keys, None)
        self._allowed = frozenset(name.lower() for name in config.allowed_hosts)
        self._on_loopback = is_loopback(config.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        response = await answer_toolgate_error(Request(scope), refusal)
        if isinstance(refusal, Unauthorized) and is_viewer(scope["path"]):
            response.headers["www-authenticate"] = _ASK_PERSON
        await response(scope, receive, send)

    def _refusal(self, scope: Scope) -> RequestError | None:
        headers = Headers(scope=scope)
        ring, keys = self._keys, _presented(headers)
        if is_viewer(scope["path"]):
            if self._keys and not self._viewer_keys:
                return Forbidden(_WHOSE)
            ring, keys = self._viewer_keys, [*keys, *_typed(headers)]
        if not ring:
            return self._foreign(headers.get("host", ""), headers.get("origin", ""))
        if scope["path"] == _OPEN or any([ring.admits(key) for key in keys]):
            return None
        told = (
            "The API key is not one of this gateway's" if keys else "This gateway wants an API key"
        )
        return Unauthorized(f"{told}; {_HOW}")

    def _foreign(self, host: str, origin: str) -> Forbidden | None:
        if self._on_loopback and host and not self._is_ours(host_of(host)):
            return Forbidden(
                f"This gateway serves its own machine, not {host!r}. If that is a name of yours, "
                "add it to TOOLGATE_ALLOWED_HOSTS."
            )
        if origin and not self._is_friendly(origin, host):
            return Forbidden(
                f"Web pages of {origin!r} may not use this gateway. If that is a page of yours, "
                "add its host to TOOLGATE_ALLOWED_HOSTS."
            )
        return None

    def _is_ours(self, name: str) -> bool:
        return name != "" and (is_private_name(name) or name in self._allowed)

    def _is_friendly(self, origin: str, host: str) -> bool:
        """Own pages, and programs that are built of web pages (`vscode-webview://`, `app://`)."""
        scheme, _, authority = origin.partition("://")
        if scheme not in ("http", "https"):
            return bool(authority)  # `null` is a page that hides where it comes from
        name = host_of(authority)
        return is_loopback(name) or name in self._allowed or authority == host


def is_viewer(path: str) -> bool:
    """Whether a path is one of the viewer's."""
    return path == VIEWER or path.startswith(f"{VIEWER}/")


def check_exposure(config: Config) -> None:
    """Raises: ConfigError for a gateway that anybody in the network could use."""
    keys = read_keys(config.api_keys, config.api_keys_file)
    if not (is_loopback(config.host) or config.allow_open or keys):
        raise ConfigError(
            f"whoever reaches {config.host} could use this gateway: give it keys "
            "(TOOLGATE_API_KEYS; `toolgate key` makes one), or say --allow-open where you trust "
            "the whole network"
        )


def _presented(headers: Headers) -> list[bytes]:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    given = (bearer, headers.get("x-api-key", ""))
    return [key.encode("latin-1") for key in given if key]


def _typed(headers: Headers) -> list[bytes]:
    """What a person has typed into a browser."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    try:
        name_and_key = base64.b64decode(given, validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        return []
    _, _, key = name_and_key.partition(b":")
    return [key] if key else []
