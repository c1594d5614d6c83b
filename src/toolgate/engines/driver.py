"""Where a Turn meets an Engine: how a turn is asked for, and the loop for one that stands alone.

The gateway has a loop of its own, as it may need several turns for one answer
(`apps.serving.choice`).
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from toolgate.core.chunk import Chunk
from toolgate.core.events import Event
from toolgate.core.grammar import Constraint
from toolgate.engines.engine import Engine, GenerateRequest
from toolgate.engines.tape import Tape
from toolgate.pipeline.enforcer.net import find_need, needs_net
from toolgate.pipeline.tier import Tier
from toolgate.pipeline.turn import Turn


async def run(
    turn: Turn, engine: Engine, tape: Tape | None = None
) -> AsyncGenerator[list[Event], None]:
    """Events of one answer as they become certain, the last of them a `Finish`.

    Closing the generator stops the engine. When the engine fails, its error comes through and
    the turn stays unfinished: what it has said so far is in `turn.message`. What was asked and said
    goes onto the `tape`.

    Raises: what `ask` raises.
    """
    tape = tape or Tape(turn)
    async with aclosing(await ask(turn, engine, tape)) as chunks:
        async for chunk in chunks:
            if events := tape.hear(chunk):
                yield events
            if turn.done:
                break
    yield tape.finish()


async def ask(turn: Turn, engine: Engine, tape: Tape) -> AsyncGenerator[Chunk, None]:
    """The chunks of a turn's answer, for the tape to hear; closing the generator stops the engine.

    An engine without grammars is steered, if the turn has a constraint (`engines.steered`), and so
    is one whose grammar says less than the tools' schemas, from the first byte on that breaks them.

    Raises: EngineUnavailable, EngineRefused, EngineProtocolError; of a steered answer also
    InvalidRequest for schemas that are too much, ModelOutputError for a model that is given up.
    """
    if engine.capabilities.prompts != "tokens":
        turn.break_lookalikes()
    request = GenerateRequest(
        prompt=turn.prompt,
        options=turn.options,
        conversation=turn.conversation,
        constraint=turn.constraint,
        markers=sorted(turn.dialect.special),
        stop=turn.dialect.stop,
        tell=tape.send if tape.keeps else None,
    )
    rule = turn.constraint
    if rule is None:
        return engine.generate(request)
    is_steered = _is_steered(turn, rule, engine)
    if not is_steered and not await _needs_net(turn, rule, engine):
        return engine.generate(request)
    from toolgate.engines import steered  # noqa: PLC0415  its matcher's library takes some 4 MB

    opened = steered.open_steering if is_steered else steered.open_net
    steering = await opened(turn, engine)
    if steering is None:
        return engine.generate(request)
    turn.steering = steering.report
    return steered.generate_steered(engine, request, steering)


async def _needs_net(turn: Turn, constraint: Constraint, engine: Engine) -> bool:
    """Whether its grammar, if it is given one, leaves something for a matcher to hold."""
    can = engine.capabilities
    if turn.tier not in (None, Tier.GRAMMAR) or can.prompts == "messages":
        return False
    known = find_need(constraint, can.grammar)
    return await asyncio.to_thread(needs_net, constraint, can.grammar) if known is None else known


def _is_steered(turn: Turn, constraint: Constraint, engine: Engine) -> bool:
    """As whoever opened the turn decided, else where the engine cannot hold its calls itself."""
    if turn.tier is not None:
        return turn.tier is Tier.STEERING
    can = engine.capabilities
    return can.prompts != "messages" and not can.holds(constraint, (turn.marker_ids or {}).values())
