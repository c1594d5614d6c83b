"""A request in, a whole answer or a stream out, whatever protocol the client speaks.

Streaming and not are one path: the same turns run, and their events are sent or collected. Until
the engine has said something, an error is an HTTP status; after that, a frame in the stream.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from starlette.datastructures import Headers as RequestHeaders
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from toolgate.apps.http.access_log import CLIENT_CLOSED_REQUEST, RequestRecord, record_of, summarize
from toolgate.apps.http.body import check_json_type, read_body
from toolgate.apps.http.disconnect import cancelled_by_disconnect, refused_when_stopped, stop_error
from toolgate.apps.http.failure import status_of
from toolgate.apps.http.request_limits import check_size
from toolgate.apps.http.resends import Key, Resends, identify
from toolgate.apps.http.stream_writer import StreamWriter
from toolgate.apps.protocols.exchange import Encoder, Exchange, Given, Said
from toolgate.apps.serving.choice import Attempt, Choice, Told, enlivened
from toolgate.apps.serving.choices import interleave
from toolgate.apps.serving.loss_watch import Caller, caller_of, key_of
from toolgate.apps.serving.models import Models
from toolgate.apps.serving.recorder import Take
from toolgate.apps.serving.service import Service
from toolgate.apps.serving.tally import Tally, tally
from toolgate.core.chunk import Usage
from toolgate.core.conversation import Options
from toolgate.core.events import Event
from toolgate.engines.engine import Engine
from toolgate.errors import ContextOverflow, EngineError, EngineUnavailable, ToolgateError
from toolgate.pipeline.body_repairs import repair_body
from toolgate.pipeline.finding import FindingKind, name_fallback
from toolgate.pipeline.notes import Notes
from toolgate.pipeline.recall import remember
from toolgate.pipeline.repair import Repair
from toolgate.pipeline.templates.template_renderer import TemplateRenderer
from toolgate.pipeline.tier import Tier
from toolgate.pipeline.turn import Turn

Headers: TypeAlias = dict[bytes, bytes]
Telling: TypeAlias = AsyncGenerator[Told, None]

_JSON: Final[Headers] = {b"content-type": b"application/json"}
_STREAM: Final[Headers] = {
    b"content-type": b"text/event-stream; charset=utf-8",
    b"cache-control": b"no-cache, no-transform",
    b"x-accel-buffering": b"no",  # nginx would hold the stream back (litellm#26102)
}


class _Answer(Struct):
    """One request under way."""

    exchange: Exchange
    given: Given
    choices: Sequence[Choice]
    record: RequestRecord
    headers: Headers


class _Asked(Struct, frozen=True):
    """A request, whoever is going to answer it."""

    exchange: Exchange
    record: RequestRecord
    caller: Caller
    mended: tuple[Repair, ...]
    key: Key | None
    take: Take


class Answering:
    """A route, as an ASGI app; `read` makes an exchange of a request's body."""

    def __init__(self, models: Models, read: Callable[[bytes], Exchange]) -> None:
        self._models = models
        self._config = models.config
        self._shared = models.shared
        self._read = read
        self._resends: Resends[_Answer, Told] = Resends(models.config.resend, _tell)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        check_json_type(scope)
        body = await read_body(scope, receive, limit=self._config.max_body)
        body, mended = repair_body(body)
        record = record_of(scope)
        take = self._shared.recorder.begin(record, body, send)
        try:
            exchange = self._read(body)
            check_size(exchange.conversation, self._config)
            key = identify(scope, body, exchange) if self._resends.on else None
            asked = _Asked(exchange, record, caller_of(scope), mended, key, take)
            await self._handle(asked, scope, receive, take.send)
        except ToolgateError as error:
            record.error = error
            take.fail(status_of(error))
            raise
        except ClientDisconnect:
            take.fail(CLIENT_CLOSED_REQUEST)
            raise
        finally:
            self._shared.recorder.end(take)
            self._shared.telemetry.end(take, RequestHeaders(scope=scope))

    async def _handle(self, asked: _Asked, scope: Scope, receive: Receive, send: Send) -> None:
        exchange, record, caller, take = asked.exchange, asked.record, asked.caller, asked.take
        take.client, take.stream, take.asked_model = caller.name, exchange.stream, exchange.model
        take.conversation = key_of(exchange.conversation, caller) if take.keeps else ""
        last: list[Message] = []
        with refused_when_stopped(record):
            async with cancelled_by_disconnect(receive):
                record.findings = self._shared.losses.find(exchange.conversation, caller)
                last = await self._serve(asked, self._models.chain(exchange.model, scope), send)
        for message in last:
            await send(message)

    async def _serve(self, asked: _Asked, services: Sequence[Service], send: Send) -> list[Message]:
        """By the first model of these that can be reached; all but the last messages are sent."""
        for service, other in pairwise([*services, None]):
            assert service is not None
            try:
                return await self._serve_by(service, asked, send)
            except EngineUnavailable as error:
                if other is None or asked.record.begun:
                    raise
                finding = name_fallback(service.model, other.model, str(error))
                asked.record.findings = (*asked.record.findings, finding)
        raise AssertionError("there is always one model")

    async def _serve_by(self, service: Service, asked: _Asked, send: Send) -> list[Message]:
        """Once more, where an engine that fails turns out to run another model by now."""
        service = await self._models.renewals.ready(service)
        try:
            return await self._answer(await self._prepare(service, asked), asked, send)
        except EngineError:
            if asked.record.begun or not service.engine.doubtful:
                raise
            if (fresh := await self._models.renewals.retried(service)) is None:
                raise
        return await self._answer(await self._prepare(fresh, asked), asked, send)

    async def _answer(self, mine: _Answer, asked: _Asked, send: Send) -> list[Message]:
        """Sends all but the last messages, which it returns."""
        async with self._resends.following(asked.key, mine) as shared:
            answer = _follow(mine, shared.answer, shared.how)
            asked.take.choices = answer.choices
            respond = self._stream if mine.exchange.stream else self._respond_whole
            try:
                last = await respond(answer, shared.told, send)
            finally:
                answer.record.anomalies = _anomalies(answer.choices)
                if shared.how != "joined":
                    answer.record.tally = _tally(answer)
            asked.take.usage = _usage(answer)
            await self._note(answer, asked.caller)
            return last

    async def _note(self, answer: _Answer, caller: Caller) -> None:
        """Before the end is sent, as the client's next request may follow at once."""
        said = [choice.turns[-1].message for choice in answer.choices if choice.turns]
        self._shared.losses.note(answer.exchange.conversation, caller, said)
        await self._shared.memory.put(
            {call_id: turn for message in said for call_id, turn in remember(message).items()}
        )

    async def _prepare(self, service: Service, asked: _Asked) -> _Answer:
        exchange, record = asked.exchange, asked.record
        conversation, repairs = await service.make_ready(exchange.conversation)
        notes = Notes((*asked.mended, *repairs), tuple(record.findings))
        record.unknown_fields, record.model = exchange.unknown, service.model
        turn = await service.begin_turn(conversation, notes)
        record.repairs = [repair.kind.value for repair in turn.notes.repairs]
        answer_id = secrets.token_hex(12)
        prompt_tokens = await service.engine.count_tokens(turn.prompt)
        options = _fit(conversation.options, prompt_tokens, service.context)
        asked.take.look_at(service.engine.capabilities, prompt_tokens)
        return _Answer(
            exchange=exchange,
            given=Given(
                id=answer_id,
                created=int(time.time()),
                model=exchange.model or service.model,
                prompt_tokens=prompt_tokens,
            ),
            choices=[
                self._choice(service.engine, turn, options, f"{answer_id}{choice}", asked.take)
                for choice in range(exchange.n)
            ],
            record=record,
            headers=_summary(b"x-toolgate-repairs", record.repairs)
            | _stand_in(record, service)
            | _tier(turn.tier),
        )

    def _choice(
        self, engine: Engine, turn: Turn, options: Options, choice_id: str, take: Take
    ) -> Choice:
        def make_turn(attempt: Attempt) -> Turn:
            livelier = enlivened(options, attempt.empty)
            return turn.again(f"{choice_id}.{attempt.number}", livelier, attempt.more)

        return Choice(
            make_turn,
            engine,
            aside=isinstance(turn.dialect.render, TemplateRenderer),
            retries=self._config.empty_turn_retries,
            call_retries=self._config.retries_on_invalid_calls,
            began=take.began,
            keeps=take.keeps,
        )

    async def _respond_whole(self, answer: _Answer, told: Telling, send: Send) -> list[Message]:
        events: list[list[Event]] = [[] for _ in answer.choices]
        logprobs: list[list[Mapping[str, Any]]] = [[] for _ in answer.choices]
        async for index, more_events, more_logprobs in told:
            events[index] += more_events
            logprobs[index] += more_logprobs
        said = [Said(*one) for one in zip(events, logprobs, strict=True)]
        body = answer.exchange.encode_whole(answer.given, said, _usage(answer))
        anomalies = _summary(b"x-toolgate-anomalies", _anomalies(answer.choices))
        retries = sum(choice.call_retries for choice in answer.choices)
        tier = _tier(answer.choices[0].turns[0].tier, retries)
        headers = _JSON | answer.headers | tier | anomalies
        headers |= {b"content-length": b"%d" % len(body)}
        start = {"type": "http.response.start", "status": 200, "headers": list(headers.items())}
        return [start, _last(body)]

    async def _stream(self, answer: _Answer, told: Telling, send: Send) -> list[Message]:
        encoder = answer.exchange.open_encoder(answer.given)
        heartbeat = self._config.heartbeat
        writer = StreamWriter(send, encoder, _STREAM | answer.headers, heartbeat=heartbeat)
        try:
            async with writer.beating():
                # In a task of its own, which each chunk wakes without the middleware around it.
                await asyncio.create_task(_pump(told, encoder, writer))
            await writer.open()
            return [_last(encoder.finish(_usage(answer)))]
        except ToolgateError as error:
            if not writer.begun:
                raise
            answer.record.error = error
            return [_last(encoder.fail(error, status=status_of(error)))]
        except asyncio.CancelledError as cancelled:
            if not writer.begun or (stopped := stop_error(cancelled)) is None:
                raise
            answer.record.error = stopped
            return [_last(encoder.fail(stopped, status=status_of(stopped)))]


