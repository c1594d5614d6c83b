"""What the gateway tells of itself: its models, its health, its counters."""

import asyncio
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from toolgate.apps.serving.models import Models
from toolgate.apps.serving.servers import count_waiting, server_states
from toolgate.apps.serving.service import VERSION, Service
from toolgate.engines.pool.replica import DOWN, ServerState
from toolgate.errors import UnknownModel
from toolgate.wire import anthropic_messages, openai_chat

OK: Final = "ok"
DEAD: Final = "the engine does not answer"
UNFIT: Final = "the engine runs a model that cannot be served"


def about_routes(models: Models) -> list[Route]:
    """`GET /v1/models`, `/v1/models/{id}`, `/health` and `/metrics`."""

    async def list_models(request: Request) -> Response:
        contexts = {name: service.context for name, service in models.listed}
        return _json(_wire(request).encode_models(contexts, created=models.first.started))

    async def one_model(request: Request) -> Response:
        name = request.path_params["name"]
        if (service := models.find_named(name)) is None:
            ours = ", ".join(repr(service.model) for service in models)
            raise UnknownModel(f"There is no model {name!r} here; there is {ours}.")
        wire, created = _wire(request), service.started
        return _json(wire.encode_model(name, created=created, context=service.context))

    async def health(request: Request) -> Response:
        reports = await asyncio.gather(*map(_report, models))
        well = [report for report in reports if report["status"] == OK]
        # One model that answers is reason enough to be sent requests.
        whole = reports[0] if len(reports) == 1 else {"status": OK if well else DEAD}
        listed = {} if len(reports) == 1 else {"models": reports}
        report = {**whole, "version": VERSION, **listed}
        return _json(msgspec.json.encode(report), status=200 if well else 503)

    async def metrics(request: Request) -> Response:
        counted = models.shared.metrics
        states = await asyncio.gather(*map(server_states, models))
        for service, servers in zip(models, states, strict=True):
            counted.look_at(service.model, servers, count_waiting(service))
        return Response(counted.render(), media_type="text/plain; version=0.0.4")

    return [
        Route("/v1/models", list_models),
        Route("/v1/models/{name:path}", one_model),
        Route("/health", health),
        Route("/metrics", metrics),
    ]


async def _report(service: Service) -> dict[str, Any]:
    servers = await server_states(service)
    is_well = any(one.state != DOWN for one in servers)
    return {
        "status": UNFIT if service.failure else OK if is_well else DEAD,
        "model": service.model,
        "dialect": service.dialect.name,
        "context": service.context,
        "servers": _told(servers, service),
        "waiting": count_waiting(service),
    }


def _told(servers: Sequence[ServerState], service: Service) -> list[dict[str, Any]]:
    """Their addresses are for those who have a key: anybody may ask how the gateway is."""
    is_guarded = bool(service.config.api_keys or service.config.api_keys_file)
    told = [msgspec.structs.asdict(one) for one in servers]
    for number, one in enumerate(told, 1):
        one["server"] = f"server {number}" if is_guarded else one["server"]
    return told


def _wire(request: Request) -> ModuleType:
    """Claude Code and Anthropic's SDKs ask for models at the same address, and say who they are."""
    return anthropic_messages if "anthropic-version" in request.headers else openai_chat


def _json(body: bytes, *, status: int = 200) -> Response:
    return Response(body, status_code=status, media_type="application/json")
