"""The viewer as an ASGI app, to be mounted in a gateway or served alone."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from toolgate.apps.http.access import VIEWER
from toolgate.apps.http.failure import answer_http_error, answer_toolgate_error
from toolgate.apps.settings.config import Config
from toolgate.apps.viewer.api import Api
from toolgate.apps.viewer.guard import Guard
from toolgate.apps.viewer.pages import Sealed, open_pages
from toolgate.apps.viewer.shelf import Shelf
from toolgate.errors import ToolgateError


def viewer_routes(config: Config, shelf: Shelf) -> list[BaseRoute]:
    """Where it is mounted."""

    async def enter(request: Request) -> Response:
        return RedirectResponse(f"{VIEWER}/")

    return [Route(VIEWER, enter), Mount(VIEWER, create_viewer(config, shelf))]


def create_viewer(config: Config, shelf: Shelf) -> Starlette:
    """Shows what is on the shelf to whoever may look, by these settings."""
    contents = config.trace_contents if config.trace_file else ""
    return Starlette(
        routes=[
            Mount("/api", routes=Api(shelf, contents).routes),
            Mount("/", app=open_pages()),
        ],
        middleware=[Middleware(Sealed), Middleware(Guard, config)],
        exception_handlers={
            ToolgateError: answer_toolgate_error,
            HTTPException: answer_http_error,
        },
    )