async def _pump(told: Telling, encoder: Encoder, writer: StreamWriter) -> None:
    async for index, events, logprobs in told:
        frames = encoder.feed(events, choice=index, logprobs=logprobs)
        if frames:
            await writer.write(frames)


def _tell(answer: _Answer) -> Telling:
    said = [choice.run(index) for index, choice in enumerate(answer.choices)]
    return said[0] if len(said) == 1 else interleave(said)


def _follow(mine: _Answer, first: _Answer, how: str) -> _Answer:
    """One's own request with the answer that was begun for its first copy, if there was one."""
    mine.record.resend = how
    headers = mine.headers | ({b"x-toolgate-resend": how.encode()} if how else {})
    return _Answer(
        exchange=mine.exchange,
        given=first.given,
        choices=first.choices,
        record=mine.record,
        headers=headers,
    )


def _fit(options: Options, prompt_tokens: int, context: int | None) -> Options:
    """The options with no more tokens asked for than the context has room for.

    Raises: ContextOverflow when it has room for none.
    """
    if context is None:
        return options
    room = context - prompt_tokens
    if room < 1:
        raise ContextOverflow(prompt_tokens=prompt_tokens, limit=context)
    if options.max_tokens is None or options.max_tokens <= room:
        return options
    return replace(options, max_tokens=room)


