"""One line and one record per request: who asked for what, how it ended, never what was said."""

import logging
import re
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from toolgate.apps.http.access import is_viewer
from toolgate.apps.serving.tally import Tally
from toolgate.errors import ToolgateError
from toolgate.pipeline.finding import Finding

CLIENT_CLOSED_REQUEST: Final = 499
"""nginx's status for a client that left; it never goes over the wire."""

_log: Final = logging.getLogger("toolgate.access")
_findings_log: Final = logging.getLogger("toolgate.findings")
_CLIENTS_OWN_ID: Final = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_KEY: Final = "toolgate.record"
_REFUSED: Final = 400


class RequestRecord(Struct):
    """What became of one request; the routes write into it."""

    id: str
    method: str
    path: str
    status: int = 500
    begun: bool = False
    """Whether the client has been sent a status."""
    resend: str = ""
    """"joined" or "replaced" for a copy of a request under way."""
    unknown_fields: Sequence[str] = ()
    repairs: Sequence[str] = ()
    anomalies: Sequence[str] = ()
    findings: Sequence[Finding] = ()
    model: str = ""
    """The model that was given the request."""
    error: ToolgateError | None = None
    """What the client was told instead of an answer, or in its middle."""
    tally: Tally | None = None
    """What its answer adds to the counters; None where there was none, or it was a copy's."""


def record_of(scope: Scope) -> RequestRecord:
    """The record of the request that this scope belongs to."""
    record = scope[_KEY]
    assert isinstance(record, RequestRecord)
    return record


class AccessLog:
    """ASGI middleware: keeps the record, tells the client its request id, logs one line."""

    def __init__(self, app: ASGIApp, observe: Callable[[RequestRecord, float], None]) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = scope[_KEY] = _record(scope)
        began = time.perf_counter()

        def send_noted(message: Message) -> Awaitable[None]:  # once a chunk: no coroutine
            if message["type"] == "http.response.start":
                record.status, record.begun = message["status"], True
                _add_headers(MutableHeaders(scope=message), record)
            return send(message)

        try:
            await self._app(scope, receive, send_noted)
        except ClientDisconnect:
            record.status = CLIENT_CLOSED_REQUEST
        finally:
            seconds = time.perf_counter() - began
            if not _is_looking_on(record):
                self._observe(record, seconds)
                # values, also for lines of text: other programs' handlers write or pickle them
                told = _told(record, seconds)
                _log.info("%s", _line(record, seconds=seconds), extra={"request": told})
            for finding in record.findings:
                _findings_log.warning("%s %s", record.id, _explain(finding))


def summarize(kinds: Iterable[str]) -> str:
    """`kind=count, kind=count`"""
    return ", ".join(f"{kind}={count}" for kind, count in sorted(Counter(kinds).items()))


def _is_looking_on(record: RequestRecord) -> bool:
    """Somebody watches the gateway in the viewer, which asks all the time."""
    return is_viewer(record.path) and record.status < _REFUSED


def _record(scope: Scope) -> RequestRecord:
    asked = Headers(scope=scope).get("x-request-id", "")
    own = asked if _CLIENTS_OWN_ID.fullmatch(asked) else f"req_{secrets.token_hex(12)}"
    return RequestRecord(id=own, method=scope["method"], path=scope["path"])


def _add_headers(headers: MutableHeaders, record: RequestRecord) -> None:
    """Findings to a refused request as well: they say what is wrong with it."""
    headers["x-request-id"] = record.id
    if record.findings:
        headers["x-toolgate-findings"] = summarize(finding.kind for finding in record.findings)


def _explain(finding: Finding) -> str:
    return f"{finding.kind}: {finding.sentence} Seen: {'; '.join(finding.evidence) or 'nothing'}"


def _told(record: RequestRecord, seconds: float) -> dict[str, Any]:
    """The same as values, and what came of the answer, for a log of JSON lines."""
    kinds = {
        "repairs": record.repairs,
        "anomalies": record.anomalies,
        "findings": [finding.kind for finding in record.findings],
    }
    told = {
        "id": record.id,
        "method": record.method,
        "path": record.path,
        "status": record.status,
        "seconds": round(seconds, 6),
        "model": record.model,
        "error": type(record.error).__name__ if record.error else "",
        "resend": record.resend,
        **_counted(kinds),
        **(_answered(record.tally) if record.tally else {}),
    }
    return {name: value for name, value in told.items() if value not in ("", None)}


def _answered(tally: Tally) -> dict[str, Any]:
    kinds = {
        "calls": [call.verdict.value for call in tally.calls],
        "prevented": [how for _, how in tally.prevented],
        "retries": tally.retries,
    }
    return {
        "prompt_tokens": tally.prompt_tokens,
        "cached_tokens": tally.cached_tokens,
        "completion_tokens": tally.completion_tokens,
        "first_token_seconds": tally.first_seconds and round(tally.first_seconds, 6),
        **_counted(kinds),
    }


def _counted(kinds: Mapping[str, Sequence[object]]) -> dict[str, dict[str, int]]:
    """How many of each; what is empty is left out."""
    return {name: dict(Counter(map(str, found))) for name, found in kinds.items() if found}


def _line(record: RequestRecord, *, seconds: float) -> str:
    counts = {
        "repairs": len(record.repairs),
        "anomalies": len(record.anomalies),
        "findings": len(record.findings),
        "unknown_fields": len(record.unknown_fields),
    }
    notes = "".join(f" {name}={count}" for name, count in counts.items() if count)
    if record.resend:
        notes += f" resend={record.resend}"
    # repr: a path may hold line breaks, which would forge a line of their own
    return (
        f"{record.method} {record.path!r} {record.status} {seconds * 1000:.0f}ms {record.id}{notes}"
    )
