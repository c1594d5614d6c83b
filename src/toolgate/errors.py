"""Every exception that toolgate raises on purpose, named by whose fault it is.

ToolgateError
├── RequestError            the caller's request cannot be served as it stands        (HTTP 400)
│   ├── InvalidRequest      not JSON, wrong types, wrong roles, schemas that are none (HTTP 400)
│   ├── UnsupportedFeature  its protocol knows it, and nobody here can do it          (HTTP 400)
│   ├── ContextOverflow     a prompt longer than the model's context                  (HTTP 400)
│   ├── RequestTooLarge     more bytes than this gateway takes                        (HTTP 413)
│   ├── UnknownModel        a model or dialect that nobody here serves                (HTTP 404)
│   ├── Unauthorized        no API key, or one that is not known here                 (HTTP 401)
│   ├── Forbidden           it comes from a web page, or under a stranger's name      (HTTP 403)
│   ├── RequestTimedOut     its body did not arrive in time                           (HTTP 408)
│   └── Superseded          the same client has sent it again, and that one is served (HTTP 409)
├── EngineError             the inference server failed                               (HTTP 502)
│   ├── EngineUnavailable   it cannot be reached, or ended before its first byte      (HTTP 503)
│   ├── EngineRefused       it answered the request with an error of its own          (its status)
│   └── EngineProtocolError it answered with something that is not its protocol       (HTTP 502)
│       └── EngineBrokeOff  it stopped in the middle of its answer                    (HTTP 502)
├── Overloaded              nobody can answer now: busy for long, or being stopped    (HTTP 503)
│   └── QueueFull           more requests at once than may wait                       (HTTP 429)
├── ModelOutputError        the model broke its dialect (raised in strict uses only)  (HTTP 502)
└── ConfigError             toolgate itself is set up wrongly                         (exit code 2)

Any other exception is a bug in toolgate: please report it.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

# Engines say it each in their own words.
_OVERFLOW: Final = re.compile(r"context[ _](?:size|length|window)", re.IGNORECASE)


class ToolgateError(Exception):
    """Base of all; `status_hint` is the HTTP status that a server should answer with."""

    status_hint = 500


class RequestError(ToolgateError):
    """The caller's request cannot be served as it stands."""

    status_hint = 400

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        """Where in the request, as `messages[2].role`; None when it concerns the whole."""


class InvalidRequest(RequestError):
    """The request is not what its protocol says; the message tells how to mend it."""


class UnsupportedFeature(RequestError):
    """The request asks for something that its protocol knows, and nobody here can do."""

    def __init__(
        self, message: str, *, details: Mapping[str, Any], param: str | None = None
    ) -> None:
        super().__init__(message, param=param)
        self.details = details
        """What the client's own code reads to do without it."""


class ContextOverflow(RequestError):
    """The prompt is longer than the model's context; each protocol has its own words for it."""

    def __init__(self, *, prompt_tokens: int, limit: int) -> None:
        super().__init__(
            f"The prompt is {prompt_tokens} tokens long, and this model reads at most {limit}; "
            "shorten the conversation."
        )
        self.prompt_tokens = prompt_tokens
        self.limit = limit


class RequestTooLarge(RequestError):
    """The request has more bytes than this gateway takes."""

    status_hint = 413


class UnknownModel(RequestError):
    """The request names a model or a dialect that nobody here serves."""

    status_hint = 404


class Unauthorized(RequestError):
    """The request has no API key, or one that is not known here."""

    status_hint = 401


class Forbidden(RequestError):
    """The request comes from a web page, or under a name that a stranger may have given us."""

    status_hint = 403


class RequestTimedOut(RequestError):
    """The request's body did not arrive in time."""

    status_hint = 408


class Superseded(RequestError):
    """The same client has sent the same request again, and its answer goes there."""

    status_hint = 409

    def __init__(self) -> None:
        super().__init__("This request was sent again; the answer goes to the later one.")


class EngineError(ToolgateError):
    """The inference server failed; nothing is wrong with the request."""

    status_hint = 502


class EngineUnavailable(EngineError):
    """The engine cannot be reached, or it ended before its first byte."""

    status_hint = 503


class EngineRefused(EngineError):
    """The engine answered with an HTTP error of its own, which `status_hint` repeats."""

    def __init__(self, message: str, *, status: int, retry_after: str | None = None) -> None:
        super().__init__(message)
        self.status_hint = status
        self.retry_after = retry_after
        """Its `retry-after`, in its own words; None when it sent none."""


class EngineProtocolError(EngineError):
    """The engine answered with something that is not its protocol, or stopped in the middle."""


class EngineBrokeOff(EngineProtocolError):
    """The engine stopped in the middle of its answer, which says nothing of its protocol."""


class Overloaded(ToolgateError):
    """Nobody can answer this now: all are busy, or being stopped. Nothing is wrong with it."""

    status_hint = 503


class QueueFull(Overloaded):
    """More requests at once than may wait; the client should come back more slowly."""

    status_hint = 429


class ModelOutputError(ToolgateError):
    """The model broke its dialect, in a use that cannot go on with an `Anomaly`."""

    status_hint = 502


class ConfigError(ToolgateError):
    """toolgate itself is set up wrongly; the message names the setting."""


def is_overflow(error: ToolgateError) -> bool:
    """Whether the prompt was too long, whoever found that out."""
    told_by_engine = isinstance(error, EngineRefused) and _OVERFLOW.search(str(error))
    return isinstance(error, ContextOverflow) or bool(told_by_engine)