def _usage(answer: _Answer) -> Usage:
    """All choices read one prompt: it counts once, as OpenAI counts it."""
    usages = [choice.usage(answer.given.prompt_tokens) for choice in answer.choices]
    return Usage(
        prompt_tokens=usages[0].prompt_tokens,
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cached_tokens=min(usage.cached_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
    )


def _tally(answer: _Answer) -> Tally:
    prompt_tokens = answer.given.prompt_tokens
    return tally(answer.record.model, answer.choices, prompt_tokens=prompt_tokens)


def _anomalies(choices: Iterable[Choice]) -> list[str]:
    return [anomaly.kind.value for choice in choices for anomaly in choice.anomalies]


def _summary(name: bytes, kinds: Iterable[str]) -> Headers:
    """No header where there is nothing to tell."""
    text = summarize(kinds)
    return {name: text.encode()} if text else {}


def _stand_in(record: RequestRecord, service: Service) -> Headers:
    """Which model it is that answers, where it is not the one that was asked for."""
    kinds = [finding.kind for finding in record.findings]
    if FindingKind.FALLBACK_MODEL not in kinds:
        return {}
    return {b"x-toolgate-model": service.model.encode("ascii", "backslashreplace")}


def _tier(tier: Tier | None, retries: int = 0) -> Headers:
    """Who saw to it that calls are valid, and how often it took another answer."""
    if tier is None:
        return {}
    told = f"{tier.value};retries={retries}" if retries else tier.value
    return {b"x-toolgate-tier": told.encode()}


def _last(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body}
