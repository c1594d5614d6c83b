"""The gateway as an ASGI app: its routes, and what every request passes on the way to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import Lifespan

from toolgate.apps.http.about import about_routes
from toolgate.apps.http.access import Access
from toolgate.apps.http.access_log import AccessLog
from toolgate.apps.http.admission import Admission
from toolgate.apps.http.failure import answer_bug, answer_http_error, answer_toolgate_error
from toolgate.apps.protocols.chat import ChatExchange
from toolgate.apps.protocols.completions import Completions
from toolgate.apps.protocols.messages import CountTokens, MessagesExchange
from toolgate.apps.protocols.responses import ResponsesExchange
from toolgate.apps.serving.answering import Answering
from toolgate.apps.serving.models import Models
from toolgate.apps.serving.service import Service
from toolgate.apps.settings.config import Config
from toolgate.apps.viewer.app import viewer_routes
from toolgate.apps.viewer.shelf import Shelf
from toolgate.engines.engine import Engine
from toolgate.errors import ToolgateError


def create_app(config: Config, engine: Engine) -> Starlette:
    """The gateway in front of this engine, which its lifespan starts and closes.

    Raises: ConfigError.
    """
    return create_gateway(Models([Service(config, engine)]))


def create_gateway(models: Models) -> Starlette:
    """The gateway in front of these models, which its lifespan starts and closes.

    Raises: ConfigError.
    """
    config, shared = models.config, models.shared

    def read_response(body: bytes) -> ResponsesExchange:
        return ResponsesExchange(body, shared.responses)

    app = Starlette(
        routes=[
            Route("/v1/chat/completions", Answering(models, ChatExchange), methods=["POST"]),
            Route("/v1/messages", Answering(models, MessagesExchange), methods=["POST"]),
            Route("/v1/messages/count_tokens", CountTokens(models), methods=["POST"]),
            Route("/v1/responses", Answering(models, read_response), methods=["POST"]),
            Route("/v1/completions", Completions(models), methods=["POST"]),
            *about_routes(models),
            *viewer_routes(config, Shelf(config.trace_file, shared.recorder)),
        ],
        middleware=[
            Middleware(AccessLog, observe=shared.metrics.observe),
            Middleware(Access, config),
            Middleware(Admission, config.max_requests),
        ],
        exception_handlers={
            ToolgateError: answer_toolgate_error,
            HTTPException: answer_http_error,
            Exception: answer_bug,
        },
        lifespan=_lifespan(models),
    )
    app.router.redirect_slashes = False  # many clients turn a redirected POST into a GET
    return app


def _lifespan(models: Models) -> Lifespan[Starlette]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await models.start()
        try:
            yield
        finally:
            await models.close()
            await models.shared.close()

    return lifespan
