"""`POST /v1/messages` and `/v1/messages/count_tokens`: Anthropic's side of an exchange."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.types import Receive, Scope, Send

from toolgate.apps.http.body import check_json_type, read_body
from toolgate.apps.http.request_limits import check_size
from toolgate.apps.protocols.exchange import Given, Said
from toolgate.apps.serving.models import Models
from toolgate.apps.serving.service import Service
from toolgate.core.chunk import Usage
from toolgate.core.conversation import Conversation
from toolgate.core.events import Event
from toolgate.pipeline.body_repairs import repair_body
from toolgate.pipeline.notes import Notes
from toolgate.wire.anthropic_messages import (
    ResponseHead,
    StreamEncoder,
    decode_count_request,
    decode_request,
    encode_count,
    encode_response,
)


class MessagesExchange:
    """A Messages request, and how to answer it."""

    n = 1

    def __init__(self, body: bytes) -> None:
        """Raises: InvalidRequest, UnsupportedFeature."""
        self._asked = decode_request(body, server_tools="drop")

    @property
    def conversation(self) -> Conversation:
        return self._asked.conversation

    @property
    def model(self) -> str:
        return self._asked.model

    @property
    def stream(self) -> bool:
        return self._asked.stream

    @property
    def unknown(self) -> Sequence[str]:
        return self._asked.unknown

    def open_encoder(self, given: Given) -> "_Encoder":
        return _Encoder(_head(given), display=self._asked.display)

    def encode_whole(self, given: Given, said: Sequence[Said], usage: Usage) -> bytes:
        return encode_response(
            said[0].events, head=_head(given), usage=usage, display=self._asked.display
        )


class _Encoder(StreamEncoder):
    """Anthropic knows neither choices nor log-probabilities."""

    def feed(
        self,
        events: Iterable[Event],
        *,
        choice: int = 0,
        logprobs: Sequence[Mapping[str, Any]] = (),
    ) -> bytes:
        return super().feed(events)


def _head(given: Given) -> ResponseHead:
    return ResponseHead(id=f"msg_{given.id}", model=given.model, input_tokens=given.prompt_tokens)


class CountTokens:
    """The count route, as an ASGI app: it renders what a request would send, and counts."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        config = self._models.config
        check_json_type(scope)
        body = await read_body(scope, receive, limit=config.max_body)
        body, _ = repair_body(body)
        asked = decode_count_request(body, server_tools="drop")
        check_size(asked.conversation, config)

        async def count(service: Service) -> tuple[int, bool]:
            conversation, repairs = await service.make_ready(asked.conversation)
            turn = await service.begin_turn(conversation, Notes(repairs))
            tokens = await service.engine.count_tokens(turn.prompt)
            return tokens, service.engine.capabilities.counts_exactly

        tokens, is_exact = await self._models.ask(asked.model, scope, count)
        answer = encode_count(tokens)
        headers = {b"content-type": b"application/json", b"content-length": b"%d" % len(answer)}
        if not is_exact:
            headers[b"x-toolgate-token-count"] = b"estimate"
        start = {"type": "http.response.start", "status": 200, "headers": list(headers.items())}
        await send(start)
        await send({"type": "http.response.body", "body": answer})
