"""Calls that are always valid, whatever the engine's grammar holds: one answer, several requests.

What to ask and what may go on is `pipeline.enforcer.steering`'s affair; here are the requests.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from typing import Final

from msgspec.structs import replace

from toolgate.core.chunk import Chunk
from toolgate.engines.engine import Engine, GenerateRequest
from toolgate.engines.stop_strings import StopStrings
from toolgate.errors import ContextOverflow, EngineRefused, InvalidRequest, is_overflow
from toolgate.pipeline.enforcer.call_matcher import compile_call_matcher, find_call_matcher
from toolgate.pipeline.enforcer.steering import MOST_STEERS, Ask, Steering
from toolgate.pipeline.enforcer.target import TARGETS, Target
from toolgate.pipeline.turn import Turn

_FULL: Final = Chunk(finish_reason="length")
"""Where the answer so far has filled the model's context, there is no room for another request: it
ends as any answer does that runs out of it."""


async def open_steering(turn: Turn, engine: Engine, *, most_steers: int = MOST_STEERS) -> Steering:
    """What holds this turn's answer to its constraint; a new grammar is compiled in a thread.

    Raises: InvalidRequest when the tools' schemas are too much for a grammar.
    """
    return await _open(turn, engine, None, most_steers)


async def open_net(turn: Turn, engine: Engine) -> Steering | None:
    """What goes on from where an engine's grammar lets something pass (`needs_net`); None where
    the tools' schemas are too much for it."""
    try:
        return await _open(turn, engine, TARGETS[engine.capabilities.grammar], MOST_STEERS)
    except InvalidRequest:
        return None


async def _open(turn: Turn, engine: Engine, grammar: Target | None, most_steers: int) -> Steering:
    assert turn.constraint is not None
    what = turn.constraint, [*turn.constraint.triggers, *sorted(turn.dialect.special)], grammar
    if (matcher := find_call_matcher(*what)) is None:
        matcher = await asyncio.to_thread(compile_call_matcher, *what)
    return Steering(
        matcher,
        turn.constraint,
        turn.dialect,
        Ask(turn.prompt, turn.options, grammar is not None),
        marker_ids=turn.marker_ids,
        logprobs=engine.capabilities.logprobs,
        most_steers=most_steers,
    )


async def generate_steered(
    engine: Engine, request: GenerateRequest, steering: Steering
) -> AsyncGenerator[Chunk, None]:
    """Chunks of one answer as `Engine.generate` gives them, and of a call only what is valid.

    Closing the generator cancels. A request is sent once the one before it is closed.

    Raises: what `Engine.generate` raises; ModelOutputError when the model was given up.
    """
    assert request.constraint is not None
    stops = _ClientStops(request.options.stop, steering, request.constraint.triggers)
    while not steering.is_done:
        asked = steering.ask()
        held_to = request.constraint if asked.is_held else None
        one = replace(request, prompt=asked.prompt, options=asked.options, constraint=held_to)
        try:
            async with aclosing(engine.generate(one)) as chunks:
                async for chunk in chunks:
                    for proven in stops.cut(steering.feed(chunk)):
                        yield proven
                    if steering.wants_stop:
                        break
        except (ContextOverflow, EngineRefused) as error:
            if not steering.report.requests or not is_overflow(error):
                raise
            for proven in stops.cut(steering.feed(_FULL)):
                yield proven
        for proven in stops.cut(steering.proceed()):
            yield proven
    for proven in stops.cut(steering.finish()):
        yield proven


class _ClientStops:
    """Ends an answer at the client's stop strings; what stands in calls is not searched for them:
    a call that one of them cut would be of no use to anybody."""

    def __init__(self, stops: Iterable[str], steering: Steering, triggers: Sequence[str]) -> None:
        self._stops = StopStrings(stops)
        self._steering = steering
        self._triggers = triggers

    def cut(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """The chunks without what may not, or not yet, go out."""
        for chunk in chunks:
            is_end = chunk.finish_reason is not None or chunk.text in self._triggers
            if is_end and (held := self._stops.finish()):
                yield Chunk(text=held, token_ids=None if chunk.token_ids is None else ())
            if chunk.text in self._triggers:
                self._stops = StopStrings(())
            text = self._stops.feed(chunk.text)
            if self._stops.found:
                self._steering.stop()
            if text or chunk.token_ids or chunk.finish_reason:
                yield replace(chunk, text=text, stop_string=self._stops.found)
